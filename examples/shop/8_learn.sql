-- What is known of people as of any time, what is learnt from it, and how it says something of what happens now.

-- What a visitor's visits were like so far.
CREATE FEATURE VIEW habits
ENTITY (visitor_id)
TIMESTAMP last_seen_at
TTL '60 days'
AS
SELECT visitor_id,
       max(ended_at)                                   AS last_seen_at,
       min(began_at)                                   AS first_seen_at,
       count(*)                                        AS visits,
       count(*) FILTER (WHERE purchases > 0)           AS bought,
       max(closed_at) FILTER (WHERE purchases > 0)     AS last_bought_at
FROM sessions
GROUP BY visitor_id;

-- How a customer has paid so far.
CREATE FEATURE VIEW wallets
ENTITY (customer_id)
TIMESTAMP last_paid_at
AS
SELECT customer_id,
       max(paid_at)                                    AS last_paid_at,
       count(*)                                        AS attempts,
       count(*) FILTER (WHERE status = 'declined')     AS declined,
       avg(CAST(amount AS DOUBLE))                     AS usual_amount,
       last_value(device ORDER BY paid_at)             AS last_device
FROM payments
GROUP BY customer_id;

-- A visit with what was known when it was over: of the habits, now and when something was bought last, and of what was
-- declined in it.
CREATE VIEW visits_as_known AS
SELECT s.visitor_id, s.closed_at, s.views,
       s.errors > 0                                    AS met_error,
       h.visits, h.bought,
       extract(epoch FROM s.ended_at - h.first_seen_at) / 86400 / h.visits   AS days_a_visit,
       extract(epoch FROM s.closed_at - h.last_bought_at) / 86400            AS days_since_bought,
       h.visits - coalesce(then.visits, 0)                                   AS visits_since_bought,
       coalesce(now.declined, 0) - coalesce(before.declined, 0)              AS declined_now
FROM sessions AS s
LEFT JOIN habits  FOR SYSTEM_TIME AS OF s.closed_at      AS h      ON h.visitor_id = s.visitor_id
LEFT JOIN habits  FOR SYSTEM_TIME AS OF h.last_bought_at AS then   ON then.visitor_id = s.visitor_id
LEFT JOIN wallets FOR SYSTEM_TIME AS OF s.began_at       AS before ON before.customer_id = s.visitor_id
LEFT JOIN wallets FOR SYSTEM_TIME AS OF s.closed_at      AS now    ON now.customer_id = s.visitor_id;

-- Who comes often is gone if nothing is seen of them for thirty days.
CREATE MODEL churn PREDICT gone
USING gradient_boosted_trees WITH (trees = 60, leaves = 8, learning_rate = 0.08, time_column = 'closed_at',
    exclude = 'visitor_id', threshold = 0.05)
RETRAIN EVERY '1 day'
PROMOTE WHEN (auc > 0.55)
AS
SELECT * EXCLUDE (next_at), next_at IS NULL OR next_at > closed_at + INTERVAL '30 days' AS gone
FROM (
    SELECT *, lead(closed_at) OVER (PARTITION BY visitor_id ORDER BY closed_at) AS next_at
    FROM visits_as_known
)
WHERE visits >= 3 AND days_a_visit < 3
  AND closed_at < (SELECT max(closed_at) FROM sessions) - INTERVAL '30 days';

-- A payment with what was known of the customer before it.
CREATE VIEW payments_as_known AS
SELECT p.payment_id, p.paid_at, p.status, p.method, p.country, p.card_country, p.device,
       CAST(p.amount AS DOUBLE)                        AS amount,
       p.card_country <> p.country                     AS from_elsewhere,
       p.device <> w.last_device                       AS other_device,
       coalesce(w.attempts, 0)                         AS attempts,
       w.declined,
       CAST(p.amount AS DOUBLE) / w.usual_amount       AS times_as_usual,
       extract(epoch FROM p.paid_at - w.last_paid_at)  AS seconds_since
FROM payments AS p
ASOF JOIN wallets AS w MATCH_CONDITION (p.paid_at > w.last_paid_at) ON w.customer_id = p.customer_id;

-- What was paid and charged back was fraud. It takes up to three weeks to be known.
CREATE MODEL fraud PREDICT charged_back
USING gradient_boosted_trees WITH (trees = 60, leaves = 16, time_column = 'paid_at', exclude = 'payment_id, status')
RETRAIN EVERY '1 day'
PROMOTE WHEN (auc > 0.9)
AS
SELECT p.*, c.payment_id IS NOT NULL AS charged_back
FROM payments_as_known AS p LEFT JOIN chargebacks AS c ON c.payment_id = p.payment_id
WHERE p.status = 'paid' AND p.paid_at < (SELECT max(paid_at) FROM payments) - INTERVAL '21 days';

-- Each payment with how likely it is fraud, by the model of the moment. Those that came before there was one have no score
-- until ALTER MATERIALIZED VIEW payments_scored RESET.
CREATE MATERIALIZED VIEW payments_scored AS
SELECT payment_id, paid_at, amount, score, model_version
FROM ML_PREDICT(payments_as_known, fraud)
EMIT ON WINDOW CLOSE
WITH (format = 'csv');

-- What people who look at the same things have looked at. A look counts once, and as of when it was the first: what is
-- judged is whether somebody goes on to what they did not know. Then all of it is learnt, so that whoever is new has some.
CREATE MODEL recommendations PREDICT product_id
USING matrix_factorization WITH (user_column = 'visitor_id', factors = 8, time_column = 'first_seen_at', refit = true)
RETRAIN EVERY '1 day'
PROMOTE WHEN (recall_at_10 > popularity_recall_at_10)
AS
SELECT visitor_id, product_id, min(viewed_at) AS first_seen_at
FROM page_views
WHERE product_id IS NOT NULL
GROUP BY visitor_id, product_id;
