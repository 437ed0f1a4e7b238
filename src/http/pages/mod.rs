//! The hosted pages: sign in, forgot password, code, new password, signed in, change password.
//!
//! The pages are plain HTML in five languages, light and dark, from 320 px. They work without
//! script. Every form leads to a redirect. Reload, back, a double click and a second tab therefore
//! neither lose a code nor send a second mail. The state that a browser keeps between two pages is
//! sealed in one cookie.

mod change;
mod code;
mod forgot;
mod freeze;
mod journey;
mod link;
mod new_password;
mod next_proof;
mod send_code;
mod sign_in;
mod site;
mod support_code;
mod texts;
mod to_change;
mod view;
mod visit;
mod words;

use core::{fmt, time::Duration};
use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Request, State},
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE},
    },
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tower_http::{csrf::CsrfLayer, timeout::TimeoutLayer};

use self::{
    site::Site,
    visit::{Answer, Visit, redirect},
};
use super::{
    PublicPathError, ReturnTo, Sessions, TrustedProxies,
    hardening::{assets, harden, level_host},
    public_path::PublicPath,
};
use crate::{
    domain::{Application, Purpose, Scope},
    engine::Sspr,
    http::envelope::Envelopes,
};

/// The time that a request may take, including its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pages of one application, for the host's router.
///
/// ```
/// # use sspr::{Application, Keyring, Sspr, TenantPolicy, adapters::*, http::*};
/// # use axum::http::{HeaderValue, request::Parts};
/// # #[derive(Debug)] struct MySessions;
/// # #[async_trait::async_trait] impl Sessions for MySessions {
/// #     async fn begin(&self, _: SignInContext<'_>) -> Result<NewSession, SessionError> { Ok(NewSession::with_cookie(HeaderValue::from_static("s=1"))) }
/// #     async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> { Ok(Vec::new()) }
/// # }
/// # let (sspr, courier) = Sspr::new(MemoryUsers::new(), MemoryCodes::new(),
/// #     MemoryPolicies::fixed(TenantPolicy::customers("contoso")?), Keyring::generate(&SystemEntropy::new())?);
/// let shop = Application::new("contoso", "sign-in", "shop")?;
/// let proxies = TrustedProxies::parse(["10.0.0.0/8"])?;
/// let pages = Pages::new(&sspr, shop, MySessions).with_trusted_proxies(proxies);
/// let app: axum::Router =
///     axum::Router::new().nest_service("/account", pages.router());
/// # let _ = (app, courier);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A [`Vouch`](crate::engine::Vouch) in a request's extensions opens the vouched lane. Insert it in
/// a layer of the host after that layer has checked a captcha.
///
/// # Routes
///
/// The paths are relative to the path at which the router is nested. A form field carries the name
/// that password managers know.
///
/// | path | methods | purpose |
/// |---|---|---|
/// | `/` | GET | leads to the sign-in |
/// | `/sign-in` | GET, POST | asks for the address (`username`) |
/// | `/password` | GET, POST | asks for the password (`password`) |
/// | `/locked` | GET | says that the sign-in is paused |
/// | `/forgot` | GET, POST | asks for the address (`username`) and sends a code: an entrance for a host with a sign-in page of its own |
/// | `/reset` | POST | opens a reset and sends a code: *Forgot password?* |
/// | `/code` | GET, POST | asks for the code (`code`) |
/// | `/resend` | POST | sends another code |
/// | `/new-password` | GET, POST | asks for the new password twice (`new-password`, `confirm-password`) |
/// | `/support-code` | GET, POST | asks for the address and a code that staff have handed over (`username`, `code`), if [`Pages::with_help_desk`] was called |
/// | `/freeze` | GET, POST | asks for the code of a notice (`code`), if the tenant has switched such codes on |
/// | `/freeze-account` | GET, POST | asks whether to freeze the account, and freezes it |
/// | `/frozen` | GET | says that the account is frozen, and that a reset ends the freeze |
/// | `/change` | GET, POST | asks a signed-in user for the current password and the new one (`current-password`, `new-password`, `confirm-password`) |
/// | `/done` | GET | says that the password is changed |
/// | `/sign-out` | POST | calls [`Sessions::end`](super::Sessions::end) |
/// | `/try-later`, `/unavailable`, `/start-again` | GET | say why a step cannot go on |
///
/// `/sign-in`, `/forgot`, `/support-code` and `/change` take the path to which the user returns, as the query
/// parameter `return_to`. Link to these four. `/change` asks
/// [`Sessions::current`](super::Sessions::current) who is signed in, and leads everybody else to the
/// sign-in. A user whose account must change its password comes from `/password` to `/new-password`,
/// and is signed in after that.
///
/// The routes, their methods, the names of the fields and `return_to` are part of the semver
/// promise.
///
/// A POST must come from the pages' own origin. Every other POST is refused with 403.
///
/// # Security
/// Serve the pages over TLS or on loopback. Their cookies are `__Host-` cookies, which browsers
/// accept only from encrypted or local origins.
///
/// Pass `ConnectInfo<SocketAddr>` on (`into_make_service_with_connect_info`). Without it there are
/// no network limits. The host is responsible for HSTS.
#[derive(Clone)]
#[must_use = "call `router`"]
pub struct Pages(Site);

/// Returns the pages of one application with the defaults, like `Pages::new(…).router()`.
pub fn pages(sspr: &Sspr, application: Application, sessions: impl Sessions + 'static) -> Router {
    Pages::new(sspr, application, sessions).router()
}

/// Returns a router for `/.well-known/change-password`, which sends password managers to the pages
/// at `path` (W3C, A Well-Known URL for Changing Passwords). Give the path as users see it. Signed-in
/// users come to the page *Change your password*, and others to the sign-in.
pub fn change_password(path: &ReturnTo) -> Router {
    let to = format!("{}/change", path.as_str().trim_end_matches('/'));
    let found = move || {
        let mut response = redirect(&to);
        *response.status_mut() = StatusCode::FOUND;
        core::future::ready(response)
    };
    let router = Router::new().route("/.well-known/change-password", get(found));
    router.layer(middleware::map_response(harden))
}

impl Pages {
    /// Creates the pages of one application.
    pub fn new(sspr: &Sspr, application: Application, sessions: impl Sessions + 'static) -> Self {
        let scope = Scope::of(&application);
        let name: String = scope.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Self(Site {
            about: name.clone(),
            cookie: format!("__Host-sspr-{name}"),
            device_cookie: format!("__Host-sspr-device-{name}"),
            envelopes: Envelopes::new(sspr, Purpose::PageSeal),
            has_help_desk: false,
            help: None,
            home: ReturnTo::root(),
            privacy: None,
            proxies: TrustedProxies::none(),
            public: None,
            sessions: Arc::new(sessions),
            sspr: sspr.for_application(&application),
            stylesheet: None,
            application,
        })
    }

    /// Sets the path to which users go after the sign-in. The default is `/`. Each `return_to` must
    /// lie below this path.
    ///
    /// Behind a proxy that strips a prefix from every path, these paths may be written with the
    /// prefix or without it.
    pub fn with_home(mut self, home: ReturnTo) -> Self {
        self.0.home = home;
        self
    }

    /// Adds a link "Help" to the pages.
    pub fn with_help(mut self, help: ReturnTo) -> Self {
        self.0.help = Some(help);
        self
    }

    /// Offers the page for a code that staff have handed over
    /// ([`HelpDesk::assistance_code`](crate::engine::HelpDesk::assistance_code)), with a link beside
    /// the question for the address.
    pub fn with_help_desk(mut self) -> Self {
        self.0.has_help_desk = true;
        self
    }

    /// Adds a link "Privacy" to the pages.
    pub fn with_privacy(mut self, privacy: ReturnTo) -> Self {
        self.0.privacy = Some(privacy);
        self
    }

    /// Trusts `X-Forwarded-For` and `X-Forwarded-Prefix` from these proxies.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.0.proxies = proxies;
        self
    }

    /// Sets the prefix that a proxy strips from every path. With `/auth`, users see
    /// `/auth/account/sign-in` and this router sees `/account/sign-in`.
    ///
    /// This prefix takes precedence over `X-Forwarded-Prefix`. Home, `return_to` and the other
    /// paths get the prefix unless they already have it.
    ///
    /// # Errors
    /// [`PublicPathError`] if the text is not a plain path.
    pub fn with_public_path(mut self, path: &str) -> Result<Self, PublicPathError> {
        self.0.public = Some(PublicPath::parse(path).ok_or(PublicPathError)?);
        Ok(self)
    }

    /// Loads a small stylesheet of the host after the pages' own. Set `--brand` and `--logo` in it.
    pub fn with_stylesheet(mut self, path: ReturnTo) -> Self {
        self.0.stylesheet = Some(path);
        self
    }

    /// Returns the router. Nest it at the path of the pages. `nest_service` also answers the path
    /// with a slash after it, but `nest` does not.
    pub fn router(self) -> Router {
        let site = Arc::new(self.0);
        let mut pages = assets(Router::new());
        if site.has_help_desk {
            let methods = get(support_code::page).post(support_code::submit);
            pages = pages.route("/support-code", methods);
        }
        pages
            .route("/", get(start))
            .route("/sign-in", get(sign_in::page).post(sign_in::submit))
            .route("/password", get(sign_in::password_page).post(sign_in::password_submit))
            .route("/locked", get(sign_in::locked))
            .route("/sign-out", post(sign_in::sign_out))
            .route("/forgot", get(forgot::page).post(forgot::submit))
            .route("/reset", post(send_code::forgot))
            .route("/resend", post(code::resend))
            .route("/send-code", get(send_code::page).post(send_code::submit))
            .route("/code", get(code::page).post(code::submit))
            .route("/next-proof", get(next_proof::page).post(next_proof::submit))
            .route("/try-later", get(code::try_later))
            .route("/unavailable", get(code::unavailable))
            .route("/start-again", get(code::start_again))
            .route("/new-password", get(new_password::page).post(new_password::submit))
            .route("/change", get(change::page).post(change::submit))
            .route("/done", get(new_password::done))
            .route("/freeze", get(freeze::page).post(freeze::submit))
            .route("/freeze-account", get(freeze::confirm_page).post(freeze::confirm))
            .route("/frozen", get(freeze::frozen))
            .fallback(missing)
            .layer(CsrfLayer::new())
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
            .layer(middleware::from_fn_with_state(site.clone(), guard))
            .with_state(site)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("application", &self.0.application).finish_non_exhaustive()
    }
}

/// `GET /`: redirects to the first page. The redirect is relative, from `/account` to
/// `account/sign-in`, so that it also works behind an unknown proxy.
async fn start(
    State(site): State<Arc<Site>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let set = site.public.as_ref();
    let public = site.proxies.public_path(set, request.extensions(), request.headers());
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let path = uri.path().trim_end_matches('/');
    let whole = ReturnTo::parse(&format!("{}{path}/sign-in", public.as_str()));
    if let Ok(whole) = whole
        && !public.as_str().is_empty()
    {
        return redirect(&format!("{}{query}", whole.as_str()));
    }
    let here = uri.path().rsplit('/').next().unwrap_or_default();
    let slash = if here.is_empty() { "" } else { "/" };
    // A colon in the first segment would look like the end of a scheme.
    let dot = if here.contains(':') { "./" } else { "" };
    redirect(&format!("{dot}{here}{slash}sign-in{query}"))
}

async fn missing(State(site): State<Arc<Site>>, request: Request) -> Answer {
    Ok(Visit::of(&site, request.into_parts().0)?.problem(StatusCode::NOT_FOUND))
}

/// Sets the headers of every answer, and adds a page to refusals that have none.
async fn guard(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    level_host(&mut request);
    // The page for a refusal needs the request, but the handler consumes it.
    let mut bare = Request::new(Body::empty());
    *bare.uri_mut() = request.uri().clone();
    *bare.headers_mut() = request.headers().clone();
    *bare.extensions_mut() = request.extensions().clone();
    *bare.method_mut() = request.method().clone();
    let mut response = next.run(request).await;
    let has_page = response.headers().contains_key(CONTENT_TYPE);
    if !has_page && response.status().is_client_error() {
        let page = match Visit::of(&site, bare.into_parts().0) {
            Ok(visit) => visit.problem(response.status()),
            Err(stop) => stop.into_response(),
        };
        let allow = response.headers_mut().remove(ALLOW);
        response = page;
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    harden(response).await
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod stages;
