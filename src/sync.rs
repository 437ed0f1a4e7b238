//! The locks, atomics and threads that shared state uses. They are those of the standard library.
//!
//! In unit tests under `--cfg sspr_loom` they come from loom, which runs a model in every
//! interleaving of its threads (`scripts/interleavings`).

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
