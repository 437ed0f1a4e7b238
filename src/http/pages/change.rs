//! The page "Change your password", for a signed-in user.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::{
    code::later,
    journey::{Back, Flash, Issue, Journey, Stage},
    new_password::{arrive, chosen, form_page},
    sign_in::posted,
    site::Site,
    visit::{Answer, Visit, redirect},
};
use crate::{
    domain::{Password, Timestamp},
    engine::{ChangeOutcome, KeptSession, SecondFactorDemand, Session, SignedIn, SignedInAddress},
    http::CurrentSession,
};

/// `GET change`. The form is shown under a journey, so that a repeat of the form makes one change.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.refuses_cookies() {
        return visit.without_cookies();
    }
    if visit.named().is_some_and(Journey::is_done) {
        return visit.reached();
    }
    let current = visit.or_unavailable(site.sessions.current(&visit.request).await)?;
    let Some(current) = current else {
        // Without this check, a host that never says who is signed in would send users from here to
        // the sign-in and back, without an end.
        let told = visit.comes_from_sign_in();
        return if told { visit.no_change() } else { sign_in_first(&visit) };
    };
    let own = |journey: &&Journey| journey.account.as_deref() == Some(current.account.as_str());
    match visit.named().filter(own) {
        Some(journey) => visit.show(&form_page(&visit, journey)),
        None => begin(&visit, current).await,
    }
}

/// Leads a user who is not signed in to the sign-in, and from there back to this page.
fn sign_in_first(visit: &Visit) -> Answer {
    Ok(redirect(&visit.sign_in_to_change(visit.return_to())))
}

/// Begins a journey, and so shows an empty form.
async fn begin(visit: &Visit, current: CurrentSession) -> Answer {
    let site = &*visit.site;
    let session = Session::new(&site.application, current.account, current.stamp);
    let found = visit.or_unavailable(site.sspr.signed_in_address(&session).await)?;
    let address = match found {
        SignedInAddress::Ended => return sign_in_first(visit),
        SignedInAddress::Known { address, .. } => address,
        SignedInAddress::Unavailable => return visit.no_change(),
    };
    let begun = Journey::change(&session, address.as_str(), site.sspr.entropy());
    let mut journey = visit.or_unavailable(begun)?;
    let return_to = visit.return_to().map(|path| site.return_to(Some(path), &visit.public));
    journey.return_to = return_to.map(|path| path.as_str().to_owned());
    visit.go(journey)
}

/// `POST change`.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    // This is the second half of a double click, or a step back.
    if visit.journey().is_some_and(Journey::is_done) {
        return visit.reached();
    }
    let found = visit.journey();
    let found = found.and_then(|it| Some((it, it.account()?, it.stamp()?, it.request_key()?)));
    let Some((journey, account, stamp, key)) = found else { return Ok(redirect("start-again")) };
    let current = visit.or_unavailable(site.sessions.current(&visit.request).await)?;
    let current = current.filter(|current| current.account == account);
    let has_session = current.is_some();
    let stamp = current.map_or(stamp, |current| current.stamp);
    let again = |flash| visit.go_on(journey, Stage::Change, Some(flash));
    let new = match chosen(&visit, &form) {
        Ok(new) => new,
        Err(issue) => return again(Flash::Weak { issues: vec![issue] }),
    };
    let typed = form.optional("current-password").ok().flatten().unwrap_or_default();
    let Ok(typed) = Password::parse(typed) else { return again(Flash::WrongPassword) };
    let session = Session::new(&site.application, account, stamp);
    let mut session = session.with_key(key).with_locale(visit.language.into());
    // The journey alone permits no change, because it outlives the session. Without the session of
    // its account, only a repeat of a finished change may succeed: the first request has ended that
    // session, but its answer was lost.
    session.only_repeats = !has_session;
    let outcome = site.sspr.change(&session, &typed, &new, &visit.client()).await;
    match visit.or_unavailable(outcome)? {
        ChangeOutcome::Changed(kept) => stay(&visit, journey, session, has_session, kept).await,
        ChangeOutcome::LockedOut { until } => {
            let until = until.map(Timestamp::as_micros);
            visit.go_on(journey, Stage::Locked { until }, None)
        }
        ChangeOutcome::SessionEnded => {
            let wanted = journey.return_to.as_deref();
            let mut response = redirect(&visit.sign_in_to_change(wanted));
            let mut jar = visit.jar.clone();
            jar.remove(&journey.id);
            visit.keep(&jar, &mut response)?;
            Ok(response)
        }
        ChangeOutcome::TryLater { retry_at } => later(&visit, journey, Back::Change, retry_at),
        ChangeOutcome::Unavailable => visit.go_on(journey, Stage::Off, None),
        ChangeOutcome::Weak { issues } => {
            again(Flash::Weak { issues: issues.iter().map(Issue::of).collect() })
        }
        ChangeOutcome::WrongPassword => again(Flash::WrongPassword),
    }
}

/// Begins a new session after a change, because the old one carries an old stamp.
///
/// A session from before was past the second factor of the user. A repeat without a session proves
/// only the password, so a new session demands the second factor.
async fn stay(
    visit: &Visit,
    journey: &Journey,
    session: Session,
    has_session: bool,
    kept: KeptSession,
) -> Answer {
    let site = &*visit.site;
    let return_to = site.return_to(journey.return_to.as_deref(), &visit.public);
    let session = Session { stamp: kept.stamp, ..session };
    let second_factor = if has_session {
        SecondFactorDemand::None
    } else {
        match site.sspr.signed_in_address(&session).await {
            Ok(SignedInAddress::Known { second_factor, .. }) => second_factor,
            // The password is changed nevertheless, and the user signs in with it.
            Ok(SignedInAddress::Ended | SignedInAddress::Unavailable) | Err(_) => {
                SecondFactorDemand::Required
            }
        }
    };
    let signed_in = SignedIn {
        account: session.account,
        device: kept.device,
        second_factor,
        stamp: kept.stamp,
    };
    arrive(visit, journey, &return_to, &signed_in).await
}
