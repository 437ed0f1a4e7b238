//! The standard conversions of values that are read from text.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    AccountId, ActorId, AddressError, ApplicationId, Code, CodeError, CorrelationId, EmailAddress,
    GroupId, IdError, LanguageError, LanguageTag, Password, PasswordError, PasswordHash,
    PasswordHashError, PhoneError, PhoneNumber, RecordId, StaffReason, StaffReasonError, TenantId,
    Timestamp, UserAgent, UserFlowId,
};

/// Implements `FromStr` beside each `parse`.
macro_rules! from_str {
    ($($type:ty, $error:ty;)+) => {
        $(
            impl FromStr for $type {
                type Err = $error;

                fn from_str(text: &str) -> Result<Self, $error> {
                    Self::parse(text)
                }
            }
        )+
    };
}

/// Implements the conversions of a value to its text and to the JSON of a host.
macro_rules! plain_text {
    ($($type:ty)+) => {
        $(
            impl AsRef<str> for $type {
                fn as_ref(&self) -> &str {
                    self.as_str()
                }
            }

            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
                }
            }
        )+
    };
}

from_str! {
    AccountId, IdError;
    ActorId, IdError;
    ApplicationId, IdError;
    Code, CodeError;
    CorrelationId, IdError;
    EmailAddress, AddressError;
    GroupId, IdError;
    LanguageTag, LanguageError;
    Password, PasswordError;
    PasswordHash, PasswordHashError;
    PhoneNumber, PhoneError;
    StaffReason, StaffReasonError;
    TenantId, IdError;
    UserFlowId, IdError;
}

plain_text! {
    AccountId ActorId ApplicationId CorrelationId GroupId LanguageTag StaffReason TenantId UserFlowId
}

/// In JSON, a record id is its text of 48 hexadecimal digits.
impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let rule = "record: must be 48 hexadecimal digits";
        Self::from_hexadecimal(&text).ok_or_else(|| D::Error::custom(rule))
    }
}

/// A stored user agent is cleaned again, because its table may have been written by others.
impl Serialize for UserAgent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UserAgent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("user agent: must not be empty"))
    }
}

/// In JSON, a timestamp is a text in the form of RFC 3339, in UTC.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_civil().format(&Rfc3339).map_err(S::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(Self::from_civil).map_err(|_| {
            D::Error::custom(
                "timestamp: must be in the form of RFC 3339, for example 2026-01-31T23:59:59Z",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_in_json_and_a_bad_one_is_refused_with_its_rule() {
        let tenant: TenantId = "contoso".parse().unwrap();
        let json = serde_json::to_string(&tenant).unwrap();
        assert_eq!((json.as_str(), tenant.as_ref()), (r#""contoso""#, "contoso"));
        assert_eq!(serde_json::from_str::<TenantId>(&json).unwrap(), tenant);
        let refused = serde_json::from_str::<TenantId>(r#""""#).unwrap_err();
        assert!(refused.to_string().starts_with("tenant: must not be empty"), "{refused}");
    }

    #[test]
    fn what_can_be_parsed_can_be_read_from_str() {
        assert_eq!("de-AT".parse::<LanguageTag>(), LanguageTag::parse("de-AT"));
        assert_eq!("ada@example.com".parse(), EmailAddress::parse("ada@example.com"));
        assert!("1234 5678".parse::<Code>().is_ok() && "".parse::<Password>().is_err());
    }

    #[test]
    fn a_timestamp_is_rfc_3339_in_json() {
        let at = Timestamp::from_micros(1_769_904_000_250_000);
        let json = serde_json::to_string(&at).unwrap();
        assert_eq!(json, r#""2026-02-01T00:00:00.25Z""#);
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at);
        let abroad = serde_json::from_str::<Timestamp>(r#""2026-02-01T02:00:00.25+02:00""#);
        assert_eq!(abroad.unwrap(), at);
        let refused = serde_json::from_str::<Timestamp>(r#""yesterday""#).unwrap_err();
        assert!(refused.to_string().contains("RFC 3339"), "{refused}");
        assert!(serde_json::to_string(&Timestamp::MAX).unwrap().contains("9999"));
    }
}
