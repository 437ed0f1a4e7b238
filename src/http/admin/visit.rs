//! One request of an administrator to a page, and the answers to its form.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header::LOCATION, request::Parts},
    response::Response,
};

use super::{
    answers::{alerted, down, message, no_tenant, render, unreadable},
    authorize::{Access, AccessKind, Authorized},
    change::{Basis, Changed, Stored},
    fields::{self, Sheet},
    site::Site,
    view::AdminPage,
};
use crate::{
    domain::TenantId,
    http::{
        form::{Form, FormError},
        stop::Stop,
    },
    policy::{DocumentError, MOST_BYTES, TenantPolicy},
};

/// The most bytes of a form. They hold a whole policy with each byte percent-encoded, and the names
/// of the fields.
const MOST_FORM_BYTES: usize = 4 * MOST_BYTES;
/// The most fields of a form. A whole policy has room for that many targets of the form
/// `{"id":"a"},`.
const MOST_FORM_FIELDS: usize = 100_000;

pub(super) type Answer = Result<Response, Stop>;

/// An allowed request, with the tenant that it is about.
pub(super) struct Visit {
    site: Arc<Site>,
    who: String,
    tenants: Vec<TenantId>,
    pub(super) stored: Stored,
    /// The user flow that the query names.
    pub(super) flow: Option<String>,
    pub(super) is_saved: bool,
    /// True if the administrator may open the customer pages.
    pub(super) sees_customers: bool,
}

/// A form, filled in.
pub(super) type Filled<'a> = (Sheet, &'a Form);

impl Visit {
    pub(super) async fn of(
        site: &Arc<Site>,
        parts: &Parts,
        kind: AccessKind,
    ) -> Result<Self, Stop> {
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

    pub(super) fn tenant(&self) -> &TenantId {
        self.stored.policy.tenant()
    }

    pub(super) fn page(&self) -> AdminPage {
        let flow = self.flow.as_deref();
        let mut page = AdminPage::of(&self.site, &self.tenants, &self.stored, flow);
        page.customers = self.sees_customers;
        page
    }

    /// Returns what a form says, or the page that explains what is wrong with the form.
    pub(super) fn understood<T>(
        &self,
        (sheet, form): Filled<'_>,
        said: Result<T, FormError>,
    ) -> Result<T, Stop> {
        let refused = |error: FormError| self.refused((sheet, form), format!("Form: {error}"));
        said.map_err(|error| refused(error).into())
    }

    /// Saves, and answers with a redirect or with the page that explains the refusal.
    pub(super) async fn save(
        &self,
        filled: Filled<'_>,
        what: &str,
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError> + Send + Sync,
    ) -> Answer {
        let (sheet, form) = filled;
        self.understood(filled, sheet.knows_all_of(form))?;
        let version = self.understood(filled, fields::version(form))?;
        if self.understood(filled, fields::is_preview(form))? {
            return self.preview(filled, version, change).await;
        }
        let basis = Basis::Versions(vec![version]);
        let by = (self.who.as_str(), what);
        let changed = self.site.change(self.tenant(), &basis, by, change).await;
        match changed.map_err(|_| down())? {
            Changed::Done(_) => Ok(self.back("saved")),
            Changed::Conflict => Ok(self.overtaken()),
            Changed::Invalid(error) => Ok(self.refused(filled, error.to_string())),
            Changed::Crowded => Err(down()),
            Changed::NoTenant => Err(no_tenant()),
        }
    }

    /// Counts the accounts that a change affects, and shows the form again with the count. Saves
    /// nothing.
    async fn preview(
        &self,
        filled: Filled<'_>,
        version: u64,
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError>,
    ) -> Answer {
        if version != self.stored.version {
            return Ok(self.overtaken());
        }
        let after = match change(&self.stored) {
            Ok(after) => after,
            Err(error) => return Ok(self.refused(filled, error.to_string())),
        };
        let words = self.site.preview(&self.stored.policy, &after).await;
        let (sheet, form) = filled;
        let mut page = self.page();
        page.show_preview(sheet, form, words);
        Ok(render(StatusCode::OK, &page))
    }

    /// Returns the page for a change of a policy that somebody else has changed.
    fn overtaken(&self) -> Response {
        let words = "Somebody else has changed this policy in the meantime. What is in force now is \
                     shown: make your change again.";
        alerted(StatusCode::CONFLICT, self.page(), words.to_owned())
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

pub(super) async fn posted(
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
