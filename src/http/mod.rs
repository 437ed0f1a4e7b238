//! The axum front: [hosted pages](Pages), [Entra's native-authentication API](Native), [the change
//! of a password by an app](Me), [the administrator's side](Admin) and [health checks](health).
//!
//! Each part is a router that the host nests into its own application. The handlers contain no
//! rules: a handler parses, calls the engine and renders. The host supplies its own ports:
//! [`Sessions`], [`TokenIssuer`] and [`Authorize`].

mod admin;
mod cookie;
mod correlation;
mod envelope;
mod form;
mod hardening;
mod health;
mod me;
mod native;
mod odata;
mod origin;
mod pages;
mod proxies;
mod public_path;
mod return_to;
mod secret;
mod sessions;
mod stop;
mod user_agent;

pub use admin::{Access, AccessKind, Admin, Authorize, Authorized};
pub use cookie::read as cookie;
pub use health::health;
pub use me::Me;
pub use native::{
    IssueError, Issued, Native, NativeApplication, OriginError, OtherTenantError, TokenIssuer,
    TokenRequest, Tokens,
};
pub use pages::{Pages, change_password, pages};
pub use proxies::{NetworkError, TrustedProxies};
pub use public_path::PublicPathError;
pub use return_to::{ReturnTo, ReturnToError};
pub use sessions::{CurrentSession, NewSession, SessionError, Sessions, SignInContext};
