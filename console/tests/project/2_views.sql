-- Orders that make sense; the others are dead letters.
CREATE MATERIALIZED VIEW orders_clean (
    CONSTRAINT amount_is_positive EXPECT (amount > 0) ON VIOLATION QUARANTINE,
    CONSTRAINT amount_is_usual EXPECT (amount < 200) ON VIOLATION WARN
)
AS SELECT * FROM orders;

CREATE MATERIALIZED VIEW large_orders AS
SELECT order_id, customer_id, amount, ordered_at
FROM orders_clean
WHERE amount >= 180;

CREATE MATERIALIZED VIEW revenue_by_category AS
SELECT category, sum(amount) AS revenue, count(*) AS orders, avg(amount) AS mean_amount
FROM orders_clean
GROUP BY category;

CREATE MATERIALIZED VIEW revenue_by_minute AS
SELECT window_start, category, sum(amount) AS revenue, count(*) AS orders
FROM TUMBLE(orders_clean, ordered_at, INTERVAL '1 minute')
GROUP BY window_start, window_end, category;

CREATE MATERIALIZED VIEW views_by_page AS
SELECT window_start, page, count(*) AS views
FROM TUMBLE(page_views, viewed_at, INTERVAL '10 seconds')
GROUP BY window_start, window_end, page
EMIT ON WINDOW CLOSE;

CREATE MATERIALIZED VIEW devices AS
SELECT device, count(*) AS views
FROM page_views
GROUP BY device;
