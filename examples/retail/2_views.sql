-- The sales that make sense. The others are in system.dead_letters, with the rule that they broke.
CREATE MATERIALIZED VIEW sales_clean (
    CONSTRAINT price_is_not_negative EXPECT (UnitPrice >= 0) ON VIOLATION QUARANTINE
)
WITH (format = 'csv')
AS SELECT * FROM sales;

-- What each hour brought, by the time on the invoice.
CREATE MATERIALIZED VIEW revenue_by_hour AS
SELECT window_start, sum(Quantity * UnitPrice) AS revenue, count(*) AS lines
FROM TUMBLE(sales_clean, InvoiceDate, INTERVAL '1 hour')
GROUP BY window_start, window_end;

-- What each country brought so far.
CREATE MATERIALIZED VIEW revenue_by_country AS
SELECT Country, sum(Quantity * UnitPrice) AS revenue, count(*) AS lines, avg(UnitPrice) AS mean_price
FROM sales_clean
GROUP BY Country;
