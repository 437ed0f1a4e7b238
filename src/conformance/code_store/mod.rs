//! The suite for code stores. It checks each clause of each verb, and runs races, cuts and random
//! histories.

mod attempts;
mod bench;
mod counters;
mod faults;
mod full;
mod histories;
mod history;
mod linear;
mod model;
mod operation;
mod parallel;
mod records;
mod swaps;
mod sweep;

pub use bench::{CodeStoreBench, Spawn, Task};

use super::clauses;

clauses! {
    /// One clause of the code store's contract.
    CodeStoreCase over CodeStoreBench;
    /// Makes one test for each clause of the code store's contract. The argument is a function from
    /// [`CodeStoreCase`](crate::conformance::CodeStoreCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    code_store_conformance;
    in counters:
        a_window_begins_at_its_first_charge_and_ends_to_the_microsecond
        a_charge_inside_a_window_never_moves_its_end
        a_clock_that_runs_back_reopens_no_window
        charges_are_all_or_none
        the_answer_names_every_counter_that_is_over
        asking_writes_nothing
        limits_are_those_of_the_call
        large_amounts_never_wrap_around
        names_are_compared_byte_for_byte
        tenants_share_no_counter;
    in records:
        a_record_reads_back_as_it_was_written
        ids_are_compared_byte_for_byte
        an_insert_of_a_known_id_charges_and_changes_nothing
        a_refused_insert_leaves_nothing
        load_reads_the_dead_and_touches_nothing
        a_load_makes_its_charges_and_reads
        a_refused_load_charges_nothing_and_tells_nothing
        a_load_of_a_missing_record_charges_nothing;
    in attempts:
        tries_are_charged_first_and_exhausted_writes_nothing
        the_callers_charges_are_made_with_the_try
        a_refused_caller_leaves_the_record_as_it_was
        tiers_are_taken_in_ascending_order
        a_refusing_first_tier_leaves_the_second_uncharged
        a_refusing_second_tier_leaves_the_first_charged
        an_attempt_never_changes_the_version
        a_record_is_dead_at_its_expiry_to_the_microsecond
        the_dead_the_missing_and_the_exhausted_charge_nothing
        a_clock_that_runs_back_revives_no_record
        expiry_is_judged_by_the_callers_clock;
    in swaps:
        the_version_is_compared_and_raised_by_one
        a_conflict_or_a_missing_record_charges_nothing
        a_refused_swap_changes_nothing
        tries_are_kept_unless_a_challenge_begins
        a_swap_replaces_what_each_try_charges
        a_cleared_counter_begins_anew
        a_cleared_counter_remembers_time
        charges_are_decided_before_the_clears
        a_clear_of_an_unknown_name_is_nothing;
    in sweep:
        the_sweep_takes_records_dead_for_a_day
        the_sweep_takes_counters_ended_for_a_day
        the_sweep_honours_its_limit
        the_sweep_leaves_what_was_touched_since
        the_sweep_goes_by_the_end_that_a_swap_has_given;
    in parallel:
        parallel_charges_admit_exactly_the_limit
        parallel_charges_of_crossing_sets_lose_nothing
        parallel_inserts_of_one_id_write_once
        parallel_swaps_have_one_winner_and_losers_charge_nothing
        parallel_attempts_are_charged_exactly
        parallel_attempts_of_one_caller_stay_within_its_limit
        parallel_loads_admit_exactly_the_limit
        parallel_loads_read_and_charge_at_one_moment
        parallel_clears_and_charges_agree
        parallel_loads_see_one_version_whole;
    in faults:
        a_cancelled_call_happens_wholly_or_not_at_all
        a_repeated_insert_answers_exists
        a_repeated_swap_answers_conflict
        a_lost_answer_gives_nobody_a_try;
    in histories:
        random_calls_answer_as_the_model_does
        random_concurrent_calls_have_an_order_that_explains_them;
}

impl CodeStoreCase {
    /// Returns the case for a bounded store. It is not among [`CodeStoreCase::all`], because it
    /// needs a store with room for about a hundred records.
    #[must_use]
    pub fn when_full() -> Self {
        Self {
            name: "a_full_store_refuses_and_evicts_nothing",
            body: |bench| Box::pin(full::a_full_store_refuses_and_evicts_nothing(bench)),
        }
    }
}
