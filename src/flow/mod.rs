//! The machines of a reset and of a lockout, as pure functions of state, event and time.
//!
//! Nothing here logs, waits, draws random numbers or calls a port. A decoy goes through the same
//! stages by the same events as a real reset, so that no state tells them apart.

mod codec;
mod lockout;
mod reset;
mod state;

pub use codec::{CodecError, decode_lockout, decode_reset, encode_lockout, encode_reset};
pub use lockout::{Lockout, LockoutTerms};
pub use reset::{Event, EventName, Refusal, Reset, ResetTerms, Step};
pub use state::{Bound, FirstProof, Origin, ResetReason, Sent, Stage, StageName};
