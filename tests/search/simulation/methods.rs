//! The ways of a code, in the oracle's own words: where it may go, and which numbers a tenant serves.

use sspr::{
    domain::{Account, EmailAddress, IdentityProvider, Method, PhoneNumber},
    flow::ResetReason,
};

use super::facts::{Mode, eligible, may_sign_in};

/// All numbers of the world: of which country each is, and whether texts to it cost more.
const NUMBERS: [(&str, &str); 8] = [
    (FIRST, "US"),
    (SECOND, "CA"),
    (NEIGHBOUR, "US"),
    (ANOTHER, "US"),
    (STRANGERS, "US"),
    (THIEFS, "US"),
    (ABROAD, "DE"),
    (PREMIUM, "none: it is a premium number"),
];
pub const FIRST: &str = "+14255550123";
pub const SECOND: &str = "+12045550100";
/// In the block of the first.
pub const NEIGHBOUR: &str = "+14255550199";
pub const ANOTHER: &str = "+14255550142";
pub const STRANGERS: &str = "+12065550177";
pub const THIEFS: &str = "+13105550166";
pub const ABROAD: &str = "+4915123456789";
pub const PREMIUM: &str = "+19002345678";

pub fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

/// All numbers of the world.
pub fn numbers() -> impl Iterator<Item = PhoneNumber> {
    NUMBERS.iter().map(|(number, _)| phone(number))
}

/// Where a code goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Mailbox(EmailAddress),
    Phone(PhoneNumber),
}

impl Place {
    pub fn method(&self) -> Method {
        match self {
            Self::Mailbox(_) => Method::Email,
            Self::Phone(_) => Method::Sms,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Mailbox(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }

    /// Whether a code for the account may go there. A frozen account gets none by text.
    pub fn is_of(&self, account: &Account) -> bool {
        match self {
            Self::Mailbox(address) => account.destinations().contains(address),
            Self::Phone(number) => account.frozen.is_none() && account.phones.contains(number),
        }
    }
}

/// What a secret of a reset stands on: why the reset began, and where its code went. Once the
/// password is changed, either way will do.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    pub reason: ResetReason,
    pub to: Option<&'a Place>,
}

impl<'a> Proof<'a> {
    pub const fn of(reason: ResetReason, to: &'a Place) -> Self {
        Self { reason, to: Some(to) }
    }

    /// The code of a reset that the user has opened.
    pub const fn code(to: &'a Place) -> Self {
        Self::of(ResetReason::Forgot, to)
    }

    pub const fn any_way(reason: ResetReason) -> Self {
        Self { reason, to: None }
    }
}

/// Whether a tenant that offers texts offers them in this mode.
pub fn offers_texts(mode: Mode) -> bool {
    !matches!(mode, Mode::Off | Mode::MailOnly)
}

/// Whether texts may go to a number.
pub fn is_served(mode: Mode, number: &PhoneNumber) -> bool {
    let (_, country) = NUMBERS.iter().find(|(text, _)| *text == number.as_str()).unwrap();
    *country == "CA" || (*country == "US" && mode != Mode::Abroad)
}

/// The number to which a code for the account goes, if it may go by text.
pub fn texted(mode: Mode, account: &Account) -> Option<&PhoneNumber> {
    let excluded = account.groups.iter().any(|group| group.as_str() == "excluded");
    let is_open = offers_texts(mode)
        && !(excluded && matches!(mode, Mode::Exclude | Mode::NoTexts))
        && may_sign_in(account);
    account.phones.iter().find(|number| is_open && is_served(mode, number))
}

/// Whether an account may have a new password by this proof, where the tenant offers texts or not.
pub fn permitted(proof: Proof<'_>, texts: bool, mode: Mode, account: &Account) -> bool {
    let local = account.identity_providers.contains(&IdentityProvider::EmailPassword);
    let by_text = || texts && texted(mode, account).is_some();
    match (proof.reason, proof.to) {
        (ResetReason::Assistance, _) => local && !account.disabled && !account.locked,
        (ResetReason::MustChange, _) => may_sign_in(account) && !account.locked,
        (_, Some(Place::Mailbox(_))) => eligible(mode, account),
        (_, Some(Place::Phone(number))) => by_text() && is_served(mode, number),
        (_, None) => eligible(mode, account) || by_text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of numbers says what the crate's numbering plans say.
    #[test]
    fn the_oracle_knows_the_countries_of_its_numbers() {
        for (text, country) in NUMBERS {
            let number = phone(text);
            let served = ["US", "CA"].contains(&number.country().unwrap()) && number.takes_texts();
            assert_eq!(served, is_served(Mode::On, &number), "{text}");
            assert!(!served || number.country() == Some(country), "{text}");
        }
    }
}
