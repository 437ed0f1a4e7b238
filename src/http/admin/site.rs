//! The state of the administrator's side.

use std::sync::Arc;

use super::{authorize::Authorize, turns::Turns};
use crate::{
    domain::{GroupId, TenantId},
    engine::Sspr,
    ports::PolicyStore,
};

/// The state that all handlers share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) sspr: Sspr,
    pub(super) policies: Arc<dyn PolicyStore>,
    pub(super) authorize: Arc<dyn Authorize>,
    /// The groups by tenant, with the names that the page shows.
    pub(super) groups: Vec<(TenantId, GroupId, String)>,
    pub(super) turns: Arc<Turns>,
}
