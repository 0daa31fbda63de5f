// Experiments: intervals against the control, how they went, who was shown what, and results that may not be believed.

import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { declareLearning } from "./learning.js";
import { Node } from "./node.js";

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

test("all experiments: what is invalid first, with its reason", async () => {
  const page = await open(browser, node, "/experiments");
  const rows = page.getByRole("table").getByRole("row");
  await rows.nth(1).getByText("new_page").waitFor();
  await rows.nth(2).getByText(/No verdict may be given: the sample ratio is broken/).waitFor();
  await page.getByRole("row", { name: /^free_shipping .* valid .*revenue \+\d.* % better/ }).waitFor();
  await close(page);
});

test("each metric with the interval of one look and that of all, and its verdict", async () => {
  const page = await open(browser, node, "/experiments/free_shipping");
  const forest = part(page, "Against control");
  await forest.getByRole("img", { name: /^revenue, treatment: \+\d.*; one look \+.* to \+.*; all looks \+.* to \+/ }).waitFor();
  await forest.getByRole("row", { name: /^revenue \+\d.* better$/ }).waitFor();
  await forest.getByText("95 % interval that holds at all looks together, by which verdicts go").waitFor();
  await forest.getByText("margin of a guardrail").waitFor();
  const revenue = part(page, "revenue");
  await revenue.getByText("CUPED over 30 days").waitFor();
  await revenue.getByText("to detect 5%").waitFor();
  await revenue.getByRole("cell", { name: /^\d+ % [\d.]+[KM]?$/ }).first().waitFor();
  await revenue.getByRole("img", { name: /^Difference of revenue over time. treatment: from/ }).waitFor();
  await part(page, "size").getByText("guardrail, margin 2%").waitFor();
  await part(page, "dear").getByRole("row", { name: /^treatment .* pp / }).waitFor();
  await close(page);
});

test("the sample ratio, and exposures over time", async () => {
  const page = await open(browser, node, "/experiments/free_shipping");
  await part(page, "Sample ratio").getByText("as expected").waitFor();
  await part(page, "Sample ratio").getByRole("row", { name: /^control 1 500 / }).waitFor();
  await part(page, "Exposures").getByRole("img", { name: /^Units of each variant so far. control: from \d+ to \d+/ }).waitFor();
  await part(page, "Statements").getByRole("link", { name: /Analyse it now/ }).click();
  await page.locator(".cm-content").getByText("ANALYZE EXPERIMENT free_shipping").waitFor();
  await close(page);
});

test("an invalid result can't be taken for one", async () => {
  const page = await open(browser, node, "/experiments/new_page");
  await page.getByRole("alert").getByText("Invalid: no verdict may be given").waitFor();
  await page.getByRole("alert").getByText(/400 old, 600 new/).waitFor();
  await part(page, "Against old").getByText("these figures are not to be read as a result").waitFor();
  await part(page, "Against old").getByRole("row", { name: /^revenue .* invalid$/ }).waitFor();
  await part(page, "Sample ratio").getByText("broken", { exact: true }).waitFor();
  await part(page, "Sample ratio").getByRole("row", { name: /^old 1 500 400 40 % −100/ }).waitFor();
  await close(page);
});
