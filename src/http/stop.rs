//! An answer that ends a handler early.

use axum::response::{IntoResponse, Response};

/// Leaves a handler with `?`; boxed, because an answer is large for an error.
pub(super) struct Stop(Box<Response>);

impl From<Response> for Stop {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        *self.0
    }
}
