//! Every method of every port is called where its contract says so, and awaited: each port here
//! lets others run before it acts. And what a port says when it fails is for the host's log alone.

use std::sync::{Arc, Mutex};

use crate::support::*;
use async_trait::async_trait;
use sspr::{
    Courier, Sspr, TenantPolicy,
    adapters::{Argon2Pool, MemoryEvents, MemoryPolicies, MemoryUsers},
    domain::{
        Account, AccountId, Digest, EmailAddress, IdentityProvider, LanguageTag, Password,
        PasswordHash, TenantId, Timestamp,
    },
    engine::{RedeemOutcome, SignInOutcome, SubmitOutcome},
    mail::{EmailMessage, Language, Letter, MailPurpose, StandardTemplates, Templates},
    policy::{NoPasswordNotice, PasswordIssue},
    ports::{
        Applied, Breach, BreachCheck, Clock as _, EmailSender, EventKind, EventSink, HashError,
        HashQueue, Notice, NoticeDelivery, NoticeId, Outbox, PasswordChange, PasswordHasher,
        PasswordMatch, SendError, SendErrorKind, StoreError, StoreErrorKind, UserStore,
    },
};

/// What was called, in order.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<&'static str>>>);

impl Calls {
    /// Notes a call once others have had their turn: one that nobody awaits is never noted.
    async fn note(&self, name: &'static str) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.0.lock().unwrap().push(name);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|it| **it == name).count()
    }
}

/// Every port, slow: `NotQueued` says whether the store leaves notices to the courier.
#[derive(Clone)]
struct Slow {
    users: MemoryUsers,
    pool: Argon2Pool,
    calls: Calls,
    queues: bool,
}

#[async_trait]
impl UserStore for Slow {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.calls.note("find_by_address").await;
        self.users.find_by_address(tenant, address).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.calls.note("find").await;
        self.users.find(tenant, account).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.calls.note("apply_change").await;
        if self.queues {
            return self.users.apply_change(change).await;
        }
        let mut change = change.clone();
        change.notify.clear();
        let applied = self.users.apply_change(&change).await?;
        Ok(match applied {
            Applied::Done { .. } => Applied::Done { notice: NoticeDelivery::NotQueued },
            other => other,
        })
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.calls.note("rehash").await;
        self.users.rehash(tenant, account, old, new).await
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.calls.note("signed_in").await;
        self.users.signed_in(tenant, account, at).await
    }
}

#[async_trait]
impl Outbox for Slow {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.calls.note("due").await;
        self.users.due(now, limit).await
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.calls.note("postpone").await;
        self.users.postpone(id, tries, until, now).await
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        self.calls.note("done").await;
        self.users.done(id).await
    }
}

#[async_trait]
impl PasswordHasher for Slow {
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        self.calls.note("hash").await;
        self.pool.hash(password, queue).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        self.calls.note("verify").await;
        self.pool.verify(password, hash, queue).await
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        self.calls.note("verify_dummy").await;
        self.pool.verify_dummy(password, seed, queue).await
    }
}

#[async_trait]
impl BreachCheck for Slow {
    async fn check(&self, password: &Password) -> Breach {
        self.calls.note("check").await;
        if password.expose() == NEW { Breach::NotKnown } else { Breach::Known }
    }
}

/// An inbox that takes its time.
#[derive(Clone)]
struct SlowInbox(sspr::adapters::CaptureSender, Calls);

#[async_trait]
impl EmailSender for SlowInbox {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        self.1.note("send").await;
        self.0.send(message).await
    }
}

/// Templates of the host: the standard ones, marked.
#[derive(Debug)]
struct Marked;

impl Templates for Marked {
    fn render(&self, letter: &Letter<'_>) -> EmailMessage {
        let mut message = StandardTemplates::default().render(letter);
        message.subject = format!("marked: {}", *message.subject).into();
        message
    }

    fn text(&self, letter: &sspr::mail::TextLetter<'_>) -> zeroize::Zeroizing<String> {
        sspr::mail::StandardTemplates::default().text(letter)
    }
}

struct Service {
    world: World,
    slow: Slow,
    events: [MemoryEvents; 2],
    inbox: SlowInbox,
}

/// Ada's world behind slow ports.
async fn service(queues: bool) -> Service {
    let world = World::memory().await;
    let calls = Calls::default();
    let users = world.users.in_memory();
    let slow = Slow { calls: calls.clone(), pool: world.hasher.clone(), queues, users };
    let events = [MemoryEvents::new(), MemoryEvents::new()];
    // Shared ports are the same ports.
    let shared = Arc::new(slow.clone());
    let (sspr, courier): (Sspr, Courier) = Sspr::builder(
        shared.clone(),
        world.codes.clone(),
        world.policies.clone(),
        world.keys.clone(),
    )
    .with_clock(world.clock.clone())
    .with_hasher(shared.clone())
    .with_outbox(shared.clone())
    .with_breach_check(shared)
    .with_templates(Marked)
    .with_events(events[0].clone())
    .with_events(events[1].clone())
    .build();
    let inbox = SlowInbox(world.inbox.clone(), calls);
    Service { events, inbox, slow, world: World { courier, sspr, ..world } }
}

impl Service {
    async fn code(&self) -> sspr::domain::Code {
        self.world.courier.drain(&self.inbox).await;
        self.world.inbox.last_code().expect("a code")
    }

    /// The whole reset of Ada, with a leaked password on the way.
    async fn reset(&self) {
        let world = &self.world;
        let token = world.started("ada@example.com", &client(1)).await;
        let code = self.code().await;
        let grant = world.granted(&token, &code).await;
        let leaked = world.submit(&grant, "a password that has leaked").await;
        let breached = [PasswordIssue::Breached];
        assert!(matches!(leaked, SubmitOutcome::Weak { issues } if issues == breached));
        let ticket = world.changed(&grant, NEW).await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    }
}

#[test]
fn a_sign_in_notes_itself_and_makes_an_outdated_hash_anew_before_it_answers() {
    runtime().block_on(async {
        let service = service(true).await;
        let (world, users) = (&service.world, &service.slow.users);
        let older = Argon2Pool::new().with_parameters(32, 1, 1).unwrap();
        let old = older.hash(password(OLD), HashQueue::Submit).await.unwrap();
        world.change_account("ada", |ada| ada.password = Some(old.clone())).await;
        let ada = AccountId::parse("ada").unwrap();
        service.slow.calls.take();

        let outcome = world.sign_in("ada@example.com", OLD).await;

        assert!(matches!(outcome, SignInOutcome::SignedIn(_)), "{outcome:?}");
        let expected = ["find_by_address", "verify", "hash", "rehash", "signed_in"];
        assert_eq!(service.slow.calls.take(), expected);
        assert_eq!(users.signed_in_at(&tenant(), &ada), Some(world.clock.now()));
        assert_ne!(world.account("ada").await.unwrap().password, Some(old));
        // A hash of today is left alone, and nobody's password costs a hash too.
        world.sign_in("ada@example.com", OLD).await;
        assert_eq!(service.slow.calls.take(), ["find_by_address", "verify", "signed_in"]);
        world.sign_in("nobody@example.com", OLD).await;
        assert_eq!(service.slow.calls.take(), ["find_by_address", "verify_dummy"]);
        world.sign_in("ada@example.com", NEW).await;
        assert_eq!(service.slow.calls.take(), ["find_by_address", "verify"]);
    });
}

#[test]
fn a_reset_calls_and_awaits_every_port_and_every_sink_is_told_the_same() {
    runtime().block_on(async {
        let service = service(true).await;
        service.reset().await;
        service.code().await;

        let calls = &service.slow.calls;
        for name in ["apply_change", "check", "done", "due", "find", "hash", "send"] {
            assert!(calls.count(name) > 0, "{name}: {:?}", calls.take());
        }
        assert_eq!((calls.count("apply_change"), calls.count("check")), (1, 2));
        assert_eq!(calls.count("done"), 1, "the one notice");
        assert_eq!(service.world.notices_due().await, 0);
        let mails = service.world.inbox.messages();
        let purposes: Vec<_> = mails.iter().map(|mail| mail.purpose).collect();
        assert_eq!(purposes, [MailPurpose::Passcode, MailPurpose::PasswordChanged]);
        assert!(mails.iter().all(|mail| mail.subject.starts_with("marked: ")));
        let told = |sink: &MemoryEvents| -> Vec<String> {
            sink.all().iter().map(|event| format!("{event:?}")).collect()
        };
        assert!(told(&service.events[0]).len() > 6);
        assert_eq!(told(&service.events[0]), told(&service.events[1]));
    });
}

#[test]
fn a_notice_that_no_outbox_keeps_goes_to_every_address_in_the_persons_language() {
    runtime().block_on(async {
        for queues in [false, true] {
            let service = service(queues).await;
            let languages = ["de", "en"].map(|tag| LanguageTag::parse(tag).unwrap());
            let policy =
                TenantPolicy::customers("contoso").unwrap().with_languages(languages.to_vec());
            service.world.policies.replace(policy);
            let second = address("ada@work.example");
            service
                .world
                .change_account("ada", |ada| {
                    ada.addresses.push(second.clone());
                    ada.language = LanguageTag::parse("en").ok();
                })
                .await;

            service.reset().await;
            service.world.courier.drain(&service.inbox).await;

            let mails = service.world.inbox.messages();
            let notices: Vec<_> =
                mails.iter().filter(|it| it.purpose == MailPurpose::PasswordChanged).collect();
            let to: Vec<_> = notices.iter().map(|it| it.to.as_str()).collect();
            assert_eq!(to, ["ada@example.com", "ada@work.example"], "queued: {queues}");
            for notice in notices {
                assert_eq!(notice.language, Language::English.into(), "queued: {queues}");
                assert!(notice.subject.starts_with("marked: "), "queued: {queues}");
            }
        }
    });
}

#[test]
fn who_signs_in_in_another_way_is_written_to_with_the_hosts_templates() {
    runtime().block_on(async {
        let service = service(true).await;
        let policy = TenantPolicy::customers("contoso").unwrap();
        service.world.policies.replace(policy.with_no_password_notice(NoPasswordNotice::On));
        let google = |ada: &mut Account| {
            ada.identity_providers = vec![IdentityProvider::Google];
            ada.password = None;
        };
        service.world.change_account("ada", google).await;

        service.world.started("ada@example.com", &client(1)).await;
        service.world.courier.drain(&service.inbox).await;

        let mail = service.world.inbox.messages().pop().expect("a mail");
        assert_eq!(mail.purpose, MailPurpose::NoPasswordHere);
        assert!(mail.subject.starts_with("marked: "));
    });
}

const CAUSE: &str = "cause-for-the-log-alone";

/// Ports that fail, each where it is told to.
#[derive(Clone)]
struct Failing {
    users: MemoryUsers,
    pool: Argon2Pool,
    at: Arc<Mutex<Option<&'static str>>>,
}

impl Failing {
    fn store(&self, name: &str) -> Result<(), StoreError> {
        if *self.at.lock().unwrap() != Some(name) {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Busy, "told to fail").with_source(CAUSE))
    }

    fn hasher(&self, name: &str) -> Result<(), HashError> {
        match *self.at.lock().unwrap() {
            Some("busy") => Err(HashError::Busy),
            Some(at) if at == name => Err(HashError::Failed),
            _ => Ok(()),
        }
    }

    fn fail(&self, at: Option<&'static str>) {
        *self.at.lock().unwrap() = at;
    }
}

#[async_trait]
impl UserStore for Failing {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.store("find_by_address")?;
        self.users.find_by_address(tenant, address).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.store("find")?;
        self.users.find(tenant, account).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.store("apply_change")?;
        self.users.apply_change(change).await
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.store("rehash")?;
        self.users.rehash(tenant, account, old, new).await
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.store("signed_in")?;
        self.users.signed_in(tenant, account, at).await
    }
}

#[async_trait]
impl PasswordHasher for Failing {
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        self.hasher("hash")?;
        self.pool.hash(password, queue).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        self.hasher("verify")?;
        self.pool.verify(password, hash, queue).await
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        self.hasher("verify_dummy")?;
        self.pool.verify_dummy(password, seed, queue).await
    }
}

#[async_trait]
impl EmailSender for Failing {
    async fn send(&self, _: &EmailMessage) -> Result<(), SendError> {
        Err(SendError::new(SendErrorKind::Permanent, "told to fail").with_source(CAUSE))
    }
}

async fn failing() -> (World, Failing) {
    let world = World::memory().await;
    let users = world.users.in_memory();
    let ports = Failing { at: Arc::default(), pool: world.hasher.clone(), users };
    let (sspr, courier) = Sspr::builder(
        ports.clone(),
        world.codes.clone(),
        world.policies.clone(),
        world.keys.clone(),
    )
    .with_clock(world.clock.clone())
    .with_hasher(ports.clone())
    .with_events(world.events.clone())
    .build();
    (World { courier, sspr, ..world }, ports)
}

/// Every text of an error, its causes included.
fn texts(error: &(dyn std::error::Error + 'static)) -> String {
    let mut all = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        all.push_str(&format!(" {inner} {inner:?}"));
        cause = inner.source();
    }
    all
}

#[test]
fn an_error_of_a_port_names_no_secret_keeps_its_cause_and_leaves_nothing_half_done() {
    runtime().block_on(async {
        let (world, ports) = failing().await;
        let (token, code) = world.started_with_code().await;
        let mut errors = Vec::new();
        let ada = request("ada@example.com");
        for at in ["find_by_address", "verify"] {
            ports.fail(Some(at));
            errors.push(world.sspr.sign_in(&ada, &password(OLD), &client(2)).await.unwrap_err());
        }
        ports.fail(Some("verify_dummy"));
        let nobody = request("nobody@example.com");
        errors.push(world.sspr.sign_in(&nobody, &password(OLD), &client(2)).await.unwrap_err());
        ports.fail(Some("find"));
        errors.push(world.sspr.verify(&token, &code, &client(1)).await.unwrap_err());
        ports.fail(None);
        let grant = world.granted(&token, &code).await;
        for at in ["find", "hash", "apply_change"] {
            ports.fail(Some(at));
            let failed = world.sspr.submit(&grant, &password(NEW), &client(1)).await;
            errors.push(failed.unwrap_err());
        }
        ports.fail(None);
        let ticket = world.changed(&grant, NEW).await;
        ports.fail(Some("find"));
        errors.push(world.sspr.redeem(&ticket).await.unwrap_err());
        // What is best effort fails alone.
        for at in ["signed_in", "rehash"] {
            ports.fail(Some(at));
            assert!(matches!(
                world.sign_in("ada@example.com", NEW).await,
                SignInOutcome::SignedIn(_)
            ));
        }
        ports.fail(None);
        let again = world.redeem(&ticket).await;
        assert!(matches!(again, RedeemOutcome::RequireSignIn), "used up: {again:?}");

        let secrets = [OLD, NEW, "ada@example.com", "nobody@", &code.expose(), &token.expose()];
        let (grant, ticket) = (grant.expose(), ticket.expose());
        let said = errors.iter().map(|error| texts(error)).collect::<Vec<_>>().join("\n");
        let events = format!("{:?}", world.events.all());
        for secret in secrets.into_iter().chain([&*grant, &*ticket]) {
            assert!(!said.contains(secret) && !events.contains(secret), "{secret:.6}");
        }
        assert!(!events.contains(CAUSE));
        assert!(errors.iter().all(|error| !error.to_string().contains(CAUSE)), "{said}");
        assert!(said.matches(CAUSE).count() > 5, "the host's log has the cause: {said}");
    });
}

#[test]
fn a_hasher_that_is_busy_costs_nobody_a_failure() {
    runtime().block_on(async {
        let (world, ports) = failing().await;
        for mail in ["ada@example.com", "nobody@example.com"] {
            ports.fail(Some("busy"));
            for network in 0..30 {
                let busy =
                    world.sspr.sign_in(&request(mail), &password(OLD), &client(network)).await;
                assert!(matches!(busy, Ok(SignInOutcome::TryLater { .. })), "{mail}: {busy:?}");
            }
            ports.fail(None);
            let outcome = world.sign_in(mail, OLD).await;
            let known = mail.starts_with("ada");
            assert_eq!(matches!(outcome, SignInOutcome::SignedIn(_)), known, "{mail}: {outcome:?}");
            assert!(!matches!(outcome, SignInOutcome::LockedOut { .. }), "{mail}");
        }
    });
}

#[test]
fn a_mail_that_fails_says_so_in_an_event_without_its_words() {
    runtime().block_on(async {
        let (world, ports) = failing().await;
        world.started("ada@example.com", &client(1)).await;
        assert_eq!(world.courier.drain(&ports).await.failed, 1);

        let event = world.events.all().pop().unwrap();
        assert_eq!(event.kind, EventKind::Deliver);
        let said = format!("{event:?}");
        assert!(!said.contains("ada@example.com"), "{said}");
    });
}

/// A sink that panics would end a call: events are told in order, once each, from many threads.
#[test]
fn a_sink_shared_by_many_calls_gets_each_event_once() {
    runtime().block_on(async {
        struct Counting(Mutex<usize>);
        impl EventSink for Counting {
            fn emit(&self, _: &sspr::ports::EngineEvent) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let counting: &'static Counting = Box::leak(Box::new(Counting(Mutex::new(0))));
        struct Shared(&'static Counting);
        impl EventSink for Shared {
            fn emit(&self, event: &sspr::ports::EngineEvent) {
                self.0.emit(event);
            }
        }
        let world = World::memory().await;
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let (sspr, _courier) = Sspr::builder(MemoryUsers::new(), world.codes, policies, world.keys)
            .with_events(Shared(counting))
            .build();
        let opened = all(20, |number| {
            let sspr = sspr.clone();
            Box::pin(async move {
                let network = u8::try_from(number).unwrap();
                sspr.open(&request("ada@example.com"), &client(network)).await.is_ok()
            })
        })
        .await;

        assert_eq!((opened.len(), *counting.0.lock().unwrap()), (20, 20));
    });
}
