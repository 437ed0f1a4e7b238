//! Every error of a port can be made by a host that implements it, with its words and its cause.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests stop loudly")]

use std::{error::Error, io, sync::Arc};

use sspr::{
    TenantPolicy,
    adapters::PolicyDirectory,
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

/// That this is an error, with one line for people.
fn line(error: &(dyn Error + Send + Sync)) -> String {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
    text
}

#[test]
fn every_error_and_fault_of_ports_and_adapters_says_in_one_line_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.json");
    let mut document = TenantPolicy::customers("contoso").unwrap().to_json();
    document["limits"]["triesPerWindow"] = 60.into();
    std::fs::write(&path, document.to_string()).unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    let fault = line(&directory.faults()[0]);
    let named = "tenant contoso: policy file contoso.json: $.limits.triesPerWindow: somebody";
    assert!(fault.starts_with(named), "{fault}");
    let mut nameless = directory.faults().remove(0);
    nameless.tenant = None;
    assert!(line(&nameless).starts_with("policy file contoso.json: "));

    let missing = PolicyDirectory::open(folder.path().join("nowhere")).unwrap_err();
    let errors: [&(dyn Error + Send + Sync); 11] = [
        &missing,
        &directory.reload().unwrap().errors[0],
        &StoreError::new(StoreErrorKind::Full, "words"),
        &SendError::new(SendErrorKind::Setup, "words"),
        &PolicyError::new("words"),
        &HashError::Busy,
        &EntropyUnavailable::new(),
        &DocumentError::new("$", "words"),
        &TenantId::parse("").unwrap_err(),
        &sspr::domain::Keyring::parse("").unwrap_err(),
        &sspr::adapters::Argon2Pool::new().with_parameters(1, 1, 1).unwrap_err(),
    ];
    for error in errors {
        line(error);
    }
    #[cfg(feature = "postgres")]
    line(&sspr::adapters::PostgresOptions::from_url("").unwrap_err());
    #[cfg(feature = "redis")]
    line(&sspr::adapters::RedisOptions::from_url("").unwrap_err());
    #[cfg(feature = "smtp")]
    line(&sspr::adapters::SmtpSender::from_url("").unwrap_err());
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_stored_policy_that_cannot_be_read_is_a_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = sspr::adapters::SqliteStore::open(&path).await.unwrap();
    let policies = store.policies().await.unwrap();
    let sql = "INSERT INTO sspr_policy (tenant, version, document) VALUES ('contoso', 1, '{}')";
    rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    policies.refresh().await.unwrap();
    let fault = line(&policies.faults()[0]);
    assert_eq!(fault, "tenant contoso: sqlite: sspr_policy: $: `tenant` is missing");
}
