// The worksheet's plans: what a statement would do, the same done, and the history that it replays.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessible, close, launch, open, PHONE, sideways } from "./browser.js";
import { Node } from "./node.js";

let node, browser;
before(async () => ([node, browser] = await Promise.all([Node.start(), launch()])));
after(async () => {
  await browser?.close();
  await node?.close();
});

/** A worksheet with `text` in it, the cursor at its end. */
async function write(text, options) {
  const page = await open(browser, node, "/worksheet", options);
  await page.locator(".cm-content").click();
  await page.keyboard.insertText(text);
  return page;
}

const panel = (page) => page.getByRole("region", { name: "Plan", exact: true });
const step = (page, text) => panel(page).getByRole("listitem").filter({ hasText: text });
const definitions = async () => (await node.sql("SELECT max(version) AS version FROM system.changes"))[0].version;

test("Alt-Enter shows the steps of the statement at the cursor, Apply makes them, and history is followed", async () => {
  const before = await definitions();
  const page = await write("SELECT 1 AS other;\n\nCREATE MATERIALIZED VIEW by_customer AS\nSELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id");
  await page.keyboard.press("Alt+Enter");
  await step(page, /non-breaking.*create materialized view\s+by_customer/).waitFor();
  await step(page, /Replays at most [\d,]+ rows of history/).waitFor();
  await panel(page).getByText("for the statement of line 3").waitFor();
  assert.equal(await definitions(), before, "nothing is done yet");
  await panel(page).getByRole("button", { name: "Apply 1 step" }).click();
  await panel(page).getByText(/^Applied/).waitFor();
  await panel(page).getByRole("progressbar", { name: "Replay of by_customer" }).waitFor();
  await panel(page).getByText("Applied, and its history is replayed").waitFor();
  assert.equal(await definitions(), before + 1);
  await close(page);
});

test("a step that breaks what reads it says so in words, with what depends on it and how long a replay took", async () => {
  await node.sql("CREATE MATERIALIZED VIEW spent AS SELECT customer_id, sum(amount) AS spent, count(*) AS n FROM orders GROUP BY customer_id");
  await node.sql("CREATE VIEW spenders AS SELECT customer_id FROM spent");
  await replayed("spent");
  const page = await write("CREATE OR REPLACE MATERIALIZED VIEW spent AS SELECT customer_id, sum(amount) AS spent FROM orders GROUP BY customer_id");
  await page.getByRole("button", { name: "Plan", exact: true }).click();
  const breaking = step(page, /^\s*breaking/);
  await breaking.getByRole("link", { name: "spenders" }).waitFor();
  await breaking.getByText(/The last time, [\d,]+ rows? took \d/).waitFor();
  await panel(page).getByText("1 step, breaking, for the statement of line 1").waitFor();
  await accessible(page);
  await page.getByRole("button", { name: "Close" }).click();
  await panel(page).waitFor({ state: "detached" });
  await close(page);
});

/** Waits until a view's history is replayed. */
async function replayed(view) {
  const query = `SELECT count(*) AS n FROM system.replays WHERE view = '${view}' AND state = 'done'`;
  for (let looks = 0; (await node.sql(query))[0].n === 0; looks += 1) {
    assert.ok(looks < 1000, `the history of ${view} is still being replayed`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

test("a statement that changes nothing has nothing to apply", async () => {
  const page = await write("DROP VIEW IF EXISTS never_there");
  await page.keyboard.press("Alt+Enter");
  await panel(page).getByText("Nothing to do for the statement of line 1").waitFor();
  await panel(page).getByText("there is no never_there, nothing to drop").waitFor();
  assert.equal(await panel(page).getByRole("button", { name: /^Apply/ }).count(), 0);
  await close(page);
});

test("what has no plan is told with its place in the text", async () => {
  const page = await write("SELECT 1 AS fine;\n\nCREATE OR REPLACE MATERIALIZED VIEW broken AS\nSELECT custmer_id FROM orders");
  await page.keyboard.press("Alt+Enter");
  const problem = page.getByRole("alert");
  await problem.getByText("there is no column custmer_id").waitFor();
  await problem.getByText("line 4, column 8").waitFor();
  assert.equal(await page.locator(".cm-lintRange-error").innerText(), "custmer_id");
  await page.locator(".cm-content").getByText("fine").click();
  await page.keyboard.press("Alt+Enter");
  await problem.getByText("SELECT has no plan: it changes no definition").waitFor();
  await problem.getByText("line 1, column 1").waitFor();
  await page.keyboard.press("Control+Enter");
  await page.locator(".result .status").getByText(/^1 row in/).waitFor();
  await close(page);
});

test("what is wrong elsewhere is not marked in the statement", async () => {
  await node.sql("CREATE VIEW narrow AS SELECT page, device FROM page_views");
  await node.sql("CREATE VIEW narrower AS SELECT device FROM narrow");
  const page = await write("CREATE OR REPLACE VIEW narrow AS SELECT page FROM page_views");
  await page.keyboard.press("Alt+Enter");
  await page.getByRole("alert").getByText("in the definition of narrower").waitFor();
  assert.equal(await page.locator(".cm-lintRange-error").count(), 0);
  await close(page);
});

test("what is applied is what is shown, though others change definitions meanwhile", async () => {
  const page = await write("CREATE OR REPLACE VIEW shared AS SELECT page AS one FROM page_views");
  await page.keyboard.press("Alt+Enter");
  await step(page, /create view\s+shared/).waitFor();
  await node.sql("CREATE VIEW shared AS SELECT device AS two FROM page_views");
  await panel(page).getByRole("button", { name: "Apply 1 step" }).click();
  await panel(page).getByText("What it would do has changed since it was shown.").waitFor();
  await step(page, /breaking\s*alter view\s+shared/).waitFor();
  assert.equal((await node.sql("SELECT * FROM shared LIMIT 1")).some((row) => "one" in row), false, "not yet");
  await panel(page).getByRole("button", { name: "Apply 1 step" }).click();
  await panel(page).getByText("Applied").waitFor();
  await node.sql("SELECT one FROM shared LIMIT 1");
  await close(page);
});

test("a phone shows all of it", async () => {
  const page = await write("CREATE OR REPLACE MATERIALIZED VIEW by_device AS SELECT device, count(*) AS n FROM page_views GROUP BY device", {
    size: PHONE,
  });
  await page.getByRole("button", { name: "Plan", exact: true }).click();
  await panel(page).getByRole("button", { name: "Apply 1 step" }).waitFor();
  assert.ok((await sideways(page)) <= 0, "nothing to scroll sideways");
  await close(page);
});
