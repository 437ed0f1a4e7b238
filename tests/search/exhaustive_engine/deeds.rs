//! What may happen next.

use sspr::domain::Method;

use super::{
    books::{ASSISTED, FORCED},
    calls::{Call, Typed},
    state::State,
    tape::Fate,
    world::{PASSWORDS, Setting, World},
};
use crate::simulation::founding::plain;

/// Sends of a reset, stamps of an account.
const SENDS: u32 = 3;
const STAMPS: usize = 3;
const TWO_WAYS: [Option<Method>; 2] = [Some(Method::Email), Some(Method::Sms)];
/// How long the code of a notice works.
pub const FREEZE_MINUTES: i64 = 3 * 24 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// A call from its beginning to its end; perhaps its answer is lost on the way.
    Whole {
        call: Call,
        lost: bool,
    },
    /// A call begins, and waits before its first port call.
    Begin {
        call: Call,
    },
    /// A call under way makes one port call.
    Go {
        thread: usize,
        fate: Fate,
    },
    /// The caller of a call under way goes away. Its next port call may still happen, or not.
    Leave {
        thread: usize,
    },
    /// The port call happens whose caller has gone away.
    Land {
        thread: usize,
    },
    /// The process of a call under way is killed.
    Kill {
        thread: usize,
    },
    /// The processes are killed whose mails wait.
    Restart,
    /// The clocks are set, on or back.
    Clock {
        minutes: i64,
    },
    Policy {
        tenant: usize,
        to: u8,
    },
    /// An account gets a new stamp: all its sessions end.
    SignOut {
        account: usize,
    },
    /// Its first address becomes another one.
    Readdress {
        account: usize,
    },
    Disable {
        account: usize,
    },
    /// Its phone becomes another one.
    Rephone {
        account: usize,
    },
    /// An account must change its password at the next sign-in.
    Mark {
        account: usize,
    },
}

/// What is left to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub deeds: u8,
    /// Calls that may be stopped between two port calls.
    pub stops: u8,
    pub faults: u8,
}

impl Budget {
    /// What is left after a deed, if there was enough for it.
    pub fn after(self, deed: Deed) -> Option<Self> {
        let (deeds, stops, faults) = match deed {
            Deed::Whole { call: Call::Deliver { lost: true, .. }, .. } => (1, 0, 1),
            Deed::Whole { lost, .. } => (1, 0, u8::from(lost)),
            Deed::Begin { .. } => (1, 1, 0),
            Deed::Go { fate, .. } => (0, 0, u8::from(fate != Fate::Answered)),
            Deed::Kill { .. } | Deed::Leave { .. } => (0, 0, 1),
            Deed::Land { .. } => (0, 0, 0),
            Deed::Restart => (1, 0, 1),
            _ => (1, 0, 0),
        };
        Some(Self {
            deeds: self.deeds.checked_sub(deeds)?,
            faults: self.faults.checked_sub(faults)?,
            stops: self.stops.checked_sub(stops)?,
        })
    }
}

impl State {
    /// What people and couriers can ask of the engine now.
    pub fn calls(&self, world: &World) -> Vec<Call> {
        let mut all = Vec::with_capacity(24);
        match world.setting {
            Setting::Entrances => all.extend(self.entrances()),
            Setting::Notified => all.extend(self.notified()),
            _ => {}
        }
        for reset in 0..world.resets() {
            let book = &self.books.resets[usize::from(reset)];
            if book.token.is_none() {
                all.push(Call::Open { reset });
                continue;
            }
            if book.sends < SENDS {
                let ways = if world.texts() { &TWO_WAYS[..] } else { &[None] };
                all.extend(ways.iter().map(|by| Call::Send { by: *by, reset }));
            }
            if book.sends > 0 {
                all.push(Call::Verify { reset, typed: Typed::Wrong });
            }
            for other in (0..world.resets()).filter(|other| world.reads(reset, *other)) {
                let mailed = self.books.resets[usize::from(other)].binds.iter();
                let mut mailed: Vec<_> = mailed.filter(|bind| bind.code.is_some()).collect();
                if other != reset {
                    mailed.drain(..mailed.len().saturating_sub(1));
                }
                all.extend(mailed.into_iter().map(|bind| Call::Verify {
                    reset,
                    typed: Typed::Mailed { number: bind.number, reset: other },
                }));
            }
            all.extend(self.secrets(reset));
            if let (Some((password, _)), (account @ 0, ..)) = (book.applied, world.typed(reset)) {
                let account = account as u8;
                all.extend([0, password].map(|password| Call::SignIn { account, password }));
            }
        }
        all.extend(self.jobs.iter().map(|job| {
            let (reset, tried) = (job.reset, job.history.len() as u8);
            match job.number {
                Some(number) => Call::Deliver { lost: false, number, reset, tried },
                None => Call::Tell { reset, tried },
            }
        }));
        if !self.stores.notices.is_empty() {
            all.push(Call::Notices);
        }
        all
    }

    /// What can be done with the grants and tickets of a reset.
    fn secrets(&self, reset: u8) -> Vec<Call> {
        let mut all = Vec::new();
        for bind in &self.books.resets[usize::from(reset)].binds {
            let number = bind.number;
            if bind.grant_held {
                all.extend([1, 2].map(|password| Call::Submit { number, password, reset }));
            }
            if bind.ticket_held {
                all.push(Call::Redeem { number, reset });
            }
        }
        all
    }

    /// What the owner, the thief and staff can ask for without any mail.
    fn entrances(&self) -> Vec<Call> {
        let holder = &self.stores.accounts[0].1;
        let mut indices = 0..PASSWORDS.len();
        let is_on_file =
            |index: &usize| holder.password.as_ref() == Some(&plain(PASSWORDS[*index]));
        let current = indices.find(is_on_file).unwrap_or_default() as u8;
        let new = current % 2 + 1;
        let wrong = 3 - current - new;
        let (stamp, first) = (self.books.session, self.books.stamps[0][0]);
        let change = |stamp, current, keyed| Call::Change { current, keyed, new, stamp };
        let mut all = vec![change(stamp, current, true), change(stamp, wrong, true)];
        if stamp != first {
            all.push(change(first, current, false));
        }
        // A form whose answer never came is sent again.
        let form = self.books.form.filter(|(from, ..)| *from != *holder.stamp.as_bytes());
        all.extend(form.map(|(stamp, current, new)| Call::Change {
            current,
            keyed: true,
            new,
            stamp,
        }));
        all.extend([current, wrong].map(|password| Call::SignIn { account: 0, password }));
        let assisted = &self.books.resets[usize::from(ASSISTED)];
        if assisted.id.is_none() {
            all.push(Call::Issue);
        } else if assisted.binds.iter().any(|bind| bind.code.is_some()) {
            all.extend([false, true].map(|foreign| Call::Enter { foreign }));
        }
        all.extend([FORCED, ASSISTED].into_iter().flat_map(|reset| self.secrets(reset)));
        all
    }

    /// What the thief and the owner can ask for once the notice is there.
    fn notified(&self) -> Vec<Call> {
        let holder = &self.stores.accounts[0].1;
        let is_on_file =
            |index: &usize| holder.password.as_ref() == Some(&plain(PASSWORDS[*index]));
        let current = (0..PASSWORDS.len()).find(is_on_file).unwrap_or_default() as u8;
        let (new, stamp) = (current % 2 + 1, self.books.session);
        let mut all = vec![
            Call::Change { current, keyed: false, new, stamp },
            Call::SignIn { account: 0, password: current },
        ];
        if self.books.notice.as_ref().is_some_and(|notice| notice.code.is_some()) {
            all.extend([true, false].map(|right| Call::Freeze { right }));
        }
        all
    }

    /// Everything that may happen now.
    pub fn deeds(&self, world: &World, left: Budget) -> Vec<Deed> {
        let mut all = Vec::with_capacity(60);
        for call in self.calls(world) {
            all.push(Deed::Whole { call, lost: false });
            all.extend(lost(call));
            if self.threads.len() < 2 {
                all.push(Deed::Begin { call });
            }
        }
        for thread in 0..self.threads.len() {
            if self.threads[thread].left.is_some() {
                all.push(Deed::Land { thread });
                continue;
            }
            if world.leaves() && self.threads[thread].call.has_a_caller() {
                all.push(Deed::Leave { thread });
            }
            let fates = [Fate::Answered, Fate::Refused, Fate::ReplyLost];
            all.extend(fates.map(|fate| Deed::Go { fate, thread }));
            all.push(Deed::Kill { thread });
        }
        if !self.jobs.is_empty() {
            all.push(Deed::Restart);
        }
        all.extend([2, 11, 61, -11].map(|minutes| Deed::Clock { minutes }));
        if world.setting == Setting::Notified {
            all.push(Deed::Clock { minutes: FREEZE_MINUTES });
        }
        let entrances = world.setting == Setting::Entrances;
        let tenants = if world.typed(1).1 == 1 { 2 } else { 1 };
        // No policy decides on what happens there.
        for tenant in (0..tenants).filter(|_| !entrances) {
            all.extend(world.modes().map(|to| Deed::Policy { tenant, to }));
        }
        let accounts = if world.resets() <= 1 { 1 } else { 2 };
        for account in (0..accounts).filter(|it| self.books.stamps[*it].len() < STAMPS) {
            if world.texts() {
                all.push(Deed::Rephone { account });
                continue;
            }
            all.push(Deed::SignOut { account });
            if account == 0 {
                all.push(Deed::Disable { account });
            }
            if account == 0 && !entrances && world.setting != Setting::Notified {
                all.push(Deed::Readdress { account });
            }
        }
        if entrances && !self.stores.accounts[0].1.must_change {
            all.push(Deed::Mark { account: 0 });
        }
        all.retain(|deed| left.after(*deed).is_some());
        all
    }
}

impl Call {
    /// Whether somebody waits for it who can go away.
    fn has_a_caller(self) -> bool {
        !matches!(
            self,
            Self::Change { .. }
                | Self::Deliver { .. }
                | Self::Issue
                | Self::Notices
                | Self::SignIn { .. }
                | Self::Tell { .. }
        )
    }
}

/// The same call, but its mail is lost, or its answer where that holds a secret.
fn lost(call: Call) -> Option<Deed> {
    match call {
        Call::Deliver { reset, number, tried, .. } => {
            let call = Call::Deliver { lost: true, number, reset, tried };
            Some(Deed::Whole { call, lost: false })
        }
        Call::Change { .. }
        | Call::Enter { foreign: false }
        | Call::Freeze { right: true }
        | Call::Open { .. }
        | Call::Submit { .. } => Some(Deed::Whole { call, lost: true }),
        Call::Verify { typed: Typed::Mailed { .. }, .. } => Some(Deed::Whole { call, lost: true }),
        _ => None,
    }
}
