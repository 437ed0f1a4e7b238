//! Version 1: requests are forms, and errors are OAuth errors.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    call::{Call, Reply},
    continuation::{Continuation, Kind, Step},
    fault::Fault,
    issuer::Tokens,
    steps::{self, Entered, Verified},
};
use crate::{
    domain::{AccountId, Method, Stamp},
    engine::SentCode,
    http::form::Form,
};

/// The seconds between two polls. The password is changed before `/submit` answers, so the first
/// poll ends the wait. Without this field, one client polls in a tight loop.
const POLL_INTERVAL: u32 = 1;
const KNOWN_CHALLENGES: [&str; 3] = ["oob", "password", "redirect"];

/// `POST /resetpassword/v1.0/start`
pub(super) async fn start(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let served = call.serve(field(form, "client_id")?)?;
    let username = field(form, "username")?;
    if !challenges(field(form, "challenge_type")?)?.contains(&"oob") {
        return Ok(to_browser("The client supports no one-time code."));
    }
    if steps::takes_two_proofs(call, &served)? {
        return Ok(to_browser("The tenant requires two proofs; they are given in a browser."));
    }
    let step = steps::name_for_reset(call, &served, username).await?.step;
    let token = Continuation::new(served.application.id.as_str(), "", step, call.ids.now);
    continued(call, &token)
}

/// `POST /resetpassword/v1.0/challenge`, the first time and again.
pub(super) async fn challenge(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let client_id = field(form, "client_id")?;
    let (token, served) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    if let Some(listed) = form.optional("challenge_type").map_err(Fault::body)?
        && !challenges(listed)?.contains(&"oob")
    {
        return Ok(to_browser("The client supports no one-time code."));
    }
    // Version 1 knows codes by mail only.
    let (step, code) = steps::challenge(call, &served, Method::Email, &token.step).await?;
    Ok(Reply::ok(&oob(&call.next(&token, step)?, &code)))
}

/// `POST /resetpassword/v1.0/continue`
pub(super) async fn go_on(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let client_id = field(form, "client_id")?;
    let (token, served) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    if field(form, "grant_type")? != "oob" {
        return Err(Fault::parameter("grant_type"));
    }
    let typed = field(form, "oob")?;
    let Step::Reset { token: flow, sent } = &token.step else { return Err(Fault::bad_token()) };
    // Where two proofs are required, no reset of this version begins. The policy has changed since.
    let Verified::Granted { expires_at, step } =
        steps::verify(call, &served, flow, *sent, typed).await?
    else {
        return Err(Fault::expired_token());
    };
    let expires_in = expires_at.since(call.ids.now).as_secs().clamp(1, 600);
    let token = call.next(&token, step)?;
    Ok(Reply::ok(&json!({ "continuation_token": token, "expires_in": expires_in })))
}

/// `POST /resetpassword/v1.0/submit`
pub(super) async fn submit(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let client_id = field(form, "client_id")?;
    let (token, served) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    let typed = field(form, "new_password")?;
    let Step::Granted { grant } = &token.step else { return Err(Fault::bad_token()) };
    let step = steps::submit(call, &served, grant, typed).await?;
    let token = call.next(&token, step)?;
    Ok(Reply::ok(&json!({ "continuation_token": token, "poll_interval": POLL_INTERVAL })))
}

/// `POST /resetpassword/v1.0/poll_completion`
pub(super) async fn poll(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let client_id = field(form, "client_id")?;
    let (token, _) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    // A token of this step exists only once the password is changed.
    let Step::Submitted { .. } = &token.step else { return Err(Fault::bad_token()) };
    let token = call.next(&token, token.step.clone())?;
    Ok(Reply::ok(&json!({ "status": "succeeded", "continuation_token": token })))
}

/// `POST /oauth2/v2.0/initiate`
pub(super) async fn initiate(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let served = call.serve(field(form, "client_id")?)?;
    let username = field(form, "username")?;
    if !challenges(field(form, "challenge_type")?)?.contains(&"password") {
        return Ok(to_browser("The client supports no password."));
    }
    let step = steps::name_account(call, &served, username).await?;
    let token = Continuation::new(served.application.id.as_str(), "", step, call.ids.now);
    continued(call, &token)
}

/// `POST /oauth2/v2.0/challenge`
pub(super) async fn sign_in_challenge(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let client_id = field(form, "client_id")?;
    let (token, _) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    if let Some(listed) = form.optional("challenge_type").map_err(Fault::body)?
        && !challenges(listed)?.contains(&"password")
    {
        return Ok(to_browser("The client supports no password."));
    }
    let Some(step) = token.step.challenged() else { return Err(Fault::bad_token()) };
    let token = call.next(&token, step)?;
    Ok(Reply::ok(&json!({ "continuation_token": token, "challenge_type": "password" })))
}

/// `POST /oauth2/v2.0/token`
pub(super) async fn token(call: &Call, form: &Form) -> Result<Reply, Fault> {
    let client_id = field(form, "client_id")?;
    match field(form, "grant_type")? {
        "authorization_code" => code_grant(call, form, client_id).await,
        "continuation_token" => continuation_grant(call, form, client_id).await,
        "password" => password_grant(call, form, client_id).await,
        "refresh_token" => refresh_grant(call, form, client_id).await,
        _ => {
            call.serve(client_id)?;
            Err(Fault::unsupported_grant())
        }
    }
}

async fn password_grant(call: &Call, form: &Form, client_id: &str) -> Result<Reply, Fault> {
    let (token, served) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    let (scope, typed) = (field(form, "scope")?, field(form, "password")?);
    let Step::SignIn { address, challenged: true, once } = &token.step else {
        return Err(Fault::bad_token());
    };
    match steps::sign_in(call, &served, address, typed, Fault::must_change).await? {
        Entered::SecondFactor => Ok(to_browser("A second factor is required.")),
        Entered::Account { account, stamp } => {
            let tokens = steps::tokens(call, &served, &account, stamp, scope).await?;
            steps::use_up(call, &served, once, Fault::expired_token).await?;
            Ok(Reply::ok(&token_body(call, &tokens, &Wanted::of(scope))))
        }
    }
}

/// Exchanges the ticket of a finished reset, once.
async fn continuation_grant(call: &Call, form: &Form, client_id: &str) -> Result<Reply, Fault> {
    let (token, served) = call.continue_for(client_id, field(form, "continuation_token")?)?;
    let scope = field(form, "scope")?;
    let Step::Submitted { ticket, .. } = &token.step else { return Err(Fault::bad_token()) };
    match steps::redeem(&served, ticket).await? {
        Entered::SecondFactor => Ok(to_browser("A second factor is required.")),
        Entered::Account { account, stamp } => {
            let tokens = steps::tokens(call, &served, &account, stamp, scope).await?;
            Ok(Reply::ok(&token_body(call, &tokens, &Wanted::of(scope))))
        }
    }
}

async fn refresh_grant(call: &Call, form: &Form, client_id: &str) -> Result<Reply, Fault> {
    let served = call.serve(client_id)?;
    let refresh = field(form, "refresh_token")?;
    let (tenant, application) = (&call.site.tenant, &served.application.id);
    let issued = call.site.issuer.refresh(tenant, application, refresh).await;
    let tokens = steps::issued(issued.map_err(|_| Fault::down())?)?;
    Ok(Reply::ok(&token_body(call, &tokens, &Wanted::EVERYTHING)))
}

/// Exchanges V2's authorization code for tokens.
async fn code_grant(call: &Call, form: &Form, client_id: &str) -> Result<Reply, Fault> {
    let served = call.serve(client_id)?;
    let code = Continuation::open(call, Kind::Code, field(form, "code")?);
    let code = code.map_err(|_| Fault::refused_token())?;
    if code.application != client_id {
        return Err(Fault::refused_token());
    }
    let (account, stamp) = match &code.step {
        Step::Submitted { ticket, .. } => match steps::redeem(&served, ticket).await? {
            Entered::Account { account, stamp } => (account, stamp),
            Entered::SecondFactor => return Err(Fault::second_factor_in_browser()),
        },
        Step::SignedIn { account, stamp, .. } => {
            let account = AccountId::parse(account).map_err(|_| Fault::refused_token())?;
            (account, Stamp::from_bytes(*stamp))
        }
        _ => return Err(Fault::refused_token()),
    };
    let tokens = steps::tokens(call, &served, &account, stamp, &code.scope).await?;
    if let Step::SignedIn { once, .. } = &code.step {
        steps::use_up(call, &served, once, Fault::refused_token).await?;
    }
    Ok(Reply::ok(&token_body(call, &tokens, &Wanted::of(&code.scope))))
}

/// Returns a field that must be present.
pub(super) fn field<'a>(form: &'a Form, name: &'static str) -> Result<&'a str, Fault> {
    let value = form.required(name).map_err(Fault::body)?;
    if value.trim().is_empty() { Err(Fault::parameter(name)) } else { Ok(value) }
}

/// Returns the challenge types that a client lists. Refuses unknown ones.
fn challenges(listed: &str) -> Result<Vec<&str>, Fault> {
    let types: Vec<&str> = listed.split_ascii_whitespace().collect();
    if !types.iter().all(|kind| KNOWN_CHALLENGES.contains(kind)) {
        return Err(Fault::unsupported_challenge());
    }
    if types.contains(&"redirect") { Ok(types) } else { Err(Fault::no_redirect()) }
}

fn continued(call: &Call, token: &Continuation) -> Result<Reply, Fault> {
    let token = token.seal(call, Kind::Continuation).map_err(|_| Fault::down())?;
    Ok(Reply::ok(&Continued { continuation_token: &token }))
}

/// Returns the redirect to a browser: a 200 without a token.
fn to_browser(reason: &str) -> Reply {
    Reply::ok(&json!({ "challenge_type": "redirect", "redirect_reason": reason }))
}

/// The answer that only passes a token on.
#[derive(Serialize)]
struct Continued<'a> {
    continuation_token: &'a str,
}

/// The answer to a request for a code. It is a struct, because a `Value` allocates each key.
#[derive(Serialize)]
struct Oob<'a> {
    continuation_token: &'a str,
    challenge_type: &'static str,
    binding_method: &'static str,
    challenge_channel: &'static str,
    challenge_target_label: &'a str,
    code_length: usize,
}

fn oob<'a>(token: &'a str, code: &'a SentCode) -> Oob<'a> {
    Oob {
        binding_method: "prompt",
        challenge_channel: "email",
        challenge_target_label: &code.masked_address,
        challenge_type: "oob",
        code_length: code.code_length(),
        continuation_token: token,
    }
}

/// The tokens that a client has asked for besides the access token.
struct Wanted {
    id: bool,
    refresh: bool,
}

impl Wanted {
    /// A refresh token is answered with an id token and the next refresh token.
    const EVERYTHING: Self = Self { id: true, refresh: true };

    fn of(scope: &str) -> Self {
        let has = |name| scope.split_ascii_whitespace().any(|asked| asked == name);
        Self { id: has("openid"), refresh: has("offline_access") }
    }
}

fn token_body(call: &Call, tokens: &Tokens, wanted: &Wanted) -> Value {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let client = json!({ "uid": tokens.account.as_str(), "utid": call.site.tenant.as_str() });
    let lifetime = tokens.lifetime.as_secs();
    let mut body = json!({
        "token_type": "Bearer",
        "scope": tokens.scope,
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": tokens.access_token,
        "client_info": Base64UrlUnpadded::encode_string(client.to_string().as_bytes()),
    });
    let more = [
        ("id_token", wanted.id, &tokens.id_token),
        ("refresh_token", wanted.refresh, &tokens.refresh_token),
    ];
    if let Some(fields) = body.as_object_mut() {
        let more = more.into_iter().filter(|(_, wanted, _)| *wanted);
        fields.extend(more.map(|(name, _, token)| (name.to_owned(), json!(token))));
    }
    body
}
