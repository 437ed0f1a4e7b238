//! The desk that a process's ports stand on: answers from the tape first, then from the stores.

use std::{
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};

use sspr::domain::Timestamp;

use super::{
    books::{Books, Noted},
    calls::Call,
    defects::Defect,
    state::BEGIN,
    stores::Stores,
    tape::{Env, Fate, Reply, Tape},
    world::Founding,
};
use crate::simulation::{chance::Chance, facts::Mode};

/// All ports of one process, for one call.
#[derive(Clone)]
pub struct Desk(Arc<Mutex<Inner>>);

pub struct Inner {
    pub world: Arc<Founding>,
    pub stores: Stores,
    pub books: Books,
    pub env: Env,
    pub call: Call,
    /// When the call began.
    pub began: Timestamp,
    pub tape: Tape,
    /// How much of the tape was heard.
    at: usize,
    /// Whether any port call was really made.
    pub live: bool,
    /// How many may really be made.
    allowed: usize,
    /// What becomes of the next one.
    fate: Fate,
    /// Whether nobody will hear the answer that is being made.
    pub is_unheard: bool,
    pub chance: Chance,
    pub noted: Noted,
    /// What was asked, for twins.
    pub asked: Option<Vec<String>>,
    /// What stood in events, for the search for secrets.
    pub events: String,
}

impl Desk {
    pub fn new(world: &Arc<Founding>) -> Self {
        let env = Env { modes: [Mode::On; 2], now: BEGIN };
        Self(Arc::new(Mutex::new(Inner {
            allowed: 0,
            asked: None,
            at: 0,
            began: BEGIN,
            books: Books::default(),
            call: Call::Notices,
            chance: Chance::new(0),
            env,
            events: String::new(),
            fate: Fate::Answered,
            is_unheard: false,
            live: false,
            noted: Noted::default(),
            stores: Stores::default(),
            tape: Tape::new(env),
            world: world.clone(),
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// From here on this call hears this tape, and then so many port calls are really made.
    pub fn play(&self, call: Call, tape: Tape, allowed: usize, fate: Fate) {
        let mut inner = self.lock();
        let repeats = inner.world.is(Defect::RandomnessRepeats);
        let repeats = repeats && matches!(call, Call::Deliver { .. });
        inner.chance = Chance::new(if repeats { 0 } else { call.seed() });
        (inner.call, inner.tape, inner.at, inner.live) = (call, tape, 0, false);
        (inner.allowed, inner.fate) = (allowed, fate);
    }

    /// One port call: heard again, made, or for ever waiting to be made.
    pub async fn hear(
        &self,
        verb: impl FnOnce() -> String,
        act: impl FnOnce(&mut Inner) -> Reply,
    ) -> Reply {
        if let Some(reply) = self.answer(verb, act) {
            return reply;
        }
        pending().await
    }

    fn answer(
        &self,
        verb: impl FnOnce() -> String,
        act: impl FnOnce(&mut Inner) -> Reply,
    ) -> Option<Reply> {
        let mut inner = self.lock();
        if let Some(heard) = inner.tape.heard.get(inner.at).cloned() {
            inner.at += 1;
            return Some(heard.reply.clone());
        }
        if inner.allowed == 0 {
            return None;
        }
        inner.allowed -= 1;
        let (env, fate) = (inner.around(), std::mem::replace(&mut inner.fate, Fate::Answered));
        if let Some(asked) = &mut inner.asked {
            asked.push(verb());
        }
        let reply = match fate {
            Fate::Answered => act(&mut inner),
            Fate::Refused => Reply::Failed(fate),
            Fate::ReplyLost => {
                inner.is_unheard = true;
                act(&mut inner);
                inner.is_unheard = false;
                Reply::Failed(fate)
            }
        };
        inner.tape.push(env, reply.clone());
        (inner.at, inner.live) = (inner.at + 1, true);
        inner.tape.then = inner.env;
        Some(reply)
    }
}

impl Inner {
    /// What stands around the code that runs now.
    pub fn around(&self) -> Env {
        self.tape.heard.get(self.at).map_or(self.tape.then, |heard| heard.env)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk(…)")
    }
}
