// Walks resets with two proofs in Chromium, and looks at the same pages as a stranger.
import assert from "node:assert/strict";
import { base, check, launch, mail, mails, open, passcodes, path, press, restore, walk } from "./world.mjs";

const NEW = "four unrelated words will do";
const PHONE = "+14255550123";
const browser = await launch();

/** The code of the newest text after the first `before` ones. */
async function text(before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = await mails(PHONE);
    if (all.length > before) return all[before].code;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no text message");
}

/** What the authenticator app shows now. */
async function app() {
  return (await fetch(`${base}/authenticator/code`)).text();
}

const at = (page, name) => assert.equal(path(page), `/contoso/account/${name}`);

async function enter(page, code) {
  await page.fill("#code", code);
  await press(page);
}

/** Goes to the page for the first code, which is on its way. */
async function ask(page, address, way) {
  await page.goto(`${base}/contoso/shop`);
  await page.fill("#username", address);
  await press(page);
  await page.click("button[formaction^=reset]");
  at(page, "send-code");
  await page.click(`button[value=${way}]`);
  at(page, "code");
}

/** Gives the first proof by mail. */
async function prove(page, address) {
  const before = (await passcodes(address)).length;
  await ask(page, address, "email");
  await enter(page, (await mail(address, before)).code);
  at(page, "next-proof");
}

async function finish(page) {
  at(page, "new-password");
  await page.fill("#new-password", NEW);
  await page.fill("#confirm-password", NEW);
  await press(page);
  at(page, "done");
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

/** A code by mail and one by SMS, each screen looked at. */
async function mailAndText(name, options) {
  await restore();
  const page = await open(browser, options);
  await prove(page, "phone@example.com");
  await check(page, `${name}p1-next`);
  assert.equal(await page.locator("button[value=email]").count(), 0);
  assert.ok((await page.locator("button[value=sms]").innerText()).includes("***23"));
  const before = (await mails(PHONE)).length;
  await page.click("button[value=sms]");
  at(page, "code");
  await page.click("a[href^=next-proof]");
  at(page, "next-proof");
  await page.click("button[value=sms]");
  at(page, "code");
  await check(page, `${name}p2-code`);
  await enter(page, await text(before));
  await finish(page);
}

/** The other way round. */
async function textAndMail() {
  await restore();
  const page = await open(browser);
  const texts = (await mails(PHONE)).length;
  await ask(page, "phone@example.com", "sms");
  await enter(page, await text(texts));
  at(page, "next-proof");
  const before = (await passcodes("phone@example.com")).length;
  await page.click("button[value=email]");
  await enter(page, (await mail("phone@example.com", before)).code);
  await finish(page);
}

/** A code by mail and one of an authenticator app. */
async function mailAndApp() {
  await restore();
  const page = await open(browser);
  await prove(page, "second-factor@example.com");
  await check(page, "p3-app");
  const right = await app();
  await page.fill("#proof", right === "000000" ? "000001" : "000000");
  await page.click("form:has(#proof) button");
  at(page, "next-proof");
  await check(page, "p4-app-wrong");
  await page.fill("#proof", await app());
  await page.click("form:has(#proof) button");
  await finish(page);
}

/** What a page says, but for what names the address. */
async function said(page, address) {
  const text = await page.locator("main").innerText();
  const masked = await page.locator("main bdi").allInnerTexts();
  return [address, ...masked].reduce((rest, it) => rest.replaceAll(it, "…"), text);
}

/** A stranger sees what customers see, whatever proofs these can give. */
async function strangers() {
  const seen = [];
  for (const name of ["phone", "second-factor", "ada", "nobody"]) {
    const address = `${name}@example.com`;
    await restore();
    const page = await open(browser);
    const pages = [];
    for (const way of ["sms", "email"]) {
      await ask(page, address, way);
      pages.push(await said(page, address));
      await enter(page, "00000000");
      pages.push(await said(page, address));
    }
    await page.goto(page.url().replace("/code", "/next-proof"));
    at(page, "code");
    seen.push(pages.map((it) => it.replace(/in \d+ seconds/, "in N seconds")));
    await page.context().close();
  }
  for (const other of seen.slice(1)) assert.deepEqual(other, seen[0]);
}

await walk({
  "a code by mail and one by SMS": () => mailAndText("", {}),
  "the same on a small screen, in Arabic": () =>
    mailAndText("ar-", { locale: "ar", viewport: { width: 320, height: 640 } }),
  "a code by SMS and one by mail": textAndMail,
  "a code by mail and one of an app": mailAndApp,
  "strangers": strangers,
});
await browser.close();
