//! Records as bytes. A record has one version byte and then fields in a fixed order, each with its
//! length.
//!
//! A release that introduces version n+1 reads both versions and writes n. The next release writes
//! n+1.

use std::sync::Arc;

use thiserror::Error;

use super::{Bound, FirstProof, Lockout, Origin, Reset, ResetReason, Sent, Stage};
use crate::domain::{
    ApplicationId, CodeFormat, CounterName, Digest, KeyId, LanguageTag, Method, Sealed, Stamp,
    TenantId, Timestamp, UserFlowId,
};

const RESET: u8 = 1;
const LOCKOUT: u8 = 2;
const VERSION: u8 = 1;
/// The version of a reset that does not begin with a mailed code. Older releases do not know such
/// resets, so that they must not read them as others.
const OTHER_PROOF: u8 = 2;
/// The version of a reset with a code by SMS. Older releases would mail the next code.
const BY_SMS: u8 = 3;
/// The version of a reset with the first of two proofs. Older releases would take one for enough.
const TWO_PROOFS: u8 = 4;

/// The error for bytes that this version of the crate cannot read as a record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes are truncated, too long, or hold a value that no field may have.
    #[error("record: damaged, or not written by this crate")]
    Damaged,
    /// A newer version has written the bytes.
    #[error("record: of version {0}, which this version does not read")]
    Newer(u8),
}

/// Encodes a reset.
#[must_use]
pub fn encode_reset(reset: &Reset) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(1536));
    let origin = &reset.origin;
    let version = version_of(reset);
    out.byte(RESET).byte(version);
    out.text(origin.tenant.as_str()).text(origin.user_flow.as_str());
    out.text(origin.application.as_str());
    out.text(origin.locale.as_ref().map_or("", LanguageTag::as_str));
    out.byte(match origin.reason {
        ResetReason::Forgot => 0,
        ResetReason::MustChange => 2,
        ResetReason::Assistance => 3,
    });
    out.bytes(&origin.context).bytes(origin.address.as_bytes()).names(&origin.visible);
    out.raw(reset.token.as_bytes()).instant(reset.ends_at).instant(reset.touched_at);
    match &reset.sent {
        None => out.byte(0),
        Some(sent) => {
            out.byte(1).raw(&sent.number.to_be_bytes()).format(sent.format);
            if matches!(version, BY_SMS | TWO_PROOFS) {
                out.method(sent.method).instant(sent.other_resend_at);
            }
            out.instant(sent.resend_at).instant(sent.expires_at)
        }
    };
    match &reset.bound {
        None => out.byte(0),
        Some(bound) => out.byte(1).bound(bound),
    };
    if let Some(first) = &reset.first {
        out.method(first.method).byte(u8::from(first.has_host_proof)).bound(&first.bound);
    }
    match &reset.stage {
        Stage::Opened => out.byte(0),
        Stage::CodeSent => out.byte(1),
        Stage::Verified { grant, expires_at } => {
            out.byte(2).raw(grant.as_bytes()).instant(*expires_at)
        }
        Stage::Completed { grant, ticket, stamp, expires_at } => out
            .byte(3)
            .raw(grant.as_bytes())
            .raw(ticket.as_bytes())
            .raw(stamp.as_bytes())
            .instant(*expires_at),
        Stage::Closed => out.byte(4),
        Stage::Proved => out.byte(5),
    };
    out.0
}

/// Decodes a reset.
///
/// # Errors
/// [`CodecError`]. Never panics, and never allocates more than the length of the input.
pub fn decode_reset(bytes: &[u8]) -> Result<Reset, CodecError> {
    let mut input = Reader(bytes);
    let version = input.head(RESET)?;
    let origin = Arc::new(Origin {
        tenant: TenantId::parse(input.text()?).map_err(|_| CodecError::Damaged)?,
        user_flow: UserFlowId::parse(input.text()?).map_err(|_| CodecError::Damaged)?,
        application: ApplicationId::parse(input.text()?).map_err(|_| CodecError::Damaged)?,
        locale: match input.text()? {
            "" => None,
            tag => Some(LanguageTag::parse(tag).map_err(|_| CodecError::Damaged)?),
        },
        reason: match (version, input.byte()?) {
            (VERSION | BY_SMS | TWO_PROOFS, 0) => ResetReason::Forgot,
            (OTHER_PROOF, 2) => ResetReason::MustChange,
            (OTHER_PROOF, 3) => ResetReason::Assistance,
            _ => return Err(CodecError::Damaged),
        },
        context: input.bytes()?.to_vec(),
        address: Sealed::from_bytes(input.bytes()?),
        visible: input.names()?,
    });
    let token = input.digest()?;
    let (ends_at, touched_at) = (input.instant()?, input.instant()?);
    let sent = input.option(|input| {
        let (number, format) = (input.number()?, input.format()?);
        let (method, other_resend_at) = match version {
            BY_SMS | TWO_PROOFS => (input.method()?, input.instant()?),
            _ => (Method::Email, Timestamp::MIN),
        };
        let (resend_at, expires_at) = (input.instant()?, input.instant()?);
        Ok(Sent { expires_at, format, method, number, other_resend_at, resend_at })
    })?;
    // Every reset has one spelling.
    let has_sms = sent.is_some_and(|sent| uses_sms(&sent));
    if version != TWO_PROOFS && has_sms != (version == BY_SMS) {
        return Err(CodecError::Damaged);
    }
    let bound = input.option(Reader::bound)?;
    let first = match version {
        TWO_PROOFS => {
            let (method, has_host_proof) = (input.method()?, input.flag()?);
            Some(Box::new(FirstProof { bound: input.bound()?, has_host_proof, method }))
        }
        _ => None,
    };
    let stage = match input.byte()? {
        0 => Stage::Opened,
        1 => Stage::CodeSent,
        2 => Stage::Verified { grant: input.digest()?, expires_at: input.instant()? },
        3 => Stage::Completed {
            grant: input.digest()?,
            ticket: input.digest()?,
            stamp: Stamp::from_bytes(input.raw()?),
            expires_at: input.instant()?,
        },
        4 => Stage::Closed,
        5 if first.is_some() => Stage::Proved,
        _ => return Err(CodecError::Damaged),
    };
    input.end()?;
    Ok(Reset { bound, ends_at, first, origin, sent, stage, token, touched_at })
}

/// Returns the oldest version that can express a reset.
fn version_of(reset: &Reset) -> u8 {
    match reset.origin.reason {
        ResetReason::Forgot if reset.first.is_some() => TWO_PROOFS,
        ResetReason::Forgot if reset.sent.as_ref().is_some_and(uses_sms) => BY_SMS,
        ResetReason::Forgot => VERSION,
        ResetReason::Assistance | ResetReason::MustChange => OTHER_PROOF,
    }
}

fn uses_sms(sent: &Sent) -> bool {
    sent.method == Method::Sms || sent.other_resend_at != Timestamp::MIN
}

/// Encodes a lockout.
#[must_use]
pub fn encode_lockout(lockout: &Lockout) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(32));
    out.byte(LOCKOUT).byte(VERSION);
    out.raw(&lockout.failures.to_be_bytes()).raw(&lockout.lockouts.to_be_bytes());
    out.instant(lockout.locked_until.unwrap_or(Timestamp::from_micros(i64::MIN)));
    out.instant(lockout.touched_at);
    out.0
}

/// Decodes a lockout.
///
/// # Errors
/// [`CodecError`].
pub fn decode_lockout(bytes: &[u8]) -> Result<Lockout, CodecError> {
    let mut input = Reader(bytes);
    input.head(LOCKOUT)?;
    let (failures, lockouts) = (input.number()?, input.number()?);
    let locked_until = Some(input.instant()?).filter(|until| until.as_micros() != i64::MIN);
    let lockout = Lockout { failures, locked_until, lockouts, touched_at: input.instant()? };
    input.end().map(|()| lockout)
}

struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn byte(&mut self, byte: u8) -> &mut Self {
        self.raw(&[byte])
    }

    /// Appends bytes with their length. The type of every field keeps it far below 64 KiB. A longer
    /// field would get a wrong length, and the record would not decode.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.raw(&length.to_be_bytes()).raw(bytes)
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn instant(&mut self, instant: Timestamp) -> &mut Self {
        self.raw(&instant.as_micros().to_be_bytes())
    }

    fn format(&mut self, format: CodeFormat) -> &mut Self {
        self.byte(match format {
            CodeFormat::Digits => 0,
            CodeFormat::Letters => 1,
        })
    }

    fn method(&mut self, method: Method) -> &mut Self {
        self.byte(match method {
            Method::Email => 0,
            Method::Sms => 1,
        })
    }

    fn bound(&mut self, bound: &Bound) -> &mut Self {
        self.raw(&bound.number.to_be_bytes())
            .format(bound.announced)
            .format(bound.format)
            .instant(bound.expires_at)
            .raw(bound.key.as_bytes())
            .raw(bound.binding.as_bytes())
            .raw(bound.code.as_bytes())
            .bytes(bound.account.as_bytes())
            .names(&bound.silent)
    }

    fn names(&mut self, names: &[CounterName]) -> &mut Self {
        self.byte(u8::try_from(names.len()).unwrap_or(u8::MAX));
        for name in names {
            self.raw(name.as_bytes());
        }
        self
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the first bytes of a record of this kind, and returns its version.
    fn head(&mut self, kind: u8) -> Result<u8, CodecError> {
        if self.byte()? != kind {
            return Err(CodecError::Damaged);
        }
        match self.byte()? {
            version @ VERSION => Ok(version),
            version @ (OTHER_PROOF | BY_SMS | TWO_PROOFS) if kind == RESET => Ok(version),
            0 => Err(CodecError::Damaged),
            newer => Err(CodecError::Newer(newer)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(CodecError::Damaged)?;
        self.0 = tail;
        Ok(head)
    }

    fn raw<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        self.take(N)?.try_into().map_err(|_| CodecError::Damaged)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        self.raw::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u32, CodecError> {
        self.raw().map(u32::from_be_bytes)
    }

    fn instant(&mut self) -> Result<Timestamp, CodecError> {
        self.raw().map(|bytes| Timestamp::from_micros(i64::from_be_bytes(bytes)))
    }

    fn digest(&mut self) -> Result<Digest, CodecError> {
        self.raw().map(Digest::from_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.raw().map(u16::from_be_bytes)?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<&'a str, CodecError> {
        core::str::from_utf8(self.bytes()?).map_err(|_| CodecError::Damaged)
    }

    fn format(&mut self) -> Result<CodeFormat, CodecError> {
        match self.byte()? {
            0 => Ok(CodeFormat::Digits),
            1 => Ok(CodeFormat::Letters),
            _ => Err(CodecError::Damaged),
        }
    }

    fn method(&mut self) -> Result<Method, CodecError> {
        match self.byte()? {
            0 => Ok(Method::Email),
            1 => Ok(Method::Sms),
            _ => Err(CodecError::Damaged),
        }
    }

    fn flag(&mut self) -> Result<bool, CodecError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Damaged),
        }
    }

    fn bound(&mut self) -> Result<Bound, CodecError> {
        Ok(Bound {
            number: self.number()?,
            announced: self.format()?,
            format: self.format()?,
            expires_at: self.instant()?,
            key: KeyId::from_bytes(self.raw()?),
            binding: self.digest()?,
            code: self.digest()?,
            account: Sealed::from_bytes(self.bytes()?),
            silent: self.names()?,
        })
    }

    fn names(&mut self) -> Result<Vec<CounterName>, CodecError> {
        let count = self.byte()?;
        (0..count).map(|_| self.raw().map(CounterName::from_bytes)).collect()
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(CodecError::Damaged),
        }
    }

    fn end(self) -> Result<(), CodecError> {
        if self.0.is_empty() { Ok(()) } else { Err(CodecError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::reset::tests::every_stage;

    #[test]
    fn every_stage_round_trips() {
        for reset in every_stage() {
            let bytes = encode_reset(&reset);
            let again = encode_reset(&decode_reset(&bytes).unwrap());
            assert_eq!(bytes, again, "{:?}", reset.stage.name());
        }
    }

    #[test]
    fn every_reason_round_trips() {
        for reason in [ResetReason::Assistance, ResetReason::Forgot, ResetReason::MustChange] {
            let mut reset = every_stage().swap_remove(0);
            Arc::make_mut(&mut reset.origin).reason = reason;
            assert_eq!(decode_reset(&encode_reset(&reset)).unwrap().origin.reason, reason);
        }
    }

    #[test]
    fn a_reason_under_the_version_of_another_is_damaged() {
        let mut reset = every_stage().swap_remove(0);
        let bytes = encode_reset(&reset);
        Arc::make_mut(&mut reset.origin).reason = ResetReason::MustChange;
        let other = encode_reset(&reset);
        let differ = |at: &usize| bytes[*at] != other[*at];
        let reason = (2..bytes.len()).find(differ).unwrap();
        for (version, byte) in [(1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 4)] {
            let mut bytes = bytes.clone();
            (bytes[1], bytes[reason]) = (version, byte);
            let read = decode_reset(&bytes);
            assert_eq!(read.unwrap_err(), CodecError::Damaged, "version {version}, reason {byte}");
        }
    }

    #[test]
    fn a_reset_whose_codes_are_all_mailed_is_written_as_older_releases_read_it() {
        for reset in every_stage() {
            let is_by_sms = reset.sent.as_ref().is_some_and(uses_sms);
            let expected = match (&reset.first, is_by_sms) {
                (Some(_), _) => TWO_PROOFS,
                (None, true) => BY_SMS,
                (None, false) => VERSION,
            };
            assert_eq!(encode_reset(&reset)[1], expected);
            let again = decode_reset(&encode_reset(&reset)).unwrap();
            assert_eq!(again.sent, reset.sent);
        }
        assert!(every_stage().iter().any(|reset| reset.sent.as_ref().is_some_and(uses_sms)));
    }

    #[test]
    fn no_reset_has_two_spellings() {
        let uses_sms = |it: &Reset| it.sent.as_ref().is_some_and(uses_sms) && it.first.is_none();
        let reset = every_stage().into_iter().find(uses_sms);
        let mut mailed = reset.unwrap();
        let with_sms = encode_reset(&mailed);
        mailed.sent = mailed.sent.map(|sent| Sent {
            method: Method::Email,
            other_resend_at: Timestamp::MIN,
            ..sent
        });
        // The version of SMS around a reset without any.
        let place = (0..with_sms.len()).find(|at| with_sms[*at] != encode_reset(&mailed)[*at]);
        assert_eq!(place, Some(1));
        let mut bytes = encode_reset(&mailed);
        bytes[1] = BY_SMS;
        assert_eq!(decode_reset(&bytes).unwrap_err(), CodecError::Damaged);
    }

    #[test]
    fn a_cut_or_longer_record_is_damaged() {
        for reset in every_stage() {
            let mut bytes = encode_reset(&reset);
            for length in 0..bytes.len() {
                assert_eq!(decode_reset(&bytes[..length]).unwrap_err(), CodecError::Damaged);
            }
            bytes.push(0);
            assert_eq!(decode_reset(&bytes).unwrap_err(), CodecError::Damaged);
        }
    }

    #[test]
    fn a_newer_record_is_named_so() {
        let mut bytes = encode_reset(&every_stage()[0]);
        bytes[1] = 5;
        assert_eq!(decode_reset(&bytes).unwrap_err(), CodecError::Newer(5));
    }

    #[test]
    fn a_lockout_round_trips_and_is_no_reset() {
        let until = Some(Timestamp::from_micros(9));
        for locked_until in [None, until] {
            let lockout =
                Lockout { failures: 3, locked_until, lockouts: 2, touched_at: Timestamp::MAX };
            let bytes = encode_lockout(&lockout);
            assert_eq!(decode_lockout(&bytes), Ok(lockout));
            assert_eq!(decode_reset(&bytes).unwrap_err(), CodecError::Damaged);
        }
    }
}
