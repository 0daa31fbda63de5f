// A browser that fails the test on anything that a reader would find in its console.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";

import axe from "axe-core";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const DESK = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** How long a test waits for what it expects. */
export const PATIENCE_MS = 20_000;

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error("there is no Chromium: install the package chromium, or name one in CHROMIUM");
  // As root, in a container, its own sandbox does not work.
  return await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** A page of `node`, asked for by the name and password of `login`. `mistakes` collects what went wrong in it; expected refusals of the node are none. */
export async function open(browser, node, path = "/", { size = DESK, dark = false, theme, login } = {}) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: dark ? "dark" : "light",
    hasTouch: size === PHONE,
    acceptDownloads: true,
    // Those of the tests are signed by nobody.
    ignoreHTTPSErrors: true,
    ...(login && { httpCredentials: login }),
  });
  if (theme) await context.addInitScript((name) => localStorage.setItem("headwater.theme", name), theme);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.mistakes = [];
  page.on("pageerror", (error) => page.mistakes.push(error.stack ?? error.message));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (!message.text().startsWith("Failed to load resource")) page.mistakes.push(message.text());
  });
  await page.goto(node.url + path);
  return page;
}

export async function close(page) {
  assert.deepEqual(page.mistakes, []);
  await page.context().close();
}

/** Rules of WCAG 2.2, level AA, contrast among them. */
export async function accessible(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
  );
  const told = violations.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, 3).map((each) => `${id}: ${help}: ${each.html.slice(0, 160)} ${each.any.map((one) => one.message).join("; ")}`),
  );
  assert.deepEqual(told, []);
}

/** How far the page can be scrolled sideways, in pixels. */
export async function sideways(page) {
  return await page.evaluate(() => {
    const all = [document.documentElement, document.querySelector("main")];
    return Math.max(...all.map((element) => element.scrollWidth - element.clientWidth));
  });
}
