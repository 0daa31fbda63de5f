-- The highest price of each ten seconds.
CREATE MATERIALIZED VIEW out AS
SELECT window_end, max(price) AS most FROM TUMBLE(bids, date_time, INTERVAL '10 seconds')
GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE;
