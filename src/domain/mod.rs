//! Basic values without async, clock, random numbers or I/O.
//!
//! Strings from a user, a host or a store are parsed once into one of these types. Otherwise they
//! are refused with an error that names the broken rule and never the value.

mod account;
mod address;
mod application;
pub(crate) mod characters;
mod code;
pub(crate) mod counter;
mod digest;
pub(crate) mod entropy;
mod guid;
mod host_proof;
mod id;
mod keyring;
mod language;
mod method;
mod network;
pub(crate) mod notice;
mod number_block;
mod one_block;
mod password;
mod phone;
mod recipient;
mod seal;
mod secret;
mod staff_reason;
mod text;
mod timestamp;
mod user_agent;

pub use account::{
    Account, Frozen, IdentityProvider, PasswordHash, PasswordHashError, SecondFactor, Stamp,
};
pub use address::{AddressError, DotRules, EmailAddress, LimiterForm};
pub use application::Application;
pub use code::{Code, CodeError, CodeFormat};
pub(crate) use counter::{Charge, CounterName, Family, Over};
pub use digest::Digest;
#[doc(hidden)]
pub use digest::{Fields, Purpose};
pub(crate) use entropy::{Entropy, EntropyUnavailable};
pub(crate) use guid::guid;
pub use host_proof::{HostProof, HostProofError};
pub use id::{
    AccountId, ActorId, ApplicationId, CorrelationId, GroupId, IdError, RecordId, TenantId,
    TenantTag, UserFlowId,
};
pub use keyring::{KeyId, Keyring, KeyringError};
pub use language::{LanguageError, LanguageTag};
pub use method::{Destination, Method};
pub use network::NetworkAddress;
pub(crate) use notice::NoticeCause;
pub use number_block::NumberBlock;
pub use password::{Password, PasswordError};
pub use phone::{PhoneError, PhoneNumber};
pub use recipient::Recipient;
#[doc(hidden)]
pub use seal::{SealError, Sealed};
pub(crate) use secret::Device;
pub use secret::{DeviceProof, FlowToken, Grant, Scope, Ticket, TokenError};
pub use staff_reason::{StaffReason, StaffReasonError};
pub use timestamp::Timestamp;
pub use user_agent::UserAgent;
