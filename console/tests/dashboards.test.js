// Dashboards: what SQL says is what they show, soon after it changes, for the times that were chosen.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { declareDashboards } from "./dashboards.js";
import { Node } from "./node.js";

let node, browser;
before(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
  await declareDashboards(node);
});
after(async () => {
  await browser?.close();
  await node?.close();
});

const part = (page, name) => page.getByRole("region", { name, exact: true });
/** Charts are asked for when they come in sight. */
const seen = async (locator) => {
  await locator.scrollIntoViewIfNeeded();
  return locator;
};
/** As a figure that stands alone is told. */
const round = (value) => new Intl.NumberFormat("en", { maximumFractionDigits: value < 1000 ? 2 : 0 }).format(value);
const plain = (value) => new Intl.NumberFormat("en", { maximumFractionDigits: 2 }).format(value);

/** Counts the questions of charts, and how many of one chart are unanswered at a time at most. */
function watch(page, delay_ms = 0) {
  const seen = { asked: 0, most: 0, last: "" };
  const open = new Map();
  void page.route("**/v1/sql?*", async (route) => {
    const text = route.request().postData() ?? "";
    // What asks for the day is asked again now and then, whatever the rows do.
    if (!text.includes("AS drawn") || text.includes("current_date")) return await route.continue();
    seen.asked += 1;
    seen.last = text;
    const count = (open.get(text) ?? 0) + 1;
    open.set(text, count);
    seen.most = Math.max(seen.most, count);
    if (delay_ms > 0) await new Promise((done) => setTimeout(done, delay_ms));
    await route.continue().catch(() => {});
    open.set(text, open.get(text) - 1);
  });
  return seen;
}

test("a dashboard is found, and shows what SQL says", async () => {
  const page = await open(browser, node);
  await page.getByRole("link", { name: "Dashboards" }).click();
  await page.getByRole("link", { name: /The shop/ }).click();
  await page.getByRole("heading", { name: "The shop", level: 1 }).waitFor();
  const [{ orders, pieces }] = await node.sql("SELECT orders, pieces FROM sales_in_all");
  await part(page, "Orders").getByText(plain(orders), { exact: true }).waitFor();
  await part(page, "Pieces sold").getByText(plain(pieces), { exact: true }).waitFor();
  const [top] = await node.sql("SELECT country, sum(revenue) AS revenue FROM sales_by_day GROUP BY 1 ORDER BY 2 DESC LIMIT 1");
  const first = part(page, "Countries").getByRole("row").first();
  await first.getByRole("rowheader", { name: top.country }).waitFor();
  await first.getByText(round(top.revenue), { exact: true }).waitFor();
  const [last] = await node.sql("SELECT revenue FROM sales_by_hour ORDER BY hour DESC LIMIT 1");
  await part(page, "Revenue in six hours").getByRole("img", { name: `last ${plain(last.revenue)} EUR` }).waitFor();
  const [sale] = await node.sql("SELECT sold_at FROM sales ORDER BY sold_at DESC LIMIT 1");
  const newest = (await seen(part(page, "Newest sales"))).getByRole("row").nth(1);
  await newest.getByText(sale.sold_at.replace("T", " ").replace("Z", ""), { exact: true }).waitFor();
  // Five series, and one for all the others.
  await part(page, "Revenue by day").getByText("3 others").waitFor();
  await close(page);
});

test("a row that comes is shown at once, and nothing is asked while none comes", async () => {
  const page = await open(browser, node, "/dashboards/made");
  const [{ orders }] = await node.sql("SELECT orders FROM sales_in_all");
  await part(page, "Orders").getByText(plain(orders), { exact: true }).waitFor();
  const asked = watch(page);
  // All charts have what they asked for in the beginning once nothing was asked for a while.
  for (let before = -1; before !== asked.asked; ) {
    before = asked.asked;
    await page.waitForTimeout(1500);
  }
  const still = asked.asked;
  await page.waitForTimeout(2500);
  assert.equal(asked.asked, still, asked.last);
  const began = performance.now();
  const now = new Date().toISOString();
  await node.append("sales", [{ sold_at: now, country: "CH", revenue: 12.5, pieces: 3 }]);
  await part(page, "Orders").getByText(plain(orders + 1), { exact: true }).waitFor();
  console.log(`# shown ${Math.round(performance.now() - began)} ms after the row was sent`);
  assert.ok(asked.asked > still);
  await (await seen(part(page, "Newest sales"))).getByText(now.replace("T", " ").replace("Z", ""), { exact: true }).waitFor();
  await close(page);
});

test("questions do not pile up behind a slow node", async () => {
  const page = await open(browser, node, "/dashboards/made");
  await part(page, "Orders").getByText(/^[\d,]+$/).waitFor();
  const asked = watch(page, 700);
  for (let number = 0; number < 15; number += 1) {
    await node.append("sales", [{ sold_at: new Date().toISOString(), country: "DE", revenue: 1, pieces: 1 }]);
    await page.waitForTimeout(100);
  }
  const [{ orders }] = await node.sql("SELECT orders FROM sales_in_all");
  await part(page, "Orders").getByText(plain(orders), { exact: true }).waitFor();
  assert.equal(asked.most, 1);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await close(page);
});

test("the time that is chosen is in the address and in the question", async () => {
  const page = await open(browser, node, "/dashboards/made");
  const newest = part(page, "Newest sales");
  const chosen = page.getByRole("group", { name: "Times shown" });
  await chosen.getByRole("button", { name: "30 days", pressed: true }).waitFor();
  await (await seen(newest)).getByRole("cell", { name: "CH", exact: true }).first().waitFor();
  const asked = watch(page);
  await chosen.getByRole("button", { name: "7 days" }).click();
  await page.waitForURL(/\?range=7d$/);
  const [week] = await node.sql(
    "SELECT max(revenue) AS most FROM sales_by_hour WHERE hour >= now() - INTERVAL '7 days'",
  );
  await part(page, "Revenue in six hours").getByRole("img", { name: `to ${plain(week.most)} EUR` }).waitFor();
  assert.match(asked.last, /WHERE \w+ >= (TIMESTAMP|DATE) '/);
  await page.reload();
  await chosen.getByRole("button", { name: "7 days", pressed: true }).waitFor();
  // A day that nobody sold anything on.
  await page.goto(`${node.url}/dashboards/made?from=2020-01-01T00:00&until=2020-01-02T00:00`);
  await (await seen(newest)).getByText("No rows in these times").waitFor();
  await newest.getByText(/the newest is of \d{4}-/).waitFor();
  await chosen.getByRole("button", { name: "All" }).click();
  await newest.getByText("the newest 200 rows").waitFor();
  await close(page);
});

test("a chart stands on the page of its relation, also where it reads it through a query", async () => {
  const page = await open(browser, node, "/relations/sales_by_day");
  for (const title of ["Revenue by day", "Countries", "Pieces and revenue of a day"]) {
    await (await seen(part(page, title))).getByRole(title === "Countries" ? "table" : "img").waitFor();
  }
  assert.equal(await part(page, "Newest sales").count(), 0);
  await close(page);
});

test("the pointer and the keyboard read values", async () => {
  const page = await open(browser, node, "/relations/sales_by_hour");
  const plot = page.getByRole("region", { name: "Revenue in six hours", exact: true }).getByRole("img");
  await plot.focus();
  await page.keyboard.press("ArrowLeft");
  const [last] = await node.sql("SELECT hour, revenue FROM sales_by_hour ORDER BY hour DESC LIMIT 1");
  await page.locator(".tip").getByText(last.hour.replace("T", " ").replace("Z", ""), { exact: true }).waitFor();
  await page.locator(".tip").getByText(`${plain(last.revenue)} EUR`, { exact: true }).waitFor();
  await close(page);
});

test("a chart whose view stopped says why", async () => {
  const page = await open(browser, node, "/dashboards/frail");
  await part(page, "pieces_of_country").getByRole("row").first().waitFor();
  await node.append("sales", [{ sold_at: new Date().toISOString(), country: "XX", revenue: 1, pieces: 5000 }]);
  await part(page, "pieces_of_country").getByRole("alert").getByText(/fragile\w* stopped/).waitFor();
  await close(page);
});

test("a dashboard that is not there", async () => {
  const page = await open(browser, node, "/dashboards/nothing");
  await page.getByText("There is no dashboard nothing").waitFor();
  await close(page);
});
