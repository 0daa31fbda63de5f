// Features: what is known of an entity now and before, whether online is what offline says, and who uses it.

import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { declareLearning } from "./learning.js";
import { Node } from "./node.js";
import { drifted, tell } from "./told.js";

let node, browser;
before(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
  await declareLearning(node);
});
after(async () => {
  await browser?.close();
  await node?.close();
});

const part = (page, name) => page.getByRole("region", { name, exact: true });

async function told(path) {
  const page = await open(browser, node);
  await tell(page, drifted(Date.now()));
  await page.goto(node.url + path);
  return page;
}

test("an entity: its values now, and each that was known before", async () => {
  const page = await open(browser, node, "/features/spending");
  const entity = part(page, "An entity");
  await entity.getByRole("textbox", { name: "customer" }).fill("ann");
  await entity.getByRole("button", { name: "Look up" }).click();
  await page.waitForURL(/\?customer=ann$/);
  await entity.getByText("present").waitFor();
  await entity.getByRole("definition").getByText("105", { exact: true }).waitFor();
  await entity.getByRole("img", { name: /^spent over time. spent: from 7 to 105, last 105/ }).waitFor();
  await entity.getByText("5 values").waitFor();
  await entity.getByRole("button", { name: "bob" }).click();
  await entity.getByRole("definition").getByText("15", { exact: true }).waitFor();
  await entity.getByRole("textbox", { name: "customer" }).fill("zoe");
  await entity.getByRole("button", { name: "Look up" }).click();
  await entity.getByText("Nothing is known of it.").waitFor();
  await close(page);
});

test("who uses it, by the features that each takes", async () => {
  const page = await open(browser, node, "/features/spending");
  await part(page, "Used by").getByRole("row", { name: /payment model payments, spent/ }).waitFor();
  await part(page, "Used by").getByRole("link", { name: "payment" }).click();
  await page.getByRole("heading", { name: "payment", level: 1 }).waitFor();
  await close(page);
});

test("all feature views: what differs first, and what could not be compared", async () => {
  const page = await told("/features");
  const rows = page.getByRole("table").getByRole("row");
  await rows.nth(1).getByText("some differ").waitFor();
  await rows.nth(1).getByText("12 of 4,000").waitFor();
  await page.getByText(/It could not be compared: history.broken/).waitFor();
  await close(page);
});

test("a feature that differs: how often, how far, and an entity", async () => {
  const page = await told("/features/spending");
  await page.getByRole("alert").getByText("Models are given other values than they learnt from").waitFor();
  const features = part(page, "Online and offline");
  await features.getByRole("row", { name: /^spent .* 4,000 12 0 % differ 40 \{"customer":"ann"\} 105 65/ }).waitFor();
  await features.getByRole("row", { name: /^payments .* the same/ }).waitFor();
  await close(page);
});

test("a node that does not tell of feature views yet still looks up entities", async () => {
  const page = await open(browser, node);
  await page.route("**/v1/sql?*", async (route) => {
    if (!/FROM system\.feature_/.test(route.request().postData() ?? "")) return await route.fallback();
    const diagnostics = [{ message: "there is no relation system.feature_views", file: "query", detail: null, hint: null, line: 1, column: 1, start: 0, end: 0 }];
    await route.fulfill({ status: 400, contentType: "application/json", body: JSON.stringify({ error: { kind: "invalid", message: "", diagnostics } }) });
  });
  await page.goto(`${node.url}/features`);
  await page.getByText("This node does not tell system.feature_views yet").waitFor();
  await page.goto(`${node.url}/features/spending`);
  await page.getByText("freshness and differences are not known").waitFor();
  await part(page, "An entity").getByRole("button", { name: "ann" }).click();
  await part(page, "An entity").getByText("present").waitFor();
  await close(page);
});
