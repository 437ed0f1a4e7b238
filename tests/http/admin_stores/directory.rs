//! A folder of policies: files that others have damaged, and who changed what.

use std::{fs, path::Path};

use serde_json::json;
use sspr::{
    TenantPolicy,
    adapters::PolicyDirectory,
    domain::Method,
    policy::{AfterReset, AuthenticationMethodsPolicy, MethodState},
    ports::{BaseOrigin, PolicySource as _, PolicyStore as _, StoreErrorKind, Written},
};

use super::{after_reset, change, id, large, policy, put};

type Damage = (&'static str, Box<dyn Fn()>);

/// Ways in which a file can be damaged by another hand.
fn damage(path: &Path) -> Vec<Damage> {
    let path = path.to_owned();
    let write = |bytes: Vec<u8>| {
        let path = path.clone();
        move || fs::write(&path, &bytes).unwrap()
    };
    let misspelt = policy("contoso").to_json().to_string().replace("\"state\"", "\"State\"");
    let other = policy("fabrikam").to_json().to_string();
    let folder = {
        let path = path.clone();
        move || {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
        }
    };
    vec![
        ("cut short", Box::new(write(b"{\"tenant\": \"contoso\", ".to_vec()))),
        ("empty", Box::new(write(Vec::new()))),
        ("not UTF-8", Box::new(write(b"{\"tenant\": \"\xff\"}".to_vec()))),
        ("misspelt", Box::new(write(misspelt.into_bytes()))),
        ("of another tenant", Box::new(write(other.into_bytes()))),
        ("too large", Box::new(write(vec![b' '; 1024 * 1024 + 1]))),
        ("too deep", Box::new(write("[".repeat(10_000).into_bytes()))),
        ("a folder", Box::new(folder)),
    ]
}

fn furnished() -> (tempfile::TempDir, PolicyDirectory) {
    let folder = tempfile::tempdir().unwrap();
    for tenant in ["contoso", "zorro"] {
        let path = folder.path().join(tenant).with_extension("json");
        fs::write(path, policy(tenant).to_json().to_string()).unwrap();
    }
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    (folder, directory)
}

#[tokio::test]
async fn a_damaged_file_concerns_its_own_tenant_alone_at_the_start_and_later_and_is_repaired() {
    let names: Vec<_> = damage(Path::new("")).iter().map(|(name, _)| *name).collect();
    for (index, name) in names.into_iter().enumerate() {
        let (folder, running) = furnished();
        let path = folder.path().join("contoso.json");
        (damage(&path).remove(index).1)();
        let zorro = policy("zorro").with_after_reset(AfterReset::RequireSignIn);
        put(&running, zorro).await;

        // The process that has a good one keeps it in force; the others get on.
        let reloaded = running.reload().unwrap();
        let is_bad = name != "of another tenant";
        assert_eq!(reloaded.errors.len(), usize::from(is_bad), "{name}");
        assert_eq!(running.policy(&id("contoso")).unwrap().as_deref(), Some(&policy("contoso")));
        // One that starts is closed for this tenant, and says so.
        let started = PolicyDirectory::open(folder.path()).unwrap();
        assert_eq!(after_reset(&started, "zorro"), AfterReset::RequireSignIn, "{name}");
        assert_eq!(started.faults().len(), usize::from(is_bad), "{name}");
        if is_bad {
            started.policy(&id("contoso")).unwrap_err();
            assert_eq!(started.faults()[0].tenant, Some(id("contoso")), "{name}");
            let tenants = started.tenants();
            assert_eq!(tenants, [id("contoso"), id("zorro")], "{name}");
            let error = started.read(&id("contoso")).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{name}");
            let damaged = started.damaged(&id("contoso")).await.unwrap().unwrap();
            assert!(matches!(damaged.origin, BaseOrigin::Salvaged { .. }), "{name}");
            let methods = damaged.base.authentication_methods();
            assert_eq!(methods.method(Method::Email).state(), MethodState::Disabled, "{name}");
        }
        let damaged = running.damaged(&id("contoso")).await.unwrap().unwrap();
        assert_eq!((damaged.origin, &*damaged.base), (BaseOrigin::InForce, &policy("contoso")));

        // Whoever has seen it may write over it, and nobody else.
        let next = policy("contoso").with_after_reset(AfterReset::RequireSignIn);
        let change = change(Some(&damaged.base), next.clone());
        let stale = running.write(&change, damaged.version ^ 2).await.unwrap();
        assert_eq!(stale, Written::Conflict { version: damaged.version }, "{name}");
        let written = running.write(&change, damaged.version).await.unwrap();
        assert!(matches!(written, Written::Written { .. }), "{name}");
        for directory in [&running, &PolicyDirectory::open(folder.path()).unwrap()] {
            assert!(directory.reload().unwrap().errors.is_empty(), "{name}");
            assert_eq!(after_reset(directory, "contoso"), AfterReset::RequireSignIn, "{name}");
            assert_eq!(after_reset(directory, "zorro"), AfterReset::RequireSignIn, "{name}");
            assert!(directory.damaged(&id("contoso")).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_process_that_starts_repairs_from_the_last_good_record() {
    let folder = tempfile::tempdir().unwrap();
    let first = PolicyDirectory::open(folder.path()).unwrap();
    put(&first, policy("contoso")).await;
    let last = policy("contoso").with_after_reset(AfterReset::RequireSignIn);
    put(&first, last.clone()).await;
    fs::write(folder.path().join("contoso.json"), "{").unwrap();

    let started = PolicyDirectory::open(folder.path()).unwrap();
    let damaged = started.damaged(&id("contoso")).await.unwrap().unwrap();

    assert_eq!((damaged.origin, &*damaged.base), (BaseOrigin::Recorded, &last));
    assert_eq!(damaged.fault.path, "$");
}

#[tokio::test]
async fn a_write_that_fails_is_not_recorded_and_nothing_is_repaired_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = PolicyDirectory::open(folder.path()).unwrap();
    put(&first, policy("contoso")).await;
    // Folders that hold something stand where the file belongs, and where one would be moved.
    let path = folder.path().join("contoso.json");
    fs::remove_file(&path).unwrap();
    for taken in [path.clone(), path.with_extension("not-a-file")] {
        fs::create_dir_all(taken.join("held")).unwrap();
    }
    let started = PolicyDirectory::open(folder.path()).unwrap();
    let version = started.damaged(&id("contoso")).await.unwrap().unwrap().version;

    for number in 0..12 {
        let never = change(Some(&policy("contoso")), large("contoso", number));
        started.write(&never, version).await.unwrap_err();
    }

    for directory in [&started, &PolicyDirectory::open(folder.path()).unwrap()] {
        let changes = directory.changes(&id("contoso"), 10).await.unwrap();
        let after: Vec<_> = changes.iter().map(|change| &change.after).collect();
        assert_eq!(after, [&policy("contoso").to_json()]);
        let damaged = directory.damaged(&id("contoso")).await.unwrap().unwrap();
        assert_eq!((damaged.origin, &*damaged.base), (BaseOrigin::Recorded, &policy("contoso")));
    }
}

#[tokio::test]
async fn a_trail_that_cannot_be_written_stops_the_change() {
    let folder = tempfile::tempdir().unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    put(&directory, policy("contoso")).await;
    for name in ["contoso.changes", "contoso.changes-next"] {
        let there = folder.path().join(name);
        let kept = folder.path().join("kept");
        if there.exists() {
            fs::rename(&there, &kept).unwrap();
        }
        fs::create_dir(&there).unwrap();
        let stored = directory.read(&id("contoso")).await.unwrap().unwrap();
        let next = policy("contoso").with_after_reset(AfterReset::RequireSignIn);
        let never = change(Some(&stored.policy), next);

        directory.write(&never, stored.version).await.unwrap_err();

        let after = directory.read(&id("contoso")).await.unwrap().unwrap();
        assert_eq!(after.version, stored.version, "{name}");
        assert_eq!(after_reset(&directory, "contoso"), AfterReset::SignIn, "{name}");
        fs::remove_dir(&there).unwrap();
        if kept.exists() {
            fs::rename(&kept, &there).unwrap();
        }
        assert_eq!(directory.changes(&id("contoso"), 10).await.unwrap().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_takes_nothing_away_and_can_be_written_again() {
    let (folder, running) = furnished();
    fs::remove_file(folder.path().join("contoso.json")).unwrap();
    running.reload().unwrap();
    assert!(running.policy(&id("contoso")).unwrap().is_some());
    assert!(running.read(&id("contoso")).await.unwrap().is_none());

    let damaged = running.damaged(&id("contoso")).await.unwrap().unwrap();
    let written = running.write(&change(None, (*damaged.base).clone()), damaged.version).await;
    assert!(matches!(written.unwrap(), Written::Written { .. }));
    assert!(folder.path().join("contoso.json").exists());
}

#[tokio::test]
async fn the_file_of_one_tenant_is_never_written_over_by_another_whose_name_it_bears() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.json");
    fs::write(&path, policy("fabrikam").to_json().to_string()).unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();

    put(&directory, policy("contoso")).await;

    for directory in [&directory, &PolicyDirectory::open(folder.path()).unwrap()] {
        assert!(directory.reload().unwrap().errors.is_empty());
        assert_eq!(PolicyDirectory::tenants(directory), [id("contoso"), id("fabrikam")]);
        for tenant in ["contoso", "fabrikam"] {
            let stored = directory.read(&id(tenant)).await.unwrap().unwrap();
            assert_eq!(stored.policy.tenant(), &id(tenant));
        }
    }
}

#[tokio::test]
async fn a_change_too_large_for_people_to_read_is_written_without_white_space() {
    let folder = tempfile::tempdir().unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    // 1 MiB with indentation, and less without.
    let targets: Vec<_> = (0..40_000).map(|id| json!({"id": id.to_string()})).collect();
    let email = json!({"state": "enabled", "includeTargets": targets});
    let methods = AuthenticationMethodsPolicy::from_email_json(&email.to_string()).unwrap();
    let large = policy("contoso").with_authentication_methods(methods);
    assert!(format!("{:#}", large.to_json()).len() > 1024 * 1024);

    put(&directory, large.clone()).await;

    for directory in [&directory, &PolicyDirectory::open(folder.path()).unwrap()] {
        assert!(directory.faults().is_empty());
        assert_eq!(directory.policy(&id("contoso")).unwrap().as_deref(), Some(&large));
    }
}

#[tokio::test]
async fn the_records_of_a_policy_that_grows_take_room_in_proportion_to_the_changes() {
    let folder = tempfile::tempdir().unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    let trail = folder.path().join("contoso.changes");
    let mut sizes = Vec::new();
    for number in 0..=80 {
        let targets: Vec<_> = (0..number)
            .map(|id| json!({"targetType": "group", "id": format!("group {id}")}))
            .collect();
        let email = json!({"state": "enabled", "includeTargets": targets});
        let methods = AuthenticationMethodsPolicy::from_email_json(&email.to_string()).unwrap();
        put(&directory, policy("contoso").with_authentication_methods(methods)).await;
        if number % 40 == 0 {
            sizes.push(fs::metadata(&trail).unwrap().len());
        }
    }
    let (first, second) = (sizes[1] - sizes[0], sizes[2] - sizes[1]);
    assert!(second < first * 11 / 10, "{sizes:?}");
    let changes = directory.changes(&id("contoso"), 1_000).await.unwrap();
    assert_eq!(changes.len(), 81);
    let read = |change: &sspr::ports::RecordedChange| {
        TenantPolicy::from_json(&change.after.to_string()).unwrap()
    };
    let included: Vec<_> = changes
        .iter()
        .rev()
        .map(|it| read(it).authentication_methods().method(Method::Email).include().len())
        .collect();
    assert_eq!(included, (0..=80).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_records_of_large_policies_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    for number in 0..12 {
        put(&directory, large("contoso", 900_000 + number)).await;
    }
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap());
    let bytes: u64 = files
        .filter(|file| file.file_name().to_string_lossy().contains(".changes"))
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(bytes < 7 * 1024 * 1024, "{bytes}");
    let changes = directory.changes(&id("contoso"), 100).await.unwrap();
    assert_eq!(changes[0].after, large("contoso", 900_011).to_json());
}

#[tokio::test]
async fn a_line_that_does_not_parse_hides_no_other_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    let trail = folder.path().join("contoso.changes");
    let after = [AfterReset::SignIn, AfterReset::RequireSignIn];
    let write = async |number: usize| {
        put(&directory, policy("contoso").with_after_reset(after[number % 2])).await;
    };
    let add = |bytes: &[u8]| {
        let mut all = fs::read(&trail).unwrap();
        all.extend_from_slice(bytes);
        fs::write(&trail, all).unwrap();
    };
    write(0).await;
    write(1).await;
    add(b"not JSON\n\xff\xfe\n{}\n");
    write(2).await;
    // Cut short by a crash.
    add(b"{\"after\":{\"tenant\":\"contoso\",\"at\"");
    write(3).await;
    write(4).await;
    assert_eq!(directory.unreadable_changes(&id("contoso")).await.unwrap(), 4);
    let changes = directory.changes(&id("contoso"), 10).await.unwrap();
    let seen: Vec<_> = changes.iter().map(|it| it.after["afterReset"].as_str().unwrap()).collect();
    assert_eq!(seen, ["signIn", "requireSignIn", "signIn", "requireSignIn", "signIn"]);
    assert_eq!(changes[0].before["afterReset"], "requireSignIn");

    // A line in the middle is lost: of what followed at least the difference is known.
    let lines = fs::read_to_string(&trail).ok();
    assert!(lines.is_none(), "there are bytes in it that are not UTF-8");
    let bytes = fs::read(&trail).unwrap();
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.remove(lines.len() - 3);
    fs::write(&trail, lines.join(&b'\n')).unwrap();
    let changes = directory.changes(&id("contoso"), 10).await.unwrap();
    assert_eq!(changes.len(), 4);
    assert_eq!(
        (&changes[0].before, &changes[0].after),
        (&json!({"afterReset": "requireSignIn"}), &json!({"afterReset": "signIn"}))
    );
}

#[tokio::test]
async fn records_of_an_older_release_are_read_and_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.json");
    let (old, new) =
        (policy("contoso"), policy("contoso").with_after_reset(AfterReset::RequireSignIn));
    fs::write(&path, old.to_json().to_string()).unwrap();
    let line = json!({"at": 1, "who": "eve", "what": "x", "before": null, "after": old.to_json()});
    fs::write(path.with_extension("changes"), format!("{line}\n")).unwrap();

    let directory = PolicyDirectory::open(folder.path()).unwrap();
    put(&directory, new.clone()).await;

    let changes = directory.changes(&id("contoso"), 10).await.unwrap();
    assert_eq!((changes[1].who.as_str(), &changes[1].after), ("eve", &old.to_json()));
    assert_eq!((&changes[0].before, &changes[0].after), (&old.to_json(), &new.to_json()));
    let text = fs::read_to_string(path.with_extension("changes")).unwrap();
    assert!(text.lines().last().unwrap().len() < 300, "{text}");
}

#[test]
fn processes_that_write_at_once_lose_no_change() {
    let folder = tempfile::tempdir().unwrap();
    polled(Box::pin(async {
        put(&PolicyDirectory::open(folder.path()).unwrap(), policy("contoso")).await;
    }));
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = folder.path();
            scope.spawn(move || {
                let directory = PolicyDirectory::open(path).unwrap();
                for number in 0..10 {
                    polled(Box::pin(add_flow(&directory, format!("{writer}-{number}"))));
                }
            });
        }
    });
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    let stored = directory.policy(&id("contoso")).unwrap().unwrap();
    assert_eq!(stored.user_flows().len(), 41);
    polled(Box::pin(async {
        assert_eq!(directory.changes(&id("contoso"), 100).await.unwrap().len(), 41);
        assert_eq!(directory.unreadable_changes(&id("contoso")).await.unwrap(), 0);
    }));
}

async fn add_flow(directory: &PolicyDirectory, name: String) {
    loop {
        let stored = directory.read(&id("contoso")).await.unwrap().unwrap();
        let mut flows = stored.policy.user_flows().to_vec();
        flows.push(sspr::policy::UserFlow::email_with_password(&name).unwrap());
        let next = (*stored.policy).clone().with_user_flows(flows).unwrap();
        let change = change(Some(&stored.policy), next);
        if let Written::Written { .. } = directory.write(&change, stored.version).await.unwrap() {
            return;
        }
    }
}

/// The directory never waits: one poll does all.
fn polled(mut future: std::pin::Pin<Box<dyn Future<Output = ()> + '_>>) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
}
