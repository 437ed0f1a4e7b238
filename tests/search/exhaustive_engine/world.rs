//! What does not change: who the three people are, their two accounts and two resets, keys, policies.

use std::{
    ops::Deref,
    sync::{Arc, LazyLock},
};

use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    domain::{Account, AccountId, GroupId, Stamp},
    engine::Builder,
    policy::{Disclosure, Limits},
};

use super::{defects::Defect, desk::Desk, ports::ShortMails, stores::Stores};
use crate::simulation::{
    chance::SeededEntropy,
    facts::Mode,
    founding::{self, address, plain, tenant},
    methods::{FIRST, phone},
};

/// Small enough that every limit is within reach.
pub static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
    Limits::builder()
        .submits_per_grant(3)
        .tries_per_challenge(2)
        .tries_per_window(3)
        .build()
        .unwrap()
});

/// The same, and two wrong passwords are too many.
pub static STRICT: LazyLock<Limits> = LazyLock::new(|| {
    Limits::builder()
        .lockout_threshold(2)
        .submits_per_grant(3)
        .tries_per_challenge(2)
        .tries_per_window(3)
        .build()
        .unwrap()
});

/// The same, and a number gets one text a day.
pub static TEXTED: LazyLock<Limits> = LazyLock::new(|| {
    Limits::builder()
        .submits_per_grant(3)
        .texts_per_number(1)
        .tries_per_challenge(2)
        .tries_per_window(3)
        .build()
        .unwrap()
});

/// The first is on file at the beginning.
pub const PASSWORDS: [&str; 3] = [
    "Four unrelated Words, 0 by 0",
    "Four unrelated Words, 1 by 1",
    "Four unrelated Words, 2 by 2",
];

/// Whose the two resets are. The owner of an account reads its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// One reset of the owner alone: further.
    Alone,
    /// One of the owner, and one that a stranger opens who knows another address of the account.
    Stranger,
    /// Both of the owner: two browsers.
    Twice,
    /// Both are opened by somebody who has the mailbox of another account: one for that, and one
    /// for the owner's.
    Neighbour,
    /// Two owners of the same name, in two tenants.
    Tenants,
    /// One reset of the owner alone, and a users table that queues no notice.
    Unqueued,
    /// No mail at all: the owner is signed in, a thief has a copy of that session, an administrator
    /// marks the account, and staff hand a code over.
    Entrances,
    /// A thief changes the password, and the owner types the code of the notice.
    Notified,
    /// One reset of the owner alone, whose codes go by mail or by text.
    Texted,
}

/// Who is behind the first address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    Owner,
    /// The owner, without a phone.
    Phoneless,
    Nobody,
}

/// What administrators can set.
const MODES: [Mode; 5] = [Mode::On, Mode::Off, Mode::Exclude, Mode::Abroad, Mode::MailOnly];

impl Setting {
    pub const ALL: [Self; 9] = [
        Self::Alone,
        Self::Stranger,
        Self::Twice,
        Self::Neighbour,
        Self::Tenants,
        Self::Unqueued,
        Self::Entrances,
        Self::Notified,
        Self::Texted,
    ];
}

/// A world, and the processes in it.
pub struct World {
    founding: Arc<Founding>,
    /// What all ports of all processes stand on: one call runs at a time.
    pub desk: Desk,
    without_outbox: Builder,
    with_outbox: Builder,
}

pub struct Founding {
    pub setting: Setting,
    pub defect: Option<Defect>,
    /// Who is behind the first address: for twins.
    pub behind: Behind,
    pub keys: Keyring,
    policies: [[Arc<TenantPolicy>; MODES.len()]; 2],
}

impl World {
    pub fn new(setting: Setting, defect: Option<Defect>, behind: Behind) -> Self {
        let founding = Arc::new(Founding::new(setting, defect, behind));
        let desk = Desk::new(&founding);
        let port = || desk.clone();
        let without_outbox = Sspr::builder(port(), port(), port(), founding.keys.clone())
            .with_clock(port())
            .with_entropy(port())
            .with_hasher(port())
            .with_events(port())
            .with_templates(ShortMails);
        let without_outbox = match setting {
            Setting::Texted => without_outbox.with_sms(port()),
            _ => without_outbox,
        };
        let with_outbox = without_outbox.clone().with_outbox(port());
        Self { desk, founding, with_outbox, without_outbox }
    }

    /// A process, freshly started, that has met its tenants.
    pub fn process(&self, outbox: bool) -> (Sspr, Courier) {
        let builder = if outbox { &self.with_outbox } else { &self.without_outbox };
        let process = builder.clone().build();
        for index in 0..2 {
            process.0.policy(&tenant(index)).unwrap();
        }
        process
    }
}

impl Deref for World {
    type Target = Founding;

    fn deref(&self) -> &Founding {
        &self.founding
    }
}

impl Founding {
    fn new(setting: Setting, defect: Option<Defect>, behind: Behind) -> Self {
        let policy = |index, mode| {
            let limits = match setting {
                Setting::Entrances => *STRICT,
                Setting::Texted => *TEXTED,
                _ => *LIMITS,
            };
            let texts = setting == Setting::Texted;
            let policy = founding::policy(index, mode, texts).with_limits(limits);
            Arc::new(match defect {
                Some(Defect::TenantTells) => policy.with_disclosure(Disclosure::EntraCompatible),
                _ => policy,
            })
        };
        let policies = [0, 1].map(|index| MODES.map(|mode| policy(index, mode)));
        let keys = Keyring::generate(&SeededEntropy::new(1)).unwrap();
        Self { behind, defect, keys, policies, setting }
    }

    pub fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    pub fn policy(&self, tenant: usize, mode: Mode) -> Arc<TenantPolicy> {
        let which = MODES.iter().position(|it| *it == mode).unwrap();
        self.policies[tenant][which].clone()
    }

    /// What the administrator sets by this number.
    pub fn mode(&self, number: u8) -> Mode {
        MODES[usize::from(number)]
    }

    /// The numbers of what the administrator may set.
    pub fn modes(&self) -> [u8; 3] {
        if self.texts() { [0, 3, 4] } else { [0, 1, 2] }
    }

    /// Whether codes can go by text.
    pub fn texts(&self) -> bool {
        self.setting == Setting::Texted
    }

    pub fn resets(&self) -> u8 {
        match self.setting {
            Setting::Entrances => 0,
            Setting::Alone | Setting::Notified | Setting::Texted | Setting::Unqueued => 1,
            Setting::Neighbour | Setting::Stranger | Setting::Tenants | Setting::Twice => 2,
        }
    }

    /// Whether callers go away: everywhere only in a long search.
    pub fn leaves(&self) -> bool {
        let depth = std::env::var("SSPR_DEPTH").ok().and_then(|depth| depth.parse().ok());
        matches!(self.setting, Setting::Alone | Setting::Unqueued)
            || depth.is_some_and(|depth: u8| depth > 2)
    }

    /// Whether the users table queues notices in its own transaction.
    pub fn queues(&self) -> bool {
        self.setting != Setting::Unqueued
    }

    /// The account, the tenant and the address that a reset was opened for.
    pub fn typed(&self, reset: u8) -> (usize, usize, &'static str) {
        match (self.setting, reset) {
            (_, 2) | (Setting::Entrances, _) => (0, 0, "ada@example.com"),
            (Setting::Alone | Setting::Unqueued, _) | (Setting::Stranger | Setting::Twice, 1) => {
                (0, 0, "ada@home.example")
            }
            (Setting::Neighbour, 1) => (1, 0, "eve@example.com"),
            (Setting::Tenants, 1) => (1, 1, "ada@example.com"),
            _ => (0, 0, "ada@example.com"),
        }
    }

    /// Whether who opened `reset` can read the mails of `other`.
    pub fn reads(&self, reset: u8, other: u8) -> bool {
        match self.setting {
            Setting::Alone
            | Setting::Entrances
            | Setting::Notified
            | Setting::Tenants
            | Setting::Texted
            | Setting::Twice
            | Setting::Unqueued => true,
            // The owner reads both mails, the stranger none.
            Setting::Stranger => reset != 1,
            Setting::Neighbour => other == 1 || reset == 2,
        }
    }

    /// The accounts at the beginning.
    pub fn settle(&self) -> Stores {
        let mut stores = Stores::default();
        let second = if self.setting == Setting::Tenants { "ada" } else { "eve" };
        for (index, (home, id)) in [(0, "ada"), (self.second_tenant(), second)].iter().enumerate() {
            let stamp = Stamp::from_bytes([index as u8 + 1; 16]);
            let first = address(&format!("{id}@example.com"));
            let mut account = Account::new(AccountId::parse(id).unwrap(), first, stamp);
            account.password = Some(plain(PASSWORDS[0]));
            if index == 0 {
                // One notice is enough.
                let second =
                    (self.setting != Setting::Notified).then(|| address("ada@home.example"));
                account.addresses.extend(second);
                account.groups = vec![GroupId::parse("excluded").unwrap()];
            }
            if index == 0 && self.texts() && self.behind == Behind::Owner {
                account.phones = vec![phone(FIRST)];
            }
            if index == 0 && self.behind == Behind::Nobody {
                account.addresses = vec![address("else@example.com")];
            }
            stores.put(&tenant(*home), account);
        }
        stores
    }

    fn second_tenant(&self) -> usize {
        usize::from(self.setting == Setting::Tenants)
    }
}
