// How long the dashboard of examples/shop takes to be drawn, and to show a row that has come. Prints
// `paint MS` for each load, `shown ACKNOWLEDGED_MS AFTER_MS` for each row.
//
// node dashboard.mjs ADDRESS LOADS ROWS

import { launch } from "../../console/tests/browser.js";

const [address, loads, rows] = process.argv.slice(2);
const CHARTS = 12;

/** Every chart of the page has had an answer, and shows it. */
function isDrawn(charts) {
  const all = [...document.querySelectorAll("section[data-answers]")];
  return all.length >= charts && all.every((each) => Number(each.dataset.answers) > 0);
}

const browser = await launch();
const context = () => browser.newContext({ viewport: { width: 1500, height: 2000 } });
for (let load = 0; load < Number(loads); load += 1) {
  const fresh = await context();
  const page = await fresh.newPage();
  // A browser that is open already.
  await page.goto("about:blank");
  const began = performance.now();
  await page.goto(`http://${address}/dashboards/shop?range=all`, { waitUntil: "commit" });
  await page.waitForFunction(isDrawn, CHARTS, { polling: "raf", timeout: 60_000 });
  console.log(`paint ${performance.now() - began}`);
  await fresh.close();
}

const page = await (await context()).newPage();
await page.goto(`http://${address}/dashboards/shop?range=all`);
await page.waitForFunction(isDrawn, CHARTS, { polling: "raf", timeout: 60_000 });
const value = "section[aria-label='Customers'] .value";
for (let row = 0; row < Number(rows); row += 1) {
  await page.waitForTimeout(2000);
  const before = await page.locator(value).getAttribute("title");
  const began = performance.now();
  const change = `(${9_000_000_000 + row}, 'I', 'bronze', 'DE', 'Bremen', '${new Date().toISOString().slice(0, 19)}')`;
  const answer = await fetch(`http://${address}/v1/sql`, { method: "POST", body: `INSERT INTO customer_changes VALUES ${change}` });
  if (!answer.ok) throw new Error(await answer.text());
  const acknowledged = performance.now();
  const isOther = ([value, before]) => document.querySelector(value)?.getAttribute("title") !== before;
  await page.waitForFunction(isOther, [value, before], { polling: 2, timeout: 30_000 });
  console.log(`shown ${acknowledged - began} ${performance.now() - acknowledged}`);
}
await browser.close();
