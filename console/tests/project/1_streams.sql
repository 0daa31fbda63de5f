-- What customers buy.
CREATE STREAM orders (
    order_id    BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    category    VARCHAR NOT NULL,
    amount      DECIMAL(10, 2) NOT NULL,
    ordered_at  TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds'
)
PARTITION KEY (customer_id)
WITH (partitions = 3, format = 'json');

-- What they look at.
CREATE STREAM page_views (
    visitor_id BIGINT NOT NULL,
    page       VARCHAR NOT NULL,
    device     VARCHAR,
    viewed_at  TIMESTAMP NOT NULL,
    WATERMARK FOR viewed_at AS viewed_at - INTERVAL '5 seconds'
)
PARTITION KEY (visitor_id)
WITH (partitions = 2, format = 'json');

CREATE SOURCE orders_demo INTO orders
FROM GENERATOR (RATE ${rate}, SEED 7, FIELDS (
    order_id    = 'sequence(100001, 1)',
    customer_id = 'integer(1, 4000)',
    category    = 'choice(''books'' 5, ''garden'' 3, ''kitchen'' 3, ''toys'' 2, ''music'')',
    amount      = 'decimal(-0.50, 240.00, 2)',
    ordered_at  = 'time(''${start}'', ''25 milliseconds'')'
));

CREATE SOURCE page_views_demo INTO page_views
FROM GENERATOR (RATE 180, SEED 11, FIELDS (
    visitor_id = 'integer(1, 90000)',
    page       = 'choice(''/'' 6, ''/search'' 4, ''/product'' 8, ''/cart'' 2, ''/checkout'')',
    device     = 'null(0.05, choice(''phone'' 6, ''desktop'' 3, ''tablet''))',
    viewed_at  = 'time(''${start}'', ''5 milliseconds'')'
));
