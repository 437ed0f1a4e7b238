//! The state of the API of one tenant.

use std::sync::Arc;

use super::{application::NativeApplication, issuer::TokenIssuer};
use crate::{
    domain::TenantId,
    engine::Sspr,
    http::{TrustedProxies, public_path::PublicPath},
};

/// The state that all calls share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) sspr: Sspr,
    pub(super) tenant: TenantId,
    pub(super) applications: Vec<NativeApplication>,
    pub(super) issuer: Arc<dyn TokenIssuer>,
    pub(super) proxies: TrustedProxies,
    pub(super) public: Option<PublicPath>,
}
