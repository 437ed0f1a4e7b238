//! The page "How do you want to get the code?". It is shown where the tenant offers more than one
//! way, and it is the same for every address.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::{
    code::{begin_reset, has_reset, later, token},
    journey::{Back, Flash, Journey, Stage},
    sign_in::posted,
    site::Site,
    view::SendCodePage,
    visit::{Answer, Visit, redirect},
};
use crate::{domain::Method, engine::SendOutcome};

/// `POST reset`: opens a reset and asks for its first code. Reads no password. A second click finds
/// the reset of the first click, so it sends no second mail.
pub(super) async fn forgot(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, _) = posted(&site, request).await?;
    let Some(journey) = visit.journey().filter(|it| !matches!(it.stage, Stage::Address)) else {
        return Ok(redirect("start-again"));
    };
    choose_or_begin(&visit, journey.clone()).await
}

/// Goes back to the reset of a journey, or opens one. Where there is a choice, the user makes it
/// first.
pub(super) async fn choose_or_begin(visit: &Visit, journey: Journey) -> Answer {
    if has_reset(visit, &journey).await? {
        return visit.go_on(&journey, Stage::Code, None);
    }
    let fresh = || visit.or_unavailable(journey.afresh(visit.site.sspr.entropy()));
    if visit.has_choice() {
        return visit.go_on(&fresh()?, Stage::SendCode, None);
    }
    let is_used = journey.token.is_some() || journey.grant.is_some() || journey.is_done();
    let journey = if is_used { fresh()? } else { journey };
    begin_reset(visit, journey, Method::Email).await
}

/// `GET send-code`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey().filter(|it| is_open(it)) else { return visit.reached() };
    if !visit.has_choice() {
        return Ok(redirect("start-again"));
    }
    visit.show(&SendCodePage { frame: visit.frame(visit.words().way_title, Some(journey)) })
}

/// `POST send-code`: sends the first code of a reset, or another one, in the chosen way.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    let Some(journey) = visit.journey().filter(|it| is_open(it)) else { return visit.reached() };
    let method = match form.optional("by").ok().flatten() {
        Some("sms") if visit.has_choice() => Method::Sms,
        _ => Method::Email,
    };
    let Some(token) = token(journey) else {
        return begin_reset(&visit, journey.clone(), method).await;
    };
    let sending = site.sspr.send_by(&token, method, &visit.client()).await;
    match visit.or_unavailable(sending)? {
        SendOutcome::Sent(_) => visit.go_on(journey, Stage::Code, Some(Flash::Resent)),
        SendOutcome::TooSoon { .. } => visit.go_on(journey, Stage::Code, None),
        SendOutcome::TryLater { retry_at } => later(&visit, journey, Back::Resend, retry_at),
        SendOutcome::Gone => visit.over(journey),
    }
}

/// Returns true if a code can be asked for at this stage of the journey. A user who has to wait may
/// still get the code in another way.
const fn is_open(journey: &Journey) -> bool {
    match journey.stage {
        _ if journey.has_first_proof => false,
        Stage::SendCode | Stage::Code => true,
        Stage::Later { back, .. } => matches!(back, Back::Send | Back::Resend | Back::Code),
        _ => false,
    }
}
