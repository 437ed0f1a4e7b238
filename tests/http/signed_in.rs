//! A shop with sessions of its own, before which one or more browsers stand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    http::{HeaderValue, request::Parts},
};
use sspr::{
    AccountId, Stamp,
    adapters::MemoryUsers,
    engine::SecondFactorDemand,
    http::{
        CurrentSession, NewSession, Pages, ReturnTo, SessionError, Sessions, SignInContext,
        change_password,
    },
    ports::UserStore as _,
};

use crate::support::{NEW, OLD, World, browser::Browser, front::Seen, shop, tenant};

/// A session, as it was begun.
#[derive(Clone)]
pub struct Begun {
    pub account: AccountId,
    pub stamp: Stamp,
    pub second_factor: SecondFactorDemand,
    pub return_to: String,
}

/// Sessions by number, in the cookie `session`.
#[derive(Clone)]
pub struct Held {
    users: MemoryUsers,
    pub begun: Arc<Mutex<Vec<Begun>>>,
    /// True while no session can be begun.
    pub full: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Sessions for Held {
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(SessionError::new("no room for a session"));
        }
        assert!(context.request.headers.contains_key("host"), "the whole request");
        let mut begun = self.begun.lock().unwrap();
        begun.push(Begun {
            account: context.account.clone(),
            return_to: context.return_to.as_str().to_owned(),
            second_factor: context.second_factor,
            stamp: context.stamp,
        });
        let line = format!("session={}", begun.len() - 1);
        Ok(NewSession::with_cookie(HeaderValue::from_str(&line).unwrap()))
    }

    async fn current(&self, request: &Parts) -> Result<Option<CurrentSession>, SessionError> {
        let Some(number) = sspr::http::cookie(&request.headers, "session") else { return Ok(None) };
        if number == "broken" {
            return Err(SessionError::new("no session store"));
        }
        let begun = self.begun.lock().unwrap().get(number.parse::<usize>().unwrap()).cloned();
        let Some(begun) = begun else { return Ok(None) };
        let account = self.users.find(&tenant(), &begun.account).await.unwrap();
        let is_whole = begun.second_factor == SecondFactorDemand::None;
        let valid = is_whole && account.is_some_and(|account| account.stamp == begun.stamp);
        Ok(valid.then(|| CurrentSession::new(begun.account, begun.stamp)))
    }

    async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        Ok(vec![HeaderValue::from_static("session=gone")])
    }
}

/// The pages of the shop at `/account`, with the home `/shop`.
pub struct Site {
    pub world: World,
    pub app: Router,
    pub sessions: Held,
}

impl Site {
    pub async fn new() -> Self {
        Self::with(|pages| pages.with_home(ReturnTo::parse("/shop").unwrap())).await
    }

    pub async fn with(set: impl FnOnce(Pages) -> Pages) -> Self {
        Self::over(World::memory().await, set)
    }

    pub fn over(world: World, set: impl FnOnce(Pages) -> Pages) -> Self {
        let sessions =
            Held { begun: Arc::default(), full: Arc::default(), users: world.users.in_memory() };
        let pages = set(Pages::new(&world.sspr, shop(), sessions.clone()));
        let app = Router::new()
            .nest_service("/account", pages.router())
            .merge(change_password(&ReturnTo::parse("/account").unwrap()));
        Self { app, sessions, world }
    }

    pub fn browser(&self) -> Browser {
        Browser::of(&self.app)
    }

    /// A browser in which an account has signed in.
    pub async fn signed_in(&self, mail: &str) -> Browser {
        let mut browser = self.browser();
        browser.sign_in(mail, OLD).await;
        assert!(browser.holds("session="), "{}", browser.at);
        browser
    }

    /// A signed-in browser of Ada before the empty form.
    pub async fn before_the_form(&self) -> Browser {
        let mut browser = self.signed_in("ada@example.com").await;
        browser.get("/account/change").await;
        assert!(browser.at.starts_with("/account/change?flow="), "{}", browser.at);
        browser
    }

    pub fn sessions(&self) -> usize {
        self.sessions.begun.lock().unwrap().len()
    }

    pub fn last_session(&self) -> Begun {
        self.sessions.begun.lock().unwrap().last().unwrap().clone()
    }

    /// Returns whether nobody has changed Ada's password.
    pub async fn is_unchanged(&self) -> bool {
        self.world.account("ada").await.unwrap().last_change.is_none()
    }
}

pub fn change_form<'a>(current: &'a str, new: &'a str) -> [(&'static str, &'a str); 3] {
    [("current-password", current), ("new-password", new), ("confirm-password", new)]
}

pub const CHOICE: [(&str, &str); 2] = [("new-password", NEW), ("confirm-password", NEW)];

/// The name of the page to which an answer leads.
pub fn page(seen: &Seen) -> &str {
    assert_eq!(seen.status, 303, "{}", seen.body);
    seen.header("location").split('?').next().unwrap()
}
