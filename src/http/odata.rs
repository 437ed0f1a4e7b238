//! Errors in the form of Microsoft Graph (OData 4.0).

use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::correlation::fresh_correlation;
use crate::{domain::CorrelationId, engine::Sspr};

pub(super) const JSON: &str = "application/json; charset=utf-8";

/// An error in the form of OData.
pub(super) struct Odata {
    status: StatusCode,
    code: &'static str,
    message: Box<str>,
    details: Box<[Value]>,
    retry_after: Option<u64>,
    /// The id of the request, or `None` for a new one.
    id: Option<CorrelationId>,
    sspr: Sspr,
}

impl Odata {
    pub(super) fn new(sspr: &Sspr, status: StatusCode, code: &'static str, message: &str) -> Self {
        let (message, sspr) = (message.into(), sspr.clone());
        Self { code, details: Box::default(), id: None, message, retry_after: None, sspr, status }
    }

    /// Sets the id of the request.
    pub(super) fn with_id(self, id: Option<CorrelationId>) -> Self {
        Self { id, ..self }
    }

    /// Names the parts of the error, for instance each rule that a password breaks.
    pub(super) fn with_details(self, details: Vec<Value>) -> Self {
        Self { details: details.into(), ..self }
    }

    /// Says after how many seconds the client can come again.
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl IntoResponse for Odata {
    fn into_response(self) -> Response {
        let id = self.id.or_else(|| fresh_correlation(self.sspr.entropy()));
        let id = id.as_ref().map_or("", |id| id.as_str());
        let at = self.sspr.now().to_civil();
        let at = format!("{}T{:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second());
        let mut body = json!({ "error": {
            "code": self.code,
            "message": self.message,
            "innerError": { "date": at, "request-id": id, "client-request-id": id },
        }});
        if let (false, Some(error)) = (self.details.is_empty(), body.get_mut("error")) {
            error
                .as_object_mut()
                .map(|error| error.insert("details".into(), self.details.into_vec().into()));
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(HeaderName::from_static("request-id"), id);
        }
        response
    }
}
