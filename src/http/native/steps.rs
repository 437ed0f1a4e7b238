//! The steps of both API versions, which differ only in their wire forms.

use super::{
    call::{Call, Served},
    continuation::{Once, SIGN_IN_LIFETIME, Second, Step},
    fault::Fault,
    issuer::{Issued, TokenRequest, Tokens},
};
use crate::{
    domain::{
        AccountId, Code, EmailAddress, FlowToken, Grant, Method, Password, PasswordError, Stamp,
        Ticket, Timestamp,
    },
    engine::{
        Named, Offer, ProofWay, RedeemOutcome, Rejection, Request, SecondFactorDemand, SendOutcome,
        SentCode, SignInOutcome, StartOutcome, SubmitOutcome, Use, VerifyOutcome,
    },
    http::secret::Secret,
    policy::{PasswordIssue, RequiredProofs},
};

/// The result of a sign-in or of a finished reset.
pub(super) enum Entered {
    Account {
        account: AccountId,
        stamp: Stamp,
    },
    /// The account needs a second factor. This API does not ask for one, so the user continues in a
    /// browser.
    SecondFactor,
}

/// A reset that an address was taken for.
pub(super) struct Offered {
    pub(super) step: Step,
    /// The typed address, with most of it hidden.
    pub(super) hint: String,
    /// The ways in which a code can be sent, the same for every address.
    pub(super) methods: &'static [Method],
}

/// Reads an address as clients send it, with blanks and capitals as typed.
pub(super) fn address(typed: &str) -> Result<EmailAddress, Fault> {
    EmailAddress::parse(typed.trim()).map_err(|_| Fault::parameter("username"))
}

/// The result of a right code.
pub(super) enum Verified {
    /// Every proof is given.
    Granted { step: Step, expires_at: Timestamp },
    /// Another code is needed. Only version 2 has steps for it.
    Proved(Step),
}

/// Returns true if the tenant requires two proofs. Its policy alone decides, and no address.
pub(super) fn takes_two_proofs(call: &Call, served: &Served<'_>) -> Result<bool, Fault> {
    let policy = served.sspr.policy(&call.site.tenant).map_err(|_| Fault::down())?;
    Ok(policy.is_some_and(|policy| policy.required_proofs() == RequiredProofs::Two))
}

/// `/start`: takes the address. The reset is opened with its first code, so nothing is written.
pub(super) async fn name_for_reset(
    call: &Call,
    served: &Served<'_>,
    username: &str,
) -> Result<Offered, Fault> {
    let request = Request::new(served.application, address(username)?);
    let offer = served.sspr.offer(&request, &call.client()).await.map_err(|_| Fault::down())?;
    match offer {
        Offer::Open { methods, token, until } => {
            let step = Step::Named {
                address: request.address.as_str().to_owned(),
                token: Secret::of(token.expose()),
                until: until.as_micros(),
            };
            Ok(Offered { hint: request.address.masked(), methods, step })
        }
        Offer::TryLater { retry_at } => Err(Fault::try_later(retry_at, call.ids.now)),
        Offer::Unavailable => Err(Fault::reset_not_offered()),
        Offer::UnknownAccount => Err(Fault::user_not_found()),
    }
}

/// `/challenge`: sends the first code or another one.
pub(super) async fn challenge(
    call: &Call,
    served: &Served<'_>,
    method: Method,
    step: &Step,
) -> Result<(Step, SentCode), Fault> {
    match step {
        Step::Named { address, token, .. } => start(call, served, address, method, token).await,
        Step::Reset { token, sent } => {
            let code = send(call, served, method, token, Some(*sent)).await?;
            Ok((reset(token.clone(), &code), code))
        }
        Step::Waiting { token, password, second, sent } => {
            let code = send(call, served, method, token, *sent).await?;
            let (token, password) = (token.clone(), password.clone());
            let sent = Some(code.expires_at.as_micros());
            Ok((Step::Waiting { password, second: second.clone(), sent, token }, code))
        }
        Step::Entry
        | Step::Granted { .. }
        | Step::Proved { .. }
        | Step::Submitted { .. }
        | Step::SignIn { .. }
        | Step::SignedIn { .. } => Err(Fault::bad_token()),
    }
}

/// Opens a reset with its first code. A repeat (after a lost reply) gets the first answer for as long
/// as the code lives and no other one can be sent.
async fn start(
    call: &Call,
    served: &Served<'_>,
    typed: &str,
    method: Method,
    token: &Secret,
) -> Result<(Step, SentCode), Fault> {
    let request = Request::new(served.application, address(typed)?).by(method);
    let outcome = served.sspr.start_under(&request, flow_token(token)?, &call.client()).await;
    match outcome.map_err(|_| Fault::down())? {
        StartOutcome::Started(started) => {
            let token = Secret::of(started.token.expose());
            Ok((reset(token, &started.sent), started.sent))
        }
        StartOutcome::TryLater { retry_at } => Err(Fault::try_later(retry_at, call.ids.now)),
        StartOutcome::Unavailable | StartOutcome::UnknownAccount => Err(Fault::expired_token()),
    }
}

async fn send(
    call: &Call,
    served: &Served<'_>,
    method: Method,
    token: &Secret,
    sent: Option<i64>,
) -> Result<SentCode, Fault> {
    let (flow, client) = (flow_token(token)?, call.client());
    let latest = sent.map(Timestamp::from_micros);
    let outcome = served.sspr.send_after(&flow, Some(method), latest, &client).await;
    match outcome.map_err(|_| Fault::down())? {
        SendOutcome::Sent(code) => Ok(code),
        SendOutcome::TooSoon { resend_at: at } | SendOutcome::TryLater { retry_at: at } => {
            Err(Fault::try_later(at, call.ids.now))
        }
        SendOutcome::Gone => Err(Fault::expired_token()),
    }
}

/// Returns the step of a client that waits for this code.
fn reset(token: Secret, code: &SentCode) -> Step {
    Step::Reset { sent: code.expires_at.as_micros(), token }
}

/// `/continue`: tries a code. A wrong code leaves the client's token unchanged.
pub(super) async fn verify(
    call: &Call,
    served: &Served<'_>,
    token: &Secret,
    sent: i64,
    typed: &str,
) -> Result<Verified, Fault> {
    let flow = flow_token(token)?;
    let wrong = || Fault::wrong_code("The one-time code is not right.");
    let code = Code::parse(typed).map_err(|_| wrong())?;
    let sent = Some(Timestamp::from_micros(sent));
    let outcome = served.sspr.verify_sent(&flow, &code, sent, &call.client()).await;
    match outcome.map_err(|_| Fault::down())? {
        VerifyOutcome::Granted(granted) => {
            let grant = Secret::of(granted.grant.expose());
            Ok(Verified::Granted { expires_at: granted.expires_at, step: Step::Granted { grant } })
        }
        VerifyOutcome::NextProof(next) => {
            let second = next.ways.into_iter().find_map(|way| match way {
                ProofWay::Code { method, hint } => {
                    Some(Second { by_sms: method == Method::Sms, hint })
                }
                ProofWay::HostProof => None,
            });
            // The contract has no step for a proof that the host checks.
            let second = second.ok_or_else(Fault::two_proofs_in_browser)?;
            Ok(Verified::Proved(Step::Proved { second, token: token.clone() }))
        }
        VerifyOutcome::Rejected(rejection) => Err(match rejection {
            Rejection::WrongCode { .. } => wrong(),
            Rejection::LongerCodeSent(_) => {
                Fault::wrong_code("Too many codes were tried; a code of 16 letters is on its way.")
            }
            Rejection::Expired => {
                Fault::wrong_code("The one-time code is expired; ask for another.")
            }
            Rejection::Exhausted => {
                Fault::wrong_code("The one-time code was tried too often; ask for another.")
            }
            Rejection::Gone => Fault::expired_token(),
            Rejection::TryLater { retry_at } => Fault::try_later(retry_at, call.ids.now),
        }),
    }
}

/// Keeps a new password in the token until the second proof is given. A password that the rules refuse
/// whatever the account leaves the client's token unchanged.
pub(super) fn keep_password(
    call: &Call,
    served: &Served<'_>,
    token: &Secret,
    second: &Second,
    typed: &str,
) -> Result<Step, Fault> {
    let password = new_password(typed)?;
    let issues = served.sspr.broken_rules(&call.site.tenant, &password);
    let issues = issues.map_err(|_| Fault::down())?;
    if !issues.is_empty() {
        return Err(Fault::password(&issues));
    }
    let (second, password) = (second.clone(), Secret::of(typed.to_owned()));
    Ok(Step::Waiting { password, second, sent: None, token: token.clone() })
}

/// `/submit`: sets the new password. A weak password leaves the client's token unchanged.
pub(super) async fn submit(
    call: &Call,
    served: &Served<'_>,
    grant: &Secret,
    typed: &str,
) -> Result<Step, Fault> {
    let grant = Grant::parse(grant.expose()).map_err(|_| Fault::bad_token())?;
    let password = new_password(typed)?;
    let outcome = served.sspr.submit(&grant, &password, &call.client()).await;
    match outcome.map_err(|_| Fault::down())? {
        SubmitOutcome::Changed(changed) => {
            let ticket = Secret::of(changed.ticket.expose());
            Ok(Step::Submitted { ticket, until: changed.expires_at.as_micros() })
        }
        SubmitOutcome::Weak { issues } => Err(Fault::password(&issues)),
        SubmitOutcome::Rejected => Err(Fault::expired_token()),
        SubmitOutcome::TryLater { retry_at } => Err(Fault::try_later(retry_at, call.ids.now)),
    }
}

fn new_password(typed: &str) -> Result<Password, Fault> {
    Password::parse(typed).map_err(|error| {
        Fault::password(&[match error {
            PasswordError::Control => PasswordIssue::Characters,
            PasswordError::Empty => PasswordIssue::Short { least: 1 },
            PasswordError::TooLong => PasswordIssue::Long { most: Password::MAX_CHARACTERS },
        }])
    })
}

/// Turns a finished reset into a sign-in, once.
pub(super) async fn redeem(served: &Served<'_>, ticket: &Secret) -> Result<Entered, Fault> {
    let ticket = Ticket::parse(ticket.expose()).map_err(|_| Fault::bad_token())?;
    match served.sspr.redeem(&ticket).await.map_err(|_| Fault::down())? {
        RedeemOutcome::SignIn(it) => Ok(entered(it.account, it.stamp, it.second_factor)),
        RedeemOutcome::RequireSignIn => Err(Fault::sign_in_again()),
        RedeemOutcome::Rejected => Err(Fault::expired_token()),
    }
}

/// Signs in with address and password. A right password that must be changed is answered with the
/// error of the version.
pub(super) async fn sign_in(
    call: &Call,
    served: &Served<'_>,
    username: &str,
    typed: &str,
    must_change: fn() -> Fault,
) -> Result<Entered, Fault> {
    let request = Request::new(served.application, address(username)?);
    // A text that cannot be a password is a wrong password.
    let password = Password::parse(typed).map_err(|_| Fault::wrong_password())?;
    let outcome = served.sspr.sign_in(&request, &password, &call.client()).await;
    match outcome.map_err(|_| Fault::down())? {
        SignInOutcome::SignedIn(it) => Ok(entered(it.account, it.stamp, it.second_factor)),
        // No client can use the grant, because the contract has no step for it.
        SignInOutcome::MustChange(_) => Err(must_change()),
        SignInOutcome::Rejected => Err(Fault::wrong_password()),
        SignInOutcome::LockedOut { until: Some(_) } => Err(Fault::locked()),
        // The host has locked the account, and the password was right. Any other answer would
        // confirm the password.
        SignInOutcome::LockedOut { until: None } => Err(Fault::wrong_password()),
        // The contract has no error for a frozen account. One that confirms the password would tell
        // a thief that it still fits.
        SignInOutcome::Frozen => Err(Fault::wrong_password()),
        SignInOutcome::TryLater { retry_at } => Err(Fault::try_later(retry_at, call.ids.now)),
    }
}

/// V1's `/initiate` and V2's sign-in start. Reveals nothing about any account, except under
/// [`Disclosure::EntraCompatible`](crate::policy::Disclosure).
pub(super) async fn name_account(
    call: &Call,
    served: &Served<'_>,
    username: &str,
) -> Result<Step, Fault> {
    let request = Request::new(served.application, address(username)?);
    let named = served.sspr.name(&request, &call.client()).await;
    match named.map_err(|_| Fault::down())? {
        Named::Known => {}
        Named::Unknown => return Err(Fault::user_not_found()),
        Named::TryLater { retry_at } => return Err(Fault::try_later(retry_at, call.ids.now)),
    }
    let (address, once) = (request.address.as_str().to_owned(), Once::generate(call)?);
    Ok(Step::SignIn { address, challenged: false, once })
}

/// Ends a sign-in, so that its tokens are issued once. Call this after the tokens exist. A failed
/// issuer or a client that left earlier then costs no sign-in.
pub(super) async fn use_up(
    call: &Call,
    served: &Served<'_>,
    once: &Once,
    repeated: fn() -> Fault,
) -> Result<(), Fault> {
    let until = call.ids.now.after(SIGN_IN_LIFETIME);
    let used = served.sspr.use_once(&call.site.tenant, once.bytes()?, until).await;
    match used.map_err(|_| Fault::down())? {
        Use::First => Ok(()),
        Use::Repeated => Err(repeated()),
        Use::Full { retry_at } => Err(Fault::try_later(retry_at, call.ids.now)),
    }
}

/// Returns the host's tokens for a user who has just signed in.
pub(super) async fn tokens(
    call: &Call,
    served: &Served<'_>,
    account: &AccountId,
    stamp: Stamp,
    scope: &str,
) -> Result<Tokens, Fault> {
    let (tenant, application) = (&call.site.tenant, &served.application.id);
    let request = TokenRequest { account, application, scope, stamp, tenant };
    issued(call.site.issuer.issue(request).await.map_err(|_| Fault::down())?)
}

/// Turns an issuer's answer into tokens or a fault.
pub(super) fn issued(issued: Issued) -> Result<Tokens, Fault> {
    match issued {
        Issued::Tokens(tokens) => Ok(tokens),
        Issued::InvalidScope => Err(Fault::invalid_scope()),
        Issued::Refused => Err(Fault::refused_token()),
    }
}

fn entered(account: AccountId, stamp: Stamp, demand: SecondFactorDemand) -> Entered {
    match demand {
        SecondFactorDemand::None => Entered::Account { account, stamp },
        SecondFactorDemand::Required => Entered::SecondFactor,
    }
}

fn flow_token(token: &Secret) -> Result<FlowToken, Fault> {
    FlowToken::parse(token.expose()).map_err(|_| Fault::bad_token())
}
