//! The administrator's pages: what is asked, what is saved.

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
    Authorized, Site,
    authorize::{Access, AccessKind},
    change::{Basis, Changed, Stored},
    documents::{set, unique_name, with_flow},
    edits::{EmailEdit, FlowEdit},
    view::{AdminPage, EventsPage, MessagePage, TARGETS},
};
use crate::{
    domain::{EmailAddress, TenantId, UserFlowId},
    http::{
        form::{Form, FormError},
        fresh_correlation,
        stop::Stop,
    },
    policy::{
        CurrentPassword, DocumentError, MOST_BYTES, MethodState, PasswordRules, TenantPolicy,
        UserFlow,
    },
};

/// Bytes of a form: each byte of a whole policy, percent-encoded, and the names of the fields.
const MOST_FORM_BYTES: usize = 4 * MOST_BYTES;
/// Fields of a form: as many targets as a whole policy has room for, `{"id":"a"},` each.
const MOST_FORM_FIELDS: usize = 100_000;
/// Changes that the page of events shows.
const SHOWN_CHANGES: usize = 100;

type Answer = Result<Response, Stop>;

/// An allowed request, with the tenant that it is about.
struct Visit {
    site: Arc<Site>,
    who: String,
    tenants: Vec<TenantId>,
    stored: Stored,
    query: Form,
}

impl Visit {
    async fn of(site: &Arc<Site>, parts: &Parts, kind: AccessKind) -> Result<Self, Stop> {
        let query = Form::parse(parts.uri.query().unwrap_or_default());
        let query = query.map_err(|error| unreadable(&error))?;
        let named = query.optional("tenant").map_err(|error| unreadable(&error))?;
        let named = named.map(TenantId::parse).transpose().map_err(|_| no_tenant())?;
        // Nothing is read, not even which tenants there are, before somebody may.
        allowed(site, parts, Access { kind: AccessKind::Read, tenant: None }).await?;
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
        Ok(Self { query, site: site.clone(), stored, tenants: seen, who })
    }

    fn tenant(&self) -> &TenantId {
        self.stored.policy.tenant()
    }

    fn flow(&self) -> Option<&str> {
        self.query.optional("flow").ok().flatten()
    }

    fn page(&self) -> AdminPage {
        AdminPage::of(&self.site, &self.tenants, &self.stored, self.flow())
    }

    /// Saves, and answers with a redirect, or with the page that says why not.
    async fn save(
        &self,
        form: &Form,
        what: &str,
        change: impl Fn(&TenantPolicy) -> Result<TenantPolicy, DocumentError>,
    ) -> Answer {
        let version = form.required("version").ok().and_then(|text| text.parse().ok());
        let basis = Basis::Versions(version.into_iter().collect());
        let change = |stored: &Stored| change(&stored.policy);
        let by = (self.who.as_str(), what);
        let changed = self.site.change(self.tenant(), &basis, by, change).await;
        match changed.map_err(|_| down())? {
            Changed::Done(_) => Ok(self.back("saved")),
            Changed::Conflict => {
                let words = "Somebody else has changed this policy in the meantime. What is in \
                             force now is shown: make your change again.";
                Ok(self.refused(StatusCode::CONFLICT, words.to_owned()))
            }
            Changed::Invalid(error) => {
                Ok(self.refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
            }
            Changed::NoTenant => Err(no_tenant()),
        }
    }

    fn refused(&self, status: StatusCode, words: String) -> Response {
        let mut page = self.page();
        page.alert = Some(words);
        page.failed = true;
        render(status, &page)
    }

    /// `303` to the page that shows what is in force.
    fn back(&self, word: &str) -> Response {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let flow = self.flow().map_or_else(String::new, |flow| format!("&flow={}", encode(flow)));
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
    page.saved = visit.query.optional("saved").is_ok_and(|saved| saved.is_some());
    Ok(render(StatusCode::OK, &page))
}

/// `GET email.json`: the e-mail method, as Graph writes it.
pub(super) async fn download(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts, AccessKind::Read).await?;
    let email = visit.stored.policy.authentication_methods().email_document().cloned();
    let mut response = Response::new(Body::from(format!("{:#}\n", email.unwrap_or_default())));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// `GET events`: who changed what.
pub(super) async fn events(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&site, &parts, AccessKind::Read).await?;
    let changes = site.policies.changes(visit.tenant(), SHOWN_CHANGES).await;
    let changes = changes.map_err(|_| down())?;
    let unreadable = site.policies.unreadable_changes(visit.tenant()).await;
    let unreadable = unreadable.map_err(|_| down())?;
    let page = EventsPage::of(&visit.stored.policy, &changes, unreadable);
    Ok(render(StatusCode::OK, &page))
}

/// `POST explain`: reads only; a form, so that no address stands in a URL.
pub(super) async fn explain(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Read).await?;
    let typed = form.required("address").unwrap_or_default();
    let mut page = visit.page();
    let flows = visit.stored.policy.user_flows();
    let flow = visit.flow().and_then(|id| UserFlowId::parse(id).ok());
    let flow = flow.or_else(|| flows.first().map(|flow| flow.id().clone()));
    let (Ok(address), Some(flow)) = (EmailAddress::parse(typed), flow) else {
        page.explained = vec!["Enter an e-mail address like name@example.com.".to_owned()];
        return Ok(render(StatusCode::UNPROCESSABLE_ENTITY, &page));
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
    let all = form.optional("include").ok().flatten() != Some("groups");
    let chosen = |list: &str| -> Vec<(&'static str, String)> {
        let mut targets = Vec::new();
        for kind in TARGETS {
            let field = format!("{list}_{kind}");
            targets.extend(form.all(&field).map(|id| (kind, id.to_owned())));
        }
        targets
    };
    let state = match form.optional("state").ok().flatten() {
        Some("enabled") => MethodState::Enabled,
        _ => MethodState::Disabled,
    };
    let (include, exclude) = (chosen("include"), chosen("exclude"));
    let edit = EmailEdit { exclude, for_all: all, include, state };
    if state == MethodState::Enabled && !all && edit.include.is_empty() {
        let words = "Include at least one group, or all users: an empty list is nobody.";
        return Ok(visit.refused(StatusCode::UNPROCESSABLE_ENTITY, words.to_owned()));
    }
    let change = |policy: &TenantPolicy| {
        let methods = edit.made(policy.authentication_methods())?;
        Ok(policy.clone().with_authentication_methods(methods))
    };
    visit.save(&form, "Email OTP", change).await
}

/// `POST user-flows`: a new one, with e-mail and password, for all applications.
pub(super) async fn add_flow(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let name = form.required("name").unwrap_or_default().trim().to_owned();
    let fresh = fresh_correlation(site.sspr.entropy()).ok_or_else(down)?;
    let change = |policy: &TenantPolicy| {
        let mut flows = policy.user_flows().to_vec();
        // Its name is its id where that can be one.
        let is_free = |id: &str| flows.iter().all(|flow| flow.id().as_str() != id);
        let id = UserFlowId::parse(&name).ok().filter(|id| is_free(id.as_str()));
        let id = id.as_ref().map_or(fresh.as_str(), |id| id.as_str());
        let flow = UserFlow::email_with_password(id)
            .map_err(|error| DocumentError::new("Name", error.to_string()))?;
        let mut document = flow.document().clone();
        set(&mut document, "displayName", json!(name));
        let flow = UserFlow::from_json(&document.to_string())?;
        unique_name(&flows, &flow)?;
        flows.push(flow);
        policy.clone().with_user_flows(flows)
    };
    visit.save(&form, "User flow created", change).await
}

/// `POST user-flow`
pub(super) async fn save_flow(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let id = visit.flow().unwrap_or_default().to_owned();
    let all = form.optional("all_applications").ok().flatten().is_some();
    let listed = form.optional("applications").ok().flatten().unwrap_or_default();
    let edit = FlowEdit {
        applications: (!all).then(|| lines(listed).collect()),
        name: form.required("name").unwrap_or_default(),
        providers: form.all("idp").collect(),
    };
    let change = |policy: &TenantPolicy| with_flow(policy, &id, |flow| edit.made(flow));
    visit.save(&form, "User flow", change).await
}

/// `POST password-rules`
pub(super) async fn save_rules(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (visit, form) = posted(&site, request, AccessKind::Write).await?;
    let field = |name| form.optional(name).ok().flatten().unwrap_or_default();
    let entra = field("rules") == "entra";
    let length: usize = field("min_length").trim().parse().unwrap_or(0);
    let current = match field("current") {
        "refused" => CurrentPassword::Refused,
        _ => CurrentPassword::Allowed,
    };
    let change = |policy: &TenantPolicy| {
        let invalid = |error: crate::policy::PasswordRulesError| {
            DocumentError::new("Password rules", error.to_string())
        };
        let rules = if entra { PasswordRules::entra() } else { PasswordRules::nist() };
        let rules = rules.with_min_length(length).map_err(invalid)?;
        let rules = rules.with_terms(lines(field("terms"))).map_err(invalid)?;
        Ok(policy.clone().with_password_rules(rules.with_current_refused(current)))
    };
    visit.save(&form, "Password rules", change).await
}

/// What stands on the lines of a field, but for empty ones.
fn lines(field: &str) -> impl Iterator<Item = &str> {
    field.lines().map(str::trim).filter(|line| !line.is_empty())
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

async fn allowed(site: &Site, parts: &Parts, access: Access<'_>) -> Result<String, Stop> {
    match site.authorize.authorize(parts, access).await {
        Authorized::As(who) => Ok(who),
        Authorized::Forbidden => {
            let lead = "You may not administer this tenant.".to_owned();
            Err(message(StatusCode::FORBIDDEN, "Not allowed", lead))
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

fn no_tenant() -> Stop {
    message(StatusCode::NOT_FOUND, "Not found", "There is no such tenant.".to_owned())
}

fn down() -> Stop {
    let lead = "The policies cannot be read or written right now. Nothing was changed. Please try \
                again in a minute.";
    message(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong", lead.to_owned())
}

fn unreadable(error: &FormError) -> Stop {
    let lead = format!("This request could not be read: {error}.");
    message(StatusCode::BAD_REQUEST, "Something went wrong", lead)
}

fn message(status: StatusCode, heading: &'static str, lead: String) -> Stop {
    let page = MessagePage { brand: "Administration".to_owned(), failed: true, heading, lead };
    render(status, &page).into()
}

fn render(status: StatusCode, page: &impl askama::Template) -> Response {
    // Writing into a `String` cannot fail.
    let mut response = Response::new(Body::from(page.render().unwrap_or_default()));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}
