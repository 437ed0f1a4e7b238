//! The state of the administrator's side.

use std::sync::Arc;

use super::{authorize::Authorize, turns::Turns};
use crate::{
    domain::{Application, GroupId, TenantId},
    engine::Sspr,
    ports::{PolicyPreview, PolicyStore},
};

/// The state that all handlers share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) sspr: Sspr,
    pub(super) policies: Arc<dyn PolicyStore>,
    pub(super) authorize: Arc<dyn Authorize>,
    /// The groups by tenant, with the names that the page shows.
    pub(super) groups: Vec<(TenantId, GroupId, String)>,
    pub(super) preview: Option<Arc<dyn PolicyPreview>>,
    pub(super) turns: Arc<Turns>,
    /// The log of the help desk. `None` if the host has no help desk here.
    pub(super) has_help_desk: bool,
    /// The applications that the host has named, with the names that the pages show.
    pub(super) applications: Vec<(Application, String)>,
}
