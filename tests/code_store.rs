//! The code store's contract, clause by clause, on every store: windows, tiers, versions, time.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

use std::{sync::Arc, time::Duration};

use sspr::{
    domain::{Charge, CounterName, Instant, RecordId, TenantId},
    ports::{Attempted, CodeStore, Inserted, Record, Swapped},
};
use support::{World, all, on_every_store};

const START: i64 = 1_800_000_000_000_000;
const DAY: i64 = 24 * 3_600_000_000;
const WINDOW: i64 = 1_000_000;

fn at(micros: i64) -> Instant {
    Instant::from_micros(START + micros)
}

fn id(number: u8) -> RecordId {
    RecordId::from_parts(TenantId::parse("contoso").unwrap().tag(), [number; 16])
}

fn name(number: u8) -> CounterName {
    CounterName::from_bytes([number; 32])
}

fn charge(number: u8, tier: u8, limit: u32) -> Charge {
    let window = Duration::from_micros(WINDOW as u64);
    Charge { amount: 1, limit, name: name(number), tier, window }
}

fn ask(number: u8, limit: u32) -> Charge {
    Charge { amount: 0, ..charge(number, 0, limit) }
}

fn record(number: u8, tries_limit: u32, charges: &[Charge]) -> Record {
    Record {
        begins_challenge: false,
        body: vec![number; 8],
        charges: charges.to_vec(),
        expires_at: at(DAY),
        id: id(number),
        tries_limit,
    }
}

fn store(world: &World) -> Arc<dyn CodeStore> {
    world.codes.clone()
}

/// The counter's value, found by asking.
async fn value(store: &Arc<dyn CodeStore>, number: u8, now: Instant) -> u32 {
    for limit in 0..1000 {
        if store.charge(&[ask(number, limit)], now).await.unwrap().is_empty() {
            return limit;
        }
    }
    panic!("a large counter");
}

async fn insert(store: &Arc<dyn CodeStore>, record: &Record, charges: &[Charge]) -> Inserted {
    store.insert(record, charges, at(0)).await.unwrap()
}

fn over_of(attempted: &Attempted) -> Vec<CounterName> {
    match attempted {
        Attempted::Charged { over, .. } => over.iter().map(|over| over.name).collect(),
        other => panic!("not charged: {other:?}"),
    }
}

#[test]
fn a_window_begins_at_its_first_charge_and_ends_to_the_microsecond() {
    on_every_store(|world| async move {
        let store = store(&world);
        let limit = [charge(1, 0, 2)];
        assert!(store.charge(&limit, at(0)).await.unwrap().is_empty());
        assert!(store.charge(&limit, at(WINDOW / 2)).await.unwrap().is_empty());
        let over = store.charge(&limit, at(WINDOW - 1)).await.unwrap();
        assert_eq!((over[0].name, over[0].ends_at), (name(1), at(WINDOW)));
        assert!(store.charge(&limit, at(WINDOW)).await.unwrap().is_empty());
        assert_eq!(value(&store, 1, at(WINDOW)).await, 1);
        assert_eq!(value(&store, 1, at(2 * WINDOW)).await, 0);
    });
}

#[test]
fn a_clock_that_runs_back_reopens_no_window_and_revives_no_record() {
    on_every_store(|world| async move {
        let store = store(&world);
        store.charge(&[charge(1, 0, 1)], at(WINDOW)).await.unwrap();
        assert!(!store.charge(&[charge(1, 0, 1)], at(-DAY)).await.unwrap().is_empty());

        insert(&store, &record(1, 5, &[]), &[]).await;
        assert!(matches!(store.attempt(&id(1), at(DAY - 1)).await, Ok(Attempted::Charged { .. })));
        let mut short = record(1, 5, &[]);
        short.expires_at = at(DAY - 1);
        store.compare_and_swap(&short, 1, &[], &[], at(0)).await.unwrap();
        assert!(matches!(store.attempt(&id(1), at(0)).await, Ok(Attempted::Dead)));
    });
}

#[test]
fn charges_are_all_or_none_and_the_answer_names_every_counter_that_is_over() {
    on_every_store(|world| async move {
        let store = store(&world);
        store.charge(&[charge(2, 0, 1), charge(4, 0, 1)], at(0)).await.unwrap();
        let charges = [charge(3, 0, 9), charge(4, 0, 1), charge(1, 0, 9), charge(2, 0, 1)];
        let mut over: Vec<_> =
            store.charge(&charges, at(1)).await.unwrap().iter().map(|over| over.name).collect();
        over.sort();
        assert_eq!(over, [name(2), name(4)]);
        assert_eq!((value(&store, 1, at(1)).await, value(&store, 3, at(1)).await), (0, 0));
    });
}

#[test]
fn asking_writes_nothing() {
    on_every_store(|world| async move {
        let store = store(&world);
        assert!(store.charge(&[ask(1, 0)], at(0)).await.unwrap().is_empty());
        store.charge(&[charge(1, 0, 5)], at(10)).await.unwrap();
        let over = store.charge(&[ask(1, 0)], at(20)).await.unwrap();
        assert_eq!(over[0].ends_at, at(10 + WINDOW), "the window began with the charge");
    });
}

#[test]
fn insert_is_all_or_nothing() {
    on_every_store(|world| async move {
        let store = store(&world);
        let one = [charge(1, 0, 1)];
        assert_eq!(insert(&store, &record(1, 5, &[]), &one).await, Inserted::Inserted);
        assert_eq!(insert(&store, &record(1, 5, &[]), &[charge(2, 0, 1)]).await, Inserted::Exists);
        assert_eq!(value(&store, 2, at(0)).await, 0, "Exists charges nothing");
        let both = [charge(3, 0, 1), charge(1, 0, 1)];
        let refused = insert(&store, &record(2, 5, &[]), &both).await;
        assert!(matches!(refused, Inserted::Refused(over) if over[0].name == name(1)));
        assert!(store.load(&id(2)).await.unwrap().is_none());
        assert_eq!(value(&store, 3, at(0)).await, 0, "Refused charges nothing");
    });
}

#[test]
fn attempt_charges_own_tries_then_tiers_and_the_first_refusal_ends_it() {
    on_every_store(|world| async move {
        let store = store(&world);
        let charges = [charge(7, 2, 2), charge(5, 1, 3), charge(6, 1, 9)];
        insert(&store, &record(1, 5, &charges), &[]).await;
        let mut overs = Vec::new();
        for _ in 0..5 {
            overs.push(over_of(&store.attempt(&id(1), at(1)).await.unwrap()));
        }
        assert_eq!(overs[..2], [vec![], vec![]]);
        assert_eq!(overs[2], [name(7)], "tier 2 is over; tier 1 stays charged");
        assert_eq!(overs[3..], [vec![name(5)], vec![name(5)]]);
        assert_eq!(value(&store, 5, at(1)).await, 3);
        assert_eq!(value(&store, 6, at(1)).await, 3, "a tier is all or none");
        assert_eq!(value(&store, 7, at(1)).await, 2);
        for _ in 0..3 {
            assert!(matches!(store.attempt(&id(1), at(1)).await, Ok(Attempted::Exhausted)));
        }
        let loaded = store.load(&id(1)).await.unwrap().unwrap();
        assert_eq!((loaded.version, loaded.tries), (1, 6), "saturates, and keeps the version");
        assert_eq!(value(&store, 5, at(1)).await, 3, "Exhausted charges nothing else");
        assert!(matches!(store.attempt(&id(9), at(1)).await, Ok(Attempted::Missing)));
    });
}

#[test]
fn a_record_is_dead_at_its_expiry_to_the_microsecond() {
    on_every_store(|world| async move {
        let store = store(&world);
        insert(&store, &record(1, 5, &[charge(1, 1, 9)]), &[]).await;
        assert!(matches!(store.attempt(&id(1), at(DAY - 1)).await, Ok(Attempted::Charged { .. })));
        assert!(matches!(store.attempt(&id(1), at(DAY)).await, Ok(Attempted::Dead)));
        assert!(store.load(&id(1)).await.unwrap().is_some(), "load reads the dead");
    });
}

#[test]
fn swap_compares_the_version_first_and_is_all_or_nothing() {
    on_every_store(|world| async move {
        let store = store(&world);
        let swap = |number, expected, charges: Vec<Charge>| {
            let store = store.clone();
            async move {
                let next = record(number, 5, &[]);
                store.compare_and_swap(&next, expected, &charges, &[], at(1)).await.unwrap()
            }
        };
        insert(&store, &record(1, 5, &[]), &[charge(2, 0, 1)]).await;
        assert_eq!(swap(9, 1, vec![charge(1, 0, 9)]).await, Swapped::Missing);
        assert_eq!(swap(1, 7, vec![charge(1, 0, 9)]).await, Swapped::Conflict { version: 1 });
        let refused = swap(1, 1, vec![charge(1, 0, 9), charge(2, 0, 1)]).await;
        assert!(matches!(refused, Swapped::Refused(over) if over[0].name == name(2)));
        assert_eq!(value(&store, 1, at(1)).await, 0);
        assert_eq!(swap(1, 1, vec![charge(1, 0, 9)]).await, Swapped::Swapped { version: 2 });
        assert_eq!(value(&store, 1, at(1)).await, 1);
    });
}

#[test]
fn swap_keeps_tries_unless_a_challenge_begins() {
    on_every_store(|world| async move {
        let store = store(&world);
        insert(&store, &record(1, 5, &[]), &[]).await;
        store.attempt(&id(1), at(1)).await.unwrap();
        let mut next = record(1, 5, &[]);
        store.compare_and_swap(&next, 1, &[], &[], at(2)).await.unwrap();
        assert_eq!(store.load(&id(1)).await.unwrap().unwrap().tries, 1);
        next.begins_challenge = true;
        store.compare_and_swap(&next, 2, &[], &[], at(3)).await.unwrap();
        assert_eq!(store.load(&id(1)).await.unwrap().unwrap().tries, 0);
    });
}

#[test]
fn a_cleared_counter_begins_anew_and_remembers_time() {
    on_every_store(|world| async move {
        let store = store(&world);
        insert(&store, &record(1, 5, &[]), &[charge(1, 0, 3)]).await;
        store.charge(&[charge(1, 0, 3)], at(500)).await.unwrap();
        let next = record(1, 5, &[]);
        let clear = [name(1), name(99)];
        store.compare_and_swap(&next, 1, &[], &clear, at(400)).await.unwrap();
        assert_eq!(value(&store, 1, at(600)).await, 0);
        store.charge(&[charge(1, 0, 3)], at(0)).await.unwrap();
        let over = store.charge(&[ask(1, 0)], at(0)).await.unwrap();
        assert_eq!(over[0].ends_at, at(500 + WINDOW), "what it has seen of time is kept");
    });
}

#[test]
fn the_sweep_takes_what_has_been_dead_for_a_day_and_nothing_else() {
    on_every_store(|world| async move {
        let store = store(&world);
        insert(&store, &record(1, 5, &[]), &[charge(1, 0, 9)]).await;
        let mut later = record(2, 5, &[]);
        later.expires_at = at(DAY + 1);
        insert(&store, &later, &[]).await;
        assert_eq!(store.delete_expired(at(DAY + WINDOW - 1), 100).await.unwrap(), 0);
        assert_eq!(store.delete_expired(at(DAY + WINDOW), 100).await.unwrap(), 1, "the counter");
        assert_eq!(store.delete_expired(at(2 * DAY), 100).await.unwrap(), 1);
        assert!(store.load(&id(1)).await.unwrap().is_none());
        assert!(store.load(&id(2)).await.unwrap().is_some());
        assert_eq!(store.delete_expired(at(2 * DAY + 1), 0).await.unwrap(), 0, "the limit");
        assert_eq!(store.delete_expired(at(2 * DAY + 1), 100).await.unwrap(), 1);
    });
}

#[test]
fn parallel_charges_never_pass_a_limit() {
    on_every_store(|world| async move {
        let store = store(&world);
        let shared = store.clone();
        let admitted = all(64, move |_| {
            let store = shared.clone();
            Box::pin(
                async move { store.charge(&[charge(1, 0, 3)], at(1)).await.unwrap().is_empty() },
            )
        })
        .await;
        assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 3);
        assert_eq!(value(&store, 1, at(1)).await, 3);
    });
}

#[test]
fn parallel_swaps_have_one_winner_and_losers_charge_nothing() {
    on_every_store(|world| async move {
        let store = store(&world);
        insert(&store, &record(1, 5, &[]), &[]).await;
        let shared = store.clone();
        let won = all(32, move |_| {
            let store = shared.clone();
            Box::pin(async move {
                let next = record(1, 5, &[]);
                let charges = [charge(1, 0, 99)];
                let swapped = store.compare_and_swap(&next, 1, &charges, &[], at(1)).await;
                matches!(swapped.unwrap(), Swapped::Swapped { .. })
            })
        })
        .await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
        assert_eq!(value(&store, 1, at(1)).await, 1);
    });
}

#[test]
fn attempts_that_race_a_swap_are_charged_exactly() {
    on_every_store(|world| async move {
        let store = store(&world);
        insert(&store, &record(1, 5, &[charge(5, 1, 3), charge(7, 2, 2)]), &[]).await;
        let shared = store.clone();
        let answers = all(21, move |index| {
            let store = shared.clone();
            Box::pin(async move {
                if index == 10 {
                    let next = record(1, 5, &[charge(5, 1, 3), charge(7, 2, 2)]);
                    store.compare_and_swap(&next, 1, &[], &[], at(1)).await.unwrap();
                    return None;
                }
                match store.attempt(&id(1), at(1)).await.unwrap() {
                    Attempted::Charged { over, .. } => Some(over.first().map(|over| over.name)),
                    _ => None,
                }
            })
        })
        .await;
        let charged: Vec<_> = answers.into_iter().flatten().collect();
        let count = |wanted| charged.iter().filter(|over| **over == wanted).count();
        assert_eq!(charged.len(), 5);
        assert_eq!((count(None), count(Some(name(7))), count(Some(name(5)))), (2, 1, 2));
    });
}

#[test]
fn a_full_memory_store_refuses_and_evicts_nothing() {
    let runtime = support::runtime();
    runtime.block_on(async {
        let store: Arc<dyn CodeStore> =
            Arc::new(sspr::adapters::MemoryCodes::with_capacity(64, 64));
        let (mut inserted, mut full) = (Vec::new(), 0);
        for number in 0..=255 {
            match insert(&store, &record(number, 5, &[]), &[]).await {
                Inserted::Inserted => inserted.push(number),
                Inserted::Full => full += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(full > 0 && !inserted.is_empty());
        for number in &inserted {
            assert!(store.load(&id(*number)).await.unwrap().is_some(), "evicted");
        }
        for number in 0..=255 {
            let _ = store.charge(&[charge(number, 0, 9)], at(0)).await;
        }
        assert_eq!(value(&store, 0, at(1)).await, 1, "a live counter is never evicted");
        // Room comes back by itself once the dead have been dead for a day.
        let mut late = record(1, 5, &[]);
        late.id =
            RecordId::from_parts(TenantId::parse("contoso").unwrap().tag(), [inserted[0]; 16]);
        assert!(matches!(
            store.insert(&late, &[], at(3 * DAY)).await.unwrap(),
            Inserted::Exists | Inserted::Inserted
        ));
    });
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::*;
    use sspr::{adapters::SqliteStore, ports::StoreErrorKind};

    async fn refused(path: &std::path::Path) -> (StoreErrorKind, String) {
        let error = SqliteStore::open(path).await.unwrap_err();
        (error.kind(), error.to_string())
    }

    #[test]
    fn two_processes_on_one_file_share_one_truth() {
        support::runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("sspr.db");
            let stores =
                [SqliteStore::open(&file).await.unwrap(), SqliteStore::open(&file).await.unwrap()];
            let stores = Arc::new(stores.map(|store| store.codes()));
            let admitted = all(64, move |index| {
                let stores = stores.clone();
                Box::pin(async move {
                    let store = &stores[index % 2];
                    store.charge(&[charge(1, 0, 3)], at(1)).await.unwrap().is_empty()
                })
            })
            .await;
            assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 3);
        });
    }

    #[test]
    fn a_store_survives_being_closed() {
        support::runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("sspr.db");
            let codes: Arc<dyn CodeStore> =
                Arc::new(SqliteStore::open(&file).await.unwrap().codes());
            insert(&codes, &record(1, 5, &[]), &[charge(1, 0, 9)]).await;
            drop(codes);
            let codes: Arc<dyn CodeStore> =
                Arc::new(SqliteStore::open(&file).await.unwrap().codes());
            assert!(codes.load(&id(1)).await.unwrap().is_some());
            assert_eq!(value(&codes, 1, at(1)).await, 1);
        });
    }

    #[test]
    fn a_file_that_cannot_serve_says_what_to_do() {
        support::runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let missing = refused(&dir.path().join("nowhere").join("sspr.db")).await;
            assert_eq!(missing.0, StoreErrorKind::Setup);
            assert!(missing.1.contains("folder exists"), "{}", missing.1);

            let text = dir.path().join("notes.txt");
            std::fs::write(&text, "this is no database, whatever its name may be".repeat(99))
                .unwrap();
            let (kind, words) = refused(&text).await;
            assert_eq!(kind, StoreErrorKind::Setup);
            assert!(words.contains("not a SQLite database"), "{words}");

            let newer = dir.path().join("newer.db");
            drop(SqliteStore::open(&newer).await.unwrap());
            let connection = rusqlite::Connection::open(&newer).unwrap();
            connection.execute("INSERT INTO sspr_migration VALUES (99)", []).unwrap();
            let (kind, words) = refused(&newer).await;
            assert_eq!(kind, StoreErrorKind::Setup);
            assert!(words.contains("newer release"), "{words}");
        });
    }

    #[test]
    fn a_full_database_refuses_loses_nothing_and_recovers() {
        support::runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("sspr.db");
            let small = SqliteStore::open_within(&file, 200_000).await.unwrap();
            let codes: Arc<dyn CodeStore> = Arc::new(small.codes());
            let large = |number| {
                let mut record = record(number, 5, &[]);
                record.body = vec![number; 4000];
                record
            };
            let mut written = Vec::new();
            let error = loop {
                let number = u8::try_from(written.len()).unwrap();
                match codes.insert(&large(number), &[charge(number, 0, 9)], at(0)).await {
                    Ok(answer) => {
                        assert_eq!(answer, Inserted::Inserted);
                        written.push(number);
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
            assert!(error.to_string().contains("no room"), "{error}");
            assert!(written.len() > 10);
            for number in &written {
                assert!(codes.load(&id(*number)).await.unwrap().is_some(), "lost");
                assert_eq!(value(&codes, *number, at(0)).await, 1);
            }
            let refused = u8::try_from(written.len()).unwrap();
            assert!(codes.load(&id(refused)).await.unwrap().is_none(), "half written");
            assert_eq!(value(&codes, refused, at(0)).await, 0, "half charged");

            assert!(codes.delete_expired(at(3 * DAY), 1000).await.unwrap() > 10);
            let again = codes.insert(&large(refused), &[], at(3 * DAY)).await.unwrap();
            assert_eq!(again, Inserted::Inserted, "room came back");
        });
    }

    #[test]
    fn a_locked_database_loses_nothing_and_recovers() {
        support::runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("sspr.db");
            let codes: Arc<dyn CodeStore> =
                Arc::new(SqliteStore::open(&file).await.unwrap().codes());
            insert(&codes, &record(1, 5, &[]), &[]).await;

            let other = rusqlite::Connection::open(&file).unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            let error = codes.charge(&[charge(1, 0, 9)], at(0)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
            assert!(codes.load(&id(1)).await.unwrap().is_some(), "readers go on");
            other.execute_batch("ROLLBACK").unwrap();

            assert!(codes.charge(&[charge(1, 0, 9)], at(0)).await.unwrap().is_empty());
            assert_eq!(value(&codes, 1, at(0)).await, 1, "the refused charge was not made");
        });
    }
}
