//! The page for a code that staff have handed over.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::{
    code::later,
    journey::{Back, Journey, Stage},
    sign_in::{ask, posted, shown},
    site::Site,
    view::SupportCodePage,
    visit::{Answer, Visit},
};
use crate::{domain::Code, engine::AssistanceOutcome};

/// `GET support-code`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.refuses_cookies() {
        return visit.without_cookies();
    }
    let failed = visit.named().filter(|journey| matches!(journey.stage, Stage::SupportCode));
    let mut frame = visit.frame(visit.words().support_title, failed);
    frame.failed = failed.is_some();
    visit.show(&SupportCodePage {
        failed: failed.map(|journey| journey.address.clone()),
        frame,
        return_to: visit.return_to(),
    })
}

/// `POST support-code`: the code and an address on file lead to the new password. Everything else
/// gets one answer, whether the address has an account or not.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    let field = |name| form.optional(name).ok().flatten().map(str::trim);
    let typed = shown(field("username").unwrap_or_default());
    let begun = Journey::begin(typed, Stage::SupportCode, site.sspr.entropy());
    let mut journey = visit.or_unavailable(begun)?;
    // A form that failed is sent again under its own journey.
    if let Some(before) = visit.named().filter(|it| matches!(it.stage, Stage::SupportCode)) {
        journey.id.clone_from(&before.id);
        journey.return_to.clone_from(&before.return_to);
    }
    if let Some(path) = field("return_to") {
        let path = site.return_to(Some(path), &visit.public);
        journey.return_to = Some(path.as_str().to_owned());
    }
    let code = Code::parse(field("code").unwrap_or_default());
    let (Some(ask), Ok(code)) = (ask(&visit, &journey), code) else { return visit.go(journey) };
    let entered = site.sspr.enter_assistance_code(&ask, &code, &visit.client()).await;
    match visit.or_unavailable(entered)? {
        AssistanceOutcome::Granted(granted) => visit.go(journey.granted(&granted.grant)),
        AssistanceOutcome::Rejected => visit.go(journey),
        AssistanceOutcome::TryLater { retry_at } => {
            later(&visit, &journey, Back::SupportCode, retry_at)
        }
    }
}
