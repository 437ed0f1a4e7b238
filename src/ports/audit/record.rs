//! One record of the audit log.

use core::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    domain::{
        AccountId, ActorId, ApplicationId, CorrelationId, RecordId, StaffReason, TenantId,
        Timestamp, UserAgent, UserFlowId,
    },
    ports::{EventKind, Outcome},
};

/// One line of the audit log: a call of the engine, or one attempt of the courier to send a mail.
///
/// It is JSON by `serde`, in a form that later versions read. For other systems use
/// [`AuditRecord::to_directory_audit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// The id, which no other record has.
    pub id: AuditId,
    /// The time of the record, after the call. Only [`Outcome::Started`] comes before it.
    pub at: Timestamp,
    /// The kind of call or work.
    pub activity: EventKind,
    /// The outcome of it.
    pub outcome: Outcome,
    /// The tenant, unless the request named none that this process knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The application that the request named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// The user flow that the request named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_flow: Option<UserFlowId>,
    /// The account, as soon as the engine has found one. A stranger has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The keyed hash of the address that was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<AuditSubject>,
    /// The address that was typed, if the host asked for it with
    /// [`Builder::with_addresses_in_audit_log`](crate::engine::Builder::with_addresses_in_audit_log).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The member of staff, if it was an action of the help desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorId>,
    /// The reason that the member of staff gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<StaffReason>,
    /// The reset, which connects the records of one journey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<RecordId>,
    /// The correlation id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<CorrelationId>,
    /// The network address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<IpAddr>,
    /// The `User-Agent` of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent>,
    /// How many records like this one were left out before it. Of calls that one network makes in
    /// vain, ten of a kind are kept each minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u32>,
}

/// The id of a record: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(u128);

/// A hash of an address under the index key of the server, without regard to upper and lower case.
///
/// It tells which records are about the same address. Without the key nobody can find the address by
/// trying. It is still personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditSubject(u128);

macro_rules! hexadecimal {
    ($type:ident, $field:literal) => {
        impl $type {
            /// Makes the value from its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// Returns the bytes.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        /// 32 hexadecimal digits.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let is_hexadecimal =
                    text.len() == 32 && text.bytes().all(|it| it.is_ascii_hexdigit());
                let number = u128::from_str_radix(&text, 16).ok().filter(|_| is_hexadecimal);
                let rule = concat!($field, ": must be 32 hexadecimal digits");
                number.map(Self).ok_or_else(|| D::Error::custom(rule))
            }
        }
    };
}

hexadecimal!(AuditId, "audit id");
hexadecimal!(AuditSubject, "audit subject");

impl AuditRecord {
    /// Makes a record without details.
    #[must_use]
    pub const fn new(id: AuditId, at: Timestamp, activity: EventKind, outcome: Outcome) -> Self {
        Self {
            account: None,
            activity,
            actor: None,
            address: None,
            application: None,
            at,
            correlation: None,
            id,
            left_out: None,
            network: None,
            outcome,
            reason: None,
            reset: None,
            subject: None,
            tenant: None,
            user_agent: None,
            user_flow: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_newer_activity_is_unknown() {
        let id = AuditId::from_bytes([0x0a; 16]);
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let mut record = AuditRecord::new(id, at, EventKind::Verify, Outcome::Rejected);
        record.tenant = TenantId::parse("contoso").ok();
        record.network = Some(IpAddr::from([192, 0, 2, 1]));
        let tenant = record.tenant.as_ref().unwrap().tag();
        record.reset = Some(RecordId::from_parts(tenant, [7; 16]));
        record.subject = Some(AuditSubject::from_bytes([0xff; 16]));

        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<AuditRecord>(&json).unwrap(), record);
        assert!(json.contains(r#""activity":"verify","outcome":"rejected""#), "{json}");
        assert!(!json.contains("null"), "{json}");

        let newer = json.replace("verify", "levitate").replace("rejected", "floated");
        let read: AuditRecord = serde_json::from_str(&newer).unwrap();
        assert_eq!((read.activity, read.outcome), (EventKind::Unknown, Outcome::Unknown));
    }

    #[test]
    fn an_id_that_is_no_32_hexadecimal_digits_is_refused() {
        for text in
            ["", "00", "+000000000000000000000000000000a", "g0000000000000000000000000000000"]
        {
            let json = format!("\"{text}\"");
            let refused = serde_json::from_str::<AuditId>(&json).unwrap_err().to_string();
            assert!(refused.starts_with("audit id: must be 32 hexadecimal digits"), "{refused}");
        }
    }
}
