// What is not of the node alone: sinks to files, tables of the lake, files of others, and what has gone wrong with them.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { Node } from "./node.js";
import { declareOutside } from "./outside.js";

let node, browser, folder;
before(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
  folder = await declareOutside(node);
});
after(async () => {
  await browser?.close();
  await node?.close();
  rmSync(folder, { recursive: true, force: true });
});

const part = (page, name) => page.getByRole("region", { name, exact: true });

test("a sink to files: how much it delivered, where to, and from which stream", async () => {
  const page = await open(browser, node, "/relations/large_orders_out");
  await page.getByText(/state\s*running/).waitFor();
  await page.getByText(/delivered since start\s*[1-9]\d* rows?/).waitFor();
  await part(page, "Definition").getByText("CREATE SINK").waitFor();
  await part(page, "Definition").getByText(/INTO FILES/).waitFor();
  await part(page, "Lineage").getByRole("link", { name: "large_orders" }).waitFor();
  assert.equal(await part(page, "Dead letters").count(), 0, "a sink has no rows of its own");
  const [file] = readdirSync(join(folder, "out"));
  const [row] = readFileSync(join(folder, "out", file), "utf8").split("\n");
  assert.ok(JSON.parse(row).amount >= 180);
  await page.goto(node.url);
  await page.locator('[data-edge="large_orders→large_orders_out"]').waitFor();
  await close(page);
});

test("a sink that is switched off says that it does not run", async () => {
  await node.sql("ALTER SINK switched_out SET (enabled = false)");
  const page = await open(browser, node, "/relations/switched_out");
  await page.getByText(/state\s*not running/).waitFor();
  await close(page);
});

test("a sink that can't deliver says why, on its page and in the graph", async () => {
  const page = await open(browser, node, "/relations/nobody_there");
  await page.getByText("It can't deliver for now, and tries again").waitFor();
  await page.getByText("tries again", { exact: true }).first().waitFor();
  await page.goto(node.url);
  await page.locator('.card[data-name="nobody_there"]').getByText("tries again").waitFor();
  await close(page);
});

test("a table of the lake shows its rows, and those that come", async () => {
  const page = await open(browser, node, "/relations/customers");
  await page.getByText("table", { exact: true }).first().waitFor();
  const rows = part(page, "Rows");
  await rows.getByRole("cell", { name: "Zoë" }).waitFor();
  assert.equal(await part(page, "Dead letters").count(), 0, "nothing of a table is a dead letter");
  await part(page, "Columns").getByRole("cell", { name: "customer_id" }).waitFor();
  await node.sql("INSERT INTO customers VALUES (4, 'Dora', NULL)");
  await rows.getByRole("cell", { name: "Dora" }).waitFor();
  await rows.getByRole("cell", { name: "NULL" }).first().waitFor();
  await node.sql("DELETE FROM customers WHERE customer_id = 4");
  await rows.getByRole("cell", { name: "Dora" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Query" }).click();
  await page.locator(".cm-content").getByText("customers").waitFor();
  await page.keyboard.press("Control+Enter");
  await page.getByRole("table", { name: "Result" }).getByRole("cell", { name: "Bob" }).waitFor();
  await close(page);
});

test("an external table shows what its files hold now, and says when they are gone", async () => {
  const page = await open(browser, node, "/relations/suppliers");
  await page.getByText("external table", { exact: true }).first().waitFor();
  const rows = part(page, "Rows");
  await rows.getByRole("cell", { name: "Nordic Paper" }).waitFor();
  const file = join(folder, "suppliers.csv");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, `${text}4,Late Ltd,2.25\n`);
  await rows.getByRole("cell", { name: "Late Ltd" }).waitFor();
  rmSync(file);
  await rows.getByRole("alert").waitFor();
  writeFileSync(file, text);
  await rows.getByRole("cell", { name: "Nordic Paper" }).waitFor();
  await close(page);
});

test("a plain view over tables and streams is asked like a table", async () => {
  const page = await open(browser, node, "/relations/customers_by_city");
  await part(page, "Rows").getByRole("cell", { name: "Oslo" }).waitFor();
  await part(page, "Lineage").getByRole("link", { name: "customers" }).waitFor();
  await close(page);
});
