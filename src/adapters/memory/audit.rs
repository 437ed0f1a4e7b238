//! An audit log in memory.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::ports::{AuditLog, AuditQuestion, AuditRecord, StoreError};

/// Keeps audit records in memory, for tests and demonstrations. It never deletes one.
#[derive(Clone, Debug, Default)]
pub struct MemoryAudit(Arc<Mutex<Vec<AuditRecord>>>);

impl MemoryAudit {
    /// Creates an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns every record, the oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<AuditRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl AuditLog for MemoryAudit {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            if all.iter().all(|known| known.id != record.id) {
                all.push(record.clone());
            }
        }
        Ok(())
    }

    async fn about(
        &self,
        question: &AuditQuestion,
    ) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        let all = self.records();
        let named = || all.iter().filter(|record| question.is_named_in(record));
        let resets: Vec<_> = named().filter_map(|record| record.reset).collect();
        let is_of_a_reset =
            |record: &&AuditRecord| record.reset.is_some_and(|reset| resets.contains(&reset));
        let mut found: Vec<AuditRecord> = all
            .iter()
            .filter(|record| record.tenant.as_ref() == Some(&question.tenant))
            .filter(|record| question.is_named_in(record) || is_of_a_reset(record))
            .rev()
            .cloned()
            .collect();
        // The sort is stable: of two records of one moment the later one stays first.
        found.sort_by_key(|record| core::cmp::Reverse(record.at));
        found.truncate(question.most);
        Ok(Some(found))
    }
}
