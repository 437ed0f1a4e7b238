//! The audit log: who is in it and who is not, what a failing log costs, and its export.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::FutureExt;
use serde_json::Value;
use sspr::{
    AccountId, ErrorKind, Password, Session,
    adapters::MemoryAudit,
    domain::{ActorId, StaffReason, UserAgent},
    engine::{Assisted, Client, HelpDesk},
    ports::{
        AuditLog, AuditQuestion, AuditRecord, Breach, BreachCheck, EventKind, Outcome, StoreError,
        StoreErrorKind,
    },
};

use crate::support::*;

/// The documented fields of a `directoryAudit`, and of what is in it.
const FIELDS: &str = include_str!("../data/directory_audit.txt");

/// A log that can be broken.
#[derive(Clone, Default)]
struct Log {
    kept: MemoryAudit,
    broken: Arc<AtomicBool>,
}

impl Log {
    fn records(&self) -> Vec<AuditRecord> {
        self.kept.records()
    }

    fn last(&self) -> AuditRecord {
        self.records().pop().expect("a record")
    }

    fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

#[async_trait]
impl AuditLog for Log {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            // The first records were kept all the same, as a network can have it.
            self.kept.append(&records[..1]).await?;
            return Err(StoreError::new(StoreErrorKind::Unknown, "the log is down"));
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

async fn audited() -> (World, Log) {
    let log = Log::default();
    (World::memory().await.with_audit_log(log.clone()), log)
}

fn desk(world: &World) -> HelpDesk {
    let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
    desk.with_reason(StaffReason::parse("Ticket 7").unwrap())
}

fn ada() -> AccountId {
    AccountId::parse("ada").unwrap()
}

fn browser() -> Client {
    client(7).with_user_agent(UserAgent::new("Firefox/150").unwrap())
}

/// A day on which everything happens. Returns the secrets of that day.
async fn day(world: &World) -> Vec<String> {
    let (sspr, browser) = (&world.sspr, browser());
    let stranger = world.started("nobody@example.com", &browser).await;
    world.verify(&stranger, &wrong_code()).await;
    let token = world.started("ada@example.com", &browser).await;
    let code = world.mailed_code().await;
    world.verify(&token, &other_than(&code)).await;
    let grant = world.granted(&token, &code).await;
    sspr.submit(&grant, &password("12345678"), &browser).await.unwrap();
    let ticket = world.changed(&grant, NEW).await;
    world.redeem(&ticket).await;
    sspr.sign_in(&request("ada@example.com"), &password("wrong"), &browser).await.unwrap();
    sspr.sign_in(&request("ada@example.com"), &password(NEW), &browser).await.unwrap();
    let account = world.account("ada").await.unwrap();
    let session = Session::new(&shop(), account.id.clone(), account.stamp);
    let newer = "five other words that nobody knows";
    sspr.change(&session, &password(NEW), &password(newer), &browser).await.unwrap();
    let desk = desk(world);
    let Assisted::Done(()) = desk.unlock(&tenant(), &ada()).await.unwrap() else { panic!() };
    desk.require_change(&tenant(), &ada()).await.unwrap();
    let issued = desk.assistance_code(&shop(), &ada()).await.unwrap().done().unwrap();
    let asked = request("ada@example.com");
    let entered = sspr.enter_assistance_code(&asked, &issued.code, &browser).await.unwrap();
    let assisted = entered.granted().unwrap().grant;
    let set = desk.set_temporary_password(&tenant(), &ada()).await.unwrap().done().unwrap();
    world.courier.drain(&world.inbox).await;
    vec![
        code.expose(),
        other_than(&code).expose(),
        issued.code.expose(),
        token.expose().to_owned(),
        grant.expose().to_owned(),
        assisted.expose().to_owned(),
        ticket.expose().to_owned(),
        set.password.expose().to_owned(),
        NEW.to_owned(),
        newer.to_owned(),
        "12345678".to_owned(),
        OLD.to_owned(),
    ]
}

#[tokio::test]
async fn a_scripted_day_has_the_documented_fields_of_entra_and_no_secret() {
    let (world, log) = audited().await;
    let secrets = day(&world).await;
    let records = log.records();
    let kinds: BTreeSet<String> =
        records.iter().map(|record| format!("{:?}", record.activity)).collect();
    let expected = "Assistance AssistanceCode Change Deliver Notify Open Redeem RequireChange Send \
                    SignIn Submit TemporaryPassword Unlock Verify";
    assert_eq!(kinds.into_iter().collect::<Vec<_>>().join(" "), expected);

    let documented: BTreeSet<&str> = FIELDS.lines().filter(|line| !line.starts_with('#')).collect();
    for record in &records {
        let line = record.to_directory_audit();
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        let mut seen = Vec::new();
        paths(&value, "", &mut seen);
        for path in &seen {
            assert!(documented.contains(path.as_str()), "{path} is not documented: {line}");
        }
        let results = ["success", "failure", "timeout"];
        assert!(results.contains(&value["result"].as_str().unwrap()), "{line}");
        let by = &value["initiatedBy"];
        assert!(by["user"].is_null() != by["app"].is_null(), "one of the two: {line}");
        let time = value["activityDateTime"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.contains('T'), "{line}");
        let stored = serde_json::to_string(record).unwrap();
        for secret in &secrets {
            assert!(!line.contains(secret) && !stored.contains(secret), "{line}");
        }
        assert!(!line.contains("example.com") && !stored.contains("example.com"), "{line}");
    }
}

/// The paths of all keys of a value, `[]` for the elements of a list.
fn paths(value: &Value, before: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{before}{name}");
                into.push(path.clone());
                paths(value, &format!("{path}."), into);
            }
        }
        Value::Array(values) => {
            let path = format!("{}[].", before.trim_end_matches('.'));
            values.iter().for_each(|value| paths(value, &path, into));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_trail_of_an_account_holds_what_was_tried_with_its_addresses() {
    let (world, _) = audited().await;
    day(&world).await;
    world.add("eve@example.com", "eve").await;
    let trail = desk(&world).audit_trail(&tenant(), &ada(), 100).await.unwrap().unwrap();
    let has = |kind, outcome| {
        trail.iter().any(|record| record.activity == kind && record.outcome == outcome)
    };
    for (kind, outcome) in [
        (EventKind::Open, Outcome::Ok),
        (EventKind::Verify, Outcome::Rejected),
        (EventKind::Deliver, Outcome::Ok),
        (EventKind::Submit, Outcome::Weak),
        (EventKind::SignIn, Outcome::Rejected),
        (EventKind::Change, Outcome::Ok),
        (EventKind::Unlock, Outcome::Started),
        (EventKind::Unlock, Outcome::Ok),
        (EventKind::Notify, Outcome::Ok),
    ] {
        assert!(has(kind, outcome), "{kind:?} {outcome:?}: {trail:#?}");
    }
    // The stranger's reset is not hers.
    assert_eq!(trail.iter().filter(|record| record.activity == EventKind::Open).count(), 1);
    assert!(trail.is_sorted_by(|newer, older| newer.at >= older.at));
    let two = desk(&world).audit_trail(&tenant(), &ada(), 2).await.unwrap().unwrap();
    assert_eq!(two[..], trail[..2]);
    let eve = AccountId::parse("eve").unwrap();
    let none = desk(&world).audit_trail(&tenant(), &eve, 100).await.unwrap();
    assert_eq!(none, Some(Vec::new()));
}

#[tokio::test]
async fn a_record_says_who_from_where_and_why() {
    let (world, log) = audited().await;
    day(&world).await;
    let of = |kind, outcome| {
        let mut all = log.records().into_iter();
        all.find(|record| record.activity == kind && record.outcome == outcome).unwrap()
    };
    let submitted = of(EventKind::Submit, Outcome::Ok);
    assert_eq!(submitted.account, Some(ada()));
    let signed_in = of(EventKind::SignIn, Outcome::Ok);
    assert_eq!(signed_in.network, Some(std::net::IpAddr::from([192, 0, 2, 7])));
    assert_eq!(signed_in.user_agent.unwrap().as_str(), "Firefox/150");
    let opened = of(EventKind::Open, Outcome::Ok);
    assert_eq!((opened.account, opened.application), (None, Some(shop().id)));
    assert!(opened.subject.is_some() && opened.address.is_none());
    let wrong: Vec<_> = log
        .records()
        .into_iter()
        .filter(|it| (it.activity, it.outcome) == (EventKind::Verify, Outcome::Rejected))
        .map(|it| it.account)
        .collect();
    assert_eq!(wrong, [None, Some(ada())], "the stranger's, and hers");
    let unlocked = of(EventKind::Unlock, Outcome::Ok);
    assert_eq!(unlocked.actor.unwrap().as_str(), "staff-17");
    assert_eq!(unlocked.reason.unwrap().as_str(), "Ticket 7");
}

#[tokio::test]
async fn addresses_are_kept_only_if_the_host_says_so_and_one_address_is_one_subject() {
    let world = World::memory().await;
    let log = MemoryAudit::new();
    let world =
        world.another(|builder| builder.with_audit_log(log.clone()).with_addresses_in_audit_log());
    world.started("Nobody@example.com", &client(1)).await;
    world.started("nobody@EXAMPLE.com", &client(1)).await;
    world.started("ada@example.com", &client(1)).await;
    world.courier.drain(&world.inbox).await;
    let all = log.records();
    let opened: Vec<_> = all.iter().filter(|it| it.activity == EventKind::Open).collect();
    assert_eq!(opened[0].address.as_deref(), Some("Nobody@example.com"));
    assert_eq!(opened[0].subject, opened[1].subject);
    assert_ne!(opened[0].subject, opened[2].subject);
}

/// A breach check that never answers.
struct Silent;

#[async_trait]
impl BreachCheck for Silent {
    async fn check(&self, _: &Password) -> Breach {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_caller_that_leaves_is_on_record_as_interrupted() {
    let log = MemoryAudit::new();
    let world = World::memory().await;
    let world =
        world.another(|builder| builder.with_audit_log(log.clone()).with_breach_check(Silent));
    let token = world.started("ada@example.com", &client(1)).await;
    let code = world.mailed_code().await;
    let grant = world.granted(&token, &code).await;
    assert!(world.submit(&grant, NEW).now_or_never().is_none());
    world.courier.drain(&world.inbox).await;
    let last = log.records().into_iter().rfind(|it| it.activity == EventKind::Submit).unwrap();
    assert_eq!((last.outcome, last.account.clone()), (Outcome::Interrupted, Some(ada())));
    assert!(last.to_directory_audit().contains(r#""result":"timeout""#));
}

#[tokio::test]
async fn staff_do_nothing_that_the_log_cannot_keep_and_everybody_else_goes_on() {
    let (world, log) = audited().await;
    log.set_broken(true);
    let desk = desk(&world);
    let (tenant, ada) = (tenant(), ada());
    let refused = [
        desk.unlock(&tenant, &ada).await.unwrap_err(),
        desk.require_change(&tenant, &ada).await.unwrap_err(),
        desk.assistance_code(&shop(), &ada).await.unwrap_err(),
        desk.set_temporary_password(&tenant, &ada).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Audit);
        assert!(error.is_transient());
    }
    let account = world.account("ada").await.unwrap();
    assert!(!account.must_change && account.last_change.is_none());
    let before = log.records().len();
    let token = world.started("ada@example.com", &client(1)).await;
    let code = world.mailed_code().await;
    world.granted(&token, &code).await;
    let failures = world.events.all();
    let told = failures
        .iter()
        .any(|event| (event.kind, event.outcome) == (EventKind::Audit, Outcome::FailedForNow));
    assert!(told, "{failures:?}");

    log.set_broken(false);
    world.courier.drain(&world.inbox).await;
    let records = log.records();
    assert!(records.len() > before + 3);
    let ids: BTreeSet<_> = records.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), records.len(), "each is there once");
    assert_eq!(log.last().activity, EventKind::Verify);
}

#[tokio::test]
async fn ten_thousand_records_wait_and_an_event_counts_those_beyond() {
    let (world, log) = audited().await;
    let request = sspr::Request::new(&application("nowhere"), address("ada@example.com"));
    // Of one network ten are kept in a minute.
    for number in 0..10_007_u32 {
        let network = std::net::Ipv4Addr::from_bits(number / 10);
        let client = Client::at(std::net::IpAddr::from(network));
        world.sspr.open(&request, &client).await.unwrap();
    }
    world.courier.drain(&world.inbox).await;
    assert_eq!(log.records().len(), 10_000);
    let events = world.events.all();
    let lost = events.iter().find(|event| event.outcome == Outcome::GivenUp).unwrap();
    let words = &lost.failure.as_ref().unwrap().message;
    assert_eq!(words, "7 records were lost, because too many waited");
}

#[tokio::test]
async fn the_running_courier_writes_records_at_once_and_the_rest_when_it_ends() {
    let (world, log) = audited().await;
    let (sspr, clock) = (world.sspr.clone(), world.clock.clone());
    let mut running = Box::pin(world.courier.run(world.inbox.clone()));
    assert!(running.as_mut().now_or_never().is_none());
    sspr.open(&request("ada@example.com"), &client(1)).await.unwrap();
    assert!(running.as_mut().now_or_never().is_none());
    assert_eq!(log.records().len(), 1);

    log.set_broken(true);
    sspr.open(&request("eve@example.com"), &client(1)).await.unwrap();
    assert!(running.as_mut().now_or_never().is_none());
    log.set_broken(false);
    // The second try comes a second later.
    clock.advance(seconds(1));
    for _ in 0..3 {
        assert!(running.as_mut().now_or_never().is_none());
    }
    assert_eq!(log.records().len(), 2);
    sspr.open(&request("bob@example.com"), &client(1)).await.unwrap();
    drop((sspr, world.sspr));
    for _ in 0..3 {
        if running.as_mut().now_or_never().is_some() {
            break;
        }
    }
    assert_eq!(log.records().len(), 3);
}

#[tokio::test]
async fn the_trail_of_a_stolen_account_keeps_the_notices_to_its_owner() {
    let (world, log) = audited().await;
    world.reset().await;
    world.courier.drain(&world.inbox).await;
    let notices = |records: Vec<AuditRecord>| {
        records.into_iter().filter(|record| record.activity == EventKind::Notify).count()
    };
    assert_eq!(notices(log.records()), 1);
    world.change_account("ada", |ada| ada.addresses = vec![address("thief@example.com")]).await;
    let trail = desk(&world).audit_trail(&tenant(), &ada(), 100).await.unwrap().unwrap();
    assert_eq!(notices(trail), 1, "it names the account, whatever address is on file");
}

#[tokio::test]
async fn the_steps_of_a_reset_name_its_application() {
    let (world, log) = audited().await;
    let ticket = world.reset().await;
    world.redeem(&ticket).await;
    world.courier.drain(&world.inbox).await;
    for kind in [EventKind::Open, EventKind::Verify, EventKind::Submit, EventKind::Redeem] {
        let record = log.records().into_iter().find(|it| it.activity == kind).unwrap();
        assert_eq!(record.application, Some(shop().id), "{kind:?}");
        assert_eq!(record.user_flow, Some(shop().user_flow), "{kind:?}");
    }
}

#[tokio::test]
async fn a_stranger_who_is_refused_again_and_again_fills_no_log() {
    let (world, log) = audited().await;
    let request = request("ada@example.com");
    for _ in 0..1_000 {
        world.sspr.open(&request, &client(9)).await.unwrap();
    }
    world.courier.drain(&world.inbox).await;
    let refused = |records: &[AuditRecord]| {
        records.iter().filter(|it| it.outcome == Outcome::TryLater).count()
    };
    assert_eq!(refused(&log.records()), 10);
    world.clock.advance(seconds(60));
    world.sspr.open(&request, &client(9)).await.unwrap();
    world.courier.drain(&world.inbox).await;
    let last = log.last();
    assert!(last.left_out.is_some_and(|count| count > 500), "{last:?}");
}

/// A log that never answers.
struct Mute;

#[async_trait]
impl AuditLog for Mute {
    async fn append(&self, _: &[AuditRecord]) -> Result<(), StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn staff_wait_ten_seconds_for_a_log_that_does_not_answer() {
    let world = World::memory().await.with_audit_log(Mute);
    let (desk, tenant, ada) = (desk(&world), tenant(), ada());
    let mut unlocking = Box::pin(desk.unlock(&tenant, &ada));
    assert!(unlocking.as_mut().now_or_never().is_none());
    world.clock.advance(seconds(9));
    assert!(unlocking.as_mut().now_or_never().is_none());
    world.clock.advance(seconds(1));
    let error = unlocking.now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Audit);
}

#[tokio::test]
async fn a_courier_ends_although_its_log_fails_and_says_what_was_lost() {
    let (world, log) = audited().await;
    log.set_broken(true);
    world.sspr.open(&request("ada@example.com"), &client(1)).await.unwrap();
    world.sspr.open(&request("eve@example.com"), &client(1)).await.unwrap();
    let World { clock, courier, events, inbox, sspr, .. } = world;
    let mut running = Box::pin(courier.run(inbox));
    drop(sspr);
    let mut ended = false;
    for _ in 0..20 {
        ended = running.as_mut().now_or_never().is_some();
        if ended {
            break;
        }
        clock.advance(seconds(1));
    }
    assert!(ended);
    let events = events.all();
    let lost = events.iter().find(|event| event.outcome == Outcome::GivenUp).unwrap();
    let words = &lost.failure.as_ref().unwrap().message;
    assert_eq!(words, "2 records were lost, because the service has ended");
}

#[tokio::test]
async fn a_network_that_is_refused_in_one_tenant_leaves_no_gap_in_another() {
    let (world, log) = audited().await;
    let open = |tenant: &str| sspr::Request::new(&application(tenant), address("a@x.example"));
    for _ in 0..20 {
        world.sspr.open(&open("nowhere"), &client(9)).await.unwrap();
    }
    world.sspr.open(&open("elsewhere"), &client(9)).await.unwrap();
    world.courier.drain(&world.inbox).await;
    assert_eq!(log.records().len(), 11);
    assert_eq!(log.last().tenant.unwrap().as_str(), "elsewhere");
}
