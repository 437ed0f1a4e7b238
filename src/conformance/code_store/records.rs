//! The clauses about records. They cover reading back what was written, ids and inserts.

use super::{
    super::case_result::{CaseResult, Violation, hold, same},
    bench::{CodeStoreBench, DAY, SECOND, at},
};
use crate::{
    domain::{RecordId, Timestamp},
    ports::{Attempted, CodeStore as _, Inserted, Loaded, Record, StoredRecord},
};

/// The largest body that a store must take. The engine's bodies are below 4 KiB.
const LARGEST: usize = 16 * 1024;

pub(super) async fn loaded(
    bench: &CodeStoreBench,
    id: &RecordId,
) -> Result<StoredRecord, Violation> {
    let found = bench.read(id).await?;
    found.ok_or_else(|| Violation::new("a record that was written is not there"))
}

pub(super) async fn a_record_reads_back_as_it_was_written(bench: &CodeStoreBench) -> CaseResult {
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies = [Vec::new(), every_byte.clone(), every_byte.repeat(LARGEST / 256)];
    let ends = [at(1), at(DAY + 123_457), Timestamp::from_micros(i64::from(u32::MAX) * SECOND)];
    for ((number, body), expires_at) in (1..).zip(bodies).zip(ends) {
        let charges: Vec<_> = (0..6).map(|it| bench.charge(it, it % 3, 9)).collect();
        let record = Record { body, expires_at, ..bench.record(number, &charges) };
        bench.put(&record, &[]).await?;
        let found = loaded(bench, &record.id).await?;
        same("version", found.version, 1)?;
        same("expiry", found.expires_at, expires_at)?;
        same("tries", found.tries, 0)?;
        same("touched at", found.touched_at, at(0))?;
        hold(found.body == record.body, || {
            format!("a body of {} bytes came back changed", record.body.len())
        })?;
    }
    Ok(())
}

pub(super) async fn ids_are_compared_byte_for_byte(bench: &CodeStoreBench) -> CaseResult {
    let mut ids = Vec::new();
    for place in [0, 7, 8, 23] {
        for byte in [*b"A", *b"a", [0], [0xff], *b"'", *b"}"] {
            let mut bytes = *bench.id(1).as_bytes();
            bytes.iter_mut().skip(place).take(1).for_each(|it| *it = byte[0]);
            ids.push(RecordId::from_bytes(bytes));
        }
    }
    for (number, id) in (0..).zip(&ids) {
        let record = Record { body: vec![number], id: *id, ..bench.record(1, &[]) };
        bench.put(&record, &[]).await?;
    }
    for (number, id) in (0..).zip(&ids) {
        same("the body of an id", loaded(bench, id).await?.body, vec![number])?;
    }
    Ok(())
}

pub(super) async fn an_insert_of_a_known_id_charges_and_changes_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    let first = bench.record(1, &[]);
    bench.put(&first, &[]).await?;
    bench.attempt(&first.id, 1).await?;
    let second = Record { body: b"other".to_vec(), expires_at: at(2 * DAY), ..first.clone() };
    // An id is never used again, whether its record is dead or alive.
    for now in [1, DAY + 1] {
        let answer = bench.store.insert(&second, &[bench.charge(2, 0, 9)], at(now)).await?;
        same("an insert of a known id", answer, Inserted::Exists)?;
        bench.stands_at(2, now, 0, "Exists charges nothing").await?;
    }
    let found = loaded(bench, &first.id).await?;
    same("body", found.body, first.body)?;
    same("tries", found.tries, 1)?;
    same("expiry", found.expires_at, first.expires_at)
}

pub(super) async fn a_refused_insert_leaves_nothing(bench: &CodeStoreBench) -> CaseResult {
    same("fills it", bench.charged(&[bench.charge(2, 0, 1)], 0).await?, true)?;
    let charges = [bench.charge(3, 0, 9), bench.charge(2, 0, 1), bench.charge(1, 0, 9)];
    let record = bench.record(1, &[]);
    match bench.store.insert(&record, &charges, at(1)).await? {
        Inserted::Refused(over) => {
            let names: Vec<_> = over.iter().map(|over| over.name).collect();
            same("refused because of", names, vec![bench.name(2)])?;
        }
        other => return Err(Violation::new(format!("over its limit: {other:?}"))),
    }
    hold(bench.read(&record.id).await?.is_none(), || "a refused insert left a record".to_owned())?;
    for number in [1, 3] {
        bench.stands_at(number, 1, 0, "a refused insert charges nothing").await?;
    }
    bench.put(&record, &[]).await
}

pub(super) async fn load_reads_the_dead_and_touches_nothing(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[]).await?;
    let dead = matches!(bench.attempt(&record.id, DAY).await?, Attempted::Dead);
    hold(dead, || "a record outlives its expiry".to_owned())?;
    let before = loaded(bench, &record.id).await?;
    let after = loaded(bench, &record.id).await?;
    same("touched at", after.touched_at, before.touched_at)?;
    same("version", after.version, 1)?;
    let unknown = bench.read(&bench.id(9)).await?;
    hold(unknown.is_none(), || "a record that nobody wrote".to_owned())
}

pub(super) async fn a_load_makes_its_charges_and_reads(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[bench.charge(5, 1, 9)]);
    bench.put(&record, &[]).await?;
    for loads in 1..=2 {
        let charges = [bench.charge(2, 0, 9), bench.charge(3, 0, 9)];
        match bench.store.load(&record.id, &charges, at(DAY + 1)).await? {
            Loaded::Found(found) => {
                same("body", found.body, record.body.clone())?;
                same("tries", found.tries, 0)?;
                same("touched at", found.touched_at, at(0))?;
            }
            other => return Err(Violation::new(format!("a load within the limits: {other:?}"))),
        }
        for number in [2, 3] {
            bench.stands_at(number, DAY + 1, loads, "each load makes its charges").await?;
        }
    }
    bench.stands_at(5, DAY + 1, 0, "a load makes no charge of the record").await
}

pub(super) async fn a_refused_load_charges_nothing_and_tells_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    bench.put(&bench.record(1, &[]), &[]).await?;
    same("fills it", bench.charged(&[bench.charge(2, 0, 1)], 0).await?, true)?;
    let charges = [bench.charge(3, 0, 9), bench.charge(2, 0, 1), bench.charge(1, 0, 9)];
    match bench.store.load(&bench.id(1), &charges, at(1)).await? {
        Loaded::Refused(over) => {
            let names: Vec<_> = over.iter().map(|over| over.name).collect();
            same("refused because of", names, vec![bench.name(2)])?;
        }
        other => return Err(Violation::new(format!("over its limit: {other:?}"))),
    }
    for number in [1, 3] {
        bench.stands_at(number, 1, 0, "a refused load charges nothing").await?;
    }
    Ok(())
}

pub(super) async fn a_load_of_a_missing_record_charges_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    same("fills it", bench.charged(&[bench.charge(3, 0, 1)], 0).await?, true)?;
    // Also if a charge would be refused.
    for charges in [vec![bench.charge(2, 0, 9)], vec![bench.charge(2, 0, 9), bench.charge(3, 0, 1)]]
    {
        let answer = bench.store.load(&bench.id(1), &charges, at(1)).await?;
        hold(matches!(answer, Loaded::Missing), || format!("an unknown id: {answer:?}"))?;
    }
    bench.stands_at(2, 1, 0, "Missing charges nothing").await
}
