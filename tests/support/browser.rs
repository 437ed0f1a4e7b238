//! A browser before the hosted pages, without a network.
#![allow(dead_code, reason = "each test binary uses its own part")]

use axum::Router;

use super::front::{Seen, form, get, post};

/// One browser: its cookies, and where the last redirect led.
#[derive(Clone)]
pub struct Browser {
    pub app: Router,
    /// The path of the pages, without the slash at its end.
    pub root: &'static str,
    pub cookies: Vec<String>,
    pub at: String,
}

impl Browser {
    /// A browser before pages at this path.
    pub fn before(app: &Router, root: &'static str) -> Self {
        let at = format!("{root}/sign-in");
        Self { app: app.clone(), at, cookies: Vec::new(), root }
    }

    /// A browser before pages at `/account`.
    pub fn of(app: &Router) -> Self {
        Self::before(app, "/account")
    }

    pub fn cookie(&self) -> String {
        self.cookies.join("; ")
    }

    pub fn holds(&self, start: &str) -> bool {
        self.cookies.iter().any(|cookie| cookie.starts_with(start))
    }

    pub fn forget(&mut self, start: &str) {
        self.cookies.retain(|cookie| !cookie.starts_with(start));
    }

    pub fn keep(&mut self, seen: &Seen) {
        for cookie in seen.cookies() {
            let name = cookie.split('=').next().unwrap().to_owned();
            self.forget(&format!("{name}="));
            self.cookies.push(cookie);
        }
        if seen.status == 303 || seen.status == 302 {
            let to = seen.header("location");
            let is_whole = to.starts_with('/');
            self.at = if is_whole { to.to_owned() } else { format!("{}/{to}", self.root) };
        }
    }

    pub async fn get(&mut self, path: &str) -> Seen {
        let seen = get(&self.app, path, &[("cookie", &self.cookie())]).await;
        self.keep(&seen);
        seen
    }

    pub async fn here(&mut self) -> Seen {
        self.get(&self.at.clone()).await
    }

    /// Goes on while pages redirect, as browsers do.
    pub async fn follow(&mut self, path: &str) -> Seen {
        let mut seen = self.get(path).await;
        for _ in 0..5 {
            if seen.status != 303 && seen.status != 302 {
                return seen;
            }
            seen = self.here().await;
        }
        panic!("redirects without an end: {}", self.at);
    }

    /// The path of a page, on the journey of the last redirect.
    pub fn path(&self, page: &str) -> String {
        let query = self.at.split_once('?').map_or("", |(_, query)| query);
        format!("{}/{page}?{query}", self.root)
    }

    /// Posts beside the page that the last redirect led to.
    pub async fn post(&mut self, page: &str, fields: &[(&str, &str)]) -> Seen {
        let (path, cookie) = (self.path(page), self.cookie());
        let seen = post(&self.app, &path, &[("cookie", &cookie)], &form(fields)).await;
        self.keep(&seen);
        seen
    }

    /// Types an address, and comes to the page for the password.
    pub async fn named(&mut self, mail: &str) {
        self.post("sign-in", &[("username", mail)]).await;
    }

    pub async fn sign_in(&mut self, mail: &str, password: &str) -> Seen {
        self.named(mail).await;
        self.post("password", &[("password", password)]).await
    }

    /// Changes a known password on the page for it.
    pub async fn change(&mut self, current: &str, new: &str) -> Seen {
        let fields =
            [("current-password", current), ("new-password", new), ("confirm-password", new)];
        self.post("change", &fields).await
    }
}
