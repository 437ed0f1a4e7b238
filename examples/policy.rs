//! Loads a tenant from Microsoft Graph's JSON, prints what is still to set up, and explains for
//! every kind of account whether it may reset its password. `cargo run --example policy`
#![allow(clippy::print_stdout, reason = "an example talks")]

use sspr::{
    TenantPolicy,
    domain::{
        Account, AccountId, EmailAddress, GroupId, IdentityProvider, PasswordHash, SecondFactor,
        Stamp, TenantId, UserFlowId,
    },
    policy::{AuthenticationMethodsPolicy, UserFlow},
};

const FLOW: &str = r##"{
  "@odata.type": "#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
  "id": "shop", "displayName": "Shop sign-in", "priority": 500,
  "conditions": {"applications": {"includeAllApplications": false,
    "includeApplications": [{"appId": "63856651-0000-4000-8000-000000000000"}]}},
  "onInteractiveAuthFlowStart": {"isSignUpAllowed": true},
  "onAuthenticationMethodLoadStart": {
    "identityProviders": [{"id": "EmailPassword-OAUTH"}, {"id": "Google-OAUTH"}]}
}"##;

const EMAIL_OTP: &str = r##"{
  "@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration",
  "id": "Email", "state": "enabled", "allowExternalIdToUseEmailOtp": "default",
  "includeTargets": [{"targetType": "group", "id": "all_users"}],
  "excludeTargets": [{"targetType": "group", "id": "staff"}]
}"##;

type Change = fn(&mut Account);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = TenantPolicy::new(
        TenantId::parse("contoso")?,
        vec![UserFlow::from_json(FLOW)?],
        AuthenticationMethodsPolicy::from_email_json(EMAIL_OTP)?,
    )?;
    println!("{}\n", policy.readiness());

    let kinds: [(&str, Change); 8] = [
        ("local", |_| {}),
        ("locked", |it| it.locked = true),
        ("disabled", |it| it.disabled = true),
        ("federated", |it| it.identity_providers = vec![IdentityProvider::Google]),
        ("one-time passcodes only", |it| {
            it.identity_providers = vec![IdentityProvider::EmailOtp];
            it.password = None;
        }),
        ("excluded", |it| it.groups = GroupId::parse("staff").into_iter().collect()),
        ("second factor of its own", |it| it.second_factor = SecondFactor::Independent),
        ("second factor in the same mailbox", |it| it.second_factor = SecondFactor::SameMailbox),
    ];
    let flow = UserFlowId::parse("shop")?;
    let hash =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for (kind, change) in kinds {
        let address = EmailAddress::parse("ada@example.com")?;
        let account = Account::new(AccountId::parse("1")?, address, Stamp::from_bytes([0; 16]));
        let mut account = account.with_password(PasswordHash::parse(hash)?);
        change(&mut account);
        println!("{kind}: {}", policy.explain(&flow, &account));
    }

    let broken = EMAIL_OTP.replace("\"enabled\"", "\"on\"");
    if let Err(error) = AuthenticationMethodsPolicy::from_email_json(&broken) {
        println!("\nA mistake is named with its place: {error}");
    }
    Ok(())
}
