//! Screens 1, 2 and 6, with the address, the password, and sign-in paused.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::SET_COOKIE},
};

use super::{
    journey::{Back, Flash, Journey, Stage, instant},
    site::Site,
    view::{LockedPage, PasswordPage, Piece, SignInPage, sentence},
    visit::{Answer, Visit, redirect},
};
use crate::{
    domain::{EmailAddress, Password},
    engine::{Request as Ask, SignInOutcome, SignedIn},
    http::{ReturnTo, SessionError, SignInContext, form::Form, stop::Stop},
};

/// The longest text that is shown again as a mistyped address. No address is longer.
const LONGEST_TYPED: usize = 254;

/// `GET sign-in`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.refuses_cookies() {
        return visit.without_cookies();
    }
    let failed = visit.journey().filter(|journey| matches!(journey.stage, Stage::Address));
    let words = visit.words();
    let mut frame = visit.frame(words.sign_in_title, failed);
    frame.failed = failed.is_some();
    visit.show(&SignInPage {
        action: "sign-in",
        bad: failed.map(|journey| journey.address.clone()),
        button: words.next,
        lead: words.sign_in_lead.replace("{brand}", visit.policy.brand().name()),
        return_to: visit.return_to(),
        freeze: visit.freeze(),
        support_code: visit.support_code(),
        frame,
    })
}

/// `POST sign-in`: any address leads to the password, whether it has an account or not.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    let field = |name| form.optional(name).ok().flatten().map(str::trim);
    let typed = field("username").unwrap_or_default();
    let stage = match EmailAddress::parse(typed) {
        Ok(_) => Stage::Password,
        Err(_) => Stage::Address,
    };
    let mut journey =
        visit.or_unavailable(Journey::begin(shown(typed), stage, site.sspr.entropy()))?;
    let before = visit.journey().filter(|before| matches!(before.stage, Stage::Address));
    if let Some(before) = before {
        journey.id.clone_from(&before.id);
        journey.return_to.clone_from(&before.return_to);
    }
    if let Some(path) = field("return_to") {
        let path = visit.landing(Some(path));
        journey.return_to = Some(path.as_str().to_owned());
    }
    visit.go(journey)
}

/// `GET password`.
pub(super) async fn password_page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey().filter(|journey| may_sign_in(journey)) else {
        return visit.lost();
    };
    let wrong = matches!(journey.flash, Some(Flash::WrongPassword));
    let mut frame = visit.frame(visit.words().password_title, Some(journey));
    frame.failed = wrong;
    let offered = visit.offers_reset();
    visit.show(&PasswordPage { address: &journey.address, frame, offered, wrong })
}

/// `POST password`.
pub(super) async fn password_submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    let Some(journey) = visit.journey().filter(|journey| may_sign_in(journey)) else {
        return Ok(redirect("start-again"));
    };
    let wrong = || visit.go_on(journey, Stage::Password, Some(Flash::WrongPassword));
    let typed = form.optional("password").ok().flatten().unwrap_or_default();
    let (Ok(password), Some(ask)) = (Password::parse(typed), ask(&visit, journey)) else {
        return wrong();
    };
    let outcome = site.sspr.sign_in(&ask, &password, &visit.client()).await;
    match visit.or_unavailable(outcome)? {
        SignInOutcome::LockedOut { until } => {
            let until = until.map(crate::domain::Timestamp::as_micros);
            visit.go_on(journey, Stage::Locked { until }, None)
        }
        SignInOutcome::Frozen => visit.go_on(journey, Stage::Frozen, None),
        SignInOutcome::MustChange(granted) => visit.go(journey.must_change(&granted.grant)),
        SignInOutcome::Rejected => wrong(),
        SignInOutcome::SignedIn(signed_in) => enter(&visit, journey, &signed_in).await,
        SignInOutcome::TryLater { retry_at } => {
            let stage = Stage::Later { back: Back::Password, until: retry_at.as_micros() };
            visit.go_on(journey, stage, None)
        }
    }
}

/// Begins a session of the host, and sends the user to the wanted path.
async fn enter(visit: &Visit, journey: &Journey, signed_in: &SignedIn) -> Answer {
    let return_to = visit.landing(journey.return_to.as_deref());
    let begun = begin_session(visit, &return_to, signed_in).await;
    let (to, cookies) = visit.or_unavailable(begun)?;
    let mut response = redirect(&visit.after_sign_in(&to));
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    visit.remember(&signed_in.device, &mut response);
    let mut jar = visit.jar.clone();
    jar.remove(&journey.id);
    visit.keep(&jar, &mut response)?;
    Ok(response)
}

/// Begins a session of the host. Returns the path to which the user goes, and the `Set-Cookie` lines
/// of the session.
pub(super) async fn begin_session(
    visit: &Visit,
    return_to: &ReturnTo,
    signed_in: &SignedIn,
) -> Result<(ReturnTo, Vec<HeaderValue>), SessionError> {
    let context = SignInContext {
        account: &signed_in.account,
        application: &visit.site.application,
        request: &visit.request,
        return_to,
        second_factor: signed_in.second_factor,
        stamp: signed_in.stamp,
    };
    let session = visit.site.sessions.begin(context).await?;
    let to = session.instead.map_or_else(|| return_to.clone(), |path| visit.public.publish(&path));
    Ok((to, session.cookies))
}

/// `GET locked`.
pub(super) async fn locked(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey() else { return visit.lost() };
    let Stage::Locked { until } = journey.stage else { return visit.reached() };
    let words = visit.words();
    let lead = if until.is_some() { words.locked_lead } else { words.locked_lead_open };
    let wait = until.map(|until| instant(until).since(site.sspr.now())).unwrap_or_default();
    let lead = sentence(
        lead,
        &[
            ("address", &|| Piece::Address(journey.address.clone())),
            ("time", &|| Piece::Strong(visit.minutes(wait))),
        ],
    );
    let frame = visit.frame(words.locked_title, Some(journey));
    visit.show(&LockedPage { frame, lead, offered: visit.offers_reset() })
}

/// `POST sign-out`: the host ends the session, and the browser forgets its journeys.
pub(super) async fn sign_out(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let cookies = visit.or_unavailable(site.sessions.end(&visit.request).await)?;
    let mut response = redirect("sign-in");
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if !visit.jar.is_empty() {
        let mut jar = visit.jar.clone();
        jar.clear();
        visit.keep(&jar, &mut response)?;
    }
    Ok(response)
}

/// Returns the visit and the form of a POST. A form that cannot be read, or has a repeated field,
/// is answered with a page.
pub(super) async fn posted(site: &Arc<Site>, request: Request) -> Result<(Visit, Form), Stop> {
    let (parts, body) = request.into_parts();
    let mut sent = Request::new(body);
    sent.headers_mut().clone_from(&parts.headers);
    let visit = Visit::of(site, parts)?;
    match Form::read(sent).await {
        Ok(form) if form.has_each_once() => Ok((visit, form)),
        _ => Err(visit.problem(StatusCode::BAD_REQUEST).into()),
    }
}

/// Returns the request to the engine about the journey's address.
pub(super) fn ask(visit: &Visit, journey: &Journey) -> Option<Ask> {
    let address = EmailAddress::parse(&journey.address).ok()?;
    let ask = Ask::new(&visit.site.application, address);
    Some(ask.with_locale(visit.language.into()).with_strict_disclosure())
}

/// Returns the typed text if it is short enough to be shown again.
pub(super) const fn shown(typed: &str) -> &str {
    if typed.len() <= LONGEST_TYPED { typed } else { "" }
}

const fn may_sign_in(journey: &Journey) -> bool {
    !matches!(
        journey.stage,
        Stage::Address
            | Stage::Done { .. }
            | Stage::Forgot
            | Stage::Freeze
            | Stage::FreezeConfirm
            | Stage::SupportCode
    )
}
