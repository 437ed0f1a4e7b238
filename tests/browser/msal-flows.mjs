// What an application does with MSAL JS. The same for Node and for a page; knows no server but
// what it is handed: `passcode(address, before)` and `count(address)` look into the inbox.
export async function flows(Client, api, { advance, count, passcode, restore }) {
  const create = async () => {
    const app = await Client.create({
      auth: { clientId: "63856651-0000-4000-8000-000000000000", authority: "https://contoso.ciamlogin.com/" },
      cache: { cacheLocation: "sessionStorage" },
      customAuth: { challengeTypes: ["password", "oob", "redirect"], authApiProxyUrl: api },
    });
    const account = app.getCurrentAccount();
    if (account.isCompleted?.() ?? account.data) await account.data?.signOut();
    return app;
  };
  const done = [];
  const must = (holds, what, result) => {
    if (!holds) throw new Error(`MSAL: ${what}: ${JSON.stringify(result?.error?.errorData ?? {})}`);
    done.push(what);
  };
  const OLD = "the old password 1";
  const NEW = "four unrelated words will do";
  const signOut = async (app) => app.getCurrentAccount().data.signOut();

  await restore();
  let app = await create();
  const ada = "ada@example.com";

  // Version 1.
  let result = await app.signIn({ username: ada, password: "a wrong password" });
  must(result.isFailed() && result.error.isPasswordIncorrect(), "V1 wrong password", result);
  result = await app.signIn({ username: ` ${ada} `, password: OLD });
  must(result.isCompleted(), "V1 sign-in with password", result);
  const token = await result.data.getAccessToken({ forceRefresh: true, scopes: ["openid"] });
  must(!token.isFailed?.() && token.data, "V1 refresh", token);
  await signOut(app);

  result = await app.resetPassword({ username: "nobody@example.com" });
  must(result.isCodeRequired(), "V1 unknown user is asked for a code", result);
  result = await result.state.submitCode("12345678");
  must(result.isFailed() && result.error.isInvalidCode(), "V1 unknown user: every code is wrong");
  result = await app.signIn({ username: "nobody@example.com", password: OLD });
  must(result.isFailed() && result.error.isPasswordIncorrect(), "V1 unknown user: wrong password");

  let before = await count(ada);
  result = await app.resetPassword({ username: ada });
  must(result.isCodeRequired() && result.state.getCodeLength() === 8, "V1 reset: code of 8 required");
  const first = await passcode(ada, before);
  const state = result.state;
  result = await state.submitCode(first === "00000000" ? "11111111" : "00000000");
  must(result.isFailed() && result.error.isInvalidCode(), "V1 reset: wrong code");
  await advance(61);
  const resent = await state.resendCode();
  must(resent.isCodeRequired(), "V1 reset: resend", resent);
  const second = await passcode(ada, before + 1);
  result = await state.submitCode(second);
  must(result.isFailed(), "V1 reset: the token before the resend is over");
  result = await resent.state.submitCode(second);
  must(result.isPasswordRequired(), "V1 reset: right code", result);
  const fresh = result.state;
  result = await fresh.submitNewPassword("short");
  must(result.isFailed() && result.error.isInvalidPassword(), "V1 reset: weak password");
  result = await fresh.submitNewPassword(NEW);
  must(result.isCompleted(), "V1 reset: changed", result);
  result = await result.state.signIn();
  must(result.isCompleted(), "V1 reset: signed in", result);
  await signOut(app);
  result = await app.signIn({ username: ada, password: OLD });
  must(result.isFailed(), "V1 the old password is over");

  const grace = "grace@example.com";
  for (let tries = 0; tries < 10; tries += 1) result = await app.signIn({ username: grace, password: "a wrong password" });
  result = await app.signIn({ username: grace, password: OLD });
  must(result.isFailed(), "V1 locked user");

  // Version 2: the same client, the same server.
  await restore();
  app = await create();
  result = await app.signInV2({ username: ada });
  must(result.isPasswordRequired(), "V2 sign-in asks for the password", result);
  let tried = await result.state.submitPassword("a wrong password");
  must(tried.isFailed() && tried.error.isInvalidPassword(), "V2 wrong password", tried);
  tried = await result.state.submitPassword(OLD);
  must(tried.isState("completed"), "V2 sign-in with password", tried);
  await signOut(app);

  result = await app.resetPasswordV2({ username: "nobody@example.com" });
  must(result.isState("codeRequired"), "V2 unknown user is asked for a code", result);
  tried = await result.state.submitCode("12345678");
  must(tried.isFailed() && tried.error.isInvalidCode(), "V2 unknown user: every code is wrong", tried);

  before = await count(ada);
  result = await app.resetPasswordV2({ username: ada });
  must(result.isState("codeRequired"), "V2 reset: code required", result);
  await passcode(ada, before);
  await advance(61);
  result = await result.state.resendCode();
  must(result.isState("codeRequired"), "V2 reset: resend", result);
  const code = await passcode(ada, before + 1);
  tried = await result.state.submitCode(code === "00000000" ? "11111111" : "00000000");
  must(tried.isFailed() && tried.error.isInvalidCode(), "V2 reset: wrong code");
  tried = await result.state.submitCode(code);
  must(tried.isState("newPasswordRequired"), "V2 reset: right code", tried);
  result = await tried.state.submitNewPassword("short");
  must(result.isFailed() && result.error.isInvalidPassword(), "V2 reset: weak password");
  result = await tried.state.submitNewPassword(NEW);
  must(!result.isFailed(), "V2 reset: changed", result);
  if (result.isState("signInContinuation")) result = await result.state.signIn();
  must(result.isState("completed"), "V2 reset: signed in", result);
  await signOut(app);
  return done;
}
