//! The courier as a host runs it: polled by hand, so that a test sees when it waits, for what, and
//! that it does wait.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use async_trait::async_trait;
use sspr::{
    Sspr,
    adapters::{CaptureSender, ManualClock, MemoryEvents, MemoryUsers, Policies, code_in},
    domain::CorrelationId,
    engine::{Courier, StartOutcome, SubmitOutcome, VerifyOutcome},
    mail::EmailMessage,
    policy::TenantPolicy,
    ports::{
        Applied, Clock, EmailSender, Event, EventKind, FailureKind, NoticeDelivery, Outcome,
        PasswordChange, SendError, SendErrorKind, StoreError, UserStore,
    },
};
use support::{stepped::*, *};

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
fn thirty_two_mails_are_under_way_at_once_and_the_next_follow_when_one_is_done() {
    runtime().block_on(async {
        let world = World::memory().await;
        for number in 0..40 {
            world.add(&format!("u{number}@example.com"), &format!("u{number}")).await;
        }
        let World { sspr, courier, clock, .. } = world;
        let sender = Slow::new(&clock, seconds(10));
        let mut courier = Running::new(courier, sender.clone());
        for number in 0..40 {
            start(&sspr, &format!("u{number}@example.com"), number).await;
        }
        courier.rests();
        clock.advance(SOON);
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (32, 0));
        assert_eq!(sspr.queue_depth(), 40, "what is under way keeps its room");
        clock.advance(seconds(5));
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (32, 0), "a round starts no more");
        clock.advance(seconds(5));
        courier.rests();
        assert_eq!((sender.under_way(), sender.sent()), (8, 32));
        clock.advance(seconds(10));
        courier.rests();
        assert_eq!((sender.sent(), sspr.queue_depth()), (40, 0));
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
    async fn apply_reset(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        Ok(match users.apply_reset(change).await? {
            Applied::Done { .. } => Applied::Done { notice: NoticeDelivery::NotQueued },
            other => other,
        })
    }
}

/// The same world's service over it.
fn without_outbox(world: &World) -> (Sspr, Courier) {
    let policies = Policies::fixed(TenantPolicy::customers("contoso").unwrap());
    let users = SteppedUsers(world.users.in_memory(), Forgetful);
    Sspr::builder(users, world.codes.clone(), policies, world.keys.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .with_hasher(world.hasher.clone())
        .build()
}

/// Pauses of a notice, in minutes: they double up to an hour.
const PAUSES: [u64; 9] = [1, 2, 4, 8, 16, 32, 60, 60, 60];

fn notices(events: &MemoryEvents) -> Vec<Event> {
    events.all().into_iter().filter(|event| event.kind == EventKind::Notify).collect()
}

/// A notice fails for that reason until seven days after the change, with its pauses.
async fn a_notice_fails_for_seven_days(
    kind: SendErrorKind,
    service: impl Fn(&World) -> (Sspr, Courier),
) {
    let world = World::memory().await;
    let (sspr, courier) = service(&world);
    let World { inbox, clock, events, .. } = world;
    let mut courier = Running::new(courier, inbox.clone());
    reset(&sspr, &clock, &inbox, &mut courier).await;
    let mails = inbox.messages().len();
    inbox.fail_next(kind, 10_000);
    let began = clock.now();
    clock.advance(seconds(5));
    courier.rests();
    for (tried, minutes) in PAUSES.into_iter().enumerate() {
        assert_eq!(notices(&events).len(), tried + 1);
        clock.advance(Duration::from_secs(60 * minutes) - seconds(6));
        courier.rests();
        assert_eq!(notices(&events).len(), tried + 1, "not before its pause of {minutes} min");
        for _ in 0..3 {
            clock.advance(seconds(5));
            courier.rests();
        }
    }
    while notices(&events).last().unwrap().outcome != Outcome::GivenUp {
        clock.advance(Duration::from_secs(600));
        courier.rests();
    }
    let lasted = clock.now().since(began);
    assert!((hours(7 * 24)..hours(7 * 24 + 2)).contains(&lasted), "{lasted:?}");
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
}

#[test]
fn a_notice_is_tried_for_seven_days_with_pauses_that_double_to_an_hour() {
    runtime().block_on(async {
        for kind in [SendErrorKind::Setup, SendErrorKind::Transient, SendErrorKind::Unknown] {
            a_notice_fails_for_seven_days(kind, with_outbox).await;
            a_notice_fails_for_seven_days(kind, without_outbox).await;
        }
    });
}

/// The service over the world's own outbox.
fn with_outbox(world: &World) -> (Sspr, Courier) {
    let policies = Policies::fixed(TenantPolicy::customers("contoso").unwrap());
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
