//! What a process hears from its ports, and how it hears it again.
//!
//! A call of the engine is a future and cannot be copied. But it is a pure function of what its
//! ports answer: a call that waits is dropped, its answers are kept on a tape, and when it goes on
//! it begins anew and hears the tape first. So every call can be stopped before each port call,
//! copied, killed, and continued in any order; a courier's memory is rebuilt in the same way.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use sspr::{
    domain::{Account, PasswordHash, Timestamp},
    ports::{Applied, Notice, PasswordMatch},
    store::{Attempted, Inserted, Loaded, Over, StoredRecord, Swapped},
};

use super::{calls::Call, wide::Wide};
use crate::simulation::facts::Mode;

/// The time, and what the administrators have set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env {
    pub now: Timestamp,
    pub modes: [Mode; 2],
}

/// What becomes of one port call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    Answered,
    /// Nothing happened.
    Refused,
    /// It happened, and the answer is lost.
    ReplyLost,
}

/// What one port call answered.
#[derive(Clone)]
pub enum Reply {
    Account(Option<Box<Account>>),
    Accounts(Vec<Account>),
    Applied(Applied),
    Attempted(Attempted),
    Done,
    Failed(Fate),
    Froze(bool),
    Hashed(PasswordHash),
    Inserted(Inserted),
    Loaded(Loaded),
    Notices(Vec<Notice>),
    Over(Vec<Over>),
    Swapped(Swapped),
    PasswordMatch(PasswordMatch),
}

/// A reply, and what stood around the code that asked for it.
#[derive(Clone)]
pub struct Heard {
    pub env: Env,
    pub reply: Reply,
}

/// Everything that one call has heard so far.
#[derive(Clone)]
pub struct Tape {
    pub heard: Vec<Arc<Heard>>,
    /// What stood around the code that runs up to the next port call.
    pub then: Env,
    /// Of all of it.
    pub digest: u128,
}

/// A call that has ended, or whose caller has left, with a job in its process's memory.
pub struct Played {
    pub call: Call,
    pub tape: Tape,
    /// What stood around it when its caller left, if it did.
    pub left: Option<Env>,
}

impl Tape {
    pub fn new(then: Env) -> Self {
        Self { digest: 0, heard: Vec::new(), then }
    }

    pub fn push(&mut self, env: Env, reply: Reply) {
        let mut hasher = Wide::default();
        (self.digest, env).hash(&mut hasher);
        reply.hash(&mut hasher);
        self.digest = hasher.whole();
        self.heard.push(Arc::new(Heard { env, reply }));
    }
}

impl Hash for Env {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.now, self.modes.map(|mode| mode as u8)).hash(state);
    }
}

impl Hash for Reply {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Account(found) => found.iter().for_each(|it| account(it, state)),
            Self::Accounts(found) => found.iter().for_each(|it| account(it, state)),
            Self::Applied(Applied::Repeated { stamp }) => stamp.as_bytes().hash(state),
            Self::Applied(applied) => std::mem::discriminant(applied).hash(state),
            Self::Attempted(attempted) => {
                std::mem::discriminant(attempted).hash(state);
                match attempted {
                    Attempted::Charged { record, over: refused } => {
                        stored(record, state);
                        over(refused, state);
                    }
                    Attempted::Refused(refused) => over(refused, state),
                    Attempted::Missing | Attempted::Dead | Attempted::Exhausted => {}
                }
            }
            Self::Failed(fate) => fate.hash(state),
            Self::Froze(done) => done.hash(state),
            Self::Hashed(hash) => hash.expose().hash(state),
            Self::Inserted(inserted) => std::mem::discriminant(inserted).hash(state),
            Self::Loaded(loaded) => {
                std::mem::discriminant(loaded).hash(state);
                match loaded {
                    Loaded::Found(record) => stored(record, state),
                    Loaded::Refused(refused) => over(refused, state),
                    Loaded::Missing => {}
                }
            }
            Self::Notices(due) => due.iter().for_each(|notice| notice.id.hash(state)),
            Self::Over(refused) => over(refused, state),
            Self::Swapped(Swapped::Refused(refused)) => over(refused, state),
            Self::Swapped(Swapped::Swapped { version } | Swapped::Conflict { version }) => {
                version.hash(state);
            }
            Self::PasswordMatch(verdict) => std::mem::discriminant(verdict).hash(state),
            Self::Done | Self::Swapped(Swapped::Missing) => {}
        }
        if let Self::Swapped(swapped) = self {
            std::mem::discriminant(swapped).hash(state);
        }
    }
}

fn account(account: &Account, state: &mut impl Hasher) {
    (account.id.as_str(), account.stamp.as_bytes(), account.last_change).hash(state);
    (account.disabled, account.must_change, account.frozen.is_some()).hash(state);
    account.password.as_ref().map(|hash| hash.expose()).hash(state);
    account.addresses.iter().for_each(|address| address.as_str().hash(state));
    account.phones.hash(state);
}

fn stored(record: &StoredRecord, state: &mut impl Hasher) {
    let StoredRecord { version, expires_at, touched_at, tries, body } = record;
    (version, expires_at, touched_at, tries, body).hash(state);
}

fn over(over: &[Over], state: &mut impl Hasher) {
    over.iter().for_each(|over| (over.name, over.ends_at).hash(state));
}
