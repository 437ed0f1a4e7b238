//! The axum front: [hosted pages](Pages), [Entra's native-authentication API](Native), [the
//! administrator's side](Admin) and [health checks](health).
//!
//! Each part is a router that the host nests into its own application. The handlers contain no
//! rules: a handler parses, calls the engine and renders. The host supplies three more ports:
//! [`Sessions`], [`TokenIssuer`] and [`Authorize`].

mod admin;
mod cookie;
mod form;
mod hardening;
mod health;
mod native;
mod origin;
mod pages;
mod proxies;
mod public_path;
mod return_to;
mod secret;
mod sessions;
mod stop;

pub use admin::{Access, AccessKind, Admin, Authorize, Authorized};
pub use cookie::read as cookie;
pub use health::health;
pub use native::{
    IssueError, Issued, Native, NativeApplication, OriginError, OtherTenantError, TokenIssuer,
    TokenRequest, Tokens,
};
pub use pages::{Pages, change_password, pages};
pub use proxies::{NetworkError, TrustedProxies};
pub use public_path::PublicPathError;
pub use return_to::{ReturnTo, ReturnToError};
pub use sessions::{NewSession, SessionError, Sessions, SignInContext};

use self::hardening::{assets, harden};
use crate::domain::{CorrelationId, Entropy};

/// Generates an id that ties a request to its log lines, in the form of a UUID (RFC 9562).
fn fresh_correlation(entropy: &dyn Entropy) -> Option<CorrelationId> {
    let (high, low) = (entropy.word().ok()?, entropy.word().ok()?);
    // Version 4, variant 10.
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let text = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    CorrelationId::parse(&text).ok()
}
