// MSAL JS, unmodified, where a tenant offers SMS: version 2 lets the user choose, and version 1 knows
// codes by mail only.
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

/** Goes from the address to the choice. */
async function choice(app, username) {
  const result = await app.resetPasswordV2({ username });
  assert.ok(result.isState("authMethodSelectionRequired"), faults(result));
  const { methods } = result.state;
  assert.deepEqual(methods.map((it) => it.type.toLowerCase()), ["email", "sms"]);
  return result.state;
}

async function finish(state, code) {
  let result = await state.submitCode(code === "00000000" ? "11111111" : "00000000");
  assert.ok(result.isFailed() && result.error.isInvalidCode(), faults(result));
  result = await state.submitCode(code);
  assert.ok(result.isState("newPasswordRequired"), faults(result));
  result = await result.state.submitNewPassword(NEW);
  assert.ok(!result.isFailed(), faults(result));
  if (result.isState("signInContinuation")) result = await result.state.signIn();
  assert.ok(result.isState("completed"), faults(result));
}

await walk({
  async "version 2 resets by SMS"() {
    await restore();
    const app = await create();
    const state = await choice(app, ADDRESS);
    const before = (await mails(PHONE)).length;
    let result = await state.selectAuthMethod(state.methods[1]);
    assert.ok(result.isState("codeRequired"), faults(result));
    await text(before);
    await advance(61);
    result = await result.state.resendCode();
    assert.ok(result.isState("codeRequired"), faults(result));
    await finish(result.state, await text(before + 1));
    await app.getCurrentAccount().data.signOut();
  },

  async "version 2 changes its mind"() {
    await restore();
    const app = await create();
    const state = await choice(app, ADDRESS);
    const [mailed, texted] = [(await passcodes(ADDRESS)).length, (await mails(PHONE)).length];
    const first = await state.selectAuthMethod(state.methods[0]);
    assert.ok(first.isState("codeRequired"), faults(first));
    const { code: old } = await mail(ADDRESS, mailed);
    const second = await state.selectAuthMethod(state.methods[1]);
    assert.ok(second.isState("codeRequired"), faults(second));
    const code = await text(texted);
    const wrong = await second.state.submitCode(old);
    assert.ok(wrong.isFailed() && wrong.error.isInvalidCode(), "the newest code counts");
    await finish(second.state, code);
    await app.getCurrentAccount().data.signOut();
  },

  async "a stranger is offered the same"() {
    await restore();
    const app = await create();
    const hints = async (username) => (await choice(app, username)).methods.map((it) => it.hint)[1];
    assert.equal(await hints("nobody@example.com"), await hints(ADDRESS));
    const state = await choice(app, "nobody@example.com");
    const result = await state.selectAuthMethod(state.methods[1]);
    assert.ok(result.isState("codeRequired"), faults(result));
    const wrong = await result.state.submitCode("12345678");
    assert.ok(wrong.isFailed() && wrong.error.isInvalidCode(), faults(wrong));
  },

  async "version 1 asks for a code by mail"() {
    await restore();
    const app = await create();
    const before = (await passcodes(ADDRESS)).length;
    let result = await app.resetPassword({ username: ADDRESS });
    assert.ok(result.isCodeRequired(), faults(result));
    result = await result.state.submitCode((await mail(ADDRESS, before)).code);
    assert.ok(result.isPasswordRequired(), faults(result));
    result = await result.state.submitNewPassword(NEW);
    assert.ok(result.isCompleted(), faults(result));
  },
});
// MSAL JS keeps timers that would keep Node.
process.exit(0);
