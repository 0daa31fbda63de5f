-- Run with `headwater test`. Rows go in, time passes where the test says so, rows are compared.
TEST revenue_counts_each_order_once
GIVEN orders (order_id, customer_id, category, amount, ordered_at) VALUES
    (1, 10, 'books', 20.5, '2026-01-01 00:00:10'),
    (2, 11, 'books', 4.5, '2026-01-01 00:00:50'),
    (3, 10, 'games', 60, '2026-01-01 00:01:05')
EXPECT revenue_by_category VALUES ('books', 2, 25), ('games', 1, 60)
EXPECT revenue_by_minute (window_start, category, revenue) VALUES
    ('2026-01-01 00:00:00', 'books', 25),
    ('2026-01-01 00:01:00', 'games', 60);

TEST an_order_without_an_amount_that_makes_sense_is_a_dead_letter
GIVEN orders (order_id, customer_id, category, amount, ordered_at) VALUES
    (1, 10, 'books', -5, '2026-01-01 00:00:10')
EXPECT revenue_by_category EMPTY
EXPECT DEAD LETTERS OF orders (reason, rule) VALUES ('violation', 'sane_amount');

TEST an_order_that_comes_after_its_minute_is_late
GIVEN orders (order_id, customer_id, category, amount, ordered_at) VALUES
    (1, 10, 'books', 20, '2026-01-01 00:00:10')
THEN TIME '2026-01-01 00:02:00'
GIVEN orders (order_id, customer_id, category, amount, ordered_at) VALUES
    (2, 11, 'books', 5, '2026-01-01 00:00:20')
EXPECT revenue_by_minute (orders, revenue) VALUES (1, 20)
EXPECT DEAD LETTERS OF revenue_by_minute (reason) VALUES ('late');
