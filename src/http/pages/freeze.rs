//! The pages for the code of a notice: the code, the question whether to freeze, and the answer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
};

use super::{
    code::later,
    journey::{Back, Journey, Stage},
    sign_in::posted,
    site::Site,
    view::{FreezeConfirmPage, FreezePage, Message},
    visit::{Answer, Visit, redirect},
};
use crate::{domain::Code, engine::FreezeOutcome};

/// `GET freeze`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.refuses_cookies() {
        return visit.without_cookies();
    }
    if !visit.offers_freeze() {
        return Ok(visit.problem(StatusCode::NOT_FOUND));
    }
    let failed = visit.named().filter(|journey| matches!(journey.stage, Stage::Freeze));
    let mut frame = visit.frame(visit.words().freeze_title, failed);
    frame.failed = failed.is_some();
    visit.show(&FreezePage { failed: failed.is_some(), frame })
}

/// `POST freeze`: a text of the right form leads to the question. Nothing is looked up yet.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    if !visit.offers_freeze() {
        return Ok(visit.problem(StatusCode::NOT_FOUND));
    }
    let begun = Journey::begin("", Stage::Freeze, site.sspr.entropy());
    let mut journey = visit.or_unavailable(begun)?;
    // A form that failed is sent again under its own journey.
    if let Some(before) = visit.named().filter(|it| matches!(it.stage, Stage::Freeze)) {
        journey.id.clone_from(&before.id);
    }
    match Code::parse(form.optional("code").ok().flatten().unwrap_or_default()) {
        Ok(code) => visit.go(journey.freezing(&code)),
        Err(_) => visit.go(journey),
    }
}

/// `GET freeze-account`.
pub(super) async fn confirm_page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey().filter(|it| it.freeze.is_some()) else {
        return visit.reached();
    };
    let frame = visit.frame(visit.words().freeze_confirm_title, Some(journey));
    visit.show(&FreezeConfirmPage { frame })
}

/// `POST freeze-account`: freezes the account. A second click finds it frozen.
pub(super) async fn confirm(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, _) = posted(&site, request).await?;
    let Some(journey) = visit.journey() else { return Ok(redirect("start-again")) };
    let code = journey.freeze.as_ref().and_then(|code| Code::parse(code.expose()).ok());
    let Some(code) = code else { return visit.reached() };
    let frozen = site.sspr.freeze(&site.application, &code, &visit.client()).await;
    match visit.or_unavailable(frozen)? {
        FreezeOutcome::Frozen => visit.go(journey.answered(Stage::Frozen)),
        FreezeOutcome::Rejected => visit.go(journey.answered(Stage::Freeze)),
        FreezeOutcome::TryLater { retry_at } => {
            later(&visit, journey, Back::FreezeConfirm, retry_at)
        }
    }
}

/// `GET frozen`: says that a reset ends the freeze.
pub(super) async fn frozen(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey().filter(|it| matches!(it.stage, Stage::Frozen)) else {
        return visit.reached();
    };
    let words = visit.words();
    let onward = visit.offers_reset().then(|| {
        let forgot = visit.link.to("forgot", journey.return_to.as_deref());
        (forgot, words.frozen_go.to_owned())
    });
    visit.show(&Message {
        frame: visit.frame(words.frozen_title, Some(journey)),
        lead: words.frozen_lead.to_owned(),
        onward,
        reference: None,
    })
}
