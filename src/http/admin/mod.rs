//! The administrator's side: pages, and the JSON of Microsoft Graph.

mod answers;
mod authorize;
mod change;
mod choices;
mod customers;
mod documents;
mod edits;
mod fields;
mod graph;
mod graph_methods;
mod pages;
mod preview;
mod shown_method;
mod site;
mod text_limits;
mod turns;
mod view;
mod visit;

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

use self::{site::Site, turns::Turns};
use super::hardening::{assets, harden, level_host};
use crate::{
    domain::{Application, GroupId, TenantId},
    engine::Sspr,
    ports::{PolicyPreview, PolicyStore},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Pages and JSON endpoints for administrators.
///
/// The host mounts [`Admin::router`] in its own router. An `Admin` needs an [`Authorize`] port,
/// which decides about each request before anything is read.
///
/// The pages show:
///
/// - the tenants, their readiness, Email OTP, SMS, user flows and password rules,
/// - the limits with their odds,
/// - the reasons why an account may not reset,
/// - the changes, with the administrator who made each,
/// - the customers and the actions of the help desk, after [`Admin::with_help_desk`].
///
/// The JSON endpoints lie below `tenants/{tenant}/v1.0/`:
///
/// | endpoint | methods |
/// |---|---|
/// | `policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email` | `GET`, `PATCH` |
/// | `policies/authenticationMethodsPolicy/authenticationMethodConfigurations/sms` | `GET`, `PATCH`, `DELETE` |
/// | `identity/authenticationEventsFlows` | `GET`, `POST` |
/// | `identity/authenticationEventsFlows/{id}` | `GET`, `PATCH` |
/// | `users/{id}/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword` | `POST` |
/// | `users/{id}/authentication/temporaryAccessPassMethods` | `POST` |
///
/// The last two endpoints belong to the help desk and exist only after [`Admin::with_help_desk`].
///
/// # Concurrent changes
/// Answers carry an `ETag`. Send it as `If-Match`, and the request answers 412 if the policy has
/// changed since. A `PATCH` without `If-Match` applies to the stored policy and changes only the
/// fields that it names. It answers 503 with `Retry-After` if other changes were faster a thousand
/// times.
///
/// A repeat of the last change gets the same answer as before. For instance, a repeated `POST`
/// creates no second user flow.
///
/// # Stored documents
/// Each change writes the tenant's whole document with every setting and every limit. Settings that
/// were at their default because the document left them out are therefore fixed from then on.
///
/// If a stored policy cannot be read, the pages show the last good one and the fault. In JSON, the
/// fault is in `@sspr.damaged`. The next saved change replaces the damaged policy.
#[derive(Clone)]
#[must_use = "call `router`"]
pub struct Admin(Site);

impl Admin {
    /// Creates the administrator's side for the policies in a store.
    pub fn new(
        sspr: &Sspr,
        policies: impl PolicyStore + 'static,
        authorize: impl Authorize + 'static,
    ) -> Self {
        Self(Site {
            applications: Vec::new(),
            authorize: Arc::new(authorize),
            groups: Vec::new(),
            has_help_desk: false,
            preview: None,
            policies: Arc::new(policies),
            sspr: sspr.clone(),
            turns: Arc::new(Turns::new()),
        })
    }

    /// Names a tenant's group, so that the page can offer it.
    pub fn with_group(mut self, tenant: &TenantId, id: GroupId, name: &str) -> Self {
        self.0.groups.push((tenant.clone(), id, name.to_owned()));
        self
    }

    /// Shows how many accounts could no longer reset, before a change of a method or of a user flow is
    /// saved. Without this call nothing is counted.
    ///
    /// The form then has a button that shows the count, and the button that saves beside it. If the
    /// count fails, or takes more than 2 seconds, the page says so and the change can be saved.
    pub fn with_preview(mut self, preview: impl PolicyPreview + 'static) -> Self {
        self.0.preview = Some(Arc::new(preview));
        self
    }

    /// Names an application for which staff hand over codes. The name is shown to staff.
    ///
    /// An assistance code works in one application. Applications that a user flow of the policy lists
    /// are offered by their ids. A user flow for all applications lists none, so name them here.
    pub fn with_application(mut self, application: Application, name: &str) -> Self {
        self.0.applications.push((application, name.to_owned()));
        self
    }

    /// Adds the customer pages of the help desk, and two endpoints of Microsoft Graph. Without this
    /// call they do not exist.
    ///
    /// Each action is recorded in the audit log of the service before it is done. If that fails,
    /// nothing is done. A service without an audit log keeps no reasons, so add one with
    /// [`Builder::with_audit_log`](crate::engine::Builder::with_audit_log). The manual has a [chapter
    /// for help desks](crate::manual::help_desk).
    ///
    /// # Security
    /// Decide in [`Authorize`] about each [`AccessKind`] before you call this method. An `Authorize`
    /// that ignores the kind gives every administrator the right to replace passwords.
    pub fn with_help_desk(mut self) -> Self {
        self.0.has_help_desk = true;
        self
    }

    /// Returns the router. Nest it at a path that ends in `/`, for instance `nest("/admin/", …)`.
    pub fn router(self) -> Router {
        let site = Arc::new(self.0);
        let graph = Router::new()
            .route(
                "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email",
                get(graph_methods::get_email).patch(graph_methods::patch_email),
            )
            .route(
                "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/sms",
                get(graph_methods::get_sms)
                    .patch(graph_methods::patch_sms)
                    .delete(graph_methods::delete_sms),
            )
            .route(
                "/identity/authenticationEventsFlows",
                get(graph::list_flows).post(graph::create_flow),
            )
            .route(
                "/identity/authenticationEventsFlows/{id}",
                get(graph::get_flow).patch(graph::patch_flow),
            );
        let graph = if site.has_help_desk { customers::graph_routes(graph) } else { graph };
        let graph = graph.fallback(graph::missing).method_not_allowed_fallback(graph::not_allowed);
        let pages = assets(Router::new())
            .route("/", get(pages::overview))
            .route("/email.json", get(pages::download_email))
            .route("/sms.json", get(pages::download_sms))
            .route("/events", get(pages::events))
            .route("/explain", post(pages::explain))
            .route("/policy", post(pages::save_policy))
            .route("/sms", post(pages::save_sms))
            .route("/user-flows", post(pages::add_flow))
            .route("/user-flow", post(pages::save_flow))
            .route("/password-rules", post(pages::save_rules))
            .route("/notices", post(pages::save_notices));
        let pages = if site.has_help_desk { customers::page_routes(pages) } else { pages };
        pages
            .nest("/tenants/{tenant}/v1.0", graph)
            .fallback(answers::missing)
            .layer(CsrfLayer::new())
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
            .layer(from_fn_with_state(site.clone(), guard))
            .with_state(site)
    }
}

/// Sets the headers of every answer, and adds a body to refusals that have none.
async fn guard(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    level_host(&mut request);
    let is_graph = request.uri().path().starts_with("/tenants/");
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() && !response.headers().contains_key(CONTENT_TYPE) {
        let allow = response.headers_mut().remove(ALLOW);
        response = if is_graph { graph::refusal(&site, status) } else { answers::refusal(status) };
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
