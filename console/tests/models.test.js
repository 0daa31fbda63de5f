// Models: which version scores and why, what holds one back, and a row that is scored with its reasons.

import assert from "node:assert/strict";
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

test("all models: what is frozen first, with its reason, and the metric that decides", async () => {
  const page = await open(browser, node, "/models");
  const rows = page.getByRole("table").getByRole("row");
  await rows.nth(1).getByText("frozen").waitFor();
  await rows.nth(2).getByText(/Neither trained nor promoted:.*sane_bills/).waitFor();
  const churn = page.getByRole("row", { name: /^churn/ });
  await churn.getByText("serving").waitFor();
  await churn.getByText("auc").waitFor();
  await churn.getByRole("link", { name: "churn" }).click();
  await page.getByRole("heading", { name: "churn", level: 1 }).waitFor();
  await close(page);
});

test("versions with their roles, compared with each other, and why one was promoted", async () => {
  const page = await open(browser, node, "/models/churn");
  await part(page, "Versions").getByRole("row", { name: /^1 champion/ }).waitFor();
  const challenger = part(page, "Versions").getByRole("row", { name: /^2 challenger/ });
  await challenger.waitFor();
  await part(page, "Compare").getByText("promoted when auc > champion.auc").waitFor();
  await part(page, "Compare").getByRole("row", { name: /^auc .* the same$/ }).waitFor();
  await part(page, "Metrics").getByRole("img", { name: /^auc by version/ }).waitFor();
  await part(page, "Importances").getByRole("row", { name: /^visits/ }).waitFor();
  await part(page, "Promotions").getByRole("row", { name: /1 auc > champion.auc holds now/ }).waitFor();
  await part(page, "Lineage").getByRole("link", { name: "visits" }).waitFor();
  await page.getByText(/next run\s*in/).waitFor();
  await challenger.getByRole("link", { name: "Promote version 2" }).click();
  await page.locator(".cm-content").getByText("PROMOTE MODEL churn VERSION 2").waitFor();
  await close(page);
});

test("a row is scored, with what each feature adds", async () => {
  const page = await open(browser, node, "/models/churn");
  const form = part(page, "Score a row");
  await form.getByRole("textbox", { name: "visits" }).fill("3");
  await form.getByRole("textbox", { name: "plan" }).fill("small");
  await form.getByRole("button", { name: "Score", exact: true }).click();
  await form.getByText("true", { exact: true }).waitFor();
  await form.getByText(/true is 9\d % probable|true is 100 % probable/).waitFor();
  await form.getByRole("table", { name: "Contributions" }).getByRole("row", { name: /^visits 3 .*\+/ }).waitFor();
  await form.getByRole("textbox", { name: "visits" }).fill("many");
  await form.getByRole("button", { name: "Score", exact: true }).click();
  await form.getByRole("alert").getByText(/visits is of type VARCHAR here/).waitFor();
  await form.getByRole("button", { name: "Fill in a row" }).click();
  await page.waitForFunction(() => /^\d+$/.test(document.querySelector("form input")?.value ?? ""));
  await close(page);
});

test("a frozen model says why, and what still works", async () => {
  const page = await open(browser, node, "/models/bill");
  await page.getByRole("alert").getByText(/expectations of sane_bills are not met/).waitFor();
  await part(page, "Statements").getByRole("link", { name: /Train it now/ }).waitFor();
  const said = await part(page, "Score a row").getByRole("button", { name: "Score", exact: true }).isEnabled();
  assert.ok(said, "its champion goes on scoring");
  await close(page);
});

test("drift is told in words, by the usual bounds", async () => {
  const page = await open(browser, node, "/models/churn");
  await tell(page, drifted(Date.now()));
  await page.reload();
  const drift = part(page, "Drift");
  await drift.getByRole("row", { name: /^the score moderate drift 0.11/ }).waitFor();
  await drift.getByRole("row", { name: /^visits large drift 0.31/ }).waitFor();
  await drift.getByRole("row", { name: /^plan stable 0.02/ }).waitFor();
  await close(page);
});

test("a model that is not there", async () => {
  const page = await open(browser, node, "/models/nothing");
  await page.getByText("There is no model nothing").waitFor();
  await close(page);
});
