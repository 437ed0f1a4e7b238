//! One state of everything, and what becomes of it when something happens.

use std::{hash::Hash, sync::Arc};

use sspr::{
    domain::{Account, Stamp, Timestamp},
    engine::{
        AssistanceOutcome, Assisted, ChangeOutcome, OpenOutcome, RedeemOutcome, SignInOutcome,
        SubmitOutcome, VerifyOutcome,
    },
    flow::{StageName, decode_reset},
};

use super::{
    books::{ASSISTED, Books, Broken, FORCED, Noted, Secret},
    calls::{Answer, Call, Thread, Typed},
    deeds::Deed,
    defects::Defect,
    stores::Stores,
    tape::{Env, Fate, Played, Tape},
    verdicts::ALL,
    wide::Wide,
    world::{Behind, LIMITS, Setting, World},
};
use crate::simulation::{
    facts::Mode,
    methods::{FIRST, SECOND, phone},
};

pub const BEGIN: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const MINUTE: i64 = 60_000_000;
/// Tries of a mail that is postponed.
const POSTPONED: usize = 2;

/// A mail that waits in the memory of the process that answered, or whose caller has left.
#[derive(Clone)]
pub struct Job {
    pub reset: u8,
    /// Which code's; none for the notices of a change.
    pub number: Option<u32>,
    pub history: Vec<Arc<Played>>,
}

#[derive(Clone)]
pub struct State {
    pub stores: Stores,
    pub books: Books,
    pub env: Env,
    pub threads: Vec<Thread>,
    pub jobs: Vec<Job>,
}

impl State {
    pub fn new(world: &World) -> Self {
        let stores = world.settle();
        let mut books = Books::default();
        for (index, (_, account)) in stores.accounts.iter().enumerate() {
            books.stamps[index].push(*account.stamp.as_bytes());
            books.phones.push((*account.stamp.as_bytes(), account.phones.clone()));
        }
        if matches!(world.setting, Setting::Entrances | Setting::Notified) {
            books.session = books.stamps[0][0];
        }
        let env = Env { modes: [Mode::On; 2], now: BEGIN };
        Self { books, env, jobs: Vec::new(), stores, threads: Vec::new() }
    }

    /// Tells states apart by all that is in them.
    pub fn digest(&self) -> u128 {
        let mut hasher = Wide::default();
        (&self.stores, &self.books, self.env, &self.threads).hash(&mut hasher);
        for job in &self.jobs {
            (job.reset, job.number, job.history[0].left).hash(&mut hasher);
            // The first is what asked for the code: of that no more is left.
            job.history[1..].iter().for_each(|it| it.tape.digest.hash(&mut hasher));
        }
        hasher.whole()
    }

    /// Lets it happen; answers whether anything did. `asked` takes down what the ports were asked.
    pub fn act(
        &mut self,
        world: &World,
        deed: Deed,
        asked: Option<&mut Vec<String>>,
    ) -> Result<Option<Answer>, Broken> {
        let mut answered = None;
        match deed {
            Deed::Whole { call, lost } => {
                let mut thread = self.begin(world, call);
                thread.at_once = true;
                let answer = thread.run(world, self, usize::MAX, Fate::Answered, asked);
                let answer = answer.expect("a call that is not stopped ends");
                self.watch(world, &mut thread)?;
                answered = Some(self.end(world, thread, answer, lost)?);
            }
            Deed::Begin { call } => {
                let thread = self.begin(world, call);
                self.threads.push(thread);
            }
            Deed::Go { thread: index, fate } => {
                let mut thread = self.threads.remove(index);
                let answer = thread.run(world, self, 1, fate, asked);
                self.watch(world, &mut thread)?;
                match answer {
                    Some(answer) => answered = Some(self.end(world, thread, answer, false)?),
                    None => self.threads.insert(index, thread),
                }
            }
            Deed::Leave { thread } => self.leave(world, thread),
            Deed::Land { thread } => self.land(world, thread)?,
            Deed::Kill { thread } => {
                let killed = self.threads.remove(thread);
                if matches!(killed.call, Call::Submit { .. } | Call::Tell { .. }) {
                    self.books.untold = 0;
                }
                self.loses_its_answer(killed.call);
            }
            Deed::Restart => {
                self.jobs.clear();
                self.books.untold = 0;
            }
            Deed::Clock { minutes } => {
                for thread in self.threads.iter_mut().filter(|it| it.left.is_some()) {
                    thread.is_late |= minutes > 0;
                }
                self.env.now = Timestamp::from_micros(self.env.now.as_micros() + minutes * MINUTE);
            }
            Deed::Policy { tenant, to } => {
                self.env.modes[tenant] = world.mode(to);
            }
            Deed::SignOut { account } => self.change(account, |_| {}),
            Deed::Readdress { account } => self.change(account, |it| it.addresses.reverse()),
            Deed::Disable { account } => self.change(account, |it| it.disabled ^= true),
            Deed::Rephone { account } => self.change(account, |it| {
                let other = if it.phones == [phone(FIRST)] { SECOND } else { FIRST };
                it.phones = vec![phone(other)];
            }),
            Deed::Mark { account } => {
                Arc::make_mut(&mut self.stores.accounts[account].1).must_change = true;
            }
        }
        let mut threads = std::mem::take(&mut self.threads);
        let watched = threads.iter_mut().try_for_each(|thread| self.watch(world, thread));
        self.threads = threads;
        watched?;
        let tells = |call| matches!(call, Call::Submit { .. } | Call::Tell { .. });
        let somebody_tells = self.jobs.iter().any(|job| job.number.is_none())
            || self.threads.iter().any(|thread| tells(thread.call));
        if self.books.untold > 0 && !somebody_tells {
            return Err(Broken::I14OwnerNotTold);
        }
        self.books.broken.map_or(Ok(answered), Err)
    }

    fn begin(&mut self, world: &World, call: Call) -> Thread {
        let reset = call.reset().unwrap_or_default();
        let mut history = Vec::new();
        if let Some(number) = call.handles() {
            let mine = |job: &Job| job.reset == reset && job.number == number;
            let index = self.jobs.iter().position(mine).expect("a job that waits");
            history = self.jobs.remove(index).history;
        }
        let standing = self.standing(world, call, &Noted::default());
        Thread {
            always: standing,
            at_once: false,
            began: self.env.now,
            call,
            depth: 0,
            ever: standing,
            history,
            is_late: false,
            left: None,
            noted: Noted::default(),
            tape: Tape::new(self.env),
            touched: self.books.resets[usize::from(reset)].touched,
        }
    }

    /// A call has ended: it is judged, and somebody may hold something new.
    fn end(
        &mut self,
        world: &World,
        thread: Thread,
        mut answer: Answer,
        lost: bool,
    ) -> Result<Answer, Broken> {
        if let Some(broken) = self.books.broken {
            return Err(broken);
        }
        let yields = matches!(answer, Answer::Verify(Ok(VerifyOutcome::Granted(_))));
        if yields && world.is(Defect::GrantsAreDrawn) {
            self.draw_grant(&mut answer);
        }
        self.judge(world, &thread, &answer)?;
        if lost || matches!(answer, Answer::Change(Err(_))) {
            self.loses_its_answer(thread.call);
        } else {
            self.learn(thread.call, &answer);
        }
        let sent = thread.noted.sent;
        let mut history = thread.history;
        let played = Arc::new(Played { call: thread.call, left: None, tape: thread.tape });
        match (thread.call, &answer, sent) {
            (Call::Send { .. } | Call::Verify { .. }, _, Some(_)) if thread.depth == 0 => {
                return Err(Broken::I13MailLost);
            }
            // Also where the store could not say whether the send is written.
            (Call::Send { reset, .. } | Call::Verify { reset, .. }, ..) if thread.depth > 0 => {
                let number = sent.unwrap_or(thread.noted.seen.unwrap_or_default() + 1);
                self.jobs.push(Job { history: vec![played], number: Some(number), reset });
            }
            (Call::Submit { reset, .. }, _, _) if thread.depth > 0 && !world.queues() => {
                self.jobs.push(Job { history: vec![played], number: None, reset });
            }
            (call, Answer::Courier(drained), _) => {
                let (Some(number), Some(reset)) = (call.handles(), call.reset()) else {
                    return Ok(answer);
                };
                // One that is put off once more is out of sight.
                if drained.postponed > 0 && history.len() < POSTPONED {
                    history.push(played);
                    self.jobs.push(Job { history, number, reset });
                } else if drained.postponed > 0 {
                    self.books.untold = if number.is_none() { 0 } else { self.books.untold };
                } else if history.len() > 1 && *drained == Default::default() {
                    // It was not its time.
                    self.jobs.push(Job { history, number, reset });
                } else if let Some(number) = number
                    && !self.has_another_job(reset, number)
                    && self.has_lost_a_mail(world, reset, number, thread.always, thread.began)
                {
                    return Err(Broken::I13MailLost);
                }
            }
            _ => {}
        }
        self.jobs.sort_by_key(|job| (job.reset, job.number));
        Ok(answer)
    }

    /// A caller goes away: its process keeps what must follow.
    fn leave(&mut self, world: &World, index: usize) {
        let mut thread = self.threads.remove(index);
        thread.left = Some(self.env);
        let Thread { call, tape, .. } = thread.clone();
        let played = Played { call, left: Some(self.env), tape };
        let depth = played.depth(world, self);
        let reset = call.reset().unwrap_or_default();
        let number = thread.noted.seen.unwrap_or_default() + 1;
        let number = match call {
            Call::Send { .. } | Call::Verify { .. } => Some(Some(number)),
            Call::Submit { .. } if !world.queues() => Some(None),
            _ => None,
        };
        if let Some(number) = number.filter(|_| depth > 0) {
            self.jobs.push(Job { history: vec![Arc::new(played)], number, reset });
            self.jobs.sort_by_key(|job| (job.reset, job.number));
        }
        self.threads.insert(index, thread);
    }

    /// What a caller asked for who has gone away happens.
    fn land(&mut self, world: &World, index: usize) -> Result<(), Broken> {
        let mut thread = self.threads.remove(index);
        let (before, untold) = (thread.noted.sent, self.books.untold);
        drop(thread.run(world, self, 1, Fate::Answered, None));
        // The courier waits for a minute.
        let in_time = !thread.is_late && thread.left.is_some_and(|left| left.now == self.env.now);
        if !in_time {
            self.books.untold = untold;
        }
        let number = thread.noted.sent.filter(|number| before != Some(*number));
        let Some((reset, number)) = thread.call.reset().zip(number) else { return Ok(()) };
        let left_alone = in_time && !self.has_another_job(reset, number);
        // A caller that left may have begun so long ago that its code is of no use any more.
        let seen = self.env.now;
        if left_alone && self.has_lost_a_mail(world, reset, number, ALL, seen) {
            return Err(Broken::I13MailLost);
        }
        Ok(())
    }

    /// Whether a job for this send waits or is under way: a caller that left has one, and so may
    /// another that asked in the same moment.
    fn has_another_job(&self, reset: u8, number: u32) -> bool {
        let waits = |job: &Job| job.reset == reset && job.number == Some(number);
        let is_under_way = |thread: &Thread| {
            thread.call.reset() == Some(reset) && thread.call.handles() == Some(Some(number))
        };
        self.jobs.iter().any(waits) || self.threads.iter().any(is_under_way)
    }

    /// Whether a send is written, of use, to somebody who may reset, and yet without its mail.
    /// `seen` is the time by which the courier judged it.
    fn has_lost_a_mail(
        &self,
        world: &World,
        reset: u8,
        number: u32,
        always: u8,
        seen: Timestamp,
    ) -> bool {
        let book = &self.books.resets[usize::from(reset)];
        let Some(kept) = book.id.and_then(|id| self.stores.records.get(&id)) else { return false };
        let Ok(after) = decode_reset(&kept.stored().body) else { return false };
        let Some(sent) = after.sent.filter(|sent| sent.number == number) else { return false };
        let now = self.env.now.latest(book.touched).latest(seen);
        let of_use = sent.expires_at.since(now).saturating_mul(10) >= LIMITS.code_lifetime();
        let waits = after.stage.name() == StageName::CodeSent;
        let mailed = self.books.bind(reset, number).is_some_and(|bind| bind.mailed);
        let (account, ..) = world.typed(reset);
        // One account behind what was typed, all the time.
        let known = account != 0 || world.behind != Behind::Nobody;
        let withheld = book.withheld == number;
        of_use && waits && !mailed && known && !withheld && always == ALL
    }

    /// Whoever waited for the answer may send the same form again.
    fn loses_its_answer(&mut self, call: Call) {
        if let Call::Change { stamp, current, new, keyed: true } = call {
            self.books.form = Some((stamp, current, new));
        }
    }

    fn learn(&mut self, call: Call, answer: &Answer) {
        match (call, answer) {
            (Call::Change { .. }, Answer::Change(Ok(ChangeOutcome::Changed(kept)))) => {
                self.books.session = *kept.stamp.as_bytes();
            }
            (Call::Issue, Answer::Issue(Ok(Assisted::Done(issued)))) => {
                if let Some(bind) = self.books.bind_mut(ASSISTED, 0) {
                    bind.code = Some(issued.code.expose().into());
                }
            }
            (Call::Enter { .. }, Answer::Enter(Ok(AssistanceOutcome::Granted(_)))) => {
                if let Some(bind) = self.books.bind_mut(ASSISTED, 0) {
                    bind.grant_held = true;
                }
            }
            (Call::SignIn { .. }, Answer::SignIn(Ok(SignInOutcome::MustChange(granted)))) => {
                let grant = Secret::of(&granted.grant.expose());
                if let Some(bind) = self.books.bind_mut(FORCED, 0) {
                    bind.grant_held |= bind.grant.as_ref() == Some(&grant);
                }
            }
            (Call::SignIn { .. }, Answer::SignIn(Ok(SignInOutcome::SignedIn(signed_in)))) => {
                self.signs_in(signed_in.stamp);
            }
            (Call::Redeem { .. }, Answer::Redeem(Ok(RedeemOutcome::SignIn(sign_in)))) => {
                self.signs_in(sign_in.stamp);
            }
            (Call::Open { reset }, Answer::Open(Ok(OpenOutcome::Opened(opened)))) => {
                let token = Secret::of(&opened.token.expose());
                self.books.resets[usize::from(reset)].token = Some(token);
            }
            (
                Call::Verify { reset, typed: Typed::Mailed { number, .. } },
                Answer::Verify(Ok(VerifyOutcome::Granted(_))),
            ) => {
                if let Some(bind) = self.books.bind_mut(reset, number) {
                    bind.grant_held = true;
                }
            }
            (Call::Submit { reset, number, .. }, Answer::Submit(Ok(SubmitOutcome::Changed(_)))) => {
                if let Some(bind) = self.books.bind_mut(reset, number) {
                    bind.ticket_held = true;
                }
            }
            _ => {}
        }
    }

    /// The owner has a session of this stamp.
    fn signs_in(&mut self, stamp: Stamp) {
        // Elsewhere no session is used.
        if self.books.session != [0; 16] {
            self.books.session = *stamp.as_bytes();
        }
    }

    /// An engine that draws grants: each answer holds another one.
    fn draw_grant(&self, answer: &mut Answer) {
        let Answer::Verify(Ok(VerifyOutcome::Granted(granted))) = answer else { return };
        let text = granted.grant.expose();
        let tries: u32 = self.books.resets.iter().map(|book| book.tries).sum();
        let other = if tries.is_multiple_of(2) { "A" } else { "B" };
        let text = format!("{}{other}{}", &text[..60], &text[61..]);
        granted.grant = sspr::domain::Grant::parse(&text).unwrap();
    }

    /// Changes an account as the host's own code would, with a new stamp.
    fn change(&mut self, account: usize, act: impl FnOnce(&mut Account)) {
        let (tenant, mut after) = self.stores.accounts[account].clone();
        let stamps = &mut self.books.stamps[account];
        let next = [0x40 + (account * 16 + stamps.len()) as u8; 16];
        stamps.push(next);
        let after = Arc::make_mut(&mut after);
        after.stamp = Stamp::from_bytes(next);
        act(after);
        self.books.phones.push((next, after.phones.clone()));
        self.stores.put(&tenant, after.clone());
    }
}
