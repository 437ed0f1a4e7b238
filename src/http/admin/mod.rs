//! The administrator's side: pages, and Microsoft Graph's JSON.

mod authorize;
mod change;
mod documents;
mod edits;
mod fields;
mod graph;
mod pages;
mod view;

use core::{fmt, time::Duration};
use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE},
    },
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use tower_http::{csrf::CsrfLayer, timeout::TimeoutLayer};

pub use authorize::{Access, AccessKind, Authorize, Authorized};

use super::{assets, harden, hardening::level_host};
use crate::{
    domain::{GroupId, TenantId},
    engine::Sspr,
    ports::PolicyStore,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Pages and JSON endpoints for administrators, to be mounted in the host's router.
///
/// It cannot be made without an [`Authorize`] port, which is asked before anything is read.
///
/// Pages: tenants, readiness, Email OTP, user flows, password rules, limits with their odds, why
/// an account may not reset, and who changed what. JSON, below `tenants/{tenant}/v1.0/`:
///
/// | endpoint | methods |
/// |---|---|
/// | `policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email` | `GET`, `PATCH` |
/// | `identity/authenticationEventsFlows` | `GET`, `POST` |
/// | `identity/authenticationEventsFlows/{id}` | `GET`, `PATCH` |
///
/// Answers carry an `ETag`; send it as `If-Match`, and a change that somebody else made since
/// answers 412. Without `If-Match` a `PATCH` applies to whatever is stored, and still changes no
/// field that it does not name; only where others are faster a thousand times, it answers 503
/// with `Retry-After`. Whoever repeats the change that was made last is answered as before: a `POST`
/// that is repeated makes no second user flow.
///
/// Each change writes the tenant's whole document, with every setting and every limit in it: what was
/// left out, and so at its default, is pinned from then on.
///
/// A stored policy that cannot be read is shown as the last good one, with what is wrong with it
/// (in JSON: `@sspr.damaged`). The next change that is saved replaces it.
#[derive(Clone)]
#[must_use = "call `router`"]
pub struct Admin(Site);

#[derive(Clone)]
struct Site {
    sspr: Sspr,
    policies: Arc<dyn PolicyStore>,
    authorize: Arc<dyn Authorize>,
    /// Groups by tenant, with the names that the page shows.
    groups: Vec<(TenantId, GroupId, String)>,
    turns: Arc<change::Turns>,
}

impl Admin {
    /// The administrator's side of the policies in a store.
    pub fn new(
        sspr: &Sspr,
        policies: impl PolicyStore + 'static,
        authorize: impl Authorize + 'static,
    ) -> Self {
        Self(Site {
            authorize: Arc::new(authorize),
            groups: Vec::new(),
            policies: Arc::new(policies),
            sspr: sspr.clone(),
            turns: Arc::new(change::Turns::new()),
        })
    }

    /// Names a group of a tenant, so that the page can offer it.
    pub fn with_group(mut self, tenant: &TenantId, id: GroupId, name: &str) -> Self {
        self.0.groups.push((tenant.clone(), id, name.to_owned()));
        self
    }

    /// The router, to be nested where the administrator's side shall be, at a path that ends in
    /// `/`: `nest("/admin/", …)`.
    pub fn router(self) -> Router {
        let site = Arc::new(self.0);
        let graph = Router::new()
            .route(
                "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email",
                get(graph::get_email).patch(graph::patch_email),
            )
            .route(
                "/identity/authenticationEventsFlows",
                get(graph::list_flows).post(graph::create_flow),
            )
            .route(
                "/identity/authenticationEventsFlows/{id}",
                get(graph::get_flow).patch(graph::patch_flow),
            )
            .fallback(graph::missing)
            .method_not_allowed_fallback(graph::not_allowed);
        assets(Router::new())
            .route("/", get(pages::overview))
            .route("/email.json", get(pages::download))
            .route("/events", get(pages::events))
            .route("/explain", post(pages::explain))
            .route("/policy", post(pages::save_policy))
            .route("/user-flows", post(pages::add_flow))
            .route("/user-flow", post(pages::save_flow))
            .route("/password-rules", post(pages::save_rules))
            .nest("/tenants/{tenant}/v1.0", graph)
            .fallback(pages::missing)
            .layer(CsrfLayer::new())
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
            .layer(from_fn_with_state(site.clone(), guard))
            .with_state(site)
    }
}

/// Sets the headers of every answer, and words on refusals that have none.
async fn guard(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    level_host(&mut request);
    let is_graph = request.uri().path().starts_with("/tenants/");
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() && !response.headers().contains_key(CONTENT_TYPE) {
        let allow = response.headers_mut().remove(ALLOW);
        response = if is_graph { graph::refusal(&site, status) } else { pages::refusal(status) };
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    harden(response).await
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admin(…)")
    }
}
