//! What the wrappers, the actors and the oracle share: who is being polled, the weather, the story.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
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
    /// Mails that arrive later, and when.
    pub late: Vec<(u64, sspr::mail::EmailMessage)>,
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
            asked: None,
            chance: Chance::new(seed.wrapping_mul(3)),
            current: 0,
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
        let (waits, fate) = {
            let mut shared = self.lock();
            let waits = 1 + shared.chance.below(2);
            let roll = shared.chance.below(1000);
            let bad = shared.weather.per_mille();
            let fate = match roll {
                roll if roll < bad / 2 => Fate::Refused,
                roll if roll < bad => Fate::ReplyLost,
                _ => Fate::Answered,
            };
            let current = shared.current;
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
        };
        pause(waits).await;
        fate
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
