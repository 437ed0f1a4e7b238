//! The content of a token at each stage. It is exactly what the next step needs.

use std::sync::Arc;

use axum::{body::Body, extract::Request, http::header::ORIGIN};
use serde_json::Value;

use super::*;
use crate::{
    Sspr, TenantPolicy,
    adapters::{MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::{Application, ApplicationId, Keyring, TenantId},
    http::{IssueError, Issued, Native, TokenIssuer, TokenRequest},
};

struct Nobody;

#[async_trait::async_trait]
impl TokenIssuer for Nobody {
    async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }

    async fn refresh(
        &self,
        _: &TenantId,
        _: &ApplicationId,
        _: &str,
    ) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
}

fn call() -> Call {
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let (sspr, _) = Sspr::new(MemoryUsers::new(), MemoryCodes::new(), policies, keys);
    let api = Native::new(&sspr, Application::new("contoso", "sign-in", "shop").unwrap(), Nobody);
    let request = Request::builder().header(ORIGIN, "https://shop.example");
    Call::of(&Arc::new(api.0), &request.body(Body::empty()).unwrap())
}

/// Returns the names of the fields in a token, as they are before sealing.
fn names(call: &Call, kind: Kind, step: Step) -> Vec<String> {
    let token = Continuation::new("shop", "openid", step, call.ids.now);
    let sealed = token.seal(call, kind).unwrap();
    let plain = call.site.envelopes.open(&about(call, kind), &sealed).unwrap();
    let plain: Value = serde_json::from_slice(&plain).unwrap();
    let mut names = Vec::new();
    let fields = plain.as_object().unwrap();
    for (name, value) in fields {
        match value.as_object() {
            Some(step) => {
                let inner = step.values().filter_map(Value::as_object).flat_map(|it| it.keys());
                names.extend(inner.map(|inner| format!("{name}.{inner}")));
            }
            None if !value.is_null() => names.push(name.clone()),
            None => {}
        }
    }
    names.sort_unstable();
    names
}

#[test]
fn a_token_holds_what_the_next_step_needs_and_nothing_more() {
    let call = call();
    let secret = || Secret::of("secret".to_owned());
    let once = Once::generate(&call).unwrap_or_else(|_| panic!("no id"));
    let signing = |challenged| Step::SignIn {
        address: "ada@example.com".to_owned(),
        challenged,
        once: once.clone(),
    };
    let signed_in =
        || Step::SignedIn { account: "ada".to_owned(), once: once.clone(), stamp: [7; 16] };
    let submitted = || Step::Submitted { ticket: secret(), until: 9 };
    for (kind, step, expected) in [
        (Kind::Continuation, Step::Entry, &["a", "e", "o", "s"][..]),
        (
            Kind::Continuation,
            Step::Named { address: "ada@example.com".to_owned(), token: secret(), until: 9 },
            &["a", "e", "o", "s.address", "s.token"],
        ),
        (
            Kind::Continuation,
            Step::Reset { sent: 1, token: secret() },
            &["a", "o", "s.sent", "s.token"],
        ),
        (Kind::Continuation, Step::Granted { grant: secret() }, &["a", "o", "s.grant"]),
        (Kind::Continuation, submitted(), &["a", "e", "o", "s.ticket"]),
        (Kind::Code, submitted(), &["a", "e", "o", "s.ticket"]),
        (
            Kind::Continuation,
            signing(false),
            &["a", "e", "o", "s.address", "s.challenged", "s.once"],
        ),
        (
            Kind::Continuation,
            signing(true),
            &["a", "e", "o", "s.address", "s.challenged", "s.once"],
        ),
        (Kind::Continuation, signed_in(), &["a", "e", "o", "s.account", "s.once", "s.stamp"]),
        (Kind::Code, signed_in(), &["a", "e", "o", "s.account", "s.once", "s.stamp"]),
    ] {
        assert_eq!(names(&call, kind, step), expected);
    }
}

#[test]
fn only_an_address_that_was_named_can_be_challenged() {
    let call = call();
    let once = Once::generate(&call).unwrap_or_else(|_| panic!("no id"));
    let named = Step::SignIn {
        address: "ada@example.com".to_owned(),
        challenged: false,
        once: once.clone(),
    };
    let asked = named.challenged();
    assert!(
        matches!(asked, Some(Step::SignIn { challenged: true, once: kept, .. }) if kept.0 == once.0)
    );
    assert!(Step::Entry.challenged().is_none());
    let signed_in = Step::SignedIn { account: "ada".to_owned(), once, stamp: [7; 16] };
    assert!(signed_in.challenged().is_none());
}

#[test]
fn every_sign_in_has_an_id_of_its_own_and_of_one_length() {
    let call = call();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let once = Once::generate(&call).unwrap_or_else(|_| panic!("no id"));
        assert_eq!(once.0.len(), 22);
        assert!(seen.insert(once.bytes().unwrap_or_else(|_| panic!("no bytes"))));
    }
    for bad in ["", "short", &"A".repeat(44), "äöü"] {
        assert!(Once(bad.to_owned()).bytes().is_err());
    }
}
