// Walks the help desk in Chromium: staff see what happened to a customer, hand over a code, set a
// temporary password, and end a pause without signing anybody out.
import assert from "node:assert/strict";
import {
  OLD, arrive, base, check, key, launch, mails, open, path, press, restore, signIn, walk,
} from "./world.mjs";

const NEW = "four unrelated words will do";
const WRONG = "a wrong password here";
const ADDRESS = "ada@example.com";
const NARROW = { width: 320, height: 640 };
const browser = await launch();

async function signedIn(page) {
  await page.goto(`${base}/contoso/shop`);
  assert.equal(await page.locator("#account").textContent(), "ada");
}

async function newPassword(page) {
  assert.equal(path(page), "/contoso/account/new-password");
  await page.fill("#new-password", NEW);
  await page.fill("#confirm-password", NEW);
  await press(page);
  await arrive(page, /\/done\?/);
}

/** Waits until a mail to the customer says this; there were `before` mails. */
async function told(before, words) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = (await mails(ADDRESS)).slice(before);
    if (all.some((it) => it.text.includes(words))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no mail says: ${words}`);
}

/** A member of staff who has looked the customer up. */
async function staff(options = { viewport: { width: 1280, height: 720 } }) {
  const page = await open(browser, options);
  await page.goto(`${base}/administrator?key=${key}`);
  await lookUp(page);
  return page;
}

async function lookUp(page) {
  await page.goto(`${base}/admin/customers?tenant=contoso`);
  await page.fill("#address", ADDRESS);
  await page.click("main .button");
}

/** Does an action for the customer, and returns what it shows once. */
async function act(page, action, name, axe = true) {
  await page.click(`text=${action}`);
  await check(page, `${name}-confirm`, axe);
  await page.fill("#reason", "Ticket 4711, called back");
  await page.locator("main button.button").first().click();
  await check(page, `${name}-done`, axe);
  const secret = page.locator("main code");
  return (await secret.count()) === 1 ? secret.textContent() : null;
}

/** A code by telephone: staff read it, the customer types it. */
async function walkCode(name, options, axe = true) {
  await restore();
  const before = (await mails(ADDRESS)).length;
  const desk = await staff(options);
  await check(desk, `${name}14-customer`, axe);
  const code = await act(desk, "Hand over a code", `${name}14b`, axe);
  const page = await open(browser, options);
  await page.goto(`${base}/contoso/shop`);
  await page.locator("main a.link[href*=support-code]").click();
  assert.equal(path(page), "/contoso/account/support-code");
  await check(page, `${name}14c-support-code`, axe);
  await page.fill("#username", ADDRESS);
  await page.fill("#code", "BCDF-GHJK-LMNP-QRST");
  await press(page);
  assert.equal(await page.locator("[aria-invalid]").count() > 0, true, "a wrong code");
  await check(page, `${name}14d-wrong`, axe);
  await page.fill("#username", ADDRESS);
  await page.fill("#code", code.toLowerCase());
  await press(page);
  await newPassword(page);
  await signedIn(page);
  await told(before, "support");
  assert.deepEqual([...desk.faults, ...page.faults], []);
  for (const each of [desk, page]) await each.context().close();
}

await walk({
  async "a code by telephone, with script, English, 1280 px"() {
    await walkCode("en-", { viewport: { width: 1280, height: 720 } });
  },
  async "a code by telephone, without script, English, 320 px"() {
    await walkCode("en-noscript-", { javaScriptEnabled: false, viewport: NARROW }, false);
  },

  async "a temporary password signs everybody out and must be changed"() {
    await restore();
    const [page, desk] = [await open(browser), await staff()];
    await signIn(page, ADDRESS, OLD);
    await signedIn(page);
    const before = (await mails(ADDRESS)).length;
    const password = await act(desk, "Set a temporary password", "en-15");
    await page.goto(`${base}/contoso/shop`);
    assert.equal(path(page), "/contoso/account/sign-in", "the session has ended");
    await told(before, "temporary password");
    await signIn(page, ADDRESS, OLD);
    assert.equal(path(page), "/contoso/account/password", "the old password is gone");
    await signIn(page, ADDRESS, password);
    await newPassword(page);
    await signedIn(page);
    assert.deepEqual([...desk.faults, ...page.faults], []);
    for (const each of [desk, page]) await each.context().close();
  },

  async "the end of a pause lets the owner in and signs nobody out"() {
    await restore();
    const [owner, other, desk] = [await open(browser), await open(browser), await staff()];
    await signIn(owner, ADDRESS, OLD);
    await signedIn(owner);
    for (let tries = 0; tries < 10; tries += 1) await signIn(other, ADDRESS, WRONG);
    await signIn(other, ADDRESS, OLD);
    assert.notEqual(path(other), "/contoso/shop", "sign-in is paused");
    await lookUp(desk);
    await desk.getByText("Sign-in is paused", { exact: true }).waitFor();
    await check(desk, "en-16-paused");
    const before = (await mails(ADDRESS)).length;
    assert.equal(await act(desk, "End the pause", "en-16b"), null);
    await signIn(other, ADDRESS, OLD);
    await signedIn(other);
    await signedIn(owner);
    await told(before, "support");
    await lookUp(desk);
    await desk.getByText("End of the pause: done", { exact: true }).first().waitFor();
    assert.equal(await desk.getByText("because: Ticket 4711, called back").count() > 0, true);
    await check(desk, "en-16c-trail");
    assert.deepEqual([...desk.faults, ...other.faults, ...owner.faults], []);
    for (const each of [desk, other, owner]) await each.context().close();
  },
});
await browser.close();
