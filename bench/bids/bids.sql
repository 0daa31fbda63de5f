-- Bids as they arrive: about 290 bytes of JSON each, up to 2 s out of order.
CREATE STREAM bids (
    auction   BIGINT,
    bidder    BIGINT,
    price     BIGINT,
    channel   VARCHAR,
    url       VARCHAR,
    date_time TIMESTAMP NOT NULL,
    extra     VARCHAR,
    WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds'
)
WITH (partitions = 2, format = 'json');

CREATE SOURCE bid_files INTO bids FROM FILES (PATH '${bids}/*.json', FORMAT 'json');
