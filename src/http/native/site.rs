//! The state of the API of one tenant.

use std::sync::Arc;

use super::{application::NativeApplication, issuer::TokenIssuer};
use crate::{
    domain::TenantId,
    engine::Sspr,
    http::{TrustedProxies, envelope::Envelopes, public_path::PublicPath},
};

/// The state that all calls share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) sspr: Sspr,
    pub(super) envelopes: Envelopes,
    pub(super) tenant: TenantId,
    /// The applications, each with a handle that serves it alone.
    pub(super) applications: Vec<(NativeApplication, Sspr)>,
    pub(super) issuer: Arc<dyn TokenIssuer>,
    pub(super) proxies: TrustedProxies,
    pub(super) public: Option<PublicPath>,
}
