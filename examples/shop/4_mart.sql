-- The mart: tables of the lake that runs refresh, for those who count days. Any Delta reader reads them.

-- What each day and country brought, with what was paid of it.
CREATE MATERIALIZED VIEW sales_by_day
PARTITIONED BY (sold_on)
REFRESH EVERY '1 minute'
WITH (retries = 3, retry_delay = '10 seconds')
AS
SELECT CAST(ordered_at AS DATE)   AS sold_on,
       orders.country,
       count(*)                   AS orders,
       sum(orders.amount)         AS revenue,
       count(paid.order_id)       AS paid_orders,
       sum(paid.amount)           AS paid_revenue
FROM orders
LEFT JOIN (SELECT order_id, amount FROM payments WHERE status = 'paid') AS paid ON paid.order_id = orders.order_id
GROUP BY CAST(ordered_at AS DATE), orders.country;

-- What each category sold, by day.
CREATE MATERIALIZED VIEW categories_by_day
PARTITIONED BY (sold_on)
REFRESH EVERY '1 minute'
AS
SELECT CAST(ordered_at AS DATE)               AS sold_on,
       products.category,
       sum(order_items.quantity)              AS pieces,
       sum(order_items.quantity * order_items.price) AS revenue
FROM order_items
JOIN products ON products.product_id = order_items.product_id
GROUP BY CAST(ordered_at AS DATE), products.category;

-- How many visits of a day came to the checkout, and how many bought.
CREATE MATERIALIZED VIEW conversion_by_day
PARTITIONED BY (day)
REFRESH EVERY '1 minute'
AS
SELECT CAST(began_at AS DATE)                   AS day,
       count(*)                                 AS visits,
       count(*) FILTER (WHERE checkouts > 0)    AS checkouts,
       count(*) FILTER (WHERE purchases > 0)    AS purchases
FROM sessions
GROUP BY CAST(began_at AS DATE);

-- The last day that was whole, for the dashboard's figures.
CREATE MATERIALIZED VIEW yesterday
REFRESH EVERY '1 minute'
AS
SELECT sold_on, sum(orders) AS orders, sum(revenue) AS revenue
FROM sales_by_day
WHERE sold_on >= (SELECT max(sold_on) FROM sales_by_day) - INTERVAL '2 days'
  AND sold_on < (SELECT max(sold_on) FROM sales_by_day)
GROUP BY sold_on;
