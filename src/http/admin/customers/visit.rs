//! A request of staff, allowed and with the tenant that it is about.

use std::sync::Arc;

use axum::{
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{
    action::Action,
    view::{Frame, NoticePage},
};
use crate::{
    domain::{AccountId, ActorId, EmailAddress, TenantId, UserFlowId},
    engine::AccountReport,
    http::{
        admin::{
            Access, AccessKind,
            answers::{down, message, no_tenant, render, unreadable},
            change::Stored,
            site::Site,
            visit::{allowed, may},
        },
        form::Form,
        stop::Stop,
    },
};

/// An allowed request of staff.
pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    pub(super) actor: ActorId,
    pub(super) stored: Stored,
    /// The action that the query names.
    pub(super) action: Option<Action>,
    /// The actions that this member of staff may do.
    pub(super) may_do: Vec<Action>,
    /// The tenants with customers that this member of staff may see.
    tenants: Vec<TenantId>,
    /// True if this member of staff may see audit records.
    pub(super) sees_trail: bool,
    /// True if this member of staff may also see the policies.
    administers: bool,
}

/// The account that a form names: its address, and the user flow by which it is explained.
pub(super) struct Subject {
    pub(super) address: EmailAddress,
    pub(super) flow: UserFlowId,
    pub(super) account: AccountId,
}

/// Returns the access that every customer page needs.
const fn seeing(tenant: Option<&TenantId>) -> Access<'_> {
    Access { kind: AccessKind::Customers, tenant }
}

impl Visit {
    /// Allows the request. The body is read later, so the query names the action.
    pub(super) async fn of(site: &Arc<Site>, parts: &Parts) -> Result<Self, Stop> {
        // Nothing is read before the request is allowed, not even the list of tenants.
        allowed(site, parts, seeing(None)).await?;
        let query = Form::parse(parts.uri.query().unwrap_or_default());
        let query = query.map_err(|error| unreadable(&error))?;
        let field = |name| query.optional(name).map_err(|error| unreadable(&error));
        let named = field("tenant")?.map(TenantId::parse).transpose().map_err(|_| no_tenant())?;
        let action = field("action")?.map(|word| Action::parse(word).ok_or_else(no_action));
        let action = action.transpose()?;
        let all = site.policies.tenants().await.map_err(|_| down())?;
        let mut tenants = Vec::new();
        for tenant in all {
            if may(site, parts, seeing(Some(&tenant))).await {
                tenants.push(tenant);
            }
        }
        let tenant = named.or_else(|| tenants.first().cloned()).ok_or_else(no_tenant)?;
        let access = |kind| Access { kind, tenant: Some(&tenant) };
        let mut who = allowed(site, parts, access(AccessKind::Customers)).await?;
        if let Some(action) = action {
            who = allowed(site, parts, access(action.kind())).await?;
        }
        let actor = ActorId::parse(&who).map_err(|error| {
            let lead = format!("Your name cannot be kept in the audit records ({error}).");
            message(StatusCode::FORBIDDEN, "Not allowed", lead)
        })?;
        let mut may_do = Vec::new();
        for action in Action::ALL {
            if may(site, parts, access(action.kind())).await {
                may_do.push(action);
            }
        }
        let administers = may(site, parts, access(AccessKind::Read)).await;
        let sees_trail = may(site, parts, access(AccessKind::AuditTrail)).await;
        let stored = site.stored(&tenant).await.map_err(|_| down())?.ok_or_else(no_tenant)?;
        let site = site.clone();
        Ok(Self { action, actor, administers, may_do, sees_trail, site, stored, tenants })
    }

    pub(super) fn tenant(&self) -> &TenantId {
        self.stored.policy.tenant()
    }

    /// Returns the name that the pages of the tenant show.
    pub(super) fn brand(&self) -> String {
        self.stored.policy.brand().name().to_owned()
    }

    /// Returns the parts that every customer page has.
    pub(super) fn frame(&self) -> Frame {
        Frame {
            administers: self.administers,
            tenant: self.tenant().to_string(),
            tenants: self.tenants.iter().map(ToString::to_string).collect(),
        }
    }

    /// Returns a page that only tells something.
    pub(super) fn notice(&self, status: StatusCode, heading: &str, leads: &[&str]) -> Response {
        let page = NoticePage {
            brand: self.brand(),
            failed: status.is_client_error() || status.is_server_error(),
            frame: self.frame(),
            heading: heading.to_owned(),
            leads: leads.iter().map(|lead| (*lead).to_owned()).collect(),
        };
        render(status, &page)
    }

    /// Returns the state of each account with an address.
    pub(super) async fn explain(
        &self,
        flow: &UserFlowId,
        address: &EmailAddress,
    ) -> Result<Vec<AccountReport>, Stop> {
        let desk = self.site.sspr.help_desk(self.actor.clone());
        desk.explain(self.tenant(), flow, address).await.map_err(|_| self.broken())
    }

    /// Returns the account that a form names, if the account still has the address.
    pub(super) async fn subject(&self, form: &Form) -> Result<Subject, Stop> {
        let text = |name| form.required(name).map_err(|error| unreadable(&error));
        let bad = |name| unreadable(&crate::http::form::FormError::Missing(name));
        let address = EmailAddress::parse(text("address")?).map_err(|_| bad("address"))?;
        let flow = UserFlowId::parse(text("flow")?).map_err(|_| bad("flow"))?;
        let account = AccountId::parse(text("account")?).map_err(|_| bad("account"))?;
        let found = self.explain(&flow, &address).await?;
        if found.iter().any(|report| report.account == account) {
            return Ok(Subject { account, address, flow });
        }
        let leads = ["The account does not have this address any more.", "Nothing was done."];
        Err(self.notice(StatusCode::CONFLICT, "Look the customer up again", &leads).into())
    }

    /// Returns the page for a store that does not answer before anything was done.
    pub(super) fn broken(&self) -> Stop {
        let leads = ["Customers cannot be looked up right now.", "Please try again in a minute."];
        self.notice(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong", &leads).into()
    }
}

fn no_action() -> Stop {
    let lead = "There is no such action.".to_owned();
    message(StatusCode::NOT_FOUND, "Not found", lead).into_response().into()
}
