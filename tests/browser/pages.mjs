// Walks the hosted pages in Chromium as a person would, the administrator's part first.
import assert from "node:assert/strict";
import { OLD, accessible, advance, base, key, launch, mail, open, passcodes, restore, shot, sound, walk, arrive } from "./world.mjs";

const NEW = "four unrelated words will do";
const browser = await launch();
const path = (page) => new URL(page.url()).pathname;

async function check(page, name, axe) {
  await shot(page, name);
  if (!axe) return;
  await sound(page, name);
  await accessible(page, name);
}

async function toPassword(page, tenant, address) {
  await page.goto(`${base}/${tenant}/shop`);
  assert.equal(path(page), `/${tenant}/account/sign-in`);
  await page.fill("#username", address);
  await page.click("main .button");
  assert.equal(path(page), `/${tenant}/account/password`);
}

async function forgot(page, address) {
  const before = (await passcodes(address)).length;
  await page.click("button[formaction^=reset]");
  assert.match(path(page), /\/account\/code$/);
  return before;
}

const enter = async (page, field, text) => {
  await page.fill(field, text);
  await page.click("main .button");
};

async function setPassword(page, password, again = password) {
  await page.fill("#new-password", password);
  await page.fill("#confirm-password", again);
  await page.click("main .button");
}

async function signedIn(page, tenant, account) {
  await page.goto(`${base}/${tenant}/shop`);
  assert.equal(await page.locator("#account").textContent(), account);
}

/** The whole journey, each screen looked at. */
async function journey(tenant, name, options, axe) {
  await restore();
  const label = `${name}-`;
  const address = "ada@example.com";
  const page = await open(browser, options);
  await page.goto(`${base}/${tenant}/account/sign-in`);
  await check(page, `${label}1-sign-in`, axe);
  await toPassword(page, tenant, address);
  await check(page, `${label}2-password`, axe);
  await enter(page, "#password", "wrong password here");
  assert.match(await page.title(), /^\S+.*: /);
  await check(page, `${label}2b-wrong`, axe);
  const before = await forgot(page, address);
  await check(page, `${label}3-code`, axe);
  const { code } = await mail(address, before);
  await enter(page, "#code", code === "00000000" ? "11111111" : "00000000");
  assert.equal(await page.locator("#code[aria-invalid]").count(), 1);
  assert.equal(await page.locator("#code").inputValue(), "");
  await check(page, `${label}3b-code-wrong`, axe);
  await enter(page, "#code", `${code.slice(0, 4)} ${code.slice(4)} `);
  assert.match(path(page), /new-password$/);
  await check(page, `${label}4-new-password`, axe);
  await setPassword(page, "password password", "password password");
  assert.ok(await page.locator(".alert li").count() > 0);
  assert.equal(await page.locator("#new-password").inputValue(), "");
  await check(page, `${label}4b-rejected`, axe);
  await setPassword(page, NEW);
  assert.match(path(page), /done$/);
  await check(page, `${label}5-done`, axe);
  await page.click("main .button");
  assert.equal(path(page), `/${tenant}/shop`);
  await signedIn(page, tenant, "ada");
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

await walk({
  async "the administrator's part, then the customer's, in two tenants"() {
    await restore();
    const admin = await open(browser);
    await admin.goto(`${base}/admin/`);
    assert.equal(path(admin), "/administrator");
    await admin.goto(`${base}/administrator?key=${key}`);
    admin.faults.length = 0;
    assert.equal(path(admin), "/admin/");
    await check(admin, "8-admin", true);
    await admin.setViewportSize({ width: 320, height: 640 });
    await check(admin, "8-admin-narrow", true);
    await admin.setViewportSize({ width: 1280, height: 720 });

    // Email OTP off in one tenant: no reset there, and the other is as it was.
    await admin.selectOption("#tenant", "contoso");
    await admin.click("text=Switch");
    await admin.uncheck("form[action^=policy] [name=state]");
    await admin.click("form[action^=policy] .button");
    assert.match(await admin.locator("form[action^=policy] [role=status]").innerText(), /^(\d+) of \1 accounts could no longer reset/);
    await check(admin, "8-admin-preview", true);
    await admin.click("text=Save policy");
    assert.ok(await admin.locator("text=Saved.").isVisible());
    assert.ok(await admin.locator("text=1 to do").isVisible());
    const page = await open(browser);
    await toPassword(page, "contoso", "ada@example.com");
    assert.equal(await page.locator("button[formaction^=reset]").count(), 0);
    await toPassword(page, "fabrikam", "ada@example.com");
    assert.equal(await page.locator("button[formaction^=reset]").count(), 1);

    // The user flow offers Email with password; Email OTP on for all users.
    assert.ok(await admin.locator("[value=EmailPassword-OAUTH]").isChecked());
    await admin.check("form[action^=policy] [name=state]");
    await admin.check("form[action^=policy] [value=all_users]");
    await admin.click("form[action^=policy] .button");
    await admin.click("text=Save policy");
    assert.ok(await admin.locator("text=Saved.").isVisible());
    await admin.fill("#address", "disabled@example.com");
    await admin.click("text=Explain");
    assert.ok(await admin.locator("text=the account is disabled").isVisible());
    await admin.click("footer >> text=Events");
    assert.ok(await admin.locator("text=administrator").first().isVisible());
    await check(admin, "8-admin-events", true);

    await toPassword(page, "contoso", "ada@example.com");
    const before = await forgot(page, "ada@example.com");
    await enter(page, "#code", (await mail("ada@example.com", before)).code);
    await setPassword(page, NEW);
    await signedIn(page, "contoso", "ada");
    // A customer of one tenant is nobody in the other.
    await page.goto(`${base}/fabrikam/shop`);
    assert.equal(path(page), "/fabrikam/account/sign-in");
    assert.deepEqual([...page.faults, ...admin.faults], []);
    await page.context().close();
    await admin.context().close();
  },

  async "a locked account is unlocked, and a paused sign-in opened, by the reset"() {
    await restore();
    const page = await open(browser);
    for (const [name, tenant] of [["locked", "contoso"], ["grace", "fabrikam"]]) {
      const address = `${name}@example.com`;
      await toPassword(page, tenant, address);
      if (name === "grace") {
        while (path(page).endsWith("/password")) await enter(page, "#password", "a wrong password");
      } else {
        await enter(page, "#password", OLD);
      }
      assert.match(path(page), /locked$/);
      await check(page, `6-locked-${name}`, true);
      const before = (await passcodes(address)).length;
      await page.click("main .button");
      await enter(page, "#code", (await mail(address, before)).code);
      await setPassword(page, NEW);
      await signedIn(page, tenant, name);
    }
    assert.deepEqual(page.faults, []);
    await page.context().close();
  },

  async "with script, English, 1280 px"() {
    await journey("contoso", "en", { viewport: { width: 1280, height: 720 } }, true);
  },
  async "without script, English, 320 px"() {
    await journey("contoso", "en-noscript", { javaScriptEnabled: false, viewport: { width: 320, height: 640 } }, false);
  },
  async "with script, Arabic, 320 px"() {
    await journey("fabrikam", "ar", { locale: "ar-EG", viewport: { width: 320, height: 640 } }, true);
  },
  async "without script, Arabic, 1280 px"() {
    await journey("fabrikam", "ar-noscript", { javaScriptEnabled: false, locale: "ar-EG", viewport: { width: 1280, height: 720 } }, false);
  },
  async "with script, English, 320 px, in dark"() {
    await journey("fabrikam", "en-narrow", { colorScheme: "dark", viewport: { width: 320, height: 640 } }, true);
  },

  async "every language, chosen by a link, stays chosen"() {
    await restore();
    const page = await open(browser);
    for (const tag of ["de", "fr", "es", "ar", "en"]) {
      await page.goto(`${base}/contoso/account/sign-in`);
      if (tag !== "en" || (await page.getAttribute("html", "lang")) !== "en") await page.click(`footer [hreflang=${tag}]`);
      await enter(page, "#username", "ada@example.com");
      assert.equal(await page.getAttribute("html", "lang"), tag);
      await sound(page, tag);
      await accessible(page, tag);
    }
    await page.context().close();
  },

  async "reload, back, a double click and two tabs lose no code and send no second mail"() {
    await restore();
    const address = "ada@example.com";
    const page = await open(browser);
    await toPassword(page, "contoso", address);
    const before = (await passcodes(address)).length;
    const button = page.locator("button[formaction^=reset]");
    await button.dblclick();
    await arrive(page, /\/code\?/);
    const { code } = await mail(address, before);
    await page.reload();
    await page.goBack();
    await page.goForward();
    await arrive(page, /\/code\?/);

    const other = await page.context().newPage();
    await toPassword(other, "contoso", "grace@example.com");
    const graces = await forgot(other, "grace@example.com");
    const graceCode = (await mail("grace@example.com", graces)).code;

    await page.goBack();
    await arrive(page, /\/password\?/);
    await page.click("button[formaction^=reset]");
    await arrive(page, /\/code\?/);
    await enter(page, "#code", code);
    await arrive(page, /\/new-password\?/);
    await page.reload();
    await page.goBack();
    await arrive(page, /\/new-password\?/);
    await enter(other, "#code", graceCode);
    await arrive(other, /\/new-password\?/);
    await page.fill("#new-password", NEW);
    await page.fill("#confirm-password", NEW);
    await page.locator("main .button").dblclick();
    await arrive(page, /\/done\?/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal((await passcodes(address)).length, before + 1);
    await page.context().close();
  },

  async "too old, tried too often, sent again, please try later"() {
    await restore();
    const address = "grace@example.com";
    const page = await open(browser);
    await toPassword(page, "contoso", address);
    let before = await forgot(page, address);
    await mail(address, before);
    // The cooldown is the server's: an early click changes nothing.
    await page.click("button[formaction^=resend]");
    assert.ok(await page.locator("[data-wait]").isVisible());
    assert.equal((await passcodes(address)).length, before + 1);
    await advance(601);
    await enter(page, "#code", "00000000");
    assert.match(await page.locator(".alert").textContent(), /too old/);
    await check(page, "3b-expired", true);
    await page.click("button[formaction^=resend]");
    const { code } = await mail(address, before + 1);
    const wrong = code === "00000000" ? "11111111" : "00000000";
    for (let tries = 0; tries < 6; tries += 1) await enter(page, "#code", wrong);
    assert.match(await page.locator(".alert").textContent(), /too often/);
    await check(page, "3b-exhausted", true);
    before += 2;
    for (let sends = 0; path(page).endsWith("/code"); sends += 1) {
      assert.ok(sends < 6, "no limit of sends");
      await advance(61);
      await page.click("button[formaction^=resend]");
    }
    assert.match(path(page), /try-later$/);
    await check(page, "7-try-later", true);
    await page.click("text=I have a code");
    assert.match(path(page), /code$/);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  },

  async "past the cap a longer code arrives, and lets its owner in"() {
    await restore();
    const address = "ada@example.com";
    const page = await open(browser);
    await toPassword(page, "fabrikam", address);
    let before = await forgot(page, address);
    for (let sends = 0; ; sends += 1) {
      assert.ok(sends < 4, "no longer code");
      const { code } = await mail(address, before);
      before += 1;
      if (await page.locator("#code.long").count()) {
        await check(page, "3c-code-letters", true);
        await enter(page, "#code", code.replaceAll("-", " ").toLowerCase());
        break;
      }
      const wrong = code === "00000000" ? "11111111" : "00000000";
      for (let tries = 0; tries < 5; tries += 1) await enter(page, "#code", wrong);
      await advance(61);
      await page.click("button[formaction^=resend]");
    }
    await setPassword(page, NEW);
    await signedIn(page, "fabrikam", "ada");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  },

  async "a second factor is asked for by the host, after the reset too"() {
    await restore();
    const address = "second-factor@example.com";
    const page = await open(browser);
    await toPassword(page, "contoso", address);
    const before = await forgot(page, address);
    await enter(page, "#code", (await mail(address, before)).code);
    await setPassword(page, NEW);
    assert.match(path(page), /done$/);
    assert.equal(await page.locator(".lead").count(), 0);
    await page.click("main .button");
    assert.equal(path(page), "/contoso/second-factor");
    await page.goto(`${base}/contoso/shop`);
    assert.equal(path(page), "/contoso/account/sign-in");
    await page.context().close();
  },
});
await browser.close();
