//! The limits that an account has reached.

use crate::{
    domain::{Account, Charge, LimiterForm, Method, TenantId, Timestamp},
    engine::{
        Client,
        sspr::Inner,
        throttle::{Lane, Throttle, Who, question},
    },
    error::Error,
    policy::TenantPolicy,
};

/// A limit that an account has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReachedLimit {
    /// The limit.
    pub limit: AccountLimit,
    /// When it is lifted, unless more is counted until then.
    pub ends_at: Timestamp,
}

/// The kind of a limit that concerns one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountLimit {
    /// Codes that are sent to the account, whichever of its addresses is typed. Requests are
    /// answered as usual, and no mail is sent.
    CodesToAccount,
    /// Codes that are requested for the address by devices that have not signed in before. Requests
    /// are answered with `TryLater`.
    CodesToAddress,
    /// Wrong codes, so that a code of digits is no longer compared. A new code has letters.
    WrongCodes,
    /// Actions of staff for the account.
    StaffActions,
    /// Actions of staff in the whole tenant.
    StaffActionsInTenant,
}

impl Inner {
    /// Returns the limits that an account has reached, as of the address that was looked up. It
    /// asks the code store once, and counts nothing.
    pub(super) async fn reached(
        &self,
        tenant: &TenantId,
        policy: &TenantPolicy,
        form: &LimiterForm,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<ReachedLimit>, Error> {
        let throttle = self.throttle(tenant.tag(), policy.limits());
        let known = questions(&throttle, form, account);
        let asked: Vec<Charge> = known.iter().map(|(_, question)| *question).collect();
        let mut reached: Vec<ReachedLimit> = Vec::new();
        for over in self.codes.charge(&asked, now).await? {
            let Some((limit, _)) = known.iter().find(|(_, it)| it.name == over.name) else {
                continue;
            };
            match reached.iter_mut().find(|known| known.limit == *limit) {
                Some(known) => known.ends_at = known.ends_at.latest(over.ends_at),
                None => reached.push(ReachedLimit { ends_at: over.ends_at, limit: *limit }),
            }
        }
        Ok(reached)
    }
}

/// Returns a question for each counter. They are of one tier, so that all are answered.
fn questions(
    throttle: &Throttle<'_>,
    form: &LimiterForm,
    account: &Account,
) -> Vec<(AccountLimit, Charge)> {
    let who = Who::Account(&account.id);
    let (lane, client) = (Lane::Everybody, Client::unknown());
    let mut tries = throttle.visible(form);
    tries.extend(throttle.silent(who));
    let (of_account, of_tenant) = throttle.assists_for(&account.id);
    let ask = |limit, charges: Vec<Charge>| {
        charges.into_iter().map(move |charge| (limit, question(charge)))
    };
    let tries = throttle.questions(&tries).map(|it| (AccountLimit::WrongCodes, it));
    ask(AccountLimit::CodesToAddress, throttle.send(Method::Email, form, &lane, &client))
        .chain(ask(AccountLimit::CodesToAccount, throttle.silent_send(who, &lane)))
        .chain(tries)
        .chain(ask(AccountLimit::StaffActions, of_account))
        .chain(ask(AccountLimit::StaffActionsInTenant, of_tenant))
        .collect()
}
