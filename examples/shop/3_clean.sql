-- Visits: views of one visitor without a pause of more than half an hour. A view that was sent twice counts once; one
-- that comes after its visit was closed is in system.dead_letters.
CREATE MATERIALIZED VIEW sessions AS
SELECT visitor_id,
       window_start                                              AS began_at,
       max(viewed_at)                                            AS ended_at,
       window_end                                                AS closed_at,
       count(DISTINCT event_id)                                  AS views,
       count(DISTINCT event_id) FILTER (WHERE page = 'checkout') AS checkouts,
       count(DISTINCT event_id) FILTER (WHERE page = 'thanks')   AS purchases,
       count(DISTINCT event_id) FILTER (WHERE page = 'error')    AS errors
FROM SESSION(page_views, viewed_at, INTERVAL '30 minutes', PARTITION BY visitor_id)
GROUP BY visitor_id, window_start, window_end
EMIT ON WINDOW CLOSE
WITH (format = 'csv');

-- The feed without what can't be right: a product that has no category or no price keeps what it had.
CREATE MATERIALIZED VIEW product_updates (
    CONSTRAINT has_category EXPECT (category IS NOT NULL) ON VIOLATION QUARANTINE,
    CONSTRAINT has_price    EXPECT (price > 0)            ON VIOLATION QUARANTINE
)
WITH (format = 'csv')
AS SELECT * FROM product_feed;

-- Products as they are now.
CREATE MATERIALIZED VIEW products AS
SELECT product_id, category, price, stock, updated_at
FROM (
    SELECT *, row_number() OVER (PARTITION BY product_id ORDER BY updated_at DESC) AS newest
    FROM product_updates
)
WHERE newest = 1;

-- Customers as they are now.
CREATE MATERIALIZED VIEW customers AS
SELECT customer_id, tier, country, city, changed_at
FROM (
    SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY changed_at DESC) AS newest
    FROM customer_changes
)
WHERE newest = 1;

-- What happens in each minute, for those who watch: what the shop shows, and how often it shows an error.
CREATE MATERIALIZED VIEW traffic_by_minute AS
SELECT window_start, window_end, count(*) AS views, count(*) FILTER (WHERE page = 'error') AS errors
FROM TUMBLE(page_views, viewed_at, INTERVAL '1 minute')
GROUP BY window_start, window_end;

-- What each hour brought, also what arrives hours late.
CREATE MATERIALIZED VIEW revenue_by_hour AS
SELECT window_start, country, count(*) AS orders, sum(amount) AS revenue
FROM TUMBLE(orders, ordered_at, INTERVAL '1 hour')
GROUP BY window_start, window_end, country
WITH (lateness = '12 hours');

-- How each hour's attempts to pay ended.
CREATE MATERIALIZED VIEW payments_by_hour AS
SELECT window_start,
       count(*)                                     AS attempts,
       count(*) FILTER (WHERE status = 'declined')  AS declined
FROM TUMBLE(payments, paid_at, INTERVAL '1 hour')
GROUP BY window_start, window_end
WITH (lateness = '12 hours');
