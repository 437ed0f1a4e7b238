//! What can be planted, each broken in one way: the simulation must find it.

/// One planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The code store does not make the charges that come with tries.
    ChargesForgotten,
    /// The code store begins a new challenge with every swap.
    TriesBeginAnew,
    /// The code store writes whatever the version is.
    VersionsNotCompared,
    /// The code store believes the caller's clock alone.
    TimeForgotten,
    /// One process's clock stands still.
    ClockStandsStill,
    /// The users table changes the password whatever the stamp is.
    StampIgnored,
    /// The users table leaves the stamp as it was.
    StampKept,
    /// The users table queues no notice.
    NoticeForgotten,
    /// The users table finds the accounts of every tenant.
    TenantsMixed,
    /// The mail goes to what was typed.
    MailToTyped,
    /// One process goes on with the first policy that lets everybody reset.
    PolicyCached,
    /// The code store may answer what a record was before the last write.
    ReadsAreStale,
    /// The code store ends a challenge after two tries.
    TriesEndEarly,
    /// The code store sweeps what is alive.
    SweepsTheLiving,
    /// The users table has lost the second factors.
    SecondFactorLost,
    /// What is said of a password that has leaked does not reach the engine.
    LeakUnsaid,
    /// The mail system takes a set-up error of its own for a refusal of the recipient.
    SetupIsForGood,
    /// The outbox keeps no notice that it has handed out.
    OutboxForgets,
    /// The outbox drops what is put off.
    PostponeForgets,
    /// The code store says "not done" where it does not know.
    OutcomeTakenForNo,
    /// A right password whose caller left is taken for a wrong one.
    SettledAsWrong,
    /// A wrong password whose caller left is taken for a right one.
    SettledAsRight,
    /// A wrong current password of a session is taken for a right one.
    CurrentUnchecked,
    /// A right current password of a session is taken for a wrong one.
    CurrentRefused,
    /// The users table changes the password of a session whatever the stamp is.
    SessionStampIgnored,
    /// The users table makes each change of a session, also one that it has made.
    OperationRepeated,
    /// The users table does not say what the last change of an account was.
    LastChangeForgotten,
    /// The users table keeps the mark when a session changes the password.
    MarkKept,
    /// The users table does not mark an account whose password is temporary.
    MarkForgotten,
    /// The users table forgets when a temporary password ends.
    ExpiryForgotten,
    /// The users table finds all accounts of a tenant for each code of staff.
    AddressesMixed,
    /// The code store does not find what staff have written.
    StaffCodeLost,
    /// The code store forgets failures.
    LockoutForgotten,
    /// A user of the users table seems to be disabled in a change.
    SessionsDisabled,
    /// The users table has another stamp for each session.
    SessionsEnded,
    /// The users table freezes an account whatever the stamp is.
    FreezeIgnoresTheStamp,
    /// The users table leaves the stamp as it was when it freezes an account.
    FreezeKeepsTheStamp,
    /// The code store forgets which codes of notices are void.
    VoidForgotten,
    /// Texts go to another number.
    TextToAnother,
    /// The users table tells of the phones that an account had at the beginning.
    PhonesAreStale,
    /// One process serves more countries.
    CountriesAdded,
    /// The provider takes a failure of its own for a refusal of the number.
    TextsAreGivenUp,
    /// The code store does not count texts by their number.
    NumberUncounted,
    /// The code store does not count texts by the block of their number.
    BlockUncounted,
    /// The code store does not count texts by their tenant.
    TenantUncounted,
    /// The code store does not count texts by the network that asks for them.
    NetworkUncounted,
    /// The code store lets texts of decoys count for the tenant.
    DecoysCost,
    /// The code store does not make the charges that come with tries of codes by text.
    TextTriesAreFree,
    /// The code store keeps the code before when another one goes by text.
    TextSupersedesNothing,
    /// The users table does not say what led to a change.
    CauseForgotten,
    /// The users table keeps the phones of an account that its owner takes back.
    PhonesKept,
}

impl Defect {
    pub const ALL: [Self; 51] = [
        Self::ChargesForgotten,
        Self::TriesBeginAnew,
        Self::VersionsNotCompared,
        Self::TimeForgotten,
        Self::ClockStandsStill,
        Self::StampIgnored,
        Self::StampKept,
        Self::NoticeForgotten,
        Self::TenantsMixed,
        Self::MailToTyped,
        Self::PolicyCached,
        Self::ReadsAreStale,
        Self::TriesEndEarly,
        Self::SweepsTheLiving,
        Self::SecondFactorLost,
        Self::LeakUnsaid,
        Self::SetupIsForGood,
        Self::OutboxForgets,
        Self::PostponeForgets,
        Self::OutcomeTakenForNo,
        Self::SettledAsWrong,
        Self::SettledAsRight,
        Self::CurrentUnchecked,
        Self::CurrentRefused,
        Self::SessionStampIgnored,
        Self::OperationRepeated,
        Self::LastChangeForgotten,
        Self::MarkKept,
        Self::MarkForgotten,
        Self::ExpiryForgotten,
        Self::AddressesMixed,
        Self::StaffCodeLost,
        Self::LockoutForgotten,
        Self::SessionsDisabled,
        Self::SessionsEnded,
        Self::FreezeIgnoresTheStamp,
        Self::FreezeKeepsTheStamp,
        Self::VoidForgotten,
        Self::TextToAnother,
        Self::PhonesAreStale,
        Self::CountriesAdded,
        Self::TextsAreGivenUp,
        Self::NumberUncounted,
        Self::BlockUncounted,
        Self::TenantUncounted,
        Self::NetworkUncounted,
        Self::DecoysCost,
        Self::TextTriesAreFree,
        Self::TextSupersedesNothing,
        Self::CauseForgotten,
        Self::PhonesKept,
    ];

    /// How the invariants that it breaks begin; the first that is seen names it.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            Self::ChargesForgotten => &["I2 comparisons of an account"],
            Self::TriesBeginAnew => &["I2 comparisons of a challenge"],
            Self::VersionsNotCompared => &["I1", "I5", "I3", "I2"],
            Self::TimeForgotten => &["I8", "I4 after expiry"],
            Self::ClockStandsStill => &["I4 after expiry", "I5", "I8", "I13 a mail", "I14"],
            Self::StampIgnored => &["I4 the stamp", "I9 an older session"],
            Self::StampKept => &["I5 hash and stamp"],
            Self::NoticeForgotten => &["I9 one notice", "I14"],
            Self::TenantsMixed => &["I4 a mail", "I6"],
            Self::MailToTyped => &["I4 a mail"],
            Self::PolicyCached => &["I6"],
            Self::ReadsAreStale => &["I3", "I5", "I1", "I2"],
            Self::TriesEndEarly => &["I3 exhausted"],
            Self::SweepsTheLiving => &["I3 a living record"],
            Self::SecondFactorLost => &["I6 a reset replaces", "I6 a sign-in"],
            Self::LeakUnsaid => &["I6 a password"],
            Self::SettledAsRight => &["I2 a wrong password"],
            Self::SettledAsWrong => &["I13 a right password"],
            Self::OutcomeTakenForNo => &["I13"],
            Self::PostponeForgets => &["I14"],
            Self::OutboxForgets => &["I14"],
            Self::CurrentUnchecked => &["I5 a change without the right"],
            Self::CurrentRefused => &["I3 a right current"],
            Self::SessionStampIgnored => &["I9 an older session"],
            Self::OperationRepeated => &["I1 an operation", "I5 hash and stamp"],
            Self::LastChangeForgotten => &["I5 a repeat of a change"],
            Self::MarkKept => &["I9 a mark", "I5 a repeat of a change"],
            Self::MarkForgotten => &["I6 a session before"],
            Self::ExpiryForgotten => &["I4 after expiry: temporary"],
            Self::AddressesMixed => &["I4 a code of staff"],
            Self::StaffCodeLost => &["I3 a right code of staff"],
            Self::LockoutForgotten => &["I2 lockout", "I13 a right password"],
            Self::SessionsDisabled => &["I6 a user who may"],
            Self::FreezeIgnoresTheStamp => &["I4 a freeze of what"],
            Self::FreezeKeepsTheStamp => &["I9 a freeze ends"],
            Self::VoidForgotten => &["I4 a void code"],
            Self::TextToAnother => &["I4 a text to where"],
            Self::PhonesAreStale => &["I4 a text to a number"],
            Self::CountriesAdded => &["Toll: a text to a country"],
            Self::TextsAreGivenUp => &["I13 a text"],
            Self::NumberUncounted => &["Toll: texts to a number"],
            Self::BlockUncounted => &["Toll: texts to a block"],
            Self::TenantUncounted => &["Toll: texts of a tenant"],
            Self::NetworkUncounted => &["Toll: texts from a network"],
            Self::DecoysCost => &["Toll: a text is refused"],
            Self::TextTriesAreFree => &["I2 comparisons of an account"],
            Self::TextSupersedesNothing => {
                &["I3 the newest code wins", "I2 comparisons of a challenge"]
            }
            Self::CauseForgotten => &["I9 a notice of another cause"],
            Self::PhonesKept => &["I9 a recovery keeps"],
            Self::SessionsEnded => &["I5 a live session"],
            Self::SetupIsForGood => &["I13 a mail", "I14"],
        }
    }
}
