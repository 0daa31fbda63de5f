// A relation's page: rows as they come, what it is made of, what went wrong in it and the way back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { Node } from "./node.js";

let node, browser;
before(async () => ([node, browser] = await Promise.all([Node.start(), launch()])));
after(async () => {
  await browser?.close();
  await node?.close();
});

const part = (page, name) => page.getByRole("region", { name, exact: true });

test("a derived stream: rows as they are appended, definition, columns, lineage, rules, operators", async () => {
  const page = await open(browser, node, "/relations/orders_clean");
  await page.getByText("as they are appended").waitFor();
  const newest = part(page, "Latest rows").locator("tbody tr").first();
  const before = await newest.innerText();
  await page.waitForFunction(
    (text) => document.querySelector("[aria-label^='Latest rows of'] tbody tr")?.innerText !== text,
    before,
  );
  await part(page, "Definition").getByText("CREATE MATERIALIZED VIEW").waitFor();
  await part(page, "Columns").getByRole("cell", { name: "DECIMAL(10, 2)" }).waitFor();
  await part(page, "Lineage").getByRole("link", { name: "large_orders" }).waitFor();
  await part(page, "Rules").getByRole("row", { name: /amount_is_positive.*quarantine/i }).waitFor();
  await part(page, "Operators").getByRole("row", { name: /rules/ }).waitFor();
  await part(page, "Dead letters").getByText("violation", { exact: true }).first().waitFor();
  await page.locator("section[aria-label='Rate'] svg path").first().waitFor();
  await close(page);
});

test("a keyed table is asked for again and again", async () => {
  const page = await open(browser, node, "/relations/revenue_by_category");
  await page.getByText("keyed table", { exact: true }).first().waitFor();
  await part(page, "Rows").getByRole("cell", { name: "books" }).waitFor();
  await page.getByText(/holds\s*5 rows/).waitFor();
  await close(page);
});

test("dead letters are told with their reason, and given back to their stream", async () => {
  await node.sql(
    "CREATE STREAM meters (n BIGINT NOT NULL, CONSTRAINT small EXPECT (n < 100) ON VIOLATION QUARANTINE) WITH (format = 'json')",
  );
  await node.append("meters", [{ n: 1 }, { n: 1000 }]);
  const page = await open(browser, node, "/relations/meters");
  const letters = part(page, "Dead letters");
  await letters.getByText("of small", { exact: true }).waitFor();
  await letters.getByText('"n":1000').waitFor();
  await letters.getByRole("button", { name: "Replay…" }).click();
  await letters.getByRole("button", { name: "Replay 1 row" }).click();
  await letters.getByText("REPLAY DEAD LETTERS 1").waitFor();
  await close(page);
});

test("a stream that stopped says why", async () => {
  await node.sql(
    "CREATE STREAM strict (n BIGINT NOT NULL, CONSTRAINT small EXPECT (n < 100) ON VIOLATION FAIL) WITH (format = 'json')",
  );
  await node.append("strict", [{ n: 1 }, { n: 1000 }]);
  const page = await open(browser, node, "/relations/strict");
  await page.getByRole("alert").getByText("ON VIOLATION FAIL, stopped partition 0 at offset 1").waitFor();
  await page.goto(node.url);
  await page.locator('.card.stopped[data-name="strict"]').waitFor();
  await close(page);
});

test("a profile: what the values of each column are like", async () => {
  const page = await open(browser, node, "/relations/orders_clean");
  await page.getByRole("link", { name: "Profile", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "orders_clean" }).waitFor();
  const amount = part(page, "amount");
  await amount.getByText("DECIMAL(10, 2)").waitFor();
  assert.equal(await amount.getByRole("listitem").count(), 20);
  await amount.getByText(/^missing\s*none$/).waitFor();
  const category = part(page, "category");
  await category.getByRole("rowheader", { name: "kitchen" }).waitFor();
  await category.getByText(/^different\s*5$/).waitFor();
  await part(page, "order_id").getByText("each value is there once").waitFor();
  const before = await page.getByText(/^rows\s*[\d,]+$/).innerText();
  await page.waitForTimeout(1000);
  await page.getByRole("button", { name: "Look again" }).click();
  await page.waitForFunction((text) => document.querySelector("dl.figures div")?.innerText !== text, before);
  await page.goto(`${node.url}/relations/nothing/profile`);
  await page.getByRole("alert").getByText("there is no relation nothing").waitFor();
  await close(page);
});

test("a name that nothing has", async () => {
  const page = await open(browser, node, "/relations/nothing%20here");
  await page.getByText("There is no relation nothing here").waitFor();
  await page.goto(`${node.url}/nowhere`);
  await page.getByText("There is no such page").waitFor();
  await close(page);
});
