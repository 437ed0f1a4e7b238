//! The customer pages: look up, confirm, act.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};

use super::{
    action::Action,
    applications::{Offered, offered},
    key::{self, Claim, FormKey},
    perform::{Order, Performed},
    view::{ConfirmPage, DonePage, LookUpPage, ShownAccount, ShownApplication, ShownFlow},
    visit::{Subject, Visit},
};
use crate::{
    domain::{Application, EmailAddress, StaffReason, Timestamp},
    http::{
        admin::{
            answers::{down, missing, render, unreadable},
            site::Site,
            view::shown_time,
        },
        form::{Form, FormError},
        stop::Stop,
    },
};

type Answer = Result<Response, Stop>;

const LOOK_UP: &[&str] = &["address", "flow"];
const CONFIRM: &[&str] = &["address", "flow", "account"];
const ACT: &[&str] = &["address", "flow", "account", "key", "reason", "application"];

/// `GET customers`: the empty form.
pub(super) async fn form(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts).await?;
    Ok(render(StatusCode::OK, &visit.look_up_page("", "")))
}

/// `POST customers`: looks an address up. It is a form, so that no address appears in a URL.
pub(super) async fn look_up(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, LOOK_UP).await?;
    let typed = optional(&form, "address")?.trim();
    let flow = optional(&form, "flow")?;
    let mut page = visit.look_up_page(typed, flow);
    let wrong = |mut page: LookUpPage, words: &str| {
        page.error = Some(words.to_owned());
        page.failed = true;
        Ok(render(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let flows = visit.stored.policy.user_flows();
    let chosen = flows.iter().find(|known| known.id().as_str() == flow);
    let first = flows.first().filter(|_| flow.is_empty());
    let Some(flow) = chosen.or(first).map(|flow| flow.id().clone()) else {
        return wrong(page, "There is no such user flow.");
    };
    let Ok(address) = EmailAddress::parse(typed) else {
        return wrong(page, "Enter an e-mail address like name@example.com.");
    };
    let reports = visit.explain(&flow, &address).await?;
    page.flow = flow.to_string();
    page.found = Some(match reports.len() {
        0 => "No account of this tenant has this address.".to_owned(),
        1 => "One account has this address.".to_owned(),
        many => format!(
            "{many} accounts have this address. If more than one of them may reset, none can."
        ),
    });
    let now = site.sspr.now();
    for report in &reports {
        let trail = visit.trail(&report.account).await?;
        page.accounts.push(ShownAccount::of(report, &visit.may_do, trail, now));
    }
    Ok(render(StatusCode::OK, &page))
}

/// `POST customer-confirm`: says what an action does, and asks for a reason.
pub(super) async fn confirm(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, CONFIRM).await?;
    let Some(action) = visit.action else { return Ok(missing().await) };
    let subject = visit.subject(&form).await?;
    let key = FormKey::generate(&site.sspr).ok_or_else(down)?;
    Ok(render(StatusCode::OK, &visit.confirm_page(action, &subject, key)))
}

/// `POST customer-action`: does the action once.
pub(super) async fn act(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, ACT).await?;
    let Some(action) = visit.action else { return Ok(missing().await) };
    let text = form.required("key").map_err(|error| unreadable(&error))?;
    let key = FormKey::parse(text).ok_or_else(|| unreadable(&FormError::Missing("key")))?;
    let subject = visit.subject(&form).await?;
    let mut page = visit.confirm_page(action, &subject, text.to_owned());

    page.reason = optional(&form, "reason")?.to_owned();
    let reason = StaffReason::parse(&page.reason);
    page.reason_error = reason.as_ref().err().map(ToString::to_string);
    let known = offered(&site, &visit.stored.policy);
    let word = optional(&form, "application")?.replace("\r\n", "\n");
    page.applications = known.iter().map(|one| ShownApplication::of(one, &word)).collect();
    let chosen = chosen(action, &known, &word);
    page.application_error = chosen.as_ref().err().copied();
    let (Ok(reason), Ok(application)) = (reason, chosen) else {
        page.failed = true;
        return Ok(render(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };

    let Subject { account, .. } = &subject;
    let (actor, tenant) = (&visit.actor, visit.tenant());
    let form = key::Form { account, action, actor, tenant };
    match key.claim(&site.sspr, &form).await.map_err(|_| visit.broken())? {
        Claim::First => {}
        Claim::Repeated => return Ok(visit.repeated(action)),
        Claim::TooOld => return Ok(visit.too_old()),
        Claim::Busy => return Err(visit.broken()),
    }
    let reason = Some(&reason);
    let order = Order { account, action, actor, application, reason, tenant };
    let Ok(performed) = order.perform(&site).await else { return Ok(visit.unknown_end(action)) };
    Ok(match performed {
        Performed::Done(secret) => {
            render(StatusCode::OK, &DonePage::of((visit.brand(), visit.frame()), action, secret))
        }
        Performed::TryLater { retry_at } => visit.limited(retry_at),
        Performed::Unavailable => visit.unavailable(),
        Performed::Unrecorded => visit.unrecorded(),
    })
}

impl Visit {
    fn look_up_page(&self, asked: &str, flow: &str) -> LookUpPage {
        let flows = self.stored.policy.user_flows().iter();
        LookUpPage {
            accounts: Vec::new(),
            asked: asked.to_owned(),
            brand: self.brand(),
            error: None,
            failed: false,
            flow: flow.to_owned(),
            flows: flows.map(|known| ShownFlow::of(known, flow)).collect(),
            found: None,
            frame: self.frame(),
        }
    }

    fn confirm_page(&self, action: Action, subject: &Subject, key: String) -> ConfirmPage {
        let policy = &self.stored.policy;
        let known = offered(&self.site, policy);
        ConfirmPage {
            account: subject.account.to_string(),
            action,
            address: subject.address.as_str().to_owned(),
            application_error: None,
            brand: self.brand(),
            applications: known.iter().map(|one| ShownApplication::of(one, "")).collect(),
            effects: action.effects(policy.limits()),
            failed: false,
            flow: subject.flow.to_string(),
            frame: self.frame(),
            key,
            reason: String::new(),
            reason_error: None,
        }
    }

    fn repeated(&self, action: Action) -> Response {
        let shown = "What it gave was shown once, in the first answer. If nobody has read it, look \
                     the customer up and do the action again.";
        let plain = "This answer has changed nothing.";
        let last = if action.gives_access() { shown } else { plain };
        let leads = ["This form was sent before. The action was not done a second time.", last];
        self.notice(StatusCode::CONFLICT, "Sent before", &leads)
    }

    fn too_old(&self) -> Response {
        let leads = ["A form can be sent for 30 minutes.", "Nothing was done. Please start again."];
        self.notice(StatusCode::CONFLICT, "This form is too old", &leads)
    }

    fn limited(&self, retry_at: Timestamp) -> Response {
        let until = format!("The next one is possible at {}.", shown_time(retry_at));
        let leads = [
            "Too many actions were done for this account, by you, or in this tenant.",
            &until,
            "Nothing was done.",
        ];
        let mut response = self.notice(StatusCode::TOO_MANY_REQUESTS, "Please try later", &leads);
        let wait = retry_at.since(self.site.sspr.now()).as_secs().saturating_add(1);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        response
    }

    fn unavailable(&self) -> Response {
        let leads = [
            "The account does not exist, is disabled, or does not sign in with a password here.",
            "Nothing was done.",
        ];
        self.notice(StatusCode::CONFLICT, "Not possible for this account", &leads)
    }

    fn unrecorded(&self) -> Response {
        let leads = ["The action could not be recorded, so nothing was done.", "Please try later."];
        self.notice(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong", &leads)
    }

    /// Returns the page for an action that broke in the middle.
    fn unknown_end(&self, action: Action) -> Response {
        let leads = match action {
            Action::TemporaryPassword => [
                "A part of the service failed. The current password may have been replaced.",
                "Look the customer up, and set a temporary password again.",
            ],
            _ => [
                "A part of the service failed. The action may or may not have been done.",
                "Look the customer up and see.",
            ],
        };
        self.notice(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong", &leads)
    }
}

/// Returns the application of a code. Other actions have none.
fn chosen<'a>(
    action: Action,
    known: &'a [Offered],
    word: &str,
) -> Result<Option<&'a Application>, &'static str> {
    if action != Action::AssistanceCode {
        return Ok(None);
    }
    if known.is_empty() {
        return Err("application: this tenant has none for which codes can be handed over");
    }
    let found = known.iter().find(|one| one.word() == word);
    let found = found.map(|one| Some(&one.application));
    found.ok_or("application: must be one of the list")
}

/// Allows the request, and then reads its form.
async fn posted(
    site: &Arc<Site>,
    request: Request,
    fields: &'static [&'static str],
) -> Result<(Visit, Form), Stop> {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(site, &parts).await?;
    let form = Form::read(Request::from_parts(parts, body)).await;
    let form = form.map_err(|error| unreadable(&error))?;
    form.knows_only(fields).map_err(|error| unreadable(&error))?;
    Ok((visit, form))
}

/// Returns a field, or an empty text if it is missing.
fn optional<'a>(form: &'a Form, name: &'static str) -> Result<&'a str, Stop> {
    let field = form.optional(name).map_err(|error| unreadable(&error))?;
    Ok(field.unwrap_or_default())
}
