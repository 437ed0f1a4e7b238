//! Every interleaving of a few calls on one store of two shards.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::*;
use crate::{
    ports::SWEEP_MARGIN,
    sync::{Model, explore, with},
};

const HOUR: Duration = Duration::from_secs(3600);
const NOW: Timestamp = Timestamp::from_micros(0);

/// Creates a store with two shards of each kind. Even keys go into one shard, and odd keys into the
/// other.
fn store(records: usize, counters: usize) -> Arc<MemoryCodes> {
    let (counters, records) = (Shards::spread(2 * counters, 2), Shards::spread(2 * records, 2));
    Arc::new(MemoryCodes { counters, records })
}

fn id(number: u8) -> RecordId {
    RecordId::from_bytes([number; RecordId::BYTES])
}

fn name(number: u8) -> CounterName {
    CounterName::from_bytes([number; CounterName::BYTES])
}

fn charge(number: u8, limit: u32) -> Charge {
    Charge { amount: 1, limit, name: name(number), tier: 0, window: HOUR }
}

fn record(number: u8, tries_limit: u32) -> Record {
    Record {
        begins_challenge: false,
        body: vec![number],
        charges: Vec::new(),
        expires_at: NOW.after(HOUR),
        id: id(number),
        tries_limit,
    }
}

/// Returns the answer of a call, which never waits in this store.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().unwrap()
}

impl MemoryCodes {
    fn holds(&self, record: &Record) -> StoredRecord {
        assert_eq!(now(self.insert(record, &[], NOW)).unwrap(), Inserted::Inserted);
        self.reads(&record.id)
    }

    fn inserts(&self, record: &Record, charges: &[Charge], at: Timestamp) -> &'static str {
        match now(self.insert(record, charges, at)).unwrap() {
            Inserted::Inserted => "inserted",
            Inserted::Exists => "exists",
            Inserted::Full => "full",
            Inserted::Refused(_) => "refused",
        }
    }

    fn reads(&self, id: &RecordId) -> StoredRecord {
        now(self.load(id, &[], NOW)).unwrap().found().unwrap()
    }

    /// Returns the version that a load with charges read.
    fn loads(&self, number: u8, charges: &[Charge]) -> String {
        match now(self.load(&id(number), charges, NOW)).unwrap() {
            Loaded::Found(record) => format!("read version {}", record.version),
            Loaded::Refused(over) => format!("refused by {:?}", numbers(&over)),
            Loaded::Missing => "missing".to_owned(),
        }
    }

    /// Returns the version and tries at the comparison, or the reason why there was none.
    fn attempts(&self, number: u8) -> Result<(u64, u32), String> {
        match now(self.attempt(&id(number), &[], NOW)).unwrap() {
            Attempted::Charged { over, record } if over.is_empty() => {
                Ok((record.version, record.tries))
            }
            Attempted::Charged { over, .. } => Err(format!("over {:?}", numbers(&over))),
            other => Err(format!("{other:?}")),
        }
    }

    fn swaps(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        at: Timestamp,
    ) -> String {
        match now(self.compare_and_swap(next, expected, charges, clear, at)).unwrap() {
            Swapped::Swapped { version } => format!("version {version}"),
            Swapped::Conflict { version } => format!("conflict with {version}"),
            other => format!("{other:?}"),
        }
    }

    /// Returns the counters that refused.
    fn charges(&self, charges: &[Charge]) -> Vec<u8> {
        numbers(&now(self.charge(charges, NOW)).unwrap())
    }

    fn value(&self, number: u8) -> u64 {
        let name = name(number);
        let shard = self.counters.lock(self.counters.index(&name)).unwrap();
        shard.get(&name).map_or(0, |counter| counter.value)
    }

    fn tries(&self, number: u8) -> u32 {
        self.reads(&id(number)).tries
    }
}

fn numbers(over: &[Over]) -> Vec<u8> {
    over.iter().map(|over| over.name.as_bytes()[0]).collect()
}

#[test]
fn of_two_inserts_of_one_id_one_writes_and_charges() {
    let seen = explore(|| {
        let codes = store(9, 9);
        let insert = |body: u8| {
            with(&codes, move |codes| {
                codes.inserts(&Record { body: vec![body], ..record(1, 1) }, &[charge(1, 9)], NOW)
            })
        };
        Model {
            threads: vec![insert(7), insert(8)],
            end: with(&codes, |codes| (codes.value(1), codes.reads(&id(1)).body)),
        }
    });

    let first = (vec!["inserted", "exists"], (1, vec![7]));
    let second = (vec!["exists", "inserted"], (1, vec![8]));
    assert_eq!(seen, BTreeSet::from([first, second]));
}

#[test]
fn a_shard_holds_no_more_than_it_has_room_for() {
    let seen = explore(|| {
        let codes = store(1, 9);
        let insert = |number| {
            with(&codes, move |codes| codes.inserts(&record(number, 1), &[charge(number, 9)], NOW))
        };
        Model {
            // Two entries of one shard, and one of the other.
            threads: vec![insert(1), insert(3), insert(2)],
            end: with(&codes, |codes| {
                (codes.usage().records, codes.value(1) + codes.value(3), codes.value(2))
            }),
        }
    });

    let first = (vec!["inserted", "full", "inserted"], (2, 1, 1));
    let second = (vec!["full", "inserted", "inserted"], (2, 1, 1));
    assert_eq!(seen, BTreeSet::from([first, second]));
}

#[test]
fn counters_of_a_shard_are_no_more_than_it_has_room_for() {
    let seen = explore(|| {
        let codes = store(9, 2);
        let call = |of: [u8; 2]| {
            with(&codes, move |codes| {
                let called = now(codes.charge(&of.map(|number| charge(number, 9)), NOW));
                called.map(|over| numbers(&over)).map_err(|error| format!("{:?}", error.kind()))
            })
        };
        Model {
            threads: vec![call([1, 2]), call([3, 5])],
            end: with(&codes, |codes| [1, 2, 3, 5].map(|number| codes.value(number))),
        }
    });

    let first = (vec![Ok(Vec::new()), Err("Full".to_owned())], [1, 1, 0, 0]);
    let second = (vec![Err("Full".to_owned()), Ok(Vec::new())], [0, 0, 1, 1]);
    assert_eq!(seen, BTreeSet::from([first, second]));
}

#[test]
fn attempts_are_no_more_than_the_limit() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&Record { charges: vec![charge(1, 9), charge(2, 9)], ..record(1, 2) });
        let attempt = || with(&codes, |codes| codes.attempts(1));
        Model {
            threads: vec![attempt(), attempt(), attempt()],
            end: with(&codes, |codes| (codes.tries(1), codes.value(1), codes.value(2))),
        }
    });

    assert_eq!(seen.len(), 6, "every order");
    for (mut answers, end) in seen {
        answers.sort();
        assert_eq!(answers, [Ok((1, 1)), Ok((1, 2)), Err("Exhausted".to_owned())]);
        assert_eq!(end, (2, 2, 2));
    }
}

#[test]
fn of_two_swaps_at_one_version_one_wins() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&record(1, 1));
        let swap = |body: u8| {
            with(&codes, move |codes| {
                let next = Record { body: vec![body], ..record(1, 1) };
                codes.swaps(&next, 1, &[charge(1, 9)], &[name(2)], NOW)
            })
        };
        Model {
            threads: vec![swap(7), swap(8)],
            end: with(&codes, |codes| (codes.value(1), codes.reads(&id(1)).body)),
        }
    });

    let (won, lost) = ("version 2".to_owned(), "conflict with 2".to_owned());
    let first = (vec![won.clone(), lost.clone()], (1, vec![7]));
    let second = (vec![lost, won], (1, vec![8]));
    assert_eq!(seen, BTreeSet::from([first, second]));
}

#[test]
fn a_load_and_a_swap_that_share_the_last_charge_are_not_both_admitted() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&record(1, 1));
        let load = with(&codes, |codes| codes.loads(1, &[charge(1, 1)]));
        let swap = with(&codes, |codes| {
            codes.swaps(&Record { body: vec![7], ..record(1, 1) }, 1, &[charge(1, 1)], &[], NOW)
        });
        Model {
            threads: vec![load, swap],
            end: with(&codes, |codes| (codes.value(1), codes.reads(&id(1)).version)),
        }
    });

    let admitted: BTreeSet<_> = seen
        .into_iter()
        .map(|(answers, (value, version))| (answers[0].clone(), value, version))
        .collect();
    let read = ("read version 1".to_owned(), 1, 1);
    let refused = ("refused by [1]".to_owned(), 1, 2);
    assert_eq!(admitted, BTreeSet::from([read, refused]));
}

#[test]
fn a_load_reads_and_charges_at_one_moment() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&record(1, 1));
        let load = with(&codes, |codes| codes.loads(1, &[charge(1, 9)]));
        let swap = with(&codes, |codes| {
            let next = Record { body: vec![7], ..record(1, 1) };
            let swapped = codes.swaps(&next, 1, &[], &[], NOW);
            format!("{swapped}, charged {}", codes.value(1))
        });
        Model { threads: vec![load, swap], end: with(&codes, |codes| codes.value(1)) }
    });

    let pair = |read: &str, swapped: &str| (vec![read.to_owned(), swapped.to_owned()], 1);
    let expected = [
        pair("read version 1", "version 2, charged 1"),
        pair("read version 2", "version 2, charged 0"),
        pair("read version 2", "version 2, charged 1"),
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn attempts_of_one_caller_stay_within_its_limit() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&record(1, 9));
        let attempt = || {
            with(&codes, |codes| {
                let answer = now(codes.attempt(&id(1), &[charge(1, 1)], NOW)).unwrap();
                matches!(answer, Attempted::Charged { .. })
            })
        };
        Model {
            threads: vec![attempt(), attempt()],
            end: with(&codes, |codes| (codes.value(1), codes.tries(1))),
        }
    });

    assert_eq!(seen, BTreeSet::from([(vec![false, true], (1, 1)), (vec![true, false], (1, 1))]));
}

#[test]
fn a_new_challenge_gives_its_tries_and_no_more() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&record(1, 1));
        let attempt = || with(&codes, |codes| codes.attempts(1));
        let begin = with(&codes, |codes| {
            let next = Record { begins_challenge: true, ..record(1, 1) };
            Err(codes.swaps(&next, 1, &[charge(1, 9)], &[], NOW))
        });
        Model {
            threads: vec![attempt(), attempt(), begin],
            end: with(&codes, |codes| codes.tries(1)),
        }
    });

    let spent = || Err("Exhausted".to_owned());
    let begun = || Err("version 2".to_owned());
    let expected = [
        (vec![Ok((1, 1)), spent(), begun()], 0),
        (vec![spent(), Ok((1, 1)), begun()], 0),
        (vec![Ok((1, 1)), Ok((2, 1)), begun()], 1),
        (vec![Ok((2, 1)), Ok((1, 1)), begun()], 1),
        (vec![Ok((2, 1)), spent(), begun()], 1),
        (vec![spent(), Ok((2, 1)), begun()], 1),
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn charges_that_cross_are_all_or_none_and_never_stuck() {
    let seen = explore(|| {
        let codes = store(9, 9);
        let call = |of: &'static [u8]| {
            with(&codes, move |codes| {
                codes.charges(&of.iter().map(|number| charge(*number, 1)).collect::<Vec<_>>())
            })
        };
        Model {
            threads: vec![call(&[1, 2]), call(&[2, 1]), call(&[2])],
            end: with(&codes, |codes| (codes.value(1), codes.value(2))),
        }
    });

    let expected = [
        (vec![vec![], vec![2, 1], vec![2]], (1, 1)),
        (vec![vec![1, 2], vec![], vec![2]], (1, 1)),
        (vec![vec![2], vec![2], vec![]], (0, 1)),
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn attempts_whose_counters_cross_are_never_stuck() {
    let seen = explore(|| {
        let codes = store(9, 9);
        let tiers = |first, second| vec![charge(first, 1), Charge { tier: 1, ..charge(second, 1) }];
        codes.holds(&Record { charges: tiers(1, 2), ..record(1, 5) });
        codes.holds(&Record { charges: tiers(2, 1), ..record(2, 5) });
        let attempt = |number| with(&codes, move |codes| codes.attempts(number));
        let swap = with(&codes, |codes| {
            let clear = [name(2), name(1)];
            Err(codes.swaps(&record(2, 5), 1, &[charge(1, 9)], &clear, NOW))
        });
        Model {
            threads: vec![attempt(1), attempt(2), swap],
            end: with(&codes, |codes| (codes.tries(1), codes.value(1), codes.value(2))),
        }
    });

    for (answers, (tries, one, two)) in seen {
        assert!(answers[0].is_ok() || answers[0] == Err("over [1]".to_owned()), "{answers:?}");
        assert!(tries == 1 && one <= 1 && two <= 1, "{answers:?} {one} {two}");
    }
}

#[test]
fn a_sweep_takes_nothing_that_lives() {
    let late = NOW.after(HOUR).after(SWEEP_MARGIN);
    let seen = explore(move || {
        let codes = store(9, 9);
        codes.holds(&record(1, 1));
        let lives = move |number| Record { expires_at: late.after(HOUR), ..record(number, 1) };
        Model {
            threads: vec![
                with(&codes, move |codes| now(codes.delete_expired(late, 9)).unwrap().to_string()),
                with(&codes, move |codes| codes.swaps(&lives(1), 1, &[], &[], late)),
                // The entry goes into the place of the first one, if that is gone.
                with(&codes, move |codes| codes.inserts(&lives(3), &[], late).to_owned()),
            ],
            end: with(&codes, |codes| {
                [1, 3].map(|number| {
                    now(codes.load(&id(number), &[], NOW)).unwrap().found().map(|it| it.body)
                })
            }),
        }
    });

    let answers = |answers: [&str; 3]| answers.map(str::to_owned).to_vec();
    let removed = [None, Some(vec![3])];
    let expected = [
        (answers(["1", "Missing", "inserted"]), removed.clone()),
        // The insert itself has swept the ended entry.
        (answers(["0", "Missing", "inserted"]), removed),
        (answers(["0", "version 2", "inserted"]), [Some(vec![1]), Some(vec![3])]),
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn a_sweep_takes_no_counter_that_began_anew() {
    let late = NOW.after(HOUR).after(SWEEP_MARGIN);
    let seen = explore(move || {
        let codes = store(9, 9);
        codes.charges(&[charge(1, 9)]);
        codes.charges(&[charge(1, 9)]);
        let call = move |codes: &MemoryCodes| {
            assert_eq!(now(codes.charge(&[charge(1, 9)], late)).unwrap(), []);
        };
        Model {
            threads: vec![
                with(&codes, move |codes| {
                    now(codes.delete_expired(late, 9)).unwrap();
                }),
                with(&codes, call),
                with(&codes, call),
            ],
            end: with(&codes, |codes| codes.value(1)),
        }
    });

    assert_eq!(seen, BTreeSet::from([(vec![(); 3], 2)]));
}

#[test]
fn what_is_loaded_is_one_version() {
    let seen = explore(|| {
        let codes = store(9, 9);
        codes.holds(&record(1, 1));
        let swap = |version: u8| {
            move |codes: &MemoryCodes| {
                let next = Record { body: vec![version + 1], ..record(1, 1) };
                codes.swaps(&next, u64::from(version), &[], &[], NOW)
            }
        };
        Model {
            threads: vec![
                with(&codes, move |codes| [swap(1)(codes), swap(2)(codes)].join(", ")),
                with(&codes, |codes| {
                    let loaded = codes.reads(&id(1));
                    format!("{} {:?}", loaded.version, loaded.body)
                }),
            ],
            end: Box::new(|| ()),
        }
    });

    let loads = ["1 [1]", "2 [2]", "3 [3]"];
    let expected = loads.map(|load| (vec!["version 2, version 3".to_owned(), load.to_owned()], ()));
    assert_eq!(seen, BTreeSet::from(expected));
}
