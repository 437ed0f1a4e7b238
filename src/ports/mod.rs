//! The ports: traits that the host implements, each with its contract.
//!
//! Every future is `Send`. Unless a method says otherwise, it is cancel-safe: a dropped future has
//! done all of its work or none of it, and the call may be repeated.

mod arc;
mod audit;
mod breach_check;
mod clock;
pub(crate) mod code_store;
mod email_sender;
mod entropy;
mod events;
mod host_proof_check;
mod limit;
mod outbox;
mod password_hasher;
mod policy_preview;
mod policy_source;
mod policy_store;
mod sms_sender;
mod store_error;
mod user_store;

pub use audit::{AuditId, AuditLog, AuditQuestion, AuditRecord, AuditSubject};
pub use breach_check::{Breach, BreachCheck};
pub use clock::{Clock, Sleep};
pub use code_store::CodeStore;
pub(crate) use code_store::{
    Attempted, Inserted, Loaded, Record, SWEEP_MARGIN, StoredRecord, Swapped,
};
pub use email_sender::{EmailSender, SendError, SendErrorKind};
pub use entropy::{Entropy, EntropyUnavailable};
pub use events::{EngineEvent, EventKind, EventSink, Failure, FailureKind, Outcome};
pub use host_proof_check::HostProofCheck;
pub use limit::Limit;
pub use outbox::{NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeCause, NoticeId, Outbox};
pub use password_hasher::{HashError, HashQueue, PasswordHasher, PasswordMatch};
pub use policy_preview::{Affected, PolicyPreview};
pub use policy_source::{PolicyError, PolicySource};
pub use policy_store::{
    BaseOrigin, DamagedPolicy, PolicyChange, PolicyStore, RecordedChange, VersionedPolicy, Written,
};
pub use sms_sender::SmsSender;
pub use store_error::{StoreError, StoreErrorKind};
pub use user_store::{Applied, Freeze, NoticeDelivery, NoticeRecipient, PasswordChange, UserStore};
