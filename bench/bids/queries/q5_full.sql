-- The auctions with the most bids in the last ten seconds, each two seconds.
CREATE MATERIALIZED VIEW counted AS
SELECT auction, count(*) AS num, window_start, window_end
FROM HOP(bids, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')
GROUP BY auction, window_start, window_end
EMIT ON WINDOW CLOSE;

CREATE MATERIALIZED VIEW mosts AS
SELECT max(num) AS most, window_start, window_end FROM counted GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE;

CREATE MATERIALIZED VIEW out AS
SELECT c.auction, c.num, c.window_end
FROM counted AS c JOIN mosts AS m
ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.most
EMIT ON WINDOW CLOSE;
