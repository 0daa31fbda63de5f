import { chromium } from "playwright-core";
import { serve } from "/work/wt/console/console/tests/serve.mjs";
const server = await serve("/work/wt/console/console/dist", () => process.env.NODE_ADDR ?? "127.0.0.1:8090");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const what = process.argv.slice(2);
const pages = { graph: "/", stream: "/relations/orders_clean", keyed: "/relations/revenue_by_category", worksheet: "/worksheet?sql="+encodeURIComponent("-- What each minute brought\nSELECT window_start, category, revenue, orders\nFROM revenue_by_minute\nORDER BY window_start, category\nLIMIT 500;\n\nSELECT category, revenue, orders\nFROM revenue_by_category\nORDER BY revenue DESC;"), activity: "/activity" };
for (const [theme, size] of [["light",[1280,800]],["dark",[1280,800]],["phone",[390,844]]]) {
  if (what.length && !what.some(w => w===theme || w in pages)) continue;
  const themes = what.filter(w => ["light","dark","phone"].includes(w)); if (themes.length && !themes.includes(theme)) continue;
  const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, colorScheme: theme === "dark" ? "dark":"light", deviceScaleFactor: 1, hasTouch: theme==="phone" });
  const page = await context.newPage();
  page.on("console", m => { if (["error","warning"].includes(m.type())) console.log(theme, m.type(), m.text()); });
  page.on("pageerror", e => console.log("pageerror", e.message));
  await page.goto(server.url + "/"); await page.waitForTimeout(7000);
  for (const [name, path] of Object.entries(pages)) {
    const wanted = what.filter(w => w in pages); if (wanted.length && !wanted.includes(name)) continue;
    await page.evaluate(p => { history.pushState(null,"",p); dispatchEvent(new PopStateEvent("popstate")); }, path);
    await page.waitForTimeout(1800);
    if (name === "worksheet") { await page.click("text=Run >> nth=0"); await page.waitForTimeout(800); }
    await page.screenshot({ path: `/tmp/shot-${name}-${theme}.png` });
    if (name === "worksheet") { await page.getByRole("button",{name:"Chart"}).click().catch(e=>console.log(String(e).slice(0,200))); await page.waitForTimeout(500); await page.screenshot({ path: `/tmp/shot-chart-${theme}.png` }); }
    if (["stream","keyed"].includes(name)) { await page.evaluate(()=>document.querySelector("main").scrollTo(0,760)); await page.waitForTimeout(400); await page.screenshot({ path: `/tmp/shot-${name}2-${theme}.png` }); }
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth); if (over>0) console.log("OVERFLOW", name, theme, over);
  }
  await context.close();
}
await browser.close(); server.close(); process.exit(0);
