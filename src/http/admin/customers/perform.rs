//! Does an action.

use zeroize::Zeroizing;

use super::action::Action;
use crate::{
    domain::{AccountId, ActorId, Application, StaffReason, TenantId, Timestamp},
    engine::Assisted,
    error::{Error, ErrorKind},
    http::admin::site::Site,
};

/// An action that staff have asked for and are allowed to do.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) account: &'a AccountId,
    pub(super) action: Action,
    pub(super) actor: &'a ActorId,
    /// The application of a code.
    pub(super) application: Option<&'a Application>,
    pub(super) reason: Option<&'a StaffReason>,
    pub(super) tenant: &'a TenantId,
}

/// The text that staff tell the customer. It is shown once.
pub(super) struct Secret {
    pub(super) text: Zeroizing<String>,
    pub(super) expires_at: Timestamp,
}

/// The result of an action.
pub(super) enum Performed {
    Done(Option<Secret>),
    TryLater {
        retry_at: Timestamp,
    },
    Unavailable,
    /// The audit log could not keep the record, so nothing was done.
    Unrecorded,
}

impl Order<'_> {
    /// Does the action. The engine records it before and after.
    pub(super) async fn perform(self, site: &Site) -> Result<Performed, Error> {
        match self.perform_recorded(site).await {
            Err(error) if error.kind() == ErrorKind::Audit => Ok(Performed::Unrecorded),
            answer => answer,
        }
    }

    async fn perform_recorded(self, site: &Site) -> Result<Performed, Error> {
        let Self { account, action, actor, application, reason, tenant } = self;
        let mut desk = site.sspr.help_desk(actor.clone());
        if let Some(reason) = reason {
            desk = desk.with_reason(reason.clone());
        }
        Ok(match action {
            Action::AssistanceCode => {
                let Some(application) = application else { return Ok(Performed::Unavailable) };
                let issued = desk.assistance_code(application, account).await?;
                performed(issued, |issued| {
                    let text = Zeroizing::new(issued.code.expose());
                    Some(Secret { expires_at: issued.expires_at, text })
                })
            }
            Action::RequireChange => {
                performed(desk.require_change(tenant, account).await?, |()| None)
            }
            Action::TemporaryPassword => {
                let set = desk.set_temporary_password(tenant, account).await?;
                performed(set, |set| {
                    let text = Zeroizing::new(set.password.expose().to_owned());
                    Some(Secret { expires_at: set.expires_at, text })
                })
            }
            Action::Unfreeze => performed(desk.unfreeze(tenant, account).await?, |()| None),
            Action::Unlock => performed(desk.unlock(tenant, account).await?, |()| None),
        })
    }
}

fn performed<T>(answer: Assisted<T>, secret: impl FnOnce(T) -> Option<Secret>) -> Performed {
    match answer {
        Assisted::Done(it) => Performed::Done(secret(it)),
        Assisted::TryLater { retry_at } => Performed::TryLater { retry_at },
        Assisted::Unavailable => Performed::Unavailable,
    }
}
