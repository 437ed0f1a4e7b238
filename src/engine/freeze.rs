//! `freeze`: the owner of an account says that somebody else has changed the password.

use crate::{
    domain::{Account, Application, Code, CodeFormat, Frozen, Stamp},
    error::Error,
    policy::FreezeCodes,
    ports::{EventKind, Freeze, NoticeCause, Outcome},
};

use super::{
    Client, FreezeOutcome, Sspr,
    account_notices::AccountEvent,
    call::Call,
    freeze_records::Freezable,
    reached_limit::by_family,
    records::MAX_CONFLICTS,
    span::spanned,
    throttle::{Lane, retry_at},
};

impl Sspr {
    /// Freezes the account whose notice of a changed password carried this code.
    ///
    /// Nobody can sign in to a frozen account. Its sessions end, because the account gets another
    /// stamp, and an open reset, grant, ticket or assistance code of the account is dead. The
    /// password and the addresses on file stay. A reset ends the freeze. Its code goes to a
    /// recovery address ([`Frozen::recover_to`]): the address that got the notice, even if this
    /// address is no longer on file. The account then keeps only its recovery addresses. Staff can
    /// end the freeze too ([`HelpDesk::unfreeze`](super::HelpDesk::unfreeze)).
    ///
    /// A code works for three days after the change. A repeat of the code answers what the first
    /// call answered, as long as the account is frozen. Each recipient of the notice gets a code of
    /// its own. If a second recipient types that code too, both addresses are recovery addresses.
    /// The code of a later change adds no recovery address, and the code of an earlier change
    /// replaces the recovery addresses.
    ///
    /// Nothing happens unless the tenant has switched the codes on
    /// ([`TenantPolicy::freeze_codes`](crate::policy::TenantPolicy::freeze_codes)) and the user
    /// store keeps freezes ([`UserStore::keeps_freezes`](crate::ports::UserStore::keeps_freezes)).
    ///
    /// ```
    /// use sspr::adapters::code_in;
    /// use sspr::engine::FreezeOutcome;
    /// use sspr::policy::FreezeCodes;
    /// use sspr::{Session, SignInOutcome};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let World { request, client, .. } = world()?;
    /// # let shop = request.application.clone();
    /// # let users = MemoryUsers::new();
    /// # let stamp = Stamp::generate(&SystemEntropy::new())?;
    /// # let old = Password::parse("the old one")?;
    /// # let ada = Account::new(AccountId::parse("1")?, request.address.clone(), stamp);
    /// # let ada = ada.with_password(Argon2Pool::new().hash_blocking(&old)?);
    /// # users.insert(&shop.tenant, ada);
    /// # let keys = Keyring::generate(&SystemEntropy::new())?;
    /// let policy = TenantPolicy::for_application(&shop)?.with_freeze_codes(FreezeCodes::On);
    /// # let (codes, policies) = (MemoryCodes::new(), MemoryPolicies::fixed(policy));
    /// # let builder = Sspr::builder(users.clone(), codes, policies, keys);
    /// # let (sspr, courier) = builder.with_outbox(users).build();
    /// # let inbox = CaptureSender::new();
    ///
    /// // A thief with a session and the password changes it, and the owner gets a notice.
    /// let thiefs = Password::parse("a password of the thief")?;
    /// let session = Session::new(&shop, AccountId::parse("1")?, stamp);
    /// sspr.change(&session, &old, &thiefs, &client).await?;
    /// courier.drain(&inbox).await;
    /// let notice = inbox.last_to(&request.address).ok_or("no notice")?;
    /// let code = code_in(&notice).ok_or("no code")?;
    ///
    /// // The owner types the code. Nobody can sign in until a reset through this mailbox.
    /// assert!(matches!(sspr.freeze(&shop, &code, &client).await?, FreezeOutcome::Frozen));
    /// let outcome = sspr.sign_in(&request, &thiefs, &client).await?;
    /// assert!(matches!(outcome, SignInOutcome::Frozen));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A store, the policy source or the source of randomness failed. A repeated call is harmless.
    ///
    /// # Security
    /// Never call it for a mere GET request, because scanners of mails open every link. Each call
    /// is charged to the network, like a sign-in. A wrong code, a code of another tenant, a late
    /// code and a used code get the same answer.
    ///
    /// A reset by a code that was sent to the same address makes the code void, because the person
    /// who reads this mailbox has just chosen the password. A reset through another address or a
    /// change in a session leaves the code valid. Otherwise a thief could take the code away from
    /// the owner, with another change or with a new address on file.
    pub async fn freeze(
        &self,
        application: &Application,
        code: &Code,
        client: &Client,
    ) -> Result<FreezeOutcome, Error> {
        let call = self.inner.call(EventKind::Freeze, Some(client)).in_application(application);
        let freezing = self.freeze_at(application, code, client, &call);
        let answer = spanned("freeze", client.correlation.as_ref(), freezing).await;
        let outcome = match &answer {
            Ok(FreezeOutcome::Frozen) => Outcome::Ok,
            Ok(FreezeOutcome::Rejected) => Outcome::Rejected,
            Ok(FreezeOutcome::TryLater { .. }) => Outcome::TryLater,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn freeze_at(
        &self,
        application: &Application,
        code: &Code,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<FreezeOutcome, Error> {
        let (inner, now) = (&self.inner, call.began);
        let tenant = &application.tenant;
        let policy = self.password_policy(application)?;
        let policy = policy.filter(|policy| policy.freeze_codes() == FreezeCodes::On);
        let Some(policy) = policy else { return Ok(FreezeOutcome::Rejected) };
        let lane = Lane::of(None, client);
        let charges = inner.throttle(tenant.tag(), policy.limits()).network_try(&lane, client);
        let over = inner.codes.charge(&charges, now).await?;
        if !over.is_empty() {
            call.has_reached(by_family(&over));
            return Ok(FreezeOutcome::TryLater { retry_at: retry_at(&over, now) });
        }
        if code.format() != CodeFormat::Letters {
            return Ok(FreezeOutcome::Rejected);
        }
        let Some(what) = inner.freezable(tenant, code, now).await? else {
            return Ok(FreezeOutcome::Rejected);
        };
        call.has_reset(what.operation);
        call.has_account(&what.account);
        let what = &what;
        for _ in 0..MAX_CONFLICTS {
            // An account that was never changed is not the one whose notice carried the code, but a
            // later one with the same id.
            let account = inner.users.find(tenant, &what.account).await?;
            let Some(account) = account.filter(|account| account.last_change.is_some()) else {
                return Ok(FreezeOutcome::Rejected);
            };
            // The code of a later change adds no recovery address, because the thief who made the
            // earlier change may have made the later one too.
            let stands =
                |frozen: &Frozen| frozen.recover_to.contains(&what.to) || frozen.at < what.at;
            if account.frozen.as_ref().is_some_and(stands) {
                return Ok(FreezeOutcome::Frozen);
            }
            if inner.is_void(tenant, what, now).await? {
                return Ok(FreezeOutcome::Rejected);
            }
            let next_stamp = Stamp::generate(&*inner.entropy)?;
            let frozen = Some(frozen(&account, what));
            let freeze = Freeze::new(tenant.clone(), &account, next_stamp, frozen.clone());
            // A queue without room must not keep an owner from freezing the account.
            let event = AccountEvent {
                account: &Account { frozen, ..account },
                at: now,
                cause: NoticeCause::Frozen,
                operation: what.operation,
                tenant,
            };
            let notices = inner.prepare_account_notices(event);
            let froze = inner.users.freeze(&freeze).await.map_err(Error::from);
            if let Some(notices) = notices {
                notices.settle(&froze, |froze| *froze);
            }
            if froze? {
                return Ok(FreezeOutcome::Frozen);
            }
            // The account has changed since it was read. If it was a reset, the code may be void
            // now.
        }
        Ok(FreezeOutcome::TryLater { retry_at: now })
    }
}

/// Returns the freeze with one more recovery address, in front of the earlier ones. The code of an
/// earlier change replaces the recovery addresses of a later change.
fn frozen(account: &Account, what: &Freezable) -> Frozen {
    let same = account.frozen.iter().filter(|before| before.at == what.at);
    let mut recover_to = vec![what.to.clone()];
    recover_to.extend(same.flat_map(|before| before.recover_to.iter().cloned()));
    Frozen::new(what.at, recover_to)
}
