//! The answers, with the time limit, the form of each version, and the headers of every answer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

use super::{
    call::{Call, Reply},
    fault::Fault,
    site::Site,
};

/// The status with which the time limit marks a cut-off step. No step answers with it.
pub(super) const OVERDUE: StatusCode = StatusCode::REQUEST_TIMEOUT;

pub(super) const JSON: &str = "application/json; charset=utf-8";
const HAL: &str = "application/hal+json; charset=utf-8";

/// Builds an answer of version 1, or of the entry and the tokens of version 2.
pub(super) fn oauth(call: &Call, answer: Result<Reply, Fault>) -> Response {
    match answer {
        Ok(reply) => call.respond(reply.status, JSON, &reply.body),
        Err(fault) => {
            retry_after(&fault, call.respond(fault.status, JSON, &fault.oauth(&call.ids)))
        }
    }
}

/// Builds an answer of version 2.
pub(super) fn hal(call: &Call, answer: Result<Reply, Fault>) -> Response {
    match answer {
        Ok(reply) => call.respond(reply.status, HAL, &reply.body),
        Err(fault) => retry_after(&fault, call.respond(fault.status, HAL, &fault.hal(&call.ids))),
    }
}

/// Builds an error in the form of the version that the path belongs to.
pub(super) fn refuse(call: &Call, fault: &Fault) -> Response {
    let fault = Err(fault.clone());
    if call.is_of_v2 { hal(call, fault) } else { oauth(call, fault) }
}

/// Makes the [`Call`] that a step finds in its request. Answers in JSON if a step took too long,
/// because clients read nothing else.
pub(super) async fn in_time(
    State(site): State<Arc<Site>>,
    mut request: Request,
    next: Next,
) -> Response {
    let call = Arc::new(Call::of(&site, &request));
    request.extensions_mut().insert(call.clone());
    let response = next.run(request).await;
    if response.status() == OVERDUE { refuse(&call, &Fault::down()) } else { response }
}

/// Sets the headers of every answer, including preflights and the document. Answers are data, so
/// browsers must not show, frame, sniff or cache them.
pub(super) async fn harden(mut response: Response) -> Response {
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
    response
}

/// Adds the time after which a retry is useful.
fn retry_after(fault: &Fault, mut response: Response) -> Response {
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
