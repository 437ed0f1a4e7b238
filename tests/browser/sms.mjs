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
  // The scripts of the page have run.
  await page.waitForLoadState("load");
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

/** A browser that hands over texts, and lets a walk see that it was asked. */
async function withWebOtp() {
  const page = await open(browser);
  await page.addInitScript(() => {
    window.OTPCredential = class {};
    window.asked = [];
    navigator.credentials.get = (options) => {
      const asked = { otp: options.otp, aborted: false };
      window.asked.push(asked);
      options.signal.addEventListener("abort", () => {
        asked.aborted = true;
        sessionStorage.setItem("aborted", "yes");
      });
      return new Promise((resolve, reject) => {
        window.text = (code) => resolve({ code });
        window.refuse = () => reject(new DOMException("no", "NotAllowedError"));
      });
    };
  });
  return page;
}

const asked = (page) => page.evaluate(() => window.asked);

/** The code of a text is filled in, and never over what somebody types. */
async function filledIn() {
  await restore();
  const page = await withWebOtp();
  await forgot(page, "phone@example.com");
  assert.deepEqual(await asked(page), []);
  const before = (await mails(PHONE)).length;
  await choose(page, "sms");
  assert.deepEqual(await asked(page), [{ otp: { transport: ["sms"] }, aborted: false }]);
  const { code } = await text(before);
  await page.evaluate((it) => window.text(it), code);
  await page.waitForFunction((it) => document.getElementById("code").value === it, code);
  assert.equal(path(page), "/contoso/account/code", "the user sends the form");
  await press(page);
  assert.equal(path(page), "/contoso/account/new-password");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("aborted")), "yes");
  assert.deepEqual(await asked(page), []);
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

/** Whoever types first, or says no, goes on as without the script. */
async function typedInstead() {
  await restore();
  const page = await withWebOtp();
  await forgot(page, "phone@example.com");
  const before = (await mails(PHONE)).length;
  await choose(page, "sms");
  const { code } = await text(before);
  await page.fill("#code", "1234");
  await page.evaluate(() => window.text("99999999"));
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  assert.equal(await page.inputValue("#code"), "1234");
  await page.reload();
  await page.evaluate(() => window.refuse());
  await enter(page, code);
  assert.equal(path(page), "/contoso/account/new-password");
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

/** A code by mail asks the browser for no text. */
async function notForMail() {
  await restore();
  const page = await withWebOtp();
  await forgot(page, "phone@example.com");
  await choose(page, "email");
  assert.deepEqual(await asked(page), []);
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
  "the code of a text is filled in": filledIn,
  "what is typed stays": typedInstead,
  "no text for a code by mail": notForMail,
});
await browser.close();
