//! Screens 4 and 5, with the new password and the end.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::header::SET_COOKIE,
};
use subtle::ConstantTimeEq as _;

use super::{
    code::later,
    journey::{Back, Flash, Issue, Journey, Stage, instant},
    sign_in::{begin_session, posted},
    site::Site,
    view::{Complaint, CurrentField, DonePage, NewPasswordPage, Piece, Rule, sentence},
    visit::{Answer, Visit, redirect},
};
use crate::{
    domain::{Grant, Password, Ticket},
    engine::{RedeemOutcome, SecondFactorDemand, SignedIn, SubmitOutcome},
    http::{ReturnTo, form::Form},
    policy::AfterReset,
};

/// `GET new-password`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    if visit.journey().is_some_and(Journey::is_done) {
        return visit.reached();
    }
    let Some(journey) = visit.journey().filter(|journey| journey.grant.is_some()) else {
        return visit.lost();
    };
    visit.show(&form_page(&visit, journey))
}

/// Returns the page with the form for a new password: after a code, before a sign-in with a password
/// that must be changed, or for a signed-in user.
pub(super) fn form_page<'a>(visit: &Visit, journey: &'a Journey) -> NewPasswordPage<'a> {
    let words = visit.words();
    let issues: &[Issue] = match &journey.flash {
        Some(Flash::Weak { issues }) => issues,
        _ => &[],
    };
    let guessable = [Issue::Breached, Issue::Common, Issue::Personal];
    let current = journey.account.is_some().then(|| CurrentField {
        offered: visit.offers_reset(),
        wrong: matches!(journey.flash, Some(Flash::WrongPassword)),
    });
    let (action, title) = match current {
        Some(_) => ("change", words.change_title),
        None => ("new-password", words.new_title),
    };
    let after_code = current.is_none() && !journey.must_change;
    let mut frame = visit.frame(title, Some(journey));
    frame.failed = !issues.is_empty() || current.is_some_and(|current| current.wrong);
    frame.step = after_code.then_some(2);
    NewPasswordPage {
        action,
        address: &journey.address,
        button: if after_code { words.reset } else { words.change_button },
        current,
        frame,
        guessable: issues.iter().any(|issue| guessable.contains(issue)),
        issues: issues.iter().map(|issue| complaint(visit, *issue)).collect(),
        lead: journey.must_change.then_some(words.must_change_lead),
        least: visit.policy.password_rules().min_length(),
        rules: rules(visit, issues),
    }
}

/// `POST new-password`.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request).await?;
    // This is the second half of a double click, or a step back.
    if visit.journey().is_some_and(Journey::is_done) {
        return visit.reached();
    }
    let Some((journey, grant)) = visit.journey().and_then(|it| Some((it, grant(it)?))) else {
        return Ok(redirect("start-again"));
    };
    let weak = |issues| visit.go_on(journey, Stage::NewPassword, Some(Flash::Weak { issues }));
    let password = match chosen(&visit, &form) {
        Ok(password) => password,
        Err(issue) => return weak(vec![issue]),
    };
    match visit.or_unavailable(site.sspr.submit(&grant, &password, &visit.client()).await)? {
        SubmitOutcome::Changed(changed) => finish(&visit, journey, &changed.ticket).await,
        SubmitOutcome::Weak { issues } => weak(issues.iter().map(Issue::of).collect()),
        SubmitOutcome::Rejected => visit.over(journey),
        SubmitOutcome::TryLater { retry_at } => later(&visit, journey, Back::NewPassword, retry_at),
    }
}

/// Returns the new password, which a form has twice.
pub(super) fn chosen(visit: &Visit, form: &Form) -> Result<Password, Issue> {
    let field = |name| form.optional(name).ok().flatten().unwrap_or_default();
    let least = visit.policy.password_rules().min_length();
    let password = Password::parse(field("new-password"));
    let password = password.map_err(|error| Issue::unreadable(error, least))?;
    // Two ways to type one letter are the same password, so they also match as confirmation.
    let again = Password::parse(field("confirm-password"));
    let same = again
        .is_ok_and(|again| password.expose().as_bytes().ct_eq(again.expose().as_bytes()).into());
    if same { Ok(password) } else { Err(Issue::Mismatch) }
}

/// Finishes a changed password. Signs the user in, unless the tenant wants the user to type the
/// password.
///
/// A repeat of the form comes here with the same ticket. It never signs in a second time, because
/// the first request did so or lost its answer. In the second case, the user signs in with the new
/// password.
async fn finish(visit: &Visit, journey: &Journey, ticket: &Ticket) -> Answer {
    let site = &*visit.site;
    let until = site.sspr.now().after(visit.policy.limits().ticket_lifetime);
    let done = |signed_in, onward| journey.done(signed_in, onward, until);
    // A user who typed the right password before the new one is always signed in.
    let signs_in = journey.must_change || visit.policy.after_reset() == AfterReset::SignIn;
    // The password is changed, whatever fails from here on. After a failure the user signs in with
    // it.
    let redeemed = site.sspr.redeem(ticket).await;
    // The page for a change is no longer wanted, because the password has just been changed.
    let wanted = journey.return_to.as_deref().filter(|wanted| !visit.is_change(wanted));
    let return_to = site.return_to(wanted, &visit.public);
    let signed_in = match redeemed {
        Ok(RedeemOutcome::SignIn(it)) => SignedIn {
            account: it.account,
            device: it.device,
            second_factor: it.second_factor,
            stamp: it.stamp,
        },
        Ok(RedeemOutcome::RequireSignIn) if signs_in => {
            // The ticket was used, so this is a repeat. The application knows whether the first
            // request signed in.
            let mut next = done(false, true);
            next.return_to = Some(return_to.as_str().to_owned());
            return visit.go(next);
        }
        Ok(_) | Err(_) => return visit.go(done(false, false)),
    };
    arrive(visit, journey, &return_to, &signed_in).await
}

/// Begins the session of a user whose password is changed, and shows the end of the journey.
pub(super) async fn arrive(
    visit: &Visit,
    journey: &Journey,
    return_to: &ReturnTo,
    signed_in: &SignedIn,
) -> Answer {
    let until = visit.site.sspr.now().after(visit.policy.limits().ticket_lifetime);
    let Ok((to, cookies)) = begin_session(visit, return_to, signed_in).await else {
        return visit.go(journey.done(false, false, until));
    };
    let is_whole = signed_in.second_factor == SecondFactorDemand::None;
    let mut next = journey.done(is_whole, true, until);
    next.return_to = Some(to.as_str().to_owned());
    let mut response = visit.go(next)?;
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    visit.remember(&signed_in.device, &mut response);
    Ok(response)
}

/// `GET done`.
pub(super) async fn done(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let visit = Visit::of(&site, request.into_parts().0)?;
    let Some(journey) = visit.journey() else { return visit.lost() };
    let Stage::Done { signed_in, onward, stayed, until } = journey.stage else {
        return visit.reached();
    };
    let words = visit.words();
    // Later the session may be over, or belong to another person. Then the page names nobody.
    let fresh = site.sspr.now() < instant(until);
    let lead = match (signed_in && fresh, onward) {
        (true, _) if stayed => words.done_stay,
        (true, _) => words.done_lead,
        (false, true) => "",
        (false, false) => words.done_sign_in,
    };
    let home = visit.public.publish(&site.home);
    let (href, button) = if onward {
        let button = words.done_go.replace("{brand}", visit.policy.brand().name());
        (journey.return_to.as_deref().unwrap_or(home.as_str()).to_owned(), button)
    } else {
        (visit.sign_in(Some(journey)), words.sign_in.to_owned())
    };
    visit.show(&DonePage {
        button,
        frame: visit.frame(words.done_title, Some(journey)),
        href,
        lead: sentence(lead, &[("address", &|| Piece::Address(journey.address.clone()))]),
    })
}

fn grant(journey: &Journey) -> Option<Grant> {
    Grant::parse(journey.grant.as_ref()?.expose()).ok()
}

fn complaint(visit: &Visit, issue: Issue) -> Complaint {
    let words = visit.words();
    let number = |words: &str, n: usize| words.replace("{n}", &n.to_string());
    let text = match issue {
        Issue::Breached => words.issue_breached.to_owned(),
        Issue::Characters => words.issue_characters.to_owned(),
        Issue::Common => words.issue_common.to_owned(),
        Issue::Kinds => words.issue_kinds.to_owned(),
        Issue::Long { most } => number(words.issue_long, most),
        Issue::Mismatch => words.issue_mismatch.to_owned(),
        Issue::Personal if visit.policy.password_rules().is_entra() => {
            words.issue_personal.to_owned()
        }
        Issue::Personal => words.issue_made_of.to_owned(),
        Issue::Same => words.issue_same.to_owned(),
        Issue::Short { least } => number(words.issue_short, least),
    };
    let field = if issue == Issue::Mismatch { "confirm-password" } else { "new-password" };
    Complaint { field, words: text }
}

/// Returns the requirements that a page lists. They follow the policy.
fn rules(visit: &Visit, issues: &[Issue]) -> Vec<Rule> {
    let words = visit.words();
    let policy = visit.policy.password_rules();
    // Promise only the checks that are made.
    let checked = visit.site.sspr.checks_breaches();
    let broken = |kinds: &[Issue]| issues.iter().any(|issue| kinds.contains(issue));
    let least = policy.min_length();
    let mut rules = vec![
        Rule {
            broken: issues.iter().any(|issue| matches!(issue, Issue::Short { .. })),
            length: true,
            words: words.rule_length.replace("{n}", &least.to_string()),
        },
        Rule {
            broken: broken(&[Issue::Breached, Issue::Common]),
            length: false,
            words: if checked { words.rule_leaked } else { words.rule_common }.to_owned(),
        },
        Rule {
            broken: broken(&[Issue::Personal]),
            length: false,
            words: if policy.is_entra() { words.rule_personal } else { words.rule_made_of }
                .to_owned(),
        },
    ];
    if policy.is_entra() {
        rules.push(Rule {
            broken: broken(&[Issue::Kinds]),
            length: false,
            words: words.rule_kinds.to_owned(),
        });
    }
    rules
}
