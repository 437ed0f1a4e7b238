//! Who may administer: whoever holds the key that was printed at the start.

use axum::{
    Router,
    extract::Query,
    http::{
        StatusCode,
        header::{AUTHORIZATION, LOCATION, SET_COOKIE},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use sspr::http::{Access, Authorize, Authorized, ReturnTo};
use subtle::ConstantTimeEq as _;

use crate::{Outcome, keys, shop};

const NAME: &str = "__Host-administrator";

/// One administrator of all tenants, who is also the help desk. A real host asks its own sessions,
/// and decides about each kind of access.
#[derive(Clone)]
pub struct Administrators {
    key: String,
    sign_in: ReturnTo,
}

impl Administrators {
    pub fn new() -> Outcome<Self> {
        Ok(Self { key: keys::secret()?, sign_in: ReturnTo::parse("/administrator")? })
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    fn holds(&self, given: &[u8]) -> bool {
        given.ct_eq(self.key.as_bytes()).into()
    }

    /// `/administrator?key=…` puts the key into a cookie.
    pub fn router(&self) -> Router {
        let own = self.clone();
        Router::new().route(
            "/administrator",
            get(move |Query(query): Query<Vec<(String, String)>>| async move {
                let given = query.iter().find(|(name, _)| name == "key").map(|(_, key)| key);
                if given.is_some_and(|key| own.holds(key.as_bytes())) {
                    let cookie =
                        format!("{NAME}={}; Path=/; Secure; HttpOnly; SameSite=Strict", own.key);
                    let headers = [(LOCATION, "/admin/".to_owned()), (SET_COOKIE, cookie)];
                    return (StatusCode::SEE_OTHER, headers).into_response();
                }
                refused()
            }),
        )
    }
}

fn refused() -> Response {
    let body = "<h1>Administration</h1><p class=\"lead\">Open the address with the key that was \
                printed at the start.</p>";
    (StatusCode::FORBIDDEN, axum::response::Html(shop::page("Administration", body)))
        .into_response()
}

#[async_trait::async_trait]
impl Authorize for Administrators {
    async fn authorize(&self, request: &Parts, _: Access<'_>) -> Authorized {
        let line = request.headers.get(AUTHORIZATION).map(|line| line.as_bytes());
        let bearer = line.and_then(|line| line.strip_prefix(b"Bearer "));
        let cookie = sspr::http::cookie(&request.headers, NAME).map(str::as_bytes);
        if bearer.or(cookie).is_some_and(|key| self.holds(key)) {
            Authorized::As("administrator".to_owned())
        } else if bearer.is_some() {
            Authorized::Forbidden
        } else {
            Authorized::SignIn(self.sign_in.clone())
        }
    }
}
