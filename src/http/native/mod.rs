//! Entra's native-authentication API. Unmodified Microsoft clients work with it.
//!
//! Version 1 has sign-in with password, password reset and refresh. Version 2 (preview) has
//! password reset and sign-in.
//!
//! | step | engine call |
//! |---|---|
//! | `/start` | none, because its token carries the address |
//! | `/challenge` | [`Sspr::start`], later [`Sspr::send`] |
//! | `/continue` | [`Sspr::verify`] |
//! | `/submit` | [`Sspr::submit`] |
//! | `/poll_completion` | none |
//! | `/token` | [`Sspr::redeem`] or [`Sspr::sign_in`], and the host's [`TokenIssuer`] |

mod answers;
mod application;
mod call;
mod continuation;
mod cors;
mod fault;
mod ids;
mod issuer;
mod site;
mod steps;
mod v1;
mod v2;

use core::{fmt, future::Future};
use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, header::CONTENT_TYPE},
    middleware,
    response::Response,
    routing::{get, post, put},
};

pub use application::{NativeApplication, OriginError, OtherTenantError};
pub use issuer::{IssueError, Issued, TokenIssuer, TokenRequest, Tokens};

use self::{
    answers::JSON,
    call::{Call, json},
    fault::Fault,
    site::Site,
    v2::Fields,
};
use super::{
    PublicPathError, TrustedProxies, envelope::Envelopes, form::Form, public_path::PublicPath,
};
use crate::{domain::Purpose, engine::Sspr};

const DOCUMENT: &str = include_str!("openapi.json");

/// The native-authentication API of one tenant.
///
/// The host mounts it in its router, for instance at `/contoso.onmicrosoft.com`. Microsoft's
/// clients are configured with that path.
///
/// ```
/// # use sspr::{Keyring, Sspr, TenantPolicy, adapters::*, domain::*, http::*};
/// # struct MyIssuer;
/// # #[async_trait::async_trait] impl TokenIssuer for MyIssuer {
/// #     async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> { Ok(Issued::Refused) }
/// #     async fn refresh(&self, _: &TenantId, _: &ApplicationId, _: &str) -> Result<Issued, IssueError> { Ok(Issued::Refused) }
/// # }
/// # let (sspr, courier) = Sspr::new(MemoryUsers::new(), MemoryCodes::new(),
/// #     MemoryPolicies::fixed(TenantPolicy::customers("contoso")?), Keyring::generate(&SystemEntropy::new())?);
/// let shop = Application::new("contoso", "sign-in", "63856651-0000-4000-8000-000000000000")?;
/// let shop = NativeApplication::new(shop).with_origin("https://shop.example")?;
/// let api = Native::new(&sspr, shop, MyIssuer);
/// let app: axum::Router =
///     axum::Router::new().nest("/contoso.onmicrosoft.com", api.router());
/// # let _ = (app, courier);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A [`Vouch`](crate::engine::Vouch) in a request's extensions opens the vouched lane. Insert it in
/// a layer of the host after that layer has checked a captcha.
///
/// # Security
/// The tenant's [`Disclosure`](crate::policy::Disclosure) decides how much the API reveals about an
/// account. With the default, `Strict`, the API reveals nothing. Continuation tokens are sealed.
/// Keep them as secret as the code.
#[derive(Clone)]
#[must_use = "call `router`"]
pub struct Native(Site);

/// Makes the handler of a step that takes a form.
macro_rules! form_step {
    ($step:path) => {
        |Extension(call): Extension<Arc<Call>>, request: Request| async move {
            let answer = match Form::read(request).await {
                Ok(form) => $step(&call, &form).await,
                Err(error) => Err(Fault::body(error)),
            };
            answers::oauth(&call, answer)
        }
    };
}

/// Makes the handler of a step that takes JSON.
macro_rules! json_step {
    ($step:path) => {
        |Extension(call): Extension<Arc<Call>>, request: Request| async move {
            let answer = match json::<Fields>(request).await {
                Ok(fields) => $step(&call, &fields).await,
                Err(fault) => Err(fault),
            };
            answers::hal(&call, answer)
        }
    };
}

impl Native {
    /// Creates the API for one application and its tenant.
    pub fn new(
        sspr: &Sspr,
        application: impl Into<NativeApplication>,
        issuer: impl TokenIssuer + 'static,
    ) -> Self {
        let native = application.into();
        let own = sspr.for_application(&native.application);
        Self(Site {
            tenant: native.application.tenant.clone(),
            applications: vec![(native, own)],
            envelopes: Envelopes::new(sspr, Purpose::NativeSeal),
            issuer: Arc::new(issuer),
            proxies: TrustedProxies::none(),
            public: None,
            sspr: sspr.clone(),
        })
    }

    /// Adds another application of the same tenant.
    ///
    /// # Errors
    /// [`OtherTenantError`] if the application belongs to another tenant.
    pub fn with_application(
        mut self,
        application: impl Into<NativeApplication>,
    ) -> Result<Self, OtherTenantError> {
        let native = application.into();
        if native.application.tenant != self.0.tenant {
            return Err(OtherTenantError);
        }
        let own = self.0.sspr.for_application(&native.application);
        self.0.applications.push((native, own));
        Ok(self)
    }

    /// Sets the prefix that a proxy strips from every path, like
    /// [`Pages::with_public_path`](super::Pages::with_public_path). The links of version 2 contain
    /// this prefix.
    ///
    /// # Errors
    /// [`PublicPathError`] if the text is not a plain path.
    pub fn with_public_path(mut self, path: &str) -> Result<Self, PublicPathError> {
        self.0.public = Some(PublicPath::parse(path).ok_or(PublicPathError)?);
        Ok(self)
    }

    /// Trusts `X-Forwarded-For` and `X-Forwarded-Prefix` from these proxies.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.0.proxies = proxies;
        self
    }

    /// Returns the OpenAPI 3.1 document of the API.
    #[must_use]
    pub const fn document() -> &'static str {
        DOCUMENT
    }

    /// Returns the router. Nest it at the tenant's path.
    pub fn router(self) -> Router {
        let site = Arc::new(self.0);
        let email = "/api/v2.0/auth/methods/email/1";
        let sms = "/api/v2.0/auth/methods/sms/2";
        let password = "/api/v2.0/auth/methods/password/1";
        Router::new()
            .route("/resetpassword/v1.0/start", post(form_step!(v1::start)))
            .route("/resetpassword/v1.0/challenge", post(form_step!(v1::challenge)))
            .route("/resetpassword/v1.0/continue", post(form_step!(v1::go_on)))
            .route("/resetpassword/v1.0/submit", post(form_step!(v1::submit)))
            .route("/resetpassword/v1.0/poll_completion", post(form_step!(v1::poll)))
            .route("/oauth2/v2.0/initiate", post(form_step!(v1::initiate)))
            .route("/oauth2/v2.0/challenge", post(form_step!(v1::sign_in_challenge)))
            .route("/oauth2/v2.0/token", post(form_step!(v1::token)))
            .route("/oauth2/v2.0/authorize-challenge", post(form_step!(v2::authorize)))
            .route("/api/v2.0/resetpassword/start", post(json_step!(v2::reset_start)))
            .route("/api/v2.0/resetpassword/update", put(json_step!(v2::update)))
            .route("/api/v2.0/resetpassword/poll", post(json_step!(v2::poll)))
            .route("/api/v2.0/signin/start", post(json_step!(v2::sign_in_start)))
            .route(&format!("{email}/challenge"), post(json_step!(v2::email_challenge)))
            .route(&format!("{email}/verify"), post(json_step!(v2::code_verify)))
            .route(&format!("{sms}/challenge"), post(json_step!(v2::sms_challenge)))
            .route(&format!("{sms}/verify"), post(json_step!(v2::code_verify)))
            .route(&format!("{password}/challenge"), post(json_step!(v2::password_challenge)))
            .route(&format!("{password}/verify"), post(json_step!(v2::password_verify)))
            .route("/openapi.json", get(document))
            .fallback(|call| refused(call, Fault::not_found()))
            .method_not_allowed_fallback(|call| refused(call, Fault::method()))
            // One layer for everything, because each one costs a boxed future and a clone.
            .layer(middleware::from_fn_with_state(site, answers::guard))
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").field("tenant", &self.0.tenant).finish_non_exhaustive()
    }
}

fn refused(Extension(call): Extension<Arc<Call>>, fault: Fault) -> impl Future<Output = Response> {
    core::future::ready(answers::refuse(&call, &fault))
}

async fn document() -> Response {
    let mut response = Response::new(Body::from(DOCUMENT));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}
