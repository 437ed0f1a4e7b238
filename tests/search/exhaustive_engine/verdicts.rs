//! What the oracle says of an answer: was there leave for it, and was there an excuse?

use std::time::Duration;

use sspr::{
    domain::{Method, Stamp, Timestamp},
    engine::{
        AssistanceOutcome, ChangeOutcome, FreezeOutcome, RedeemOutcome, Rejection, SignInOutcome,
        SubmitOutcome, VerifyOutcome,
    },
    flow::{ResetReason, StageName, decode_reset},
};

use super::{
    books::{ASSISTED, Broken, FORCED, KeptBook, Noted, Secret},
    calls::{Answer, Call, Thread, Typed},
    deeds::FREEZE_MINUTES,
    state::State,
    tape::Env,
    world::{LIMITS, PASSWORDS, Setting, World},
};
use crate::simulation::{
    facts::{Mode, eligible},
    founding::{plain, rules},
    methods::{Proof, permitted, texted},
};

/// How long the code of a notice works.
const FREEZE_LIFETIME: Duration = Duration::from_secs(60 * FREEZE_MINUTES as u64);

/// What stands for a call, one bit each.
const PERMITTED: u8 = 1;
const SAME: u8 = 2;
const NEWEST: u8 = 4;
const ALIVE: u8 = 8;
const OPEN: u8 = 16;
pub const ALL: u8 = 31;

impl State {
    /// What stands for a call now.
    pub fn standing(&self, world: &World, call: Call, noted: &Noted) -> u8 {
        let (reset, number) = match call {
            Call::Verify { reset, typed: Typed::Mailed { reset: other, number } }
                if other == reset =>
            {
                (reset, number)
            }
            Call::Submit { reset, number, .. } | Call::Redeem { reset, number } => (reset, number),
            Call::Deliver { reset, number, .. } => {
                return self.standing_of_a_message(world, self.env, reset, number);
            }
            Call::SignIn { account, password } => {
                let holder = &self.stores.accounts[usize::from(account)].1;
                let right = holder.password == Some(plain(PASSWORDS[usize::from(password)]));
                let marked = holder.must_change;
                return bits([holder.frozen.is_none(), right, marked, false, !marked]);
            }
            Call::Change { stamp, current, new, keyed } => {
                return self.standing_of_a_session(stamp, (current, new), keyed);
            }
            Call::Enter { foreign: false } => (ASSISTED, 0),
            Call::Freeze { right: true } => return self.standing_of_a_notice(),
            _ => return 0,
        };
        let book = &self.books.resets[usize::from(reset)];
        let Some(bind) = self.books.bind(reset, number) else { return 0 };
        let Some((account, stamp, to)) = &bind.to else { return 0 };
        let Some(stage) = self.stage(reset) else { return 0 };
        let (tenant, now) = (world.typed(reset).1, self.env.now.latest(book.touched));
        let holder = &self.stores.accounts[usize::from(*account)].1;
        let own = holder.stamp == Stamp::from_bytes(*stamp) && to.is_of(holder);
        let done = book.applied.is_some_and(|(_, stamp)| *holder.stamp.as_bytes() == stamp);
        let verified = book.verified == number;
        let (same, until, open) = match (call, stage) {
            (Call::Verify { .. }, stage) => {
                (own, bind.expires_at, matches!(stage, StageName::CodeSent | StageName::Verified))
            }
            (Call::Enter { .. }, StageName::CodeSent) => (own, bind.expires_at, true),
            (Call::Enter { .. }, StageName::Verified) => {
                // A code that outlives its grant gives no second one.
                (own, bind.expires_at.min(book.grant_until), true)
            }
            (Call::Submit { .. }, StageName::Completed) => (done, book.ticket_until, verified),
            (Call::Submit { .. }, StageName::Verified) => (own || done, book.grant_until, verified),
            (Call::Redeem { .. }, StageName::Completed) => {
                let stamp = book.ticket_stamp.map(Stamp::from_bytes);
                let free = (!bind.ticket_used || noted.redeems) && !holder.must_change;
                (stamp == Some(holder.stamp), book.ticket_until, verified && free)
            }
            _ => (own || done, now, false),
        };
        let newest = book.binds.last().is_some_and(|last| last.number == number);
        let reason = match reset {
            ASSISTED => ResetReason::Assistance,
            FORCED => ResetReason::MustChange,
            _ => ResetReason::Forgot,
        };
        // Once the password is changed, nobody knows any more which way the code went.
        let proof = match call {
            Call::Redeem { .. } => Proof::any_way(reason),
            _ => Proof::of(reason, to),
        };
        let may = permitted(proof, world.texts(), self.env.modes[tenant], holder);
        bits([may, same, newest, now < until, open])
    }

    /// What stands for a change by a session: the account is enabled, the stamp is its own, and the
    /// current password is right. Or the change was made already.
    fn standing_of_a_session(&self, stamp: [u8; 16], (current, new): (u8, u8), keyed: bool) -> u8 {
        let holder = &self.stores.accounts[0].1;
        let held = *holder.stamp.as_bytes();
        let made = |it: &KeptBook| it.from == stamp && it.new == new && it.next == held;
        let done = keyed && !holder.must_change && self.books.kept.iter().any(made);
        let typed = if done { new } else { current };
        let right = holder.password == Some(plain(PASSWORDS[usize::from(typed)]));
        let may = !holder.disabled && holder.frozen.is_none();
        bits([may, held == stamp || done, right, true, true])
    }

    /// What stands for the code of a notice: the policy covers the application, and neither a reset
    /// nor its time has ended the code.
    fn standing_of_a_notice(&self) -> u8 {
        let Some(notice) = &self.books.notice else { return 0 };
        let until = notice.at.after(FREEZE_LIFETIME);
        bits([self.env.modes[0] == Mode::On, true, !notice.may_be_void, self.env.now < until, true])
    }

    fn standing_of_a_message(&self, world: &World, env: Env, reset: u8, number: u32) -> u8 {
        let (account, tenant, typed) = world.typed(reset);
        let holder = &self.stores.accounts[account].1;
        let same = holder.addresses.iter().any(|address| address.as_str() == typed);
        let mode = env.modes[tenant];
        let may = match self.books.resets[usize::from(reset)].way_of(number) {
            Method::Email => eligible(mode, holder),
            Method::Sms => texted(mode, holder).is_some(),
        };
        bits([may, same, true, true, true])
    }

    pub fn stage(&self, reset: u8) -> Option<StageName> {
        let kept = self.stores.records.get(&self.books.resets[usize::from(reset)].id?)?;
        decode_reset(&kept.stored().body).ok().map(|reset| reset.stage.name())
    }

    /// Takes note, for a call under way, of how things stand now.
    pub fn watch(&self, world: &World, thread: &mut Thread) -> Result<(), Broken> {
        let standing = self.standing(world, thread.call, &thread.noted);
        thread.ever |= standing;
        if let Call::Deliver { reset, number, .. } = thread.call {
            // A courier reads the policy before it looks the account up.
            let heard = thread.tape.heard.iter().map(|heard| heard.env);
            for env in heard.chain([thread.tape.then]) {
                thread.ever |= self.standing_of_a_message(world, env, reset, number);
            }
        }
        thread.always &= standing;
        let is_sound = self.books.broken.is_none();
        if is_sound && thread.noted.bound && thread.ever & PERMITTED == 0 {
            return Err(Broken::I6PolicyForbids);
        }
        if thread.noted.applied {
            return self.had_leave(thread);
        }
        Ok(())
    }

    /// Whether everything that a success needs was there at some time.
    fn had_leave(&self, thread: &Thread) -> Result<(), Broken> {
        let until = |until: Timestamp| match () {
            () if thread.began >= until => Err(Broken::I4AfterExpiry),
            () if thread.began.latest(thread.touched) >= until => Err(Broken::I8TheDeadRevived),
            () => Ok(()),
        };
        let lacks = |bit| thread.ever & bit == 0;
        match thread.call {
            // Its answer is judged.
            Call::Freeze { .. } => return Ok(()),
            Call::Change { .. } if lacks(SAME) => return Err(Broken::I9OldStamp),
            Call::Change { .. } if lacks(NEWEST) => {
                return Err(Broken::I5ChangedWithoutPassword);
            }
            _ if lacks(NEWEST) => return Err(Broken::I3OlderCodeWins),
            Call::Verify { reset, typed: Typed::Mailed { number, .. } } => {
                let bind = self.books.bind(reset, number);
                until(bind.map_or(Timestamp::default(), |bind| bind.expires_at))?;
            }
            Call::Enter { .. } => {
                let bind = self.books.bind(ASSISTED, 0);
                until(bind.map_or(Timestamp::default(), |bind| bind.expires_at))?;
            }
            Call::Submit { reset, .. } => {
                until(self.books.resets[usize::from(reset)].grant_until)?;
            }
            Call::Redeem { reset, .. } => {
                until(self.books.resets[usize::from(reset)].ticket_until)?;
            }
            _ => {}
        }
        match () {
            () if lacks(SAME) && matches!(thread.call, Call::Redeem { .. }) => {
                Err(Broken::I9OldStamp)
            }
            () if lacks(SAME) => Err(Broken::I4StampAndAddress),
            () if lacks(PERMITTED) => Err(Broken::I6PolicyForbids),
            () if lacks(OPEN) => Err(Broken::I4SecretThatNeverCounted),
            () => Ok(()),
        }
    }

    /// Judges an answer.
    pub fn judge(&mut self, world: &World, thread: &Thread, answer: &Answer) -> Result<(), Broken> {
        match (thread.call, answer) {
            (Call::Verify { reset, typed }, Answer::Verify(Ok(outcome))) => {
                self.verified(thread, reset, typed, outcome)
            }
            (Call::Submit { reset, number, password }, Answer::Submit(Ok(outcome))) => {
                self.submitted(world, thread, (reset, number, password), outcome)
            }
            (Call::Redeem { reset, number }, Answer::Redeem(Ok(outcome))) => {
                self.redeemed(thread, reset, number, outcome)
            }
            (
                Call::SignIn { account, .. },
                Answer::SignIn(Ok(SignInOutcome::SignedIn(signed_in))),
            ) => {
                let holder = &self.stores.accounts[usize::from(account)].1;
                let current = holder.stamp == signed_in.stamp && holder.id == signed_in.account;
                if thread.ever & SAME == 0 || (thread.at_once && !current) {
                    return Err(Broken::I9OldStamp);
                }
                if thread.ever & OPEN == 0 {
                    return Err(Broken::I5MarkedSignsIn);
                }
                if thread.ever & PERMITTED == 0 {
                    return Err(Broken::I9FrozenSignsIn);
                }
                Ok(())
            }
            (Call::SignIn { .. }, Answer::SignIn(Ok(SignInOutcome::MustChange(granted)))) => {
                let grant = Secret::of(&granted.grant.expose());
                let book = &mut self.books.resets[usize::from(FORCED)];
                let is_noted = book.id.is_some_and(|id| grant.is_of(id));
                if let Some(bind) = book.binds.first_mut().filter(|_| is_noted) {
                    bind.grant.get_or_insert(grant);
                }
                let right = thread.ever & SAME != 0 && thread.ever & NEWEST != 0;
                if right { Ok(()) } else { Err(Broken::I5ChangedWithoutPassword) }
            }
            (Call::Change { stamp, new, .. }, Answer::Change(Ok(outcome))) => {
                self.kept(thread, (stamp, new), outcome)
            }
            (Call::Enter { foreign }, Answer::Enter(Ok(outcome))) => {
                self.entered(thread, foreign, outcome)
            }
            (Call::Freeze { right }, Answer::Freeze(Ok(outcome))) => {
                self.froze(thread, right, outcome)
            }
            _ => Ok(()),
        }
    }

    fn froze(
        &mut self,
        thread: &Thread,
        right: bool,
        outcome: &FreezeOutcome,
    ) -> Result<(), Broken> {
        let Some(notice) = self.books.notice.as_mut().filter(|_| right) else {
            let froze = matches!(outcome, FreezeOutcome::Frozen);
            return if froze { Err(Broken::I4SecretThatNeverCounted) } else { Ok(()) };
        };
        let is_late = thread.began >= notice.at.after(FREEZE_LIFETIME);
        match outcome {
            FreezeOutcome::Frozen if is_late => Err(Broken::I4AfterExpiry),
            // A call that is stopped may have read the code before it was seen to expire.
            FreezeOutcome::Frozen if notice.seen_dead && thread.at_once => {
                Err(Broken::I8TheDeadRevived)
            }
            FreezeOutcome::Rejected if thread.always == ALL && !notice.seen_dead => {
                Err(Broken::I5LiveFreezeRefused)
            }
            FreezeOutcome::Rejected => {
                // Where the policy offers no codes, nobody looks at it.
                notice.seen_dead |= is_late && thread.always & PERMITTED != 0;
                Ok(())
            }
            FreezeOutcome::Frozen | FreezeOutcome::TryLater { .. } => Ok(()),
        }
    }

    fn kept(
        &self,
        thread: &Thread,
        (stamp, new): ([u8; 16], u8),
        outcome: &ChangeOutcome,
    ) -> Result<(), Broken> {
        match outcome {
            ChangeOutcome::Changed(kept) => {
                let next = *kept.stamp.as_bytes();
                if !self.books.kept.contains(&KeptBook { from: stamp, new, next }) {
                    return Err(Broken::I5ChangedAndIsNot);
                }
                self.had_leave(thread)
            }
            ChangeOutcome::SessionEnded
            | ChangeOutcome::Unavailable
            | ChangeOutcome::WrongPassword
                if thread.always == ALL =>
            {
                Err(Broken::I5LiveSessionRefused)
            }
            _ => Ok(()),
        }
    }

    fn entered(
        &mut self,
        thread: &Thread,
        foreign: bool,
        outcome: &AssistanceOutcome,
    ) -> Result<(), Broken> {
        let Some(bind) = self.books.bind_mut(ASSISTED, 0) else {
            return Err(Broken::I4SecretThatNeverCounted);
        };
        match outcome {
            AssistanceOutcome::Granted(_) if foreign => Err(Broken::I4AnotherAccount),
            AssistanceOutcome::Granted(granted) => {
                let grant = Secret::of(&granted.grant.expose());
                if bind.grant.get_or_insert_with(|| grant.clone()) != &grant {
                    return Err(Broken::I1CodeYieldsTwoGrants);
                }
                if bind.seen_dead {
                    return Err(Broken::I8TheDeadRevived);
                }
                self.had_leave(thread)
            }
            AssistanceOutcome::Rejected => {
                bind.seen_dead |= thread.noted.seen.is_some() && thread.began >= bind.expires_at;
                if thread.always == ALL { Err(Broken::I3RightCodeRefused) } else { Ok(()) }
            }
            AssistanceOutcome::TryLater { .. } => Ok(()),
        }
    }

    fn verified(
        &mut self,
        thread: &Thread,
        reset: u8,
        typed: Typed,
        outcome: &VerifyOutcome,
    ) -> Result<(), Broken> {
        let rejection = match outcome {
            VerifyOutcome::Granted(granted) => {
                let Typed::Mailed { reset: from, number } = typed else {
                    return Err(Broken::I4SecretThatNeverCounted);
                };
                if from != reset {
                    return Err(Broken::I4SecretThatNeverCounted);
                }
                if !thread.noted.charged {
                    return Err(Broken::I2ComparedUncharged);
                }
                let Some(bind) = self.books.bind_mut(reset, number) else {
                    return Err(Broken::I4SecretThatNeverCounted);
                };
                let text = granted.grant.expose();
                if *bind.grant.get_or_insert_with(|| Secret::of(&text)) != Secret::of(&text) {
                    return Err(Broken::I1CodeYieldsTwoGrants);
                }
                return self.had_leave(thread);
            }
            VerifyOutcome::NextProof(_) => panic!("no policy here requires two proofs"),
            VerifyOutcome::Rejected(rejection) => rejection,
        };
        let right = matches!(typed, Typed::Mailed { reset: from, .. } if from == reset);
        let all = right && thread.always == ALL && thread.noted.within;
        if all && !matches!(rejection, Rejection::TryLater { .. }) {
            return Err(Broken::I3RightCodeRefused);
        }
        Ok(())
    }

    fn submitted(
        &mut self,
        world: &World,
        thread: &Thread,
        (reset, number, password): (u8, u32, u8),
        outcome: &SubmitOutcome,
    ) -> Result<(), Broken> {
        let book = &self.books.resets[usize::from(reset)];
        let applied = book.applied.map(|(password, _)| password);
        match outcome {
            SubmitOutcome::Changed(_) if applied != Some(password) => {
                Err(Broken::I5ChangedAndIsNot)
            }
            SubmitOutcome::Changed(changed) => {
                let text = changed.ticket.expose();
                let Some(bind) = self.books.bind_mut(reset, number) else {
                    return Err(Broken::I4SecretThatNeverCounted);
                };
                if *bind.ticket.get_or_insert_with(|| Secret::of(&text)) == Secret::of(&text) {
                    Ok(())
                } else {
                    Err(Broken::I5LiveGrantRefused)
                }
            }
            SubmitOutcome::Rejected => {
                let other = applied.is_some_and(|applied| applied != password);
                let (tenant, most) = (world.typed(reset).1, LIMITS.submits_per_grant());
                let bind = self.books.bind(reset, number);
                // Whoever must change the password spends a turn on the comparison with it.
                let entrances = world.setting == Setting::Entrances;
                let needed = if entrances { 2 } else { hashes(tenant) };
                let spent = bind.is_some_and(|bind| bind.turns + needed > most);
                let excused = other || (thread.noted.refused && spent);
                if thread.always == ALL && !excused {
                    return Err(Broken::I5LiveGrantRefused);
                }
                Ok(())
            }
            SubmitOutcome::Weak { .. } | SubmitOutcome::TryLater { .. } => Ok(()),
        }
    }

    fn redeemed(
        &mut self,
        thread: &Thread,
        reset: u8,
        number: u32,
        outcome: &RedeemOutcome,
    ) -> Result<(), Broken> {
        match outcome {
            RedeemOutcome::SignIn(sign_in) => {
                let stamp = self.books.resets[usize::from(reset)].ticket_stamp;
                let Some(bind) = self.books.bind_mut(reset, number) else {
                    return Err(Broken::I4SecretThatNeverCounted);
                };
                bind.sign_ins += 1;
                if bind.sign_ins > 1 {
                    return Err(Broken::I1TicketSignsInTwice);
                }
                let account = bind.to.as_ref().map_or(0, |(account, ..)| usize::from(*account));
                if self.stores.accounts[account].1.id != sign_in.account {
                    return Err(Broken::I4AnotherAccount);
                }
                if stamp != Some(*sign_in.stamp.as_bytes()) {
                    return Err(Broken::I9OldStamp);
                }
                self.had_leave(thread)
            }
            RedeemOutcome::RequireSignIn | RedeemOutcome::Rejected if thread.always == ALL => {
                Err(Broken::I5LiveTicketRefused)
            }
            RedeemOutcome::RequireSignIn | RedeemOutcome::Rejected => Ok(()),
        }
    }
}

/// How many turns a submit of this tenant takes.
fn hashes(tenant: usize) -> u32 {
    if rules(tenant).refuses_current() { 2 } else { 1 }
}

fn bits([permitted, same, newest, alive, open]: [bool; 5]) -> u8 {
    let all =
        [(permitted, PERMITTED), (same, SAME), (newest, NEWEST), (alive, ALIVE), (open, OPEN)];
    all.into_iter().filter(|(stands, _)| *stands).map(|(_, bit)| bit).sum()
}
