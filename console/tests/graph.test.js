// The graph, the list, the palette: finding a relation and seeing how it fares.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, open, PHONE } from "./browser.js";
import { Node } from "./node.js";

let node, browser;
before(async () => ([node, browser] = await Promise.all([Node.start(), launch()])));
after(async () => {
  await browser?.close();
  await node?.close();
});

test("every relation is a card, and edges tell rate and watermark", async () => {
  const page = await open(browser, node);
  for (const { name } of await node.sql("SELECT name FROM system.relations")) {
    await page.locator(`.card[data-name="${name}"]`).waitFor();
  }
  const edge = page.locator('[data-edge="orders→orders_clean"]');
  await edge.filter({ hasText: /\d\/s.*\d+ s (behind|ahead)/ }).waitFor();
  await page.locator('.card[data-name="orders_clean"]').filter({ hasText: /\d+ dead letter/ }).waitFor();
  await close(page);
});

test("the keyboard goes along the graph and opens a relation", async () => {
  const page = await open(browser, node);
  const focused = () => page.evaluate(() => document.activeElement?.dataset.name);
  await page.locator('.card[data-name="orders_demo"]').focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "orders");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "orders_clean");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "orders_clean", level: 1 }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Graph", level: 1 }).waitFor();
  await close(page);
});

test("the graph is moved and zoomed, and shown whole again", async () => {
  const page = await open(browser, node);
  const card = page.locator('.card[data-name="orders"]');
  await card.waitFor();
  const before = await card.boundingBox();
  await page.getByRole("button", { name: "Closer" }).click();
  const closer = await card.boundingBox();
  assert.ok(closer.width > before.width * 1.2, "zoomed");
  await page.mouse.move(640, 700);
  await page.mouse.down();
  await page.mouse.move(700, 640, { steps: 4 });
  await page.mouse.up();
  const moved = await card.boundingBox();
  assert.deepEqual([moved.x - closer.x, moved.y - closer.y].map(Math.round), [60, -60]);
  await page.getByRole("button", { name: "Show all" }).click();
  assert.ok(Math.abs((await card.boundingBox()).width - before.width) < 1, "as it was");
  await close(page);
});

test("Ctrl-K finds a relation by some of its letters", async () => {
  const page = await open(browser, node);
  await page.locator('.card[data-name="orders"]').waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Relation or page" }).fill("rev min");
  await page.getByRole("option", { name: /revenue_by_minute/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "revenue_by_minute", level: 1 }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/relations/revenue_by_minute");
  await close(page);
});

test("a phone shows a list instead", async () => {
  const page = await open(browser, node, "/", { size: PHONE });
  await page.getByRole("link", { name: /revenue_by_category/ }).filter({ hasText: /\d\/s/ }).first().waitFor();
  assert.equal(await page.locator(".card[data-name]").count(), 0);
  await close(page);
});

test("what a client makes appears by itself", async () => {
  const page = await open(browser, node);
  await page.locator('.card[data-name="orders"]').waitFor();
  await node.sql("CREATE MATERIALIZED VIEW made_later AS SELECT page, count(*) AS views FROM page_views GROUP BY page");
  await page.locator('.card[data-name="made_later"]').waitFor();
  await page.goto(`${node.url}/activity`);
  await page.getByRole("region", { name: "Replays" }).getByRole("link", { name: "made_later" }).waitFor();
  const changes = page.getByRole("region", { name: "Changes" }).first();
  await changes.getByText(/create materialized view made_later non-breaking; replays \d+ rows of history/).waitFor();
  await close(page);
});
