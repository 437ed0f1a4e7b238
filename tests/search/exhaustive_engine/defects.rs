//! What can be planted at the seams of the engine, each wrong in one way: its property must find it.

use super::{books::Broken, search::Root, world::Setting};

/// One planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The engine draws a grant anew for each right code.
    GrantsAreDrawn,
    /// The users table takes a change whatever stamp and last reset are.
    UsersTakeAll,
    /// The code store writes whatever the version is.
    VersionsNotCompared,
    /// The code store admits one try more.
    OneTryMore,
    /// The code store does not make the charges that come with tries.
    ChargesForgotten,
    /// The code store ends a challenge one try early.
    TriesEndEarly,
    /// The code store writes an older body back when a try is charged.
    TriesWriteBack,
    /// The clocks of all processes stand still.
    ClocksStandStill,
    /// The users table answers the account with the stamp that it had first.
    StampsAreStale,
    /// The users table finds the accounts of every tenant.
    TenantsMixed,
    /// The mail goes to what was typed.
    MailToTyped,
    /// The users table changes the password and leaves the stamp.
    StampKept,
    /// The users table does not keep which reset was the last.
    LastResetForgotten,
    /// Processes go on with the policy that they saw first.
    PolicyCached,
    /// The tenant tells who has an account.
    TenantTells,
    /// The code store believes the caller's clock alone.
    TimeForgotten,
    /// The users table queues no notice.
    NoticeForgotten,
    /// The host puts the address into the reset's context.
    AddressInContext,
    /// The code store does not charge hashes to grants.
    HashesForgotten,
    /// The code store does not charge tickets.
    TicketsForgotten,
    /// The code store refuses codes to whoever has tried too often.
    DoorCloses,
    /// The code store answers tries without charging them.
    TriesAreFree,
    /// The source of randomness repeats itself: every code is the same.
    RandomnessRepeats,
    /// The hasher takes any password for the one on file.
    HasherSaysYes,
    /// The code store does not find a completed reset for a ticket.
    CompletedAreGone,
    /// The users table does not tell of a stamp that the host has changed.
    SignOutUnseen,
    /// The code store says "not done" where it does not know.
    SendTakenForNo,
    /// The users table says "not done" where it does not know.
    ChangeTakenForNo,
    /// Couriers find no record while its send is still to come.
    NotYetIsNever,
    /// The users table tells each session that its own stamp is the account's.
    SessionsAreTrusted,
    /// The users table does not tell that an account must change its password.
    MarksUnseen,
    /// The code store keeps no wrong passwords.
    FailuresForgotten,
    /// The code store does not keep that a code of staff was seen to expire.
    ExpiryForgotten,
    /// The hasher takes any password for the current one.
    CurrentIsAny,
    /// The users table leaves the stamp as it was when it freezes an account.
    FreezeKeepsTheStamp,
    /// The users table does not tell that an account is frozen.
    FreezesUnseen,
    /// The code store does not keep that codes of notices are void.
    VoidsForgotten,
    /// The code store does not keep that the code of a notice was seen to expire.
    NoticeExpiryForgotten,
    /// Texts go to another number.
    TextToAnother,
    /// The users table tells of the phone that the account had at the beginning.
    PhonesAreStale,
    /// Processes go on with the countries that were served at first.
    CountriesAreStale,
    /// The code store does not count texts.
    TextsUncounted,
    /// The code store counts each text twice.
    TextsCountTwice,
    /// The code store does not make the charges that come with tries of codes by text.
    TextTriesAreFree,
    /// The code store keeps the code before when another one goes by text.
    TextSupersedesNothing,
    /// The code store gives the codes of decoys no tries of their own.
    DecoysKeepTries,
}

impl Defect {
    pub const ALL: [Self; 46] = [
        Self::GrantsAreDrawn,
        Self::UsersTakeAll,
        Self::VersionsNotCompared,
        Self::OneTryMore,
        Self::ChargesForgotten,
        Self::TriesEndEarly,
        Self::TriesWriteBack,
        Self::ClocksStandStill,
        Self::StampsAreStale,
        Self::TenantsMixed,
        Self::MailToTyped,
        Self::StampKept,
        Self::LastResetForgotten,
        Self::PolicyCached,
        Self::TenantTells,
        Self::TimeForgotten,
        Self::NoticeForgotten,
        Self::AddressInContext,
        Self::HashesForgotten,
        Self::TicketsForgotten,
        Self::DoorCloses,
        Self::TriesAreFree,
        Self::RandomnessRepeats,
        Self::HasherSaysYes,
        Self::CompletedAreGone,
        Self::SignOutUnseen,
        Self::SendTakenForNo,
        Self::ChangeTakenForNo,
        Self::NotYetIsNever,
        Self::SessionsAreTrusted,
        Self::MarksUnseen,
        Self::FailuresForgotten,
        Self::ExpiryForgotten,
        Self::CurrentIsAny,
        Self::FreezeKeepsTheStamp,
        Self::FreezesUnseen,
        Self::VoidsForgotten,
        Self::NoticeExpiryForgotten,
        Self::TextToAnother,
        Self::PhonesAreStale,
        Self::CountriesAreStale,
        Self::TextsUncounted,
        Self::TextsCountTwice,
        Self::TextTriesAreFree,
        Self::TextSupersedesNothing,
        Self::DecoysKeepTries,
    ];

    /// The faults that must happen on the way.
    pub fn faults(self) -> u8 {
        u8::from(matches!(self.breaks(), Broken::I13MailLost | Broken::I14OwnerNotTold))
    }

    /// Where to look for it: the last number are the calls that must be stopped.
    pub fn lies(self) -> (Setting, Root, u8, u8) {
        match self {
            Self::UsersTakeAll => (Setting::Alone, Root::Grants, 2, 2),
            Self::VersionsNotCompared => (Setting::Alone, Root::Nothing, 5, 1),
            Self::TicketsForgotten => (Setting::Alone, Root::Tickets, 2, 0),
            Self::CompletedAreGone | Self::SignOutUnseen => (Setting::Alone, Root::Tickets, 2, 0),
            Self::ChargesForgotten | Self::DoorCloses | Self::RandomnessRepeats => {
                (Setting::Stranger, Root::Codes, 4, 0)
            }
            Self::SendTakenForNo => (Setting::Alone, Root::Nothing, 2, 1),
            Self::ChangeTakenForNo => (Setting::Unqueued, Root::Grants, 1, 1),
            Self::NotYetIsNever => (Setting::Alone, Root::Nothing, 3, 1),
            Self::SessionsAreTrusted | Self::CurrentIsAny => {
                (Setting::Entrances, Root::Nothing, 2, 0)
            }
            Self::MarksUnseen => (Setting::Entrances, Root::Nothing, 2, 0),
            Self::FreezeKeepsTheStamp | Self::FreezesUnseen => {
                (Setting::Notified, Root::Notified, 2, 0)
            }
            Self::VoidsForgotten => (Setting::Notified, Root::NotifiedAndGranted, 2, 0),
            Self::NoticeExpiryForgotten => (Setting::Notified, Root::Notified, 4, 0),
            Self::TextToAnother | Self::TextsCountTwice => (Setting::Texted, Root::Codes, 2, 0),
            Self::PhonesAreStale | Self::CountriesAreStale => (Setting::Texted, Root::Codes, 3, 0),
            Self::TextSupersedesNothing => (Setting::Texted, Root::Codes, 3, 0),
            Self::TextsUncounted => (Setting::Texted, Root::Texted, 3, 0),
            Self::TextTriesAreFree => (Setting::Texted, Root::TriedByText, 1, 0),
            Self::DecoysKeepTries => (Setting::Texted, Root::Nothing, 5, 0),
            Self::FailuresForgotten => (Setting::Entrances, Root::Nothing, 3, 0),
            Self::ExpiryForgotten => (Setting::Entrances, Root::Assisted, 4, 0),
            Self::TenantsMixed => (Setting::Tenants, Root::Nothing, 3, 0),
            Self::MailToTyped | Self::AddressInContext | Self::TenantTells => {
                (Setting::Alone, Root::Nothing, 3, 0)
            }
            Self::StampKept
            | Self::LastResetForgotten
            | Self::NoticeForgotten
            | Self::HashesForgotten
            | Self::HasherSaysYes => (Setting::Alone, Root::Grants, 4, 0),
            Self::GrantsAreDrawn
            | Self::OneTryMore
            | Self::TriesEndEarly
            | Self::TriesWriteBack
            | Self::ClocksStandStill
            | Self::StampsAreStale
            | Self::PolicyCached
            | Self::TimeForgotten
            | Self::TriesAreFree => (Setting::Alone, Root::Codes, 4, 0),
        }
    }

    /// The property that finds it.
    pub fn breaks(self) -> Broken {
        match self {
            Self::GrantsAreDrawn => Broken::I1CodeYieldsTwoGrants,
            Self::UsersTakeAll => Broken::I1GrantChangesTwice,
            Self::VersionsNotCompared => Broken::I3RightCodeRefused,
            Self::TicketsForgotten => Broken::I1TicketSignsInTwice,
            Self::OneTryMore => Broken::I2TriesOfAChallenge,
            Self::ChargesForgotten => Broken::I2TriesOfAnAccount,
            Self::TriesEndEarly => Broken::I3RightCodeRefused,
            Self::TriesWriteBack => Broken::I3OlderCodeWins,
            Self::ClocksStandStill => Broken::I4AfterExpiry,
            Self::StampsAreStale => Broken::I4StampAndAddress,
            Self::TenantsMixed => Broken::I4AnotherAccount,
            Self::MailToTyped => Broken::I4MailNotOnFile,
            Self::StampKept => Broken::I5HashWithoutStamp,
            Self::LastResetForgotten => Broken::I5LiveGrantRefused,
            Self::PolicyCached => Broken::I6PolicyForbids,
            Self::TenantTells => Broken::I7StrangerSees,
            Self::TimeForgotten => Broken::I8TheDeadRevived,
            Self::NoticeForgotten => Broken::I9NoNotice,
            Self::AddressInContext => Broken::I10SecretAtRest,
            Self::HashesForgotten => Broken::I11HashesOfAGrant,
            Self::DoorCloses => Broken::I12DoorClosed,
            Self::TriesAreFree => Broken::I2ComparedUncharged,
            Self::RandomnessRepeats => Broken::I4SecretThatNeverCounted,
            Self::HasherSaysYes => Broken::I5ChangedAndIsNot,
            Self::CompletedAreGone => Broken::I5LiveTicketRefused,
            Self::SignOutUnseen => Broken::I9OldStamp,
            Self::SendTakenForNo | Self::NotYetIsNever => Broken::I13MailLost,
            Self::ChangeTakenForNo => Broken::I14OwnerNotTold,
            Self::SessionsAreTrusted => Broken::I9OldStamp,
            Self::MarksUnseen => Broken::I5MarkedSignsIn,
            Self::FailuresForgotten => Broken::I2GuessesOfAPassword,
            Self::ExpiryForgotten => Broken::I8TheDeadRevived,
            Self::CurrentIsAny => Broken::I5ChangedWithoutPassword,
            Self::FreezeKeepsTheStamp => Broken::I9FreezeKeepsSessions,
            Self::FreezesUnseen => Broken::I9FrozenSignsIn,
            Self::VoidsForgotten => Broken::I4VoidCodeFreezes,
            Self::NoticeExpiryForgotten => Broken::I8TheDeadRevived,
            Self::TextToAnother | Self::PhonesAreStale => Broken::I4TextNotOnFile,
            Self::CountriesAreStale => Broken::TollCountryNotServed,
            Self::TextsUncounted => Broken::TollTooManyTexts,
            Self::TextsCountTwice => Broken::TollTextRefused,
            Self::TextTriesAreFree => Broken::I2TriesOfAnAccount,
            Self::TextSupersedesNothing => Broken::I3OlderCodeWins,
            Self::DecoysKeepTries => Broken::I7StrangerSees,
        }
    }
}
