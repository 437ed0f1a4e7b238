//! The choices that the page offers and that its forms may name.

use crate::domain::IdentityProvider;

/// The providers that the page offers: Graph's id, the provider, its name, and its meaning for a
/// reset.
pub(super) const PROVIDERS: [(&str, IdentityProvider, &str, &str); 4] = [
    (
        "EmailPassword-OAUTH",
        IdentityProvider::EmailPassword,
        "Email with password",
        "Password reset is for these customers",
    ),
    (
        "EmailOtpSignup-OAUTH",
        IdentityProvider::EmailOtp,
        "Email one-time passcode",
        "No password, so nothing to reset",
    ),
    ("Google-OAUTH", IdentityProvider::Google, "Google", "The password is kept at Google"),
    ("Facebook-OAUTH", IdentityProvider::Facebook, "Facebook", "The password is kept at Facebook"),
];

/// The ids of these providers, which a form may name.
pub(super) const PROVIDER_IDS: [&str; 4] = {
    let [one, two, three, four] = PROVIDERS;
    [one.0, two.0, three.0, four.0]
};

pub(super) const GROUP: &str = "group";
pub(super) const USER: &str = "user";
/// Graph's types of targets. A form has one field for each type.
pub(super) const TARGETS: [&str; 2] = [GROUP, USER];
