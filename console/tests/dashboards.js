// A dashboard of every kind of chart beside the shop, over rows whose sums are known.

const DAY_MS = 86_400_000;
const COUNTRIES = ["CH", "DE", "FR", "IT", "NL", "SE", "UK", "US"];

/** Sales of the last 60 days, some each hour: the same each time but for the day that it is. */
export function sales() {
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  let state = 17;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const rows = [];
  for (let hour = -60 * 24; hour < 0; hour += 2) {
    const at = today + hour * (DAY_MS / 24);
    const ofDay = 1 + 0.7 * Math.sin(((hour + 1440) % 24) / 24 * 2 * Math.PI - 2);
    const ofTime = 1 + (hour + 1440) / 1440;
    for (const [number, country] of COUNTRIES.entries()) {
      const pieces = 1 + Math.floor(random() * 9);
      const revenue = Math.round(pieces * ofDay * ofTime * (300 / (number + 2)) * (0.7 + random() * 0.6)) / 100;
      rows.push({ sold_at: new Date(at + Math.floor(random() * 7_000_000)).toISOString(), country, revenue, pieces });
    }
  }
  return rows;
}

const STATEMENTS = [
  `CREATE MATERIALIZED VIEW sales_by_day AS
   SELECT CAST(window_start AS DATE) AS sold_on, country, sum(revenue) AS revenue, sum(pieces) AS pieces, count(*) AS orders
   FROM TUMBLE(sales, sold_at, INTERVAL '1 day') GROUP BY window_start, window_end, country`,
  "CREATE MATERIALIZED VIEW sales_in_all AS SELECT count(*) AS orders, sum(revenue) AS revenue, sum(pieces) AS pieces FROM sales",
  `CREATE MATERIALIZED VIEW sales_by_hour AS
   SELECT window_start AS hour, sum(revenue) AS revenue, count(*) AS orders
   FROM TUMBLE(sales, sold_at, INTERVAL '6 hours') GROUP BY window_start, window_end`,
  `CREATE MATERIALIZED VIEW fragile (CONSTRAINT few EXPECT (pieces < 1000) ON VIOLATION FAIL) AS
   SELECT sold_at, country, pieces FROM sales`,
  "CREATE MATERIALIZED VIEW fragile_sums AS SELECT country, sum(pieces) AS pieces FROM fragile GROUP BY country",
  "CREATE CHART orders_in_all AS STAT (VALUE orders, TITLE 'Orders') FROM sales_in_all",
  `CREATE CHART revenue_in_all AS STAT (VALUE revenue, X hour, TITLE 'Revenue of the last hours', UNIT 'EUR') FROM sales_by_hour`,
  `CREATE CHART this_week AS STAT (VALUE this_week, COMPARE last_week, TITLE 'Revenue this week', UNIT 'EUR')
   FROM (SELECT sum(revenue) FILTER (WHERE sold_on >= current_date - INTERVAL '7 days') AS this_week,
                sum(revenue) FILTER (WHERE sold_on < current_date - INTERVAL '7 days') AS last_week
         FROM sales_by_day WHERE sold_on >= current_date - INTERVAL '14 days')`,
  "CREATE CHART pieces_in_all AS STAT (VALUE pieces, TITLE 'Pieces sold') FROM sales_in_all",
  `CREATE CHART revenue_by_day AS BAR (X sold_on, Y revenue, SERIES country, TITLE 'Revenue by day', UNIT 'EUR', STACKED true)
   FROM sales_by_day`,
  `CREATE CHART top_countries AS BAR (X country, Y revenue, TITLE 'Countries', UNIT 'EUR')
   FROM (SELECT country, sum(revenue) AS revenue FROM sales_by_day GROUP BY country ORDER BY revenue DESC)`,
  "CREATE CHART revenue_by_hour AS AREA (X hour, Y revenue, TITLE 'Revenue in six hours', UNIT 'EUR') FROM sales_by_hour",
  `CREATE CHART pieces_by_country AS LINE (X sold_on, Y pieces, SERIES country, TITLE 'Pieces in three countries')
   FROM (SELECT sold_on, country, pieces FROM sales_by_day WHERE country IN ('CH', 'DE', 'US'))`,
  "CREATE CHART sizes AS SCATTER (X pieces, Y revenue, TITLE 'Pieces and revenue of a day', UNIT 'EUR') FROM sales_by_day",
  "CREATE CHART newest_sales AS TABLE (COLUMNS (sold_at, country, pieces, revenue), X sold_at, TITLE 'Newest sales') FROM sales",
  "CREATE CHART pieces_of_country AS BAR (X country, Y pieces) FROM fragile_sums",
  `CREATE DASHBOARD made (
     ROW (orders_in_all, revenue_in_all, this_week, pieces_in_all),
     ROW (revenue_by_day WIDE, top_countries),
     ROW (revenue_by_hour, pieces_by_country),
     ROW (sizes, newest_sales WIDE)
   ) WITH (title = 'The shop', range = '30 days')`,
  "CREATE DASHBOARD frail (ROW (pieces_of_country))",
  "COMMENT ON DASHBOARD made IS 'What was sold, by day, country and hour'",
];

/** Declares it at a node of the shop, with its rows. */
export async function declareDashboards(node) {
  await node.sql("CREATE STREAM sales (sold_at TIMESTAMP NOT NULL, country VARCHAR, revenue DOUBLE, pieces BIGINT) WITH (format = 'json')");
  const rows = sales();
  await node.append("sales", rows);
  for (const statement of STATEMENTS) await node.sql(statement);
  const want = `SELECT orders FROM sales_in_all WHERE orders = ${rows.length}`;
  while ((await node.sql(want).catch(() => [])).length === 0) await new Promise((done) => setTimeout(done, 50));
  return rows;
}
