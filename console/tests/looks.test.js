// Every page in light and dark, at a desk and on a phone: readable by everybody, and nothing to scroll sideways.

import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { after, before, test } from "node:test";

import { accessible, close, DESK, launch, open, PHONE, sideways } from "./browser.js";
import { Node } from "./node.js";
import { declareDashboards } from "./dashboards.js";
import { declareLearning } from "./learning.js";
import { declareOutside } from "./outside.js";
import { drifted, tell } from "./told.js";

/** A folder for pictures of every page, for people to look at. */
const PICTURES = process.env.HEADWATER_PICTURES;

const QUERY = "SELECT window_start, category, revenue, orders\nFROM revenue_by_minute\nORDER BY window_start, category;";
const CHANGE = `CREATE OR REPLACE MATERIALIZED VIEW spent AS
SELECT customer_id, sum(amount) AS spent
FROM orders_clean
GROUP BY customer_id;`;
const BROKEN = "CREATE MATERIALIZED VIEW spent_by_day AS\nSELECT custmer_id, sum(amount) AS spent\nFROM orders_clean";

/** A worksheet with a statement that is planned. */
function planned(statement, ready) {
  return [
    `/worksheet?sql=${encodeURIComponent(statement)}`,
    async (page) => {
      await page.locator(".cm-content").getByText("spent").first().waitFor();
      await page.getByRole("button", { name: "Plan", exact: true }).click();
      await ready(page.getByRole("region", { name: "Plan", exact: true }));
    },
  ];
}

async function told(page, ready) {
  await tell(page, drifted(Date.now()));
  await page.reload();
  await ready();
}

const PAGES = {
  graph: ["/", (page) => page.locator("main").getByText("orders_clean").first().waitFor()],
  stream: ["/relations/orders_clean", (page) => page.getByText("as they are appended").waitFor()],
  table: ["/relations/revenue_by_category", (page) => page.getByRole("cell", { name: "books" }).waitFor()],
  profile: ["/relations/orders_clean/profile", (page) => page.getByRole("list", { name: "Values of amount" }).waitFor()],
  worksheet: [
    `/worksheet?sql=${encodeURIComponent(QUERY)}`,
    async (page) => {
      await page.locator(".cm-content").getByText("revenue_by_minute").waitFor();
      await page.getByRole("button", { name: /^Run/ }).first().click();
      await page.getByRole("table", { name: "Result" }).getByRole("cell", { name: "books" }).first().waitFor();
    },
  ],
  failure: [
    `/worksheet?sql=${encodeURIComponent("SELECT *\nFROM orderz")}`,
    async (page) => {
      await page.locator(".cm-content").getByText("orderz").waitFor();
      await page.getByRole("button", { name: /^Run/ }).first().click();
      await page.getByRole("alert").waitFor();
    },
  ],
  plan: planned(CHANGE, (panel) => panel.getByRole("button", { name: /^Apply/ }).waitFor()),
  "plan-failure": planned(BROKEN, (panel) => panel.getByRole("alert").waitFor()),
  "plan-nothing": planned("DROP VIEW IF EXISTS spent_by_day", (panel) => panel.getByText("Nothing to do for").waitFor()),
  sink: ["/relations/large_orders_out", (page) => page.getByText(/delivered since start\s*[1-9]/).waitFor()],
  "sink-retrying": ["/relations/nobody_there", (page) => page.getByText("It can't deliver for now").waitFor()],
  source: ["/relations/orders_demo", (page) => page.getByText(/gave since start\s*[1-9]/).waitFor()],
  "lake-table": ["/relations/customers", (page) => page.getByRole("cell", { name: "Zoë" }).waitFor()],
  "external-table": ["/relations/suppliers", (page) => page.getByRole("cell", { name: "Nordic Paper" }).waitFor()],
  dashboards: ["/dashboards", (page) => page.getByRole("link", { name: /The shop/ }).waitFor()],
  dashboard: ["/dashboards/made", (page) => page.getByText("3 others").waitFor()],
  drawn: ["/relations/sales_by_hour", (page) => page.getByRole("img", { name: /^Revenue in six hours/ }).waitFor()],
  runs: ["/runs", (page) => page.locator(".run.succeeded").last().click()],
  quality: [
    "/quality",
    async (page) => {
      await tell(page);
      await page.reload();
      await page.getByText("1 of 3 failed").waitFor();
    },
  ],
  alerts: [
    "/alerts",
    async (page) => {
      await tell(page);
      await page.reload();
      await page.getByText("method card").waitFor();
    },
  ],
  models: ["/models", (page) => page.getByRole("row", { name: /^churn serving/ }).waitFor()],
  model: [
    "/models/churn",
    async (page) => {
      await page.getByRole("img", { name: /^auc by version/ }).waitFor();
      await page.getByRole("textbox", { name: "visits" }).fill("3");
      await page.getByRole("button", { name: "Score", exact: true }).click();
      await page.getByRole("table", { name: "Contributions" }).waitFor();
    },
  ],
  "model-drifted": ["/models/churn", (page) => told(page, () => page.getByText("large drift").waitFor())],
  "model-frozen": ["/models/bill", (page) => page.getByRole("alert").getByText("sane_bills").waitFor()],
  experiments: ["/experiments", (page) => page.getByText("better").first().waitFor()],
  experiment: ["/experiments/free_shipping", (page) => page.getByRole("img", { name: /^New units/ }).waitFor()],
  "experiment-invalid": ["/experiments/new_page", (page) => page.getByText("not to be read as a result").waitFor()],
  features: ["/features", (page) => told(page, () => page.getByText("some differ").waitFor())],
  feature: ["/features/spending?customer=ann", (page) => page.getByRole("img", { name: /^spent over time/ }).waitFor()],
  "feature-differs": ["/features/spending", (page) => told(page, () => page.getByRole("alert").waitFor())],
  activity: ["/activity", (page) => page.getByText("wrote").waitFor()],
  nothing: ["/relations/nothing", (page) => page.getByText("There is no relation nothing").waitFor()],
};
const WAYS = {
  light: { size: DESK },
  dark: { size: DESK, dark: true },
  phone: { size: PHONE },
  "phone-dark": { size: PHONE, dark: true },
};

let node, browser, folder;
before(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
  folder = await declareOutside(node);
  await declareDashboards(node);
  await declareLearning(node);
  await node.sql("CREATE MATERIALIZED VIEW spent AS SELECT customer_id, sum(amount) AS spent, count(*) AS orders FROM orders GROUP BY customer_id");
  await node.sql("CREATE MATERIALIZED VIEW spent_in_all REFRESH EVERY '1 hour' AS SELECT sum(spent) AS spent FROM spent");
  await node.sql("CREATE VIEW spenders AS SELECT customer_id FROM spent WHERE spent > 1000");
});
after(async () => {
  await browser?.close();
  await node?.close();
  rmSync(folder, { recursive: true, force: true });
});

for (const [way, options] of Object.entries(WAYS)) {
  for (const [name, [path, ready]] of Object.entries(PAGES)) {
    test(`${name}, ${way}`, async () => {
      const page = await open(browser, node, path, options);
      await ready(page);
      assert.ok((await sideways(page)) <= 0, "nothing to scroll sideways");
      await accessible(page);
      if (PICTURES) {
        mkdirSync(PICTURES, { recursive: true });
        await page.waitForTimeout(Number(process.env.HEADWATER_PICTURES_AFTER_MS ?? 0));
        await page.screenshot({ path: `${PICTURES}/${name}-${way}.png` });
      }
      await close(page);
    });
  }
}

test("a theme that was chosen stays", async () => {
  const page = await open(browser, node);
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await paper();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Relation or page" }).fill("theme: dark");
  await page.getByRole("option", { name: /Theme: dark/ }).waitFor();
  await page.keyboard.press("Enter");
  assert.notEqual(await paper(), light);
  await page.reload();
  await page.getByRole("heading", { name: "Graph", level: 1 }).waitFor();
  assert.notEqual(await paper(), light);
  await close(page);
});
