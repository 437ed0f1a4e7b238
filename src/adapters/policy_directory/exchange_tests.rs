//! Writes that fail or end at each of their steps. Only the changes that were made are recorded.

use std::{fs, io, path::Path};

use super::{
    super::PolicyDirectory,
    Step::{self, Finish, Forget, Intend, Keep, KeepReplaced, Record, Replace},
};
use crate::{
    domain::{TenantId, Timestamp},
    policy::TenantPolicy,
    ports::{
        BaseOrigin, PolicyChange, PolicyStore as _, RecordedChange, StoreError, StoreErrorKind,
        Written,
    },
};

const STEPS: [Step; 7] = [Finish, Intend, Keep, Replace, KeepReplaced, Record, Forget];

fn contoso() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

/// Returns a policy that shows its number.
fn policy(number: u64) -> TenantPolicy {
    let mut document = TenantPolicy::customers("contoso").unwrap().to_json();
    document["brand"]["name"] = format!("Contoso {number}").into();
    TenantPolicy::from_json(&document.to_string()).unwrap()
}

/// Returns the answer of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("a folder never waits"),
    }
}

fn write(
    directory: &PolicyDirectory,
    number: u64,
    watch: &mut dyn FnMut(Step) -> io::Result<()>,
) -> Result<Written, StoreError> {
    let stored = now(directory.read(&contoso())).ok().flatten();
    let version = match &stored {
        Some(stored) => stored.version,
        None => now(directory.damaged(&contoso())).unwrap().map_or(0, |damaged| damaged.version),
    };
    let before = stored.as_ref().map(|stored| &*stored.policy);
    let at = Timestamp::from_micros(1);
    let change = PolicyChange::new(at, "root", "Something", before, policy(number));
    directory.replace(&change, version, watch)
}

fn opened(folder: &Path) -> PolicyDirectory {
    PolicyDirectory::open(folder).unwrap()
}

/// Returns the numbers of the recorded policies, the newest first. Asserts that every record can be
/// read.
fn recorded(directory: &PolicyDirectory) -> Vec<u64> {
    assert_eq!(now(directory.unreadable_changes(&contoso())).unwrap(), 0);
    let number = |change: &RecordedChange| {
        let name = change.after["brand"]["name"].as_str().unwrap();
        name.rsplit(' ').next().unwrap().parse().unwrap()
    };
    now(directory.changes(&contoso(), 100)).unwrap().iter().map(number).collect()
}

fn stored(directory: &PolicyDirectory) -> u64 {
    let stored = now(directory.read(&contoso())).unwrap().unwrap();
    (0..100).find(|number| *stored.policy == policy(*number)).unwrap()
}

/// Creates a folder in which this many changes were made.
fn furnished(changes: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..changes {
        write(&opened(folder.path()), number, &mut |_| Ok(())).unwrap();
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn failing(at: Step) -> impl FnMut(Step) -> io::Result<()> {
    move |step| if step == at { Err(io::Error::other("no")) } else { Ok(()) }
}

/// Asserts that another process, a repair and the next write all find what was made.
fn assert_recorded_is_what_was_made(folder: &Path, last: u64, what: &str) {
    let all = |last: u64| (0..=last).rev().collect::<Vec<_>>();
    let started = opened(folder);
    assert_eq!((stored(&started), recorded(&started)), (last, all(last)), "{what}");

    // A policy that somebody else damaged is repaired from the one that was in force.
    let elsewhere = tempfile::tempdir().unwrap();
    let damaged = elsewhere.path().join("damaged");
    copy(folder, &damaged);
    fs::write(damaged.join("contoso.json"), "{").unwrap();
    let started = opened(&damaged);
    let found = now(started.damaged(&contoso())).unwrap().unwrap();
    assert_eq!(found.origin, BaseOrigin::Recorded, "{what}");
    assert_eq!(*found.base, policy(last), "{what}");
    assert_eq!(recorded(&started), all(last), "{what}");
    write(&started, last + 1, &mut |_| Ok(())).unwrap();
    assert_eq!((stored(&started), recorded(&started)), (last + 1, all(last + 1)), "{what}");

    let started = opened(folder);
    write(&started, last + 1, &mut |_| Ok(())).unwrap();
    assert_eq!((stored(&started), recorded(&started)), (last + 1, all(last + 1)), "{what}");
    assert!(!folder.join("contoso.changes-next").exists(), "{what}");
}

#[test]
fn a_process_that_ends_at_any_step_has_recorded_what_it_has_made() {
    for changes in [1, 3] {
        let folder = furnished(changes);
        let kept = tempfile::tempdir().unwrap();
        let mut reached = Vec::new();
        write(&opened(folder.path()), changes, &mut |step| {
            copy(folder.path(), &kept.path().join(format!("{step:?}")));
            reached.push(step);
            Ok(())
        })
        .unwrap();
        assert_eq!(reached, STEPS);

        for (position, step) in STEPS.into_iter().enumerate() {
            let is_made = position >= 4;
            let last = if is_made { changes } else { changes - 1 };
            let there = kept.path().join(format!("{step:?}"));
            assert_recorded_is_what_was_made(&there, last, &format!("{step:?}"));
        }
    }
}

#[test]
fn a_file_that_a_crash_has_cut_short_anywhere_loses_and_makes_up_no_record() {
    let folder = furnished(2);
    let kept = tempfile::tempdir().unwrap();
    write(&opened(folder.path()), 2, &mut |step| {
        copy(folder.path(), &kept.path().join(format!("{step:?}")));
        Ok(())
    })
    .unwrap();
    let size = |step: Step, name: &str| {
        fs::metadata(kept.path().join(format!("{step:?}")).join(name)).unwrap().len()
    };
    // The intention is written before the document takes its place, and the line in the trail
    // afterwards.
    let intention = (Replace, "contoso.changes-next", 0..size(Replace, "contoso.changes-next"), 1);
    let line = size(Record, "contoso.changes")..size(Forget, "contoso.changes");
    let line = (Forget, "contoso.changes", line, 2);
    for (step, name, lengths, last) in [intention, line] {
        for length in lengths.step_by(29) {
            let there = kept.path().join("cut");
            copy(&kept.path().join(format!("{step:?}")), &there);
            fs::File::options()
                .write(true)
                .open(there.join(name))
                .unwrap()
                .set_len(length)
                .unwrap();
            assert_recorded_is_what_was_made(&there, last, &format!("{name} of {length} bytes"));
            fs::remove_dir_all(&there).unwrap();
        }
    }
}

#[test]
fn a_write_that_fails_at_any_step_is_recorded_if_it_is_in_force_however_often_it_is_tried() {
    for (position, step) in STEPS.into_iter().enumerate() {
        let folder = furnished(2);
        let directory = opened(folder.path());
        let is_made = position >= 4;
        for number in 2..15 {
            let written = write(&directory, number, &mut failing(step));
            match written {
                Ok(Written::Written { .. }) => assert!(is_made && step != KeepReplaced, "{step:?}"),
                Ok(conflict) => panic!("{step:?}: {conflict:?}"),
                Err(error) if is_made => assert_eq!(error.kind(), StoreErrorKind::Unknown),
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Setup),
            }
            let last = if is_made { number } else { 1 };
            assert_eq!(stored(&directory), last, "{step:?}");
            assert_eq!(recorded(&directory), (0..=last).rev().collect::<Vec<_>>(), "{step:?}");
        }
        let last = if is_made { 14 } else { 1 };
        assert_recorded_is_what_was_made(folder.path(), last, &format!("{step:?}"));
    }
}

#[test]
fn what_an_ended_process_intended_counts_no_more_than_writes_that_fail_after_it() {
    let folder = furnished(2);
    let kept = tempfile::tempdir().unwrap();
    let there = kept.path().join("kept");
    write(&opened(folder.path()), 2, &mut |step| {
        if step == Replace {
            copy(folder.path(), &there);
        }
        Ok(())
    })
    .unwrap();
    // A folder with content cannot be replaced, and it cannot be moved away twice.
    let path = there.join("contoso.json");
    let version =
        |directory: &PolicyDirectory| now(directory.damaged(&contoso())).unwrap().unwrap().version;
    fs::remove_file(&path).unwrap();
    for folder in [path.join("held"), path.with_extension("not-a-file").join("held")] {
        fs::create_dir_all(folder).unwrap();
    }
    for _ in 0..3 {
        let started = opened(&there);
        let before = version(&started);
        write(&started, 3, &mut |_| Ok(())).unwrap_err();
        assert_eq!(recorded(&started), [1, 0]);
        let damaged = now(started.damaged(&contoso())).unwrap().unwrap();
        assert_eq!((damaged.origin, &*damaged.base), (BaseOrigin::Recorded, &policy(1)));
        assert_eq!(damaged.version, before);
    }
}

#[test]
fn a_record_that_waits_is_not_lost_to_what_others_have_written_meanwhile() {
    let folder = furnished(2);
    let directory = opened(folder.path());
    write(&directory, 2, &mut failing(Record)).unwrap();
    let trail = folder.path().join("contoso.changes");
    let mut bytes = fs::read(&trail).unwrap();
    bytes.extend_from_slice(b"not JSON");
    fs::write(&trail, bytes).unwrap();
    let last = |directory: &PolicyDirectory| {
        let changes = now(directory.changes(&contoso(), 100)).unwrap();
        let name = changes[0].after["brand"]["name"].clone();
        (changes.len(), name, now(directory.unreadable_changes(&contoso())).unwrap())
    };
    assert_eq!(last(&directory), (3, "Contoso 2".into(), 1));
    write(&directory, 3, &mut |_| Ok(())).unwrap();
    assert_eq!(last(&directory), (4, "Contoso 3".into(), 1));
}

#[test]
fn an_intention_that_cannot_be_read_or_removed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.json");
    assert!(super::done(&path).unwrap().is_none());
    super::forget(&path).unwrap();
    fs::create_dir(super::intended(&path)).unwrap();
    assert!(super::done(&path).is_err());
    assert!(super::forget(&path).is_err());
}

#[test]
fn names_are_kept_in_a_folder_that_there_is() {
    let folder = tempfile::tempdir().unwrap();
    super::keep(&folder.path().join("contoso.json")).unwrap();
    assert!(super::keep(&folder.path().join("nowhere").join("contoso.json")).is_err());
}

#[test]
fn an_intention_is_done_once_the_old_document_is_gone_and_no_new_one_waits_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.json");
    let version = |text: &str| super::version_of(text.as_bytes());
    let line = super::Line { at: 0, text: String::new() };
    let intention = super::Intention { from: version("old"), line, to: version("new") };
    for (stored, beside, is_done) in [
        ("old", None, false),
        ("old", Some("new"), false),
        ("new", Some("new"), false),
        ("new", None, true),
        ("changed since", None, true),
        ("new", Some("another"), true),
    ] {
        fs::write(&path, stored).unwrap();
        let _ = fs::remove_file(super::beside(&path));
        if let Some(text) = beside {
            fs::write(super::beside(&path), text).unwrap();
        }
        assert_eq!(intention.is_done(&path), is_done, "{stored}, {beside:?}");
    }
}

#[test]
fn a_tenant_that_there_is_not_has_no_damage() {
    let folder = furnished(1);
    let directory = opened(folder.path());
    let nowhere = TenantId::parse("nowhere").unwrap();
    assert!(now(directory.damaged(&nowhere)).unwrap().is_none());
    fs::remove_file(folder.path().join("contoso.json")).unwrap();
    let damaged = now(directory.damaged(&contoso())).unwrap().unwrap();
    assert!(damaged.fault.to_string().contains("its file is gone"), "{}", damaged.fault);
}
