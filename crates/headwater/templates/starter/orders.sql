-- Events come in through the log. A row that breaks a rule becomes a dead letter: see system.dead_letters.
CREATE STREAM orders (
    order_id    BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    category    VARCHAR,
    amount      DOUBLE,
    ordered_at  TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds',
    CONSTRAINT sane_amount EXPECT (amount > 0) ON VIOLATION QUARANTINE
) PARTITION KEY (customer_id);

-- Made-up orders, until real ones come.
CREATE SOURCE orders_demo INTO orders FROM GENERATOR (
    RATE ${rate},
    SEED 7,
    FIELDS (
        order_id    = 'sequence(1, 1)',
        customer_id = 'integer(1, 200)',
        category    = 'choice(''books'', ''games'', ''music'')',
        amount      = 'decimal(0, 120, 2)',
        ordered_at  = 'time(''2026-01-01 00:00:00'', ''1 second'')'
    )
);
