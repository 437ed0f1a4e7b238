//! The administrator's pages and the forms that they save.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    Authorized,
    authorize::{Access, AccessKind},
    change::{Basis, Changed, Stored},
    documents::{made_flow, set, unique_name, with_flow},
    fields::{self, Sheet},
    site::Site,
    view::{AdminPage, EventsPage, MessagePage},
};
use crate::{
    domain::{EmailAddress, Method, TenantId, UserFlowId},
    http::{
        correlation::fresh_correlation,
        form::{Form, FormError},
        stop::Stop,
    },
    policy::{DocumentError, MOST_BYTES, MethodState, TenantPolicy, UserFlow},
};

/// The most bytes of a form. They hold a whole policy with each byte percent-encoded, and the names
/// of the fields.
const MOST_FORM_BYTES: usize = 4 * MOST_BYTES;
/// The most fields of a form. A whole policy has room for that many targets of the form
/// `{"id":"a"},`.
const MOST_FORM_FIELDS: usize = 100_000;
/// The number of changes that the page of events shows.
const SHOWN_CHANGES: usize = 100;

type Answer = Result<Response, Stop>;

/// An allowed request, with the tenant that it is about.
struct Visit {
    site: Arc<Site>,
    who: String,
    tenants: Vec<TenantId>,
    stored: Stored,
    /// The user flow that the query names.
    flow: Option<String>,
    is_saved: bool,
    /// True if the administrator may open the customer pages.
    sees_customers: bool,
}

/// A form, filled in.
type Filled<'a> = (Sheet, &'a Form);

impl Visit {
    async fn of(site: &Arc<Site>, parts: &Parts, kind: AccessKind) -> Result<Self, Stop> {
        // Nothing is read before the request is allowed, not even the list of tenants.
        allowed(site, parts, Access { kind: AccessKind::Read, tenant: None }).await?;
        let query = Form::parse(parts.uri.query().unwrap_or_default());
        let query = query.map_err(|error| unreadable(&error))?;
        let field = |name| query.optional(name).map_err(|error| unreadable(&error));
        let named = field("tenant")?.map(TenantId::parse).transpose().map_err(|_| no_tenant())?;
        let flow = field("flow")?.map(str::to_owned);
        let is_saved = field("saved")?.is_some();
        let tenants = site.policies.tenants().await.map_err(|_| down())?;
        let mut seen = Vec::new();
        for tenant in tenants {
            let access = Access { kind: AccessKind::Read, tenant: Some(&tenant) };
            if let Authorized::As(_) = site.authorize.authorize(parts, access).await {
                seen.push(tenant);
            }
        }
        let tenant = named.or_else(|| seen.first().cloned()).ok_or_else(no_tenant)?;
        let who = allowed(site, parts, Access { kind, tenant: Some(&tenant) }).await?;
        let stored = site.stored(&tenant).await.map_err(|_| down())?;
        let stored = stored.ok_or_else(no_tenant)?;
        let customers = Access { kind: AccessKind::Customers, tenant: Some(&tenant) };
        let sees_customers = site.has_help_desk && may(site, parts, customers).await;
        Ok(Self { flow, is_saved, sees_customers, site: site.clone(), stored, tenants: seen, who })
    }

    fn tenant(&self) -> &TenantId {
        self.stored.policy.tenant()
    }

    fn page(&self) -> AdminPage {
        let flow = self.flow.as_deref();
        let mut page = AdminPage::of(&self.site, &self.tenants, &self.stored, flow);
        page.customers = self.sees_customers;
        page
    }

    /// Returns what a form says, or the page that explains what is wrong with the form.
    fn understood<T>(
        &self,
        (sheet, form): Filled<'_>,
        said: Result<T, FormError>,
    ) -> Result<T, Stop> {
        let refused = |error: FormError| self.refused((sheet, form), format!("Form: {error}"));
        said.map_err(|error| refused(error).into())
    }

    /// Saves, and answers with a redirect or with the page that explains the refusal.
    async fn save(
        &self,
        filled: Filled<'_>,
        what: &str,
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError> + Send + Sync,
    ) -> Answer {
        let (sheet, form) = filled;
        self.understood(filled, sheet.knows_all_of(form))?;
        let version = self.understood(filled, fields::version(form))?;
        let basis = Basis::Versions(vec![version]);
        let by = (self.who.as_str(), what);
        let changed = self.site.change(self.tenant(), &basis, by, change).await;
        match changed.map_err(|_| down())? {
            Changed::Done(_) => Ok(self.back("saved")),
            Changed::Conflict => {
                let words = "Somebody else has changed this policy in the meantime. What is in \
                             force now is shown: make your change again.";
                Ok(alerted(StatusCode::CONFLICT, self.page(), words.to_owned()))
            }
            Changed::Invalid(error) => Ok(self.refused(filled, error.to_string())),
            Changed::Crowded => Err(down()),
            Changed::NoTenant => Err(no_tenant()),
        }
    }

    /// Returns the page with the typed values and the reason why they were not saved.
    fn refused(&self, (sheet, form): Filled<'_>, words: String) -> Response {
        let mut page = self.page();
        page.keep(sheet, form);
        alerted(StatusCode::UNPROCESSABLE_ENTITY, page, words)
    }

    /// Returns a `303` to the page that shows the policy in force.
    fn back(&self, word: &str) -> Response {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let flow = self.flow.as_deref();
        let flow = flow.map_or_else(String::new, |flow| format!("&flow={}", encode(flow)));
        let to = format!("./?tenant={}{flow}&{word}=yes", encode(self.tenant().as_str()));
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        if let Ok(to) = HeaderValue::from_str(&to) {
            response.headers_mut().insert(LOCATION, to);
        }
        response
    }
}

/// `GET /`
pub(super) async fn overview(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts, AccessKind::Read).await?;
    let mut page = visit.page();
    page.saved = visit.is_saved;
    Ok(render(StatusCode::OK, &page))
}

/// `GET email.json`: the e-mail method, as Graph writes it.
pub(super) async fn download(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts, AccessKind::Read).await?;
    let email =
        visit.stored.policy.authentication_methods().method_document(Method::Email).cloned();
    let mut response = Response::new(Body::from(format!("{:#}\n", email.unwrap_or_default())));
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
    let edit = visit.understood(filled, fields::email(&form))?;
    if edit.state == MethodState::Enabled && !edit.for_all && edit.include.is_empty() {
        let words = "Include at least one group, or all users: an empty list is nobody.";
        return Ok(visit.refused(filled, words.to_owned()));
    }
    let change = |stored: &Stored| {
        let methods = edit.made(stored.policy.authentication_methods())?;
        Ok(stored.policy.as_ref().clone().with_authentication_methods(methods))
    };
    visit.save(filled, "Email OTP", change).await
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

async fn posted(
    site: &Arc<Site>,
    request: Request,
    kind: AccessKind,
) -> Result<(Visit, Form), Stop> {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(site, &parts, kind).await?;
    let request = Request::from_parts(parts, body);
    let form = Form::read_within(request, MOST_FORM_BYTES, MOST_FORM_FIELDS).await;
    Ok((visit, form.map_err(|error| unreadable(&error))?))
}

/// Returns whether a request has an access, without refusing it.
pub(super) async fn may(site: &Site, parts: &Parts, access: Access<'_>) -> bool {
    matches!(site.authorize.authorize(parts, access).await, Authorized::As(_))
}

/// Returns the name of the administrator, or the answer that refuses the request.
pub(super) async fn allowed(
    site: &Site,
    parts: &Parts,
    access: Access<'_>,
) -> Result<String, Stop> {
    match site.authorize.authorize(parts, access).await {
        Authorized::As(who) => Ok(who),
        Authorized::Forbidden => {
            let lead = match access.kind {
                AccessKind::Read | AccessKind::Write => "You may not administer this tenant.",
                _ => "You may not do this for the customers of this tenant.",
            };
            Err(message(StatusCode::FORBIDDEN, "Not allowed", lead.to_owned()))
        }
        Authorized::SignIn(to) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            if let Ok(to) = HeaderValue::from_str(to.as_str()) {
                response.headers_mut().insert(LOCATION, to);
            }
            Err(response.into())
        }
    }
}

pub(super) async fn missing() -> Response {
    message(StatusCode::NOT_FOUND, "Not found", "There is no such page.".to_owned()).into_response()
}

pub(super) fn no_tenant() -> Stop {
    message(StatusCode::NOT_FOUND, "Not found", "There is no such tenant.".to_owned())
}

pub(super) fn down() -> Stop {
    let lead = "The policies cannot be read or written right now. Nothing was changed. Please try \
                again in a minute.";
    message(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong", lead.to_owned())
}

pub(super) fn unreadable(error: &FormError) -> Stop {
    let lead = format!("This request could not be read: {error}.");
    message(StatusCode::BAD_REQUEST, "Something went wrong", lead)
}

pub(super) fn message(status: StatusCode, heading: &'static str, lead: String) -> Stop {
    let page = MessagePage { brand: "Administration".to_owned(), failed: true, heading, lead };
    render(status, &page).into()
}

fn alerted(status: StatusCode, mut page: AdminPage, words: String) -> Response {
    page.alert = Some(words);
    page.failed = true;
    render(status, &page)
}

/// Returns the page for a refusal that has none.
pub(super) fn refusal(status: StatusCode) -> Response {
    let lead = match status {
        StatusCode::FORBIDDEN => "This request came from another site and was refused.",
        StatusCode::REQUEST_TIMEOUT => "The answer took too long. Please try again in a minute.",
        _ => "This request could not be read.",
    };
    message(status, "Something went wrong", lead.to_owned()).into_response()
}

pub(super) fn render(status: StatusCode, page: &impl askama::Template) -> Response {
    // Writing into a `String` cannot fail.
    let mut response = Response::new(Body::from(page.render().unwrap_or_default()));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}
