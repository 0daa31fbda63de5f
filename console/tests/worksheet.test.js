// The worksheet: writing SQL, and what comes of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { Node } from "./node.js";

let node, browser;
before(async () => ([node, browser] = await Promise.all([Node.start(), launch()])));
after(async () => {
  await browser?.close();
  await node?.close();
});

/** A worksheet with `text` in it, the cursor at its end. */
async function write(text) {
  const page = await open(browser, node, "/worksheet");
  await page.locator(".cm-content").click();
  await page.keyboard.insertText(text);
  return page;
}

const status = (page) => page.locator(".result .status");

test("Ctrl-Enter runs the statement at the cursor; its rows are a table, a chart and a file", async () => {
  const query = "SELECT category, count(*) AS orders FROM orders GROUP BY category ORDER BY category";
  const page = await write(`SELECT 1 AS other;\n\n${query}`);
  await page.keyboard.press("Control+Enter");
  await status(page).getByText(/^5 rows in \d/).waitFor();
  await page.getByRole("table", { name: "Result" }).getByRole("cell", { name: "books" }).waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  assert.match(readFileSync(await file.path(), "utf8"), /^category,orders\r\nbooks,\d+\r\n/);
  await page.getByRole("button", { name: "Chart" }).click();
  await page.locator(".result .rows").getByRole("rowheader", { name: "books" }).waitFor();
  await close(page);
});

test("names of the catalog are completed", async () => {
  const page = await write("SELECT * FROM ");
  await page.keyboard.type("revenue_by_m");
  await page.locator(".cm-tooltip-autocomplete").getByText("revenue_by_minute").waitFor();
  // An option is taken only once it has been there to be read.
  await page.waitForTimeout(200);
  await page.keyboard.press("Enter");
  await page.keyboard.type(" WHERE categ");
  await page.locator(".cm-tooltip-autocomplete").getByText("category", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  assert.match(await page.locator(".cm-content").innerText(), /FROM revenue_by_minute WHERE categ/);
  await close(page);
});

test("an error stands at its place, with the hint", async () => {
  const page = await write("SELECT 1 AS fine;\n\nSELECT *\nFROM orderz");
  await page.keyboard.press("Control+Enter");
  const problem = page.getByRole("alert");
  await problem.getByText("there is no relation orderz").waitFor();
  await problem.getByText("Hint: did you mean orders?").waitFor();
  await problem.getByText("line 4, column 6").waitFor();
  assert.equal(await page.locator(".cm-lintRange-error").innerText(), "orderz");
  await close(page);
});

test("only the rows in sight are in the page", async () => {
  const page = await write("SELECT a.page, b.order_id FROM page_views a CROSS JOIN orders b LIMIT 20000");
  await page.keyboard.press("Control+Enter");
  await status(page).getByText(/^20,000 rows in/).waitFor();
  const grid = page.getByRole("table", { name: "Result" });
  assert.ok((await grid.getByRole("row").count()) < 80);
  await grid.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await grid.locator('[aria-rowindex="20001"]').waitFor();
  await close(page);
});

test("a statement that gives no rows says what it did, and what it made can be asked", async () => {
  const page = await write("CREATE MATERIALIZED VIEW by_device AS SELECT device, count(*) AS n FROM page_views GROUP BY device");
  await page.keyboard.press("Control+Enter");
  await status(page).getByText("CREATE MATERIALIZED VIEW").waitFor();
  await page.getByRole("link", { name: /by_device/ }).first().waitFor();
  await close(page);
});

test("a stream is watched as rows are appended, until it is stopped", async () => {
  const page = await open(browser, node, "/worksheet");
  await page.getByLabel("Watch a stream").selectOption("page_views");
  await status(page).getByText("live").waitFor();
  await page.getByRole("table", { name: "Result" }).locator('[aria-rowindex="12"]').waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await status(page).getByText(/\d rows/).waitFor();
  await close(page);
});

test("a query that runs long is seen and cancelled among the activity", async () => {
  const page = await write("SELECT sum(value) FROM generate_series(1, 20000000000)");
  await page.keyboard.press("Control+Enter");
  const other = await open(browser, node, "/activity");
  const row = other.getByRole("region", { name: "Queries" }).getByRole("row", { name: /generate_series/ });
  await row.getByText("running").waitFor();
  await row.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("alert").getByText(/cancel/).first().waitFor();
  await close(other);
  await close(page);
});

test("statements that ran are kept for the next visit", async () => {
  const page = await write("SELECT 41 + 1 AS answer");
  await page.keyboard.press("Control+Enter");
  await status(page).getByText(/^1 row in/).waitFor();
  await page.reload();
  await page.locator(".cm-content").getByText("answer").waitFor();
  await page.getByRole("button", { name: "History" }).click();
  await page.getByRole("complementary", { name: "History" }).getByText("SELECT 41 + 1 AS answer").waitFor();
  await close(page);
});
