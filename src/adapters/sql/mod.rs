//! The parts that the stores in SQL databases share.

mod account_words;
mod audit_row;
mod readable;
mod session_token;

pub(super) use account_words::{provider, provider_name, second_factor, second_factor_number};
pub(super) use audit_row::{AuditRow, RETENTION, audit_ends, read_audit_record};
pub(super) use readable::readable;
pub use session_token::SessionToken;
