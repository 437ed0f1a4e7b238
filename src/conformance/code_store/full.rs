//! The clauses about a bounded store that is full.

use super::{
    super::case_result::{CaseResult, Violation, hold},
    bench::{CodeStoreBench, DAY, at},
};
use crate::{
    domain::RecordId,
    ports::{CodeStore as _, Inserted, StoreErrorKind},
};

/// The number of inserts after which every store for this case must have refused one.
const MOST: u32 = 100_000;

pub(super) async fn a_full_store_refuses_and_evicts_nothing(bench: &CodeStoreBench) -> CaseResult {
    let (mut written, mut random) = (Vec::new(), bench.random());
    let mut refused = None;
    for number in 0..MOST {
        let mut record = bench.record(0, &[]);
        record.id = RecordId::from_parts(record.id.tenant_tag(), random.bytes());
        record.body = vec![0; 1024];
        let charge = bench.charge(u8::try_from(number % 8).unwrap_or(0), 0, u32::MAX);
        match bench.store.insert(&record, &[charge], at(0)).await {
            Ok(Inserted::Inserted) => written.push(record.id),
            Ok(Inserted::Full) => refused = Some(record.id),
            Err(error) if error.kind() == StoreErrorKind::Full => refused = Some(record.id),
            Ok(other) => return Err(Violation::new(format!("a new record: {other:?}"))),
            Err(error) => return Err(error.into()),
        }
        if refused.is_some() {
            break;
        }
    }
    let Some(refused) = refused else {
        return Err(Violation::new(format!("{MOST} records of a kibibyte, and never full")));
    };
    hold(written.len() >= 8, || format!("full after {} records", written.len()))?;
    hold(bench.read(&refused).await?.is_none(), || "a refused record is there".to_owned())?;
    for id in &written {
        hold(bench.read(id).await?.is_some(), || "a live record was evicted".to_owned())?;
    }
    let mut sum = 0;
    for number in 0..8 {
        sum += bench.value(number, 0).await?;
    }
    hold(usize::try_from(sum).ok() == Some(written.len()), || {
        format!("{} records were written and {sum} charges made", written.len())
    })?;
    hold(bench.store.delete_expired(at(3 * DAY), written.len()).await? > 0, || {
        "the dead take up room for ever".to_owned()
    })?;
    let mut late = bench.record(0, &[]);
    late.id = RecordId::from_parts(late.id.tenant_tag(), random.bytes());
    let answer = bench.store.insert(&late, &[], at(3 * DAY)).await?;
    hold(answer == Inserted::Inserted, || format!("room did not come back: {answer:?}"))
}
