//! The help desk of the administrator's side: what staff see, what they do, and that nobody does
//! more than the host allows.

mod actions;
mod graph;
mod look_up;
mod permissions;
mod refusals;
mod trail;
mod words;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::support::{
    World,
    front::{self, Seen, get, post},
    shop,
};
use axum::{Router, http::request::Parts};
use sspr::{
    adapters::MemoryAudit,
    http::{Access, AccessKind, Admin, Authorize, Authorized, ReturnTo},
    ports::{AuditLog, AuditQuestion, AuditRecord, Outcome, StoreError, StoreErrorKind},
};

pub const ROOT: (&str, &str) = ("authorization", "root");
pub const CUSTOMERS: &str = "/admin/customers?tenant=contoso";
/// The words of the five actions in URLs, and the permission of each.
pub const ACTIONS: [(&str, AccessKind); 5] = [
    ("end-pause", AccessKind::Unlock),
    ("unfreeze", AccessKind::Unfreeze),
    ("require-change", AccessKind::RequireChange),
    ("code", AccessKind::AssistanceCode),
    ("temporary-password", AccessKind::TemporaryPassword),
];

/// `root` may all; `NAME KIND KIND …` may these kinds in Contoso; nobody else anything.
pub struct ByHeader;

#[async_trait::async_trait]
impl Authorize for ByHeader {
    async fn authorize(&self, request: &Parts, access: Access<'_>) -> Authorized {
        let named = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let Some(named) = named else {
            return Authorized::SignIn(ReturnTo::parse("/administrator").unwrap());
        };
        let mut words = named.split(' ');
        let name = words.next().unwrap();
        let may = words.any(|kind| kind == format!("{:?}", access.kind));
        let here = access.tenant.is_none_or(|tenant| tenant.as_str() == "contoso");
        if name == "root" || (may && here) {
            // A name that no audit record can keep.
            let name = if name == "long" { "a".repeat(200) } else { name.to_owned() };
            Authorized::As(name)
        } else {
            Authorized::Forbidden
        }
    }
}

/// An audit log in memory that can be broken.
#[derive(Clone, Default)]
pub struct Log {
    pub kept: MemoryAudit,
    pub broken: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl AuditLog for Log {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Busy, "down"));
        }
        self.kept.append(records).await
    }

    async fn about(
        &self,
        question: &AuditQuestion,
    ) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        self.kept.about(question).await
    }
}

pub struct Desk {
    pub world: World,
    pub app: Router,
    pub log: Log,
}

impl Desk {
    pub async fn new() -> Self {
        Self::over(World::memory().await)
    }

    pub fn over(world: World) -> Self {
        let log = Log::default();
        let world = world.with_audit_log(log.clone());
        Self { app: router(&world, true), log, world }
    }

    /// The actions that were announced.
    pub fn lines(&self) -> Vec<String> {
        let all = self.log.kept.records();
        let begun = all.iter().filter(|record| record.outcome == Outcome::Started);
        let line = |record: &AuditRecord| {
            let AuditRecord { account, activity, actor, reason, tenant, .. } = record;
            let (account, actor) = (account.as_ref().unwrap(), actor.as_ref().unwrap());
            let (tenant, reason) = (tenant.as_ref().unwrap(), reason.as_ref());
            let reason = reason.map_or("-", |reason| reason.as_str());
            format!("{actor} {activity:?} {tenant}/{account}: {reason}")
        };
        begun.map(line).collect()
    }

    pub async fn look_up(&self, address: &str) -> Seen {
        post(&self.app, CUSTOMERS, &[ROOT], &front::form(&[("address", address)])).await
    }

    /// The form that confirms an action for Ada, as a browser would send it without a reason.
    pub async fn confirm(&self, action: &str) -> Vec<(String, String)> {
        let path = format!("/admin/customer-confirm?tenant=contoso&action={action}");
        let seen = post(&self.app, &path, &[ROOT], &front::form(&ADA)).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        fields(&seen.body)
    }

    /// Confirms an action for Ada with a reason, and other fields besides.
    pub async fn act(&self, action: &str, more: &[(&str, &str)]) -> Seen {
        let fields = self.confirm(action).await;
        self.send(action, &fields, more).await
    }

    pub async fn send(
        &self,
        action: &str,
        fields: &[(String, String)],
        more: &[(&str, &str)],
    ) -> Seen {
        let path = format!("/admin/customer-action?tenant=contoso&action={action}");
        let mut all: Vec<(&str, &str)> = vec![("reason", "Ticket 7")];
        for (name, value) in
            fields.iter().map(|(name, value)| (&**name, &**value)).chain(more.iter().copied())
        {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        post(&self.app, &path, &[ROOT], &front::form(&all)).await
    }
}

/// What the form of a found account says about Ada.
pub const ADA: [(&str, &str); 3] =
    [("address", "ada@example.com"), ("flow", "sign-in"), ("account", "ada")];

pub fn router(world: &World, has_help_desk: bool) -> Router {
    let admin = Admin::new(&world.sspr, world.policies.clone(), ByHeader);
    let admin = admin.with_application(shop(), "The shop");
    let admin = if has_help_desk { admin.with_help_desk() } else { admin };
    Router::new().nest("/admin/", admin.router())
}

/// The hidden fields and the first options of a page's form with a key.
pub fn fields(page: &str) -> Vec<(String, String)> {
    let value = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let hidden = page.split("<input type=\"hidden\"").skip(1).map(|rest| {
        let tag = rest.split_once('>').unwrap().0;
        (value(tag, "name").unwrap(), value(tag, "value").unwrap())
    });
    let selects = page.split("<select").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>').unwrap();
        let option = rest.split_once("<option")?.1.split_once('>').unwrap().0;
        Some((value(tag, "name").unwrap(), value(option, "value").unwrap()))
    });
    hidden.chain(selects).filter(|(name, _)| name != "tenant").collect()
}

/// The text that a result page shows once.
pub fn secret(seen: &Seen) -> String {
    let (_, rest) = seen.body.split_once("<code dir=\"ltr\" translate=\"no\">").expect("a secret");
    rest.split_once("</code>").unwrap().0.to_owned()
}

pub async fn visit(desk: &Desk, path: &str, who: &str) -> Seen {
    get(&desk.app, path, &[("authorization", who)]).await
}
