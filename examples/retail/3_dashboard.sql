-- What the console shows at /dashboards/retail. Times are those of the invoices, long ago.
CREATE CHART revenue AS STAT (VALUE revenue, TITLE 'Revenue', UNIT 'GBP')
FROM (SELECT sum(revenue) AS revenue FROM revenue_by_country);

CREATE CHART lines AS STAT (VALUE lines, TITLE 'Lines of invoices')
FROM (SELECT sum(lines) AS lines FROM revenue_by_country);

CREATE CHART last_month AS STAT (VALUE revenue, COMPARE before, X month, TITLE 'Last month', UNIT 'GBP')
FROM (
    SELECT month, revenue, lag(revenue) OVER (ORDER BY month) AS before
    FROM (SELECT date_trunc('month', window_start) AS month, sum(revenue) AS revenue FROM revenue_by_hour GROUP BY 1)
);

CREATE CHART countries AS STAT (VALUE countries, TITLE 'Countries')
FROM (SELECT count(*) AS countries FROM revenue_by_country);

CREATE CHART revenue_by_week AS BAR (X week, Y revenue, TITLE 'Revenue by week', UNIT 'GBP')
FROM (
    SELECT date_trunc('week', window_start) AS week, sum(revenue) AS revenue
    FROM revenue_by_hour
    GROUP BY 1
);

CREATE CHART abroad AS BAR (X country, Y revenue, TITLE 'Revenue abroad', UNIT 'GBP')
FROM (
    SELECT country, revenue
    FROM revenue_by_country
    WHERE country <> 'United Kingdom'
    ORDER BY revenue DESC
    LIMIT 8
);

CREATE CHART lines_by_day AS LINE (X day, Y lines, TITLE 'Lines by day')
FROM (SELECT date_trunc('day', window_start) AS day, sum(lines) AS lines FROM revenue_by_hour GROUP BY 1);

CREATE CHART hours AS BAR (X hour, Y revenue, TITLE 'Revenue by the hour of the day', UNIT 'GBP')
FROM (
    SELECT CAST(date_part('hour', window_start) AS INT) AS hour, sum(revenue) AS revenue
    FROM revenue_by_hour
    GROUP BY 1
);

CREATE DASHBOARD retail (
    ROW (revenue, last_month, lines, countries),
    ROW (revenue_by_week WIDE, abroad),
    ROW (lines_by_day, hours)
) WITH (title = 'A shop''s sales');
