// Walks the pages that freeze an account in Chromium: the code of a notice, the question, the way back,
// and staff who end a freeze.
import assert from "node:assert/strict";
import {
  OLD, advance, arrive, base, check, key, launch, mail, mails, open, passcodes, path, press, restore, signIn, walk,
} from "./world.mjs";

const THIEFS = "a password of the thief 6";
const NEW = "four unrelated words will do";
const ADDRESS = "ada@example.com";
const NARROW = { width: 320, height: 640 };
const browser = await launch();

/** The code of the notice that comes after the first `before` mails. */
async function noticed(before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = (await mails(ADDRESS)).slice(before);
    // The notice of an earlier walk's reset may still be on its way.
    const notice = all.find((it) => it.text.includes("someone who knew the current"));
    if (notice) return notice.code;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no notice");
}

/** Somebody with a session and the password changes it; returns his page and the owner's code. */
async function stolen() {
  await restore();
  const before = (await mails(ADDRESS)).length;
  const thief = await open(browser);
  await signIn(thief, ADDRESS, OLD);
  await thief.click("text=Change password");
  await thief.fill("#current-password", OLD);
  await thief.fill("#new-password", THIEFS);
  await thief.fill("#confirm-password", THIEFS);
  await press(thief);
  assert.equal(path(thief), "/contoso/account/done");
  return [thief, await noticed(before)];
}

async function freeze(page, code) {
  await page.fill("#code", code);
  await press(page);
}

/** The owner freezes the account and gets it back, each screen looked at. */
async function walkFreeze(name, options, axe = true) {
  const [thief, code] = await stolen();
  const page = await open(browser, options);
  await page.goto(`${base}/contoso/account/sign-in`);
  await page.locator("main a.link[href*=freeze]").click();
  assert.equal(path(page), "/contoso/account/freeze");
  await check(page, `${name}12-freeze`, axe);
  await freeze(page, "BCDF-GHJK-LMNP-QRST");
  assert.equal(path(page), "/contoso/account/freeze-account");
  await press(page);
  assert.equal(path(page), "/contoso/account/freeze");
  assert.equal(await page.locator("#code[aria-invalid]").count(), 1);
  await check(page, `${name}12b-wrong`, axe);
  await freeze(page, ` ${code.toLowerCase()} `);
  assert.equal(path(page), "/contoso/account/freeze-account");
  await check(page, `${name}12c-confirm`, axe);
  await page.locator("main .button").first().dblclick();
  await arrive(page, /\/frozen\?/);
  await check(page, `${name}12d-frozen`, axe);

  await thief.goto(`${base}/contoso/shop`);
  assert.equal(path(thief), "/contoso/account/sign-in", "the thief is signed out");
  await signIn(thief, ADDRESS, THIEFS);
  assert.equal(path(thief), "/contoso/account/frozen", "and does not come in again");

  const before = (await passcodes(ADDRESS)).length;
  await press(page);
  assert.equal(path(page), "/contoso/account/forgot");
  await page.fill("#username", ADDRESS);
  await press(page);
  await page.fill("#code", (await mail(ADDRESS, before)).code);
  await press(page);
  await page.fill("#new-password", NEW);
  await page.fill("#confirm-password", NEW);
  await press(page);
  await arrive(page, /\/done\?/);
  await page.goto(`${base}/contoso/shop`);
  assert.equal(await page.locator("#account").textContent(), "ada");
  await signIn(thief, ADDRESS, THIEFS);
  assert.equal(path(thief), "/contoso/account/password");
  assert.deepEqual([...page.faults, ...thief.faults], []);
  await page.context().close();
  await thief.context().close();
}

await walk({
  async "a freeze and the way back, with script, English, 1280 px"() {
    await walkFreeze("en-", { viewport: { width: 1280, height: 720 } });
  },
  async "a freeze and the way back, without script, English, 320 px"() {
    await walkFreeze("en-noscript-", { javaScriptEnabled: false, viewport: NARROW }, false);
  },
  async "a freeze and the way back, with script, Arabic, 320 px"() {
    await walkFreeze("ar-", { locale: "ar-EG", viewport: NARROW });
  },
  async "a freeze and the way back, with script, German, 320 px, in dark"() {
    await walkFreeze("dark-", { colorScheme: "dark", locale: "de-DE", viewport: NARROW });
  },

  async "staff see that an account is frozen, and end it"() {
    const [thief, code] = await stolen();
    const owner = await open(browser);
    await owner.goto(`${base}/contoso/account/freeze`);
    await freeze(owner, code);
    await press(owner);
    await arrive(owner, /\/frozen\?/);
    const staff = await open(browser, { viewport: { width: 1280, height: 720 } });
    await staff.goto(`${base}/administrator?key=${key}`);
    await staff.goto(`${base}/admin/customers?tenant=contoso`);
    await staff.fill("#address", ADDRESS);
    await staff.click("main .button");
    await staff.getByText("The account is frozen", { exact: true }).waitFor();
    await check(staff, "en-13-frozen-customer");
    await staff.click("text=Unfreeze");
    await check(staff, "en-13b-unfreeze");
    await staff.fill("#reason", "Ticket 7");
    await staff.locator("main button.button").first().click();
    await staff.getByText("The account is open again", { exact: true }).waitFor();
    await advance(60);
    await signIn(thief, ADDRESS, THIEFS);
    assert.equal(path(thief), "/contoso/shop");
    await owner.goto(`${base}/contoso/account/freeze`);
    await freeze(owner, code);
    await press(owner);
    assert.equal(await owner.locator("#code[aria-invalid]").count(), 1, "the code is used");
    assert.deepEqual([...owner.faults, ...staff.faults, ...thief.faults], []);
    for (const page of [owner, staff, thief]) await page.context().close();
  },
});
await browser.close();
