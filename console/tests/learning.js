// Features, models and experiments beside the shop, for tests that look at them.

const DAY_S = 86_400;

/** `days` ago, as SQL has it, where that may be an expression. */
const ago = (days) => `to_timestamp_seconds(${Math.floor(Date.now() / 1000)} - (${days}) * ${DAY_S})`;

const STATEMENTS = [
  // Who visits seldom leaves, but for those with the big plan.
  "CREATE TABLE visits (id BIGINT PRIMARY KEY, visits BIGINT, plan VARCHAR, gone BOOLEAN, at TIMESTAMP)",
  `INSERT INTO visits SELECT n, n % 20, CASE WHEN n % 3 = 0 THEN 'big' ELSE 'small' END, n % 20 < 8 AND n % 3 <> 0,
     to_timestamp_seconds(1767225600 + n * 60) FROM generate_series(1, 1000) AS g (n)`,
  `CREATE MODEL churn PREDICT gone USING gradient_boosted_trees WITH (trees = 20, exclude = 'id', seed = 7)
     RETRAIN EVERY '1 day' PROMOTE WHEN (auc > champion.auc) AS SELECT * FROM visits`,
  "TRAIN MODEL churn",
  // Frozen by a row that nobody expected.
  "CREATE TABLE bills (visits BIGINT, paid DOUBLE, at TIMESTAMP)",
  "INSERT INTO bills SELECT visits, 3 * visits + id % 4, at FROM visits",
  "CREATE EXPECTATIONS sane_bills ON bills (column_values_to_be_between(visits, 0, 100)) CHECK MANUAL",
  "CREATE MODEL bill PREDICT paid USING linear_regression RETRAIN MANUAL AS SELECT visits, paid, at FROM bills",
  "TRAIN MODEL bill",
  "INSERT INTO bills VALUES (900, 1, now())",
  // Those who get free shipping pay more.
  "CREATE TABLE bought (customer BIGINT, amount DOUBLE, at TIMESTAMP)",
  `CREATE EXPERIMENT free_shipping UNIT customer VARIANTS (control, treatment) METRICS (
     revenue MEAN (amount) FROM bought TIMESTAMP at CUPED '30 days' DETECT 5%,
     dear PROPORTION (amount > 15) FROM bought TIMESTAMP at,
     size RATIO (amount / 1) FROM bought TIMESTAMP at GUARDRAIL 2%)
   ANALYZE EVERY '1 hour' WITH (planned_units = 1000)`,
  `INSERT INTO exposures.free_shipping (unit, variant, exposed_at)
     SELECT value, ASSIGN('free_shipping', value), ${ago("value % 10 + 1")} FROM generate_series(1, 1000)`,
  `INSERT INTO bought SELECT value, 9 + value % 7, now() - INTERVAL '20 days' FROM generate_series(1, 1000)
     UNION ALL SELECT value, 10 + value % 7 + value * 13 % 5 + CASE ASSIGN('free_shipping', value) WHEN 'treatment' THEN 2 ELSE 0 END, now() FROM generate_series(1, 1000)`,
  "ANALYZE EXPERIMENT free_shipping",
  "ANALYZE EXPERIMENT free_shipping",
  // Something chose among those who saw it.
  "CREATE TABLE seen (customer BIGINT, arm VARCHAR, at TIMESTAMP)",
  `INSERT INTO seen SELECT value, CASE WHEN value % 5 < 2 THEN 'old' ELSE 'new' END, ${ago("value % 10")} FROM generate_series(1, 1000)`,
  `CREATE EXPERIMENT new_page UNIT customer VARIANTS (old, new) EXPOSURES FROM seen (VARIANT arm TIMESTAMP at)
     METRICS (revenue MEAN (amount) FROM bought TIMESTAMP at) ANALYZE MANUAL WITH (looks = 'once')`,
  "ANALYZE EXPERIMENT new_page",
  "CREATE STREAM paid (customer VARCHAR NOT NULL, amount BIGINT, at TIMESTAMP NOT NULL, WATERMARK FOR at AS at) PARTITION KEY (customer)",
  `CREATE FEATURE VIEW spending ENTITY (customer) TIMESTAMP last_at TTL '30 days'
     AS SELECT customer, max(at) AS last_at, count(*) AS payments, sum(amount) AS spent FROM paid GROUP BY customer`,
  ...[1, 2, 3, 4, 5].map((day) => `INSERT INTO paid VALUES ('ann', ${day * 7}, ${ago(6 - day)}), ('bob', ${day}, ${ago(6 - day)})`),
  `CREATE MODEL payment PREDICT amount USING linear_regression RETRAIN MANUAL AS
     SELECT p.amount, p.at, f.payments, f.spent FROM paid AS p LEFT JOIN spending FOR SYSTEM_TIME AS OF p.at AS f ON f.customer = p.customer`,
];

/** Declares them at a node, with rows, versions and results. */
export async function declareLearning(node) {
  for (const statement of STATEMENTS) await node.sql(statement);
  // Its expectations are not met any more: it stays held.
  await node.sql("TRAIN MODEL bill").catch(() => {});
}
