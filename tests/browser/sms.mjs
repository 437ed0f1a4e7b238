// Walks a reset with a code by SMS in Chromium, and looks at the same pages as a stranger.
import assert from "node:assert/strict";
import { base, check, launch, mail, mails, open, passcodes, path, press, restore, walk } from "./world.mjs";

const NEW = "four unrelated words will do";
const PHONE = "+14255550123";
const browser = await launch();

/** The code of the newest text after the first `before` ones. */
async function text(before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = await mails(PHONE);
    if (all.length > before) return all[before];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no text message");
}

async function forgot(page, address) {
  await page.goto(`${base}/contoso/shop`);
  await page.fill("#username", address);
  await press(page);
  await page.click("button[formaction^=reset]");
  assert.equal(path(page), "/contoso/account/send-code");
}

async function choose(page, way) {
  await page.click(`button[value=${way}]`);
  assert.equal(path(page), "/contoso/account/code");
}

async function enter(page, code) {
  await page.fill("#code", code);
  await press(page);
}

/** The whole journey of a customer with a phone, each screen looked at. */
async function resetBySms(name, options) {
  await restore();
  const page = await open(browser, options);
  await forgot(page, "phone@example.com");
  await check(page, `${name}s1-choice`);
  const before = (await mails(PHONE)).length;
  await choose(page, "sms");
  await check(page, `${name}s2-code`);
  assert.equal(await page.getAttribute("#code", "autocomplete"), "one-time-code");
  await enter(page, "00000000");
  await check(page, `${name}s3-wrong`);
  const { code, text: words } = await text(before);
  assert.ok(words.startsWith(code) && words.endsWith(`@127.0.0.1 #${code}`), words);
  await enter(page, code);
  assert.equal(path(page), "/contoso/account/new-password");
  await page.fill("#new-password", NEW);
  await page.fill("#confirm-password", NEW);
  await press(page);
  assert.equal(path(page), "/contoso/account/done");
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

/** Chooses SMS, and gets the code by mail after all. */
async function resetByMailAfterAll() {
  await restore();
  const page = await open(browser);
  await forgot(page, "ada@example.com");
  await choose(page, "sms");
  await page.click("a[href^=send-code]");
  assert.equal(path(page), "/contoso/account/send-code");
  const before = (await passcodes("ada@example.com")).length;
  await choose(page, "email");
  await enter(page, (await mail("ada@example.com", before)).code);
  assert.equal(path(page), "/contoso/account/new-password");
  await page.context().close();
}

/** What a page says, but for what names the address. */
async function said(page, address) {
  const text = await page.locator("main").innerText();
  const masked = await page.locator("main bdi").allInnerTexts();
  return [address, ...masked].reduce((rest, it) => rest.replaceAll(it, "…"), text);
}

/** A stranger sees what a customer sees, with a phone or without one. */
async function strangers() {
  const seen = [];
  for (const address of ["phone@example.com", "ada@example.com", "nobody@example.com"]) {
    await restore();
    const page = await open(browser);
    await forgot(page, address);
    const pages = [await said(page, address)];
    await choose(page, "sms");
    pages.push(await said(page, address));
    await enter(page, "00000000");
    pages.push(await said(page, address));
    seen.push(pages.map((it) => it.replace(/in \d+ seconds/, "in N seconds")));
    await page.context().close();
  }
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
}

await walk({
  "a reset by SMS": () => resetBySms("", {}),
  "a reset by SMS on a small screen, in Arabic": () =>
    resetBySms("ar-", { locale: "ar", viewport: { width: 320, height: 640 } }),
  "the code by mail after all": resetByMailAfterAll,
  "strangers": strangers,
});
await browser.close();
