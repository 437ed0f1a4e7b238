//! The list of the blocks of numbers to which a tenant sends no text.
//!
//! A counter stops the texts, so that every process sees the stop in the write that it makes anyway.
//! The list is one sealed record of the tenant, for administrators. Both are written together.

use core::time::Duration;

use crate::{
    domain::{
        Charge, CounterName, Digest, Entropy, NumberBlock, Over, Purpose, RecordId, Sealed,
        TenantId, Timestamp,
    },
    error::Error,
    flow::CodecError,
    policy::TenantPolicy,
    ports::{EventKind, Inserted, Outcome, Record, Swapped},
};

use super::{
    records::MAX_CONFLICTS,
    sspr::{About, Inner},
    text_watch::Watched,
};

/// The most blocks on the list. If there are more, the oldest leave the list, but stay stopped.
const MOST: usize = 256;
/// The room of one block on the list: its length, its digits and two times.
const ENTRY: usize = 1 + LONGEST + 8 + 8;
/// The longest block: a `+` and the fifteen digits of a number without the last four.
const LONGEST: usize = 12;
/// How long the list outlives its last stop. Clocks of two processes may differ.
const SLACK: Duration = Duration::from_secs(3600);

/// A block of numbers to which the watch has stopped codes by SMS. Notices are still sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoppedBlock {
    /// The block.
    pub block: NumberBlock,
    /// When texts to it were stopped.
    pub at: Timestamp,
    /// When the stop ends by itself.
    pub ends_at: Timestamp,
}

/// The id of the list, and the key that seals it.
struct Place {
    id: RecordId,
    key: Digest,
}

/// The result of a change of the list.
#[derive(Debug)]
pub(super) enum Listed {
    /// The list was changed, and the counters with it.
    Changed,
    /// These counters refused the charges. Nothing was changed.
    Refused(Vec<Over>),
    /// The store has no room, or other calls were faster again and again.
    Busy,
}

impl Inner {
    /// Stops texts to a block, and reports it unless another process has done so.
    pub(super) async fn stop_texts(
        &self,
        policy: &TenantPolicy,
        watched: &Watched,
        now: Timestamp,
    ) -> Result<(), Error> {
        let tenant = policy.tenant();
        let charges = self.throttle(tenant.tag(), policy.limits()).stop(watched);
        let stop = StoppedBlock {
            at: now,
            block: watched.block().clone(),
            ends_at: now.after(policy.limits().text_stop),
        };
        let add = |list: &mut Vec<StoppedBlock>| {
            list.retain(|listed| listed.block != stop.block);
            list.push(stop.clone());
        };
        let is_new = match self.change_list(tenant, (&charges, &[]), add, now).await? {
            Listed::Changed => true,
            Listed::Refused(_) => false,
            // The stop counts, whether it is listed or not.
            Listed::Busy => self.codes.charge(&charges, now).await?.is_empty(),
        };
        if is_new {
            let about = About::default().of(tenant);
            self.emit(EventKind::TextWatch, Outcome::Stopped, about, now);
        }
        Ok(())
    }

    /// Returns the blocks of a tenant that are stopped now, the newest first.
    pub(super) async fn stopped_blocks(
        &self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Vec<StoppedBlock>, Error> {
        let mut all: Vec<StoppedBlock> = Vec::new();
        // During a rotation of the index key, a process with either keyring may have written it.
        for place in self.places(tenant) {
            let Some(record) = self.codes.load(&place.id, &[], now).await?.found() else {
                continue;
            };
            for stop in place.open(&record.body)? {
                if now < stop.ends_at && !all.iter().any(|known| known.block == stop.block) {
                    all.push(stop);
                }
            }
        }
        all.sort_by_key(|stop| core::cmp::Reverse(stop.at));
        Ok(all)
    }

    /// Changes the list, and makes the charges and clears the counters in the same write.
    pub(super) async fn change_list(
        &self,
        tenant: &TenantId,
        (charges, clear): (&[Charge], &[CounterName]),
        change: impl Fn(&mut Vec<StoppedBlock>) + Send + Sync,
        now: Timestamp,
    ) -> Result<Listed, Error> {
        let mut charges = Some(charges);
        for place in self.places(tenant) {
            // The charges are made with the first list.
            let first = charges.take();
            let counters = (first.unwrap_or_default(), clear);
            let listed = self.change_place(&place, counters, &change, now).await?;
            if first.is_some() && !matches!(listed, Listed::Changed) {
                return Ok(listed);
            }
        }
        Ok(Listed::Changed)
    }

    async fn change_place(
        &self,
        place: &Place,
        (charges, clear): (&[Charge], &[CounterName]),
        change: &(impl Fn(&mut Vec<StoppedBlock>) + Sync),
        now: Timestamp,
    ) -> Result<Listed, Error> {
        for _ in 0..MAX_CONFLICTS {
            let kept = self.codes.load(&place.id, &[], now).await?.found();
            let Some(kept) = kept else {
                // Counters are cleared only together with a record that exists.
                let empty = place.record(&[], &*self.entropy, now)?;
                if self.codes.insert(&empty, &[], now).await? == Inserted::Full {
                    return Ok(Listed::Busy);
                }
                continue;
            };
            let mut list = place.open(&kept.body)?;
            list.retain(|stop| now < stop.ends_at);
            change(&mut list);
            let surplus = list.len().saturating_sub(MOST);
            list.drain(..surplus);
            let record = place.record(&list, &*self.entropy, now)?;
            let swapped = self.codes.compare_and_swap(&record, kept.version, charges, clear, now);
            match swapped.await? {
                Swapped::Swapped { .. } => return Ok(Listed::Changed),
                Swapped::Refused(over) => return Ok(Listed::Refused(over)),
                Swapped::Conflict { .. } | Swapped::Missing => {}
            }
        }
        Ok(Listed::Busy)
    }

    /// Returns the list under the index key and, during a rotation, under the old key.
    fn places(&self, tenant: &TenantId) -> Vec<Place> {
        let places = self.keys.indexes(Purpose::Stops).map(|fields| {
            let fields = fields.tenant(tenant);
            let of = |part| fields.clone().text(part).digest();
            Place { id: RecordId::from_parts(tenant.tag(), of("id").head()), key: of("seal") }
        });
        places.collect()
    }
}

impl Place {
    fn open(&self, body: &[u8]) -> Result<Vec<StoppedBlock>, Error> {
        let plain = Sealed::from_bytes(body).open(&self.key, self.id.as_bytes());
        let plain = plain.map_err(|_| CodecError::Damaged)?;
        Ok(decode(&plain).ok_or(CodecError::Damaged)?)
    }

    fn record(
        &self,
        list: &[StoppedBlock],
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Record, Error> {
        let plain = encode(list);
        let room = MOST.saturating_mul(ENTRY);
        let body = Sealed::seal(&self.key, self.id.as_bytes(), &plain, room, entropy)?;
        let last = list.iter().map(|stop| stop.ends_at).fold(now, Timestamp::latest);
        Ok(Record {
            begins_challenge: false,
            body: body.as_bytes().to_vec(),
            charges: Vec::new(),
            expires_at: last.after(SLACK),
            id: self.id,
            tries_limit: 0,
        })
    }
}

fn encode(list: &[StoppedBlock]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(list.len().saturating_mul(ENTRY));
    for StoppedBlock { at, block, ends_at } in list {
        let block = block.as_str().as_bytes();
        bytes.push(u8::try_from(block.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(block);
        bytes.extend_from_slice(&at.as_micros().to_be_bytes());
        bytes.extend_from_slice(&ends_at.as_micros().to_be_bytes());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<StoppedBlock>> {
    let (mut list, mut rest) = (Vec::new(), bytes);
    while let Some((length, tail)) = rest.split_first() {
        let (block, tail) = tail.split_at_checked(usize::from(*length))?;
        let (at, tail) = tail.split_first_chunk::<8>()?;
        let (ends_at, tail) = tail.split_first_chunk::<8>()?;
        list.push(StoppedBlock {
            at: Timestamp::from_micros(i64::from_be_bytes(*at)),
            block: NumberBlock::parse(core::str::from_utf8(block).ok()?).ok()?,
            ends_at: Timestamp::from_micros(i64::from_be_bytes(*ends_at)),
        });
        rest = tail;
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(block: &str) -> StoppedBlock {
        let (at, ends_at) = (Timestamp::from_micros(-5), Timestamp::MAX);
        StoppedBlock { at, block: NumberBlock::parse(block).unwrap(), ends_at }
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_fits_its_room() {
        let list = [stop("+1425555"), stop("+12345678901")];
        let bytes = encode(&list);
        assert_eq!(decode(&bytes).unwrap(), list);
        assert!(encode(&[stop("+12345678901")]).len() <= ENTRY);
        for cut in 1..encode(&list[..1]).len() {
            assert!(decode(&bytes[..cut]).is_none(), "{cut}");
        }
        assert_eq!(decode(&[]), Some(Vec::new()));
    }
}
