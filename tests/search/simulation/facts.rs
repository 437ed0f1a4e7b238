//! What the oracle knows of accounts, policies, records and calls: the truth, step by step.

use std::collections::BTreeSet;

use sspr::{
    domain::{
        Account, AccountId, Digest, EmailAddress, KeyId, Method, RecordId, Stamp, TenantId,
        Timestamp,
    },
    flow::{ResetReason, StageName},
    policy::Limits,
    ports::NoticeCause,
    store::CounterName,
};

use super::methods::Place;

/// An account of a tenant.
pub type Who = (TenantId, AccountId);

/// What an administrator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    On,
    Off,
    /// Who is in the group `excluded` may not.
    Exclude,
    /// Who is in the group `excluded` gets no text.
    NoTexts,
    /// Texts go to one country less.
    Abroad,
    /// No texts at all.
    MailOnly,
}

/// Something that was one way from a step on, and another way from the next.
#[derive(Debug)]
pub struct History<T>(Vec<(u64, T)>);

impl<T> History<T> {
    pub fn new(first: T) -> Self {
        Self(vec![(0, first)])
    }

    pub fn push(&mut self, step: u64, next: T) {
        self.0.push((step, next));
    }

    pub fn last(&self) -> &T {
        &self.0.last().unwrap().1
    }

    /// What it was at some time from one step to another, the newest first.
    pub fn during(&self, from: u64, to: u64) -> impl Iterator<Item = &T> {
        let mut until = u64::MAX;
        self.0.iter().rev().filter_map(move |(since, it)| {
            let lasted = (*since, std::mem::replace(&mut until, *since));
            (lasted.0 <= to && lasted.1 >= from).then_some(it)
        })
    }

    pub fn newest(&self, few: usize) -> impl Iterator<Item = &T> {
        self.0.iter().rev().take(few).map(|(_, it)| it)
    }
}

#[derive(Debug)]
pub struct TenantFacts {
    pub id: TenantId,
    pub limits: Limits,
    pub modes: History<Mode>,
    /// Whether it offers codes by text, where the mode allows it.
    pub texts: bool,
}

/// Whether an account may reset with a code by mail, in the oracle's own words.
pub fn eligible(mode: Mode, account: &Account) -> bool {
    let excluded = account.groups.iter().any(|group| group.as_str() == "excluded");
    let local = account.identity_providers.contains(&sspr::domain::IdentityProvider::EmailPassword);
    mode != Mode::Off
        && !(mode == Mode::Exclude && excluded)
        && !account.disabled
        && local
        && account.password.is_some()
        && !account.destinations().is_empty()
}

/// Whether an account is found by an address: one on file, or one from which it is got back.
pub fn finds(account: &Account, address: &EmailAddress) -> bool {
    account.addresses.contains(address) || account.destinations().contains(address)
}

/// A code that freezes an account, from a notice that has arrived.
#[derive(Clone, Debug)]
pub struct FreezeCode {
    pub tenant: TenantId,
    pub to: EmailAddress,
    pub text: String,
    /// When the password was changed.
    pub at: i64,
}

/// A password that somebody chose, and the mailbox whose reader chose it.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub who: Who,
    pub by_code_to: Option<EmailAddress>,
    pub at: i64,
}

/// Whether an account has a password that it can sign in with, and is not disabled.
pub fn may_sign_in(account: &Account) -> bool {
    let local = account.identity_providers.contains(&sspr::domain::IdentityProvider::EmailPassword);
    local && account.password.is_some() && !account.disabled && account.frozen.is_none()
}

/// One code that counts, or counted.
#[derive(Debug)]
pub struct Bind {
    pub number: u32,
    pub step: u64,
    pub key: KeyId,
    pub binding: Digest,
    pub digest: Digest,
    pub expires_at: Timestamp,
    pub short: bool,
    /// The account, stamp and place that the digest covers; none for a decoy.
    pub account: Option<(Who, Stamp, Place)>,
    pub tries: u32,
    pub grants: BTreeSet<String>,
}

/// One request for a code that was written: a message must follow.
#[derive(Debug)]
pub struct SendFacts {
    pub number: u32,
    pub by: Method,
    pub step: u64,
    /// The call, in whose process's memory the mail waits.
    pub call: usize,
    pub expires_at: Timestamp,
    /// The message was handed over, refused for good, or is not for this account any more.
    pub done: bool,
    /// How often nobody knew.
    pub unknown: u32,
}

/// A notice that somebody must get.
#[derive(Debug)]
pub struct Owed {
    pub changes: u32,
    /// What it says of each change.
    pub causes: Vec<NoticeCause>,
    /// Whether the users table has queued it; else it waits in the memory of the call's process.
    pub queued: bool,
    pub call: usize,
    /// Whether the caller of the change heard that it had happened.
    pub heard: bool,
    /// It was handed over, or refused for good.
    pub told: bool,
    /// How often it was tried, and put off.
    pub put_off: u32,
}

/// What a sign-in's comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    Right,
    Wrong,
    /// The hasher failed, so nothing was compared.
    Failed,
}

#[derive(Debug)]
pub struct RecordFacts {
    /// The key that its flow token is checked with.
    pub key: KeyId,
    /// The keyring of the process that wrote it.
    pub ring: usize,
    pub reason: ResetReason,
    pub tenant: usize,
    pub typed: EmailAddress,
    pub touched: Timestamp,
    pub expires_at: Timestamp,
    /// From when on no further code is sent.
    pub ends_at: Timestamp,
    pub stages: History<StageName>,
    pub binds: Vec<Bind>,
    /// Requests for a code, as they were written.
    pub sends: Vec<SendFacts>,
    /// Tries of the current challenge.
    pub tries: u32,
    /// The call that the counter of its ticket has admitted.
    pub redeemed_by: Option<usize>,
    /// The hash that a submit put in place.
    /// Until when the last grant lives. Where a code is typed again after a resend it is the same
    /// grant, and its time begins anew.
    pub grant_until: Option<Timestamp>,
    /// Until when the ticket lives, once there is one: a grant that is spent lives no longer.
    pub ticket_until: Option<Timestamp>,
    /// The stamp that it is for.
    pub ticket_stamp: Option<Stamp>,
    pub applied: Option<(sspr::domain::PasswordHash, u64)>,
}

#[derive(Debug)]
pub struct GrantFacts {
    pub record: RecordId,
    /// Which of the record's codes yielded it.
    pub bind: usize,
    pub step: u64,
    pub expires_at: Timestamp,
    pub changes: u32,
    /// The turns that submits hold or have used up, and how many hashes were run.
    pub turns: BTreeSet<CounterName>,
    pub hashes: u32,
    pub tickets: BTreeSet<String>,
}

#[derive(Debug)]
pub struct TicketFacts {
    pub record: RecordId,
    pub expires_at: Timestamp,
    pub sign_ins: u32,
}

/// What a call is about.
#[derive(Clone, Debug)]
pub enum Kind {
    Open {
        tenant: usize,
        typed: EmailAddress,
        send: bool,
        key: Option<u8>,
        by: Method,
    },
    /// A code is asked for, in this way or in that of the last one.
    Send {
        by: Option<Method>,
    },
    Verify {
        code: String,
    },
    Submit {
        grant: String,
        password: String,
    },
    Redeem {
        ticket: String,
    },
    SignIn {
        tenant: usize,
        address: EmailAddress,
        password: String,
    },
    /// A signed-in user changes the password, or somebody with a session of theirs tries to.
    Change(ChangeOf),
    /// Somebody types a code that staff have handed over, or one that they have not.
    Enter {
        tenant: usize,
        typed: EmailAddress,
        code: String,
    },
    /// Somebody types the code of a notice, or one that nobody was sent.
    Freeze {
        tenant: usize,
        code: String,
    },
    /// Staff act for an account.
    Assist {
        deed: Deed,
        who: Who,
    },
    Look,
    Sweep,
    /// With a secret that nobody gave out.
    Garbage,
    Courier,
}

/// A change of a password, as a session asks for it.
#[derive(Clone, Debug)]
pub struct ChangeOf {
    pub who: Who,
    pub stamp: Stamp,
    /// The number of the form, whose key makes a repeat answer what the first call answered.
    pub key: Option<u32>,
    pub current: String,
    pub new: String,
}

/// What staff do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    HandOverCode,
    RequireChange,
    SetTemporaryPassword,
    Unfreeze,
    Unlock,
}

impl Kind {
    /// For the story.
    pub fn words(&self) -> String {
        let at = |tenant: &usize| super::founding::TENANTS[*tenant];
        let short = |secret: &str| secret[secret.len() - 6..].to_owned();
        match self {
            Self::Open { tenant, typed, send, key, by } => {
                let and =
                    if *send { format!(" and asks for its code by {by}") } else { String::new() };
                let key = key.map(|key| format!(" (request {key})")).unwrap_or_default();
                format!("opens a reset for {} in {}{and}{key}", typed.as_str(), at(tenant))
            }
            Self::Send { by: None } => "asks for a code".to_owned(),
            Self::Send { by: Some(by) } => format!("asks for a code by {by}"),
            Self::Verify { code } => format!("types the code {code}"),
            Self::Submit { grant, password } => {
                format!("submits \"{password}\" with the grant …{}", short(grant))
            }
            Self::Redeem { ticket } => format!("redeems the ticket …{}", short(ticket)),
            Self::SignIn { tenant, address, password } => {
                format!("signs in as {} of {} with \"{password}\"", address.as_str(), at(tenant))
            }
            Self::Change(ChangeOf { who, key, current, new, .. }) => {
                let key = key.map(|key| format!(" (form {key})")).unwrap_or_default();
                let name = who.1.as_str();
                format!("changes \"{current}\" of {name} of {} to \"{new}\"{key}", who.0)
            }
            Self::Enter { tenant, typed, code } => {
                format!("types {code} of staff for {} in {}", typed.as_str(), at(tenant))
            }
            Self::Freeze { tenant, code } => format!("types {code} to freeze, in {}", at(tenant)),
            Self::Assist { deed, who } => {
                format!("is staff: {deed:?} for {} of {}", who.1.as_str(), who.0)
            }
            Self::Look => "looks".to_owned(),
            Self::Sweep => "sweeps".to_owned(),
            Self::Garbage => "tries a forged secret".to_owned(),
            Self::Courier => "is the courier at work".to_owned(),
        }
    }
}

/// What an attempt came to.
#[derive(Debug)]
pub struct Attempt {
    pub number: Option<u32>,
    pub over: bool,
}

#[derive(Debug)]
pub struct Call {
    pub kind: Kind,
    pub process: usize,
    /// The step in which it began.
    pub start: u64,
    /// The true time of its process then.
    pub now: Timestamp,
    /// The network that it comes from, if nothing but that tells it from others.
    pub network: Option<usize>,
    pub record: Option<RecordId>,
    /// What the record had seen when the call began.
    pub touched: Timestamp,
    /// Whether its process accepts the keys of the record.
    pub ring: usize,
    pub entered: u32,
    pub faulted: bool,
    pub attempt: Option<Attempt>,
    pub hash_refused: bool,
    /// What was told of its password: whether it has leaked.
    pub leaked: bool,
    pub lockout: Option<RecordId>,
    /// Of a sign-in: what its comparison came to, and whether its failure was taken back.
    pub compared: Option<Compared>,
    /// Whether its comparison has begun: each has one.
    pub compares: bool,
    pub settled: bool,
    /// Its caller was dropped, or did not hear how it ended.
    pub cut: bool,
}

/// The budget of an account, counted again.
#[derive(Debug, Default)]
pub struct Budget {
    pub touched: Timestamp,
    pub window_ends: Timestamp,
    pub in_window: u32,
    pub streak_ends: Timestamp,
    pub in_streak: u32,
}
