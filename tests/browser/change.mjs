// Walks the pages that change a known password in Chromium: for a signed-in user, for a user who must
// change it, and the entrance for hosts with a sign-in page of their own.
import assert from "node:assert/strict";
import {
  OLD, arrive, base, check, launch, mail, mails, open, passcodes, path, press, restore, shot, walk,
} from "./world.mjs";

const NEW = "four unrelated words will do";
const WRONG = "a wrong password here";
const browser = await launch();

async function signIn(page, address, password = OLD) {
  await page.fill("#username", address);
  await press(page);
  await page.fill("#password", password);
  await press(page);
}

async function change(page, current, password, again = password) {
  await page.fill("#current-password", current);
  await page.fill("#new-password", password);
  await page.fill("#confirm-password", again);
  await press(page);
}

async function signedIn(page, account) {
  await page.goto(`${base}/contoso/shop`);
  assert.equal(await page.locator("#account").textContent(), account);
}

/** Waits for a notice to an address; there were `before` mails. */
async function noticed(address, before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = (await mails(address)).slice(before);
    if (all.some((it) => it.purpose !== "Passcode")) return all;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no notice to ${address}`);
}

/** A change by a signed-in user, each screen looked at, while another browser is signed in as well. */
async function walkChange(name, options, axe = true) {
  await restore();
  const page = await open(browser, options);
  const other = await open(browser);
  for (const each of [page, other]) {
    await each.goto(`${base}/contoso/shop`);
    await signIn(each, "ada@example.com");
    await signedIn(each, "ada");
  }
  const before = (await mails("ada@example.com")).length;
  await page.click("text=Change password");
  assert.equal(path(page), "/contoso/account/change");
  assert.equal(await page.inputValue("#username"), "ada@example.com");
  await check(page, `${name}9-change`, axe);
  await change(page, WRONG, NEW);
  assert.equal(await page.locator("#current-password[aria-invalid]").count(), 1);
  assert.equal(await page.inputValue("#current-password"), "");
  await check(page, `${name}9b-wrong`, axe);
  await change(page, OLD, "password password");
  assert.equal(await page.locator("#new-password[aria-invalid]").count(), 1);
  await check(page, `${name}9c-rejected`, axe);
  await change(page, OLD, NEW);
  assert.equal(path(page), "/contoso/account/done");
  await check(page, `${name}9d-done`, axe);
  await press(page);
  assert.equal(path(page), "/contoso/shop");
  await signedIn(page, "ada");
  await other.goto(`${base}/contoso/shop`);
  assert.equal(path(other), "/contoso/account/sign-in", "the other browser is signed out");
  await signIn(other, "ada@example.com", NEW);
  await signedIn(other, "ada");
  await noticed("ada@example.com", before);
  assert.deepEqual([...page.faults, ...other.faults], []);
  await shot(page, `${name}9e-shop`);
  await page.context().close();
  await other.context().close();
}

/** A sign-in that leads to another password first. */
async function walkForced(name, options, axe = true) {
  await restore();
  const address = "must-change@example.com";
  const page = await open(browser, options);
  await page.goto(`${base}/contoso/shop`);
  await signIn(page, address);
  assert.equal(path(page), "/contoso/account/new-password");
  assert.equal(await page.locator(".step").count(), 0);
  await check(page, `${name}10-must-change`, axe);
  const early = await page.context().newPage();
  await early.goto(`${base}/contoso/shop`);
  assert.equal(path(early), "/contoso/account/sign-in", "nobody is signed in before the change");
  await early.close();
  await page.fill("#new-password", OLD);
  await page.fill("#confirm-password", OLD);
  await press(page);
  assert.equal(await page.locator(".alert li").count(), 1, "the same password again");
  await page.fill("#new-password", NEW);
  await page.fill("#confirm-password", NEW);
  await page.locator("main .button").dblclick();
  await arrive(page, /\/done\?/);
  await press(page);
  assert.equal(path(page), "/contoso/shop");
  await signedIn(page, "must-change");
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

const NARROW = { width: 320, height: 640 };

await walk({
  async "a change, with script, English, 1280 px"() {
    await walkChange("en-", { viewport: { width: 1280, height: 720 } });
  },
  async "a change, without script, English, 320 px"() {
    await walkChange("en-noscript-", { javaScriptEnabled: false, viewport: NARROW }, false);
  },
  async "a change, with script, Arabic, 320 px"() {
    await walkChange("ar-", { locale: "ar-EG", viewport: NARROW });
  },
  async "a change, with script, English, 320 px, in dark"() {
    await walkChange("dark-", { colorScheme: "dark", viewport: NARROW });
  },

  async "a forced change, with script, English, 1280 px"() {
    await walkForced("en-", { viewport: { width: 1280, height: 720 } });
  },
  async "a forced change, without script, Arabic, 320 px"() {
    await walkForced("ar-", { javaScriptEnabled: false, locale: "ar-EG", viewport: NARROW }, false);
  },
  async "a forced change, with script, English, 320 px, in dark"() {
    await walkForced("dark-", { colorScheme: "dark", viewport: NARROW });
  },

  async "a double click changes once, and this browser stays signed in"() {
    await restore();
    const page = await open(browser);
    await page.goto(`${base}/contoso/shop`);
    await signIn(page, "ada@example.com");
    await page.click("text=Change password");
    await page.fill("#current-password", OLD);
    await page.fill("#new-password", NEW);
    await page.fill("#confirm-password", NEW);
    await page.locator("main .button").dblclick();
    await arrive(page, /\/done\?/);
    await page.reload();
    assert.match(await page.locator(".lead").textContent(), /ada@example\.com/);
    await page.goBack();
    await arrive(page, /\/(change|done)\?/);
    await signedIn(page, "ada");
    await page.context().close();
  },

  async "well-known leads to the form, or to the sign-in and then to the form"() {
    await restore();
    const page = await open(browser);
    await page.goto(`${base}/.well-known/change-password`);
    assert.equal(path(page), "/contoso/account/sign-in");
    await signIn(page, "ada@example.com");
    assert.equal(path(page), "/contoso/account/change");
    await page.goto(`${base}/.well-known/change-password`);
    assert.equal(path(page), "/contoso/account/change");
    await change(page, OLD, NEW);
    assert.equal(path(page), "/contoso/account/done");
    await signedIn(page, "ada");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  },

  async "the entrance for a forgotten password leads to a code and back"() {
    await restore();
    const address = "grace@example.com";
    for (const [name, options] of [["en-", {}], ["ar-", { locale: "ar-EG", viewport: NARROW }]]) {
      const page = await open(browser, options);
      await page.goto(`${base}/contoso/account/forgot?return_to=/contoso/shop`);
      await check(page, `${name}11-forgot`);
      await page.fill("#username", "grace");
      await press(page);
      assert.equal(await page.locator("#username[aria-invalid]").count(), 1);
      await check(page, `${name}11b-no-address`);
      await page.context().close();
    }
    const page = await open(browser);
    const before = (await passcodes(address)).length;
    await page.goto(`${base}/contoso/account/forgot?return_to=/contoso/shop`);
    await page.fill("#username", address);
    await page.locator("main .button").dblclick();
    await arrive(page, /\/code\?/);
    await page.fill("#code", (await mail(address, before)).code);
    await press(page);
    await page.fill("#new-password", NEW);
    await page.fill("#confirm-password", NEW);
    await press(page);
    await arrive(page, /\/done\?/);
    await press(page);
    assert.equal(path(page), "/contoso/shop");
    assert.equal((await passcodes(address)).length, before + 1);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  },
});
await browser.close();
