//! One call of the host, from its beginning to its event and its audit record.

use std::sync::OnceLock;

use crate::{
    domain::{
        Account, AccountId, ActorId, Application, ApplicationId, CorrelationId, EmailAddress,
        RecordId, StaffReason, TenantId, Timestamp, UserFlowId,
    },
    error::Error,
    ports::{AuditRecord, EventKind, Limit, Outcome},
};

use super::{
    Client, Request,
    audit::Audit,
    sspr::{About, Inner},
    stored::Stored,
};

/// A call that was not reported yet.
///
/// If the caller goes away, the call is dropped. Then the audit log gets a record with
/// [`Outcome::Interrupted`], because the call may have done its work.
pub(super) struct Call<'a> {
    inner: &'a Inner,
    kind: EventKind,
    pub(super) began: Timestamp,
    client: Option<&'a Client>,
    application: Option<&'a Application>,
    tenant: Option<&'a TenantId>,
    address: Option<&'a EmailAddress>,
    staff: Option<(&'a ActorId, Option<&'a StaffReason>)>,
    /// The application and the user flow of the reset, if the call names none.
    origin: OnceLock<(ApplicationId, UserFlowId)>,
    reset: OnceLock<RecordId>,
    account: OnceLock<AccountId>,
    limit: OnceLock<Limit>,
    is_reported: bool,
}

impl Inner {
    /// Begins a call about which nothing is known but its client.
    pub(super) fn call<'a>(&'a self, kind: EventKind, client: Option<&'a Client>) -> Call<'a> {
        Call {
            account: OnceLock::new(),
            address: None,
            application: None,
            began: self.clock.now(),
            client,
            inner: self,
            is_reported: false,
            kind,
            limit: OnceLock::new(),
            origin: OnceLock::new(),
            reset: OnceLock::new(),
            staff: None,
            tenant: None,
        }
    }

    /// Begins a call for an address.
    pub(super) fn call_for<'a>(
        &'a self,
        kind: EventKind,
        request: &'a Request,
        client: &'a Client,
    ) -> Call<'a> {
        let mut call = self.call(kind, Some(client)).in_application(&request.application);
        call.address = Some(&request.address);
        call
    }
}

impl<'a> Call<'a> {
    pub(super) fn in_application(mut self, application: &'a Application) -> Self {
        self.application = Some(application);
        self.tenant = Some(&application.tenant);
        self
    }

    pub(super) fn of_reset(self, reset: RecordId) -> Self {
        self.has_reset(reset);
        self
    }

    /// Makes it an action of staff in a tenant.
    pub(super) fn of_staff(
        mut self,
        staff: (&'a ActorId, Option<&'a StaffReason>),
        tenant: &'a TenantId,
    ) -> Self {
        self.staff = Some(staff);
        self.tenant = Some(tenant);
        self
    }

    /// Makes it a call for an account.
    pub(super) fn of_account(mut self, account: &AccountId) -> Self {
        self.account = account.clone().into();
        self
    }

    /// Notes the reset that the call has opened.
    pub(super) fn has_reset(&self, reset: RecordId) {
        let _ = self.reset.set(reset);
    }

    /// Notes the account that the call has found. Only the audit log learns of it, and operators learn
    /// of one that was frozen.
    pub(super) fn has_account(&self, account: &AccountId) {
        if self.inner.audit.is_some() || self.kind == EventKind::Freeze {
            let _ = self.account.set(account.clone());
        }
    }

    /// Notes the account of an address. Only the audit log learns of it.
    pub(super) fn may_have_account(&self, account: Option<&Account>) {
        if let Some(account) = account {
            self.has_account(&account.id);
        }
    }

    /// Notes the limit that has refused the call.
    pub(super) fn has_reached(&self, limit: Option<Limit>) {
        if let Some(limit) = limit {
            let _ = self.limit.set(limit);
        }
    }

    /// Notes the application of a reset, and the account that it is bound to. It costs the same
    /// without an account.
    pub(super) fn has_stored(&self, stored: &Stored) {
        if self.inner.audit.is_none() {
            return;
        }
        let origin = &stored.reset.origin;
        let _ = self.origin.set((origin.application.clone(), origin.user_flow.clone()));
        let bound = stored.reset.bound.as_ref();
        if let Some(account) = bound.and_then(|bound| self.inner.bound_account(&stored.id, bound)) {
            let _ = self.account.set(account);
        }
    }

    /// Makes it a call of another kind.
    pub(super) fn turns_into(&mut self, kind: EventKind) {
        self.kind = kind;
    }

    /// Reports the first half of a call that does the work of two, and goes on as the second.
    pub(super) fn goes_on(&mut self, outcome: Outcome, next: EventKind) {
        self.tell(outcome, None);
        self.kind = next;
    }

    /// Passes the answer of a call on that the next call of the same request reports.
    #[cfg(feature = "axum")]
    pub(super) fn leave_to_the_next<T>(mut self, answer: T) -> T {
        self.is_reported = true;
        answer
    }

    /// Reports the call, and passes its answer on.
    pub(super) fn report<T>(
        mut self,
        outcome: Outcome,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        self.is_reported = true;
        self.tell(outcome, answer.as_ref().err());
        answer
    }

    fn tell(&self, outcome: Outcome, error: Option<&Error>) {
        let (failure, tenant) = (error.map(Error::failure), self.tenant());
        // Only a freeze that has happened concerns the account.
        let is_vain = self.kind == EventKind::Freeze && outcome != Outcome::Ok;
        let about = About {
            account: self.account.get().filter(|_| !is_vain),
            actor: self.staff.map(|(actor, _)| actor),
            correlation: self.correlation(),
            failure: failure.as_ref(),
            limit: self.limit.get().copied(),
            reset: self.reset.get().copied(),
            tenant: tenant.as_ref(),
        };
        self.inner.emit(self.kind, outcome, about, self.began);
        self.record(outcome);
    }

    /// Writes to the audit log that staff are about to act, and waits until that is kept.
    ///
    /// # Errors
    /// The log has not kept the record, so that the action must not be done.
    pub(super) async fn announce(&self) -> Result<(), Error> {
        match self.audit_record(Outcome::Started) {
            Some((audit, record)) => self.inner.append_audit(audit, &[record]).await,
            None => Ok(()),
        }
    }

    /// Returns the tenant. A token names it by a tag alone.
    fn tenant(&self) -> Option<TenantId> {
        let named = || self.inner.tenants.named(self.reset.get()?.tenant_tag());
        self.tenant.cloned().or_else(named)
    }

    fn correlation(&self) -> Option<&'a CorrelationId> {
        self.client.and_then(|client| client.correlation.as_ref())
    }

    fn record(&self, outcome: Outcome) {
        let Some((audit, record)) = self.audit_record(outcome) else { return };
        if outcome == Outcome::Ok || self.staff.is_some() {
            audit.push(record);
        } else {
            let network = self.client.and_then(|client| client.network);
            audit.push_refusal(record, network.map(|network| network.of_one_subscriber()));
        }
    }

    fn audit_record(&self, outcome: Outcome) -> Option<(&'a Audit, AuditRecord)> {
        // Pages and clients poll for it, and it changes nothing.
        if self.kind == EventKind::Status {
            return None;
        }
        let now = self.inner.clock.now();
        let (audit, mut record) = self.inner.audit_record(self.kind, outcome, now)?;
        record.tenant = self.tenant();
        let named = self.application.map(|it| (it.id.clone(), it.user_flow.clone()));
        if let Some((application, user_flow)) = named.or_else(|| self.origin.get().cloned()) {
            (record.application, record.user_flow) = (Some(application), Some(user_flow));
        }
        record.account = self.account.get().cloned();
        record.actor = self.staff.map(|(actor, _)| actor.clone());
        record.reason = self.staff.and_then(|(_, reason)| reason.cloned());
        record.reset = self.reset.get().copied();
        record.correlation = self.correlation().cloned();
        record.network = self.client.and_then(|client| client.network).map(|it| it.address());
        record.user_agent = self.client.and_then(|client| client.user_agent.clone());
        if let (Some(tenant), Some(address)) = (self.tenant, self.address) {
            audit.describe(&mut record, tenant, address, &self.inner.keys);
        }
        Some((audit, record))
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_reported {
            self.record(Outcome::Interrupted);
        }
    }
}
