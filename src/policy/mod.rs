//! The administrator's settings: user flows, authentication methods, password rules and limits.
//!
//! Documents are Microsoft Graph's own JSON. A tenant exported from Entra loads unchanged, and is
//! written back with every field that this crate does not know.

mod authentication_methods;
mod brand;
mod decision;
mod document;
mod graph;
mod json;
mod limits;
mod near;
mod odds;
mod password;
mod readiness;
mod tenant;
mod user_flow;

#[cfg(feature = "axum")]
pub(crate) use authentication_methods::target_key;
pub use authentication_methods::{AuthenticationMethodsPolicy, MethodPolicy, MethodState, Target};
pub use brand::{Brand, BrandError, CodeInSubject};
pub use decision::{Decision, Explanation, Ineligibility};
pub use graph::DocumentError;
#[cfg(feature = "axum")]
pub(crate) use json::{DEEPEST, MOST_BYTES, parse_json};
pub use limits::{Limits, LimitsBuilder, LimitsError};
#[cfg(any(feature = "postgres", feature = "smtp"))]
pub(crate) use near::meant;
pub use odds::Odds;
#[cfg(feature = "axum")]
pub(crate) use odds::grouped;
pub use password::{
    CurrentPassword, PasswordContext, PasswordIssue, PasswordRules, PasswordRulesError,
};
pub use readiness::{Check, CheckState, Readiness};
pub use tenant::{
    AfterReset, Disclosure, FreezeCodes, HostProofs, NoPasswordNotice, RequiredProofs, SameMailbox,
    TenantPolicy,
};
pub use user_flow::{Applications, UserFlow};
