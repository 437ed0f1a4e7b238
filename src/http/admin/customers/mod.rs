//! The help desk of the administrator's side: what staff see of customers, and do for them.

mod action;
mod applications;
mod graph;
mod key;
mod pages;
mod perform;
mod trail;
mod view;
mod visit;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use super::site::Site;

/// Adds the customer pages.
pub(super) fn page_routes(router: Router<Arc<Site>>) -> Router<Arc<Site>> {
    router
        .route("/customers", get(pages::form).post(pages::look_up))
        .route("/customer-confirm", post(pages::confirm))
        .route("/customer-action", post(pages::act))
}

/// Adds the endpoints of Microsoft Graph.
pub(super) fn graph_routes(router: Router<Arc<Site>>) -> Router<Arc<Site>> {
    router
        .route(
            "/users/{id}/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword",
            post(graph::reset_password),
        )
        .route(
            "/users/{id}/authentication/temporaryAccessPassMethods",
            post(graph::create_access_pass),
        )
}
