//! One state of everything, what may happen next, and what becomes of it.

use std::{hash::Hash, sync::Arc};

use sspr::{
    domain::{Account, Instant, Stamp},
    engine::{OpenOutcome, Rejection, SendOutcome, SubmitOutcome, VerifyOutcome},
};

use super::{
    books::{Books, Broken, Noted},
    calls::{Answer, Call, Thread, Typed},
    defects::Defect,
    stores::Stores,
    tape::{Env, Fate, Played, Tape},
    wide::Wide,
    world::World,
};
use crate::simulation::facts::Mode;

pub const BEGIN: Instant = Instant::from_micros(1_800_000_000_000_000);
const MINUTE: i64 = 60_000_000;
/// Sends of a reset, stamps of an account, tries of a mail that is postponed.
const SENDS: u32 = 3;
const STAMPS: usize = 3;
const POSTPONED: usize = 2;

/// A mail that waits in the memory of the process that answered.
#[derive(Clone)]
pub struct Job {
    reset: u8,
    number: u32,
    history: Vec<Arc<Played>>,
}

#[derive(Clone)]
pub struct State {
    pub stores: Stores,
    pub books: Books,
    pub env: Env,
    pub threads: Vec<Thread>,
    pub jobs: Vec<Job>,
}

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
            Deed::Kill { .. } => (0, 0, 1),
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
    pub fn new(world: &World) -> Self {
        let stores = world.settle();
        let mut books = Books::default();
        for (index, (_, account)) in stores.accounts.iter().enumerate() {
            books.stamps[index].push(*account.stamp.as_bytes());
        }
        let env = Env { modes: [Mode::On; 2], now: BEGIN };
        Self { books, env, jobs: Vec::new(), stores, threads: Vec::new() }
    }

    /// Tells states apart by all that is in them.
    pub fn digest(&self) -> u128 {
        let mut hasher = Wide::default();
        (&self.stores, &self.books, self.env, &self.threads).hash(&mut hasher);
        for job in &self.jobs {
            (job.reset, job.number).hash(&mut hasher);
            // The first is what asked for the code: of that no more is left.
            job.history[1..].iter().for_each(|it| it.tape.digest.hash(&mut hasher));
        }
        hasher.whole()
    }

    /// What people and couriers can ask of the engine now.
    pub fn calls(&self, world: &World) -> Vec<Call> {
        let mut all = Vec::with_capacity(24);
        for reset in 0..world.resets() {
            let book = &self.books.resets[usize::from(reset)];
            if book.token.is_none() {
                all.push(Call::Open { reset });
                continue;
            }
            if book.sends < SENDS {
                all.push(Call::Send { reset });
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
            for bind in &book.binds {
                let number = bind.number;
                if !bind.grants.is_empty() {
                    all.extend([1, 2].map(|password| Call::Submit { number, password, reset }));
                }
                if bind.ticket.is_some() {
                    all.push(Call::Redeem { number, reset });
                }
            }
            if let (Some((password, _)), (account @ 0, ..)) = (book.applied, world.typed(reset)) {
                let account = account as u8;
                all.extend([0, password].map(|password| Call::SignIn { account, password }));
            }
        }
        all.extend(self.jobs.iter().map(|job| Call::Deliver {
            lost: false,
            number: job.number,
            reset: job.reset,
            tried: job.history.len() as u8,
        }));
        if !self.stores.notices.is_empty() {
            all.push(Call::Notices);
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
            let fates = [Fate::Answered, Fate::Refused, Fate::ReplyLost];
            all.extend(fates.map(|fate| Deed::Go { fate, thread }));
            all.push(Deed::Kill { thread });
        }
        if !self.jobs.is_empty() {
            all.push(Deed::Restart);
        }
        all.extend([2, 11, 61, -11].map(|minutes| Deed::Clock { minutes }));
        let tenants = if world.typed(1).1 == 1 { 2 } else { 1 };
        for tenant in 0..tenants {
            all.extend([0, 1, 2].map(|to| Deed::Policy { tenant, to }));
        }
        let accounts = if world.resets() == 1 { 1 } else { 2 };
        for account in (0..accounts).filter(|it| self.books.stamps[*it].len() < STAMPS) {
            all.push(Deed::SignOut { account });
            if account == 0 {
                all.extend([Deed::Readdress { account }, Deed::Disable { account }]);
            }
        }
        all.retain(|deed| left.after(*deed).is_some());
        all
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
                thread.alone = self.threads.is_empty();
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
            Deed::Kill { thread } => drop(self.threads.remove(thread)),
            Deed::Restart => self.jobs.clear(),
            Deed::Clock { minutes } => {
                self.env.now = Instant::from_micros(self.env.now.as_micros() + minutes * MINUTE);
            }
            Deed::Policy { tenant, to } => {
                self.env.modes[tenant] = [Mode::On, Mode::Off, Mode::Exclude][usize::from(to)];
            }
            Deed::SignOut { account } => self.change(account, |_| {}),
            Deed::Readdress { account } => self.change(account, |it| it.addresses.reverse()),
            Deed::Disable { account } => self.change(account, |it| it.disabled ^= true),
        }
        let mut threads = std::mem::take(&mut self.threads);
        let watched = threads.iter_mut().try_for_each(|thread| self.watch(world, thread));
        self.threads = threads;
        watched?;
        self.books.broken.map_or(Ok(answered), Err)
    }

    fn begin(&mut self, world: &World, call: Call) -> Thread {
        let reset = match call {
            Call::Open { reset } | Call::Send { reset } | Call::Verify { reset, .. } => reset,
            Call::Submit { reset, .. } | Call::Redeem { reset, .. } => reset,
            Call::Deliver { reset, .. } => reset,
            Call::SignIn { .. } | Call::Notices => 0,
        };
        let mut history = Vec::new();
        if let Call::Deliver { number, .. } = call {
            let mine = |job: &Job| job.reset == reset && job.number == number;
            let index = self.jobs.iter().position(mine).expect("a job that waits");
            history = self.jobs.remove(index).history;
        }
        let standing = self.standing(world, call);
        Thread {
            alone: false,
            always: standing,
            began: self.env.now,
            call,
            ever: standing,
            history,
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
        if let (true, Some(broken)) = (self.books.broken.is_some(), self.books.broken) {
            return Err(broken);
        }
        let yields = matches!(answer, Answer::Verify(Ok(VerifyOutcome::Granted(_))));
        if yields && world.is(Defect::GrantsAreDrawn) {
            self.draw_grant(&mut answer);
        }
        self.judge(world, &thread, &answer)?;
        if !lost {
            self.learn(thread.call, &answer);
        }
        let sent = matches!(
            answer,
            Answer::Send(Ok(SendOutcome::Sent(_)))
                | Answer::Verify(Ok(VerifyOutcome::Rejected(Rejection::LongerCodeSent(_))))
        );
        let mut history = thread.history;
        let played = Arc::new(Played { call: thread.call, tape: thread.tape });
        match (thread.call, &answer, thread.noted.sent) {
            (Call::Send { reset } | Call::Verify { reset, .. }, _, Some(number)) if sent => {
                self.jobs.push(Job { history: vec![played], number, reset });
            }
            (Call::Deliver { reset, number, .. }, Answer::Courier(drained), _)
                if drained.postponed > 0 && history.len() < POSTPONED =>
            {
                history.push(played);
                self.jobs.push(Job { history, number, reset });
            }
            // It was not its time.
            (Call::Deliver { reset, number, .. }, Answer::Courier(drained), _)
                if history.len() > 1 && *drained == Default::default() =>
            {
                self.jobs.push(Job { history, number, reset });
            }
            _ => {}
        }
        self.jobs.sort_by_key(|job| (job.reset, job.number));
        Ok(answer)
    }

    fn learn(&mut self, call: Call, answer: &Answer) {
        match (call, answer) {
            (Call::Open { reset }, Answer::Open(Ok(OpenOutcome::Opened(opened)))) => {
                let token = opened.token.expose();
                self.books.resets[usize::from(reset)].token = Some(token.into());
            }
            (
                Call::Verify { reset, typed: Typed::Mailed { number, .. } },
                Answer::Verify(Ok(VerifyOutcome::Granted(granted))),
            ) => {
                if let Some(bind) = self.books.bind_mut(reset, number)
                    && bind.grants.is_empty()
                {
                    bind.grants.push(granted.grant.expose().into());
                }
            }
            (
                Call::Submit { reset, number, .. },
                Answer::Submit(Ok(SubmitOutcome::Changed(changed))),
            ) => {
                if let Some(bind) = self.books.bind_mut(reset, number) {
                    bind.ticket = Some(changed.ticket.expose().into());
                }
            }
            _ => {}
        }
    }

    /// An engine that draws grants: each answer holds another one.
    fn draw_grant(&self, answer: &mut Answer) {
        let Answer::Verify(Ok(VerifyOutcome::Granted(granted))) = answer else { return };
        let text = granted.grant.expose();
        let tries: u32 = self.books.resets.iter().map(|book| book.tries).sum();
        let other = if tries % 2 == 0 { "A" } else { "B" };
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
        self.stores.put(&tenant, after.clone());
    }
}

/// The same call, but its mail is lost, or its answer where that holds a secret.
fn lost(call: Call) -> Option<Deed> {
    match call {
        Call::Deliver { reset, number, tried, .. } => {
            let call = Call::Deliver { lost: true, number, reset, tried };
            Some(Deed::Whole { call, lost: false })
        }
        Call::Open { .. } | Call::Submit { .. } => Some(Deed::Whole { call, lost: true }),
        Call::Verify { typed: Typed::Mailed { .. }, .. } => Some(Deed::Whole { call, lost: true }),
        _ => None,
    }
}
