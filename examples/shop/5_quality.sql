-- What is expected of rows together, beside the rules that each row is held to as it comes.

-- Looked at before the mart is made: it keeps what it had where orders are not as they should be.
CREATE EXPECTATIONS orders_make_sense ON orders (
    column_values_to_be_unique(order_id),
    column_values_to_be_between(amount, 0, 100000, strict_min => true),
    column_values_to_be_in_set(country, ('DE', 'AT', 'CH', 'FR', 'IT', 'ES', 'NL', 'BE', 'GB', 'PL'))
        WITH (mostly = 0.95, severity = 'warning')
)
BEFORE REFRESH OF sales_by_day;

CREATE EXPECTATIONS payments_make_sense ON payments (
    column_values_to_be_unique(payment_id),
    column_values_to_be_in_set(status, ('paid', 'declined')),
    column_values_to_be_between(amount, 0, NULL, strict_min => true)
)
CHECK EVERY '5 minutes';

-- The feed as it comes: of a day on which it was broken, this stays to be seen.
CREATE EXPECTATIONS feed_makes_sense ON product_feed (
    column_values_to_not_be_null(category) WITH (mostly = 0.99),
    column_values_to_not_be_null(price)    WITH (mostly = 0.99),
    column_values_to_be_between(price, 0, NULL, strict_min => true) WITH (mostly = 0.99)
)
CHECK EVERY '5 minutes';

CREATE EXPECTATIONS products_are_whole ON products (
    table_row_count_to_be_between(0, 100000),
    column_values_to_be_unique(product_id),
    column_values_to_not_be_null(category),
    column_values_to_be_between(price, 0, NULL, strict_min => true)
)
CHECK EVERY '5 minutes';

-- Models learn from visits and chargebacks, too: while one of these is not as it should be, none that reads it is trained.
CREATE EXPECTATIONS visits_make_sense ON sessions (
    compound_columns_to_be_unique((visitor_id, began_at)),
    column_values_to_be_between(views, 1, NULL),
    column_pair_values_a_to_be_greater_than_b(closed_at, ended_at)
)
CHECK EVERY '5 minutes';

CREATE EXPECTATIONS chargebacks_make_sense ON chargebacks (
    column_values_to_be_unique(payment_id)
)
CHECK EVERY '5 minutes';
