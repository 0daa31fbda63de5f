// Sinks, tables and files of others beside the shop, for tests that look at them.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Declares them at a node of the shop; the folder that it returns holds their files. */
export async function declareOutside(node) {
  const folder = mkdtempSync(join(tmpdir(), "headwater-outside-"));
  writeFileSync(join(folder, "suppliers.csv"), "supplier_id,name,rating\n1,Nordic Paper,4.5\n2,Wood & Sons,3.75\n3,,5.0\n");
  const statements = [
    `CREATE SINK large_orders_out FROM large_orders INTO FILES (PATH '${folder}/out', INTERVAL '1 second')`,
    `CREATE SINK switched_out FROM large_orders INTO FILES (PATH '${folder}/switched', INTERVAL '1 second')`,
    "CREATE SINK nobody_there FROM large_orders INTO HTTP (URL 'http://127.0.0.1:9/', INTERVAL '1 second')",
    "CREATE TABLE customers (customer_id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, city VARCHAR)",
    "INSERT INTO customers VALUES (1, 'Zoë', 'Oslo'), (2, 'Bob', 'Rome'), (3, 'Ann', 'Oslo')",
    "COMMENT ON TABLE customers IS 'Who has bought something, as the shop writes it down.'",
    `CREATE EXTERNAL TABLE suppliers STORED AS CSV LOCATION '${folder}/suppliers.csv'`,
    "CREATE VIEW customers_by_city AS SELECT city, count(*) AS customers FROM customers GROUP BY city",
  ];
  for (const statement of statements) await node.sql(statement);
  return folder;
}
