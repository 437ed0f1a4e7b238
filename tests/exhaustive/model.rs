//! One state of everything: the machines' own values, what the stores hold, what people hold; and
//! what may happen next.

use std::hash::{DefaultHasher, Hash, Hasher};

use sspr::{
    domain::{CodeFormat, Digest, Instant, Stamp},
    flow::{Bound, Event, Lockout, Reset, Stage, StageName, Step},
};

use super::machine::{LOCKOUT, Machine, Wrong, at, digest, nothing};

/// Tries of a challenge, sends of a reset, and the last tick of the clock.
const TRIES: u8 = 2;
const SENDS: u8 = 3;
const LAST_TICK: u8 = 14;
const MOST_STAMPS: u8 = 3;
const LIVES: u8 = 4;
const TICKET_LIVES: u8 = 2;

/// A property that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    I1GrantTwice,
    I1TicketTwice,
    I1VoidGrantSpent,
    I2TriesOfAChallenge,
    I3OlderCodeWins,
    I3RightCodeRefused,
    I4CodeAfterExpiry,
    I4ForeignCode,
    I4GrantAfterExpiry,
    I4TicketAfterExpiry,
    I7DecoyShows,
    I8TimeGoesBack,
    LockCountsTooFew,
    LockEndsEarly,
    SendsTooSoon,
    TheEndIsNoEnd,
}

/// Whose the two resets are, and what happens around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Both are of one account.
    OneAccount,
    /// Each of one account, in tenants of their own.
    TwoTenants,
    /// One reset alone: further.
    Alone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Send {
        reset: usize,
        longer: bool,
    },
    /// The courier handles a job: late, again, or with a mail that is lost.
    Deliver {
        reset: usize,
        number: u8,
        lost: bool,
    },
    /// The stranger, or a typing error.
    WrongCode {
        reset: usize,
    },
    RightCode {
        reset: usize,
        number: u8,
        lost: bool,
    },
    ForeignCode {
        reset: usize,
    },
    /// The users table takes the new password.
    Apply {
        reset: usize,
        number: u8,
    },
    /// And the code store is told.
    Complete {
        reset: usize,
        lost: bool,
    },
    /// Or the process is killed between the two.
    Killed {
        reset: usize,
    },
    Redeem {
        reset: usize,
    },
    Later {
        ticks: u8,
    },
    ClockBack {
        ticks: u8,
    },
    Policy {
        tenant: usize,
    },
    StampElsewhere {
        account: usize,
    },
    WrongPassword,
    RightPassword,
}

/// What is known of a reset from outside the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Outside {
    tries: u8,
    sends: u8,
    sent_at: u8,
    sent_long: bool,
    /// The latest tick that was written.
    seen: u8,
    bound: u8,
    compared: [u8; 4],
    code_dies: [u8; 4],
    stamp_of: [u8; 4],
    /// Codes in the mailbox, grants in the hand, and grants that a resend has voided: bits.
    mailed: u8,
    grants: u8,
    void: u8,
    grant_dies: [u8; 4],
    changes: [u8; 4],
    pending: u8,
    ticket: u8,
    ticket_held: bool,
    ticket_dies: u8,
    sign_ins: u8,
    ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Account {
    stamp: u8,
    /// The reset that changed the password last, counted from one.
    last_reset: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct LockOutside {
    stamp: u8,
    failures: u8,
    until: u8,
    seen: u8,
}

#[derive(Clone)]
pub struct State {
    now: u8,
    resets: [Reset; 2],
    outside: [Outside; 2],
    accounts: [Account; 2],
    policy: [bool; 2],
    lockout: Lockout,
    lock: LockOutside,
}

fn bit(number: u8) -> u8 {
    1 << number
}

fn code(reset: usize, number: u8, stamp: u8) -> Digest {
    digest([2, reset as u8, number, stamp])
}

fn binding(account: usize, stamp: u8) -> Digest {
    digest([1, account as u8, stamp, 0])
}

impl Setting {
    fn account(self, reset: usize) -> usize {
        if self == Self::TwoTenants { reset } else { 0 }
    }
}

impl State {
    pub fn new(machine: &Machine) -> Self {
        Self {
            accounts: Default::default(),
            lock: LockOutside::default(),
            lockout: Lockout::default(),
            now: 2,
            outside: Default::default(),
            policy: [true; 2],
            resets: [machine.opened.clone(), machine.opened.clone()],
        }
    }

    /// The same, but both codes are in the mailbox.
    pub fn delivered(machine: &Machine, setting: Setting) -> Self {
        let mut state = Self::new(machine);
        for reset in 0..2 {
            let (number, lost, longer) = (1, false, false);
            for action in [Action::Send { longer, reset }, Action::Deliver { lost, number, reset }]
            {
                assert_eq!(state.act(machine, setting, action), Ok(true));
            }
        }
        state
    }

    /// Tells states apart.
    pub fn digest(&self) -> u128 {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, self.now, self.outside, self.accounts, self.policy, self.lock).hash(&mut hasher);
            let Lockout { failures, lockouts, locked_until, touched_at } = self.lockout;
            (failures, lockouts, locked_until, touched_at).hash(&mut hasher);
            for reset in &self.resets {
                reset.touched_at.hash(&mut hasher);
                let sent = reset.sent.map(|sent| (sent.number, sent.resend_at, sent.expires_at));
                (sent, reset.sent.map(|sent| sent.format)).hash(&mut hasher);
                if let Some(bound) = &reset.bound {
                    (bound.number, bound.expires_at, bound.code.as_bytes()).hash(&mut hasher);
                    bound.binding.as_bytes().hash(&mut hasher);
                }
                match &reset.stage {
                    Stage::Opened => 0.hash(&mut hasher),
                    Stage::CodeSent => 1.hash(&mut hasher),
                    Stage::Verified { grant, expires_at } => {
                        (2, grant.as_bytes(), expires_at).hash(&mut hasher);
                    }
                    Stage::Completed { grant, ticket, stamp, expires_at } => {
                        (3, grant.as_bytes(), ticket.as_bytes()).hash(&mut hasher);
                        (stamp, expires_at).hash(&mut hasher);
                    }
                    Stage::Closed { reason, ticket } => {
                        (4, *reason as u8, ticket.as_bytes()).hash(&mut hasher);
                    }
                }
            }
            hasher.finish()
        };
        u128::from(half(0)) << 64 | u128::from(half(1))
    }

    /// Everything that somebody could do now.
    pub fn actions(&self, setting: Setting) -> Vec<Action> {
        let mut all = Vec::with_capacity(40);
        let alone = setting == Setting::Alone;
        for reset in 0..if alone { 1 } else { 2 } {
            let outside = &self.outside[reset];
            if outside.sends < SENDS && self.policy[setting.account(reset)] {
                all.extend([false, true].map(|longer| Action::Send { reset, longer }));
            }
            for number in 1..=outside.sends {
                all.extend([false, true].map(|lost| Action::Deliver { lost, number, reset }));
                if outside.mailed & bit(number) > 0 {
                    all.extend([false, true].map(|lost| Action::RightCode { lost, number, reset }));
                }
                if outside.grants & bit(number) > 0 {
                    all.push(Action::Apply { number, reset });
                }
            }
            if outside.sends > 0 {
                all.push(Action::WrongCode { reset });
            }
            if self.outside[1 - reset].mailed > 0 {
                all.push(Action::ForeignCode { reset });
            }
            if outside.pending > 0 {
                all.extend([false, true].map(|lost| Action::Complete { lost, reset }));
                all.push(Action::Killed { reset });
            }
            if outside.ticket_held {
                all.push(Action::Redeem { reset });
            }
        }
        all.extend([1, 4].map(|ticks| Action::Later { ticks }));
        all.push(Action::ClockBack { ticks: 2 });
        if !alone {
            all.extend([0, 1].map(|tenant| Action::Policy { tenant }));
            all.extend([0, 1].map(|account| Action::StampElsewhere { account }));
        }
        all.extend([Action::WrongPassword, Action::RightPassword]);
        all
    }

    /// Lets it happen; answers whether anything changed.
    pub fn act(&mut self, machine: &Machine, to: Setting, action: Action) -> Result<bool, Broken> {
        match action {
            Action::Send { reset, longer } => self.send(machine, reset, longer),
            Action::Deliver { reset, number, lost } => {
                self.deliver(machine, to, reset, number, lost)
            }
            Action::WrongCode { reset } => self.type_code(machine, to, reset, None, true),
            Action::RightCode { reset, number, lost } => {
                self.type_code(machine, to, reset, Some((reset, number)), lost)
            }
            Action::ForeignCode { reset } => {
                let number = 7 - self.outside[1 - reset].mailed.leading_zeros() as u8;
                self.type_code(machine, to, reset, Some((1 - reset, number)), true)
            }
            Action::Apply { reset, number } => self.apply(machine, to, reset, number),
            Action::Complete { reset, lost } => self.complete(machine, to, reset, lost),
            Action::Killed { reset } => {
                self.outside[reset].pending = 0;
                Ok(true)
            }
            Action::Redeem { reset } => self.redeem(machine, to, reset),
            Action::Later { ticks } => {
                let before = self.now;
                self.now = (self.now + ticks).min(LAST_TICK);
                Ok(self.now != before)
            }
            Action::ClockBack { ticks } => {
                self.now = self.now.saturating_sub(ticks);
                Ok(true)
            }
            Action::Policy { tenant } => {
                self.policy[tenant] ^= true;
                Ok(true)
            }
            Action::StampElsewhere { account } => {
                let stamp = &mut self.accounts[account].stamp;
                *stamp += 1;
                Ok(*stamp <= MOST_STAMPS)
            }
            Action::WrongPassword => self.password(machine, false),
            Action::RightPassword => self.password(machine, true),
        }
    }

    /// What must be so in every state.
    pub fn check(&self, machine: &Machine, _: Setting) -> Result<(), Broken> {
        for (reset, outside) in self.resets.iter().zip(&self.outside) {
            let name = reset.stage.name();
            if outside.ended && !matches!(name, StageName::Completed | StageName::Closed) {
                return Err(Broken::TheEndIsNoEnd);
            }
            let Some(bound) = &reset.bound else { continue };
            let mut decoy = reset.clone();
            decoy.bound = Some(Bound { binding: nothing(), code: nothing(), ..bound.clone() });
            let said = |reset: &Reset| match machine.step(reset, Event::Try, at(self.now)) {
                Step::Next(_) => "next".to_owned(),
                Step::Stay => "stay".to_owned(),
                Step::Refused(refusal) => format!("{refusal:?}"),
            };
            if said(reset) != said(&decoy) {
                return Err(Broken::I7DecoyShows);
            }
        }
        Ok(())
    }

    /// The tick that counts for a reset.
    fn tick(&self, reset: usize) -> u8 {
        self.now.max(self.outside[reset].seen)
    }

    fn is_dead(&self, reset: usize) -> bool {
        at(self.tick(reset)) >= self.resets[reset].expires_at()
    }

    fn write(&mut self, reset: usize, next: Reset) {
        self.outside[reset].seen = self.tick(reset);
        self.resets[reset] = next;
    }

    /// Was it dead: by this very clock, or by one that was seen before?
    fn late(&self, reset: usize, dies: u8, broken: Broken) -> Result<(), Broken> {
        match () {
            () if self.now >= dies => Err(broken),
            () if self.tick(reset) >= dies => Err(Broken::I8TimeGoesBack),
            () => Ok(()),
        }
    }

    fn send(&mut self, machine: &Machine, reset: usize, longer: bool) -> Result<bool, Broken> {
        if self.is_dead(reset) {
            return Ok(false);
        }
        let format = if longer { CodeFormat::Letters } else { CodeFormat::Digits };
        let step = machine.step(&self.resets[reset], Event::Send { format }, at(self.now));
        let Step::Next(next) = step else { return Ok(false) };
        let (tick, outside) = (self.tick(reset), self.outside[reset]);
        let to_longer = longer && !outside.sent_long;
        if outside.ended {
            return Err(Broken::TheEndIsNoEnd);
        }
        if outside.sends > 0 && !to_longer {
            if self.now > outside.sent_at && tick < outside.sent_at + 1 {
                return Err(Broken::I8TimeGoesBack);
            }
            if tick < outside.sent_at + 1 {
                return Err(Broken::SendsTooSoon);
            }
        }
        self.write(reset, *next);
        let outside = &mut self.outside[reset];
        outside.sends += 1;
        (outside.sent_at, outside.sent_long) = (tick, longer);
        outside.void |= outside.grants;
        outside.pending = 0;
        Ok(true)
    }

    fn deliver(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        number: u8,
        lost: bool,
    ) -> Result<bool, Broken> {
        if self.is_dead(reset) {
            return Ok(false);
        }
        let account = to.account(reset);
        let (stamp, real) = (self.accounts[account].stamp, self.policy[account]);
        let Some(sent) = self.resets[reset].sent else { return Ok(false) };
        let bound = Bound {
            announced: sent.format,
            binding: if real { binding(account, stamp) } else { nothing() },
            code: if real { code(reset, number, stamp) } else { nothing() },
            expires_at: sent.expires_at,
            format: sent.format,
            number: number.into(),
            ..machine.bound.clone()
        };
        let event = Event::Bind(Box::new(bound));
        let step = machine.step(&self.resets[reset], event, at(self.now));
        let Step::Next(next) = step else { return Ok(false) };
        let outside = self.outside[reset];
        if number != outside.sends || outside.bound > number {
            return Err(Broken::I3OlderCodeWins);
        }
        self.late(reset, outside.sent_at + LIVES, Broken::I4CodeAfterExpiry)?;
        self.write(reset, *next);
        let outside = &mut self.outside[reset];
        outside.tries = 0;
        outside.bound = number;
        outside.stamp_of[usize::from(number)] = if real { stamp } else { u8::MAX };
        outside.code_dies[usize::from(number)] = outside.sent_at + LIVES;
        if real && !lost {
            outside.mailed |= bit(number);
        }
        Ok(true)
    }

    /// One try: charged, compared, and, after a match, judged.
    fn type_code(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        typed: Option<(usize, u8)>,
        lost: bool,
    ) -> Result<bool, Broken> {
        if self.is_dead(reset) || self.outside[reset].tries >= TRIES {
            return Ok(false);
        }
        self.outside[reset].seen = self.tick(reset);
        self.outside[reset].tries += 1;
        let now = at(self.now);
        // The store's own touch counts for the machine too.
        let seen = at(self.outside[reset].seen);
        self.resets[reset].touched_at = self.resets[reset].touched_at.latest(seen);
        let step = machine.step(&self.resets[reset], Event::Try, now);
        let stage = self.resets[reset].stage.name();
        let Some(bound) = self.resets[reset].bound.clone() else { return Ok(true) };
        let place = self.outside[reset].bound;
        let dies = self.outside[reset].code_dies[usize::from(place)];
        let alive =
            matches!(stage, StageName::CodeSent | StageName::Verified) && self.tick(reset) < dies;
        let Step::Stay = step else {
            let mine = typed == Some((reset, place));
            return if mine && alive { Err(Broken::I3RightCodeRefused) } else { Ok(true) };
        };
        self.late(reset, dies, Broken::I4CodeAfterExpiry)?;
        let compared = &mut self.outside[reset].compared[usize::from(place)];
        *compared += 1;
        if *compared > TRIES {
            return Err(Broken::I2TriesOfAChallenge);
        }
        let Some((from, number)) = typed else { return Ok(true) };
        let stamp = self.outside[from].stamp_of[usize::from(number)];
        if !bound.code.matches(&code(from, number, stamp)) {
            return Ok(true);
        }
        if from != reset {
            return Err(Broken::I4ForeignCode);
        }
        let account = to.account(reset);
        let same = bound.binding.matches(&binding(account, self.accounts[account].stamp));
        if !(same && self.policy[account]) {
            return Ok(true);
        }
        let grant = digest([3, reset as u8, number, 0]);
        let tick = self.tick(reset);
        match machine.step(&self.resets[reset], Event::Match { grant }, now) {
            Step::Next(next) => {
                self.write(reset, *next);
                let outside = &mut self.outside[reset];
                outside.void &= !bit(number);
                outside.grant_dies[usize::from(number)] = tick + LIVES;
            }
            Step::Stay => {}
            Step::Refused(_) if alive => return Err(Broken::I3RightCodeRefused),
            Step::Refused(_) => return Ok(true),
        }
        if !lost {
            self.outside[reset].grants |= bit(number);
        }
        Ok(true)
    }

    fn apply(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        number: u8,
    ) -> Result<bool, Broken> {
        if self.is_dead(reset) {
            return Ok(false);
        }
        let (grant, now) = (digest([3, reset as u8, number, 0]), at(self.now));
        let step = machine.step(&self.resets[reset], Event::Spend { grant }, now);
        let Step::Stay = step else { return Ok(false) };
        let (outside, account) = (self.outside[reset], to.account(reset));
        if outside.void & bit(number) > 0 {
            return Err(Broken::I1VoidGrantSpent);
        }
        let completed = matches!(self.resets[reset].stage, Stage::Completed { .. });
        let dies = outside.grant_dies[usize::from(number)];
        let dies = if completed { outside.ticket_dies } else { dies };
        self.late(reset, dies, Broken::I4GrantAfterExpiry)?;
        let held = &mut self.accounts[account];
        let takes_all = machine.wrong == Some(Wrong::UsersTakeAll);
        if held.last_reset == reset as u8 + 1 && !takes_all {
            self.outside[reset].pending = number;
            return Ok(outside.pending != number);
        }
        let bound = self.resets[reset].bound.as_ref();
        let same = bound.is_some_and(|it| it.binding.matches(&binding(account, held.stamp)));
        if !(same && self.policy[account] || takes_all) {
            let step = machine.step(&self.resets[reset], Event::Close, now);
            let Step::Next(next) = step else { return Ok(false) };
            self.write(reset, *next);
            return Ok(true);
        }
        held.stamp += 1;
        held.last_reset = reset as u8 + 1;
        let outside = &mut self.outside[reset];
        outside.pending = number;
        outside.changes[usize::from(number)] += 1;
        if outside.changes[usize::from(number)] > 1 {
            return Err(Broken::I1GrantTwice);
        }
        Ok(true)
    }

    fn complete(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        lost: bool,
    ) -> Result<bool, Broken> {
        let number = std::mem::take(&mut self.outside[reset].pending);
        let stamp = Stamp::from_bytes([self.accounts[to.account(reset)].stamp; 16]);
        let ticket = digest([4, reset as u8, number, 0]);
        let event = Event::Complete { stamp, ticket };
        let tick = self.tick(reset);
        match machine.step(&self.resets[reset], event, at(self.now)) {
            Step::Next(next) => {
                self.write(reset, *next);
                let outside = &mut self.outside[reset];
                outside.ended = true;
                (outside.ticket, outside.ticket_dies) = (number, tick + TICKET_LIVES);
            }
            Step::Stay => {}
            Step::Refused(_) => return Ok(true),
        }
        self.outside[reset].ticket_held |= !lost;
        Ok(true)
    }

    fn redeem(&mut self, machine: &Machine, to: Setting, reset: usize) -> Result<bool, Broken> {
        // A machine whose tickets never die writes records that do not either.
        let kept = machine.wrong == Some(Wrong::TicketNeverDies);
        if self.is_dead(reset) && !kept {
            return Ok(false);
        }
        let ticket = digest([4, reset as u8, self.outside[reset].ticket, 0]);
        let step = machine.step(&self.resets[reset], Event::Redeem { ticket }, at(self.now));
        let (Step::Next(next), Stage::Completed { stamp, .. }) = (step, &self.resets[reset].stage)
        else {
            return Ok(false);
        };
        let account = to.account(reset);
        let same = *stamp == Stamp::from_bytes([self.accounts[account].stamp; 16]);
        if !(same && self.policy[account]) {
            return Ok(false);
        }
        self.late(reset, self.outside[reset].ticket_dies, Broken::I4TicketAfterExpiry)?;
        self.write(reset, *next);
        self.outside[reset].sign_ins += 1;
        if self.outside[reset].sign_ins > 1 {
            return Err(Broken::I1TicketTwice);
        }
        Ok(true)
    }

    /// A sign-in to the first account: charged before it is compared.
    fn password(&mut self, machine: &Machine, right: bool) -> Result<bool, Broken> {
        let stamp = self.accounts[0].stamp;
        if self.lock.stamp != stamp {
            self.lock = LockOutside { stamp, ..LockOutside::default() };
            self.lockout = Lockout::default();
        }
        let tick = self.now.max(self.lock.seen);
        let Ok(charged) = machine.lock(&self.lockout, at(self.now)) else { return Ok(false) };
        if tick < self.lock.until {
            return Err(Broken::LockEndsEarly);
        }
        self.lock.seen = tick;
        self.lock.failures = (self.lock.failures + 1).min(3);
        self.lockout = charged;
        if u32::from(self.lock.failures) >= LOCKOUT.threshold {
            let until: Option<Instant> = charged.locked_until;
            if until.is_none_or(|until| until < at(tick + 1)) {
                return Err(Broken::LockCountsTooFew);
            }
            self.lock.until = tick + 1;
        }
        if right {
            self.lockout = charged.cleared(at(self.now));
            (self.lock.failures, self.lock.until) = (0, 0);
        }
        Ok(true)
    }
}
