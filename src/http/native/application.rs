//! The applications that may use the API, and the origins of their pages.

use axum::http::HeaderValue;
use thiserror::Error;

use crate::{domain::Application, http::origin::Origin};

/// An application that may use the API as a public client. Its id is the `client_id`.
///
/// Clients in browsers need [`NativeApplication::with_origin`]. For other clients, an
/// [`Application`] is enough.
#[derive(Clone, Debug)]
pub struct NativeApplication {
    pub(super) application: Application,
    origins: Vec<Origin>,
}

/// The error for an application of another tenant.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("application: its tenant is not the one of this API; make an API for each tenant")]
#[non_exhaustive]
pub struct OtherTenantError;

debug_is_text!(OtherTenantError);

/// The error for a text that is not an origin.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("origin: must be a scheme and host like https://shop.example, without path or wildcard")]
#[non_exhaustive]
pub struct OriginError;

debug_is_text!(OriginError);

impl NativeApplication {
    /// Creates an application without clients in browsers.
    #[must_use]
    pub const fn new(application: Application) -> Self {
        Self { application, origins: Vec::new() }
    }

    /// Lets pages of that exact origin call the API (CORS). Wildcards and paths are refused.
    ///
    /// # Errors
    /// [`OriginError`] if the text is not an origin.
    ///
    /// # Examples
    /// ```
    /// use sspr::{Application, http::NativeApplication};
    ///
    /// let shop = Application::new("contoso", "sign-in", "shop")?;
    /// let shop = NativeApplication::new(shop).with_origin("https://shop.example")?;
    /// assert!(shop.with_origin("https://shop.example/path").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_origin(mut self, origin: &str) -> Result<Self, OriginError> {
        self.origins.push(Origin::parse(origin).ok_or(OriginError)?);
        Ok(self)
    }

    /// Returns whether a browser's `Origin` belongs to this application.
    pub(super) fn admits(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|listed| listed.is(origin))
    }
}

impl From<Application> for NativeApplication {
    fn from(application: Application) -> Self {
        Self::new(application)
    }
}
