-- Every bid as it is.
CREATE MATERIALIZED VIEW out AS SELECT auction, bidder, price, date_time, extra FROM bids;
