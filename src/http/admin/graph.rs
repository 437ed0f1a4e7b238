//! The JSON endpoints: the part of Microsoft Graph that password reset needs.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{Path, Request, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Authorized,
    authorize::{Access, AccessKind},
    change::{Basis, Changed, Stored},
    documents::{annotated, document, is_ours, made_flow, merge, set, unique_name, with_flow},
    site::Site,
};
use crate::{
    domain::TenantId,
    http::{
        correlation::fresh_correlation,
        form::is_of,
        odata::{JSON, Odata},
    },
    policy::{DEEPEST, DocumentError, MOST_BYTES, TenantPolicy, UserFlow, parse_json},
};

/// The seconds after which concurrent changes are probably done.
const SOON: u64 = 5;

pub(super) type Answer = Result<Response, Odata>;

/// The parts of a path that name something. `Err` if they are not text.
pub(super) type Named<T> = Result<Path<T>, PathRejection>;

/// An allowed request, with the stored policy.
pub(super) struct Allowed {
    pub(super) site: Arc<Site>,
    pub(super) tenant: TenantId,
    pub(super) who: String,
    pub(super) headers: HeaderMap,
}

impl Allowed {
    pub(super) async fn of(
        site: &Arc<Site>,
        tenant: Named<String>,
        request: Request,
        kind: AccessKind,
    ) -> Result<(Self, Body), Odata> {
        let fail = |status, code, message: &str| Odata::new(&site.sspr, status, code, message);
        let (parts, body) = request.into_parts();
        let tenant = match tenant {
            Ok(Path(tenant)) => TenantId::parse(&tenant).map_err(|error| error.to_string()),
            Err(_) => Err("The path is not percent-encoded UTF-8.".to_owned()),
        };
        // Check the permission first, even for a tenant that cannot exist.
        let access = match &tenant {
            Ok(tenant) => Access { kind, tenant: Some(tenant) },
            Err(_) => Access { kind: AccessKind::Read, tenant: None },
        };
        match site.authorize.authorize(&parts, access).await {
            Authorized::As(who) => {
                let bad = |text: String| fail(StatusCode::BAD_REQUEST, "BadRequest", &text);
                let tenant = tenant.map_err(bad)?;
                Ok((Self { headers: parts.headers, site: site.clone(), tenant, who }, body))
            }
            Authorized::Forbidden => Err(fail(
                StatusCode::FORBIDDEN,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            )),
            Authorized::SignIn(_) => Err(fail(
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                "Sign in as an administrator.",
            )),
        }
    }

    pub(super) fn fail(&self, status: StatusCode, code: &'static str, message: &str) -> Odata {
        Odata::new(&self.site.sspr, status, code, message)
    }

    pub(super) async fn stored(&self) -> Result<Stored, Odata> {
        match self.site.stored(&self.tenant).await {
            Ok(Some(stored)) => Ok(stored),
            Ok(None) => Err(self.no_tenant()),
            Err(_) => Err(self.down()),
        }
    }

    fn no_tenant(&self) -> Odata {
        self.fail(StatusCode::NOT_FOUND, "Request_ResourceNotFound", "There is no such tenant.")
    }

    pub(super) fn down(&self) -> Odata {
        let message = "The policies cannot be read or written right now; try again in a minute.";
        self.fail(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// Reads the body, which must be a JSON object.
    pub(super) async fn object(&self, body: Body) -> Result<Map<String, Value>, Odata> {
        let bad =
            |this: &Self, message: &str| this.fail(StatusCode::BAD_REQUEST, "BadRequest", message);
        if !is_of(&self.headers, "application/json") {
            return Err(bad(self, "Content-Type: application/json is wanted."));
        }
        let bytes = to_bytes(body, MOST_BYTES).await;
        let bytes = bytes.map_err(|_| bad(self, "The body is larger than 1 MiB."))?;
        let text = core::str::from_utf8(&bytes).map_err(|_| bad(self, "The body is not UTF-8."))?;
        match parse_json(text, DEEPEST) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(bad(self, "$: must be an object")),
            Err(error) => Err(bad(self, &error.to_string())),
        }
    }

    /// Returns the version on which the client wants its change made (RFC 9110, 13.1.1). A tag that
    /// cannot be read matches nothing.
    fn basis(&self) -> Basis {
        let mut lines = self.headers.get_all(IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Basis::Newest;
        }
        let text = |line: &HeaderValue| line.to_str().unwrap_or_default().to_owned();
        let tags: Vec<String> = lines.map(text).collect();
        if matches!(tags.as_slice(), [tag] if tag.trim() == "*") {
            return Basis::Newest;
        }
        let version = |tag: &str| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
        };
        Basis::Versions(tags.iter().flat_map(|tag| tag.split(',')).filter_map(version).collect())
    }

    /// Makes a change, and answers with the response that `answer` makes.
    pub(super) async fn change(
        &self,
        what: &str,
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError> + Send + Sync,
        answer: impl FnOnce(&Stored) -> Response,
    ) -> Answer {
        let by = (self.who.as_str(), what);
        let changed = self.site.change(&self.tenant, &self.basis(), by, change).await;
        match changed.map_err(|_| self.down())? {
            Changed::Done(stored) => Ok(answer(&stored)),
            Changed::Conflict => Err(self.fail(
                StatusCode::PRECONDITION_FAILED,
                "PreconditionFailed",
                "Somebody else has changed this policy: read it again, and send its ETag.",
            )),
            Changed::Crowded => {
                let message = "Too many others change this policy right now; try again.";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Err(self.fail(status, "ServiceUnavailable", message).retry_after(SOON))
            }
            Changed::Invalid(error) => {
                Err(self.fail(StatusCode::BAD_REQUEST, "BadRequest", &error.to_string()))
            }
            Changed::NoTenant => Err(self.no_tenant()),
        }
    }
}

/// `GET …/authenticationEventsFlows`
pub(super) async fn list_flows(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    let (allowed, _) = Allowed::of(&site, tenant, request, AccessKind::Read).await?;
    let stored = allowed.stored().await?;
    let flows: Vec<Value> = stored.policy.user_flows().iter().map(document).collect();
    let context = "#identity/authenticationEventsFlows";
    let body = annotated(&json!({ "value": flows }), context, stored.warning());
    Ok(tagged(StatusCode::OK, &body, stored.version))
}

/// `GET …/authenticationEventsFlows/{id}`
pub(super) async fn get_flow(
    State(site): State<Arc<Site>>,
    named: Named<(String, String)>,
    request: Request,
) -> Answer {
    let (tenant, id) = parted(named);
    let (allowed, _) = Allowed::of(&site, tenant, request, AccessKind::Read).await?;
    let stored = allowed.stored().await?;
    let mut flows = stored.policy.user_flows().iter();
    match flows.find(|flow| flow.id().as_str() == id) {
        Some(flow) => {
            let context = "#identity/authenticationEventsFlows/$entity";
            let body = annotated(&document(flow), context, stored.warning());
            Ok(tagged(StatusCode::OK, &body, stored.version))
        }
        None => Err(no_flow(&allowed)),
    }
}

/// `POST …/authenticationEventsFlows`: the server chooses the id.
pub(super) async fn create_flow(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    let (allowed, body) = Allowed::of(&site, tenant, request, AccessKind::Write).await?;
    let mut fields = allowed.object(body).await?;
    let fresh = fresh_correlation(site.sspr.entropy()).ok_or_else(|| allowed.down())?;
    fields.retain(|name, _| !is_ours(name));
    fields.entry("priority").or_insert(json!(500));
    let flow = |id: &str| {
        let mut document = Value::Object(fields.clone());
        set(&mut document, "id", json!(id));
        UserFlow::from_json(&document.to_string())
    };
    let named = flow(fresh.as_str())
        .map_err(|error| allowed.fail(StatusCode::BAD_REQUEST, "BadRequest", &error.to_string()))?;
    let change = |stored: &Stored| {
        let mut flows = stored.policy.user_flows().to_vec();
        unique_name(&flows, &named)?;
        flows.push(match made_flow(stored, named.display_name()) {
            Some(id) => flow(id.as_str())?,
            None => named.clone(),
        });
        stored.policy.as_ref().clone().with_user_flows(flows)
    };
    let answer = |stored: &Stored| {
        // A repeated change returns the flow that was created first.
        let mut flows = stored.policy.user_flows().iter();
        let made = flows.find(|flow| flow.display_name() == named.display_name());
        let made = made.unwrap_or(&named);
        let mut response = tagged(StatusCode::CREATED, &document(made), stored.version);
        let location = HeaderValue::from_str(&format!("authenticationEventsFlows/{}", made.id()));
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    };
    allowed.change("User flow created", change, answer).await
}

/// `PATCH …/authenticationEventsFlows/{id}`: absent fields keep their value (RFC 7396).
pub(super) async fn patch_flow(
    State(site): State<Arc<Site>>,
    named: Named<(String, String)>,
    request: Request,
) -> Answer {
    let (tenant, id) = parted(named);
    let (allowed, body) = Allowed::of(&site, tenant, request, AccessKind::Write).await?;
    let fields = allowed.object(body).await?;
    let known = allowed.stored().await?.policy;
    if !known.user_flows().iter().any(|flow| flow.id().as_str() == id) {
        return Err(no_flow(&allowed));
    }
    if fields.get("id").is_some_and(|given| given.as_str() != Some(&id)) {
        return Err(allowed.fail(StatusCode::BAD_REQUEST, "BadRequest", "$.id: cannot be changed"));
    }
    let change = |stored: &Stored| {
        with_flow(&stored.policy, &id, |flow| {
            let mut document = document(flow);
            merge(&mut document, &Value::Object(fields.clone()));
            UserFlow::from_json(&document.to_string())
        })
    };
    allowed.change("User flow", change, |stored| empty(stored.version)).await
}

/// Answers requests for an unknown path below the endpoints.
pub(super) async fn missing(State(site): State<Arc<Site>>, _: Request) -> Odata {
    Odata::new(
        &site.sspr,
        StatusCode::NOT_FOUND,
        "Request_ResourceNotFound",
        "There is no such resource.",
    )
}

/// Answers requests with a method that the resource does not support.
pub(super) async fn not_allowed(State(site): State<Arc<Site>>, _: Request) -> Odata {
    let message = "The method is not allowed for this resource.";
    Odata::new(&site.sspr, StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message)
}

/// Returns the tenant and the id that a path names.
pub(super) fn parted(named: Named<(String, String)>) -> (Named<String>, String) {
    match named {
        Ok(Path((tenant, id))) => (Ok(Path(tenant)), id),
        Err(none) => (Err(none), String::new()),
    }
}

/// Returns the error for a refusal that has no body.
pub(super) fn refusal(site: &Arc<Site>, status: StatusCode) -> Response {
    let (code, message) = match status {
        StatusCode::FORBIDDEN => {
            ("Authorization_RequestDenied", "The request came from a page of another origin.")
        }
        StatusCode::REQUEST_TIMEOUT => ("RequestTimeout", "The answer took too long; try again."),
        _ => ("BadRequest", "The request could not be read."),
    };
    Odata::new(&site.sspr, status, code, message).into_response()
}

fn no_flow(allowed: &Allowed) -> Odata {
    allowed.fail(StatusCode::NOT_FOUND, "Request_ResourceNotFound", "There is no such user flow.")
}

pub(super) fn tagged(status: StatusCode, body: &Value, version: u64) -> Response {
    let mut response = empty(version);
    *response.status_mut() = status;
    *response.body_mut() = Body::from(body.to_string());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

pub(super) fn empty(version: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
