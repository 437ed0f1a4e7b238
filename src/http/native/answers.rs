//! The answers, with the time limit, the form of each version, and the headers of every answer.

use core::time::Duration;
use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, Method,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

use super::{
    call::{Call, Reply, written},
    cors,
    fault::Fault,
    site::Site,
};

/// The time that a step may take.
const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const JSON: &str = "application/json; charset=utf-8";
const HAL: &str = "application/hal+json; charset=utf-8";

/// Builds an answer of version 1, or of the entry and the tokens of version 2.
pub(super) fn oauth(call: &Call, answer: Result<Reply, Fault>) -> Response {
    match answer {
        Ok(reply) => call.respond(reply.status, JSON, reply.body),
        Err(fault) => {
            retry_after(&fault, call.respond(fault.status, JSON, written(&fault.oauth(&call.ids))))
        }
    }
}

/// Builds an answer of version 2.
pub(super) fn hal(call: &Call, answer: Result<Reply, Fault>) -> Response {
    match answer {
        Ok(reply) => call.respond(reply.status, HAL, reply.body),
        Err(fault) => {
            retry_after(&fault, call.respond(fault.status, HAL, written(&fault.hal(&call.ids))))
        }
    }
}

/// Builds an error in the form of the version that the path belongs to.
pub(super) fn refuse(call: &Call, fault: &Fault) -> Response {
    let fault = Err(fault.clone());
    if call.is_of_v2 { hal(call, fault) } else { oauth(call, fault) }
}

/// Runs a step, and finishes its answer: in JSON, for the origins that may read it, and with the
/// headers of every answer.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let origin = cors::listed_origin(&site, request.headers());
    let mut response = if request.method() == Method::OPTIONS {
        cors::preflight(request.headers(), origin.is_some())
    } else {
        in_time(&site, request, next).await
    };
    cors::share(&mut response, origin);
    harden(&mut response);
    response
}

/// Makes the [`Call`] that a step finds in its request. Answers in JSON if a step took too long,
/// because clients read nothing else.
async fn in_time(site: &Arc<Site>, mut request: Request, next: Next) -> Response {
    let call = Arc::new(Call::of(site, &request));
    request.extensions_mut().insert(call.clone());
    let answered = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answered.unwrap_or_else(|_| refuse(&call, &Fault::down()))
}

/// Sets the headers of every answer, including preflights and the document. Answers are data, so
/// browsers must not show, frame, sniff or cache them.
fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    let fixed = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Adds the time after which a retry is useful.
fn retry_after(fault: &Fault, mut response: Response) -> Response {
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
