-- Half of all people get the other checkout. Do more of them buy?

-- A visitor reaches the checkout several times: what is counted of each is how often, and how often that ended in an order.
CREATE VIEW checkouts AS
SELECT visitor_id, 1 AS reached, 0 AS bought, exposed_at AS at FROM exposures
UNION ALL
SELECT customer_id, 0, 1, ordered_at FROM orders;

-- The shop draws who gets which, and says so in exposures.
CREATE EXPERIMENT checkout
UNIT visitor_id
VARIANTS (control, treatment)
EXPOSURES FROM exposures (VARIANT variant TIMESTAMP exposed_at)
METRICS (
    conversion RATIO (bought / reached) FROM checkouts TIMESTAMP at DETECT 5%,
    revenue    MEAN (amount) FROM orders UNIT customer_id TIMESTAMP ordered_at GUARDRAIL 5%
)
ANALYZE EVERY '5 minutes';
