//! The implementations of the ports. Each has one file or folder, named after its cargo feature if
//! it has one.

mod argon2;
mod capture;
mod folder;
mod json_lines_audit;
mod manual_clock;
mod memory;
mod memory_policies;
#[cfg(feature = "metrics")]
mod metrics_events;
mod mime;
mod policy_directory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod server_options;
#[cfg(feature = "smtp")]
mod smtp;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod system;
#[cfg(any(feature = "smtp", feature = "webhook"))]
mod tls;
#[cfg(feature = "tracing")]
mod tracing_events;
#[cfg(feature = "webhook")]
mod webhook;

#[cfg(feature = "redis")]
pub use self::redis::{RedisCodes, RedisOptions, RedisUrlError};
pub use argon2::{Argon2Kernel, Argon2Pool, ParametersError};
pub use capture::{CaptureSender, code_in};
pub use folder::FolderSender;
pub use json_lines_audit::JsonLinesAudit;
pub use manual_clock::ManualClock;
pub use memory::{MemoryAudit, MemoryCodes, MemoryEvents, MemoryUsers, Usage};
pub use memory_policies::{MemoryPolicies, PolicyFault};
#[cfg(feature = "metrics")]
pub use metrics_events::MetricsEvents;
pub use policy_directory::{PolicyDirectory, PolicyFileError, Reloaded};
#[cfg(feature = "postgres")]
pub use postgres::{
    PostgresAudit, PostgresCodes, PostgresOptions, PostgresStore, PostgresUrlError, PostgresUsers,
};
#[cfg(feature = "smtp")]
pub use smtp::{SmtpSender, SmtpUrlError};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use sql::SessionToken;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteAudit, SqliteCodes, SqlitePolicies, SqliteStore, SqliteUsers};
pub use system::{SystemClock, SystemEntropy};
#[cfg(feature = "tracing")]
pub use tracing_events::TracingEvents;
#[cfg(feature = "webhook")]
pub use webhook::{OtpWebhook, OtpWebhookError};
