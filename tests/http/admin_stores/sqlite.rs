//! Policies in SQLite: rows that others have damaged.

use std::path::Path;

use rusqlite::{Connection, params};
use sspr::{
    adapters::{SqlitePolicies, SqliteStore},
    policy::AfterReset,
    ports::{BaseOrigin, PolicySource as _, PolicyStore as _, StoreErrorKind, Written},
};

use super::{after_reset, change, id, policy, put};

async fn opened(path: &Path) -> SqlitePolicies {
    SqliteStore::open(path).await.unwrap().policies().await.unwrap()
}

fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute(sql, []).unwrap();
}

/// Ways in which a row can be damaged by another hand, as SQL for its document.
fn damage() -> Vec<(&'static str, String)> {
    let misspelt = policy("contoso").to_json().to_string().replace("\"state\"", "\"State\"");
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    vec![
        ("not JSON", "'{'".to_owned()),
        ("empty", "''".to_owned()),
        ("not UTF-8", "CAST(X'ff7b7d' AS TEXT)".to_owned()),
        ("misspelt", format!("'{misspelt}'")),
        ("too deep", format!("'{deep}'")),
        ("of another tenant", format!("'{}'", policy("zorro").to_json())),
    ]
}

#[tokio::test]
async fn a_damaged_row_concerns_its_own_tenant_alone_at_the_start_and_later_and_is_repaired() {
    for (name, document) in damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policies.db");
        let running = opened(&path).await;
        for tenant in ["contoso", "zorro"] {
            put(&running, policy(tenant)).await;
        }
        let other = opened(&path).await;
        execute(
            &path,
            &format!(
                "UPDATE sspr_policy SET version = 7, document = {document} WHERE tenant = 'contoso'"
            ),
        );
        put(&other, policy("zorro").with_after_reset(AfterReset::RequireSignIn)).await;

        // The process that has a good one keeps it in force; the others get on.
        assert_eq!(running.refresh().await.unwrap(), [id("zorro")], "{name}");
        assert!(running.refresh().await.unwrap().is_empty(), "{name}");
        assert_eq!(running.policy(&id("contoso")).unwrap().as_deref(), Some(&policy("contoso")));
        assert_eq!(after_reset(&running, "zorro"), AfterReset::RequireSignIn, "{name}");
        assert_eq!(running.faults().len(), 1);
        // One that starts is closed for this tenant, and says so.
        let started = opened(&path).await;
        started.policy(&id("contoso")).unwrap_err();
        assert_eq!(after_reset(&started, "zorro"), AfterReset::RequireSignIn, "{name}");
        assert_eq!(started.faults()[0].tenant, Some(id("contoso")), "{name}");
        assert_eq!(started.tenants().await.unwrap(), [id("contoso"), id("zorro")], "{name}");
        let error = started.read(&id("contoso")).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{name}");

        for (store, origin) in [(&running, BaseOrigin::InForce), (&started, BaseOrigin::Recorded)] {
            let damaged = store.damaged(&id("contoso")).await.unwrap().unwrap();
            assert_eq!((damaged.origin, damaged.version), (origin, 7), "{name}");
            assert_eq!(*damaged.base, policy("contoso"));
        }
        let next = policy("contoso").with_after_reset(AfterReset::RequireSignIn);
        let written = started.write(&change(None, next), 7).await.unwrap();
        assert_eq!(written, Written::Written { version: 8 }, "{name}");
        assert!(
            started.faults().is_empty() && started.damaged(&id("contoso")).await.unwrap().is_none()
        );
        assert_eq!(running.refresh().await.unwrap(), [id("contoso")], "{name}");
        for store in [&started, &running, &opened(&path).await] {
            assert_eq!(after_reset(store, "contoso"), AfterReset::RequireSignIn, "{name}");
        }
    }
}

#[tokio::test]
async fn rows_that_name_no_tenant_are_said_and_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let running = opened(&path).await;
    put(&running, policy("zorro")).await;
    for tenant in ["''", "' a'", "CAST(X'ff' AS TEXT)"] {
        execute(&path, &format!("INSERT INTO sspr_policy VALUES ({tenant}, 1, '{{}}')"));
    }
    for store in [&running, &opened(&path).await] {
        store.refresh().await.unwrap();
        assert_eq!(store.tenants().await.unwrap(), [id("zorro")]);
        assert!(store.policy(&id("zorro")).unwrap().is_some());
        let faults = store.faults();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].message.contains("3 rows name no tenant"), "{}", faults[0].message);
    }
}

#[tokio::test]
async fn a_version_of_any_number_can_be_written_over() {
    for version in [i64::MIN, -1, 0, 1, i64::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policies.db");
        put(&opened(&path).await, policy("contoso")).await;
        let sql = "UPDATE sspr_policy SET version = ?1";
        Connection::open(&path).unwrap().execute(sql, params![version]).unwrap();

        let store = opened(&path).await;
        let before = store.read(&id("contoso")).await.unwrap().unwrap().version;
        assert!(before > 0);
        let after =
            put(&store, policy("contoso").with_after_reset(AfterReset::RequireSignIn)).await;
        assert!(after > 0 && after != before, "{version}");
        assert!(store.refresh().await.unwrap().is_empty(), "{version}");
    }
}

#[tokio::test]
async fn a_document_that_was_edited_without_a_new_version_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = opened(&path).await;
    put(&store, policy("contoso")).await;
    execute(
        &path,
        "UPDATE sspr_policy SET document = replace(document, '\"signIn\"', '\"requireSignIn\"')",
    );

    assert_eq!(store.refresh().await.unwrap(), [id("contoso")]);

    assert_eq!(after_reset(&store, "contoso"), AfterReset::RequireSignIn);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_hides_no_other_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = opened(&path).await;
    put(&store, policy("contoso")).await;
    put(&store, policy("contoso").with_after_reset(AfterReset::RequireSignIn)).await;
    for (who, after) in [("'eve'", "'{'"), ("CAST(X'ff' AS TEXT)", "'{}'")] {
        execute(
            &path,
            &format!(
                "INSERT INTO sspr_policy_change (tenant, at, who, what, before, after) \
             VALUES ('contoso', 1, {who}, 'x', '{{}}', {after})"
            ),
        );
    }
    put(&store, policy("contoso")).await;

    let changes = store.changes(&id("contoso"), 10).await.unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[0].after["afterReset"], "signIn");
    assert_eq!(store.changes(&id("contoso"), 2).await.unwrap().len(), 2);
    assert_eq!(store.unreadable_changes(&id("contoso")).await.unwrap(), 2);
}

#[tokio::test]
async fn the_records_of_large_policies_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = opened(&path).await;
    for number in 0..14 {
        put(&store, super::large("contoso", 900_000 + number)).await;
    }
    let sql = "SELECT sum(octet_length(before) + octet_length(after)) FROM sspr_policy_change";
    let connection = Connection::open(&path).unwrap();
    let bytes: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(bytes <= 16 * 1024 * 1024, "{bytes}");
    let changes = store.changes(&id("contoso"), 100).await.unwrap();
    assert_eq!(changes[0].after, super::large("contoso", 900_013).to_json());
}

#[tokio::test]
async fn a_thousand_records_of_each_tenant_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = opened(&path).await;
    put(&store, policy("quiet")).await;
    execute(
        &path,
        "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 1500) \
         INSERT INTO sspr_policy_change (tenant, at, who, what, before, after) \
         SELECT 'contoso', n, 'eve', 'x', '{}', '{}' FROM number",
    );

    put(&store, policy("contoso")).await;

    let changes = store.changes(&id("contoso"), usize::MAX).await.unwrap();
    assert_eq!((changes.len(), changes[0].who.as_str()), (1_000, "root"));
    assert_eq!(changes[999].at, sspr::domain::Timestamp::from_micros(502));
    assert_eq!(store.changes(&id("quiet"), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_row_that_is_gone_is_no_fault_any_more_and_its_policy_stays_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = opened(&path).await;
    for tenant in ["contoso", "zorro"] {
        put(&store, policy(tenant)).await;
    }
    execute(&path, "UPDATE sspr_policy SET version = 7, document = '{' WHERE tenant = 'contoso'");
    store.refresh().await.unwrap();
    assert_eq!(store.faults().len(), 1);
    execute(&path, "UPDATE sspr_policy SET version = 8 WHERE tenant = 'zorro'");
    store.refresh().await.unwrap();
    assert_eq!(store.faults().len(), 1, "a fault stays while its row does");

    execute(&path, "DELETE FROM sspr_policy WHERE tenant = 'contoso'");
    store.refresh().await.unwrap();

    assert!(store.faults().is_empty());
    assert_eq!(store.policy(&id("contoso")).unwrap().as_deref(), Some(&policy("contoso")));
    let damaged = store.damaged(&id("contoso")).await.unwrap().unwrap();
    assert!(damaged.fault.to_string().contains("is no longer stored"), "{}", damaged.fault);
    assert!(store.damaged(&id("nowhere")).await.unwrap().is_none());
}
