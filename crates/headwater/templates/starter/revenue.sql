-- Kept equal to its query as orders come.
CREATE MATERIALIZED VIEW revenue_by_category AS
SELECT category, count(*) AS orders, sum(amount) AS revenue
FROM orders
GROUP BY category;

-- One row a minute and category, by the orders' own time.
CREATE MATERIALIZED VIEW revenue_by_minute AS
SELECT window_start, category, sum(amount) AS revenue, count(*) AS orders
FROM TUMBLE(orders, ordered_at, INTERVAL '1 minute')
GROUP BY window_start, window_end, category;
