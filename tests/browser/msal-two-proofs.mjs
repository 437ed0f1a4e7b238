// MSAL JS, unmodified, where a tenant requires two proofs: version 2 asks for the second one after the
// new password, and version 1 sends its user to a browser.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { CustomAuthPublicClientApplication } from "@azure/msal-browser/custom-auth";
import { advance, base, mail, mails, passcodes, restore, walk } from "./world.mjs";
import { pretend } from "./pretend.mjs";

const api = `${base}/contoso.onmicrosoft.com`;
const ADDRESS = "phone@example.com";
const PHONE = "+14255550123";
const NEW = "four unrelated words will do";
const faults = (result) => JSON.stringify(result?.error?.errorData ?? {});

pretend(webcrypto);

async function create() {
  return CustomAuthPublicClientApplication.create({
    auth: { clientId: "63856651-0000-4000-8000-000000000000", authority: "https://contoso.ciamlogin.com/" },
    cache: { cacheLocation: "sessionStorage" },
    customAuth: { challengeTypes: ["password", "oob", "redirect"], authApiProxyUrl: api },
  });
}

async function text(before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const all = await mails(PHONE);
    if (all.length > before) return all[before].code;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no text message");
}

await walk({
  async "version 2 gives a second proof after the new password"() {
    await restore();
    const app = await create();
    let result = await app.resetPasswordV2({ username: ADDRESS });
    assert.ok(result.isState("authMethodSelectionRequired"), faults(result));
    const before = (await passcodes(ADDRESS)).length;
    result = await result.state.selectAuthMethod(result.state.methods[0]);
    assert.ok(result.isState("codeRequired"), faults(result));
    result = await result.state.submitCode((await mail(ADDRESS, before)).code);
    assert.ok(result.isState("newPasswordRequired"), faults(result));
    result = await result.state.submitNewPassword(NEW);
    assert.ok(result.isState("authMethodSelectionRequired"), faults(result));
    assert.deepEqual(result.state.methods.map((it) => it.type.toLowerCase()), ["sms"]);
    const texted = (await mails(PHONE)).length;
    result = await result.state.selectAuthMethod(result.state.methods[0]);
    assert.ok(result.isState("mfaVerificationRequired"), faults(result));
    const second = result.state;
    await text(texted);
    await advance(61);
    result = await second.resendChallenge();
    assert.ok(result.isState("mfaVerificationRequired"), faults(result));
    const state = result.state;
    const code = await text(texted + 1);
    result = await state.submitChallenge(code === "00000000" ? "11111111" : "00000000");
    assert.ok(result.isFailed(), "a wrong second code");
    result = await state.submitChallenge(code);
    assert.ok(!result.isFailed(), faults(result));
    if (result.isState("signInContinuation")) result = await result.state.signIn();
    assert.ok(result.isState("completed"), faults(result));
    await app.getCurrentAccount().data.signOut();
  },

  async "version 1 is sent to a browser"() {
    await restore();
    const app = await create();
    for (const username of [ADDRESS, "nobody@example.com"]) {
      const result = await app.resetPassword({ username });
      assert.ok(result.isFailed() && result.error.isRedirectRequired(), faults(result));
    }
  },
});
// MSAL JS keeps timers that would keep Node.
process.exit(0);
