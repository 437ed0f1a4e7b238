//! A small application to be signed in to, and its sessions.

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION},
    response::{Html, IntoResponse as _},
    routing::get,
};
use sspr::{
    adapters::{SessionToken, SqliteUsers, SystemEntropy},
    domain::{AccountId, TenantId},
    engine::SecondFactorDemand,
    http::{NewSession, ReturnTo, SessionError, Sessions, SignInContext},
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

    async fn end(&self, headers: &HeaderMap) -> Result<Vec<HeaderValue>, SessionError> {
        let token = sspr::http::cookie(headers, &self.cookie).and_then(SessionToken::parse);
        if let Some(token) = token {
            self.users.close_session(&token).await.map_err(SessionError::new)?;
        }
        let line = format!("{}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0", self.cookie);
        Ok(vec![HeaderValue::from_str(&line).map_err(SessionError::new)?])
    }
}

pub fn router(tenant: &'static str, users: SqliteUsers) -> Outcome<Router> {
    let id = TenantId::parse(tenant)?;
    let home = move |headers: HeaderMap| async move {
        match signed_in(&users, tenant, &headers).await {
            Some(account) if account.0 == id => Html(page(
                "Shop",
                &format!(
                    "<h1>Shop</h1><p class=\"lead\">Signed in as <b id=\"account\">{}</b>.</p>\
                 <form method=\"post\" action=\"/{tenant}/account/sign-out\">\
                 <button class=\"button second\">Sign out</button></form>",
                    account.1
                ),
            ))
            .into_response(),
            _ => {
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
    tenant: &str,
    headers: &HeaderMap,
) -> Option<(TenantId, AccountId)> {
    let value = sspr::http::cookie(headers, &cookie(tenant))?;
    let account = users.session(&SessionToken::parse(value)?).await.ok()??;
    Some((TenantId::parse(tenant).ok()?, account))
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
