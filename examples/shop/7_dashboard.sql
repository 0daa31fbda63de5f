-- What the console shows at /dashboards/shop.

CREATE CHART revenue_a_day AS STAT (VALUE revenue, COMPARE before, X sold_on, TITLE 'Revenue, last whole day', UNIT 'EUR')
FROM (
    SELECT sold_on, revenue, lag(revenue) OVER (ORDER BY sold_on) AS before
    FROM yesterday
);

CREATE CHART orders_a_day AS STAT (VALUE orders, COMPARE before, X sold_on, TITLE 'Orders, last whole day')
FROM (
    SELECT sold_on, orders, lag(orders) OVER (ORDER BY sold_on) AS before
    FROM yesterday
);

CREATE CHART conversion AS STAT (VALUE bought, X day, TITLE 'Visits that bought', UNIT '%')
FROM (
    SELECT day, round(100.0 * purchases / visits, 2) AS bought
    FROM conversion_by_day
);

CREATE CHART known_customers AS STAT (VALUE customers, TITLE 'Customers')
FROM (SELECT count(*) AS customers FROM customers);

CREATE CHART revenue_by_day AS BAR (X sold_on, Y revenue, SERIES country, STACKED true, TITLE 'Revenue by day', UNIT 'EUR')
FROM sales_by_day;

CREATE CHART orders_by_hour AS AREA (X window_start, Y orders, TITLE 'Orders by hour')
FROM (SELECT window_start, sum(orders) AS orders FROM revenue_by_hour GROUP BY window_start);

CREATE CHART categories AS BAR (X category, Y revenue, TITLE 'Revenue by category', UNIT 'EUR')
FROM (
    SELECT category, sum(revenue) AS revenue
    FROM categories_by_day
    GROUP BY category
);

CREATE CHART checkouts_by_day AS LINE (X day, Y (checkouts, purchases), TITLE 'Visits that reach the checkout, and buy')
FROM conversion_by_day;

CREATE CHART traffic AS LINE (X hour, Y (views, errors), TITLE 'Views and errors by hour')
FROM (
    SELECT date_trunc('hour', window_start) AS hour, sum(views) AS views, sum(errors) AS errors
    FROM traffic_by_minute
    GROUP BY 1
);

CREATE CHART declined AS LINE (X window_start, Y declined, TITLE 'Declined payments', UNIT '%')
FROM (
    SELECT window_start, round(100.0 * declined / attempts, 1) AS declined
    FROM payments_by_hour
    WHERE attempts >= 20
);

CREATE CHART countries AS BAR (X country, Y orders, TITLE 'Orders by country')
FROM (SELECT country, sum(orders) AS orders FROM sales_by_day GROUP BY country);

CREATE CHART dearest AS TABLE (COLUMNS (ordered_at, country, amount), X ordered_at, TITLE 'Newest large orders')
FROM (SELECT ordered_at, country, amount FROM orders WHERE amount > 1500);

CREATE CHART other_checkout AS LINE (X analysed_at, Y (high, difference, low), TITLE 'What the other checkout adds', UNIT '%')
FROM (
    SELECT analysed_at, 100 * sequential_high AS high, 100 * difference AS difference, 100 * sequential_low AS low
    FROM system.experiment_results
    WHERE experiment = 'checkout' AND metric = 'conversion' AND variant = 'treatment'
);

CREATE CHART suspicious AS TABLE (COLUMNS (paid_at, amount, score), X paid_at, TITLE 'Newest suspicious payments')
FROM (SELECT paid_at, amount, round(score, 2) AS score FROM payments_scored WHERE score > 0.5);

CREATE DASHBOARD shop (
    ROW (revenue_a_day, orders_a_day, conversion, known_customers),
    ROW (revenue_by_day WIDE, categories),
    ROW (orders_by_hour WIDE, countries),
    ROW (checkouts_by_day, declined),
    ROW (traffic, dearest),
    ROW (other_checkout, suspicious)
) WITH (title = 'The shop', range = '30 days');
