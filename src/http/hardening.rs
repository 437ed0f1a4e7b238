//! The headers of every page, and the files that pages load.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        HeaderName, HeaderValue, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
            RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
        uri::Authority,
    },
    response::Response,
    routing::{MethodRouter, get},
};

/// Allows scripts, styles, images and form targets of this origin, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The seconds after which a store that is down may answer again.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// Sets the headers of an answer.
pub(super) async fn harden(mut response: Response) -> Response {
    say_when(&mut response);
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        // With `no-referrer`, browsers would send `Origin: null` with our own forms.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Adds `Retry-After` to an answer that cannot be given now (RFC 9110, 15.6.4).
pub(super) fn say_when(response: &mut Response) {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().entry(RETRY_AFTER).or_insert(AGAIN);
    }
}

/// Writes a request's host as browsers write it in `Origin`: in small letters and without the
/// default port of the scheme. Without this step, a proxy that sends `Host: Shop.example:443` would
/// make our own forms look foreign.
pub(super) fn level_host(request: &mut Request) {
    let Some(origin) = request.headers().get(ORIGIN).map(HeaderValue::as_bytes) else { return };
    let named = match request.uri().authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => request.headers().get(HOST).map(HeaderValue::as_bytes).unwrap_or_default(),
    };
    let (host, port) = match origin {
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', host @ ..] => (host, &b":443"[..]),
        [b'h', b't', b't', b'p', b':', b'/', b'/', host @ ..] => (host, &b":80"[..]),
        _ => return,
    };
    let bare = named.strip_suffix(port).unwrap_or(named);
    let (Ok(own), Ok(authority)) = (HeaderValue::from_bytes(host), Authority::try_from(host))
    else {
        return;
    };
    if !bare.eq_ignore_ascii_case(host) {
        return;
    }
    if request.uri().authority().is_some() {
        let mut parts = request.uri().clone().into_parts();
        parts.authority = Some(authority);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request.headers_mut().insert(HOST, own);
}

/// Adds the stylesheet, the small scripts and the logo.
pub(super) fn assets<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .route("/sspr.css", asset("text/css", include_str!("pages/assets/sspr.css")))
        .route("/password.js", asset("text/javascript", include_str!("pages/assets/password.js")))
        .route("/countdown.js", asset("text/javascript", include_str!("pages/assets/countdown.js")))
        .route("/sms-code.js", asset("text/javascript", include_str!("pages/assets/sms-code.js")))
        .route("/logo.svg", asset("image/svg+xml", include_str!("pages/assets/logo.svg")))
}

fn asset<S: Clone + Send + Sync + 'static>(
    media_type: &'static str,
    text: &'static str,
) -> MethodRouter<S> {
    get(move || {
        let mut response = Response::new(Body::from(text));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        core::future::ready(response)
    })
}
