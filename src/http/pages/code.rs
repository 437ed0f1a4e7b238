//! The pages "Forgot password?", "Enter your code" and "Please try later".

use core::time::Duration;
use std::sync::Arc;

use axum::extract::{Request, State};

use super::{
    journey::{Back, Flash, Journey, Stage, instant},
    sign_in::{ask, posted},
    site::Site,
    view::{Alert, CodePage, Message, Piece, TryLaterPage, sentence},
    visit::{Answer, Visit, redirect},
};
use crate::{
    domain::{Code, CodeFormat, FlowToken, IdentityProvider, Method, Timestamp},
    engine::{Rejection, ResetStatus, SendOutcome, StartOutcome, StatusOutcome, VerifyOutcome},
    http::stop::Stop,
};

/// Returns true if a journey has a reset whose code can be entered.
pub(super) async fn has_reset(visit: &Visit, journey: &Journey) -> Result<bool, Stop> {
    if journey.grant.is_some() || journey.is_done() {
        return Ok(false);
    }
    let Some(token) = token(journey) else { return Ok(false) };
    Ok(match visit.or_unavailable(visit.site.sspr.status(&token).await)? {
        StatusOutcome::Status(status) => status.sent.is_some(),
        StatusOutcome::Gone => false,
    })
}

/// Opens the reset of a journey that has none, and asks for its first code.
pub(super) async fn begin_reset(visit: &Visit, journey: Journey, method: Method) -> Answer {
    let site = &*visit.site;
    let (Some(ask), Some(key)) = (ask(visit, &journey), journey.request_key()) else {
        return Ok(redirect("start-again"));
    };
    let started = site.sspr.start(&ask.by(method).with_key(key), &visit.client()).await;
    match visit.or_unavailable(started)? {
        StartOutcome::Started(started) => {
            visit.go_on(&journey.opened(&started.token), Stage::Code, None)
        }
        StartOutcome::TryLater { retry_at } => later(visit, &journey, Back::Send, retry_at),
        // The reset of an earlier click has ended.
        StartOutcome::Unavailable if visit.offers_reset() => {
            let fresh = visit.or_unavailable(journey.afresh(site.sspr.entropy()))?;
            visit.go(fresh)
        }
        // The pages ask with strict disclosure, so nothing about an account is revealed.
        StartOutcome::Unavailable | StartOutcome::UnknownAccount => {
            visit.go_on(&journey, Stage::Off, None)
        }
    }
}

/// `POST resend`: asks for a further code. Reads no code.
pub(super) async fn resend(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, _) = posted(&site, request).await?;
    if visit.journey().is_some_and(Journey::is_past_the_code) {
        return visit.reached();
    }
    let Some((journey, token)) = visit.journey().and_then(|it| Some((it, token(it)?))) else {
        return Ok(redirect("start-again"));
    };
    match visit.or_unavailable(site.sspr.send(&token, &visit.client()).await)? {
        SendOutcome::Sent(_) => visit.go_on(journey, Stage::Code, Some(Flash::Resent)),
        SendOutcome::TooSoon { .. } => visit.go_on(journey, Stage::Code, None),
        SendOutcome::TryLater { retry_at } => later(&visit, journey, Back::Resend, retry_at),
        SendOutcome::Gone => visit.over(journey),
    }
}

/// `GET code`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.journey().is_some_and(Journey::is_past_the_code) {
        return visit.reached();
    }
    let Some((journey, token)) = visit.journey().and_then(|it| Some((it, token(it)?))) else {
        return visit.lost();
    };
    match visit.or_unavailable(site.sspr.status(&token).await)? {
        StatusOutcome::Status(status) => show(&visit, journey, &status),
        StatusOutcome::Gone => visit.over(journey),
    }
}

fn show(visit: &Visit, journey: &Journey, status: &ResetStatus) -> Answer {
    let words = visit.words();
    let letters = status.sent.as_ref().is_some_and(|sent| sent.format == CodeFormat::Letters);
    let lifetime = visit.minutes(visit.policy.limits().code_lifetime);
    let resent = matches!(journey.flash, Some(Flash::Resent));
    let by_sms = is_by_sms(status);
    // After a first proof the user may know where the second code goes.
    let hint = journey.hint(by_sms).filter(|_| !letters);
    let masked = hint.clone().unwrap_or_else(|| status.masked_address.clone());
    let lead = match (by_sms, resent, letters) {
        (false, ..) if hint.is_some() => words.next_sent_email,
        (true, ..) if hint.is_some() => words.next_sent_sms,
        (false, true, _) => words.resent,
        (false, false, true) => words.code_lead_letters,
        (false, false, false) => words.code_lead,
        (true, true, _) => words.sms_resent,
        (true, false, true) => words.sms_lead_letters,
        (true, false, false) => words.sms_lead,
    };
    let now = visit.site.sspr.now();
    let wait = status.sent.as_ref().map_or(Duration::ZERO, |sent| sent.resend_at.since(now));
    let wait = whole_seconds(wait);
    let waiting = match wait {
        0 => words.available.to_owned(),
        seconds => words.wait.replace("{n}", &seconds.to_string()),
    };
    let alert = alert(visit, journey, status, &lifetime);
    let mut frame = visit.frame(words.code_title, Some(journey));
    frame.failed = alert.is_some();
    frame.step = Some(1);
    visit.show(&CodePage {
        alert,
        by_sms,
        is_second: journey.has_first_proof,
        other_way: match (journey.has_first_proof, visit.has_choice()) {
            (true, _) => Some("next-proof"),
            (false, true) => Some("send-code"),
            (false, false) => None,
        },
        frame,
        lead: sentence(
            lead,
            &[
                ("masked", &|| Piece::Address(masked.clone())),
                ("time", &|| Piece::Plain(lifetime.clone())),
            ],
        ),
        letters,
        resent,
        tip_address: sentence(words.tip_address, &[]),
        tip_other: other_providers(visit).map(|providers| {
            sentence(words.tip_other, &[("providers", &|| Piece::Plain(providers.clone()))])
        }),
        wait,
        waiting,
    })
}

/// Returns the result of the last form in words.
fn alert(visit: &Visit, journey: &Journey, status: &ResetStatus, lifetime: &str) -> Option<Alert> {
    let words = visit.words();
    let time = || Piece::Plain(lifetime.to_owned());
    let look_again = if is_by_sms(status) { words.sms_wrong_text } else { words.code_wrong_text };
    let (heading, text) = match journey.flash.as_ref()? {
        Flash::WrongCode { tries } => {
            let mut text = sentence(look_again, &[]);
            text.push(Piece::Plain(format!(" {}", visit.tries_left(*tries))));
            (words.code_wrong, text)
        }
        Flash::Malformed => (words.code_wrong, sentence(look_again, &[])),
        Flash::Expired => {
            (words.code_expired, sentence(words.code_expired_text, &[("time", &time)]))
        }
        Flash::Exhausted => (words.code_exhausted, sentence(words.code_exhausted_text, &[])),
        Flash::Longer => (words.longer_sent, sentence(words.tip_longer, &[])),
        Flash::Resent | Flash::Weak { .. } | Flash::WrongPassword => return None,
    };
    // A code that was sent since then is neither too old nor tried too often.
    let newer = matches!(journey.flash, Some(Flash::Exhausted)) && status.tries_left > 0;
    (!newer).then_some(Alert { heading, text })
}

/// `POST code`.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    if visit.journey().is_some_and(Journey::is_done) {
        return visit.reached();
    }
    let Some((journey, token)) = visit.journey().and_then(|it| Some((it, token(it)?))) else {
        return Ok(redirect("start-again"));
    };
    let typed = form.optional("code").ok().flatten().unwrap_or_default();
    let Ok(code) = Code::parse(typed) else {
        return visit.go_on(journey, Stage::Code, Some(Flash::Malformed));
    };
    let rejection =
        match visit.or_unavailable(site.sspr.verify(&token, &code, &visit.client()).await)? {
            VerifyOutcome::Granted(granted) => {
                return visit.go(journey.granted(&granted.grant));
            }
            VerifyOutcome::NextProof(next) => return visit.go(journey.proved(&next)),
            VerifyOutcome::Rejected(rejection) => rejection,
        };
    let flash = match rejection {
        Rejection::WrongCode { tries_left: 0 } | Rejection::Exhausted => Flash::Exhausted,
        Rejection::WrongCode { tries_left } => Flash::WrongCode { tries: tries_left },
        Rejection::LongerCodeSent(_) => Flash::Longer,
        Rejection::Expired => Flash::Expired,
        Rejection::Gone => return visit.over(journey),
        Rejection::TryLater { retry_at } => return later(&visit, journey, Back::Code, retry_at),
    };
    visit.go_on(journey, Stage::Code, Some(flash))
}

/// `GET try-later`.
pub(super) async fn try_later(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey() else { return visit.lost() };
    let Stage::Later { until, back } = journey.stage else { return visit.reached() };
    let words = visit.words();
    let mails = matches!(back, Back::Send | Back::Resend);
    let lead = if mails { words.later_lead } else { words.busy_lead };
    let wait = instant(until).since(site.sspr.now());
    let lifetime = visit.minutes(visit.policy.limits().code_lifetime);
    visit.show(&TryLaterPage {
        after: mails.then(|| words.later_after.replace("{time}", &lifetime)),
        frame: visit.frame(words.later_title, Some(journey)),
        lead: sentence(lead, &[("time", &|| Piece::Strong(visit.minutes(wait)))]),
        onward: match back {
            Back::Send => None,
            Back::Resend => Some(("code", words.have_code)),
            Back::Code => Some(("code", words.again)),
            Back::Change => Some(("change", words.again)),
            Back::NewPassword => Some(("new-password", words.again)),
            Back::NextProof => Some(("next-proof", words.again)),
            Back::Password => Some(("password", words.again)),
            Back::SupportCode => Some(("support-code", words.again)),
            Back::FreezeConfirm => Some(("freeze-account", words.again)),
        },
    })
}

/// `GET unavailable`: this tenant or user flow offers no reset, or this account has no password that
/// can be changed.
pub(super) async fn unavailable(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.named().is_some_and(|journey| journey.account.is_some()) {
        return visit.no_change();
    }
    let words = visit.words();
    visit.show(&Message {
        frame: visit.frame(words.off_title, None),
        lead: words.off_text.replace("{brand}", visit.policy.brand().name()),
        onward: None,
        reference: None,
    })
}

/// `GET start-again`: the cookie of the browser is no longer valid.
pub(super) async fn start_again(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if !visit.keeps_cookies() {
        return visit.without_cookies();
    }
    let words = visit.words();
    let frame = visit.frame(words.gone_title, None);
    visit.show(&Message { frame, lead: words.gone_text.to_owned(), onward: None, reference: None })
}

pub(super) fn later(visit: &Visit, journey: &Journey, back: Back, retry_at: Timestamp) -> Answer {
    visit.go_on(journey, Stage::Later { back, until: retry_at.as_micros() }, None)
}

pub(super) fn token(journey: &Journey) -> Option<FlowToken> {
    FlowToken::parse(journey.token.as_ref()?.expose()).ok()
}

/// Returns true if the newest code was asked for by SMS.
fn is_by_sms(status: &ResetStatus) -> bool {
    status.sent.as_ref().is_some_and(|sent| sent.method == Method::Sms)
}

/// Returns the names of the user flow's other identity providers.
fn other_providers(visit: &Visit) -> Option<String> {
    let flow = visit.policy.user_flow(&visit.site.application.user_flow)?;
    let words = &visit.language.words().providers;
    let listed = |provider| flow.identity_providers().contains(&provider);
    let named = [(IdentityProvider::Google, "Google"), (IdentityProvider::Facebook, "Facebook")];
    let mut names: Vec<&str> =
        named.into_iter().filter(|(provider, _)| listed(*provider)).map(|(_, name)| name).collect();
    let last = names.pop()?;
    if names.is_empty() {
        return Some(last.to_owned());
    }
    Some([&names.join(&words.comma), &*words.or, last].concat())
}

/// Returns whole seconds, rounded up, so that no user is told "now" too early.
const fn whole_seconds(time: Duration) -> u64 {
    let up = if time.subsec_nanos() > 0 { 1 } else { 0 };
    time.as_secs().saturating_add(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_500, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis} ms");
        }
    }
}
