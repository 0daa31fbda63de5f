-- Count, sum and mean by auction in windows of ten seconds.
CREATE MATERIALIZED VIEW out AS
SELECT auction, window_end, count(*) AS bids, sum(price) AS total, avg(price) AS mean
FROM TUMBLE(bids, date_time, INTERVAL '10 seconds')
GROUP BY auction, window_start, window_end
EMIT ON WINDOW CLOSE;
