//! The machine of a reset: `Opened` → `CodeSent` → `Verified` → `Completed`, or `Closed`. Where the
//! tenant requires two proofs, `Proved` stands between the first code and the second proof.

use core::time::Duration;
use std::sync::Arc;

use super::{Bound, FirstProof, Origin, Sent, Stage};
use crate::domain::{CodeFormat, Digest, Method, Stamp, Timestamp};

/// A reset, which is one user's attempt to get a new password.
#[doc = include_str!("reset.md")]
#[derive(Clone, Debug)]
pub struct Reset {
    /// The origin of the reset. It never changes.
    pub origin: Arc<Origin>,
    /// SHA-256 of the flow token that opens the reset.
    pub token: Digest,
    /// The time from which no code is sent any more.
    pub ends_at: Timestamp,
    /// The latest time that the reset has seen.
    pub touched_at: Timestamp,
    /// The latest send.
    pub sent: Option<Sent>,
    /// The code that counts, if the courier has bound one.
    pub bound: Option<Bound>,
    /// The first of two proofs, once it was given.
    pub first: Option<Box<FirstProof>>,
    /// The stage that the reset has reached.
    pub stage: Stage,
}

/// An event of a reset.
#[derive(Clone, Debug)]
// Exhaustive: a new event must break every match.
pub enum Event {
    /// A code is asked for.
    Send {
        /// The way in which the code goes to the user. Each way has a cooldown of its own.
        method: Method,
        /// The format to announce. A change to the longer format needs no cooldown.
        format: CodeFormat,
    },
    /// The courier binds a code to the reset.
    Bind(Box<Bound>),
    /// A code was typed, and the try was charged.
    Try,
    /// The typed code is right, and another proof is needed.
    First {
        /// The way in which the code went to the user.
        method: Method,
    },
    /// The host has checked a proof of its own, after a first code.
    HostProof {
        /// SHA-256 of the grant that the user gets.
        grant: Digest,
    },
    /// The typed code is right, and nothing else stands against it.
    Match {
        /// SHA-256 of the grant that the user gets.
        grant: Digest,
    },
    /// A grant is presented with a new password.
    Spend {
        /// SHA-256 of the grant.
        grant: Digest,
    },
    /// The password was changed.
    Complete {
        /// SHA-256 of the ticket that the user gets.
        ticket: Digest,
        /// The account's new stamp.
        stamp: Stamp,
    },
    /// A ticket is presented.
    Redeem {
        /// SHA-256 of the ticket.
        ticket: Digest,
    },
    /// The reset can no longer succeed.
    Close,
}

/// The result of an event.
#[derive(Debug)]
#[must_use]
// Exhaustive: the engine decides on each.
#[expect(
    clippy::large_enum_variant,
    reason = "a step is taken apart at once; a box would cost more"
)]
pub enum Step {
    /// The event leads to this state, which must be written.
    Next(Reset),
    /// The event is accepted, and nothing needs to be written.
    Stay,
    /// The event is refused, and nothing needs to be written.
    Refused(Refusal),
}

/// The reason why an event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on each.
pub enum Refusal {
    /// The code is dead, but a new one can be requested.
    Expired,
    /// The reset is over, or the secret does not belong to it.
    Gone,
    /// There is no code to compare with, so the answer is that of a wrong code.
    NoCode,
    /// A code was requested a moment ago.
    TooSoon {
        /// The time from which the next code can be requested.
        resend_at: Timestamp,
    },
}

/// The lifetimes that the machine uses.
#[derive(Clone, Copy, Debug)]
pub struct ResetTerms {
    /// The lifetime of a code.
    pub code: Duration,
    /// The lifetime of a grant.
    pub grant: Duration,
    /// The lifetime of a ticket.
    pub ticket: Duration,
    /// The shortest time between two sends.
    pub cooldown: Duration,
}

/// The name of an [`Event`], for tables and diagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the event of the same name")]
// Exhaustive: see `Event`.
pub enum EventName {
    Send,
    Bind,
    Try,
    First,
    HostProof,
    Match,
    Spend,
    Complete,
    Redeem,
    Close,
}

impl Reset {
    /// Creates a reset that was just opened.
    #[must_use]
    pub fn opened(origin: Origin, token: Digest, lifetime: Duration, now: Timestamp) -> Self {
        Self {
            bound: None,
            ends_at: now.after(lifetime),
            first: None,
            origin: Arc::new(origin),
            sent: None,
            stage: Stage::Opened,
            token,
            touched_at: now,
        }
    }

    /// Creates a reset that begins with a grant, because the user has given the proof elsewhere.
    #[must_use]
    pub fn granted(
        origin: Origin,
        token: Digest,
        bound: Bound,
        grant: Digest,
        terms: &ResetTerms,
        now: Timestamp,
    ) -> Self {
        let expires_at = now.after(terms.grant);
        let opened = Self::opened(origin, token, terms.grant, now);
        Self { bound: Some(bound), stage: Stage::Verified { expires_at, grant }, ..opened }
    }

    /// Creates a reset whose code staff hand over. No other code can be requested.
    #[must_use]
    pub fn handed_over(
        origin: Origin,
        token: Digest,
        bound: Bound,
        lifetime: Duration,
        now: Timestamp,
    ) -> Self {
        let opened = Self::opened(origin, token, lifetime, now);
        Self { bound: Some(bound), stage: Stage::CodeSent, ..opened }
    }

    /// Decides on an event, and returns the next state of the reset if there is one.
    pub fn step(&self, event: Event, terms: &ResetTerms, now: Timestamp) -> Step {
        use Event as E;
        use Stage as S;
        let now = now.latest(self.touched_at);
        match (&self.stage, event) {
            (
                S::Opened | S::CodeSent | S::Proved | S::Verified { .. },
                E::Send { method, format },
            ) => self.send(method, format, terms, now),
            (S::CodeSent, E::Bind(bound)) => self.bind(*bound, now),
            (S::Opened, E::Try | E::First { .. } | E::Match { .. }) => {
                Step::Refused(Refusal::NoCode)
            }
            (S::CodeSent | S::Proved | S::Verified { .. }, E::Try) => self.compare(now),
            (S::CodeSent, E::First { method }) => self.first(method, now),
            (S::Proved, E::First { .. }) => Step::Stay,
            // The first of two proofs is no second one as well.
            (S::CodeSent, E::Match { .. }) if self.has_used_code() => {
                Step::Refused(Refusal::NoCode)
            }
            (S::CodeSent, E::Match { grant }) => {
                let expires_at = now.after(terms.grant);
                self.next(Stage::Verified { expires_at, grant }, now)
            }
            (S::Verified { grant: given, .. }, E::Match { grant } | E::HostProof { grant })
                if given.matches(&grant) =>
            {
                Step::Stay
            }
            (S::CodeSent | S::Proved | S::Verified { .. }, E::HostProof { grant }) => {
                self.host_proof(grant, terms, now)
            }
            (S::Verified { grant: given, expires_at }, E::Spend { grant })
            | (S::Completed { grant: given, expires_at, .. }, E::Spend { grant })
                if given.matches(&grant) && now < *expires_at =>
            {
                Step::Stay
            }
            (S::Verified { grant, .. }, E::Complete { ticket, stamp }) => {
                let expires_at = now.after(terms.ticket);
                self.next(Stage::Completed { expires_at, grant: *grant, stamp, ticket }, now)
            }
            (S::Completed { ticket: given, .. }, E::Complete { ticket, .. })
                if given.matches(&ticket) =>
            {
                Step::Stay
            }
            // That a ticket is redeemed once is decided by the counter that the call charges.
            (S::Completed { ticket: given, expires_at, .. }, E::Redeem { ticket })
                if given.matches(&ticket) && now < *expires_at =>
            {
                Step::Stay
            }
            (S::Opened | S::CodeSent | S::Proved | S::Verified { .. }, E::Close) => {
                self.next(Stage::Closed, now)
            }
            (S::Opened | S::Proved | S::Verified { .. }, E::Bind(_))
            | (S::Opened, E::HostProof { .. })
            | (S::Proved, E::Match { .. })
            | (
                S::Opened | S::CodeSent | S::Proved,
                E::Spend { .. } | E::Complete { .. } | E::Redeem { .. },
            )
            | (
                S::Verified { .. },
                E::First { .. } | E::Match { .. } | E::Spend { .. } | E::Redeem { .. },
            )
            | (
                S::Completed { .. },
                E::Send { .. }
                | E::Bind(_)
                | E::Try
                | E::First { .. }
                | E::HostProof { .. }
                | E::Match { .. }
                | E::Spend { .. }
                | E::Complete { .. }
                | E::Redeem { .. }
                | E::Close,
            )
            | (
                S::Closed,
                E::Send { .. }
                | E::Bind(_)
                | E::Try
                | E::First { .. }
                | E::HostProof { .. }
                | E::Match { .. }
                | E::Spend { .. }
                | E::Complete { .. }
                | E::Redeem { .. }
                | E::Close,
            ) => Step::Refused(Refusal::Gone),
        }
    }

    /// Returns the time from which the whole record is dead. No part of it lives longer.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let stage = match self.stage {
            Stage::Opened | Stage::CodeSent | Stage::Proved | Stage::Closed => self.ends_at,
            Stage::Verified { expires_at, .. } | Stage::Completed { expires_at, .. } => expires_at,
        };
        let sent = self.sent.map_or(self.ends_at, |sent| sent.expires_at);
        stage.latest(sent).latest(self.ends_at)
    }

    /// Returns true if the code that counts is the first proof, which counts only once.
    #[must_use]
    pub fn has_used_code(&self) -> bool {
        let numbers = self.bound.as_ref().zip(self.first.as_ref());
        numbers.is_some_and(|(bound, first)| bound.number == first.bound.number)
    }

    /// Returns the number of the latest send, or 0 before the first.
    #[must_use]
    pub fn sends(&self) -> u32 {
        self.sent.map_or(0, |sent| sent.number)
    }

    fn send(&self, method: Method, format: CodeFormat, terms: &ResetTerms, now: Timestamp) -> Step {
        let is_given = self.first.as_ref().is_some_and(|first| first.method == method);
        if now >= self.ends_at || is_given {
            return Step::Refused(Refusal::Gone);
        }
        if let Some(sent) = self.sent {
            let resend_at = sent.resend_at_by(method);
            // Only the change from the short format to the long one needs no cooldown.
            let longer = sent.format == CodeFormat::Digits && format == CodeFormat::Letters;
            if now < resend_at && !longer {
                return Step::Refused(Refusal::TooSoon { resend_at });
            }
        }
        let mut next = self.clone();
        next.sent = Some(Sent {
            expires_at: now.after(terms.code),
            format,
            method,
            number: self.sends().saturating_add(1),
            other_resend_at: self
                .sent
                .map_or(Timestamp::MIN, |sent| sent.resend_at_by(method.other())),
            resend_at: now.after(terms.cooldown),
        });
        next.moved(Stage::CodeSent, now)
    }

    fn bind(&self, bound: Bound, now: Timestamp) -> Step {
        let awaited = self.sent.is_some_and(|sent| {
            let first = self.bound.as_ref().is_none_or(|before| before.number < sent.number);
            sent.number == bound.number && now < sent.expires_at && first
        });
        if !awaited {
            return Step::Refused(Refusal::Gone);
        }
        let mut next = self.clone();
        next.bound = Some(bound);
        next.moved(Stage::CodeSent, now)
    }

    /// Keeps the right code as the first proof.
    fn first(&self, method: Method, now: Timestamp) -> Step {
        let (Some(bound), None) = (&self.bound, &self.first) else {
            return Step::Refused(Refusal::Gone);
        };
        let first = FirstProof { bound: bound.clone(), has_host_proof: false, method };
        let mut next = self.clone();
        next.first = Some(Box::new(first));
        next.moved(Stage::Proved, now)
    }

    /// Takes the host's proof as the second one. What follows rests on the code of the first one.
    fn host_proof(&self, grant: Digest, terms: &ResetTerms, now: Timestamp) -> Step {
        let Some(first) = self.first.clone().filter(|_| now < self.ends_at) else {
            return Step::Refused(Refusal::Gone);
        };
        let mut next = self.clone();
        next.bound = Some(first.bound.clone());
        next.first = Some(Box::new(FirstProof { has_host_proof: true, ..*first }));
        next.moved(Stage::Verified { expires_at: now.after(terms.grant), grant }, now)
    }

    fn compare(&self, now: Timestamp) -> Step {
        let expires_at = self.bound.as_ref().map(|bound| bound.expires_at);
        match expires_at.or(self.sent.map(|sent| sent.expires_at)) {
            Some(expires_at) if now >= expires_at => Step::Refused(Refusal::Expired),
            Some(_) if self.bound.is_some() => Step::Stay,
            Some(_) | None => Step::Refused(Refusal::NoCode),
        }
    }

    fn next(&self, stage: Stage, now: Timestamp) -> Step {
        self.clone().moved(stage, now)
    }

    fn moved(mut self, stage: Stage, now: Timestamp) -> Step {
        self.stage = stage;
        self.touched_at = now;
        Step::Next(self)
    }
}

impl Event {
    /// Returns the name of the event.
    #[must_use]
    pub const fn name(&self) -> EventName {
        match self {
            Self::Send { .. } => EventName::Send,
            Self::Bind(_) => EventName::Bind,
            Self::Try => EventName::Try,
            Self::First { .. } => EventName::First,
            Self::HostProof { .. } => EventName::HostProof,
            Self::Match { .. } => EventName::Match,
            Self::Spend { .. } => EventName::Spend,
            Self::Complete { .. } => EventName::Complete,
            Self::Redeem { .. } => EventName::Redeem,
            Self::Close => EventName::Close,
        }
    }
}

#[cfg(test)]
#[path = "reset_tests.rs"]
pub(super) mod tests;
