//! One state of everything: the machines' own values, what the stores hold, what people hold; and
//! what may happen next.

use std::hash::{DefaultHasher, Hash, Hasher};

use sspr::{
    domain::{Digest, Method},
    flow::{Bound, Event, Lockout, Reset, Stage, StageName, Step},
};

use super::machine::{Machine, TERMS, TICK, at, digest, nothing};

/// Tries of a challenge, sends of a reset, and the last tick of the clock.
pub const TRIES: u8 = 2;
const SENDS: u8 = 3;
const LAST_TICK: u8 = 14;
const MOST_STAMPS: u8 = 3;
const WAYS: [Method; 2] = [Method::Email, Method::Sms];
pub const LIVES: u8 = 4;
pub const TICKET_LIVES: u8 = 2;

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
    OtherWayWaits,
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
    /// One reset alone, whose codes go by mail or by text.
    TwoWays,
}

/// How a reset began. Nobody has the token of one that did not begin by being opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Begins {
    #[default]
    Opened,
    /// With a grant, for who typed the right password of an account that must change it.
    Granted,
    /// With a code that staff have handed over.
    HandedOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Send {
        reset: usize,
        longer: bool,
        by: Method,
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
pub struct Outside {
    pub begins: Begins,
    pub tries: u8,
    pub sends: u8,
    pub sent_at: u8,
    /// When the last code of each way was asked for.
    pub sent_by: [Option<u8>; 2],
    pub sent_long: bool,
    /// The latest tick that was written.
    pub seen: u8,
    pub bound: u8,
    pub compared: [u8; 4],
    pub code_dies: [u8; 4],
    pub stamp_of: [u8; 4],
    /// Codes in the mailbox, grants in the hand, and grants that a resend has voided: bits.
    pub mailed: u8,
    pub grants: u8,
    pub void: u8,
    pub grant_dies: [u8; 4],
    pub changes: [u8; 4],
    pub pending: u8,
    pub ticket: u8,
    pub ticket_held: bool,
    pub ticket_used: bool,
    pub ticket_dies: u8,
    pub sign_ins: u8,
    pub ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account {
    pub stamp: u8,
    /// The reset that changed the password last, counted from one.
    pub last_change: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LockOutside {
    pub stamp: u8,
    pub failures: u8,
    pub until: u8,
    pub seen: u8,
}

#[derive(Clone)]
pub struct State {
    pub now: u8,
    pub resets: [Reset; 2],
    pub outside: [Outside; 2],
    pub accounts: [Account; 2],
    pub policy: [bool; 2],
    pub lockout: Lockout,
    pub lock: LockOutside,
}

pub fn bit(number: u8) -> u8 {
    1 << number
}

pub fn code(reset: usize, number: u8, stamp: u8) -> Digest {
    digest([2, reset as u8, number, stamp])
}

pub fn binding(account: usize, stamp: u8) -> Digest {
    digest([1, account as u8, stamp, 0])
}

impl Setting {
    pub fn account(self, reset: usize) -> usize {
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
            let by = Method::Email;
            for action in
                [Action::Send { by, longer, reset }, Action::Deliver { lost, number, reset }]
            {
                assert_eq!(state.act(machine, setting, action), Ok(true));
            }
        }
        state
    }

    /// The first reset began with a grant or a code of staff, and the second one is opened.
    pub fn begun(machine: &Machine, begins: Begins) -> Self {
        let mut state = Self::new(machine);
        let (opened, now) = (&machine.opened, at(state.now));
        let (origin, token) = ((*opened.origin).clone(), opened.token);
        let is_code = begins == Begins::HandedOver;
        let dies = state.now + LIVES;
        let bound = Bound {
            binding: binding(0, 0),
            code: if is_code { code(0, 1, 0) } else { nothing() },
            expires_at: at(dies),
            number: 0,
            ..machine.bound.clone()
        };
        let outside = &mut state.outside[0];
        (outside.begins, outside.bound, outside.seen) = (begins, 1, state.now);
        state.resets[0] = match begins {
            Begins::Opened => opened.clone(),
            Begins::Granted => {
                (outside.grants, outside.grant_dies[1]) = (bit(1), dies);
                Reset::granted(origin, token, bound, digest([3, 0, 1, 0]), &TERMS, now)
            }
            Begins::HandedOver => {
                (outside.mailed, outside.code_dies[1]) = (bit(1), dies);
                let lifetime = TICK.saturating_mul(LIVES.into());
                Reset::handed_over(origin, token, bound, lifetime, now)
            }
        };
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
                reset.sent.map(|sent| (sent.method, sent.other_resend_at)).hash(&mut hasher);
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
                    Stage::Closed => 4.hash(&mut hasher),
                    Stage::Proved => 5.hash(&mut hasher),
                }
            }
            hasher.finish()
        };
        u128::from(half(0)) << 64 | u128::from(half(1))
    }

    /// Everything that somebody could do now.
    pub fn actions(&self, setting: Setting) -> Vec<Action> {
        let mut all = Vec::with_capacity(40);
        let alone = matches!(setting, Setting::Alone | Setting::TwoWays);
        let ways = if setting == Setting::TwoWays { &WAYS[..] } else { &WAYS[..1] };
        for reset in 0..if alone { 1 } else { 2 } {
            let outside = &self.outside[reset];
            let opened = outside.begins == Begins::Opened;
            if opened && outside.sends < SENDS && self.policy[setting.account(reset)] {
                for by in ways {
                    all.extend([false, true].map(|longer| Action::Send { by: *by, longer, reset }));
                }
            }
            for number in 1..=if opened { outside.sends } else { 1 } {
                if opened {
                    all.extend([false, true].map(|lost| Action::Deliver { lost, number, reset }));
                }
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
            if opened && self.outside[1 - reset].mailed > 0 {
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
            Action::Send { reset, longer, by } => self.send(machine, reset, longer, by),
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
    pub fn tick(&self, reset: usize) -> u8 {
        self.now.max(self.outside[reset].seen)
    }

    pub fn is_dead(&self, reset: usize) -> bool {
        at(self.tick(reset)) >= self.resets[reset].expires_at()
    }

    pub fn write(&mut self, reset: usize, next: Reset) {
        self.outside[reset].seen = self.tick(reset);
        self.resets[reset] = next;
    }

    /// Was it dead: by this very clock, or by one that was seen before?
    pub fn late(&self, reset: usize, dies: u8, broken: Broken) -> Result<(), Broken> {
        match () {
            () if self.now >= dies => Err(broken),
            () if self.tick(reset) >= dies => Err(Broken::I8TimeGoesBack),
            () => Ok(()),
        }
    }
}
