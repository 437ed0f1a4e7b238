//! The applications for which staff can hand over codes.

use crate::{
    domain::Application,
    http::admin::site::Site,
    policy::{Applications, TenantPolicy},
};

/// An application with the name that staff see.
pub(super) struct Offered {
    pub(super) application: Application,
    pub(super) name: String,
}

impl Offered {
    /// Returns the text that names the application in a form. No identifier contains a line break.
    pub(super) fn word(&self) -> String {
        format!("{}\n{}", self.application.user_flow, self.application.id)
    }
}

/// Returns the applications of a tenant in which customers sign in with a password. Those that the
/// host has named come first.
pub(super) fn offered(site: &Site, policy: &TenantPolicy) -> Vec<Offered> {
    let named = site.applications.iter().map(|(application, name)| Offered {
        application: application.clone(),
        name: name.clone(),
    });
    let listed = policy.user_flows().iter().flat_map(|flow| {
        let ids = match flow.applications() {
            Applications::All => &[],
            Applications::Listed(ids) => ids.as_slice(),
        };
        ids.iter().filter_map(move |id| {
            let tenant = policy.tenant().as_str();
            let made = Application::new(tenant, flow.id().as_str(), id.as_str()).ok()?;
            Some(Offered { application: made, name: format!("{id} ({})", flow.display_name()) })
        })
    });
    let mut offered: Vec<Offered> = Vec::new();
    for one in named.chain(listed) {
        let Application { tenant, user_flow, id } = &one.application;
        let is_ours = tenant == policy.tenant() && policy.offers_password_sign_in(user_flow, id);
        if is_ours && offered.iter().all(|known| known.application != one.application) {
            offered.push(one);
        }
    }
    offered
}
