// A node with users and a certificate: who is let in, and what the page says to who is not any more.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { accessible, close, launch, open } from "./browser.js";
import { Node, SHOP } from "./node.js";

const ANN = { username: "ann", password: "correct horse" };

let node, browser, folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "headwater-login-"));
  // The node's own doors ask for passwords, so no folder stands in front of them.
  node = new Node(SHOP);
  [browser] = await Promise.all([launch(), node.start()]);
});
after(async () => {
  await browser?.close();
  await node?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A certificate for loopback that is its own authority, and its key. */
function certificate() {
  const [certificate, key] = ["certificate.pem", "key.pem"].map((name) => join(folder, name));
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...names, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  return { certificate, key };
}

test("a page that was open when users came says so, and goes on once it is loaded with a password", async () => {
  // What the browser is told when it asks for them.
  const page = await open(browser, node, "/", { login: { ...ANN, password: "guessed" } });
  await page.locator('.card[data-name="orders"]').waitFor();
  await node.sql(`CREATE USER ${ANN.username} PASSWORD '${ANN.password}'`);
  const banner = page.getByRole("status").filter({ hasText: "The node asks for a user and a password." });
  await banner.waitFor();
  assert.ok(await page.locator('.card[data-name="orders"]').isVisible(), "what was shown stays");
  await accessible(page);
  await page.context().setHTTPCredentials(ANN);
  // Whatever comes first: the page asks by itself, too, and from now on with the right password.
  const again = banner.getByRole("button", { name: "Load again" });
  await again.click({ timeout: 5000 }).catch(() => banner.waitFor({ state: "hidden" }));
  await page.locator('.card[data-name="orders"]').filter({ hasText: /[1-9][\d.]*\/s/ }).waitFor();
  await close(page);
});

test("nobody is let in without the right password", async () => {
  const refused = await fetch(node.url);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate"), /^Basic realm="headwater"/);
  for (const login of [{ ...ANN, password: "wrong" }, { ...ANN, username: "bob" }]) {
    const context = await browser.newContext({ httpCredentials: login });
    const page = await context.newPage();
    const answer = await page.goto(node.url);
    assert.equal(answer.status(), 401);
    await page.getByText(`this is not the password of user ${login.username}`).waitFor();
    await context.close();
  }
});

test("with a certificate and a password, every page works, and queries have their user's name", async () => {
  const { certificate: file, key } = certificate();
  await node.kill();
  await node.start(["--tls-certificate", file, "--tls-key", key]);
  assert.match(node.url, /^https:/);
  const page = await open(browser, node, "/worksheet", { login: ANN });
  await page.locator(".cm-content").click();
  await page.keyboard.insertText("SELECT count(*) AS orders FROM orders");
  await page.keyboard.press("Control+Enter");
  await page.locator(".result .status").getByText(/^1 row in/).waitFor();
  await page.getByLabel("Watch a stream").selectOption("page_views");
  await page.locator(".result .status").getByText("live").waitFor();
  await page.goto(`${node.url}/activity`);
  const query = page.getByRole("region", { name: "Queries" }).getByRole("row", { name: /AS orders FROM orders/ });
  await query.getByText("ann").first().waitFor();
  await page.goto(`${node.url}/relations/orders_clean`);
  await page.getByText("as they are appended").waitFor();
  await close(page);
});
