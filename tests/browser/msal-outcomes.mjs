// Every outcome of a sign-in and of a reset that Microsoft documents, as MSAL JS sees it, on both
// versions of the API. The demonstration runs with Entra's rules and Entra's disclosure.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { CustomAuthPublicClientApplication } from "@azure/msal-browser/custom-auth";
import { pretend } from "./pretend.mjs";
import { advance, base, mail, passcodes, restore, walk } from "./world.mjs";

pretend(webcrypto);
const api = `${base}/contoso.onmicrosoft.com`;
const OLD = "the old password 1";
const NEW = "Four-unrelated-words-2";

async function create(challengeTypes = ["password", "oob", "redirect"]) {
  const app = await CustomAuthPublicClientApplication.create({
    auth: { clientId: "63856651-0000-4000-8000-000000000000", authority: "https://contoso.ciamlogin.com/" },
    cache: { cacheLocation: "sessionStorage" },
    customAuth: { authApiProxyUrl: api, challengeTypes },
  });
  const account = app.getCurrentAccount();
  if (account.isCompleted?.() ?? account.data) await account.data?.signOut();
  return app;
}

const signOut = (app) => app.getCurrentAccount().data?.signOut();

/** A failed result, of which exactly these of the named methods are true. */
function fails(result, methods, what) {
  assert.ok(result.isFailed(), `${what}: ${JSON.stringify(result.state)}`);
  const asked = ["isUserNotFound", "isPasswordIncorrect", "isInvalidPassword", "isInvalidCode",
    "isUnsupportedChallengeType", "isInvalidUsername", "isRedirectRequired", "isBrowserRequired",
    "isTokenExpired", "isPasswordResetRequired", "isPasswordResetFailed"];
  const held = asked.filter((name) => result.error[name]?.());
  assert.deepEqual(held, methods, `${what}: ${JSON.stringify(result.error.errorData)}`);
  return result.error.errorData;
}

/** Passwords that Entra's rules refuse, and the suberror of V1 and the inner code of V2. */
const REFUSED = [
  ["Sh0rt!", "password_too_short", "passwordTooShort"],
  [`Aa1!${"x".repeat(253)}`, "password_too_long", "passwordTooLong"],
  ["onlylowercase", "password_too_weak", "passwordTooWeak"],
  ["Passw\u00f6rd with umlaut 1", "password_is_invalid", "passwordIsInvalid"],
  ["Password1234!", "password_banned", "passwordBanned"],
  [OLD, "password_recently_used", "passwordRecentlyUsed"],
];

async function code(address, act) {
  const before = (await passcodes(address)).length;
  const result = await act();
  return [result, (await mail(address, before)).code];
}

const other = (right) => (right === "00000000" ? "11111111" : "00000000");

await walk({
  async "V1 sign-in"() {
    await restore();
    const app = await create();
    const fail = async (username, password, methods, what) =>
      fails(await app.signIn({ password, username }), methods, what);
    await fail("nobody@example.com", OLD, ["isUserNotFound"], "a stranger");
    await fail("disabled@example.com", OLD, ["isUserNotFound"], "a disabled account");
    await fail("federated@example.com", OLD, ["isUserNotFound"], "a federated account");
    await fail("otp-only@example.com", OLD, ["isUserNotFound"], "an account without a password");
    const wrong = ["isPasswordIncorrect"];
    await fail("ada@example.com", "not the password", wrong, "a wrong password");
    await fail("locked@example.com", OLD, wrong, "an account that the host locked");
    await fail("locked@example.com", "not the password", wrong, "the same, wrong password");
    await fail("not an address", OLD, ["isInvalidUsername"], "no address");
    await fail("second-factor@example.com", OLD, ["isRedirectRequired"], "a second factor");

    const asked = await app.signIn({ username: "ada@example.com" });
    assert.ok(asked.isPasswordRequired());
    fails(await asked.state.submitPassword("not the password"), ["isInvalidPassword"], "submit");
    const done = await asked.state.submitPassword(OLD);
    assert.ok(done.isCompleted(), JSON.stringify(done.error?.errorData));
    await signOut(app);
    const again = fails(await asked.state.submitPassword(OLD), ["isTokenExpired"], "a used token");
    assert.equal(again.error, "expired_token");
    const late = await app.signIn({ username: "ada@example.com" });
    await advance(601);
    fails(await late.state.submitPassword(OLD), ["isTokenExpired"], "a token past its end");

    for (let tries = 0; tries < 10; tries += 1) {
      await app.signIn({ password: "not the password", username: "grace@example.com" });
    }
    const locked = await fail("grace@example.com", OLD, [], "too many wrong passwords");
    assert.deepEqual([locked.error, locked.errorCodes], ["invalid_grant", [50053]]);
  },

  async "V1 challenge types"() {
    const oob = await create(["oob"]);
    fails(await oob.signIn({ password: OLD, username: "ada@example.com" }), ["isRedirectRequired"], "no password");
    const password = await create(["password"]);
    fails(await password.resetPassword({ username: "ada@example.com" }), ["isRedirectRequired"], "no code");
    const all = await create();
    // MSAL JS lists no type that it does not know: another client does.
    const { fetch } = globalThis;
    globalThis.fetch = (url, init) => {
      const body = String(init.body).replace("challenge_type=", "challenge_type=carrier_pigeon+");
      return fetch(url, { ...init, body });
    };
    try {
      const unknown = ["isUnsupportedChallengeType"];
      fails(await all.signIn({ password: OLD, username: "ada@example.com" }), unknown, "sign-in");
      const error = fails(await all.resetPassword({ username: "ada@example.com" }), unknown, "reset");
      assert.equal(error.error, "unsupported_challenge_type");
    } finally {
      globalThis.fetch = fetch;
    }
  },

  async "V1 reset"() {
    await restore();
    const app = await create();
    for (const name of ["nobody", "disabled", "federated", "otp-only", "excluded"]) {
      const username = `${name}@example.com`;
      fails(await app.resetPassword({ username }), ["isUserNotFound"], username);
    }
    fails(await app.resetPassword({ username: "not an address" }), ["isInvalidUsername"], "no address");

    const ada = "ada@example.com";
    const [asked, right] = await code(ada, () => app.resetPassword({ username: ada }));
    assert.ok(asked.isCodeRequired() && asked.state.getCodeLength() === 8);
    fails(await asked.state.submitCode(other(right)), ["isInvalidCode"], "a wrong code");
    const early = fails(await asked.state.resendCode(), [], "a resend within the minute");
    assert.equal(early.error, "temporarily_unavailable");
    const proved = await asked.state.submitCode(right);
    assert.ok(proved.isPasswordRequired());
    for (const [password, suberror] of REFUSED) {
      const error = fails(await proved.state.submitNewPassword(password), ["isInvalidPassword"], suberror);
      assert.equal(error.subError, suberror);
    }
    const changed = await proved.state.submitNewPassword(NEW);
    assert.ok(changed.isCompleted(), JSON.stringify(changed.error?.errorData));
    assert.ok((await changed.state.signIn()).isCompleted());
    await signOut(app);

    const [dying, dead] = await code("grace@example.com", () => app.resetPassword({ username: "grace@example.com" }));
    await advance(3 * 3600);
    fails(await dying.state.submitCode(dead), ["isTokenExpired"], "a reset past its end");

    const second = "second-factor@example.com";
    const [wanted, proof] = await code(second, () => app.resetPassword({ username: second }));
    const open = await wanted.state.submitCode(proof);
    const reset = await open.state.submitNewPassword(NEW);
    fails(await reset.state.signIn(), ["isRedirectRequired"], "a second factor after a reset");
  },

  async "V2 sign-in"() {
    await restore();
    const app = await create();
    for (const name of ["nobody", "disabled", "federated", "otp-only"]) {
      const username = `${name}@example.com`;
      fails(await app.signInV2({ username }), ["isUserNotFound"], username);
    }
    const submit = async (name, password) => {
      const asked = await app.signInV2({ username: `${name}@example.com` });
      assert.ok(asked.isPasswordRequired(), name);
      return asked.state.submitPassword(password);
    };
    const wrong = ["isInvalidPassword"];
    fails(await submit("ada", "not the password"), wrong, "a wrong password");
    fails(await submit("locked", OLD), wrong, "an account that the host locked");
    fails(await submit("locked", "not the password"), wrong, "the same, wrong password");
    fails(await submit("second-factor", "not the password"), wrong, "a second factor, wrong password");
    const browser = fails(await submit("second-factor", OLD), ["isBrowserRequired"], "a second factor");
    assert.deepEqual([browser.error, browser.subError], ["invalid_grant", "web_redirect_required"]);
    const done = await submit("ada", OLD);
    assert.ok(done.isState("completed"), JSON.stringify(done.error?.errorData));
    await signOut(app);
    for (let tries = 0; tries < 10; tries += 1) await submit("grace", "not the password");
    const locked = fails(await submit("grace", OLD), [], "too many wrong passwords");
    assert.deepEqual([locked.error, locked.innerErrorCode], ["invalidGrant", "userLockedOut"]);
    const late = await app.signInV2({ username: "ada@example.com" });
    await advance(601);
    const over = fails(await late.state.submitPassword(OLD), [], "a token past its end");
    assert.equal(over.error, "invalidContinuationToken");
  },

  async "V2 reset"() {
    await restore();
    const app = await create();
    for (const name of ["nobody", "disabled", "federated", "otp-only", "excluded"]) {
      const username = `${name}@example.com`;
      fails(await app.resetPasswordV2({ username }), ["isUserNotFound"], username);
    }
    const ada = "ada@example.com";
    const [asked, right] = await code(ada, () => app.resetPasswordV2({ username: ada }));
    assert.ok(asked.isState("codeRequired"));
    fails(await asked.state.submitCode(other(right)), ["isInvalidCode"], "a wrong code");
    const early = fails(await asked.state.resendCode(), [], "a resend within the minute");
    assert.equal(early.error, "tooManyRequests");
    const proved = await asked.state.submitCode(right);
    assert.ok(proved.isState("newPasswordRequired"));
    for (const [password, , inner] of REFUSED) {
      const error = fails(await proved.state.submitNewPassword(password), ["isInvalidPassword"], inner);
      assert.equal(error.innerErrorCode, inner);
    }
    let changed = await proved.state.submitNewPassword(NEW);
    assert.ok(!changed.isFailed(), JSON.stringify(changed.error?.errorData));
    if (changed.isState("signInContinuation")) changed = await changed.state.signIn();
    assert.ok(changed.isState("completed"), JSON.stringify(changed.error?.errorData));
    await signOut(app);

    const second = "second-factor@example.com";
    const [wanted, proof] = await code(second, () => app.resetPasswordV2({ username: second }));
    const open = await wanted.state.submitCode(proof);
    let reset = await open.state.submitNewPassword(NEW);
    if (!reset.isFailed() && reset.isState("signInContinuation")) reset = await reset.state.signIn();
    fails(reset, ["isBrowserRequired"], "a second factor after a reset");
  },
});
// MSAL JS keeps timers that would keep Node.
process.exit(0);
