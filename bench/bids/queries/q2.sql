-- Bids on some auctions.
CREATE MATERIALIZED VIEW out AS SELECT auction, price FROM bids WHERE auction % 123 = 0;
