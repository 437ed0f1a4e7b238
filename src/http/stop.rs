//! An answer that ends a handler early.

use axum::response::{IntoResponse, Response};

/// An answer that leaves a handler through `?`. It is boxed, because an answer is large for an
/// error.
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
