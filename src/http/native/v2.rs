//! Version 2 (preview): requests are JSON, answers are HAL, and links lead the client on. The entry
//! and the tokens are forms like those of version 1.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Call, Reply, Served},
    continuation::{Continuation, Kind, Step},
    fault::Fault,
    steps::{self, Entered, Verified},
    v1::field,
};
use crate::{
    domain::Method,
    http::{form::Form, secret::Secret},
};

/// The hint of every phone. Any digit of a number would tell a stranger about the account.
const PHONE_HINT: &str = "+** *** ***";

/// A method in the words of the clients. The ids are the same for every account, so they reveal
/// nothing.
#[derive(Clone, Copy)]
struct MethodKind {
    id: &'static str,
    name: &'static str,
}

const SINGLE_FACTOR: &str = "singleFactor";
const MULTI_FACTOR: &str = "multiFactor";
const PASSWORD: MethodKind = MethodKind { id: "1", name: "password" };

/// Every field that any step reads. Each step uses its own fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fields {
    continuation_token: Option<String>,
    username: Option<String>,
    otp: Option<String>,
    password: Option<String>,
    new_password: Option<String>,
}

/// `POST /oauth2/v2.0/authorize-challenge`: the first and the last step.
pub(super) async fn authorize(call: &Call, form: &Form) -> Result<Reply, Fault> {
    match form.optional("continuation_token").map_err(Fault::body)? {
        Some(token) => leave(call, form, token),
        None => enter(call, form),
    }
}

/// Answers the first step with a 401 that has a token and links. The 401 is not a failure.
fn enter(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let served = call.serve(field(form, "client_id")?)?;
    let scope = form.optional("scope").map_err(Fault::body)?.unwrap_or("openid");
    let token = Continuation::new(served.application.id.as_str(), scope, Step::Entry, call.ids.now);
    let token = token.seal(call, Kind::Continuation).map_err(|_| Fault::down())?;
    let path = |path: &str| json!(format!("{}{path}", call.base));
    let body = json!({
        "error": "insufficient_authorization",
        "error_description": "The user must sign in or reset the password to go on.",
        "correlation_id": call.ids.correlation,
        "trace_id": call.ids.trace,
        "timestamp": call.ids.timestamp(),
        "continuation_token": token,
        "sign_in": path("/api/v2.0/signin/start"),
        "reset_password": path("/api/v2.0/resetpassword/start"),
    });
    Ok(Reply::of(StatusCode::UNAUTHORIZED, &body))
}

/// Turns a finished journey into a code.
fn leave(call: &Call, form: &Form, token: &str) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(token)?;
    let named = form.optional("client_id").map_err(Fault::body)?;
    if named.is_some_and(|named| named != served.application.id.as_str()) {
        return Err(Fault::bad_token());
    }
    match &token.step {
        Step::Submitted { .. } | Step::SignedIn { .. } => {
            // The code says the same as the token, so it has the same end.
            let code = token.seal(call, Kind::Code);
            Ok(Reply::ok(&json!({ "code": code.map_err(|_| Fault::down())? })))
        }
        Step::Entry
        | Step::Named { .. }
        | Step::Granted { .. }
        | Step::Proved { .. }
        | Step::Waiting { .. }
        | Step::Reset { .. }
        | Step::SignIn { .. } => Err(Fault::bad_token()),
    }
}

/// `POST /api/v2.0/resetpassword/start`
pub(super) async fn reset_start(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(fields.token()?)?;
    let Step::Entry = &token.step else { return Err(Fault::bad_token()) };
    let offered = steps::name_for_reset(call, &served, fields.username()?).await?;
    // The second proof is a code by another way. Where there is none, it is given in a browser.
    if offered.methods.len() < 2 && steps::takes_two_proofs(call, &served)? {
        return Err(Fault::two_proofs_in_browser());
    }
    let listed = offered.methods.iter().map(|it| (kind(*it), Some(hint(*it, &offered.hint))));
    Ok(methods(call, &call.next(&token, offered.step)?, SINGLE_FACTOR, listed))
}

/// `POST /api/v2.0/signin/start`
pub(super) async fn sign_in_start(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(fields.token()?)?;
    let Step::Entry = &token.step else { return Err(Fault::bad_token()) };
    let step = steps::name_account(call, &served, fields.username()?).await?;
    Ok(methods(call, &call.next(&token, step)?, SINGLE_FACTOR, [(PASSWORD, None)]))
}

/// `POST /api/v2.0/auth/methods/email/{id}/challenge`, the first time and again.
pub(super) async fn email_challenge(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    challenge(call, fields, Method::Email).await
}

/// `POST /api/v2.0/auth/methods/sms/{id}/challenge`, the first time and again.
pub(super) async fn sms_challenge(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    challenge(call, fields, Method::Sms).await
}

/// Sends a code. A client that changes its mind comes with the token of the start again.
async fn challenge(call: &Call, fields: &Fields, method: Method) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(fields.token()?)?;
    let (step, code) = steps::challenge(call, &served, method, &token.step).await?;
    let kind = kind(method);
    Ok(Reply::ok(&json!({
        "state": "interactionRequired",
        "action": "verify",
        "id": kind.id,
        "type": kind.name,
        "hint": hint(method, &code.masked_address),
        "codeLength": code.code_length(),
        "continuationToken": call.next(&token, step)?,
        "_links": {
            "verify": link(call, kind, "verify"),
            "resend": link(call, kind, "challenge"),
        },
    })))
}

/// `POST /api/v2.0/auth/methods/{kind}/{id}/verify`, for codes by mail and by SMS.
pub(super) async fn code_verify(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(fields.token()?)?;
    let typed = given(fields.otp.as_deref(), "otp")?;
    let step = match &token.step {
        Step::Reset { token: flow, sent } => {
            match steps::verify(call, &served, flow, *sent, typed).await? {
                Verified::Granted { step, .. } | Verified::Proved(step) => step,
            }
        }
        Step::Waiting { token: flow, password, sent: Some(sent), .. } => {
            let step = second_code(call, &served, (flow, *sent, typed), password).await?;
            let next = call.next(&token, step)?;
            return Ok(Reply::ok(&json!({ "state": "continue", "continuationToken": next })));
        }
        _ => return Err(Fault::bad_token()),
    };
    Ok(Reply::ok(&json!({
        "state": "interactionRequired",
        "action": "update",
        "type": "password",
        "continuationToken": call.next(&token, step)?,
        "_links": { "update": call.link("/api/v2.0/resetpassword/update") },
    })))
}

/// `PUT /api/v2.0/resetpassword/update`
pub(super) async fn update(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(fields.token()?)?;
    let typed = given(fields.new_password.as_deref(), "newPassword")?;
    let step = match &token.step {
        Step::Granted { grant } => steps::submit(call, &served, grant, typed).await?,
        Step::Proved { token, second } => {
            steps::keep_password(call, &served, token, second, typed)?
        }
        _ => return Err(Fault::bad_token()),
    };
    Ok(Reply::ok(&json!({
        "state": "interactionRequired",
        "action": "poll",
        "continuationToken": call.next(&token, step)?,
        "_links": { "poll": call.link("/api/v2.0/resetpassword/poll") },
    })))
}

/// `POST /api/v2.0/resetpassword/poll`
pub(super) async fn poll(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, _) = call.continue_with(fields.token()?)?;
    if let Step::Waiting { second, .. } = &token.step {
        // No client takes a second proof before the new password.
        let method = if second.by_sms { Method::Sms } else { Method::Email };
        let listed = [(kind(method), Some(second.hint.clone()))];
        return Ok(methods(call, &call.next(&token, token.step.clone())?, MULTI_FACTOR, listed));
    }
    // A token of this step exists only once the password is changed.
    let Step::Submitted { .. } = &token.step else { return Err(Fault::bad_token()) };
    let next = call.next(&token, token.step.clone())?;
    Ok(Reply::ok(&json!({ "state": "continue", "continuationToken": next })))
}

/// Tries the second code, and sets the password that has waited for it. A repeat gets the same answer.
async fn second_code(
    call: &Call,
    served: &Served<'_>,
    (flow, sent, typed): (&Secret, i64, &str),
    password: &Secret,
) -> Result<Step, Fault> {
    match steps::verify(call, served, flow, sent, typed).await? {
        Verified::Granted { step: Step::Granted { grant }, .. } => {
            steps::submit(call, served, &grant, password.expose()).await
        }
        // The first code again.
        Verified::Granted { .. } | Verified::Proved(_) => {
            Err(Fault::wrong_code("The one-time code is not right."))
        }
    }
}

/// `POST /api/v2.0/auth/methods/password/{id}/challenge`
pub(super) async fn password_challenge(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, _) = call.continue_with(fields.token()?)?;
    let Some(step) = token.step.challenged() else { return Err(Fault::bad_token()) };
    Ok(Reply::ok(&json!({
        "state": "interactionRequired",
        "action": "verify",
        "id": PASSWORD.id,
        "type": PASSWORD.name,
        "continuationToken": call.next(&token, step)?,
        "_links": { "verify": link(call, PASSWORD, "verify") },
    })))
}

/// `POST /api/v2.0/auth/methods/password/{id}/verify`
pub(super) async fn password_verify(call: &Call, fields: &Fields) -> Result<Reply, Fault> {
    let (token, served) = call.continue_with(fields.token()?)?;
    let Step::SignIn { address, challenged: true, once } = &token.step else {
        return Err(Fault::bad_token());
    };
    let typed = given(fields.password.as_deref(), "password")?;
    match steps::sign_in(call, &served, address, typed, Fault::change_in_browser).await? {
        Entered::SecondFactor => Err(Fault::second_factor_in_browser()),
        Entered::Account { account, stamp } => {
            let (account, stamp, once) = (account.to_string(), *stamp.as_bytes(), once.clone());
            let next = call.next(&token, Step::SignedIn { account, once, stamp })?;
            Ok(Reply::ok(&json!({ "state": "continue", "continuationToken": next })))
        }
    }
}

impl Fields {
    fn token(&self) -> Result<&str, Fault> {
        self.continuation_token
            .as_deref()
            .filter(|token| !token.is_empty())
            .ok_or_else(Fault::bad_token)
    }

    fn username(&self) -> Result<&str, Fault> {
        given(self.username.as_deref(), "username")
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.otp.zeroize();
        self.password.zeroize();
        self.new_password.zeroize();
        self.continuation_token.zeroize();
    }
}

fn given<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, Fault> {
    value.filter(|value| !value.trim().is_empty()).ok_or_else(|| Fault::parameter(name))
}

const fn kind(method: Method) -> MethodKind {
    match method {
        Method::Email => MethodKind { id: "1", name: "email" },
        Method::Sms => MethodKind { id: "2", name: "sms" },
    }
}

/// Returns the hint of a method. The address is masked as it was typed.
fn hint(method: Method, masked_address: &str) -> String {
    match method {
        Method::Email => masked_address.to_owned(),
        Method::Sms => PHONE_HINT.to_owned(),
    }
}

fn link(call: &Call, kind: MethodKind, step: &str) -> Value {
    let MethodKind { id, name } = kind;
    call.link(&format!("/api/v2.0/auth/methods/{name}/{id}/{step}"))
}

fn methods(
    call: &Call,
    token: &str,
    factor: &str,
    listed: impl IntoIterator<Item = (MethodKind, Option<String>)>,
) -> Reply {
    let listed = listed.into_iter().map(|(kind, hint)| {
        json!({
            "id": kind.id,
            "type": kind.name,
            "hint": hint,
            "_links": { "challenge": link(call, kind, "challenge") },
        })
    });
    Reply::ok(&json!({
        "state": "interactionRequired",
        "action": "challenge",
        "continuationToken": token,
        "challengeContext": { "authenticationFactor": factor },
        "_embedded": { "methods": listed.collect::<Vec<Value>>() },
    }))
}
