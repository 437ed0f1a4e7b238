//! The codes that freeze an account, and their records in the code store.
//!
//! A code is derived from the change and the recipient of its notice, so that a notice that is sent
//! twice carries one code. Its record is sealed under the code itself, so that the store alone
//! tells neither the account nor the address.

use core::time::Duration;

use crate::{
    domain::{
        AccountId, Code, Digest, EmailAddress, Fields, Purpose, RecordId, Sealed, TenantId,
        Timestamp,
    },
    error::Error,
    flow::CodecError,
    ports::{Inserted, Record, StoredRecord, Swapped},
};

use super::{records::MAX_CONFLICTS, sspr::Inner};

/// How long after a change the code in its notice freezes the account.
pub(super) const LIFETIME: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long a record outlives the last code that it is about. Clocks of two processes may differ.
const SLACK: Duration = Duration::from_secs(3600);
/// The room for the sealed facts. It is fixed, so that all sealed facts have the same length.
const ROOM: usize = 8 + RecordId::BYTES + 2 + 128 + 254;

/// The change that a code stands for, and the recipient of its notice.
pub(super) struct Freezable {
    pub(super) account: AccountId,
    pub(super) at: Timestamp,
    pub(super) operation: RecordId,
    pub(super) to: EmailAddress,
}

/// The codes of an account that are void.
#[derive(Clone, Copy, Debug)]
pub(super) enum Void<'a> {
    /// Every code.
    All,
    /// The codes in notices to one address.
    To(&'a EmailAddress),
}

/// The id of the record that a code opens, and the key that seals it.
struct Opening {
    id: RecordId,
    key: Digest,
}

impl Inner {
    /// Returns the code of a change for one recipient of its notice.
    pub(super) fn freeze_code(&self, tenant: &TenantId, what: &Freezable) -> Option<Code> {
        let fields = self.keys.indexes(Purpose::Freeze).next()?.tenant(tenant).text("code");
        let fields = fields.text(what.account.as_str()).bytes(what.operation.as_bytes());
        Some(Code::derived(fields.text(what.to.as_str()).digest().head()))
    }

    /// Writes the record that a code opens. A repeat changes nothing. During a rotation of the
    /// index key there are two records, so that processes with either keyring find the code.
    pub(super) async fn keep_freeze_code(
        &self,
        tenant: &TenantId,
        code: &Code,
        what: &Freezable,
        now: Timestamp,
    ) -> Result<Inserted, Error> {
        let mut inserted = Inserted::Full;
        for Opening { id, key } in self.openings(tenant, code) {
            let body = Sealed::seal(&key, id.as_bytes(), &what.encode(), ROOM, &*self.entropy)?;
            let record = plain_record(id, body.as_bytes().to_vec(), what.at.after(LIFETIME));
            inserted = self.codes.insert(&record, &[], now).await?;
            if inserted == Inserted::Full {
                break;
            }
        }
        Ok(inserted)
    }

    /// Returns what a code freezes, if it is a live code of this tenant. A code that was seen to
    /// expire stays expired if the clock runs back, because the time is kept with its record.
    pub(super) async fn freezable(
        &self,
        tenant: &TenantId,
        code: &Code,
        now: Timestamp,
    ) -> Result<Option<Freezable>, Error> {
        // During a rotation of the index key, a process with either keyring may have seen it
        // expire.
        let (mut all, mut seen) = (Vec::new(), now);
        for opening in self.openings(tenant, code) {
            if let Some(record) = self.codes.load(&opening.id, &[], now).await?.found() {
                seen = seen.latest(record.touched_at);
                all.push((opening, record));
            }
        }
        if all.iter().any(|(_, record)| seen >= record.expires_at) {
            for (Opening { id, .. }, record) in all {
                self.keep_expired(id, record, seen).await?;
            }
            return Ok(None);
        }
        let Some((Opening { id, key }, record)) = all.into_iter().next() else { return Ok(None) };
        let plain = Sealed::from_bytes(&record.body).open(&key, id.as_bytes());
        let plain = plain.map_err(|_| CodecError::Damaged)?;
        Ok(Some(Freezable::decode(&plain).ok_or(CodecError::Damaged)?))
    }

    /// Keeps with the record of a code that it was seen to expire.
    async fn keep_expired(
        &self,
        id: RecordId,
        record: StoredRecord,
        seen: Timestamp,
    ) -> Result<(), Error> {
        if record.touched_at < record.expires_at {
            let StoredRecord { body, expires_at, version, .. } = record;
            // A conflict means that another call keeps the same.
            let record = plain_record(id, body, expires_at);
            self.codes.compare_and_swap(&record, version, &[], &[], seen).await?;
        }
        Ok(())
    }

    /// Makes codes of an account void, except those of `operation` and of later changes.
    ///
    /// The codes stay valid if the store has no room, if the clock has stepped back since the
    /// change, or if eight other calls write the same record first. They can then freeze the
    /// account once more, and the owner needs another reset.
    pub(super) async fn void_freeze_codes(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        which: Void<'_>,
        operation: RecordId,
        now: Timestamp,
    ) -> Result<(), Error> {
        // During a rotation of the index key, processes with either keyring must know of it.
        for id in self.void_ids(tenant, account, which) {
            self.keep_void(id, operation, now).await?;
        }
        Ok(())
    }

    async fn keep_void(
        &self,
        id: RecordId,
        operation: RecordId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut record = plain_record(id, Vec::new(), now);
        for _ in 0..MAX_CONFLICTS {
            let kept = self.codes.load(&id, &[], now).await?.found();
            let before = kept.as_ref().map(Voided::read).transpose()?;
            // A clock that has stepped back makes no code valid again.
            let at = before.map_or(now, |before| now.latest(before.at));
            record.body = Voided { at, operation }.encode();
            record.expires_at = at.after(LIFETIME).after(SLACK);
            let written = match kept {
                None => self.codes.insert(&record, &[], now).await? != Inserted::Exists,
                Some(kept) => {
                    let version = kept.version;
                    let swapped =
                        self.codes.compare_and_swap(&record, version, &[], &[], now).await?;
                    matches!(swapped, Swapped::Swapped { .. } | Swapped::Refused(_))
                }
            };
            if written {
                break;
            }
        }
        Ok(())
    }

    /// Returns true if a code is void, because somebody who reads the mailbox of its notice has
    /// chosen a password since, or because staff have ended its freeze.
    pub(super) async fn is_void(
        &self,
        tenant: &TenantId,
        what: &Freezable,
        now: Timestamp,
    ) -> Result<bool, Error> {
        for which in [Void::All, Void::To(&what.to)] {
            for id in self.void_ids(tenant, &what.account, which) {
                if let Some(record) = self.codes.load(&id, &[], now).await?.found()
                    && Voided::read(&record)?.covers(which, what)
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Returns the record of a code under the index key and, during a rotation, under the old key.
    fn openings(&self, tenant: &TenantId, code: &Code) -> impl Iterator<Item = Opening> {
        let symbols = code.symbols();
        self.keys.indexes(Purpose::Freeze).map(move |fields| {
            let fields = fields.tenant(tenant);
            let of = |part| fields.clone().text(part).bytes(&*symbols).digest();
            Opening { id: RecordId::from_parts(tenant.tag(), of("id").head()), key: of("seal") }
        })
    }

    fn void_ids(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        which: Void<'_>,
    ) -> impl Iterator<Item = RecordId> {
        self.keys.indexes(Purpose::Freeze).map(move |fields: Fields| {
            let fields = fields.tenant(tenant).text("void").text(account.as_str());
            let fields = match which {
                Void::All => fields,
                Void::To(address) => fields.text(address.as_str()),
            };
            RecordId::from_parts(tenant.tag(), fields.digest().head())
        })
    }
}

/// Returns a record without tries and charges.
fn plain_record(id: RecordId, body: Vec<u8>, expires_at: Timestamp) -> Record {
    Record { begins_challenge: false, body, charges: Vec::new(), expires_at, id, tries_limit: 0 }
}

impl Freezable {
    fn encode(&self) -> Vec<u8> {
        let account = self.account.as_str().as_bytes();
        let length = u16::try_from(account.len()).unwrap_or(u16::MAX);
        let at = self.at.as_micros().to_be_bytes();
        let to = self.to.as_str().as_bytes();
        [&at[..], self.operation.as_bytes(), &length.to_be_bytes(), account, to].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, bytes) = bytes.split_first_chunk::<8>()?;
        let (operation, bytes) = bytes.split_first_chunk::<{ RecordId::BYTES }>()?;
        let (length, bytes) = bytes.split_first_chunk::<2>()?;
        let (account, to) = bytes.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Self {
            account: AccountId::parse(core::str::from_utf8(account).ok()?).ok()?,
            at: Timestamp::from_micros(i64::from_be_bytes(*at)),
            operation: RecordId::from_bytes(*operation),
            to: EmailAddress::parse(core::str::from_utf8(to).ok()?).ok()?,
        })
    }
}

/// The content of a record that makes codes void.
#[derive(Clone, Copy)]
struct Voided {
    at: Timestamp,
    operation: RecordId,
}

impl Voided {
    fn encode(self) -> Vec<u8> {
        [&self.at.as_micros().to_be_bytes()[..], self.operation.as_bytes()].concat()
    }

    fn read(record: &StoredRecord) -> Result<Self, CodecError> {
        let (at, rest) = record.body.split_first_chunk::<8>().ok_or(CodecError::Damaged)?;
        let operation = rest.try_into().map_err(|_| CodecError::Damaged)?;
        let at = Timestamp::from_micros(i64::from_be_bytes(*at));
        Ok(Self { at, operation: RecordId::from_bytes(operation) })
    }

    fn covers(&self, which: Void<'_>, what: &Freezable) -> bool {
        let is_earlier = match which {
            // The first change of an account comes after every change of an earlier account.
            Void::All => what.at < self.at,
            Void::To(_) => what.at <= self.at,
        };
        is_earlier && what.operation != self.operation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(operation: u8, at: i64) -> Freezable {
        Freezable {
            account: AccountId::parse("Ünïque").unwrap(),
            at: Timestamp::from_micros(at),
            operation: RecordId::from_bytes([operation; RecordId::BYTES]),
            to: EmailAddress::parse("ada@x.example").unwrap(),
        }
    }

    #[test]
    fn what_a_code_freezes_is_read_as_it_was_written_and_fits_its_room() {
        let mut longest = what(7, -5);
        longest.account = AccountId::parse(&"x".repeat(128)).unwrap();
        for what in [what(1, 0), longest] {
            let bytes = what.encode();
            let read = Freezable::decode(&bytes).unwrap();

            assert!(bytes.len() <= ROOM);
            assert_eq!((&read.account, &read.to), (&what.account, &what.to));
            assert_eq!((read.at, read.operation), (what.at, what.operation));
            for cut in 0..bytes.len() - what.to.as_str().len() {
                assert!(Freezable::decode(&bytes[..cut]).is_none(), "{cut}");
            }
        }
    }

    #[test]
    fn a_void_covers_the_changes_up_to_its_time_but_not_its_own() {
        let voided = Voided { at: Timestamp::from_micros(10), operation: what(2, 0).operation };
        let to = what(0, 0).to;
        let covered = |which, operation, at| voided.covers(which, &what(operation, at));

        for which in [Void::All, Void::To(&to)] {
            assert!(covered(which, 1, 9) && !covered(which, 1, 11));
            assert!(!covered(which, 2, 9) && !covered(which, 2, 10));
        }
        assert!(covered(Void::To(&to), 1, 10) && !covered(Void::All, 1, 10));
    }
}
