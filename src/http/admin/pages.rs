//! The administrator's pages and the forms that they save.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use serde_json::json;

use super::{
    answers::{down, render},
    authorize::AccessKind,
    change::Stored,
    documents::{made_flow, method_document, set, unique_name, with_flow},
    fields::{self, Sheet},
    graph_methods::{EMAIL, SMS},
    site::Site,
    view::{AdminPage, EventsPage},
    visit::{Answer, Visit, posted},
};
use crate::{
    domain::{EmailAddress, Method, UserFlowId},
    http::correlation::fresh_correlation,
    policy::{DocumentError, UserFlow},
};

/// The number of changes that the page of events shows.
const SHOWN_CHANGES: usize = 100;

/// `GET /`
pub(super) async fn overview(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts, AccessKind::Read).await?;
    let mut page = visit.page();
    page.saved = visit.is_saved;
    Ok(render(StatusCode::OK, &page))
}

/// `GET email.json`: the e-mail method, as Graph writes it.
pub(super) async fn download_email(State(site): State<Arc<Site>>, request: Request) -> Answer {
    download(&site, request, Method::Email).await
}

/// `GET sms.json`: the SMS method, as Graph writes it.
pub(super) async fn download_sms(State(site): State<Arc<Site>>, request: Request) -> Answer {
    download(&site, request, Method::Sms).await
}

async fn download(site: &Arc<Site>, request: Request, method: Method) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(site, &parts, AccessKind::Read).await?;
    let document = method_document(visit.stored.policy.authentication_methods(), method);
    let mut response = Response::new(Body::from(format!("{document:#}\n")));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// `GET events`: lists the changes with their administrators.
pub(super) async fn events(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts, AccessKind::Read).await?;
    let changes = site.policies.changes(visit.tenant(), SHOWN_CHANGES).await;
    let changes = changes.map_err(|_| down())?;
    let unreadable = site.policies.unreadable_changes(visit.tenant()).await;
    let unreadable = unreadable.map_err(|_| down())?;
    let mut page = EventsPage::of(&visit.stored.policy, &changes, unreadable);
    page.customers = visit.sees_customers;
    Ok(render(StatusCode::OK, &page))
}

/// `POST explain`: only reads. It is a form, so that no address appears in a URL.
pub(super) async fn explain(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Read).await?;
    let mut page = visit.page();
    page.asked = form.all("address").collect::<Vec<_>>().join(" ");
    let wrong = |mut page: AdminPage, words: String| {
        page.explained = vec![words];
        render(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let flow = match &visit.flow {
        Some(named) => UserFlowId::parse(named).ok(),
        None => visit.stored.policy.user_flows().first().map(|flow| flow.id().clone()),
    };
    let Some(flow) = flow else { return Ok(wrong(page, "There is no such user flow.".to_owned())) };
    let typed = match form.optional("address") {
        Ok(typed) => typed.unwrap_or_default(),
        Err(error) => return Ok(wrong(page, format!("Form: {error}"))),
    };
    let Ok(address) = EmailAddress::parse(typed) else {
        let words = "Enter an e-mail address like name@example.com.";
        return Ok(wrong(page, words.to_owned()));
    };
    let found = site.sspr.explain(visit.tenant(), &flow, &address).await.map_err(|_| down())?;
    page.explained = match found.as_slice() {
        [] => vec!["No account has this address.".to_owned()],
        [one] => vec![one.to_string()],
        several => {
            let many = "Several accounts have this address: if more than one may reset, none can.";
            let each = several.iter().map(ToString::to_string);
            core::iter::once(many.to_owned()).chain(each).collect()
        }
    };
    Ok(render(StatusCode::OK, &page))
}

/// `POST policy`
pub(super) async fn save_policy(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let filled = (Sheet::Email, &form);
    let edit = visit.understood(filled, fields::method(&form, Method::Email))?;
    let change = |stored: &Stored| {
        let methods = edit.made(stored.policy.authentication_methods())?;
        Ok(stored.policy.as_ref().clone().with_authentication_methods(methods))
    };
    visit.save(filled, EMAIL, change).await
}

/// `POST sms`
pub(super) async fn save_sms(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let filled = (Sheet::Sms, &form);
    let edit = visit.understood(filled, fields::sms(&form))?;
    visit.save(filled, SMS, |stored: &Stored| edit.made(&stored.policy)).await
}

/// `POST user-flows`: adds a user flow with e-mail and password for all applications.
pub(super) async fn add_flow(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let filled = (Sheet::NewFlow, &form);
    let name = visit.understood(filled, fields::new_flow(&form))?;
    let fresh = fresh_correlation(site.sspr.entropy()).ok_or_else(down)?;
    let change = |stored: &Stored| {
        let mut flows = stored.policy.user_flows().to_vec();
        // Its name becomes its id if possible.
        let is_free = |id: &str| flows.iter().all(|flow| flow.id().as_str() != id);
        let id = UserFlowId::parse(name).ok().filter(|id| is_free(id.as_str()));
        let id = id.or_else(|| made_flow(stored, name));
        let id = id.as_ref().map_or(fresh.as_str(), |id| id.as_str());
        let flow = UserFlow::email_with_password(id)
            .map_err(|error| DocumentError::new("Name", error.to_string()))?;
        let mut document = flow.document().clone();
        set(&mut document, "displayName", json!(name));
        let flow = UserFlow::from_json(&document.to_string())?;
        unique_name(&flows, &flow)?;
        flows.push(flow);
        stored.policy.as_ref().clone().with_user_flows(flows)
    };
    visit.save(filled, "User flow created", change).await
}

/// `POST user-flow`
pub(super) async fn save_flow(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let filled = (Sheet::Flow, &form);
    let edit = visit.understood(filled, fields::flow(&form))?;
    let id = visit.flow.as_deref().unwrap_or_default();
    let change = |stored: &Stored| with_flow(&stored.policy, id, |flow| edit.made(flow));
    visit.save(filled, "User flow", change).await
}

/// `POST password-rules`
pub(super) async fn save_rules(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let filled = (Sheet::Rules, &form);
    let edit = visit.understood(filled, fields::rules(&form))?;
    let change =
        |stored: &Stored| Ok(stored.policy.as_ref().clone().with_password_rules(edit.made()?));
    visit.save(filled, "Password rules", change).await
}

/// `POST notices`
pub(super) async fn save_notices(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let filled = (Sheet::Notices, &form);
    let codes = visit.understood(filled, fields::notices(&form))?;
    let change = |stored: &Stored| Ok(stored.policy.as_ref().clone().with_freeze_codes(codes));
    visit.save(filled, "Notices", change).await
}
