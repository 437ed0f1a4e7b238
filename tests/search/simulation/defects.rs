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
}

impl Defect {
    pub const ALL: [Self; 22] = [
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
    ];

    /// How the invariants that it breaks begin; the first that is seen names it.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            Self::ChargesForgotten => &["I2 comparisons of an account"],
            Self::TriesBeginAnew => &["I2 comparisons of a challenge"],
            Self::VersionsNotCompared => &["I1", "I5", "I3"],
            Self::TimeForgotten => &["I8", "I4 after expiry"],
            Self::ClockStandsStill => &["I4 after expiry", "I5", "I8", "I13 a mail", "I14"],
            Self::StampIgnored => &["I4 the stamp"],
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
            Self::SetupIsForGood => &["I13 a mail", "I14"],
        }
    }
}
