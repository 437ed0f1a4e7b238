//! Locks, atomics and threads of what many threads share: the standard library's.
//!
//! In unit tests under `--cfg sspr_loom` they are loom's, which runs a model in every interleaving
//! of its threads (`scripts/interleavings`).

#[cfg(not(all(test, sspr_loom)))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize},
    },
    thread,
};

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "sync_tests.rs"]
mod explored;
#[cfg(sspr_loom)]
#[cfg(test)]
pub(crate) use explored::*;
