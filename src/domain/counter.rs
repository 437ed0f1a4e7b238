//! Counters: their charges, names and limits.

use core::{fmt, time::Duration};

use super::{Fields, Keyring, Purpose, TenantTag, Timestamp};

/// The events that a family of counters counts. The number is the first byte of a counter's name,
/// so names sort by tier, with visible families before silent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// Resets opened, per network.
    Opens = 1,
    /// Codes sent, by the typed address and the network.
    Sends = 2,
    /// Tries of any kind, per network.
    NetworkTries = 3,
    /// Passwords submitted with one grant.
    Grants = 4,
    /// Comparisons in a 24-hour window, by the typed address. Decides what outsiders see.
    VisibleTries = 5,
    /// Comparisons since the last right code, by the typed address. Decides what outsiders see.
    VisibleStreak = 6,
    /// Codes sent, per account.
    SilentSends = 7,
    /// Comparisons in a 24-hour window, per account. Decides only whether a code is compared.
    SilentTries = 8,
    /// Comparisons since the last right code, per account. Decides only whether a code is compared.
    SilentStreak = 9,
    /// Wrong tries of a whole tenant. This counter refuses no request.
    TenantTries = 10,
    /// Redemptions of one ticket.
    Tickets = 11,
    /// Submits that hold one turn of a grant.
    Turns = 12,
    /// Actions of staff, by account, by member of staff and by tenant.
    Assists = 13,
    /// Text messages that were asked for, per network.
    Texts = 14,
    /// Text messages sent, per number, per block of numbers and per tenant. Outsiders do not see
    /// them.
    SilentTexts = 15,
    /// Texts sent to a block of numbers, and codes of them that were typed. Outsiders do not see them.
    Conversions = 16,
    /// Blocks of numbers to which no text is sent. Outsiders do not see them.
    Stops = 17,
}

/// The name of a counter: its family, a tenant tag, and a keyed digest of the counted thing.
///
/// Without the index key, names reveal nothing about addresses or accounts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterName([u8; Self::BYTES]);

/// One charge of one counter.
///
/// A charge of amount 0 only checks whether the counter is at most `limit`. It writes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The tier of the charge. All charges of one tier are made or none is. Tiers are taken in
    /// ascending order.
    pub tier: u8,
    /// The name of the counter.
    pub name: CounterName,
    /// The amount by which the counter grows.
    pub amount: u32,
    /// The highest value that the counter may then have.
    pub limit: u32,
    /// How long a window lasts after its first charge.
    pub window: Duration,
}

/// A counter that would pass its limit, and when its window ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The name of the counter. It is not a position, because stores sort charges.
    pub name: CounterName,
    /// The end of the counter's window. Without an open window, the end of the window that the charge
    /// would have begun.
    pub ends_at: Timestamp,
}

impl Family {
    const ALL: [Self; 17] = [
        Self::Opens,
        Self::Sends,
        Self::NetworkTries,
        Self::Grants,
        Self::VisibleTries,
        Self::VisibleStreak,
        Self::SilentSends,
        Self::SilentTries,
        Self::SilentStreak,
        Self::TenantTries,
        Self::Tickets,
        Self::Turns,
        Self::Assists,
        Self::Texts,
        Self::SilentTexts,
        Self::Conversions,
        Self::Stops,
    ];

    #[expect(clippy::as_conversions, reason = "the one way to read a discriminant; repr(u8)")]
    const fn byte(self) -> u8 {
        self as u8
    }
}

impl CounterName {
    /// The length of a name in bytes.
    pub const BYTES: usize = 32;

    /// Returns the names of one counter. There is one under the index key and, during a rotation,
    /// one under the old key.
    pub(crate) fn of(
        family: Family,
        tenant: TenantTag,
        keys: &Keyring,
        fields: impl Fn(Fields) -> Fields,
    ) -> impl Iterator<Item = Self> {
        keys.indexes(Purpose::Counter).map(move |index| {
            let index = index.bytes(&[family.byte()]).bytes(tenant.as_bytes());
            let unique: [u8; 23] = fields(index).digest().head();
            let mut bytes = [family.byte(); Self::BYTES];
            let parts = tenant.as_bytes().iter().chain(&unique);
            bytes.iter_mut().skip(1).zip(parts).for_each(|(to, from)| *to = *from);
            Self(bytes)
        })
    }

    /// Returns the name with these bytes, as read from a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Returns the family of the counter, or `None` if this version does not know the family.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        Family::ALL.into_iter().find(|family| Some(&family.byte()) == self.0.first())
    }

    /// Returns the tag of the tenant that the counter belongs to.
    #[must_use]
    pub fn tenant_tag(&self) -> TenantTag {
        let mut tag = [0; 8];
        tag.iter_mut().zip(self.0.iter().skip(1)).for_each(|(to, from)| *to = *from);
        TenantTag::from_bytes(tag)
    }
}

impl fmt::Debug for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CounterName({:?}, …)", self.family())
    }
}
