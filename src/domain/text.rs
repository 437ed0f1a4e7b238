//! The standard conversions of values that are read from text.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    AccountId, AddressError, ApplicationId, Code, CodeError, CorrelationId, EmailAddress, GroupId,
    IdError, LanguageError, LanguageTag, Password, PasswordError, PasswordHash, PasswordHashError,
    TenantId, UserFlowId,
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
    ApplicationId, IdError;
    Code, CodeError;
    CorrelationId, IdError;
    EmailAddress, AddressError;
    GroupId, IdError;
    LanguageTag, LanguageError;
    Password, PasswordError;
    PasswordHash, PasswordHashError;
    TenantId, IdError;
    UserFlowId, IdError;
}

plain_text! { AccountId ApplicationId CorrelationId GroupId LanguageTag TenantId UserFlowId }

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
}
