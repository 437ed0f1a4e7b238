// Fills in the code of a text message (WebOTP) where the browser can. The page works without this file.
"use strict";
const code = document.getElementById("code");
if (code && "OTPCredential" in window) {
  const stop = new AbortController();
  code.form.addEventListener("submit", () => stop.abort());
  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal })
    .then((sms) => { if (sms && code.value === "") code.value = sms.code; })
    .catch(() => {}); // Nothing came, or the user said no: the code is typed.
}
