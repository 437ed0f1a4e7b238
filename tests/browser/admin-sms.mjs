// Walks the administrator's form for SMS in Chromium: on, off, what it refuses, and what it would
// change. Customers are offered SMS as soon as it is saved.
import assert from "node:assert/strict";
import { base, check, key, launch, open, path, press, restore, walk } from "./world.mjs";

const FORM = "form[action^=sms]";
const browser = await launch();

async function administrator(options) {
  const page = await open(browser, options);
  await page.goto(`${base}/administrator?key=${key}`);
  assert.equal(path(page), "/admin/");
  page.faults.length = 0;
  return page;
}

/** Where a customer of Contoso comes who forgot the password. */
async function forgot() {
  const page = await open(browser);
  await page.goto(`${base}/contoso/shop`);
  await page.fill("#username", "ada@example.com");
  await press(page);
  await page.click("button[formaction^=reset]");
  const at = path(page);
  await page.context().close();
  return at.split("/").at(-1);
}

async function alert(page) {
  return page.locator("main > .alert").innerText();
}

async function walkForm(name, options, axe) {
  await restore();
  const page = await administrator(options);
  const switched = page.locator(`${FORM} [name=state]`);
  await check(page, `${name}1-off`, axe);
  assert.equal(await switched.isChecked(), false);
  assert.ok(await page.locator("text=SMS is a restricted authenticator").isVisible());
  assert.ok(await page.locator("text=3,000 text messages").isVisible());
  assert.equal(await forgot(), "code");

  // What is missing is told, and what was typed stays.
  await switched.check();
  await page.click(`${FORM} .button`);
  assert.match(await alert(page), /Countries: name at least one country/);
  await page.fill("#countries", "US Canada");
  await page.fill("#texts_per_tenant", "400");
  await page.click(`${FORM} .button`);
  assert.match(await alert(page), /Countries: must be a country, as two letters/);
  assert.equal(await page.inputValue("#countries"), "US Canada");
  await check(page, `${name}2-refused`, axe);

  await page.fill("#countries", "US CA");
  await page.click(`${FORM} .button`);
  const status = page.locator(`${FORM} [role=status]`);
  assert.match(await status.innerText(), /^No account would lose password reset/);
  assert.ok(await status.evaluate((it) => it === document.activeElement), "it is read out");
  assert.equal(await forgot(), "code", "nothing is saved yet");
  await check(page, `${name}3-preview`, axe);
  await page.click("text=Save SMS");
  assert.ok(await page.locator("text=Saved.").isVisible());
  assert.ok(await page.locator("text=Stored now: United States, Canada").isVisible());
  assert.ok(await page.locator("text=1,800 text messages").isVisible());
  await check(page, `${name}4-on`, axe);
  assert.equal(await forgot(), "send-code");

  // Groups can be chosen and left out, as for Email OTP.
  await page.check(`${FORM} [value=groups]`);
  await page.locator(`${FORM} [name=include_group]`).first().check();
  await page.click(`${FORM} .button`);
  await page.click("text=Save SMS");
  assert.ok(await page.locator(`${FORM} [name=include_group]`).first().isChecked());

  // Without Email OTP there is no SMS, and it cannot be switched on.
  await page.uncheck("form[action^=policy] [name=state]");
  await page.click("form[action^=policy] .button");
  await page.click("text=Save policy");
  assert.ok(await page.locator("text=SMS works only beside Email OTP").isVisible());
  await page.click(`${FORM} .button`);
  assert.match(await alert(page), /SMS: works only beside Email OTP/);
  await check(page, `${name}5-no-email`, axe);
  await page.locator(`${FORM} [name=state]`).uncheck();
  await page.click(`${FORM} .button`);
  await page.click("text=Save SMS");
  assert.ok(await page.locator("text=Saved.").isVisible());
  await page.click("footer >> text=Events");
  assert.ok(await page.locator("h2", { hasText: "SMS" }).first().isVisible());
  assert.ok(await page.locator("text=$.smsCountries[0]: null → \"US\"").first().isVisible());
  await check(page, `${name}6-events`, axe);
  // Chromium reports an answer that refuses a form, such as 422, on its console.
  assert.deepEqual(page.faults.filter((it) => !it.includes("status of 422")), []);
  await page.context().close();
}

await walk({
  "with script, 1280 px": () => walkForm("sms-", { viewport: { width: 1280, height: 720 } }, true),
  "without script, 320 px": () =>
    walkForm("sms-narrow-", { javaScriptEnabled: false, viewport: { width: 320, height: 640 } }, false),
  "in dark, 1280 px": () =>
    walkForm("sms-dark-", { colorScheme: "dark", viewport: { width: 1280, height: 720 } }, true),
  "in dark, 320 px": () =>
    walkForm("sms-dark-narrow-", { colorScheme: "dark", viewport: { width: 320, height: 640 } }, true),
});
await browser.close();
