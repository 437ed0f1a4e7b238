// Walks the hosted pages where browsers and networks are not as usual: behind proxies that take
// headers or a path prefix away, with foreign cookies, without cookies.
import assert from "node:assert/strict";
import { createServer, request as ask } from "node:http";
import { launch, base, mail, passcodes, restore, walk } from "./world.mjs";

const NEW = "four unrelated words will do";
const browser = await launch();
const path = (page) => new URL(page.url()).pathname;

/** A proxy in front of the demonstration; what it saw of each form. */
async function proxy({ prefix = "", cookies = true } = {}) {
  const seen = [];
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith(prefix)) return outgoing.writeHead(404).end();
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => !name.startsWith("sec-fetch-")));
    if (incoming.method === "POST") seen.push(headers.origin);
    const target = base + (incoming.url.slice(prefix.length) || "/");
    const onward = ask(target, { headers, method: incoming.method }, (answer) => {
      const answered = { ...answer.headers };
      if (!cookies) delete answered["set-cookie"];
      outgoing.writeHead(answer.statusCode, answered);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = `http://127.0.0.1:${server.address().port}`;
  return { at: at + prefix, origin: at, seen, close: () => server.close() };
}

const enter = async (page, field, text) => {
  await page.fill(field, text);
  await page.click("main .button");
};

/** From the first page to the last, all below `at`. */
async function journey(page, at, address) {
  await page.goto(`${at}/contoso/account/`);
  assert.equal(page.url(), `${at}/contoso/account/sign-in`);
  await enter(page, "#username", address);
  assert.match(page.url(), new RegExp(`^${at}/contoso/account/password`));
  const before = (await passcodes(address)).length;
  await page.click("button[formaction^=reset]");
  assert.match(page.url(), new RegExp(`^${at}/contoso/account/code`));
  await enter(page, "#code", (await mail(address, before)).code);
  await page.fill("#new-password", NEW);
  await page.fill("#confirm-password", NEW);
  await page.click("main .button");
  assert.match(page.url(), new RegExp(`^${at}/contoso/account/done`));
  assert.match(await page.locator(".lead").textContent(), /ada@example.com/);
}

await walk({
  async "our own forms pass a proxy that takes Sec-Fetch headers away"() {
    await restore();
    const front = await proxy();
    const page = await browser.newPage();
    await journey(page, front.at, "ada@example.com");
    assert.ok(front.seen.length >= 4);
    assert.deepEqual([...new Set(front.seen)], [front.origin], "no form came from `null`");
    // A form of another site does not.
    const evil = await proxy({ prefix: "/evil" });
    await page.route(`${evil.at}/`, (route) => route.fulfill({
      body: `<form method="post" action="${front.at}/contoso/account/sign-out"><button>x</button></form>`,
      contentType: "text/html",
    }));
    await page.goto(`${evil.at}/`);
    const [answer] = await Promise.all([page.waitForResponse(/sign-out/), page.click("button")]);
    assert.equal(answer.status(), 403);
    await page.close();
    front.close();
    evil.close();
  },

  async "a prefix that a proxy takes away stays in every address"() {
    await restore();
    const front = await proxy({ prefix: "/auth" });
    const page = await browser.newPage();
    const missing = [];
    page.on("response", (answer) => { if (answer.status() >= 400) missing.push(answer.url()); });
    await journey(page, front.at, "ada@example.com");
    assert.deepEqual(missing, []);
    await page.close();
    front.close();
  },

  async "a browser that keeps no cookies is told so"() {
    const front = await proxy({ cookies: false });
    const page = await browser.newPage();
    await page.goto(`${front.at}/contoso/account/sign-in`);
    await enter(page, "#username", "ada@example.com");
    assert.match(await page.locator(".lead").textContent(), /Allow cookies for this site/);
    await page.click("main .button");
    assert.match(path(page), /sign-in$/);
    await page.close();
    front.close();
  },

  async "a foreign cookie that is no ASCII takes no page away"() {
    await restore();
    const page = await browser.newPage();
    await page.goto(`${base}/contoso/account/sign-in`);
    await page.evaluate(() => { document.cookie = "city=Zürich; path=/"; });
    await journey(page, base, "ada@example.com");
    const done = page.url();
    await page.click("main .button");
    assert.equal(await page.locator("#account").textContent(), "ada");
    await page.click("text=Sign out");
    await page.goto(done);
    assert.doesNotMatch(await page.content(), /ada@example.com/);
    await page.close();
  },

  async "addresses in any script can be sent, and the way back outlives a change of language"() {
    const page = await browser.newPage();
    for (const address of ["jörg@example.com", "अजय@डाटा.भारत"]) {
      await page.goto(`${base}/contoso/account/sign-in?return_to=/contoso/shop%3Fx%3D1&utm=M%FCnchen`);
      await page.click("footer [hreflang=de]");
      assert.match(page.url(), /return_to=.*utm=M%FCnchen/);
      assert.equal(await page.inputValue("[name=return_to]"), "/contoso/shop?x=1");
      await enter(page, "#username", address);
      assert.match(path(page), /password$/, address);
      assert.equal(await page.inputValue("#username"), address);
      await page.click("footer [hreflang=en]");
      assert.equal(await page.inputValue("#username"), address);
    }
    await page.close();
  },

  async "a password typed in two normal forms is one, with the live check too"() {
    await restore();
    const page = await browser.newPage();
    await page.goto(`${base}/contoso/account/sign-in`);
    await enter(page, "#username", "ada@example.com");
    const before = (await passcodes("ada@example.com")).length;
    await page.click("button[formaction^=reset]");
    await enter(page, "#code", `\u200b${(await mail("ada@example.com", before)).code}\u2069`);
    await page.fill("#new-password", "vier w\u00f6rter f\u00fcr ada");
    await page.fill("#confirm-password", "vier wo\u0308rter fu\u0308r ada");
    assert.equal(await page.locator("#match [data-is=met]").count(), 1);
    await page.click("main .button");
    assert.match(path(page), /done$/);
    await page.close();
  },
});
await browser.close();
