// Quality and alerts: what failed comes first, and says what it found.

import { after, before, test } from "node:test";

import { accessible, close, launch, open } from "./browser.js";
import { Node } from "./node.js";
import { tell } from "./told.js";

let node, browser;
before(async () => ([node, browser] = await Promise.all([Node.start(), launch()])));
after(async () => {
  await browser?.close();
  await node?.close();
});

const part = (page, name) => page.getByRole("region", { name, exact: true });

async function opened(path) {
  const page = await open(browser, node);
  await tell(page);
  await page.goto(node.url + path);
  return page;
}

test("a suite: its score, and the expectation that failed with samples first", async () => {
  const page = await opened("/quality");
  const suite = part(page, "orders_daily");
  await suite.getByText("1 of 3 failed").waitFor();
  const first = suite.getByRole("row").nth(1);
  await first.getByText("column_values_to_not_be_null(category)").waitFor();
  await first.getByText("192 of 12,000").waitFor();
  await first.getByText('{"order_id":17}').waitFor();
  await suite.getByRole("img", { name: /Score of orders_daily.*last 66 %/ }).waitFor();
  await part(page, "customers").getByText("it holds").waitFor();
  await accessible(page);
  await close(page);
});

test("alerts: those that fire with labels and for how long, those resolved, and who was told", async () => {
  const page = await opened("/alerts");
  await part(page, "Firing").getByText("method card").waitFor();
  await part(page, "Firing").getByText(/for 12 min/).waitFor();
  await part(page, "Resolved").getByRole("row", { name: /orders_stall .* 45 min/ }).waitFor();
  await part(page, "Notifications").getByRole("row", { name: /on_call .* failed .* status 500/ }).waitFor();
  await accessible(page);
  await close(page);
});
