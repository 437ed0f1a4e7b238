//! Passwords: normalised once and for all, and within the limits that protect the hasher.
#![no_main]

use fuzz::fuzz_text;
use sspr::{
    TenantPolicy,
    domain::{Password, PasswordError},
    policy::{PasswordContext, PasswordRules},
};

fuzz_text!(|text| {
    match Password::parse(text) {
        Ok(password) => {
            let normal = password.expose();
            assert_eq!(Password::parse(normal).unwrap().expose(), normal);
            assert!(password.characters() <= 256 && normal.len() <= 1024 && !normal.is_empty());
            assert!(!normal.chars().any(char::is_control));
            assert_eq!(text.is_ascii().then_some(text).unwrap_or(normal), normal);
            let tenant = TenantPolicy::customers("contoso").unwrap();
            let about =
                PasswordContext { account: None, brand: "Contoso", tenant: tenant.tenant() };
            for rules in [PasswordRules::nist(), PasswordRules::entra()] {
                let issues = rules.check(&password, &about);
                let again = rules.check(&Password::parse(normal).unwrap(), &about);
                assert_eq!(format!("{issues:?}"), format!("{again:?}"));
                let short = password.characters() < rules.min_length();
                assert!(!short || !issues.is_empty(), "a short password is refused");
            }
        }
        Err(PasswordError::Empty) => assert!(text.is_empty()),
        Err(PasswordError::Control) => assert!(text.chars().any(char::is_control)),
        Err(_) => assert!(text.len() > 256),
    }
});
