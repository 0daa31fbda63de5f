// A node that goes and comes back, and one that holds nothing yet.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { Node } from "./node.js";

let browser;
before(async () => (browser = await launch()));
after(async () => await browser?.close());

test("a node that is killed is told, what was shown stays, and it goes on by itself", async () => {
  const node = await Node.start();
  try {
    const page = await open(browser, node);
    const card = page.locator('.card[data-name="orders"]');
    await card.filter({ hasText: /[1-9][\d.]*\/s/ }).waitFor();
    await node.kill();
    await page.getByText("The node does not answer.").waitFor();
    assert.ok(await card.isVisible());
    await node.start();
    await page.getByText("The node does not answer.").waitFor({ state: "detached" });
    await card.filter({ hasText: /[1-9][\d.]*\/s/ }).waitFor();
    await close(page);
  } finally {
    await node.close();
  }
});

test("a node without relations says how to begin, and the example runs", async () => {
  const project = mkdtempSync(join(tmpdir(), "headwater-empty-"));
  writeFileSync(join(project, "empty.sql"), "-- Nothing yet.\n");
  const node = await Node.start(project);
  try {
    const page = await open(browser, node);
    await page.getByRole("heading", { name: "Nothing is declared yet" }).waitFor();
    await page.getByRole("link", { name: "Open in the worksheet" }).click();
    await page.getByRole("button", { name: "Run all" }).click();
    await page.locator(".result .status").getByText("CREATE MATERIALIZED VIEW").waitFor();
    await page.goto(node.url);
    await page.locator('.card[data-name="clicks_by_page"]').waitFor();
    await close(page);
  } finally {
    await node.close();
    rmSync(project, { recursive: true, force: true });
  }
});
