-- Who is told when something is wrong. LOG writes to the node's log; NOTIFY WEBHOOK (URL '…') and EMAIL (…) tell people.
-- What history has is recorded and wakes nobody: an incident that is older than a day is not told.

-- Most of what the shop shows is an error. A minute is looked at as soon as it has rows.
CREATE ALERT shop_is_down
NOTIFY LOG
TIMESTAMP window_start
WITH (resolve_after = '15 minutes', message = 'the shop is down: {errors} of {views} views in a minute are errors')
AS SELECT window_start, views, errors
FROM traffic_by_minute
WHERE errors > 0 AND errors * 2 > views;

-- One product in twenty of a feed can't be right.
CREATE ALERT feed_is_broken
NOTIFY LOG
TIMESTAMP window_start
WITH (message = '{broken} of {products} products of the feed have no price or no category')
AS SELECT window_start,
          count(*) AS products,
          count(*) FILTER (WHERE category IS NULL OR price IS NULL OR price <= 0) AS broken
FROM TUMBLE(product_feed, updated_at, INTERVAL '1 minute')
GROUP BY window_start, window_end
HAVING count(*) FILTER (WHERE category IS NULL OR price IS NULL OR price <= 0) * 20 > count(*);

-- Orders go on coming, and nobody pays: looked at every minute, over whole hours.
CREATE ALERT payments_declined
EVERY '1 minute'
NOTIFY LOG
WITH (message = '{declined} of {attempts} payments were declined in the hour from {window_start} on')
AS SELECT window_start, attempts, declined
FROM payments_by_hour
WHERE window_start >= now() - INTERVAL '2 hours' AND attempts >= 20 AND declined * 2 > attempts;
