//! The other ports of the world: users, outbox, mail, passwords, policies.

use std::sync::{Arc, Mutex};

use sspr::{
    adapters::{CaptureSender, MemoryUsers, Policies},
    domain::{
        Account, AccountId, Digest, EmailAddress, Instant, Password, PasswordHash, SecondFactor,
        TenantId,
    },
    mail::EmailMessage,
    policy::{MethodState, TenantPolicy},
    ports::{
        Applied, Breach, BreachCheck, EmailSender, HashError, Notice, NoticeId, Outbox,
        PasswordChange, PasswordHasher, PolicyError, PolicySource, SendError, SendErrorKind, Share,
        StoreError, UserStore, Verdict,
    },
};

use super::{
    codes::{lost, refused},
    defects::Defect,
    founding::plain,
    hub::{Fate, Hub, pause},
};

/// The users table, with its outbox.
#[derive(Clone)]
pub struct Users {
    pub inner: MemoryUsers,
    pub hub: Hub,
    pub defect: Option<Defect>,
    pub tenants: Vec<TenantId>,
}

#[async_trait::async_trait]
impl UserStore for Users {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        let fate = self.hub.enter("find_by_address", String::new).await;
        let mut found = self.inner.find_by_address(tenant, address).await?;
        if self.defect == Some(Defect::TenantsMixed) && found.is_empty() {
            for other in &self.tenants {
                found.extend(self.inner.find_by_address(other, address).await?);
            }
        }
        if fate == Fate::Answered { Ok(found) } else { Err(refused()) }
    }

    async fn find(&self, tenant: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let fate = self.hub.enter("find", String::new).await;
        let mut found = self.inner.find(tenant, id).await?;
        if self.defect == Some(Defect::TenantsMixed) && found.is_none() {
            for other in &self.tenants {
                found = found.or(self.inner.find(other, id).await?);
            }
        }
        if let (Some(Defect::SecondFactorLost), Some(found)) = (self.defect, &mut found) {
            found.second_factor = SecondFactor::None;
        }
        // What was read may be old when it arrives.
        let waits = self.hub.lock().chance.below(2);
        pause(waits).await;
        if fate == Fate::Answered { Ok(found) } else { Err(refused()) }
    }

    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let fate = self.hub.enter("apply_reset", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let before = self.inner.find(&change.tenant, &change.account).await?;
        let mut given = change.clone();
        match (self.defect, &before) {
            (Some(Defect::StampIgnored), Some(before)) => given.expected_stamp = before.stamp,
            (Some(Defect::StampKept), _) => given.next_stamp = given.expected_stamp,
            (Some(Defect::NoticeForgotten), _) => given.notify.clear(),
            _ => {}
        }
        let applied = self.inner.apply_reset(&given).await?;
        let after = self.inner.find(&change.tenant, &change.account).await?;
        {
            let mut shared = self.hub.lock();
            let call = shared.current;
            shared.oracle.applied(call, change, &applied, before, after);
        }
        if fate == Fate::ReplyLost { Err(lost()) } else { Ok(applied) }
    }
}

#[async_trait::async_trait]
impl Outbox for Users {
    async fn due(&self, now: Instant, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let fate = self.hub.enter("due", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let due = self.inner.due(now, limit).await?;
        self.hub.lock().oracle.noticed(&due);
        if fate == Fate::ReplyLost { Err(lost()) } else { Ok(due) }
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Instant,
        now: Instant,
    ) -> Result<(), StoreError> {
        let fate = self.hub.enter("postpone", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        self.inner.postpone(id, tries, until, now).await?;
        if fate == Fate::ReplyLost { Err(lost()) } else { Ok(()) }
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        let fate = self.hub.enter("done", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        self.inner.done(id).await?;
        if fate == Fate::ReplyLost { Err(lost()) } else { Ok(()) }
    }
}

/// The mail system: loses, refuses for now, refuses for good, delivers twice, delivers late.
#[derive(Clone)]
pub struct Mail {
    pub hub: Hub,
    pub defect: Option<Defect>,
    pub inbox: CaptureSender,
    /// In a world of twins nothing may differ between a mail that leaves and one that is discarded.
    pub at_once: bool,
}

#[async_trait::async_trait]
impl EmailSender for Mail {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let mut message = message.clone();
        if self.defect == Some(Defect::MailToTyped)
            && let Some(typed) = self.hub.lock().oracle.typed_of(&message)
        {
            message.to = typed;
        }
        let roll = {
            let mut shared = self.hub.lock();
            shared.oracle.mailed(&message);
            if self.at_once { 999 } else { shared.chance.below(1000) }
        };
        if self.at_once {
            return Ok(());
        }
        pause(1 + roll % 3).await;
        let bad = self.hub.lock().weather.per_mille();
        let error = |kind| Err(SendError::new(kind, "the mail system has a bad day"));
        if roll < bad {
            return match roll % 5 {
                // Lost on the way: nobody hears of it.
                0 => Ok(()),
                1 => error(SendErrorKind::Transient),
                2 => error(SendErrorKind::Permanent),
                3 => {
                    self.arrive(&message).await;
                    error(SendErrorKind::Transient)
                }
                _ => {
                    let mut shared = self.hub.lock();
                    let until = shared.oracle.step + 60;
                    shared.late.push((until, message));
                    Ok(())
                }
            };
        }
        self.arrive(&message).await;
        Ok(())
    }
}

impl Mail {
    async fn arrive(&self, message: &EmailMessage) {
        self.hub.lock().oracle.arrived(message);
        let _ = self.inbox.send(message).await;
    }
}

/// Passwords that are not hashed at all, but counted.
#[derive(Clone)]
pub struct Plain {
    pub hub: Hub,
}

#[async_trait::async_trait]
impl PasswordHasher for Plain {
    async fn hash(&self, password: Password, _: Share) -> Result<PasswordHash, HashError> {
        self.work("hash").await?;
        Ok(plain(password.expose()))
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        _: Share,
    ) -> Result<Verdict, HashError> {
        self.work("verify").await?;
        let same = plain(password.expose()) == hash;
        Ok(if same { Verdict::Match } else { Verdict::Mismatch })
    }

    async fn verify_dummy(&self, _: Password, _: Digest, _: Share) -> Result<(), HashError> {
        self.work("verify").await
    }
}

impl Plain {
    async fn work(&self, verb: &str) -> Result<(), HashError> {
        let fate = self.hub.enter(verb, String::new).await;
        if fate == Fate::Refused {
            return Err(HashError::Busy);
        }
        let mut shared = self.hub.lock();
        let call = shared.current;
        shared.oracle.hashed(call);
        if fate == Fate::ReplyLost { Err(HashError::Failed) } else { Ok(()) }
    }
}

/// A collection of passwords that have leaked, which sometimes has no answer.
#[derive(Clone)]
pub struct Leaks {
    pub hub: Hub,
    pub defect: Option<Defect>,
}

#[async_trait::async_trait]
impl BreachCheck for Leaks {
    async fn check(&self, password: &Password) -> Breach {
        if self.hub.enter("check", String::new).await != Fate::Answered {
            return Breach::Unavailable;
        }
        let mut shared = self.hub.lock();
        let call = shared.current;
        let leaked = has_leaked(password.expose());
        shared.oracle.calls[call].leaked = leaked;
        let said = leaked && self.defect != Some(Defect::LeakUnsaid);
        if said { Breach::Known } else { Breach::NotKnown }
    }
}

/// Every ninth of the passwords that people think of here.
fn has_leaked(password: &str) -> bool {
    let number = password.rsplit(' ').next().and_then(|last| last.parse::<u32>().ok());
    number.is_some_and(|number| number % 9 == 8)
}

/// One process's view of the policies.
#[derive(Clone)]
pub struct Seen {
    pub inner: Policies,
    /// What it saw first that lets everybody reset, if it never looks again.
    pub cached: Option<Policies>,
    pub first: Arc<Mutex<Vec<TenantId>>>,
}

impl PolicySource for Seen {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        let policy = self.inner.policy(tenant)?;
        let Some(cached) = &self.cached else { return Ok(policy) };
        let mut first = self.first.lock().unwrap();
        if let (Some(policy), false) = (&policy, first.contains(tenant)) {
            let methods = policy.authentication_methods();
            if methods.state() == MethodState::Disabled || !methods.exclude().is_empty() {
                return Ok(Some(policy.clone()));
            }
            first.push(tenant.clone());
            cached.replace((**policy).clone());
        }
        cached.policy(tenant)
    }
}
