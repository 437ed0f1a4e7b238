//! What the wrappers, the actors and the oracle share: who is being polled, the weather, the story.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
};

use sspr::{
    domain::Timestamp,
    mail::{EmailMessage, TextMessage},
};

use super::{chance::Chance, oracle::Oracle};

/// Shared by everything in one world. One thread: a lock is never waited for.
#[derive(Clone)]
pub struct Hub(Arc<Mutex<Shared>>);

pub struct Shared {
    pub chance: Chance,
    pub oracle: Oracle,
    /// The call that is being polled.
    pub current: usize,
    pub weather: Weather,
    pub story: Option<Vec<String>>,
    /// What the request path asked of its ports, for twins.
    pub asked: Option<Vec<String>>,
    /// What becomes of the port calls of couriers, for twins: nobody sees how many they are.
    pub couriers: Option<Fate>,
    /// Messages that arrive later, and when.
    pub late: Vec<(u64, Late)>,
    /// What becomes of the port call that a caller waits for while it is dropped.
    pub landing: Landing,
    /// Port calls that still happen, though nobody waits for them any more.
    pub adrift: Vec<Adrift>,
}

/// A message that arrives later.
pub enum Late {
    Mail(EmailMessage),
    Text(TextMessage),
}

/// What becomes of a port call whose caller is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    Never,
    AtOnce,
    Later,
}

/// A port call that nobody waits for.
pub struct Adrift {
    act: Box<dyn FnOnce() + Send>,
    call: usize,
    /// The step in which it happens, and the time of its process when its caller left.
    pub due: u64,
    pub left: Timestamp,
}

/// How much goes wrong, in a thousand port calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Calm,
    Breeze,
    Storm,
}

/// What becomes of one port call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// Nothing happened.
    Refused,
    /// It happened, and the answer is lost.
    ReplyLost,
}

impl Weather {
    pub fn per_mille(self) -> usize {
        match self {
            Self::Calm => 0,
            Self::Breeze => 15,
            Self::Storm => 120,
        }
    }
}

impl Hub {
    pub fn new(seed: u64, oracle: Oracle, told: bool) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            adrift: Vec::new(),
            asked: None,
            chance: Chance::new(seed.wrapping_mul(3)),
            couriers: None,
            current: 0,
            landing: Landing::Never,
            late: Vec::new(),
            oracle,
            story: told.then(Vec::new),
            weather: Weather::Calm,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap()
    }

    /// Waits at the door of a port for a while, and learns what will become of the call.
    pub async fn enter(&self, verb: &str, detail: impl FnOnce() -> String) -> Fate {
        let (waits, fate) = self.arrive(verb, detail);
        pause(waits).await;
        fate
    }

    /// One port call: waits at the door, then happens; `None` if it is refused. If the caller is
    /// dropped while it waits, it may happen all the same.
    pub async fn perform<T: Send>(
        &self,
        verb: &str,
        detail: impl FnOnce() -> String,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Option<(T, Fate)> {
        let (waits, fate) = self.arrive(verb, detail);
        if fate == Fate::Refused {
            pause(waits).await;
            return None;
        }
        let call = self.lock().current;
        let mut underway = Underway { act: Some(act), call, hub: self.clone() };
        pause(waits).await;
        let act = underway.act.take().expect("it happens once");
        Some((act(), fate))
    }

    /// Whether it is a courier that is being polled.
    pub fn is_courier(&self) -> bool {
        let shared = self.lock();
        !shared.oracle.on_request_path(shared.current)
    }

    /// Tells the oracle what the call that is being polled has done.
    pub fn note(&self, note: impl FnOnce(&mut Oracle, usize)) {
        let mut shared = self.lock();
        let call = shared.current;
        note(&mut shared.oracle, call);
    }

    /// Drops callers: what they wait for happens, or not.
    pub fn dropping(&self, landing: Landing, callers: impl FnOnce()) {
        self.lock().landing = landing;
        callers();
        self.lock().landing = Landing::Never;
    }

    /// Lets what is adrift happen, where it is due.
    pub fn land(&self, due: impl Fn(&Adrift) -> bool) -> u64 {
        let adrift = std::mem::take(&mut self.lock().adrift);
        let (due, rest): (Vec<_>, Vec<_>) = adrift.into_iter().partition(due);
        self.lock().adrift = rest;
        let landed = due.len() as u64;
        for Adrift { act, call, .. } in due {
            self.happens(call, act);
        }
        landed
    }

    fn happens(&self, call: usize, act: Box<dyn FnOnce() + Send>) {
        let before = {
            let mut shared = self.lock();
            shared.tell(|| format!("    call {call} is gone, and what it asked for happens"));
            std::mem::replace(&mut shared.current, call)
        };
        act();
        self.lock().current = before;
    }

    fn left(&self, call: usize, act: Box<dyn FnOnce() + Send>) {
        let mut shared = self.lock();
        match shared.landing {
            Landing::Never => {}
            Landing::AtOnce => {
                drop(shared);
                self.happens(call, act);
            }
            Landing::Later => {
                let due = shared.oracle.step + 1 + shared.chance.below(80) as u64;
                let left = shared.oracle.now_of(call);
                shared.adrift.push(Adrift { act, call, due, left });
            }
        }
    }

    fn arrive(&self, verb: &str, detail: impl FnOnce() -> String) -> (usize, Fate) {
        {
            let mut shared = self.lock();
            let current = shared.current;
            if let Some(fate) = shared.couriers
                && !shared.oracle.on_request_path(current)
            {
                return (0, fate);
            }
            let waits = 1 + shared.chance.below(2);
            let roll = shared.chance.below(1000);
            let bad = shared.weather.per_mille();
            let fate = match roll {
                roll if roll < bad / 2 => Fate::Refused,
                roll if roll < bad => Fate::ReplyLost,
                _ => Fate::Answered,
            };
            shared.oracle.entered(current);
            if fate != Fate::Answered {
                shared.oracle.faulted(current);
                shared.tell(|| format!("    call {current}: {verb} {fate:?}"));
            }
            let on_the_path = shared.oracle.on_request_path(current);
            if let (Some(asked), true) = (&mut shared.asked, on_the_path) {
                asked.push(format!("{current} {verb} {}", detail()));
            }
            (waits, fate)
        }
    }
}

/// A port call whose caller waits for it.
struct Underway<T, A: FnOnce() -> T + Send + 'static> {
    hub: Hub,
    call: usize,
    act: Option<A>,
}

impl<T, A: FnOnce() -> T + Send + 'static> Drop for Underway<T, A> {
    fn drop(&mut self) {
        if let Some(act) = self.act.take() {
            self.hub.left(self.call, Box::new(move || drop(act())));
        }
    }
}

impl Shared {
    /// Adds one line to the story, if somebody listens.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        let step = self.oracle.step;
        if let Some(story) = &mut self.story {
            story.push(format!("{step:6} {}", line()));
        }
    }
}

/// Lets everybody else go on, so many times.
pub async fn pause(times: usize) {
    for _ in 0..times {
        let mut waited = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
