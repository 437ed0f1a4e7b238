//! The words with which the SQL adapters store the parts of an account.

use crate::domain::{IdentityProvider, SecondFactor};

const PROVIDERS: [(&str, IdentityProvider); 5] = [
    ("email-otp", IdentityProvider::EmailOtp),
    ("email-password", IdentityProvider::EmailPassword),
    ("facebook", IdentityProvider::Facebook),
    ("google", IdentityProvider::Google),
    ("other", IdentityProvider::Other),
];

pub(in crate::adapters) fn provider(name: &str) -> IdentityProvider {
    let known = PROVIDERS.iter().find(|(known, _)| *known == name);
    known.map_or(IdentityProvider::Other, |(_, provider)| *provider)
}

pub(in crate::adapters) fn provider_name(provider: IdentityProvider) -> &'static str {
    let known = PROVIDERS.iter().find(|(_, known)| *known == provider);
    known.map_or("other", |(name, _)| *name)
}

pub(in crate::adapters) const fn second_factor(number: i16) -> Option<SecondFactor> {
    match number {
        0 => Some(SecondFactor::None),
        1 => Some(SecondFactor::Independent),
        2 => Some(SecondFactor::SameMailbox),
        _ => None,
    }
}

pub(in crate::adapters) const fn second_factor_number(factor: SecondFactor) -> i16 {
    match factor {
        SecondFactor::None => 0,
        SecondFactor::Independent => 1,
        SecondFactor::SameMailbox => 2,
    }
}
