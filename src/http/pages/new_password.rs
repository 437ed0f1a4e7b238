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
    view::{Complaint, DonePage, NewPasswordPage, Piece, Rule, sentence},
    visit::{Answer, Visit, redirect},
};
use crate::{
    domain::{Grant, Password, Ticket},
    engine::{RedeemOutcome, SecondFactorDemand, SignedIn, SubmitOutcome},
    policy::AfterReset,
};

/// `GET new-password`.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts)?;
    if visit.journey().is_some_and(Journey::is_done) {
        return visit.reached();
    }
    let Some(journey) = visit.journey().filter(|journey| journey.grant.is_some()) else {
        return visit.lost();
    };
    let issues: &[Issue] = match &journey.flash {
        Some(Flash::Weak { issues }) => issues,
        _ => &[],
    };
    let guessable = [Issue::Breached, Issue::Common, Issue::Personal];
    let mut frame = visit.frame(visit.words().new_title, Some(journey));
    frame.failed = !issues.is_empty();
    frame.step = Some(2);
    visit.show(&NewPasswordPage {
        address: &journey.address,
        frame,
        guessable: issues.iter().any(|issue| guessable.contains(issue)),
        issues: issues.iter().map(|issue| complaint(&visit, *issue)).collect(),
        least: visit.policy.password_rules().min_length(),
        rules: rules(&visit, issues),
    })
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
    let field = |name| form.optional(name).ok().flatten().unwrap_or_default();
    let (typed, again) = (field("new-password"), field("confirm-password"));
    let weak = |issues| visit.go_on(journey, Stage::NewPassword, Some(Flash::Weak { issues }));
    let least = visit.policy.password_rules().min_length();
    let password = match Password::parse(typed) {
        Ok(password) => password,
        Err(error) => return weak(vec![Issue::unreadable(error, least)]),
    };
    // Two ways to type one letter are the same password, so they also match as confirmation.
    let again = Password::parse(again);
    let same = again
        .is_ok_and(|again| password.expose().as_bytes().ct_eq(again.expose().as_bytes()).into());
    if !same {
        return weak(vec![Issue::Mismatch]);
    }
    match visit.or_unavailable(site.sspr.submit(&grant, &password, &visit.client()).await)? {
        SubmitOutcome::Changed(changed) => finish(&visit, journey, &changed.ticket).await,
        SubmitOutcome::Weak { issues } => weak(issues.iter().map(Issue::of).collect()),
        SubmitOutcome::Rejected => visit.over(journey),
        SubmitOutcome::TryLater { retry_at } => later(&visit, journey, Back::NewPassword, retry_at),
    }
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
    // The password is changed, whatever fails from here on. After a failure the user signs in with
    // it.
    let redeemed = site.sspr.redeem(ticket).await;
    let return_to = site.return_to(journey.return_to.as_deref(), &visit.public);
    let signed_in = match redeemed {
        Ok(RedeemOutcome::SignIn(it)) => SignedIn {
            account: it.account,
            device: it.device,
            second_factor: it.second_factor,
            stamp: it.stamp,
        },
        Ok(RedeemOutcome::RequireSignIn) if visit.policy.after_reset() == AfterReset::SignIn => {
            // The ticket was used, so this is a repeat. The application knows whether the first
            // request signed in.
            let mut next = done(false, true);
            next.return_to = Some(return_to.as_str().to_owned());
            return visit.go(next);
        }
        Ok(_) | Err(_) => return visit.go(done(false, false)),
    };
    let Ok((to, cookies)) = begin_session(visit, &return_to, &signed_in).await else {
        return visit.go(done(false, false));
    };
    let mut next = done(signed_in.second_factor == SecondFactorDemand::None, true);
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
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts)?;
    let Some(journey) = visit.journey() else { return visit.lost() };
    let Stage::Done { signed_in, onward, until } = journey.stage else { return visit.reached() };
    let words = visit.words();
    // Later the session may be over, or belong to another person. Then the page names nobody.
    let fresh = site.sspr.now() < instant(until);
    let lead = match (signed_in && fresh, onward) {
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
