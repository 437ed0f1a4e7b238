//! Every event, however a call ends: its tenant, its reset, its request, its outcome; in the sinks,
//! in the log, and over HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::{stepped::*, *};
use async_trait::async_trait;
use sspr::{
    Sspr, TenantPolicy,
    adapters::{MemoryCodes, MemoryEvents, MemoryPolicies, MemoryUsers},
    domain::{CorrelationId, Password, PasswordHash, RecordId, TenantId, Timestamp},
    engine::{Client, SignInOutcome, SubmitOutcome},
    policy::Limits,
    ports::{
        Applied, Breach, BreachCheck, Clock as _, CodeStore, EngineEvent, EventKind,
        NoticeDelivery, Outcome, PasswordChange, SendErrorKind, StoreError, StoreErrorKind,
        UserStore as _,
    },
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

/// A client whose calls are tied together as `c-1`.
fn tied(network: u8) -> Client {
    client(network).with_correlation(CorrelationId::parse("c-1").unwrap())
}

/// The one event of a kind since the last look.
fn one(events: &MemoryEvents, seen: &mut usize, kind: EventKind) -> EngineEvent {
    let all = events.all();
    let mut new = all[*seen..].iter().filter(|event| event.kind == kind);
    let event = new.next().unwrap_or_else(|| panic!("no {kind:?} in {:?}", &all[*seen..])).clone();
    assert!(new.next().is_none(), "two of {kind:?}");
    *seen = all.len();
    event
}

/// That an event says in which tenant, of which reset and in which request.
fn says(event: &EngineEvent, reset: Option<RecordId>, request: Option<&str>, outcome: Outcome) {
    assert_eq!(event.tenant, Some(tenant()), "{event:?}");
    assert_eq!(event.reset, reset, "{event:?}");
    assert_eq!(event.correlation.as_ref().map(CorrelationId::as_str), request, "{event:?}");
    assert_eq!(event.outcome, outcome, "{event:?}");
}

/// A code store that can be taken down.
struct Down(MemoryCodes, Arc<AtomicBool>);

impl Down {
    fn up(&self) -> Result<&MemoryCodes, StoreError> {
        let is_down = self.1.load(Ordering::SeqCst);
        if is_down { Err(StoreError::new(StoreErrorKind::Busy, "down")) } else { Ok(&self.0) }
    }
}

#[async_trait]
impl CodeStore for Down {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.up()?.insert(record, charges, now).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.up()?.attempt(id, charges, now).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.up()?.load(id, charges, now).await
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.up()?.compare_and_swap(next, expected, charges, clear, now).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.up()?.charge(charges, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.up()?.delete_expired(now, limit).await
    }
}

#[test]
fn a_call_that_breaks_says_in_which_tenant_of_which_reset_and_in_which_request() {
    runtime().block_on(async {
        let down = Arc::new(AtomicBool::new(false));
        let world = World::memory().await;
        let codes: Arc<dyn CodeStore> = Arc::new(Down(MemoryCodes::new(), down.clone()));
        let World { users, policies, keys, clock, .. } = world;
        let world = World::assemble(users, codes, policies, keys, clock, None);
        let World { sspr, events, .. } = &world;
        let (token, code) = world.started_with_code().await;
        let reset = Some(token.record());
        let (other, right) = world.started_with_code().await;
        let grant = world.granted(&other, &right).await;
        let ticket = world.changed(&grant, NEW).await;
        let ended = Some(ticket.record());
        let mut seen = events.all().len();
        let request_of = request("ada@example.com");
        let set = |is_down| down.store(is_down, Ordering::SeqCst);

        set(true);
        let mut broken = |kind, reset, request| {
            says(&one(events, &mut seen, kind), reset, request, Outcome::Error);
        };
        sspr.open(&request_of, &tied(1)).await.unwrap_err();
        broken(EventKind::Open, None, Some("c-1"));
        sspr.send(&token, &tied(1)).await.unwrap_err();
        broken(EventKind::Send, reset, Some("c-1"));
        sspr.verify(&token, &code, &tied(1)).await.unwrap_err();
        broken(EventKind::Verify, reset, Some("c-1"));
        sspr.submit(&grant, &password(NEW), &tied(1)).await.unwrap_err();
        broken(EventKind::Submit, ended, Some("c-1"));
        sspr.redeem(&ticket).await.unwrap_err();
        broken(EventKind::Redeem, ended, None);
        sspr.sign_in(&request_of, &password(NEW), &tied(1)).await.unwrap_err();
        broken(EventKind::SignIn, None, Some("c-1"));
        sspr.status(&token).await.unwrap_err();
        // What only looks takes no tenant's policy before it has read the record.
        let looked = one(events, &mut seen, EventKind::Status);
        assert_eq!((looked.reset, looked.outcome), (reset, Outcome::Error));
    });
}

#[test]
fn each_way_that_a_sign_in_ends_is_an_event_of_its_tenant_and_request() {
    runtime().block_on(async {
        let world = World::memory().await;
        let World { sspr, events, .. } = &world;
        let mut seen = 0;
        let ada = request("ada@example.com");
        let mut ended = |outcome| {
            says(&one(events, &mut seen, EventKind::SignIn), None, Some("c-1"), outcome);
        };
        let attempt = |text: &'static str, network: u8| {
            let ada = ada.clone();
            async move { sspr.sign_in(&ada, &password(text), &tied(network)).await.unwrap() }
        };
        attempt(OLD, 1).await;
        ended(Outcome::Ok);
        let threshold = Limits::default().lockout_threshold();
        for _ in 0..threshold {
            assert!(matches!(attempt(NEW, 2).await, SignInOutcome::Rejected));
            ended(Outcome::Rejected);
        }
        assert!(matches!(attempt(OLD, 2).await, SignInOutcome::LockedOut { .. }));
        ended(Outcome::LockedOut);
        world
            .change_account("ada", |ada| {
                ada.locked = true;
                ada.stamp =
                    sspr::domain::Stamp::generate(&sspr::adapters::SystemEntropy::new()).unwrap();
            })
            .await;
        assert!(matches!(attempt(OLD, 3).await, SignInOutcome::LockedOut { until: None }));
        ended(Outcome::LockedOut);
        // A hash that the hasher does not know.
        let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        let hash = PasswordHash::parse(bcrypt).unwrap();
        world.change_account("ada", |ada| ada.password = Some(hash)).await;
        assert!(matches!(attempt(OLD, 4).await, SignInOutcome::Rejected));
        let all = events.all();
        let unknown = all.iter().find(|event| event.kind == EventKind::UnsupportedHash).unwrap();
        says(unknown, None, Some("c-1"), Outcome::Error);
        // Past the network's budget.
        let network = Limits::default().network_tries() + 200;
        let mut last = None;
        for _ in 0..network {
            last = Some(attempt(OLD, 9).await);
            if matches!(last, Some(SignInOutcome::TryLater { .. })) {
                break;
            }
        }
        assert!(matches!(last, Some(SignInOutcome::TryLater { .. })), "{last:?}");
        let event = events.all().pop().unwrap();
        assert_eq!(event.kind, EventKind::SignIn);
        says(&event, None, Some("c-1"), Outcome::TryLater);
    });
}

/// A user store that leaves its notices to the courier.
struct NotQueued;

#[async_trait]
impl UserSteps for NotQueued {
    async fn apply_change(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        let mut change = change.clone();
        change.notify.clear();
        Ok(match users.apply_change(&change).await? {
            Applied::Done { .. } => Applied::Done { notice: NoticeDelivery::NotQueued },
            other => other,
        })
    }
}

/// Ada's world over a store that queues no notice, with room for so many mails.
async fn not_queued(room: usize) -> World {
    let world = World::memory().await;
    let users = SteppedUsers(world.users.in_memory(), NotQueued);
    let (sspr, courier) =
        Sspr::builder(users, world.codes.clone(), world.policies.clone(), world.keys.clone())
            .with_clock(world.clock.clone())
            .with_hasher(world.hasher.clone())
            .with_events(world.events.clone())
            .with_queue(room, room)
            .build();
    World { courier, sspr, ..world }
}

/// A reset of Ada in one request, up to her new password.
async fn changed(world: &World) {
    let token = world.started("ada@example.com", &tied(1)).await;
    let code = world.mailed_code().await;
    let grant = world.granted(&token, &code).await;
    let changed = world.sspr.submit(&grant, &password(NEW), &tied(1)).await.unwrap();
    assert!(matches!(changed, SubmitOutcome::Changed(_)), "{changed:?}");
}

fn notices(events: &MemoryEvents) -> Vec<EngineEvent> {
    events.all().into_iter().filter(|event| event.kind == EventKind::Notify).collect()
}

#[test]
fn a_notice_that_no_outbox_keeps_is_an_event_of_its_tenant_and_request_however_it_ends() {
    runtime().block_on(async {
        for (failure, outcome) in [
            (None, Outcome::Ok),
            (Some(SendErrorKind::Transient), Outcome::FailedForNow),
            (Some(SendErrorKind::Permanent), Outcome::FailedPermanently),
        ] {
            let world = not_queued(10).await;
            changed(&world).await;
            if let Some(kind) = failure {
                world.inbox.fail_next(kind, 1);
            }

            world.courier.drain(&world.inbox).await;

            let notices = notices(&world.events);
            let first = notices.first().expect("a notice");
            assert_eq!(first.tenant, Some(tenant()), "{first:?}");
            assert_eq!(first.correlation.as_ref().unwrap().as_str(), "c-1");
            assert_eq!(first.outcome, outcome, "{first:?}");
        }
    });
}

#[test]
fn a_change_waits_while_there_is_no_room_for_its_notices() {
    runtime().block_on(async {
        let world = not_queued(1).await;
        // Two addresses have to be told, and one notice has room.
        world.change_account("ada", |ada| ada.addresses.push(address("ada@second.example"))).await;
        let token = world.started("ada@example.com", &tied(1)).await;
        let code = world.mailed_code().await;
        let grant = world.granted(&token, &code).await;

        let answer = world.sspr.submit(&grant, &password(NEW), &tied(1)).await.unwrap();

        assert!(matches!(answer, SubmitOutcome::TryLater { .. }), "{answer:?}");
        assert_eq!(world.account("ada").await.unwrap().last_change, None);
        let events = world.events.all();
        let submit = events.iter().find(|event| event.kind == EventKind::Submit).unwrap();
        says(submit, Some(token.record()), Some("c-1"), Outcome::TryLater);
    });
}

struct Unavailable;

#[async_trait]
impl BreachCheck for Unavailable {
    async fn check(&self, _: &Password) -> Breach {
        Breach::Unavailable
    }
}

#[test]
fn what_happens_beside_a_call_is_an_event_of_its_tenant() {
    runtime().block_on(async {
        let world = World::memory().await;
        let numbers = Limits::builder().tenant_tries(10);
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_limits(numbers.build().unwrap()));
        let users = world.users.in_memory();
        let (sspr, courier) =
            Sspr::builder(users, world.codes.clone(), world.policies.clone(), world.keys.clone())
                .with_clock(world.clock.clone())
                .with_hasher(world.hasher.clone())
                .with_events(world.events.clone())
                .with_breach_check(Unavailable)
                .build();
        let world = World { courier, sspr, ..world };
        let reset = world.reset().await.record();
        for name in ["eve", "mallory", "trent"] {
            let foreign = world.started(&format!("{name}@example.com"), &client(99)).await;
            world.courier.drain(&world.inbox).await;
            for _ in 0..5 {
                world.sspr.verify(&foreign, &wrong_code(), &client(99)).await.unwrap();
            }
        }
        world.courier.drain(&world.inbox).await;

        let events = world.events.all();
        for (kind, reset, outcome) in [
            (EventKind::BreachCheck, Some(reset), Outcome::Error),
            (EventKind::TenantTries, None, Outcome::LongerCode),
        ] {
            let event = events.iter().find(|event| event.kind == kind);
            says(event.unwrap_or_else(|| panic!("no {kind:?}")), reset, None, outcome);
        }
        let now = world.clock.now();
        assert!(events.iter().all(|event| event.took == Duration::ZERO && event.at == now));
    });
}

#[test]
fn two_tenants_events_never_name_each_other() {
    runtime().block_on(async {
        let world = World::memory().await;
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        let fabrikam = TenantId::parse("fabrikam").unwrap();
        let mut foreign = request("grace@example.com");
        foreign.application = application("fabrikam");
        let theirs = world.sspr.open(&foreign, &tied(5)).await.unwrap();
        let sspr::engine::OpenOutcome::Opened(theirs) = theirs else { panic!("{theirs:?}") };
        let before = world.events.all().len();

        changed(&world).await;
        world.sspr.send(&theirs.token, &client(5)).await.unwrap();
        world.sspr.verify(&theirs.token, &wrong_code(), &client(5)).await.unwrap();
        world.sspr.sign_in(&foreign, &password(OLD), &client(5)).await.unwrap();

        let (own, other) = (theirs.token.record().tenant_tag(), world.events.all());
        assert!(other.len() > before + 6);
        for event in other.iter().filter(|event| event.tenant.is_some()) {
            let named = event.tenant.as_ref().unwrap();
            let tag = event.reset.map(|reset| reset.tenant_tag());
            assert!(tag.is_none_or(|tag| tag == named.tag()), "{event:?}");
            assert!(*named == fabrikam || event.reset.is_none_or(|it| it.tenant_tag() != own));
        }
        let last = other.last().unwrap();
        assert_eq!((last.kind, last.tenant.clone()), (EventKind::SignIn, Some(fabrikam)));
    });
}

#[test]
fn without_a_tenant_of_that_name_a_call_is_an_event_that_names_it_all_the_same() {
    runtime().block_on(async {
        let world = World::memory().await;
        let events = MemoryEvents::new();
        let (sspr, _courier) = Sspr::builder(
            MemoryUsers::new(),
            world.codes.clone(),
            MemoryPolicies::default(),
            world.keys.clone(),
        )
        .with_events(events.clone())
        .build();
        let ada = request("ada@example.com");
        sspr.open(&ada, &tied(1)).await.unwrap();
        sspr.sign_in(&ada, &password(OLD), &tied(1)).await.unwrap();

        for event in events.all() {
            assert_eq!(event.tenant, Some(tenant()), "{event:?}");
            assert_eq!(event.correlation.as_ref().unwrap().as_str(), "c-1");
        }
        assert_eq!(events.all().len(), 2);
    });
}

#[cfg(feature = "tracing")]
mod in_the_log {
    use std::{
        collections::BTreeMap,
        fmt::Debug,
        sync::{Arc, Mutex},
    };

    use sspr::{adapters::TracingEvents, ports::EventSink as _};
    use tracing::{Event, Metadata, Subscriber, field::Field, span};

    use super::*;

    type Fields = BTreeMap<String, String>;

    /// Each record of the target, as its fields.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Fields>>>);

    struct Visitor<'f>(&'f mut Fields);

    impl tracing::field::Visit for Visitor<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.insert(field.name().to_owned(), format!("{value:?}"));
        }
    }

    impl Subscriber for Kept {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            if event.metadata().target() == "sspr" {
                let mut fields = Fields::new();
                event.record(&mut Visitor(&mut fields));
                fields.insert("level".to_owned(), event.metadata().level().to_string());
                self.0.lock().unwrap().push(fields);
            }
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn every_record_has_what_the_event_has_and_nothing_else() {
        runtime().block_on(async {
            let world = World::memory().await;
            changed(&world).await;
            world.courier.drain(&world.inbox).await;
            world.sign_in("ada@example.com", OLD).await;
            let events = world.events.all();
            assert!(events.len() > 6);

            let kept = Kept::default();
            tracing::subscriber::with_default(kept.clone(), || {
                events.iter().for_each(|event| TracingEvents::new().emit(event));
            });

            let kept = kept.0.lock().unwrap().clone();
            assert_eq!(kept.len(), events.len());
            for (fields, event) in kept.iter().zip(&events) {
                let of = |name: &str| fields.get(name).map(String::as_str);
                assert_eq!(of("kind"), Some(&*format!("{:?}", event.kind)));
                assert_eq!(of("outcome"), Some(&*format!("{:?}", event.outcome)));
                assert_eq!(
                    of("tenant").map(str::to_owned),
                    event.tenant.as_ref().map(ToString::to_string)
                );
                assert_eq!(of("reset").map(str::to_owned), event.reset.map(|it| it.to_string()));
                let request = event.correlation.as_ref().map(ToString::to_string);
                assert_eq!(of("correlation").map(str::to_owned), request);
                let known = ["correlation", "kind", "level", "outcome", "reset", "tenant"];
                assert!(fields.keys().all(|name| known.contains(&&**name)), "{fields:?}");
            }
            let broken = kept.iter().filter(|fields| fields["outcome"] == "Error");
            assert!(broken.into_iter().all(|fields| fields["level"] == "ERROR"));
        });
    }
}

#[cfg(feature = "axum")]
mod over_http {
    use axum::Router;
    use sspr::{
        Application,
        http::{Native, Pages},
    };

    use super::*;
    use crate::support::front::{Named, Plain, flaky_world, form, get, post};

    #[tokio::test]
    async fn the_clients_own_request_id_is_in_the_events_of_its_calls() {
        let world = World::memory().await;
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let app = Native::new(&world.sspr, shop, Plain).router();
        let id = ("client-request-id", "0a1b2c3d-own");
        let fields = [
            ("client_id", "shop"),
            ("username", "ada@example.com"),
            ("challenge_type", "oob password redirect"),
        ];
        let started = post(&app, "/resetpassword/v1.0/start", &[id], &form(&fields)).await;
        let token = started.text("continuation_token");
        let fields = [("client_id", "shop"), ("continuation_token", &*token)];
        let sent = post(&app, "/resetpassword/v1.0/challenge", &[id], &form(&fields)).await;
        assert_eq!((sent.status, sent.header(id.0)), (200, id.1));

        let events = world.events.all();
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert!(kinds.contains(&EventKind::Open) && kinds.contains(&EventKind::Send), "{kinds:?}");
        for event in events.iter().filter(|event| event.kind != EventKind::Status) {
            assert_eq!(event.correlation.as_ref().unwrap().as_str(), id.1, "{event:?}");
        }
    }

    #[tokio::test]
    async fn the_reference_on_a_page_that_says_what_broke_is_the_one_in_the_event() {
        let (world, down) = flaky_world().await;
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let app: Router = Pages::new(&world.sspr, shop, Named).router();
        let named = post(&app, "/sign-in", &[], &form(&[("username", "ada@example.com")])).await;
        let cookie = named.cookies().join("; ");
        down.store(true, Ordering::SeqCst);

        let to = format!("/{}", named.header("location").replace("password?", "reset?"));
        let seen = post(&app, &to, &[("cookie", &cookie)], "").await;

        assert_eq!(seen.status, 503, "{}", seen.body);
        let event = world.events.all().pop().unwrap();
        let reference = event.correlation.expect("a request").to_string();
        assert!(seen.body.contains(&reference), "{reference} is not in {}", seen.body);
        assert_eq!(get(&app, "/sign-in", &[]).await.status, 200);
    }
}
