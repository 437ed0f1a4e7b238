// MSAL JS, unmodified, against the demonstration: in Node, in Chromium, and in the single-page
// application of the examples.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { CustomAuthPublicClientApplication } from "@azure/msal-browser/custom-auth";
import { advance, base, launch, mail, passcodes, restore, walk } from "./world.mjs";
import { flows } from "./msal-flows.mjs";
import { pretend } from "./pretend.mjs";

const api = `${base}/contoso.onmicrosoft.com`;
const port = process.env.SPA_PORT;
const inbox = {
  advance,
  count: async (address) => (await passcodes(address)).length,
  passcode: async (address, before) => (await mail(address, before)).code,
  restore,
};

const server = spawn(process.execPath, [process.env.SPA_SERVER], {
  env: { ...process.env, MODULES: process.env.MODULES, PORT: port },
  stdio: ["ignore", "pipe", "inherit"],
});
await new Promise((resolve) => server.stdout.once("data", resolve));
const browser = await launch();
try {
  await walk({
    async "MSAL JS in Node"() {
      pretend(webcrypto);
      const done = await flows(CustomAuthPublicClientApplication, api, inbox);
      console.log(done.map((what) => `  - ${what}`).join("\n"));
    },

    async "MSAL JS in Chromium"() {
      const page = await browser.newPage();
      for (const [name, act] of Object.entries(inbox)) await page.exposeFunction(`inbox_${name}`, act);
      await page.goto(`http://localhost:${port}/?api=${encodeURIComponent(api)}`);
      const text = readFileSync(new URL("msal-flows.mjs", import.meta.url), "utf8");
      await page.addScriptTag({ type: "module", content: `${text.replace("export async", "async")}
        import { CustomAuthPublicClientApplication } from "@azure/msal-browser/custom-auth";
        window.run = () => flows(CustomAuthPublicClientApplication, ${JSON.stringify(api)}, {
          advance: inbox_advance, count: inbox_count, passcode: inbox_passcode, restore: inbox_restore });` });
      await page.waitForFunction(() => window.run);
      const done = await page.evaluate(() => window.run());
      assert.ok(done.length >= 25, String(done.length));
      await page.close();
    },

    async "the single-page application"() {
      await restore();
      const page = await browser.newPage();
      await page.goto(`http://localhost:${port}/?api=${encodeURIComponent(api)}`);
      const says = (words) => page.waitForFunction((words) => document.querySelector("output").textContent.includes(words), words);
      const before = (await passcodes("ada@example.com")).length;
      await page.fill("[name=username]", "ada@example.com");
      await page.click("[name=forgot]");
      await says("on its way");
      await page.fill("[name=code]", "00000000");
      const { code } = await mail("ada@example.com", before);
      await page.click("[name=go]");
      if (code !== "00000000") await says("invalid_oob_value");
      await page.fill("[name=code]", code);
      await page.click("[name=go]");
      await says("Choose");
      await page.fill("[name=fresh]", "four unrelated words will do");
      await page.click("[name=set]");
      await says("Signed in as ada@example.com");
      await page.close();
    },
  });
} finally {
  await browser.close();
  server.kill();
}
// MSAL JS keeps timers that would keep Node.
process.exit(0);
