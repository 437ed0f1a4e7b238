//! The entrance for users who forgot the password, for hosts with a sign-in page of their own.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::{
    journey::{Journey, Stage},
    send_code::choose_or_begin,
    sign_in::{posted, shown},
    site::Site,
    view::SignInPage,
    visit::{Answer, Visit, redirect},
};
use crate::domain::{EmailAddress, EntropyUnavailable};

/// `GET forgot`. The form is shown under a journey, so that a double click opens one reset.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.refuses_cookies() {
        return visit.without_cookies();
    }
    if !visit.offers_reset() {
        return Ok(redirect("unavailable"));
    }
    let Some(journey) = visit.named() else {
        let return_to = visit.return_to().map(|path| site.return_to(Some(path), &visit.public));
        let return_to = return_to.as_ref().map(|path| path.as_str());
        // A link of another site can open this page often. It must not push the journey of another
        // tab out of the cookie, so a form that is still empty serves again.
        return match visit.jar.unused(return_to) {
            Some(unused) => visit.go(unused.clone()),
            None => visit.go(visit.or_unavailable(begin(&visit, return_to))?),
        };
    };
    let typed = Some(&journey.address).filter(|typed| journey.is_unused() && !typed.is_empty());
    let words = visit.words();
    let mut frame = visit.frame(words.forgot_title, Some(journey));
    frame.failed = typed.is_some();
    visit.show(&SignInPage {
        action: "forgot",
        bad: typed.cloned(),
        button: words.forgot_send,
        frame,
        lead: words.forgot_lead.replace("{brand}", visit.policy.brand().name()),
        return_to: None,
        freeze: visit.freeze(),
        support_code: visit.support_code(),
    })
}

/// `POST forgot`: like *Forgot password?*, for the address of the form.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    let Some(before) = visit.named() else { return Ok(redirect("start-again")) };
    let typed = form.optional("username").ok().flatten().unwrap_or_default().trim();
    // Another address is another journey, so that the code of the first one stays good.
    let mut journey = if before.is_unused() || before.address == typed {
        before.clone()
    } else {
        visit.or_unavailable(begin(&visit, before.return_to.as_deref()))?
    };
    shown(typed).clone_into(&mut journey.address);
    match EmailAddress::parse(typed) {
        Ok(_) => choose_or_begin(&visit, journey).await,
        Err(_) => visit.go_on(&journey, Stage::Forgot, None),
    }
}

fn begin(visit: &Visit, return_to: Option<&str>) -> Result<Journey, EntropyUnavailable> {
    let mut journey = Journey::begin("", Stage::Forgot, visit.site.sspr.entropy())?;
    journey.return_to = return_to.map(str::to_owned);
    Ok(journey)
}
