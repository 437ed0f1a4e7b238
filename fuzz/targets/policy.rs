//! Policy documents: what is read is written back as a document that reads the same, and what is
//! not is named with its path and never with its value.
#![no_main]

use fuzz::fuzz_text;
use sspr::{
    TenantPolicy,
    policy::{AuthenticationMethodsPolicy, DocumentError, UserFlow},
};

fn named(error: &DocumentError, text: &str) {
    assert!(error.path.starts_with('$') && !error.rule.is_empty());
    // But for the types of Graph's that a rule asks for, it repeats no long string of the input.
    let flow = UserFlow::email_with_password("flow").expect("an identifier").document().to_string();
    let email = AuthenticationMethodsPolicy::email_for_all().document().to_string();
    let types = flow.split('"').chain(email.split('"')).filter(|name| name.starts_with('#'));
    let rule = types.fold(error.rule.clone(), |rule, name| rule.replace(name, ""));
    for word in text.split('"').filter(|word| word.len() > 48) {
        assert!(!rule.contains(word), "the rule repeats what was given");
    }
}

fuzz_text!(|text| {
    match TenantPolicy::from_json(text) {
        Ok(policy) => {
            let written = policy.to_json();
            let again = TenantPolicy::from_json(&written.to_string()).expect("reads what it wrote");
            assert_eq!(again.to_json(), written);
            assert_eq!(again.limits(), policy.limits());
        }
        Err(error) => named(&error, text),
    }
    for read in
        [AuthenticationMethodsPolicy::from_json, AuthenticationMethodsPolicy::from_email_json]
    {
        match read(text) {
            Ok(policy) => {
                let written = policy.document().to_string();
                let again = AuthenticationMethodsPolicy::from_json(&written).expect("as written");
                assert_eq!(again, policy);
            }
            Err(error) => named(&error, text),
        }
    }
    match UserFlow::from_json(text) {
        Ok(flow) => {
            let again = UserFlow::from_json(&flow.document().to_string()).expect("as written");
            assert_eq!(again.document(), flow.document());
            assert_eq!((again.id(), again.display_name()), (flow.id(), flow.display_name()));
            assert_eq!(again.identity_providers(), flow.identity_providers());
        }
        Err(error) => named(&error, text),
    }
});
