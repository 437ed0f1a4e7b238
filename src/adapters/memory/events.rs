//! Events kept in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use crate::ports::{EngineEvent, EventSink};

/// Keeps the latest 100,000 events, for tests and demonstrations. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryEvents(Arc<Mutex<VecDeque<EngineEvent>>>);

const KEPT: usize = 100_000;

impl MemoryEvents {
    /// Creates a store without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the events, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<EngineEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl EventSink for MemoryEvents {
    fn emit(&self, event: &EngineEvent) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event.clone());
    }
}
