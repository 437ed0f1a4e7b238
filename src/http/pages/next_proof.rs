//! The page "One more proof": the second of two proofs, after the first right code.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::{
    code::{later, token},
    journey::{Back, Flash, Journey, Stage, Way},
    sign_in::posted,
    site::Site,
    view::{Alert, NextProofPage, Piece, sentence},
    visit::{Answer, Visit, redirect},
};
use crate::{
    domain::{HostProof, Method},
    engine::{Rejection, SendOutcome, VerifyOutcome},
};

/// `GET next-proof`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey().filter(|it| is_open(it)) else { return visit.reached() };
    let words = visit.words();
    let brand = visit.policy.brand().name().to_owned();
    let alert = alert(&visit, journey);
    let mut frame = visit.frame(words.next_title, Some(journey));
    frame.failed = alert.is_some();
    frame.step = Some(1);
    let button = |template: &str, hint: Option<String>| {
        hint.map(|hint| sentence(template, &[("masked", &|| Piece::Address(hint.clone()))]))
    };
    let lead = if journey.ways.is_empty() { words.next_none } else { words.next_lead };
    visit.show(&NextProofPage {
        alert,
        by_email: button(words.next_by_email, journey.hint(false)),
        by_sms: button(words.next_by_sms, journey.hint(true)),
        frame,
        has_host_proof: journey.ways.contains(&Way::Host),
        lead: lead.replace("{brand}", &brand),
    })
}

/// Returns the result of the last form in words.
fn alert(visit: &Visit, journey: &Journey) -> Option<Alert> {
    let words = visit.words();
    let (heading, text) = match journey.flash.as_ref()? {
        Flash::WrongCode { tries } => (words.code_wrong, visit.tries_left(*tries)),
        Flash::Malformed => (words.code_wrong, words.next_host_text.to_owned()),
        Flash::Exhausted => (words.code_exhausted, words.next_exhausted_text.to_owned()),
        Flash::Expired
        | Flash::Longer
        | Flash::Resent
        | Flash::Weak { .. }
        | Flash::WrongPassword => return None,
    };
    Some(Alert { heading, text: vec![Piece::Plain(text)] })
}

/// `POST next-proof`: sends the second code, or takes the proof that the host checks.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    let Some(journey) = visit.journey().filter(|it| is_open(it)) else { return visit.reached() };
    let Some(token) = token(journey) else { return Ok(redirect("start-again")) };
    let method = match form.optional("by").ok().flatten() {
        Some("sms") => Method::Sms,
        Some("email") => Method::Email,
        _ => {
            let typed = form.optional("proof").ok().flatten().unwrap_or_default();
            let Ok(proof) = HostProof::parse(typed) else {
                return visit.go_on(journey, Stage::NextProof, Some(Flash::Malformed));
            };
            let proved = site.sspr.prove(&token, &proof, &visit.client()).await;
            return answer(&visit, journey, visit.or_unavailable(proved)?);
        }
    };
    let sending = site.sspr.send_by(&token, method, &visit.client()).await;
    match visit.or_unavailable(sending)? {
        SendOutcome::Sent(_) | SendOutcome::TooSoon { .. } => {
            visit.go_on(journey, Stage::Code, None)
        }
        SendOutcome::TryLater { retry_at } => later(&visit, journey, Back::NextProof, retry_at),
        SendOutcome::Gone => visit.over(journey),
    }
}

fn answer(visit: &Visit, journey: &Journey, outcome: VerifyOutcome) -> Answer {
    let rejection = match outcome {
        VerifyOutcome::Granted(granted) => return visit.go(journey.granted(&granted.grant)),
        VerifyOutcome::NextProof(next) => return visit.go(journey.proved(&next)),
        VerifyOutcome::Rejected(rejection) => rejection,
    };
    let flash = match rejection {
        Rejection::WrongCode { tries_left: 0 } | Rejection::Exhausted => Flash::Exhausted,
        Rejection::WrongCode { tries_left } => Flash::WrongCode { tries: tries_left },
        Rejection::Gone | Rejection::Expired | Rejection::LongerCodeSent(_) => {
            return visit.over(journey);
        }
        Rejection::TryLater { retry_at } => {
            return later(visit, journey, Back::NextProof, retry_at);
        }
    };
    visit.go_on(journey, Stage::NextProof, Some(flash))
}

/// Returns true if the first of two proofs was given, and the second one is awaited.
const fn is_open(journey: &Journey) -> bool {
    journey.has_first_proof
        && matches!(
            journey.stage,
            Stage::NextProof
                | Stage::Code
                | Stage::Later { back: Back::NextProof | Back::Resend, .. }
        )
}
