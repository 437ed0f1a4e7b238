//! One call of the API, with the client, the application and the ids.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{OriginalUri, Request},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, ORIGIN},
    },
    response::Response,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{fault::Fault, ids::Ids, site::Site};
use crate::{
    domain::{Application, CorrelationId, NetworkAddress, UserAgent},
    engine::{Client, Sspr, Vouch},
    http::{correlation::fresh_id, form::is_of, user_agent::user_agent},
};

const CORRELATION: &str = "client-request-id";
const TRACE: &str = "x-ms-request-id";
const MOST_BYTES: usize = 16 * 1024;
/// The headers of most answers, so that room for them is made once.
const MOST_HEADERS: usize = 14;

/// One call.
pub(super) struct Call {
    pub(super) site: Arc<Site>,
    pub(super) ids: Ids,
    /// The path at which the API is mounted.
    pub(super) base: String,
    /// True if the path belongs to version 2.
    pub(super) is_of_v2: bool,
    network: Option<NetworkAddress>,
    user_agent: Option<UserAgent>,
    vouched: Option<Vouch>,
    origin: Option<HeaderValue>,
}

/// A good answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The body as JSON.
    pub(super) body: Vec<u8>,
}

/// An application that the call is for, with its own handle.
pub(super) struct Served<'a> {
    pub(super) application: &'a Application,
    pub(super) sspr: &'a Sspr,
}

impl Call {
    pub(super) fn of(site: &Arc<Site>, request: &Request) -> Self {
        let headers = request.headers();
        let entropy = site.sspr.entropy();
        let fresh = || fresh_id(entropy).unwrap_or_default();
        let query = request.uri().query().unwrap_or_default();
        let now = site.sspr.now();
        let correlation = correlation(headers, query).unwrap_or_else(fresh);
        Self {
            base: base(site, request),
            ids: Ids { correlation, now, trace: fresh() },
            is_of_v2: request.uri().path().starts_with("/api/"),
            network: site.proxies.client(request.extensions(), headers),
            origin: headers.get(ORIGIN).cloned(),
            site: site.clone(),
            user_agent: user_agent(headers),
            vouched: request.extensions().get().cloned(),
        }
    }

    /// Returns the description of the client for the engine.
    pub(super) fn client(&self) -> Client {
        let mut client = self.network.map_or_else(Client::unknown, Client::at);
        client.vouched.clone_from(&self.vouched);
        client.correlation = CorrelationId::parse(&self.ids.correlation).ok();
        client.user_agent.clone_from(&self.user_agent);
        client
    }

    /// Returns the application of a `client_id`. A browser's origin must be one of its origins.
    pub(super) fn serve(&self, client_id: &str) -> Result<Served<'_>, Fault> {
        let mut all = self.site.applications.iter();
        let native = all.find(|(native, _)| native.application.id.as_str() == client_id);
        let (native, sspr) = native.ok_or_else(Fault::unknown_client)?;
        let foreign = self.origin.as_ref().is_some_and(|origin| !native.admits(origin));
        if foreign {
            return Err(Fault::unknown_client());
        }
        Ok(Served { application: &native.application, sspr })
    }

    /// Returns a path of this API for links. The link never has a host, because a request could
    /// name a forged one.
    pub(super) fn link(&self, path: &str) -> Value {
        serde_json::json!({ "href": format!("{}{path}", self.base) })
    }

    pub(super) fn respond(
        &self,
        status: StatusCode,
        media: &'static str,
        body: Vec<u8>,
    ) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.reserve(MOST_HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        for (name, value) in [(CORRELATION, &self.ids.correlation), (TRACE, &self.ids.trace)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl Reply {
    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::of(StatusCode::OK, body)
    }

    pub(super) fn of(status: StatusCode, body: &impl Serialize) -> Self {
        Self { body: written(body), status }
    }
}

/// Writes a body. Each body here can be written as JSON.
pub(super) fn written(body: &impl Serialize) -> Vec<u8> {
    // Most answers fit, so that they are not moved while they grow.
    let mut bytes = Vec::with_capacity(1024);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Reads the fields of a JSON body.
pub(super) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Fault> {
    if !is_of(request.headers(), "application/json") {
        return Err(Fault::parameter("Content-Type"));
    }
    let bytes = to_bytes(request.into_body(), MOST_BYTES).await;
    let bytes = Zeroizing::new(bytes.map_err(|_| Fault::parameter("body"))?.to_vec());
    // The message of the parser may quote the request.
    serde_json::from_slice(&bytes).map_err(|_| Fault::parameter("body"))
}

/// Returns the client's own request id, from the first header that has one, or else from the query.
/// Values that are not ids are ignored, because the id is echoed.
fn correlation(headers: &HeaderMap, query: &str) -> Option<String> {
    let lines = headers.get_all(CORRELATION).iter().map(HeaderValue::as_bytes);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let asked = pairs.filter(|(name, _)| *name == CORRELATION);
    let asked = asked.map(|(_, value)| value.as_bytes());
    let plain = |id: &&[u8]| id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let id = lines.chain(asked).filter(|id| (1..=64).contains(&id.len())).find(plain)?;
    core::str::from_utf8(id).ok().map(str::to_owned)
}

/// Returns the path at which the host has mounted the API, as clients see it.
fn base(site: &Site, request: &Request) -> String {
    let (set, headers) = (site.public.as_ref(), request.headers());
    let public = site.proxies.public_path(set, request.extensions(), headers);
    let own = request.uri().path();
    let whole = request.extensions().get::<OriginalUri>().map_or(own, |uri| uri.0.path());
    [public.as_str(), whole.strip_suffix(own).unwrap_or_default()].concat()
}
