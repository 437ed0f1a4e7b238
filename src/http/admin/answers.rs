//! Pages that end a request of an administrator.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};

use super::view::{AdminPage, MessagePage};
use crate::http::{form::FormError, stop::Stop};

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

pub(super) fn alerted(status: StatusCode, mut page: AdminPage, words: String) -> Response {
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
