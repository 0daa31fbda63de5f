-- What the examples of the pages speak of. The tests run each page's statements after these.
CREATE STREAM orders (
    order_id    BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    category    VARCHAR,
    amount      DOUBLE,
    ordered_at  TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds',
    CONSTRAINT sane_amount EXPECT (amount BETWEEN 0 AND 10000) ON VIOLATION QUARANTINE
)
PARTITION KEY (customer_id);

CREATE STREAM clicks (
    visitor VARCHAR NOT NULL,
    page    VARCHAR,
    at      TIMESTAMP NOT NULL,
    WATERMARK FOR at AS at - INTERVAL '10 seconds'
);

CREATE TABLE products (
    product_id BIGINT PRIMARY KEY,
    name       VARCHAR NOT NULL,
    category   VARCHAR,
    price      DECIMAL(10, 2)
);

CREATE MATERIALIZED VIEW revenue AS
SELECT category, sum(amount) AS revenue, count(*) AS orders
FROM orders
GROUP BY category;

CREATE MATERIALIZED VIEW large_orders AS
SELECT order_id, customer_id, amount, ordered_at
FROM orders
WHERE amount > 50;

CREATE MATERIALIZED VIEW daily_revenue PARTITIONED BY (sold_on) REFRESH MANUAL
AS SELECT CAST(ordered_at AS DATE) AS sold_on, sum(amount) AS revenue FROM orders GROUP BY CAST(ordered_at AS DATE);

CREATE STREAM shop_orders (order_id BIGINT NOT NULL, amount DECIMAL(12, 2), ordered_at TIMESTAMP);

INSERT INTO orders VALUES
    (1, 10, 'books', 20.5, '2026-01-01 00:00:10'),
    (2, 11, 'games', 60, '2026-01-01 00:00:50'),
    (3, 10, 'books', -1, '2026-01-01 00:01:05');

INSERT INTO products VALUES
    (1, 'Dune', 'books', 9.90),
    (2, 'Chess', 'games', 24.00);
