-- Bids by auction in the last ten seconds, each two seconds.
CREATE MATERIALIZED VIEW out AS
SELECT auction, count(*) AS num, window_start, window_end
FROM HOP(bids, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')
GROUP BY auction, window_start, window_end
EMIT ON WINDOW CLOSE;
