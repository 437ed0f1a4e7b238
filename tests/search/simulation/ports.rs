//! The other ports of the world: users, outbox, mail, passwords, policies.

use std::sync::{Arc, Mutex};

use sspr::{
    adapters::{CaptureSender, MemoryPolicies, MemoryUsers},
    domain::{
        Account, AccountId, Digest, EmailAddress, Password, PasswordHash, RecordId, SecondFactor,
        Stamp, TenantId, Timestamp,
    },
    mail::{Content, EmailMessage, Letter, StandardTemplates, Templates},
    policy::{MethodState, TenantPolicy},
    ports::{
        Applied, Breach, BreachCheck, EmailSender, Freeze, HashError, HashQueue, Notice,
        NoticeCause, NoticeDelivery, NoticeId, Outbox, PasswordChange, PasswordHasher,
        PasswordMatch, PolicyError, PolicySource, SendError, SendErrorKind, StoreError, UserStore,
    },
};
use zeroize::Zeroizing;

use super::{
    changes::Said,
    codes::{lost, now, refused},
    defects::Defect,
    facts::Kind,
    founding::plain,
    hub::{Fate, Hub, Late, pause},
    settling::phones,
};

/// The users table, with its outbox.
#[derive(Clone)]
pub struct Users {
    pub inner: MemoryUsers,
    pub hub: Hub,
    pub defect: Option<Defect>,
    pub tenants: Vec<TenantId>,
    /// Of which of them it queues the notices itself.
    pub queues: [bool; 2],
}

impl Users {
    fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whether the call that is being polled is of this kind.
    fn asks(&self, kind: impl FnOnce(&Kind) -> bool) -> bool {
        let shared = self.hub.lock();
        kind(&shared.oracle.calls[shared.current].kind)
    }

    /// What the table says of an account.
    fn tells(&self, tenant: &TenantId, account: &mut Account) {
        if self.is(Defect::PhonesAreStale) {
            let index = usize::from(*tenant == self.tenants[1]);
            account.phones = phones(index, account.id.as_str());
        }
    }

    /// One write: `act` is what it does to the table.
    async fn happens<T: Send>(
        &self,
        verb: &str,
        act: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.hub.perform(verb, String::new, act).await {
            Some((_, Fate::ReplyLost)) => Err(lost()),
            Some((answer, _)) => answer,
            None => Err(refused()),
        }
    }
}

const fn is_change(kind: &Kind) -> bool {
    matches!(kind, Kind::Change(_))
}

const fn is_code(kind: &Kind) -> bool {
    matches!(kind, Kind::Enter { .. })
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
        if self.defect == Some(Defect::AddressesMixed) && self.asks(is_code) {
            for other in ["ada@example.com", "eve@example.com", "solo@example.com"] {
                let other = EmailAddress::parse(other).unwrap();
                found.extend(self.inner.find_by_address(tenant, &other).await?);
            }
        }
        if self.defect == Some(Defect::TenantsMixed) && found.is_empty() {
            for other in &self.tenants {
                found.extend(self.inner.find_by_address(other, address).await?);
            }
        }
        found.iter_mut().for_each(|it| self.tells(tenant, it));
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
        if let Some(found) = &mut found {
            self.tells(tenant, found);
            match self.defect {
                Some(Defect::LastChangeForgotten) if self.asks(is_change) => {
                    found.last_change = None;
                }
                Some(Defect::SessionsDisabled) if self.asks(is_change) => {
                    found.disabled = true;
                }
                Some(Defect::SessionsEnded) if self.asks(is_change) => {
                    found.stamp = Stamp::from_bytes([0; 16]);
                }
                _ => {}
            }
        }
        // What was read may be old when it arrives.
        let waits = self.hub.lock().chance.below(2);
        pause(waits).await;
        if fate == Fate::Answered { Ok(found) } else { Err(refused()) }
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let (users, change) = (self.clone(), change.clone());
        let by_session = self.asks(is_change);
        let act = move || {
            let before = now(users.inner.find(&change.tenant, &change.account))?;
            let mut given = change.clone();
            match (users.defect, &before) {
                (Some(Defect::StampIgnored), Some(before)) => given.expected_stamp = before.stamp,
                (Some(Defect::StampKept), _) => given.next_stamp = given.expected_stamp,
                (Some(Defect::NoticeForgotten), _) => given.notify.clear(),
                (Some(Defect::SessionStampIgnored), Some(before)) if by_session => {
                    given.expected_stamp = before.stamp;
                }
                (Some(Defect::OperationRepeated), Some(before))
                    if by_session && before.last_change == Some(change.operation) =>
                {
                    given.expected_stamp = before.stamp;
                    given.operation = RecordId::from_parts(change.operation.tenant_tag(), [9; 16]);
                }
                (Some(Defect::MarkKept), Some(before)) if by_session => {
                    given.must_change = before.must_change;
                }
                (Some(Defect::CauseForgotten), _) => {
                    given.notify.iter_mut().for_each(|it| it.cause = NoticeCause::Unknown);
                }
                (Some(Defect::MarkForgotten), _) => given.must_change = false,
                (Some(Defect::ExpiryForgotten), _) => given.password_expires_at = None,
                _ => {}
            }
            let at_home = users.tenants.iter().position(|tenant| *tenant == change.tenant);
            let queues = at_home.is_some_and(|index| users.queues[index]);
            if !queues {
                given.notify.clear();
            }
            let mut applied = now(users.inner.apply_change(&given))?;
            if let (true, Some(before)) = (users.is(Defect::PhonesKept), &before)
                && matches!(applied, Applied::Done { .. })
            {
                let phones = before.phones.clone();
                users.inner.update(&change.tenant, &change.account, |it| it.phones = phones);
            }
            if let Applied::Done { notice } = &mut applied
                && !queues
            {
                *notice = NoticeDelivery::NotQueued;
            }
            let after = now(users.inner.find(&change.tenant, &change.account))?;
            users.hub.note(|oracle, call| oracle.applied(call, &change, &applied, before, after));
            Ok(applied)
        };
        self.happens("apply_change", act).await
    }

    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let (users, who) = (self.clone(), (tenant.clone(), account.clone()));
        let act = move || {
            let marked = now(users.inner.require_change(&who.0, &who.1))?;
            let after = now(users.inner.find(&who.0, &who.1))?;
            users.hub.note(|oracle, _| oracle.marked(&who, after));
            Ok(marked)
        };
        self.happens("require_change", act).await
    }

    fn keeps_freezes(&self) -> bool {
        true
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        let (users, freeze) = (self.clone(), freeze.clone());
        let act = move || {
            let before = now(users.inner.find(&freeze.tenant, &freeze.account))?;
            let mut given = freeze.clone();
            match users.defect {
                Some(Defect::FreezeKeepsTheStamp) => given.next_stamp = given.expected_stamp,
                Some(Defect::FreezeIgnoresTheStamp) => {
                    given.expected_stamp =
                        before.as_ref().map_or(given.expected_stamp, |it| it.stamp);
                }
                _ => {}
            }
            let done = now(users.inner.freeze(&given))?;
            let after = now(users.inner.find(&freeze.tenant, &freeze.account))?;
            users.hub.note(|oracle, call| oracle.froze(call, &freeze, before, after));
            Ok(done)
        };
        self.happens("freeze", act).await
    }
}

#[async_trait::async_trait]
impl Outbox for Users {
    async fn due(&self, at: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let users = self.clone();
        let act = move || {
            let due = now(users.inner.due(at, limit))?;
            users.hub.lock().oracle.noticed(&due);
            if users.is(Defect::OutboxForgets) {
                due.iter().try_for_each(|notice| now(users.inner.done(&notice.id)))?;
            }
            Ok(due)
        };
        self.happens("due", act).await
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (users, id) = (self.clone(), id.clone());
        let act = move || match users.is(Defect::PostponeForgets) {
            true => now(users.inner.done(&id)),
            false => now(users.inner.postpone(&id, tries, until, at)),
        };
        self.happens("postpone", act).await
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        let (users, id) = (self.clone(), id.clone());
        self.happens("done", move || now(users.inner.done(&id))).await
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
        let mut handing = Handing { hub: self.hub.clone(), message: Some(message) };
        pause(1 + roll % 3).await;
        let message = handing.message.take().expect("it is handed over once");
        let bad = 3 * self.hub.lock().weather.per_mille();
        let fate = if roll < bad { roll % 8 } else { 8 };
        let said = match fate {
            1 | 3 => Said::ForNow(SendErrorKind::Transient),
            2 => Said::Permanent,
            5 => Said::ForNow(SendErrorKind::Setup),
            6 | 7 => Said::ForNow(SendErrorKind::Unknown),
            _ => Said::Accepted,
        };
        self.hub.lock().oracle.handed(&message, said);
        match fate {
            // Lost on the way, perhaps where nobody hears of it; refused.
            0..=2 | 5 | 6 => {}
            4 => {
                let mut shared = self.hub.lock();
                let until = shared.oracle.step + 60;
                shared.late.push((until, Late::Mail(message)));
            }
            _ => self.arrive(&message).await,
        }
        let error = |kind| Err(SendError::new(kind, "the mail system has a bad day"));
        match said {
            Said::Accepted => Ok(()),
            Said::Permanent => error(SendErrorKind::Permanent),
            Said::ForNow(SendErrorKind::Setup) if self.defect == Some(Defect::SetupIsForGood) => {
                error(SendErrorKind::Permanent)
            }
            Said::ForNow(kind) => error(kind),
        }
    }
}

/// A message on its way: if its courier is dropped, nobody knows whether it was handed over.
struct Handing {
    hub: Hub,
    message: Option<EmailMessage>,
}

impl Drop for Handing {
    fn drop(&mut self) {
        if let Some(message) = &self.message {
            let said = Said::ForNow(SendErrorKind::Unknown);
            self.hub.lock().oracle.handed(message, said);
        }
    }
}

/// The usual mails; a notice has the time of its change for a subject.
#[derive(Clone, Debug, Default)]
pub struct Dated(StandardTemplates);

impl Templates for Dated {
    fn render(&self, letter: &Letter<'_>) -> EmailMessage {
        let mut message = self.0.render(letter);
        if let Content::PasswordChanged { at, .. } = letter.content {
            message.subject = Zeroizing::new(at.as_micros().to_string());
        }
        message
    }

    fn text(&self, letter: &sspr::mail::TextLetter<'_>) -> zeroize::Zeroizing<String> {
        sspr::mail::StandardTemplates::default().text(letter)
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
    pub defect: Option<Defect>,
}

#[async_trait::async_trait]
impl PasswordHasher for Plain {
    async fn hash(&self, password: Password, _: HashQueue) -> Result<PasswordHash, HashError> {
        self.work("hash", &password, None).await?;
        Ok(plain(password.expose()))
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        _: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        let mut same = plain(password.expose()) == hash;
        {
            let shared = self.hub.lock();
            match self.defect.filter(|_| is_change(&shared.oracle.calls[shared.current].kind)) {
                Some(Defect::CurrentUnchecked) => same = true,
                Some(Defect::CurrentRefused) => same = false,
                _ => {}
            }
        }
        self.work("verify", &password, Some(same)).await?;
        if self.hub.is_courier() {
            match self.defect {
                Some(Defect::SettledAsRight) => same = true,
                Some(Defect::SettledAsWrong) => same = false,
                _ => {}
            }
        }
        Ok(if same { PasswordMatch::Match } else { PasswordMatch::Mismatch })
    }

    async fn verify_dummy(&self, it: Password, _: Digest, _: HashQueue) -> Result<(), HashError> {
        self.work("verify", &it, Some(false)).await
    }
}

impl Plain {
    async fn work(&self, verb: &str, it: &Password, right: Option<bool>) -> Result<(), HashError> {
        // Before it waits: a courier may go on with it.
        let call = {
            let mut shared = self.hub.lock();
            let asked = shared.current;
            shared.oracle.compares(asked, it.expose())
        };
        let fate = self.hub.enter(verb, String::new).await;
        let mut shared = self.hub.lock();
        shared.oracle.hashed(call, fate, right);
        match fate {
            Fate::Answered => Ok(()),
            Fate::Refused => Err(HashError::Busy),
            Fate::ReplyLost => Err(HashError::Failed),
        }
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
    pub inner: MemoryPolicies,
    /// What it saw first that lets everybody reset, if it never looks again.
    pub cached: Option<MemoryPolicies>,
    /// Whether it serves one more country than the administrator has set.
    pub widens: bool,
    pub first: Arc<Mutex<Vec<TenantId>>>,
}

impl PolicySource for Seen {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        let mut policy = self.inner.policy(tenant)?;
        if let (true, Some(it)) = (self.widens, &policy) {
            let wider = TenantPolicy::clone(it).with_sms_countries(["US", "CA", "DE"]).unwrap();
            policy = Some(Arc::new(wider));
        }
        let Some(cached) = &self.cached else { return Ok(policy) };
        let mut first = self.first.lock().unwrap();
        if let (Some(policy), false) = (&policy, first.contains(tenant)) {
            let methods = policy.authentication_methods().method(sspr::domain::Method::Email);
            if methods.state() == MethodState::Disabled || !methods.exclude().is_empty() {
                return Ok(Some(policy.clone()));
            }
            first.push(tenant.clone());
            cached.replace((**policy).clone());
        }
        cached.policy(tenant)
    }
}
