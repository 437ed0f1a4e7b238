//! One service with both fronts, a browser, and a native client.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    Router,
    http::{HeaderValue, request::Parts},
};
use sspr::{
    Application,
    domain::{AccountId, Stamp},
    engine::SecondFactorDemand,
    http::{
        Native, NewSession, Pages, ReturnTo, SessionError, Sessions, SignInContext, TrustedProxies,
    },
};

use crate::support::{
    World,
    front::{Plain, Seen, form, furnish, get, post},
};

pub const RESET: &str = "/api/resetpassword/v1.0";
pub const OAUTH: &str = "/api/oauth2/v2.0";
pub const V2: &str = "/api/api/v2.0";

/// Sessions of the host, with what it is told of each.
#[derive(Clone, Default)]
pub struct Kept(pub Arc<Mutex<Vec<(AccountId, Stamp, SecondFactorDemand)>>>);

#[async_trait]
impl Sessions for Kept {
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError> {
        let mut kept = self.0.lock().unwrap();
        kept.push((context.account.clone(), context.stamp, context.second_factor));
        let line = format!("session={}", kept.len() - 1);
        Ok(NewSession::with_cookie(HeaderValue::from_str(&line).unwrap()))
    }

    async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        Ok(vec![HeaderValue::from_static("session=")])
    }
}

pub struct Site {
    pub world: World,
    pub app: Router,
    pub sessions: Kept,
}

impl Site {
    /// Pages at `/account`, the native API at `/api`; the peer of every request is 192.0.2.1.
    pub async fn new() -> Self {
        Self::behind(TrustedProxies::none()).await
    }

    pub async fn behind(proxies: TrustedProxies) -> Self {
        let world = World::memory().await;
        furnish(&world).await;
        Self::over(world, proxies)
    }

    pub fn over(world: World, proxies: TrustedProxies) -> Self {
        let sessions = Kept::default();
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let pages = Pages::new(&world.sspr, shop.clone(), sessions.clone());
        let pages = pages.with_home(ReturnTo::parse("/shop").unwrap());
        let other = Application::new("contoso", "sign-in", "other").unwrap();
        let native = Native::new(&world.sspr, shop, Plain).with_application(other).unwrap();
        let app = Router::new()
            .nest("/account", pages.with_trusted_proxies(proxies.clone()).router())
            .nest("/api", native.with_trusted_proxies(proxies).router());
        Self { app, sessions, world }
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser { at: String::new(), cookies: Vec::new(), site: self }
    }

    /// A browser that waits for its code, and the code.
    pub async fn waiting(&self, mail: &str) -> (Browser<'_>, String) {
        let mut browser = self.browser();
        browser.post("sign-in", &[("username", mail)]).await;
        browser.post("reset", &[]).await;
        let code = self.code().await;
        (browser, code)
    }

    pub async fn code(&self) -> String {
        self.world.mailed_code().await.expose()
    }

    pub async fn mails(&self) -> usize {
        self.world.courier.drain(&self.world.inbox).await;
        self.world.inbox.messages().len()
    }

    /// Whether anybody's password was changed by a reset.
    pub async fn is_untouched(&self, id: &str) -> bool {
        self.world.account(id).await.unwrap().last_change.is_none()
    }

    pub async fn v1(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = form(&[&[("client_id", "shop")], fields].concat());
        post(&self.app, path, &[], &body).await
    }

    pub async fn start(&self, mail: &str) -> Seen {
        let fields = [("username", mail), ("challenge_type", "oob redirect")];
        self.v1(&format!("{RESET}/start"), &fields).await
    }

    /// A native client's token that waits for its code, and the code.
    pub async fn challenged(&self, mail: &str) -> (String, String) {
        let token = self.start(mail).await.text("continuation_token");
        let fields = [("continuation_token", &*token)];
        let seen = self.v1(&format!("{RESET}/challenge"), &fields).await;
        (seen.text("continuation_token"), self.code().await)
    }

    pub async fn go_on(&self, token: &str, code: &str) -> Seen {
        let fields = [("continuation_token", token), ("grant_type", "oob"), ("oob", code)];
        self.v1(&format!("{RESET}/continue"), &fields).await
    }

    pub async fn submit(&self, token: &str, password: &str) -> Seen {
        let fields = [("continuation_token", token), ("new_password", password)];
        self.v1(&format!("{RESET}/submit"), &fields).await
    }
}

/// One browser: its cookies, and where the last redirect led.
pub struct Browser<'a> {
    pub site: &'a Site,
    pub cookies: Vec<String>,
    pub at: String,
}

impl Browser<'_> {
    pub fn cookie(&self) -> String {
        self.cookies.join("; ")
    }

    /// The path of a page on the journey that the browser is on.
    pub fn path(&self, page: &str) -> String {
        let query = self.at.split_once('?').map_or("", |(_, query)| query);
        format!("/account/{page}?{query}")
    }

    pub fn keep(&mut self, seen: &Seen) {
        for cookie in seen.cookies() {
            let name = cookie.split('=').next().unwrap().to_owned();
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            self.cookies.push(cookie);
        }
        if seen.status == 303 {
            let to = seen.header("location");
            self.at = if to.starts_with('/') { to.to_owned() } else { format!("/account/{to}") };
        }
    }

    pub async fn get(&mut self, path: &str) -> Seen {
        let seen = get(&self.site.app, path, &[("cookie", &self.cookie())]).await;
        self.keep(&seen);
        seen
    }

    pub async fn post(&mut self, page: &str, fields: &[(&str, &str)]) -> Seen {
        self.post_with(page, &[], fields).await
    }

    pub async fn post_with(
        &mut self,
        page: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Seen {
        let cookie = self.cookie();
        let headers = [headers, &[("cookie", &*cookie)]].concat();
        let seen = post(&self.site.app, &self.path(page), &headers, &form(fields)).await;
        self.keep(&seen);
        seen
    }

    /// From the right code to the end.
    pub async fn finish(&mut self, code: &str, password: &str) -> Seen {
        self.post("code", &[("code", code)]).await;
        let fields = [("new-password", password), ("confirm-password", password)];
        self.post("new-password", &fields).await
    }
}

/// The application that another tenant's fronts are for.
pub fn fabrikam() -> Application {
    Application::new("fabrikam", "sign-in", "shop").unwrap()
}
