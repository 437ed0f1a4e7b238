// What every walk needs: the demonstration's addresses, its inbox, its clock, and a browser.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const base = process.env.BASE;
export const key = process.env.KEY;
export const OLD = "the old password 1";
export const CLIENT = "63856651-0000-4000-8000-000000000000";
const CHROMIUM = "/usr/bin/chromium";

export async function post(path) {
  const response = await fetch(base + path, { method: "POST" });
  assert.equal(response.status, 204, path);
}

/** Accounts and policies as at the first start, and every limit's window over. */
export async function restore() {
  await post("/test/restore");
  await post(`/test/clock?seconds=${25 * 3600}`);
}

export const advance = (seconds) => post(`/test/clock?seconds=${seconds}`);

export async function mails(to) {
  const response = await fetch(`${base}/inbox.json?to=${encodeURIComponent(to)}`);
  return response.json();
}

/** The passcodes that were sent to an address; notices come when they come. */
export async function passcodes(to) {
  return (await mails(to)).filter((mail) => mail.purpose === "Passcode");
}

/** The passcode that comes after the first `before` ones. */
export async function mail(to, before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = await passcodes(to);
    if (all.length > before) return all[before];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no mail to ${to}`);
}

export async function launch() {
  if (!existsSync(CHROMIUM)) throw new Error("Chromium is missing: apt-get install chromium");
  const args = ["--no-sandbox", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--no-first-run", "--disable-sync", "--disable-dev-shm-usage", "--disable-gpu"];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/** A page that fails the walk if a script breaks, or something is not to be had or not allowed. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) faults.push(`third party: ${request.url()}`);
  });
  page.faults = faults;
  return page;
}

const TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];

/** axe finds nothing, in light, dark and forced colours. The page ends in the scheme that it had. */
export async function accessible(page, name) {
  const { dark, forced } = await page.evaluate(() => ({
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    forced: matchMedia("(forced-colors: active)").matches,
  }));
  for (const scheme of [{ colorScheme: "light" }, { colorScheme: "dark" },
    { colorScheme: "light", forcedColors: "active" }]) {
    await page.emulateMedia({ forcedColors: "none", ...scheme });
    const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
    const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], `${name}, ${JSON.stringify(scheme)}`);
  }
  const before = { colorScheme: dark ? "dark" : "light", forcedColors: forced ? "active" : "none" };
  await page.emulateMedia(before);
}

/** Nothing hangs over the edge, there is one heading and one primary button. */
export async function sound(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name}: ${wide} px too wide`);
  assert.equal(await page.locator("h1").count(), 1, `${name}: headings`);
}

/** Waits for an address. The second click of a double click breaks off what the first one began. */
export async function arrive(page, url) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await page.waitForURL(url);
    } catch (error) {
      if (tries === 3 || !error.message.includes("ERR_ABORTED")) throw error;
    }
  }
}

export const path = (page) => new URL(page.url()).pathname;

export const press = (page) => page.click("main .button");

/** A picture of the page, which is sound, and accessible where axe can run. */
export async function check(page, name, axe = true) {
  if (name.startsWith("dark-")) await page.emulateMedia({ colorScheme: "dark" });
  await shot(page, name);
  await sound(page, name);
  if (axe) await accessible(page, name);
}

/** Signs in at the shop of Contoso, and says nothing of the result. */
export async function signIn(page, address, password) {
  await page.goto(`${base}/contoso/shop`);
  await page.fill("#username", address);
  await press(page);
  await page.fill("#password", password);
  await press(page);
}

export async function shot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
}

// A walk that hangs fails. On a quiet machine the longest takes three minutes, but beside all other
// tests on two slow cores it has taken more than ten.
setTimeout(() => {
  console.error("FAILED: half an hour is over");
  process.exit(1);
}, 1_800_000).unref();

/** Runs the walks one after the other, and says which one failed. */
export async function walk(walks) {
  for (const [name, act] of Object.entries(walks)) {
    const began = performance.now();
    try {
      await act();
    } catch (error) {
      console.error(`FAILED: ${name}`);
      throw error;
    }
    console.log(`ok: ${name} (${Math.round(performance.now() - began)} ms)`);
  }
}
