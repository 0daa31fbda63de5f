-- Prices in another currency.
CREATE MATERIALIZED VIEW out AS SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bids;
