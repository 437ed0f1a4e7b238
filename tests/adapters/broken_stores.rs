//! The suite is tested: stores that are broken in one way each, and the clause that catches it.
//! `cargo test --features conformance --test adapters broken_stores:: -- --nocapture` prints the table.

mod users;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::yield_now,
};

use async_trait::async_trait;
use sspr::{
    conformance::*,
    domain::{RecordId, Timestamp},
    ports::{CodeStore, StoreError},
    store::{
        Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, StoredRecord, Swapped,
    },
};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    OnlySlow,
    EvictsALiveCounter,
    ExtendsTheWindow,
    BackwardClockRestartsTheWindow,
    ExpiresByItsOwnClock,
    LivesAtItsExpiry,
    CountsInSeconds,
    ChargesPartlyOnRefusal,
    ExistsCharges,
    ConflictCharges,
    DoesNotCompareTheVersion,
    AttemptRaisesTheVersion,
    EverySwapResetsTries,
    NoSwapResetsTries,
    DoesNotChargeTriesFirst,
    ChargesTierTwoWhenTierOneRefuses,
    UndoesTierOneWhenTierTwoRefuses,
    TakesTiersAsWritten,
    ForgetsTheClear,
    ClearForgetsTime,
    ClearsBeforeItDecides,
    ReadsThenWritesWithoutALock,
    SweepsTheLiving,
    SweepsWithoutMargin,
    SweepsByTheFirstEnd,
    ComparesIdsWithoutCase,
    CutsNames,
    TenantsShareCounters,
    LoadsInTwoSteps,
    RetriesAfterItIsCut,
    LimitsFromTheFirstCall,
    AnswersPositionsAfterSorting,
    NamesOnlyTheFirstCounterOver,
    AskingBeginsAWindow,
    RefusedInsertLeavesTheRecord,
    DeadTriesAreCharged,
    TriesWrapAround,
    SwapKeepsOldCharges,
    BackwardClockRevives,
    AmountsWrapAround,
    TwoInsertsOfOneId,
    EvictsWhenFull,
    ChargesTheCallerAfterTheTry,
    RefusedAttemptKeepsItsTry,
    UndoesTheCallerWhenATierRefuses,
    MissingChargesTheCaller,
    ExhaustedChargesTheCaller,
    RefusesBeforeItLooks,
    LoadForgetsToCharge,
    RefusedLoadTells,
    MissingLoadCharges,
    LoadReadsBeforeItCharges,
}

use Fault::*;

/// Each fault, and the clause whose test names it.
const CAUGHT: [(Fault, &str); 51] = [
    (EvictsALiveCounter, "parallel_charges_of_crossing_sets_lose_nothing"),
    (ExtendsTheWindow, "a_charge_inside_a_window_never_moves_its_end"),
    (BackwardClockRestartsTheWindow, "a_clock_that_runs_back_reopens_no_window"),
    (ExpiresByItsOwnClock, "expiry_is_judged_by_the_callers_clock"),
    (LivesAtItsExpiry, "a_record_is_dead_at_its_expiry_to_the_microsecond"),
    (CountsInSeconds, "a_window_begins_at_its_first_charge_and_ends_to_the_microsecond"),
    (ChargesPartlyOnRefusal, "charges_are_all_or_none"),
    (ExistsCharges, "an_insert_of_a_known_id_charges_and_changes_nothing"),
    (ConflictCharges, "a_conflict_or_a_missing_record_charges_nothing"),
    (DoesNotCompareTheVersion, "the_version_is_compared_and_raised_by_one"),
    (AttemptRaisesTheVersion, "an_attempt_never_changes_the_version"),
    (EverySwapResetsTries, "tries_are_kept_unless_a_challenge_begins"),
    (NoSwapResetsTries, "tries_are_kept_unless_a_challenge_begins"),
    (DoesNotChargeTriesFirst, "tries_are_charged_first_and_exhausted_writes_nothing"),
    (ChargesTierTwoWhenTierOneRefuses, "a_refusing_first_tier_leaves_the_second_uncharged"),
    (UndoesTierOneWhenTierTwoRefuses, "a_refusing_second_tier_leaves_the_first_charged"),
    (TakesTiersAsWritten, "tiers_are_taken_in_ascending_order"),
    (ForgetsTheClear, "a_cleared_counter_begins_anew"),
    (ClearForgetsTime, "a_cleared_counter_remembers_time"),
    (ClearsBeforeItDecides, "charges_are_decided_before_the_clears"),
    (ReadsThenWritesWithoutALock, "parallel_charges_admit_exactly_the_limit"),
    (SweepsTheLiving, "the_sweep_leaves_what_was_touched_since"),
    (SweepsWithoutMargin, "the_sweep_takes_records_dead_for_a_day"),
    (SweepsByTheFirstEnd, "the_sweep_goes_by_the_end_that_a_swap_has_given"),
    (ComparesIdsWithoutCase, "ids_are_compared_byte_for_byte"),
    (CutsNames, "names_are_compared_byte_for_byte"),
    (TenantsShareCounters, "tenants_share_no_counter"),
    (LoadsInTwoSteps, "parallel_loads_see_one_version_whole"),
    (RetriesAfterItIsCut, "random_calls_answer_as_the_model_does"),
    (LimitsFromTheFirstCall, "limits_are_those_of_the_call"),
    (AnswersPositionsAfterSorting, "the_answer_names_every_counter_that_is_over"),
    (NamesOnlyTheFirstCounterOver, "the_answer_names_every_counter_that_is_over"),
    (AskingBeginsAWindow, "asking_writes_nothing"),
    (RefusedInsertLeavesTheRecord, "a_refused_insert_leaves_nothing"),
    (DeadTriesAreCharged, "the_dead_the_missing_and_the_exhausted_charge_nothing"),
    (TriesWrapAround, "tries_are_charged_first_and_exhausted_writes_nothing"),
    (SwapKeepsOldCharges, "a_swap_replaces_what_each_try_charges"),
    (BackwardClockRevives, "a_clock_that_runs_back_revives_no_record"),
    (AmountsWrapAround, "large_amounts_never_wrap_around"),
    (TwoInsertsOfOneId, "parallel_inserts_of_one_id_write_once"),
    (EvictsWhenFull, "a_full_store_refuses_and_evicts_nothing"),
    (ChargesTheCallerAfterTheTry, "a_refused_caller_leaves_the_record_as_it_was"),
    (RefusedAttemptKeepsItsTry, "a_refused_caller_leaves_the_record_as_it_was"),
    (UndoesTheCallerWhenATierRefuses, "the_callers_charges_are_made_with_the_try"),
    (MissingChargesTheCaller, "the_dead_the_missing_and_the_exhausted_charge_nothing"),
    (ExhaustedChargesTheCaller, "the_dead_the_missing_and_the_exhausted_charge_nothing"),
    (RefusesBeforeItLooks, "the_dead_the_missing_and_the_exhausted_charge_nothing"),
    (LoadForgetsToCharge, "a_load_makes_its_charges_and_reads"),
    (RefusedLoadTells, "a_refused_load_charges_nothing_and_tells_nothing"),
    (MissingLoadCharges, "a_load_of_a_missing_record_charges_nothing"),
    (LoadReadsBeforeItCharges, "parallel_loads_read_and_charge_at_one_moment"),
];

#[derive(Clone, Copy, Debug)]
struct Counter {
    value: u64,
    ends: i64,
    touched: i64,
    limit: u32,
}

#[derive(Clone, Debug)]
struct Row {
    record: Record,
    first_end: i64,
    version: u64,
    touched: i64,
    tries: u32,
}

#[derive(Debug, Default)]
struct Tables {
    counters: BTreeMap<Vec<u8>, Counter>,
    rows: BTreeMap<Vec<u8>, Row>,
}

/// A small right store, with one fault.
#[derive(Debug)]
struct Broken {
    fault: Fault,
    tables: Mutex<Tables>,
    calls: AtomicU32,
}

const DAY: i64 = 24 * 3_600_000_000;

impl Broken {
    fn new(fault: Fault) -> Self {
        Self { calls: AtomicU32::new(0), fault, tables: Mutex::default() }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn with<T>(&self, act: impl FnOnce(&mut Tables) -> T) -> T {
        if self.is(OnlySlow) {
            // Real time, and little of it: a slow store is a right store.
            for _ in 0..200 {
                yield_now();
            }
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        act(&mut self.tables.lock().unwrap())
    }

    /// Other callers come in between.
    fn gap(&self) {
        for _ in 0..50 {
            yield_now();
        }
    }

    fn name(&self, name: &CounterName) -> Vec<u8> {
        let bytes = name.as_bytes().to_vec();
        match self.fault {
            CutsNames => bytes[..30].to_vec(),
            TenantsShareCounters => bytes[9..].to_vec(),
            _ => bytes,
        }
    }

    fn id(&self, id: &RecordId) -> Vec<u8> {
        let bytes = id.as_bytes().to_vec();
        if self.is(ComparesIdsWithoutCase) { bytes.to_ascii_lowercase() } else { bytes }
    }

    fn time(&self, now: Timestamp) -> i64 {
        match self.fault {
            ExpiresByItsOwnClock => 1_800_000_000_000_000,
            CountsInSeconds => now.as_micros() / 1_000_000 * 1_000_000,
            _ => now.as_micros(),
        }
    }

    fn after(&self, before: Option<Counter>, charge: &Charge, now: i64) -> (Counter, bool) {
        let at = match before {
            Some(counter) if !self.is(BackwardClockRestartsTheWindow) => now.max(counter.touched),
            _ => now,
        };
        let window = i64::try_from(charge.window.as_micros()).unwrap();
        let live = before.filter(|counter| {
            let restarts = self.is(BackwardClockRestartsTheWindow) && now < counter.touched;
            at < counter.ends && !restarts
        });
        let ends = match live {
            Some(_) if self.is(ExtendsTheWindow) => at + window,
            Some(counter) => counter.ends,
            None => at + window,
        };
        let limit = match before {
            Some(counter) if self.is(LimitsFromTheFirstCall) => counter.limit,
            _ => charge.limit,
        };
        let value = if self.is(AmountsWrapAround) {
            u64::from((live.map_or(0, |counter| counter.value) as u32).wrapping_add(charge.amount))
        } else {
            live.map_or(0, |counter| counter.value) + u64::from(charge.amount)
        };
        (Counter { ends, limit, touched: at, value }, value > u64::from(limit))
    }

    fn charge_in(&self, tables: &mut Tables, charges: &[Charge], now: i64) -> Vec<Over> {
        let (mut writes, mut over) = (Vec::new(), Vec::new());
        let mut sorted = charges.to_vec();
        sorted.sort_unstable_by_key(|charge| charge.name);
        for (position, charge) in sorted.iter().enumerate() {
            let key = self.name(&charge.name);
            let (counter, refused) = self.after(tables.counters.get(&key).copied(), charge, now);
            if refused {
                let named = if self.is(AnswersPositionsAfterSorting) {
                    charges[position].name
                } else {
                    charge.name
                };
                over.push(Over { ends_at: Timestamp::from_micros(counter.ends), name: named });
            } else if charge.amount > 0 || self.is(AskingBeginsAWindow) {
                writes.push((key, counter));
            }
        }
        if self.is(NamesOnlyTheFirstCounterOver) {
            over.truncate(1);
        }
        if over.is_empty() || self.is(ChargesPartlyOnRefusal) {
            tables.counters.extend(writes);
        }
        if self.is(EvictsALiveCounter) && tables.counters.len() > 12 {
            tables.counters.pop_first();
        }
        over
    }

    fn clear(&self, tables: &mut Tables, names: &[CounterName], now: i64) {
        for name in names {
            if let Some(counter) = tables.counters.get_mut(&self.name(name)) {
                let at = if self.is(ClearForgetsTime) { now } else { now.max(counter.touched) };
                (counter.value, counter.ends, counter.touched) = (0, at, at);
            }
        }
    }
}

fn loaded(row: &Row) -> StoredRecord {
    StoredRecord {
        body: row.record.body.clone(),
        expires_at: row.record.expires_at,
        touched_at: Timestamp::from_micros(row.touched),
        tries: row.tries,
        version: row.version,
    }
}

#[async_trait]
impl CodeStore for Broken {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let (key, now) = (self.id(&record.id), self.time(now));
        if self.is(TwoInsertsOfOneId) {
            if self.with(|tables| tables.rows.contains_key(&key)) {
                return Ok(Inserted::Exists);
            }
            self.gap();
        }
        Ok(self.with(|tables| {
            if tables.rows.contains_key(&key) && !self.is(TwoInsertsOfOneId) {
                if self.is(ExistsCharges) {
                    self.charge_in(tables, charges, now);
                }
                return Inserted::Exists;
            }
            if tables.rows.len() >= 1_000 {
                if !self.is(EvictsWhenFull) {
                    return Inserted::Full;
                }
                tables.rows.pop_first();
            }
            let first_end = record.expires_at.as_micros();
            let row = Row { first_end, record: record.clone(), touched: now, tries: 0, version: 1 };
            let over = self.charge_in(tables, charges, now);
            if over.is_empty() || self.is(RefusedInsertLeavesTheRecord) {
                tables.rows.insert(key, row);
            }
            if over.is_empty() { Inserted::Inserted } else { Inserted::Refused(over) }
        }))
    }

    async fn attempt(
        &self,
        id: &RecordId,
        callers: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let (key, now) = (self.id(id), self.time(now));
        Ok(self.with(|tables| {
            let untouched = tables.counters.clone();
            if self.is(RefusesBeforeItLooks) {
                let over = self.charge_in(tables, callers, now);
                tables.counters = untouched.clone();
                if !over.is_empty() {
                    return Attempted::Refused(over);
                }
            }
            let Some(row) = tables.rows.get(&key).cloned() else {
                if self.is(MissingChargesTheCaller) {
                    self.charge_in(tables, callers, now);
                }
                return Attempted::Missing;
            };
            let at = if self.is(BackwardClockRevives) { now } else { now.max(row.touched) };
            let ends = row.record.expires_at.as_micros();
            if at > ends || (at == ends && !self.is(LivesAtItsExpiry)) {
                if self.is(DeadTriesAreCharged) {
                    tables.rows.get_mut(&key).unwrap().tries += 1;
                }
                return Attempted::Dead;
            }
            let limit = row.record.tries_limit;
            let late = self.is(DoesNotChargeTriesFirst);
            let exhausted = row.tries >= limit;
            if exhausted && !late {
                if self.is(ExhaustedChargesTheCaller) {
                    self.charge_in(tables, callers, now);
                }
                if self.is(TriesWrapAround) {
                    tables.rows.get_mut(&key).unwrap().tries = 0;
                }
                return Attempted::Exhausted;
            }
            let mut refused = Vec::new();
            if !self.is(ChargesTheCallerAfterTheTry) {
                refused = self.charge_in(tables, callers, now);
                if !refused.is_empty() && !self.is(RefusedAttemptKeepsItsTry) {
                    return Attempted::Refused(refused);
                }
            }
            let row = tables.rows.get_mut(&key).unwrap();
            row.touched = at;
            row.tries += 1;
            if self.is(AttemptRaisesTheVersion) {
                row.version += 1;
            }
            let (record, mut charges) = (loaded(row), row.record.charges.clone());
            if !refused.is_empty() {
                return Attempted::Refused(refused);
            }
            if !self.is(TakesTiersAsWritten) {
                charges.sort_by_key(|charge| charge.tier);
            }
            let (mut over, before) = (Vec::new(), tables.counters.clone());
            for tier in charges.chunk_by(|a, b| a.tier == b.tier) {
                let refused = self.charge_in(tables, tier, now);
                if refused.is_empty() {
                    continue;
                }
                if over.is_empty() {
                    over = refused;
                }
                if self.is(UndoesTheCallerWhenATierRefuses) {
                    tables.counters = untouched;
                    break;
                }
                if self.is(UndoesTierOneWhenTierTwoRefuses) {
                    tables.counters = before;
                    break;
                }
                if !self.is(ChargesTierTwoWhenTierOneRefuses) {
                    break;
                }
            }
            if self.is(ChargesTheCallerAfterTheTry) {
                let refused = self.charge_in(tables, callers, now);
                if !refused.is_empty() {
                    return Attempted::Refused(refused);
                }
            }
            if exhausted {
                return Attempted::Exhausted;
            }
            Attempted::Charged { over, record }
        }))
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (key, now) = (self.id(id), self.time(now));
        if self.is(LoadsInTwoSteps) || self.is(LoadReadsBeforeItCharges) {
            let first = self.with(|tables| tables.rows.get(&key).map(loaded));
            self.gap();
            let Some(first) = first else { return Ok(Loaded::Missing) };
            return Ok(self.with(|tables| {
                let over = self.charge_in(tables, charges, now);
                if !over.is_empty() {
                    return Loaded::Refused(over);
                }
                let row = tables.rows.get(&key);
                let body = row.map(|row| row.record.body.clone()).unwrap_or_default();
                let torn = self.is(LoadsInTwoSteps);
                Loaded::Found(if torn { StoredRecord { body, ..first } } else { first })
            }));
        }
        Ok(self.with(|tables| {
            let Some(row) = tables.rows.get(&key).map(loaded) else {
                if self.is(MissingLoadCharges) {
                    self.charge_in(tables, charges, now);
                }
                return Loaded::Missing;
            };
            if self.is(LoadForgetsToCharge) {
                return Loaded::Found(row);
            }
            let over = self.charge_in(tables, charges, now);
            if over.is_empty() || self.is(RefusedLoadTells) {
                Loaded::Found(row)
            } else {
                Loaded::Refused(over)
            }
        }))
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let (key, now) = (self.id(&next.id), self.time(now));
        Ok(self.with(|tables| {
            let Some(row) = tables.rows.get(&key).cloned() else { return Swapped::Missing };
            if row.version != expected && !self.is(DoesNotCompareTheVersion) {
                if self.is(ConflictCharges) {
                    self.charge_in(tables, charges, now);
                }
                return Swapped::Conflict { version: row.version };
            }
            if self.is(ClearsBeforeItDecides) {
                self.clear(tables, clear, now);
            }
            let over = self.charge_in(tables, charges, now);
            if !over.is_empty() {
                return Swapped::Refused(over);
            }
            if !self.is(ForgetsTheClear) {
                self.clear(tables, clear, now);
            }
            let mut record = next.clone();
            if self.is(SwapKeepsOldCharges) {
                record.charges = row.record.charges;
            }
            let resets = match self.fault {
                EverySwapResetsTries => true,
                NoSwapResetsTries => false,
                _ => next.begins_challenge,
            };
            let tries = if resets { 0 } else { row.tries };
            let version = row.version + 1;
            let touched = now.max(row.touched);
            let first_end = row.first_end;
            tables.rows.insert(key, Row { first_end, record, touched, tries, version });
            Swapped::Swapped { version }
        }))
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        let time = self.time(now);
        if self.is(ReadsThenWritesWithoutALock) {
            let read = self.with(|tables| tables.counters.clone());
            let mut seen = Tables { counters: read, rows: BTreeMap::new() };
            let over = self.charge_in(&mut seen, charges, time);
            self.gap();
            self.with(|tables| {
                for charge in charges {
                    let key = self.name(&charge.name);
                    if let Some(counter) = seen.counters.get(&key) {
                        tables.counters.insert(key, *counter);
                    }
                }
            });
            return Ok(over);
        }
        let over = self.with(|tables| self.charge_in(tables, charges, time));
        if self.is(RetriesAfterItIsCut)
            && over.is_empty()
            && self.calls.load(Ordering::Relaxed).is_multiple_of(5)
        {
            // "The connection was lost": once more, though the first one may have happened.
            return Ok(self.with(|tables| self.charge_in(tables, charges, time)));
        }
        Ok(over)
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let before = self.time(now) - if self.is(SweepsWithoutMargin) { 0 } else { DAY };
        Ok(self.with(|tables| {
            let mut left = limit;
            let mut take = |dead: bool| {
                let take = dead && left > 0;
                left -= usize::from(take);
                !take
            };
            tables.rows.retain(|_, row| {
                let first = self.is(SweepsByTheFirstEnd);
                let end = if first { row.first_end } else { row.record.expires_at.as_micros() };
                take(end.max(row.touched) <= before)
            });
            let living = self.is(SweepsTheLiving);
            tables.counters.retain(|_, counter| {
                let first_end = if living { counter.touched - 5 * DAY } else { counter.ends };
                take(first_end.max(if living { 0 } else { counter.touched }) <= before)
            });
            limit - left
        }))
    }
}

fn check(fault: Fault, case: CodeStoreCase) -> CaseResult {
    block_on(case.check(&CodeStoreBench::new(Broken::new(fault)).with_rounds(60)))
}

fn case(name: &str) -> CodeStoreCase {
    CodeStoreCase::named(name).unwrap_or_else(CodeStoreCase::when_full)
}

#[test]
fn each_broken_store_is_caught_by_the_clause_that_names_its_fault() {
    println!("| a store that … | is caught by |\n|---|---|");
    let mut missed = Vec::new();
    for (fault, name) in CAUGHT {
        match check(fault, case(name)) {
            Ok(()) => missed.push(format!("{fault:?} passes {name}")),
            Err(violation) => {
                assert_eq!(violation.case(), name);
                println!("| {} | `{name}` |", words(fault));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_right_store_passes_however_slow() {
    for fault in [Nothing, OnlySlow] {
        for case in CodeStoreCase::all() {
            check(fault, *case).unwrap();
        }
        check(fault, CodeStoreCase::when_full()).unwrap();
    }
}

/// What random histories alone see: faults of a single caller's calls, without a clause written for
/// them.
#[test]
fn random_histories_find_faults_and_tell_a_short_story() {
    let random = case("random_calls_answer_as_the_model_does");
    for fault in [
        ExtendsTheWindow,
        BackwardClockRestartsTheWindow,
        ChargesPartlyOnRefusal,
        ExistsCharges,
        DoesNotCompareTheVersion,
        EverySwapResetsTries,
        ForgetsTheClear,
        AskingBeginsAWindow,
        UndoesTierOneWhenTierTwoRefuses,
        LimitsFromTheFirstCall,
    ] {
        let violation = check(fault, random).expect_err(&format!("{fault:?}"));
        let calls = violation.story().matches("→").count();
        assert!(calls <= 8, "{fault:?}: a story of {calls} calls\n{violation}");
        assert!(violation.story().contains("seed"), "{violation}");
    }
}

/// Races that no order explains, found without a clause written for them.
#[test]
fn random_concurrent_histories_find_races() {
    let concurrent = case("random_concurrent_calls_have_an_order_that_explains_them");
    for fault in [ReadsThenWritesWithoutALock, TwoInsertsOfOneId] {
        let violation = (0..20)
            .find_map(|seed| {
                let bench = CodeStoreBench::new(Broken::new(fault)).with_rounds(200);
                block_on(concurrent.check(&bench.with_seed(seed))).err()
            })
            .unwrap_or_else(|| panic!("{fault:?} was not seen"));
        assert!(violation.story().contains("no order of these calls"), "{violation}");
    }
}

fn words(fault: Fault) -> String {
    spelled(&format!("{fault:?}"))
}

fn spelled(fault: &str) -> String {
    let mut words = String::new();
    for letter in fault.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
