//! The machine under test, right or wrong in one way, and the values that it works on.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy,
    },
    domain::{Digest, Timestamp},
    engine::{Client, StartOutcome},
    flow::{
        Bound, Event, Lockout, LockoutTerms, Refusal, Reset, ResetTerms, Stage, Step, decode_reset,
    },
    ports::CodeStore,
};

use super::model::Broken;
use crate::support;

/// One tick of the model's clock.
pub const TICK: Duration = Duration::from_secs(60);

pub const TERMS: ResetTerms = ResetTerms {
    code: TICK.saturating_mul(4),
    cooldown: TICK,
    grant: TICK.saturating_mul(4),
    ticket: TICK.saturating_mul(2),
};

pub const LOCKOUT: LockoutTerms =
    LockoutTerms { first: TICK, longest: TICK.saturating_mul(3), threshold: 2 };

/// How a machine can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A bound code is put in place a second time.
    BindsTwice,
    /// A code lives for ever.
    CodeNeverDies,
    /// A grant lives for ever.
    GrantNeverDies,
    /// A ticket lives for ever.
    TicketNeverDies,
    /// What the reset has seen is forgotten.
    ForgetsTime,
    /// The next code may be asked for at once.
    NoCooldown,
    /// The old code is dead as soon as a new one is asked for.
    ResendKills,
    /// A finished reset can be sent another code.
    SendsAfterTheEnd,
    /// No machine, but the counter of a ticket: it admits every call.
    TicketStays,
    /// A grant that a resend has voided can be spent.
    VoidGrantIsSpent,
    /// A mail that comes late puts the older code in place.
    OlderCodeWins,
    /// Whether somebody stands behind a reset shows.
    DecoyShows,
    /// A lock ends where the clock goes back.
    LockForgetsTime,
    /// A wrong password is not counted.
    LockCountsNothing,
    /// Every reset gets the first one's code.
    OneCodeForAll,
    /// No machine, but the users table: it takes a change whatever stamp and last reset are.
    UsersTakeAll,
    /// A code by one way must wait for the cooldown of the other.
    WaysShareCooldown,
    /// A code by the other way ends the cooldown of the first.
    SwitchEndsCooldown,
}

impl Wrong {
    pub const ALL: [Self; 18] = [
        Self::BindsTwice,
        Self::CodeNeverDies,
        Self::GrantNeverDies,
        Self::TicketNeverDies,
        Self::ForgetsTime,
        Self::NoCooldown,
        Self::ResendKills,
        Self::SendsAfterTheEnd,
        Self::TicketStays,
        Self::VoidGrantIsSpent,
        Self::OlderCodeWins,
        Self::DecoyShows,
        Self::LockForgetsTime,
        Self::LockCountsNothing,
        Self::OneCodeForAll,
        Self::UsersTakeAll,
        Self::WaysShareCooldown,
        Self::SwitchEndsCooldown,
    ];

    pub fn breaks(self) -> Broken {
        match self {
            Self::BindsTwice => Broken::I2TriesOfAChallenge,
            Self::CodeNeverDies => Broken::I4CodeAfterExpiry,
            Self::GrantNeverDies => Broken::I4GrantAfterExpiry,
            Self::TicketNeverDies => Broken::I4TicketAfterExpiry,
            Self::ForgetsTime => Broken::I8TimeGoesBack,
            Self::NoCooldown => Broken::SendsTooSoon,
            Self::ResendKills => Broken::I3RightCodeRefused,
            Self::SendsAfterTheEnd => Broken::TheEndIsNoEnd,
            Self::TicketStays => Broken::I1TicketTwice,
            Self::VoidGrantIsSpent => Broken::I1VoidGrantSpent,
            Self::OlderCodeWins => Broken::I3OlderCodeWins,
            Self::DecoyShows => Broken::I7DecoyShows,
            Self::LockForgetsTime => Broken::LockEndsEarly,
            Self::LockCountsNothing => Broken::LockCountsTooFew,
            Self::OneCodeForAll => Broken::I4ForeignCode,
            Self::UsersTakeAll => Broken::I1GrantTwice,
            Self::WaysShareCooldown => Broken::OtherWayWaits,
            Self::SwitchEndsCooldown => Broken::SendsTooSoon,
        }
    }
}

pub struct Machine {
    pub wrong: Option<Wrong>,
    pub opened: Reset,
    pub bound: Bound,
}

pub fn at(tick: u8) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).after(TICK.saturating_mul(tick.into()))
}

pub fn digest(parts: [u8; 4]) -> Digest {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&parts);
    bytes[31] = 1;
    Digest::from_bytes(bytes)
}

/// Stands for a digest of nothing.
pub fn nothing() -> Digest {
    Digest::from_bytes([0xff; 32])
}

impl Machine {
    /// Takes a reset and a bound code from the engine itself: some of their parts cannot be made
    /// otherwise.
    pub fn new(wrong: Option<Wrong>) -> Self {
        let users = MemoryUsers::new();
        users.insert(&support::tenant(), support::account("ada@example.com", "ada"));
        let codes = Arc::new(MemoryCodes::new());
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let (sspr, courier) = Sspr::builder(users, codes.clone(), policies, keys)
            .with_clock(ManualClock::new(at(0)))
            .build();
        let journey = async {
            let request = support::request("ada@example.com");
            let started = sspr.start(&request, &Client::unknown()).await.unwrap();
            let StartOutcome::Started(started) = started else { panic!("not started") };
            courier.drain(&CaptureSender::new()).await;
            codes
                .load(&started.token.record(), &[], Timestamp::from_micros(0))
                .await
                .unwrap()
                .found()
                .unwrap()
        };
        let loaded = journey.now_or_never().expect("memory never waits");
        let reset = decode_reset(&loaded.body).unwrap();
        let mut bound = reset.bound.clone().unwrap();
        bound.silent.clear();
        let opened = Reset {
            bound: None,
            ends_at: at(10),
            sent: None,
            stage: Stage::Opened,
            touched_at: at(0),
            ..reset
        };
        Self { bound, opened, wrong }
    }

    /// The machine's step.
    pub fn step(&self, reset: &Reset, event: Event, now: Timestamp) -> Step {
        let honest = |reset: &Reset, event: Event| reset.step(event, &TERMS, now);
        let Some(wrong) = self.wrong else { return honest(reset, event) };
        let late = now.latest(reset.touched_at);
        match (wrong, &reset.stage, &event) {
            (Wrong::BindsTwice, Stage::CodeSent, Event::Bind(_)) => {
                honest(&Reset { bound: None, ..reset.clone() }, event)
            }
            (Wrong::OneCodeForAll, Stage::CodeSent, Event::Bind(bound)) => {
                let code = digest([2, 0, 1, 0]);
                honest(reset, Event::Bind(Box::new(Bound { code, ..(**bound).clone() })))
            }
            (Wrong::OlderCodeWins, Stage::CodeSent, Event::Bind(bound)) => {
                let mut next = reset.clone();
                next.bound = Some((**bound).clone());
                next.touched_at = late;
                Step::Next(next)
            }
            (Wrong::CodeNeverDies, _, Event::Try) if reset.bound.is_some() => Step::Stay,
            (
                Wrong::GrantNeverDies,
                Stage::Verified { grant: given, .. } | Stage::Completed { grant: given, .. },
                Event::Spend { grant },
            ) if given.matches(grant) => Step::Stay,
            (Wrong::TicketNeverDies, Stage::Completed { .. }, Event::Redeem { .. }) => {
                reset.step(event, &TERMS, reset.touched_at)
            }
            (Wrong::ForgetsTime, ..) => {
                honest(&Reset { touched_at: at(0), ..reset.clone() }, event)
            }
            (Wrong::NoCooldown, Stage::CodeSent, Event::Send { .. }) => {
                let mut before = reset.clone();
                before.sent = before.sent.map(|sent| sspr::flow::Sent { resend_at: at(0), ..sent });
                honest(&before, event)
            }
            (Wrong::WaysShareCooldown, _, Event::Send { method, .. }) => {
                let mut before = reset.clone();
                let method = *method;
                before.sent = before.sent.map(|sent| sspr::flow::Sent { method, ..sent });
                honest(&before, event)
            }
            (Wrong::SwitchEndsCooldown, _, Event::Send { .. }) => {
                let mut before = reset.clone();
                let other_resend_at = at(0);
                before.sent = before.sent.map(|sent| sspr::flow::Sent { other_resend_at, ..sent });
                honest(&before, event)
            }
            (Wrong::ResendKills, Stage::CodeSent, Event::Match { .. })
                if reset.bound.as_ref().is_some_and(|bound| bound.number < reset.sends()) =>
            {
                Step::Refused(Refusal::Gone)
            }
            (Wrong::SendsAfterTheEnd, Stage::Completed { .. }, Event::Send { .. }) => {
                honest(&Reset { stage: Stage::CodeSent, ..reset.clone() }, event)
            }
            (
                Wrong::VoidGrantIsSpent,
                Stage::CodeSent | Stage::Verified { .. },
                Event::Spend { .. },
            ) => Step::Stay,
            (Wrong::DecoyShows, _, Event::Try)
                if reset.bound.as_ref().is_some_and(|bound| bound.code.matches(&nothing())) =>
            {
                Step::Refused(Refusal::NoCode)
            }
            _ => honest(reset, event),
        }
    }

    pub fn lock(&self, lockout: &Lockout, now: Timestamp) -> Result<Lockout, Timestamp> {
        match self.wrong {
            Some(Wrong::LockForgetsTime) => {
                let before = Lockout { locked_until: None, ..*lockout };
                let back = now < lockout.touched_at;
                if back { before.charge(&LOCKOUT, now) } else { lockout.charge(&LOCKOUT, now) }
            }
            Some(Wrong::LockCountsNothing) => {
                let next = lockout.charge(&LOCKOUT, now)?;
                Ok(Lockout { failures: 0, locked_until: None, ..next })
            }
            _ => lockout.charge(&LOCKOUT, now),
        }
    }
}
