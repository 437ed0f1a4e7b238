//! The content of each cookie and token, at each stage of a journey.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header::CONTENT_TYPE, request::Parts},
};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{
    Pages, Site,
    journey::{Jar, Journey, Stage},
};
use crate::{
    Application, Keyring, TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers,
        SystemEntropy,
    },
    domain::{Account, AccountId, DeviceProof, EmailAddress, Password, Stamp, Timestamp},
    engine::{Courier, Sspr},
    http::{CurrentSession, NewSession, SessionError, Sessions, SignInContext},
    ports::{HashQueue, PasswordHasher as _, UserStore as _},
};

const OLD: &str = "the old password 1";
const NEW: &str = "four unrelated words will do";

/// Sessions of Ada, who is signed in if the flag says so.
struct Plain(MemoryUsers, Arc<AtomicBool>);

#[async_trait::async_trait]
impl Sessions for Plain {
    async fn begin(&self, _: SignInContext<'_>) -> Result<NewSession, SessionError> {
        Ok(NewSession::with_cookie("session=1".parse().map_err(SessionError::new)?))
    }

    async fn current(&self, _: &Parts) -> Result<Option<CurrentSession>, SessionError> {
        let (tenant, ada) = ("contoso".parse().unwrap(), AccountId::parse("ada").unwrap());
        let found = self.0.find(&tenant, &ada).await.map_err(SessionError::new)?;
        let found = found.filter(|_| self.1.load(SeqCst));
        Ok(found.map(|ada| CurrentSession::new(ada.id, ada.stamp)))
    }

    async fn end(&self, _: &Parts) -> Result<Vec<axum::http::HeaderValue>, SessionError> {
        Ok(Vec::new())
    }
}

/// One browser on the pages, and the service that seals its cookie.
struct Walk {
    app: Router,
    courier: Courier,
    inbox: CaptureSender,
    clock: ManualClock,
    site: Site,
    cookie: String,
    device: Option<String>,
    flow: String,
    users: MemoryUsers,
    signed_in: Arc<AtomicBool>,
}

impl Walk {
    async fn new() -> Self {
        let entropy = SystemEntropy::new();
        let hasher = Argon2Pool::new().with_parameters(64, 1, 1).unwrap();
        let users = MemoryUsers::new();
        let application = Application::new("contoso", "sign-in", "shop").unwrap();
        let hash = hasher.hash(Password::parse(OLD).unwrap(), HashQueue::Submit).await.unwrap();
        let mail = EmailAddress::parse("ada@example.com").unwrap();
        let stamp = Stamp::generate(&entropy).unwrap();
        let ada = Account::new(AccountId::parse("ada").unwrap(), mail, stamp).with_password(hash);
        users.insert(&application.tenant, ada);
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        let keys = Keyring::generate(&entropy).unwrap();
        let signed_in = Arc::new(AtomicBool::new(false));
        let builder = Sspr::builder(users.clone(), MemoryCodes::new(), policies, keys);
        let (sspr, courier) = builder.with_clock(clock.clone()).with_hasher(hasher).build();
        let pages = Pages::new(&sspr, application, Plain(users.clone(), signed_in.clone()));
        let site = pages.0.clone();
        let inbox = CaptureSender::new();
        let (cookie, flow) = (String::new(), String::new());
        let app = pages.router();
        let device = None;
        Self { app, clock, cookie, courier, device, flow, inbox, signed_in, site, users }
    }

    async fn change_account(&self, change: impl FnOnce(&mut Account)) {
        let tenant = "contoso".parse().unwrap();
        let ada = AccountId::parse("ada").unwrap();
        let mut ada = self.users.find(&tenant, &ada).await.unwrap().unwrap();
        change(&mut ada);
        self.users.insert(&tenant, ada);
    }

    /// Opens a page, and returns the page to which it led.
    async fn get(&mut self, page: &str) -> String {
        let request = Request::get(format!("/{page}"))
            .header("cookie", format!("{}={}", self.site.cookie, self.cookie))
            .body(Body::empty());
        self.send(request.unwrap()).await
    }

    /// Posts a form, and returns the page to which it led.
    async fn post(&mut self, page: &str, form: &str) -> String {
        let request = Request::post(format!("/{page}?flow={}", self.flow))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("cookie", format!("{}={}", self.site.cookie, self.cookie))
            .body(Body::from(form.to_owned()));
        self.send(request.unwrap()).await
    }

    async fn send(&mut self, request: Request<Body>) -> String {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        for line in parts.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = line.split_once('=').unwrap();
            if name == self.site.cookie {
                value.clone_into(&mut self.cookie);
            } else if name == self.site.device_cookie {
                self.device = Some(value.to_owned());
            }
        }
        let to = parts.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
        let to = to.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&body)));
        let (page, flow) = to.split_once("?flow=").unwrap_or((&to, &self.flow));
        let (page, flow) = (page.to_owned(), flow.to_owned());
        self.flow = flow;
        page
    }

    async fn code(&self) -> String {
        self.courier.drain(&self.inbox).await;
        self.inbox.last_code().unwrap().expose()
    }

    /// Returns the journeys in the cookie.
    fn journeys(&self) -> Vec<Value> {
        let plain = self.site.envelopes.open(&self.site.about, &self.cookie).unwrap();
        let jar: Value = serde_json::from_slice(&plain).unwrap();
        jar.get("j").unwrap().as_array().unwrap().clone()
    }

    /// Returns the keys of the secrets in the cookie: `k` for the request's key, `t` for the flow
    /// token, `g` for the grant.
    fn secrets(&self) -> String {
        let journeys = self.journeys();
        let journey = journeys.last().unwrap().as_object().unwrap();
        let known = ["i", "a", "r", "s", "f"];
        journey.keys().map(String::as_str).filter(|key| !known.contains(key)).collect()
    }
}

#[tokio::test]
async fn the_cookie_holds_at_each_stage_what_the_next_form_needs_and_no_more() {
    let mut walk = Walk::new().await;
    walk.post("sign-in", "username=nobody").await;
    assert_eq!(walk.secrets(), "k", "an address that is none");
    walk.post("sign-in", "username=ada%40example.com").await;
    assert_eq!(walk.secrets(), "k");
    walk.post("password", "password=wrong").await;
    assert_eq!(walk.secrets(), "k");

    assert_eq!(walk.post("reset", "").await, "code");
    assert_eq!(walk.secrets(), "t", "the key is of no more use");
    walk.post("code", "code=00000000").await;
    assert_eq!(walk.secrets(), "t");
    walk.post("resend", "").await;
    assert_eq!(walk.secrets(), "t");
    let code = walk.code().await;
    assert_eq!(walk.post("code", &format!("code={code}")).await, "new-password");
    assert_eq!(walk.secrets(), "gt");
    walk.post("new-password", "new-password=short&confirm-password=short").await;
    assert_eq!(walk.secrets(), "gt");
    let form = format!("new-password={NEW}&confirm-password={NEW}").replace(' ', "+");
    assert_eq!(walk.post("new-password", &form).await, "done");
    assert_eq!(walk.secrets(), "", "a finished journey has no secret");
    // No form brings a secret back.
    for page in ["new-password", "code", "resend"] {
        assert_eq!(walk.post(page, &form).await, "done", "{page}");
        assert_eq!(walk.secrets(), "", "{page}");
    }
    walk.post("sign-out", "").await;
    assert!(walk.journeys().is_empty(), "nobody is named either");
}

#[tokio::test]
async fn a_journey_that_is_over_leaves_no_secret_in_the_cookie() {
    for stage in ["code", "resend", "new-password"] {
        let mut walk = Walk::new().await;
        walk.post("sign-in", "username=ada%40example.com").await;
        walk.post("reset", "").await;
        let code = walk.code().await;
        if stage == "new-password" {
            walk.post("code", &format!("code={code}")).await;
        }
        walk.clock.advance(core::time::Duration::from_secs(48 * 3_600));
        let form = format!("code={code}&new-password={NEW}&confirm-password={NEW}");
        assert_eq!(walk.post(stage, &form.replace(' ', "+")).await, "start-again", "{stage}");
        assert!(walk.journeys().is_empty(), "{stage}");
    }
}

#[tokio::test]
async fn signing_in_takes_its_journey_out_of_the_cookie_and_leaves_a_device_proof() {
    let mut walk = Walk::new().await;
    walk.post("sign-in", "username=ada%40example.com").await;
    assert_eq!(walk.device, None);
    walk.post("password", "password=wrong").await;
    assert_eq!(walk.device, None, "a wrong password proves no device");
    walk.post("password", &format!("password={OLD}").replace(' ', "+")).await;
    assert!(walk.journeys().is_empty());
    let device = walk.device.clone().unwrap();
    assert!(DeviceProof::parse(&device).is_ok(), "a proof, and nothing else");
}

#[tokio::test]
async fn a_journey_of_a_forced_change_holds_the_grant_alone() {
    let mut walk = Walk::new().await;
    walk.change_account(|ada| ada.must_change = true).await;
    walk.post("sign-in", "username=ada%40example.com").await;
    let form = format!("password={OLD}").replace(' ', "+");
    assert_eq!(walk.post("password", &form).await, "new-password");
    assert_eq!(walk.secrets(), "gm", "a grant, and the mark of a forced change");
    let form = format!("new-password={NEW}&confirm-password={NEW}").replace(' ', "+");
    assert_eq!(walk.post("new-password", &form).await, "done");
    assert_eq!(walk.secrets(), "m");
}

#[tokio::test]
async fn a_journey_of_a_change_holds_an_account_its_stamp_and_a_key_until_it_ends() {
    let mut walk = Walk::new().await;
    walk.signed_in.store(true, SeqCst);
    assert_eq!(walk.get("change").await, "change");
    assert_eq!(walk.secrets(), "kuv", "the key, whose password is changed, and from which stamp");
    walk.post("change", "current-password=wrong&new-password=x&confirm-password=x").await;
    assert_eq!(walk.secrets(), "kuv");
    let form = format!("current-password={OLD}&new-password={NEW}&confirm-password={NEW}");
    assert_eq!(walk.post("change", &form.replace(' ', "+")).await, "done");
    assert_eq!(walk.secrets(), "");

    // A reset that begins in the middle of a change is a reset.
    let mut walk = Walk::new().await;
    walk.signed_in.store(true, SeqCst);
    walk.get("change").await;
    assert_eq!(walk.post("reset", "").await, "code");
    assert_eq!(walk.secrets(), "t");
}

#[tokio::test]
async fn a_session_that_ended_takes_the_journey_of_a_change_along() {
    let mut walk = Walk::new().await;
    walk.signed_in.store(true, SeqCst);
    walk.get("change").await;
    walk.signed_in.store(false, SeqCst);
    let form = format!("current-password={OLD}&new-password={NEW}&confirm-password={NEW}");
    let to = walk.post("change", &form.replace(' ', "+")).await;
    assert_eq!(to, "sign-in?return_to=/change");
    assert!(walk.journeys().is_empty());
}

#[tokio::test]
async fn an_entrance_for_a_forgotten_password_holds_the_key_of_its_one_reset() {
    let mut walk = Walk::new().await;
    assert_eq!(walk.get("forgot").await, "forgot");
    assert_eq!(walk.secrets(), "k");
    assert_eq!(walk.post("forgot", "username=nobody").await, "forgot");
    assert_eq!(walk.secrets(), "k");
    assert_eq!(walk.post("forgot", "username=ada%40example.com").await, "code");
    assert_eq!(walk.secrets(), "t");
}

#[tokio::test]
async fn the_cookie_of_a_journey_names_no_password_and_no_code() {
    let mut walk = Walk::new().await;
    walk.post("sign-in", "username=ada%40example.com").await;
    walk.post("password", "password=a+wrong+password").await;
    walk.post("reset", "").await;
    let code = walk.code().await;
    walk.post("code", "code=00000000").await;
    let held = format!("{:?}", walk.journeys());
    assert!(!held.contains("a wrong password") && !held.contains("00000000"));
    walk.post("code", &format!("code={code}")).await;
    walk.post("new-password", "new-password=a+mistyped+one&confirm-password=another").await;
    let held = format!("{:?}", walk.journeys());
    assert!(!held.contains(&code) && !held.contains("mistyped") && !held.contains("another"));
}

#[tokio::test]
async fn a_cookie_keeps_four_journeys_and_fewer_of_long_ones() {
    let mut walk = Walk::new().await;
    for id in 0..5 {
        walk.flow.clear();
        walk.post("sign-in", &format!("username=ada{id}%40example.com")).await;
    }
    let kept: Vec<Value> = walk.journeys().iter().map(|it| it["a"].clone()).collect();
    assert_eq!(kept, [1, 2, 3, 4].map(|id| format!("ada{id}@example.com")));

    for (characters, kept) in [(100, 4), (1_000, 2), (3_000, 1)] {
        let mut jar = Jar::default();
        for id in 0..5 {
            let address = format!("{id}{}", "x".repeat(characters));
            jar.put(Journey::begin(&address, Stage::Password, &SystemEntropy::new()).unwrap());
        }
        walk.cookie = jar.seal(&walk.site.envelopes, &walk.site.about).unwrap();
        assert_eq!(walk.journeys().len(), kept, "{characters} characters");
    }
}

#[tokio::test]
async fn the_page_for_the_password_is_shown_to_no_journey_that_is_elsewhere() {
    let mut walk = Walk::new().await;
    walk.get("forgot").await;
    let page = format!("password?flow={}", walk.flow);
    assert_eq!(walk.get(&page).await, "sign-in", "an entrance without an address");
    walk.post("sign-in", "username=nobody").await;
    let page = format!("password?flow={}", walk.flow);
    assert_eq!(walk.get(&page).await, "sign-in", "an address that is none");
    walk.post("sign-in", "username=ada%40example.com").await;
    walk.post("reset", "").await;
    let code = walk.code().await;
    walk.post("code", &format!("code={code}")).await;
    let form = format!("new-password={NEW}&confirm-password={NEW}").replace(' ', "+");
    assert_eq!(walk.post("new-password", &form).await, "done");
    let page = format!("password?flow={}", walk.flow);
    assert_eq!(walk.get(&page).await, "sign-in", "the end");
}
