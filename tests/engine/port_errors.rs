//! Every error of a port can be made by a host that implements it, with its words and its cause.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests stop loudly")]

use std::{error::Error, io, sync::Arc};

use sspr::{
    TenantPolicy,
    domain::TenantId,
    policy::DocumentError,
    ports::{
        Breach, EntropyUnavailable, HashError, PolicyError, PolicySource, SendError, SendErrorKind,
        StoreError, StoreErrorKind,
    },
};

struct Unreachable;

impl PolicySource for Unreachable {
    fn policy(&self, _: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        let error = PolicyError::new("policies: the database cannot be reached; check its address");
        Err(error.with_source(io::Error::other("connection refused")))
    }
}

fn told(error: &(dyn Error + Send + Sync)) -> (String, Option<String>) {
    (error.to_string(), error.source().map(ToString::to_string))
}

#[test]
fn a_host_can_make_every_error_of_its_ports_with_words_and_a_cause() {
    let cause = || io::Error::other("cause");
    let store = StoreError::new(StoreErrorKind::Busy, "words").with_source(cause());
    let send = SendError::new(SendErrorKind::Setup, "words").with_source(cause());
    let policy = PolicyError::new("words").with_source(cause());
    let errors: [&(dyn Error + Send + Sync); 3] = [&store, &send, &policy];
    for error in errors {
        assert_eq!(told(error), ("words".to_owned(), Some("cause".to_owned())));
    }
    assert_eq!(told(&PolicyError::new("words")), ("words".to_owned(), None));
    assert_eq!(told(&policy.clone()), told(&policy));
    let document = DocumentError::new("$.state", "must be a string");
    assert_eq!(document.to_string(), "$.state: must be a string");
    // These say all there is to say by their kind.
    for error in [HashError::Busy, HashError::Failed, HashError::Unsupported] {
        assert!(!error.to_string().is_empty());
    }
    assert!(!EntropyUnavailable::new().to_string().is_empty());
    assert_ne!(Breach::Unavailable, Breach::Known);
}

#[test]
fn a_policy_source_that_fails_says_so_and_not_that_there_is_no_such_tenant() {
    let error = Unreachable.policy(&TenantId::parse("contoso").unwrap()).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "connection refused");
}

#[cfg(feature = "axum")]
#[test]
fn a_host_can_make_every_error_of_the_fronts_ports() {
    let error = sspr::http::SessionError::new(io::Error::other("cause"));
    assert!(error.source().is_some());
    let error = sspr::http::IssueError::new(io::Error::other("cause"));
    assert!(error.source().is_some());
}
