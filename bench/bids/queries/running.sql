-- Bids of each auction so far.
CREATE MATERIALIZED VIEW out AS SELECT auction, count(*) AS bids FROM bids GROUP BY auction;
