//! A small application to be signed in to, and its sessions.

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION, request::Parts},
    response::{Html, IntoResponse as _},
    routing::get,
};
use sspr::{
    adapters::{SessionToken, SqliteUsers, SystemEntropy},
    domain::{AccountId, TenantId},
    engine::SecondFactorDemand,
    http::{CurrentSession, NewSession, ReturnTo, SessionError, Sessions, SignInContext},
    ports::UserStore as _,
};

use crate::Outcome;

/// Sessions in the users' own SQLite file: valid while they carry the account's stamp.
pub struct ShopSessions {
    tenant: TenantId,
    cookie: String,
    second_factor: ReturnTo,
    users: SqliteUsers,
}

impl ShopSessions {
    pub fn new(tenant: &str, users: SqliteUsers) -> Outcome<Self> {
        Ok(Self {
            cookie: cookie(tenant),
            second_factor: ReturnTo::parse(&format!("/{tenant}/second-factor"))?,
            tenant: TenantId::parse(tenant)?,
            users,
        })
    }

    fn token(&self, request: &Parts) -> Option<SessionToken> {
        sspr::http::cookie(&request.headers, &self.cookie).and_then(SessionToken::parse)
    }
}

#[async_trait::async_trait]
impl Sessions for ShopSessions {
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError> {
        if context.second_factor == SecondFactorDemand::Required {
            return Ok(NewSession::after(self.second_factor.clone()));
        }
        let (account, stamp) = (context.account, context.stamp);
        let entropy = SystemEntropy::new();
        let token = self.users.open_session(&self.tenant, account, stamp, &entropy).await;
        let token = token.map_err(SessionError::new)?.expose();
        let line = format!("{}={token}; Path=/; Secure; HttpOnly; SameSite=Lax", self.cookie);
        Ok(NewSession::with_cookie(HeaderValue::from_str(&line).map_err(SessionError::new)?))
    }

    async fn current(&self, request: &Parts) -> Result<Option<CurrentSession>, SessionError> {
        let Some(token) = self.token(request) else { return Ok(None) };
        let account = self.users.session(&self.tenant, &token).await.map_err(SessionError::new)?;
        let Some(account) = account else { return Ok(None) };
        let found = self.users.find(&self.tenant, &account).await.map_err(SessionError::new)?;
        // The session is checked after the stamp was read, so that the stamp is not a newer one.
        let still = self.users.session(&self.tenant, &token).await.map_err(SessionError::new)?;
        let found = found.filter(|found| still.as_ref() == Some(&found.id));
        Ok(found.map(|found| CurrentSession::new(found.id, found.stamp)))
    }

    async fn end(&self, request: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        if let Some(token) = self.token(request) {
            self.users.close_session(&self.tenant, &token).await.map_err(SessionError::new)?;
        }
        let line = format!("{}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0", self.cookie);
        Ok(vec![HeaderValue::from_str(&line).map_err(SessionError::new)?])
    }
}

pub fn router(tenant: &'static str, users: SqliteUsers) -> Outcome<Router> {
    let id = TenantId::parse(tenant)?;
    let home = move |headers: HeaderMap| async move {
        match signed_in(&users, &id, &headers).await {
            Some(account) => Html(page(
                "Shop",
                &format!(
                    "<h1>Shop</h1><p class=\"lead\">Signed in as <b id=\"account\">{}</b>.</p>\
                 <div class=\"stack\"><a class=\"button\" href=\"/{tenant}/account/change\">\
                 Change password</a></div><form method=\"post\" action=\"/{tenant}/account/sign-out\">\
                 <button class=\"button second\">Sign out</button></form>",
                    account
                ),
            ))
            .into_response(),
            None => {
                let to = format!("/{tenant}/account/sign-in?return_to=/{tenant}/shop");
                (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
            }
        }
    };
    Ok(Router::new()
        .route(&format!("/{tenant}/shop"), get(home))
        .route(&format!("/{tenant}/second-factor"), get(second_factor)))
}

async fn second_factor() -> Html<String> {
    let body = "<h1>One more step</h1><p class=\"lead\">Here the host asks for the second factor. \
                A reset does not replace it.</p>";
    Html(page("Second factor", body))
}

async fn signed_in(
    users: &SqliteUsers,
    tenant: &TenantId,
    headers: &HeaderMap,
) -> Option<AccountId> {
    let value = sspr::http::cookie(headers, &cookie(tenant.as_str()))?;
    users.session(tenant, &SessionToken::parse(value)?).await.ok()?
}

fn cookie(tenant: &str) -> String {
    format!("__Host-shop-{tenant}")
}

/// A page of the demonstration, in the look of the hosted ones.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><link rel=\"icon\" href=\"/contoso/account/logo.svg\">\
         <link rel=\"stylesheet\" href=\"/contoso/account/sspr.css\"></head>\
         <body><header><p class=\"brand\">{title}</p></header><main>{body}</main></body></html>"
    )
}
