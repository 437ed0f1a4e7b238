//! The courier as a host runs it: polled by hand, so that a test sees when it waits, for what, and
//! that it does wait.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::support::{stepped::*, *};
use async_trait::async_trait;
use sspr::{
    Sspr,
    adapters::{CaptureSender, ManualClock, MemoryEvents, MemoryPolicies, MemoryUsers, code_in},
    domain::{CorrelationId, RecordId, Stamp},
    engine::{Courier, StartOutcome, SubmitOutcome, VerifyOutcome},
    mail::EmailMessage,
    policy::TenantPolicy,
    ports::{
        Applied, Clock, EmailSender, EngineEvent, EventKind, FailureKind, NoticeDelivery, Outbox,
        Outcome, PasswordChange, SendError, SendErrorKind, StoreError, UserStore,
    },
};

/// Longer than a passcode waits before its mail is made.
const SOON: Duration = Duration::from_secs(1);

struct Running {
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Running {
    fn new(courier: Courier, sender: impl EmailSender + 'static) -> Self {
        let mut running = Self { task: Box::pin(courier.run(sender)), woken: Arc::default() };
        assert!(!running.rests());
        running
    }

    /// Whether something has happened that it waited for.
    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::SeqCst)
    }

    /// Polls until nothing wakes it any more; whether it has ended.
    fn rests(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        loop {
            self.woken.0.store(false, Ordering::SeqCst);
            if self.task.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                return true;
            }
            if !self.is_woken() {
                return false;
            }
        }
    }
}

/// Takes a while, on the manual clock, for each mail.
#[derive(Clone)]
struct Slow(Arc<Slowness>);

struct Slowness {
    clock: ManualClock,
    takes: Duration,
    under_way: AtomicUsize,
    sent: AtomicUsize,
}

impl Slow {
    fn new(clock: &ManualClock, takes: Duration) -> Self {
        let (under_way, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Slowness { clock: clock.clone(), sent, takes, under_way }))
    }

    fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::SeqCst)
    }

    fn sent(&self) -> usize {
        self.0.sent.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EmailSender for Slow {
    async fn send(&self, _: &EmailMessage) -> Result<(), SendError> {
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        self.0.clock.sleep_until(self.0.clock.now().after(self.0.takes)).await;
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.sent.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn start(sspr: &Sspr, typed: &str, network: u8) {
    let started = sspr.start(&request(typed), &client(network)).await.unwrap();
    assert!(matches!(started, StartOutcome::Started(_)), "{started:?}");
}

#[test]
fn a_mail_leaves_when_it_is_due_and_until_then_the_courier_waits() {
    runtime().block_on(async {
        let World { sspr, courier, inbox, clock, .. } = World::memory().await;
        let mut courier = Running::new(courier, inbox.clone());
        for network in 1..4 {
            assert!(!courier.is_woken());
            start(&sspr, "ada@example.com", network).await;
            assert!(courier.is_woken());
            courier.rests();
            clock.advance(SOON);
            assert!(courier.is_woken());
            courier.rests();
            assert_eq!(inbox.take().len(), 1, "less than the five seconds of a round later");
            clock.advance(hours(1));
            courier.rests();
        }
    });
}

#[test]
fn mails_are_made_within_a_fifth_of_a_second_and_not_all_in_the_moment_they_are_asked_for() {
    runtime().block_on(async {
        let World { sspr, courier, clock, .. } = World::memory().await;
        let mut courier = Running::new(courier, CaptureSender::new());
        for network in 0..20 {
            start(&sspr, "nobody@example.com", network).await;
        }
        courier.rests();
        assert!(sspr.queue_depth() > 10, "one in a million would be due at once");
        clock.advance(Duration::from_millis(100));
        courier.rests();
        // Less than one in a million: all twenty, or none of them, in one half of the time.
        assert!((1..20).contains(&sspr.queue_depth()), "{}", sspr.queue_depth());
        clock.advance(Duration::from_millis(100));
        courier.rests();
        assert_eq!(sspr.queue_depth(), 0);
    });
}

#[test]
fn a_mail_that_failed_for_now_leaves_after_its_pause() {
    runtime().block_on(async {
        let World { sspr, courier, inbox, clock, .. } = World::memory().await;
        inbox.fail_next(SendErrorKind::Transient, 1);
        let mut courier = Running::new(courier, inbox.clone());
        start(&sspr, "ada@example.com", 1).await;
        courier.rests();
        clock.advance(SOON);
        courier.rests();
        assert_eq!(inbox.messages().len(), 0);
        clock.advance(seconds(2));
        courier.rests();
        assert_eq!(inbox.messages().len(), 1);
    });
}

#[test]
fn thirty_two_mails_begin_at_once_and_further_ones_when_one_is_done_or_lasts_a_second() {
    runtime().block_on(async {
        let world = World::memory().await;
        for number in 0..80 {
            world.add(&format!("u{number}@example.com"), &format!("u{number}")).await;
        }
        let World { sspr, courier, clock, .. } = world;
        let sender = Slow::new(&clock, seconds(10));
        let mut courier = Running::new(courier, sender.clone());
        for number in 0..80 {
            start(&sspr, &format!("u{number}@example.com"), number).await;
        }
        courier.rests();
        clock.advance(Duration::from_millis(999));
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (32, 0));
        assert_eq!(sspr.queue_depth(), 80, "what is under way keeps its room");
        clock.advance(Duration::from_millis(999));
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (32, 0), "a hand is kept for a second");
        clock.advance(Duration::from_millis(1));
        assert!(courier.is_woken());
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (64, 0));
        clock.advance(seconds(1));
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (80, 0));
        clock.advance(seconds(8));
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (48, 32));
        clock.advance(seconds(2));
        courier.rests();
        assert_eq!((sender.sent(), sspr.queue_depth()), (80, 0));
    });
}

/// Mails to some recipients stall; others are handed over at once.
#[derive(Clone)]
struct Stalls(ManualClock, CaptureSender, Duration);

#[async_trait]
impl EmailSender for Stalls {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        if message.to.as_str().starts_with("st") {
            self.0.sleep_until(self.0.now().after(self.2)).await;
        }
        self.1.send(message).await
    }
}

/// How many seconds go by until Ada has a mail.
async fn ada_waits(
    sspr: &Sspr,
    clock: &ManualClock,
    inbox: &CaptureSender,
    courier: &mut Running,
) -> u64 {
    start(sspr, "ada@example.com", 250).await;
    let began = clock.now();
    while !inbox.messages().iter().any(|mail| mail.to.as_str() == "ada@example.com") {
        assert!(clock.now().since(began) < hours(1), "Ada waits for ever");
        clock.advance(seconds(1));
        courier.rests();
    }
    clock.now().since(began).as_secs()
}

#[test]
fn recipients_that_stall_delay_nobody_else_by_more_than_seconds() {
    runtime().block_on(async {
        let world = World::memory().await;
        for number in 0..100 {
            world.add(&format!("stalls{number}@example.com"), &format!("u{number}")).await;
        }
        let World { sspr, courier, clock, inbox, .. } = world;
        let sender = Stalls(clock.clone(), inbox.clone(), Duration::from_secs(280));
        let mut courier = Running::new(courier, sender);
        for number in 0..100 {
            start(&sspr, &format!("stalls{number}@example.com"), number).await;
        }
        for _ in 0..5 {
            courier.rests();
            clock.advance(seconds(1));
        }

        let waited = ada_waits(&sspr, &clock, &inbox, &mut courier).await;

        assert!(waited <= 5, "{waited} s");
    });
}

#[test]
fn addresses_of_nobody_delay_nobody_by_more_than_seconds_whatever_mails_took_lately() {
    runtime().block_on(async {
        let world = World::memory().await;
        world.add("stalls@example.com", "u0").await;
        let World { sspr, courier, clock, inbox, .. } = world;
        let sender = Stalls(clock.clone(), inbox.clone(), Duration::from_secs(150));
        let mut courier = Running::new(courier, sender);
        start(&sspr, "stalls@example.com", 1).await;
        for _ in 0..200 {
            courier.rests();
            clock.advance(seconds(1));
        }
        assert_eq!(inbox.take().len(), 1, "the slow one has arrived");
        for number in 0..180 {
            start(&sspr, &format!("nobody{number}@example.com"), number).await;
        }
        for _ in 0..10 {
            courier.rests();
            clock.advance(seconds(1));
        }

        let waited = ada_waits(&sspr, &clock, &inbox, &mut courier).await;

        assert!(waited <= 8, "{waited} s");
    });
}

/// A whole reset of Ada's, its mail sent by the courier that runs.
async fn reset(sspr: &Sspr, clock: &ManualClock, inbox: &CaptureSender, courier: &mut Running) {
    let client = client(9).with_correlation(CorrelationId::parse("c-1").unwrap());
    let started = sspr.start(&request("ada@example.com"), &client).await.unwrap();
    let StartOutcome::Started(started) = started else { panic!("{started:?}") };
    courier.rests();
    clock.advance(SOON);
    courier.rests();
    let code = code_in(&inbox.take().pop().unwrap()).unwrap();
    let granted = sspr.verify(&started.token, &code, &client).await.unwrap();
    let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
    let changed = sspr.submit(&granted.grant, &password(NEW), &client).await.unwrap();
    assert!(matches!(changed, SubmitOutcome::Changed(_)), "{changed:?}");
}

#[test]
fn the_outbox_is_emptied_every_five_seconds() {
    runtime().block_on(async {
        let World { sspr, courier, inbox, clock, .. } = World::memory().await;
        let mut courier = Running::new(courier, inbox.clone());
        reset(&sspr, &clock, &inbox, &mut courier).await;
        courier.rests();
        assert_eq!(inbox.messages().len(), 0, "a round at the beginning, and none since");
        clock.advance(seconds(5));
        courier.rests();
        assert_eq!(inbox.messages().len(), 1);
        clock.advance(seconds(5));
        courier.rests();
        assert_eq!(inbox.messages().len(), 1, "once");
    });
}

/// A user store that keeps no notices.
struct Forgetful;

#[async_trait]
impl UserSteps for Forgetful {
    async fn apply_change(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        Ok(match users.apply_change(change).await? {
            Applied::Done { .. } => Applied::Done { notice: NoticeDelivery::NotQueued },
            other => other,
        })
    }
}

/// The same world's service over it.
fn without_outbox(world: &World) -> (Sspr, Courier) {
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let users = SteppedUsers(world.users.in_memory(), Forgetful);
    Sspr::builder(users, world.codes.clone(), policies, world.keys.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .with_hasher(world.hasher.clone())
        .build()
}

/// Pauses of a notice, in minutes: they double up to an hour.
const PAUSES: [u64; 9] = [1, 2, 4, 8, 16, 32, 60, 60, 60];

fn notices(events: &MemoryEvents) -> Vec<EngineEvent> {
    events.all().into_iter().filter(|event| event.kind == EventKind::Notify).collect()
}

/// A notice fails for that reason until seven days after the change, with pauses of so many minutes;
/// how often it was tried.
async fn a_notice_fails_for_seven_days(
    kind: SendErrorKind,
    pauses: &[u64],
    service: impl Fn(&World) -> (Sspr, Courier),
) -> usize {
    let world = World::memory().await;
    let (sspr, courier) = service(&world);
    let World { inbox, clock, events, .. } = world;
    let mut courier = Running::new(courier, inbox.clone());
    reset(&sspr, &clock, &inbox, &mut courier).await;
    let mails = inbox.messages().len();
    inbox.fail_next(kind, 10_000);
    let began = clock.now();
    let (mut tried, mut last) = (0, began);
    for minutes in [0].into_iter().chain(pauses.iter().copied()) {
        while notices(&events).len() == tried {
            assert!(clock.now().since(last) <= hours(30), "given up after {tried} tries");
            clock.advance(seconds(5));
            courier.rests();
        }
        tried += 1;
        assert_eq!(notices(&events).len(), tried);
        let pause = clock.now().since(last);
        let least = Duration::from_secs(60 * minutes);
        // The outbox is looked after every five seconds.
        assert!((least..=least + seconds(10)).contains(&pause), "{pause:?} for {minutes} min");
        last = clock.now();
    }
    while notices(&events).last().unwrap().outcome != Outcome::GivenUp {
        assert!(clock.now().since(began) < hours(8 * 24), "tried for ever");
        clock.advance(Duration::from_secs(600));
        courier.rests();
    }
    let lasted = clock.now().since(began);
    let longest = Duration::from_secs(60 * pauses.last().unwrap()) + hours(1);
    assert!((hours(7 * 24)..hours(7 * 24) + longest).contains(&lasted), "{lasted:?}");
    for event in notices(&events) {
        assert!(matches!(event.outcome, Outcome::FailedForNow | Outcome::GivenUp), "{event:?}");
        assert_eq!(event.failure.unwrap().kind, FailureKind::Sender(kind));
        assert_eq!(event.tenant, Some(tenant()));
    }
    // Given up means given up.
    let tried = notices(&events).len();
    clock.advance(hours(48));
    courier.rests();
    assert_eq!((notices(&events).len(), sspr.queue_depth()), (tried, 0));
    assert_eq!(inbox.messages().len(), mails, "nothing was sent");
    tried
}

#[test]
fn a_notice_is_tried_for_seven_days_with_pauses_that_double_to_an_hour() {
    runtime().block_on(async {
        for kind in [SendErrorKind::Setup, SendErrorKind::Transient] {
            a_notice_fails_for_seven_days(kind, &PAUSES, with_outbox).await;
            a_notice_fails_for_seven_days(kind, &PAUSES, without_outbox).await;
        }
    });
}

#[test]
fn a_notice_that_may_have_arrived_is_repeated_with_pauses_that_double_to_a_day() {
    runtime().block_on(async {
        let kind = SendErrorKind::Unknown;
        let pauses: Vec<u64> = (0..11).map(|number| 1 << number).chain([1440; 5]).collect();
        let copies = a_notice_fails_for_seven_days(kind, &pauses, with_outbox).await;
        assert!(copies <= 18, "{copies} copies");
        let copies = a_notice_fails_for_seven_days(kind, &pauses, without_outbox).await;
        assert!(copies <= 18, "{copies} copies");
    });
}

#[test]
fn a_clock_that_is_days_ahead_for_a_moment_gives_no_notice_up() {
    runtime().block_on(async {
        for service in [with_outbox, without_outbox] {
            let world = World::memory().await;
            let (sspr, courier) = service(&world);
            let World { inbox, clock, .. } = world;
            let mut courier = Running::new(courier, inbox.clone());
            reset(&sspr, &clock, &inbox, &mut courier).await;
            inbox.fail_next(SendErrorKind::Transient, 1);
            let right = clock.now();
            clock.set(right.after(hours(8 * 24)));
            courier.rests();
            clock.advance(seconds(7));
            courier.rests();
            clock.set(right.after(seconds(7)));
            courier.rests();
            for _ in 0..30 {
                clock.advance(seconds(5));
                courier.rests();
            }
            assert_eq!(inbox.messages().len(), 1);
        }
    });
}

/// The service over the world's own outbox.
fn with_outbox(world: &World) -> (Sspr, Courier) {
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let users = world.users.in_memory();
    Sspr::builder(users.clone(), world.codes.clone(), policies, world.keys.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .with_hasher(world.hasher.clone())
        .with_outbox(users)
        .build()
}

#[test]
fn a_service_that_ends_tries_a_notice_that_no_outbox_keeps_twelve_times_more() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, courier) = without_outbox(&world);
        let World { inbox, clock, events, .. } = world;
        let mut courier = Running::new(courier, inbox.clone());
        reset(&sspr, &clock, &inbox, &mut courier).await;
        inbox.fail_next(SendErrorKind::Transient, 10_000);
        courier.rests();
        let before = notices(&events).len();

        drop(sspr);
        let began = clock.now();
        while !courier.rests() {
            assert!(clock.now().since(began) < hours(1), "the courier does not end");
            clock.advance(seconds(1));
        }

        assert!(notices(&events).len() - before <= 12);
        assert!(clock.now().since(began) < Duration::from_secs(600));
        assert_eq!(notices(&events).last().unwrap().outcome, Outcome::GivenUp);
    });
}

#[test]
fn a_mail_for_nobody_keeps_its_room_as_long_as_mails_took_lately() {
    runtime().block_on(async {
        let World { sspr, courier, inbox, clock, .. } = World::memory().await;
        let held = async |running: &mut Running, typed: &str, network: u8| {
            start(&sspr, typed, network).await;
            clock.advance(SOON);
            running.rests();
            let began = clock.now();
            while sspr.queue_depth() > 0 {
                assert!(clock.now().since(began) < hours(1), "the room is kept for ever");
                clock.advance(seconds(1));
                running.rests();
            }
            clock.now().since(began).as_secs()
        };
        // What `drain` does is no measure: it has no pauses, and holds nothing back.
        start(&sspr, "ada@example.com", 1).await;
        courier.drain(&inbox).await;
        let mut running = Running::new(courier, Slow::new(&clock, seconds(10)));
        assert_eq!(held(&mut running, "nobody@example.com", 2).await, 0);
        assert_eq!(held(&mut running, "ada@example.com", 3).await, 10);
        assert_eq!(held(&mut running, "nobody@example.com", 4).await, 10);
    });
}

#[test]
fn what_is_drained_is_not_held_back() {
    runtime().block_on(async {
        let world = World::memory().await;
        let World { sspr, courier, clock, .. } = &world;
        let slow = Slow::new(clock, seconds(10));
        start(sspr, "ada@example.com", 1).await;
        let (ended, ()) = futures_util::future::join(courier.drain(&slow), async {
            clock.advance(seconds(10));
        })
        .await;
        assert_eq!((ended.sent, slow.sent()), (1, 1));
        start(sspr, "nobody@example.com", 2).await;
        // Would wait for ever: nobody moves the clock.
        let drained = courier.drain(&slow).await;
        assert_eq!((drained.discarded, sspr.queue_depth()), (1, 0));
    });
}

#[test]
fn it_ends_when_the_last_handle_is_gone_and_every_mail_has_left() {
    runtime().block_on(async {
        let World { sspr, courier, clock, users, .. } = World::memory().await;
        let sender = Slow::new(&clock, seconds(10));
        let mut courier = Running::new(courier, sender.clone());
        start(&sspr, "ada@example.com", 1).await;
        drop((sspr, users));
        assert!(!courier.rests(), "a mail waits");
        clock.advance(SOON);
        assert!(!courier.rests(), "it is under way");
        clock.advance(seconds(10));
        assert!(courier.rests());
        assert_eq!(sender.sent(), 1);
    });
}

/// Takes five seconds for a notice, and hands a code over at once.
#[derive(Clone)]
struct SlowNotices(ManualClock, CaptureSender, Arc<AtomicUsize>);

#[async_trait]
impl EmailSender for SlowNotices {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        if code_in(message).is_none() {
            self.2.fetch_add(1, Ordering::SeqCst);
            self.0.sleep_until(self.0.now().after(seconds(5))).await;
            if message.to.as_str().starts_with("stuck") {
                return Err(SendError::new(SendErrorKind::Transient, "450 4.2.1 try again"));
            }
        }
        self.1.send(message).await
    }
}

/// An outbox of so many stuck notices, and a healthy one behind them.
async fn crowded(world: &World, stuck: u8) {
    let users = world.users.in_memory();
    for number in 0..=stuck {
        let mail = if number == stuck {
            "healthy@example.com".to_owned()
        } else {
            format!("stuck{number}@x.example")
        };
        world.add(&mail, &format!("u{number}")).await;
        let account = world.account(&format!("u{number}")).await.unwrap();
        let reset = RecordId::from_parts(tenant().tag(), [number; 16]);
        let new = (world.hash(NEW).await, Stamp::from_bytes([number; 16]));
        let change = PasswordChange::new(tenant(), &account, reset, new, world.clock.now());
        let applied = users.apply_change(&change).await.unwrap();
        assert!(matches!(applied, Applied::Done { .. }), "{applied:?}");
    }
}

#[test]
fn sixty_four_stuck_notices_delay_no_code_and_not_the_notice_behind_them() {
    runtime().block_on(async {
        let world = World::memory().await;
        crowded(&world, 64).await;
        let World { sspr, courier, inbox, clock, .. } = world;
        let sender = SlowNotices(clock.clone(), inbox.clone(), Arc::default());
        let mut courier = Running::new(courier, sender.clone());
        courier.rests();
        assert_eq!(sender.2.load(Ordering::SeqCst), 16, "notices have a share of the hands");

        start(&sspr, "ada@example.com", 1).await;
        courier.rests();
        clock.advance(SOON);
        courier.rests();
        assert_eq!(inbox.messages().len(), 1, "a code is handed over within a second");

        for _ in 0..60 {
            clock.advance(seconds(1));
            courier.rests();
        }
        let told = inbox.messages().iter().any(|mail| mail.to.as_str() == "healthy@example.com");
        assert!(told, "the 65th notice within its first minute");
    });
}

#[test]
fn notices_that_stall_delay_no_other_notice_by_more_than_seconds() {
    runtime().block_on(async {
        let world = World::memory().await;
        crowded(&world, 64).await;
        let World { courier, inbox, clock, .. } = world;
        let stalls = Stalls(clock.clone(), inbox.clone(), Duration::from_secs(400));
        let mut courier = Running::new(courier, stalls);
        for _ in 0..15 {
            courier.rests();
            clock.advance(seconds(1));
        }
        assert_eq!(inbox.messages().len(), 1, "the 65th notice");
    });
}

#[test]
fn a_long_send_keeps_the_lease_of_its_notice() {
    runtime().block_on(async {
        let world = World::memory().await;
        crowded(&world, 0).await;
        let users = world.users.in_memory();
        let World { courier, clock, .. } = world;
        let sender = Slow::new(&clock, Duration::from_secs(600));
        let mut courier = Running::new(courier, sender.clone());
        courier.rests();

        for _ in 0..119 {
            clock.advance(seconds(5));
            courier.rests();
            assert_eq!(users.due(clock.now(), 9).await.unwrap().len(), 0, "it is in hand");
        }
        clock.advance(seconds(5));
        courier.rests();
        assert_eq!((sender.sent(), sender.under_way()), (1, 0));
    });
}

#[test]
fn a_code_is_tried_while_it_is_of_use_also_when_the_set_up_is_wrong() {
    runtime().block_on(async {
        // Credentials that heal after 22 s, and greylisting of 300 s.
        for (kind, heals) in [(SendErrorKind::Setup, 22), (SendErrorKind::Transient, 300)] {
            let World { sspr, courier, inbox, clock, events, .. } = World::memory().await;
            let mut courier = Running::new(courier, inbox.clone());
            inbox.fail_next(kind, 10_000);
            start(&sspr, "ada@example.com", 1).await;
            for _ in 0..heals {
                courier.rests();
                clock.advance(seconds(1));
            }
            inbox.heal();
            for _ in 0..61 {
                courier.rests();
                clock.advance(seconds(1));
            }
            assert_eq!(inbox.messages().len(), 1, "{kind:?}");
            let failed = events.all().into_iter().find_map(|event| event.failure).unwrap();
            assert_eq!(failed.kind, FailureKind::Sender(kind));
        }
    });
}

#[test]
fn a_code_that_may_have_arrived_is_handed_over_once_more_and_then_never_again() {
    runtime().block_on(async {
        let World { sspr, courier, inbox, clock, events, .. } = World::memory().await;
        let mut courier = Running::new(courier, inbox.clone());
        inbox.fail_next(SendErrorKind::Unknown, 10_000);
        start(&sspr, "ada@example.com", 1).await;
        for _ in 0..600 {
            courier.rests();
            clock.advance(seconds(1));
        }
        let tried = events.all().into_iter().filter(|event| event.kind == EventKind::Deliver);
        assert_eq!(tried.count(), 2);
        assert_eq!(sspr.queue_depth(), 0);
    });
}

#[test]
fn a_clock_that_steps_back_by_an_hour_stops_neither_codes_nor_notices_nor_totals() {
    runtime().block_on(async {
        let world = World::memory().await;
        crowded(&world, 0).await;
        let World { sspr, courier, inbox, clock, .. } = world;
        let mut courier = Running::new(courier, inbox.clone());
        inbox.fail_next(SendErrorKind::Transient, 1);
        courier.rests();
        start(&sspr, "ada@example.com", 1).await;
        courier.rests();

        clock.set(clock.now().before(hours(1)));
        courier.rests();
        for _ in 0..12 {
            clock.advance(seconds(5));
            courier.rests();
        }

        let told: Vec<_> =
            inbox.messages().iter().map(|mail| mail.to.as_str().to_owned()).collect();
        assert_eq!(told.len(), 2, "the code, and the notice that was put off: {told:?}");
        assert_eq!(sspr.queue_depth(), 0);
    });
}

#[test]
fn a_process_that_does_not_know_the_tenant_keeps_its_notices_for_one_that_does() {
    runtime().block_on(async {
        let world = World::memory().await;
        crowded(&world, 0).await;
        let users = world.users.in_memory();
        let elsewhere = MemoryPolicies::fixed(TenantPolicy::customers("fabrikam").unwrap());
        let (_foreign, foreign) =
            Sspr::builder(users.clone(), world.codes.clone(), elsewhere, world.keys.clone())
                .with_clock(world.clock.clone())
                .with_outbox(users.clone())
                .build();

        for _ in 0..50 {
            let drained = foreign.drain(&world.inbox).await;
            assert_eq!((drained.sent, drained.failed), (0, 0));
            world.clock.advance(Duration::from_secs(70));
        }
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 1);
    });
}
