//! What is there at the beginning: tenants and their policies, keys.

use base64ct::{Base64UrlUnpadded, Encoding};
use sspr::{
    Keyring, TenantPolicy,
    domain::{EmailAddress, PasswordHash, TenantId},
    policy::{AuthenticationMethodsPolicy, FreezeCodes, Limits, PasswordRules},
    ports::Entropy,
};

use super::{chance::SeededEntropy, facts::*};

pub const TENANTS: [&str; 2] = ["contoso", "fabrikam"];

pub fn tenant(index: usize) -> TenantId {
    TenantId::parse(TENANTS[index]).unwrap()
}

/// Who has a second factor: one name, in one of the tenants.
pub fn second_factor(who: &Who) -> bool {
    who.0 == tenant(0) && who.1.as_str() == "eve"
}

pub fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// A password that is not hashed at all.
pub fn plain(password: &str) -> PasswordHash {
    PasswordHash::parse(&format!("$sim${}", password.replace(' ', "_"))).unwrap()
}

pub fn limits(index: usize) -> Limits {
    if index == 0 {
        return Limits::default();
    }
    Limits::builder()
        .opens_per_network(1200)
        .sends_per_account(300)
        .sends_per_address(200)
        .sends_per_address_and_network(100)
        .sends_per_network(600)
        .submits_per_grant(4)
        .tenant_tries(60)
        .texts_per_block(4)
        .texts_per_network(2)
        .texts_per_number(3)
        .texts_per_tenant(5)
        .tries_per_challenge(3)
        .tries_per_streak(14)
        .tries_per_window(6)
        .build()
        .unwrap()
}

/// What an administrator has set, in a tenant that offers codes by text or not.
pub fn policy(index: usize, mode: Mode, texts: bool) -> TenantPolicy {
    let state = if mode == Mode::Off { "disabled" } else { "enabled" };
    let of_texts = if mode == Mode::MailOnly { "disabled" } else { state };
    let group = r#"[{"targetType":"group","id":"excluded"}]"#;
    let excluded = |modes: &[Mode]| if modes.contains(&mode) { group } else { "[]" };
    let method = |id: &str, state: &str, excluded: &str| {
        let kind = id.to_lowercase();
        format!(
            r##"{{"@odata.type":"#microsoft.graph.{kind}AuthenticationMethodConfiguration",
            "id":"{id}","state":"{state}",
            "includeTargets":[{{"targetType":"group","id":"all_users"}}],
            "excludeTargets":{excluded}}}"##
        )
    };
    let mut methods = method("Email", state, excluded(&[Mode::Exclude]));
    if texts {
        let excluded = excluded(&[Mode::Exclude, Mode::NoTexts]);
        methods = format!("{methods},{}", method("Sms", of_texts, excluded));
    }
    let json = format!(r#"{{"authenticationMethodConfigurations":[{methods}]}}"#);
    let methods = AuthenticationMethodsPolicy::from_json(&json).unwrap();
    let countries = if mode == Mode::Abroad { &["CA"][..] } else { &["US", "CA"] };
    let policy = TenantPolicy::customers(TENANTS[index]).unwrap();
    policy
        .with_authentication_methods(methods)
        .with_sms_countries(countries.iter().copied().filter(|_| texts))
        .unwrap()
        .with_limits(limits(index))
        .with_password_rules(rules(index))
        .with_freeze_codes(if index == 0 { FreezeCodes::On } else { FreezeCodes::Off })
}

pub fn rules(index: usize) -> PasswordRules {
    if index == 0 { PasswordRules::nist() } else { PasswordRules::entra() }
}

/// The deployments of two rotations of the signing key and one of the index key.
pub fn rings(entropy: &SeededEntropy) -> Vec<Keyring> {
    let key = || {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes).unwrap();
        Base64UrlUnpadded::encode_string(&bytes)
    };
    let (k0, k1, k2, i0, i1) = (key(), key(), key(), key(), key());
    let texts = [
        format!("sign={k0} index={i0}"),
        format!("sign={k0} accept={k1} index={i0}"),
        format!("sign={k1} accept={k0} index={i1} old-index={i0}"),
        format!("sign={k1} index={i1} old-index={i0}"),
        format!("sign={k1} accept={k2} index={i1} old-index={i0}"),
        format!("sign={k2} accept={k1} index={i1} old-index={i0}"),
        format!("sign={k2} index={i1} old-index={i0}"),
    ];
    texts.iter().map(|text| Keyring::parse(text).unwrap()).collect()
}
