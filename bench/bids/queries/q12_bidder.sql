-- Bids of each bidder in ten seconds.
CREATE MATERIALIZED VIEW out AS
SELECT bidder, window_end, count(*) AS bids FROM TUMBLE(bids, date_time, INTERVAL '10 seconds')
GROUP BY bidder, window_start, window_end
EMIT ON WINDOW CLOSE;
