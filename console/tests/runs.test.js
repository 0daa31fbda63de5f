// Runs as they happen: what ran, why one failed, and once more; pages of what a node does not have say so.

import { after, before, test } from "node:test";

import { close, launch, open } from "./browser.js";
import { Node } from "./node.js";

let node, browser;
before(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
  await node.sql("CREATE TABLE bought (day DATE, pieces BIGINT)");
  await node.sql("INSERT INTO bought VALUES ('2026-01-01', 3), ('2026-01-02', 0)");
  await node.sql("CREATE MATERIALIZED VIEW by_day REFRESH EVERY '1 hour' AS SELECT day, sum(pieces) AS pieces FROM bought GROUP BY day");
  await node.sql("CREATE MATERIALIZED VIEW shares REFRESH MANUAL AS SELECT day, 100 / pieces AS share FROM bought");
});
after(async () => {
  await browser?.close();
  await node?.close();
});

const part = (page, name) => page.getByRole("region", { name, exact: true });

test("a run that failed says why, and succeeds once what was wrong is mended", async () => {
  await node.sql("REFRESH MATERIALIZED VIEW shares").catch(() => {});
  const page = await open(browser, node, "/runs");
  const failed = part(page, "Newest runs").getByRole("row", { name: /shares .* failed/ });
  await failed.first().waitFor();
  await part(page, "Timeline").locator(".run.failed").last().click();
  await page.waitForURL(/\?run=\d+$/);
  await page.getByRole("alert").getByText(/divide by zero/i).waitFor();
  await node.sql("DELETE FROM bought WHERE pieces = 0");
  await page.getByRole("button", { name: "Retry" }).click();
  await part(page, "Newest runs").getByRole("row", { name: /shares .* succeeded/ }).first().waitFor();
  await part(page, "Timeline").getByRole("img", { name: /^Runs of shares: .*, succeeded$/ }).waitFor();
  await close(page);
});

test("what runs next is told", async () => {
  const page = await open(browser, node, "/runs");
  await part(page, "Schedules").getByRole("row", { name: /by_day .* in \d+ min/ }).waitFor();
  await close(page);
});

for (const [path, heading] of [["/quality", "Quality"], ["/alerts", "Alerts"]]) {
  test(`${heading} of a node that has nothing of it`, async () => {
    const page = await open(browser, node, path);
    await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
    await page.getByText(/does not tell system|Nothing was checked yet|All is well/).first().waitFor();
    await close(page);
  });
}
