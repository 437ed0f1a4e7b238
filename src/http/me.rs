//! The part of Microsoft Graph that acts for the signed-in user: `POST /me/changePassword`.

use core::{fmt, time::Duration};
use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware::{Next, from_fn_with_state, map_response},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::json;
use tower_http::timeout::TimeoutLayer;
use zeroize::Zeroizing;

use super::{
    CurrentSession, TrustedProxies, correlation::fresh_correlation, form::is_of, hardening::harden,
    odata::Odata, secret::Secret, user_agent::user_agent,
};
use crate::{
    domain::{Application, CorrelationId, Password, PasswordError, Timestamp},
    engine::{ChangeOutcome, Client, Session, Sspr},
    policy::PasswordIssue,
};

/// The time that a request may take, including its body.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of a body. They hold two of the longest passwords, escaped.
const MOST_BYTES: usize = 16 * 1024;

/// The endpoint of Microsoft Graph with which an app changes the password of its signed-in user.
///
/// `POST /me/changePassword` takes `{"currentPassword": "…", "newPassword": "…"}` and answers 204.
/// Mount it behind the token check of your own API. The check inserts a [`CurrentSession`] into the
/// extensions of the request. A request without one is refused with 401.
///
/// After a change, the extensions of the response hold a [`CurrentSession`] with the new stamp.
/// Give this stamp to the session of the request, or open a new session with it, and the user stays
/// signed in. Every other session ends. If you ignore the new stamp, this session ends as well. The
/// device leaves the trusted lane until its next sign-in.
///
/// ```
/// # use sspr::{Application, Keyring, Sspr, TenantPolicy, adapters::*, http::*};
/// # use axum::http::HeaderMap;
/// use axum::{Router, extract::Request, middleware::{Next, from_fn}, response::Response};
///
/// async fn check_token(mut request: Request, next: Next) -> Response {
///     let token = request.headers().get("authorization").cloned();
///     // Your own check: the token is valid, and its stamp is the current one of its account.
///     if let Some(session) = token.as_ref().and_then(your_sessions::find) {
///         request.extensions_mut().insert(session);
///     }
///     let response = next.run(request).await;
///     if let (Some(token), Some(kept)) = (token, response.extensions().get::<CurrentSession>()) {
///         your_sessions::keep(&token, kept);
///     }
///     response
/// }
/// # mod your_sessions {
/// #     pub fn find(_: &axum::http::HeaderValue) -> Option<sspr::http::CurrentSession> { None }
/// #     pub fn keep(_: &axum::http::HeaderValue, _: &sspr::http::CurrentSession) {}
/// # }
///
/// # let (sspr, courier) = Sspr::new(MemoryUsers::new(), MemoryCodes::new(),
/// #     MemoryPolicies::fixed(TenantPolicy::customers("contoso")?), Keyring::generate(&SystemEntropy::new())?);
/// let shop = Application::new("contoso", "sign-in", "shop")?;
/// let me = Me::new(&sspr, shop).router().layer(from_fn(check_token));
/// let app: Router = Router::new().nest("/v1.0", me);
/// # let _ = (app, courier);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Answers
///
/// | status | `error.code` | reason |
/// |---|---|---|
/// | 204 | | the password is changed |
/// | 400 | `BadRequest` | the body is not a JSON object with exactly these two strings |
/// | 400 | `Request_BadRequest` | the current password is wrong, or the new one breaks rules; then `details` has one entry for each rule |
/// | 401 | `InvalidAuthenticationToken` | nobody is signed in, or the session is no longer valid |
/// | 403 | `Authorization_RequestDenied` | the account has no password that can be changed here |
/// | 429 | `TooManyRequests` | too many passwords were wrong, or a limit was reached; `Retry-After` says when to repeat the request |
/// | 503 | `ServiceUnavailable` | a part of the service failed, and the password may be changed or not |
///
/// Microsoft documents the request and the 204, but no errors. An account that the host has locked
/// gets the answer for a wrong password, even if the password is right, as in the native API.
///
/// A repeat after a lost answer gets 401 or the answer for a wrong password. The user then signs in
/// with the new password.
///
/// # Security
/// The body must be `application/json`. Browsers send it to another origin only if that origin's
/// CORS rules permit it, so another site cannot use the cookie of a user. This router sets no CORS
/// rules.
///
/// Check the session as [`Sessions::current`](super::Sessions::current) demands. If you insert a
/// session wrongly, only the current password protects the account.
///
/// Pass `ConnectInfo<SocketAddr>` on (`into_make_service_with_connect_info`). Without it there are
/// no network limits. A [`Vouch`](crate::engine::Vouch) in the extensions opens the vouched lane.
#[derive(Clone)]
#[must_use = "call `router`"]
pub struct Me(Site);

#[derive(Clone)]
struct Site {
    application: Application,
    proxies: TrustedProxies,
    sspr: Sspr,
}

/// The fields of the body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fields {
    current_password: Secret,
    new_password: Secret,
}

/// One request, with the id that ties it to its log lines.
struct Visit {
    site: Arc<Site>,
    id: Option<CorrelationId>,
}

impl Me {
    /// Creates the endpoint for the users of one application.
    pub fn new(sspr: &Sspr, application: Application) -> Self {
        let sspr = sspr.for_application(&application);
        Self(Site { application, proxies: TrustedProxies::none(), sspr })
    }

    /// Trusts `X-Forwarded-For` from these proxies.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.0.proxies = proxies;
        self
    }

    /// Returns the router. Nest it behind the token check of your API, for instance at `/v1.0`.
    pub fn router(self) -> Router {
        let site = Arc::new(self.0);
        let timeout = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE);
        Router::new()
            .route("/me/changePassword", post(change_password))
            .method_not_allowed_fallback(not_allowed)
            .fallback(missing)
            .layer(timeout)
            .layer(from_fn_with_state(site.clone(), explain_timeout))
            .layer(map_response(harden))
            .with_state(site)
    }
}

impl fmt::Debug for Me {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Me").field("application", &self.0.application).finish_non_exhaustive()
    }
}

impl Visit {
    fn of(site: &Arc<Site>) -> Self {
        Self { id: fresh_correlation(site.sspr.entropy()), site: site.clone() }
    }

    fn fail(&self, status: StatusCode, code: &'static str, message: &str) -> Odata {
        Odata::new(&self.site.sspr, status, code, message).with_id(self.id.clone())
    }

    fn no_session(&self) -> Odata {
        let message = "Nobody is signed in, or the session is no longer valid. Sign in again.";
        self.fail(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    fn wrong_password(&self) -> Odata {
        let message = "The current password is not correct.";
        self.fail(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// Returns the error of a new password, with each rule that it breaks.
    fn weak(&self, issues: &[PasswordIssue]) -> Odata {
        let detail = |issue: &PasswordIssue| {
            let (code, message) = (issue.code(), issue.to_string());
            json!({ "code": code, "message": message, "target": "newPassword" })
        };
        let details = issues.iter().map(detail).collect();
        let message = "The specified password does not comply with password complexity \
                       requirements. Please provide a different password.";
        let error = self.fail(StatusCode::BAD_REQUEST, "Request_BadRequest", message);
        error.with_details(details)
    }

    /// Returns the rule that a text breaks that can never be a password.
    fn unreadable(&self, error: PasswordError) -> PasswordIssue {
        match error {
            PasswordError::Control => PasswordIssue::Characters,
            PasswordError::Empty => {
                let policy = self.site.sspr.policy(&self.site.application.tenant).ok().flatten();
                let least = policy.map_or(1, |policy| policy.password_rules().min_length());
                PasswordIssue::Short { least }
            }
            PasswordError::TooLong => PasswordIssue::Long { most: Password::MAX_CHARACTERS },
        }
    }

    fn later(&self, message: &str, at: Timestamp) -> Odata {
        let error = self.fail(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message);
        // Round up, so that a client that waits as long as told is served.
        let wait = at.since(self.site.sspr.now());
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        error.retry_after(seconds)
    }

    fn down(&self) -> Odata {
        let message = "A part of the service failed. The password may or may not be changed.";
        self.fail(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// Reads the body. The error never quotes it, because it holds passwords.
    async fn fields(&self, request: Request) -> Result<Fields, Odata> {
        let bad = |message| self.fail(StatusCode::BAD_REQUEST, "BadRequest", message);
        if !is_of(request.headers(), "application/json") {
            return Err(bad("Content-Type: application/json is wanted."));
        }
        let bytes = to_bytes(request.into_body(), MOST_BYTES).await;
        let bytes = bytes.map_err(|_| bad("The body is larger than 16 KiB."))?;
        let bytes = Zeroizing::new(bytes.to_vec());
        let wanted = "The body must be a JSON object with the strings currentPassword and \
                      newPassword, and nothing else.";
        serde_json::from_slice(&bytes).map_err(|_| bad(wanted))
    }

    /// Changes the password, and returns the session that stays.
    async fn change(
        &self,
        session: CurrentSession,
        fields: &Fields,
        client: &Client,
    ) -> Result<CurrentSession, Odata> {
        let new = Password::parse(fields.new_password.expose());
        let new = new.map_err(|error| self.weak(&[self.unreadable(error)]))?;
        let current = Password::parse(fields.current_password.expose());
        let current = current.map_err(|_| self.wrong_password())?;
        let CurrentSession { account, stamp } = session;
        let session = Session::new(&self.site.application, account, stamp);
        let outcome = self.site.sspr.change(&session, &current, &new, client).await;
        match outcome.map_err(|_| self.down())? {
            ChangeOutcome::Changed(kept) => Ok(CurrentSession::new(session.account, kept.stamp)),
            ChangeOutcome::LockedOut { until: Some(until) } => {
                Err(self.later("Too many passwords were wrong.", until))
            }
            // Another answer would confirm the password of an account that the host has locked.
            ChangeOutcome::LockedOut { until: None } | ChangeOutcome::WrongPassword => {
                Err(self.wrong_password())
            }
            ChangeOutcome::SessionEnded => Err(self.no_session()),
            ChangeOutcome::TryLater { retry_at } => {
                Err(self.later("Too many requests; try again later.", retry_at))
            }
            ChangeOutcome::Unavailable => {
                let message = "The account has no password that can be changed here.";
                let code = "Authorization_RequestDenied";
                Err(self.fail(StatusCode::FORBIDDEN, code, message))
            }
            ChangeOutcome::Weak { issues } => Err(self.weak(&issues)),
        }
    }
}

/// `POST /me/changePassword`.
async fn change_password(
    State(site): State<Arc<Site>>,
    mut request: Request,
) -> Result<Response, Odata> {
    let visit = Visit::of(&site);
    let session = request.extensions_mut().remove::<CurrentSession>();
    let session = session.ok_or_else(|| visit.no_session())?;
    let network = site.proxies.client(request.extensions(), request.headers());
    let mut client = network.map_or_else(Client::unknown, Client::at);
    client.vouched = request.extensions().get().cloned();
    client.correlation.clone_from(&visit.id);
    client.user_agent = user_agent(request.headers());
    let fields = visit.fields(request).await?;
    let kept = visit.change(session, &fields, &client).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = visit.id.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
    response.extensions_mut().insert(kept);
    Ok(response)
}

async fn missing(State(site): State<Arc<Site>>) -> Odata {
    let message = "There is no such resource.";
    Visit::of(&site).fail(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
}

async fn not_allowed(State(site): State<Arc<Site>>) -> Odata {
    let message = "The method is not allowed for this resource.";
    Visit::of(&site).fail(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message)
}

/// Adds a body to the answer to a request that took too long.
async fn explain_timeout(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.headers().contains_key(CONTENT_TYPE)
        || response.status() != StatusCode::REQUEST_TIMEOUT
    {
        return response;
    }
    let message = "The answer took too long. The password may or may not be changed.";
    let error = Visit::of(&site).fail(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message);
    error.into_response()
}
