//! The engine's ports, on the desk; and what a planted defect makes of them.

use std::sync::Arc;

use sspr::{
    TenantPolicy,
    adapters::code_in,
    domain::{
        Account, AccountId, Digest, EmailAddress, Method, Password, PasswordHash, RecordId, Stamp,
        TenantId, Timestamp,
    },
    flow::{Lockout, StageName, decode_lockout, decode_reset, encode_lockout, encode_reset},
    mail::{Content, EmailMessage, Letter, Templates, TextContent, TextLetter, TextMessage},
    ports::{
        Applied, Clock, CodeStore, EmailSender, EngineEvent, Entropy, EntropyUnavailable,
        EventSink, Freeze, HashError, HashQueue, Notice, NoticeDelivery, NoticeId, Outbox,
        PasswordChange, PasswordHasher, PasswordMatch, PolicyError, PolicySource, SendError,
        SendErrorKind, Sleep, SmsSender, StoreError, StoreErrorKind, UserStore,
    },
    store::{
        Attempted, Charge, CounterName, Family, Inserted, Loaded, Over, Record, StoredRecord,
        Swapped,
    },
};
use zeroize::Zeroizing;

use super::{
    calls::Call,
    defects::Defect,
    desk::{Desk, Inner},
    state::BEGIN,
    tape::{Fate, Reply},
    world::Setting,
};
use crate::simulation::{
    facts::Mode,
    founding::{TENANTS, plain},
    methods::{FIRST, SECOND, phone},
};

/// What a store's caller hears.
macro_rules! heard {
    ($desk:expr, $verb:expr, $kind:ident, $act:expr) => {
        match $desk.hear($verb, $act).await {
            Reply::$kind(answer) => Ok(answer),
            Reply::Failed(Fate::ReplyLost) if !$desk.takes_it_for_no() => {
                Err(StoreError::new(StoreErrorKind::Unknown, "the answer was lost"))
            }
            _ => Err(StoreError::new(StoreErrorKind::Busy, "the store has a bad day")),
        }
    };
}

#[async_trait::async_trait]
impl CodeStore for Desk {
    async fn insert(
        &self,
        r: &Record,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let verb = || format!("insert {} {}", r.body.len(), c.len());
        heard!(self, verb, Inserted, |inner: &mut Inner| {
            let is_void = decode_reset(&r.body).is_err() && decode_lockout(&r.body).is_err();
            if inner.world.is(Defect::VoidsForgotten)
                && is_void
                && matches!(inner.call, Call::Submit { .. })
            {
                return Reply::Inserted(Inserted::Inserted);
            }
            let done = inner.stores.insert(&inner.written(r), c, now);
            if done == Inserted::Inserted {
                inner.inserted(r, now);
            }
            Reply::Inserted(done)
        })
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        heard!(self, || format!("attempt {}", charges.len()), Attempted, |inner: &mut Inner| {
            let before = inner.stores.record(id);
            if let (true, Some(record)) = (inner.world.is(Defect::TriesAreFree), &before) {
                let (over, record) = (Vec::new(), record.clone());
                return Reply::Attempted(Attempted::Charged { over, record });
            }
            if inner.world.is(Defect::TriesWriteBack) {
                inner.stores.write_back(id);
            }
            let mut answer = inner.stores.attempt(id, charges, now);
            if inner.world.is(Defect::TimeForgotten)
                && matches!(answer, Attempted::Dead)
                && let Some(record) = before.filter(|record| now < record.expires_at)
            {
                answer = Attempted::Charged { over: Vec::new(), record };
            }
            if let Attempted::Charged { record, over } = answer {
                inner.saw(&record);
                answer = Attempted::Charged { over, record: inner.read(record) };
            }
            inner.attempted(id, &answer, now);
            Reply::Attempted(answer)
        })
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        heard!(self, || format!("load {}", charges.len()), Loaded, |inner: &mut Inner| {
            let redeems = matches!(inner.call, Call::Redeem { .. });
            let is_gone = inner.world.is(Defect::CompletedAreGone) && redeems;
            if is_gone && inner.is_completed(id) {
                return Reply::Loaded(Loaded::Missing);
            }
            let made = if inner.forgets(charges) { &[] } else { charges };
            let mut found = inner.stores.load(id, made, now);
            if !charges.is_empty() {
                inner.charged(charges, matches!(found, Loaded::Refused(_)));
            }
            if inner.world.is(Defect::NotYetIsNever)
                && let Call::Deliver { reset, number, .. } = inner.call
                && inner.books.resets[usize::from(reset)].sends < number
            {
                found = Loaded::Missing;
            }
            if let Loaded::Found(record) = found {
                inner.saw(&record);
                found = Loaded::Found(inner.read(record));
            }
            Reply::Loaded(found)
        })
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let verb = || format!("swap {} {} {}", next.body.len(), charges.len(), clear.len());
        heard!(self, verb, Swapped, |inner: &mut Inner| {
            let written = inner.written(next);
            if inner.world.is(Defect::DoorCloses)
                && inner.books.tried[0].is_spent()
                && let Some(charge) = charges.first()
            {
                let over = Over { ends_at: now.after(charge.window), name: charge.name };
                return Reply::Swapped(Swapped::Refused(vec![over]));
            }
            let forgets_expiry = match inner.call {
                Call::Enter { .. } => inner.world.is(Defect::ExpiryForgotten),
                Call::Freeze { .. } => inner.world.is(Defect::NoticeExpiryForgotten),
                _ => false,
            };
            if forgets_expiry {
                return Reply::Swapped(Swapped::Swapped { version: expected + 1 });
            }
            let older = inner.stores.records.get(&next.id).cloned();
            let charges = &inner.made(charges);
            let mut done = inner.stores.swap(&written, expected, charges, clear, now);
            if let (true, Swapped::Conflict { version }) =
                (inner.world.is(Defect::VersionsNotCompared), &done)
            {
                done = inner.stores.swap(&written, *version, charges, clear, now);
            }
            if let Swapped::Refused(over) = &done {
                inner.held_back(next, over, now);
            }
            if let Swapped::Swapped { version } = done {
                inner.wrote_lockout(next, version);
                inner.swapped(next, now);
                inner.gave_back(clear);
                if inner.world.is(Defect::TriesWriteBack) && next.begins_challenge {
                    inner.stores.older = older;
                }
            }
            Reply::Swapped(done)
        })
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        heard!(self, || format!("charge {}", charges.len()), Over, |inner: &mut Inner| {
            let over = inner.stores.charge(charges, now);
            inner.charged(charges, !over.is_empty());
            Reply::Over(over)
        })
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.lock().stores.delete_expired(now, limit))
    }
}

impl Desk {
    fn takes_it_for_no(&self) -> bool {
        let world = self.lock().world.clone();
        world.is(Defect::SendTakenForNo) || world.is(Defect::ChangeTakenForNo)
    }
}

impl Inner {
    /// What is really written.
    fn written(&self, record: &Record) -> Record {
        let mut record = record.clone();
        let cleared = Lockout::default().cleared(BEGIN);
        if self.world.is(Defect::FailuresForgotten) && decode_lockout(&record.body).is_ok() {
            record.body = encode_lockout(&cleared);
        }
        match self.world.defect {
            Some(Defect::ChargesForgotten) => record.charges.clear(),
            Some(Defect::OneTryMore) => record.tries_limit += 1,
            Some(Defect::TriesEndEarly) => record.tries_limit -= 1,
            Some(Defect::TextTriesAreFree) if by_text(&record) => record.charges.clear(),
            Some(Defect::TextSupersedesNothing) if by_text(&record) => {
                let bound = self.stores.record(&record.id);
                let bound = bound.and_then(|before| decode_reset(&before.body).ok()?.bound);
                let mut next = decode_reset(&record.body).unwrap();
                next.bound = bound.or(next.bound);
                record.body = encode_reset(&next);
            }
            Some(Defect::DecoysKeepTries) if record.begins_challenge => {
                let after = decode_reset(&record.body).unwrap();
                let is_decoy = self.bound(&record.id, &after).is_some_and(|bind| bind.to.is_none());
                record.begins_challenge = !is_decoy;
            }
            _ => {}
        }
        record
    }

    /// The charges that are really made with a write.
    fn made(&self, charges: &[Charge]) -> Vec<Charge> {
        let factor = match self.world.defect {
            Some(Defect::TextsUncounted) => 0,
            Some(Defect::TextsCountTwice) => 2,
            _ => 1,
        };
        let mut made = charges.to_vec();
        let of_texts = |it: &&mut Charge| it.name.family() == Some(Family::SilentTexts);
        made.iter_mut().filter(of_texts).for_each(|charge| charge.amount *= factor);
        made
    }

    /// Whether the store makes none of the charges that come with a read.
    fn forgets(&self, charges: &[Charge]) -> bool {
        let family = match self.world.defect {
            Some(Defect::HashesForgotten) => Family::Turns,
            Some(Defect::TicketsForgotten) => Family::Tickets,
            _ => return false,
        };
        charges.iter().any(|charge| charge.name.family() == Some(family))
    }

    fn is_completed(&self, id: &RecordId) -> bool {
        let reset = self.stores.record(id).and_then(|record| decode_reset(&record.body).ok());
        reset.is_some_and(|reset| reset.stage.name() == StageName::Completed)
    }

    fn saw(&mut self, loaded: &StoredRecord) {
        self.noted.seen = decode_reset(&loaded.body).ok().map(|reset| reset.sends());
    }

    fn read(&self, mut loaded: StoredRecord) -> StoredRecord {
        if self.world.is(Defect::TimeForgotten) {
            loaded.touched_at = Timestamp::from_micros(i64::MIN);
            // And what the body remembers.
            let Ok(mut reset) = decode_reset(&loaded.body) else { return loaded };
            reset.touched_at = Timestamp::from_micros(i64::MIN);
            loaded.body = encode_reset(&reset);
        }
        loaded
    }
}

#[async_trait::async_trait]
impl UserStore for Desk {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        heard!(self, || "find_by_address".to_owned(), Accounts, |inner: &mut Inner| {
            if inner.world.is(Defect::TenantsMixed) {
                let all = inner.stores.accounts.iter();
                let first = all.map(|(_, it)| it).find(|it| it.addresses.contains(address));
                return Reply::Accounts(first.map(|it| Account::clone(it)).into_iter().collect());
            }
            let mut found = inner.stores.find_by_address(tenant, address);
            if inner.world.is(Defect::FreezesUnseen) {
                found.iter_mut().for_each(|account| account.frozen = None);
            }
            let told: Vec<_> = found.into_iter().map(|it| inner.told_of(tenant, it)).collect();
            told.iter().for_each(|account| inner.told_for_a_password(account));
            Reply::Accounts(told)
        })
    }

    async fn find(&self, tenant: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let reply = heard!(self, || "find".to_owned(), Account, |inner: &mut Inner| {
            let mut found = inner.stores.find(tenant, id);
            if inner.world.is(Defect::FreezesUnseen) {
                found.iter_mut().for_each(|account| account.frozen = None);
            }
            let told = found.map(|it| Box::new(inner.told_of(tenant, it)));
            told.iter().for_each(|account| inner.told_for_a_password(account));
            Reply::Account(told)
        });
        reply.map(|found| found.map(|it| *it))
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    fn keeps_freezes(&self) -> bool {
        self.lock().world.setting == Setting::Notified
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        heard!(self, || "freeze".to_owned(), Froze, |inner: &mut Inner| {
            let Some(before) = inner.stores.find(&freeze.tenant, &freeze.account) else {
                return Reply::Froze(false);
            };
            let mut given = freeze.clone();
            if inner.world.is(Defect::FreezeKeepsTheStamp) {
                given.next_stamp = before.stamp;
            }
            let done = inner.stores.freeze(&given);
            inner.froze(&before);
            Reply::Froze(done)
        })
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        heard!(self, || "apply_change".to_owned(), Applied, |inner: &mut Inner| {
            let Some(before) = inner.stores.find(&change.tenant, &change.account) else {
                return Reply::Applied(Applied::Stale);
            };
            let mut given = change.clone();
            match inner.world.defect {
                Some(Defect::UsersTakeAll) => {
                    given.expected_stamp = before.stamp;
                    inner
                        .stores
                        .update(&change.tenant, &change.account, |it| it.last_change = None);
                }
                Some(Defect::StampKept) => given.next_stamp = given.expected_stamp,
                Some(Defect::StampsAreStale | Defect::SessionsAreTrusted) => {
                    given.expected_stamp = before.stamp;
                }
                Some(Defect::NoticeForgotten) => given.notify.clear(),
                _ => {}
            }
            if !inner.world.queues() {
                given.notify.clear();
            }
            let mut applied = inner.stores.apply_change(&given);
            if let (Applied::Done { notice }, false) = (&mut applied, inner.world.queues()) {
                *notice = NoticeDelivery::NotQueued;
            }
            if inner.world.is(Defect::LastResetForgotten) {
                inner.stores.update(&change.tenant, &change.account, |it| it.last_change = None);
            }
            inner.applied(change, &applied, &before);
            Reply::Applied(applied)
        })
    }
}

impl Inner {
    /// What the users table says of an account.
    fn told_of(&self, tenant: &TenantId, mut account: Account) -> Account {
        let mut all = self.stores.accounts.iter();
        let index = all.position(|(at, it)| at == tenant && it.id == account.id);
        let which = match self.world.defect {
            Some(Defect::StampsAreStale) => 0,
            Some(Defect::SignOutUnseen) => 1,
            Some(Defect::MarksUnseen) => {
                account.must_change = false;
                return account;
            }
            Some(Defect::PhonesAreStale) => {
                account.phones = vec![phone(FIRST)];
                return account;
            }
            Some(Defect::SessionsAreTrusted) => {
                if let Call::Change { stamp, .. } = self.call {
                    account.stamp = Stamp::from_bytes(stamp);
                }
                return account;
            }
            _ => return account,
        };
        let stamp = index.and_then(|index| self.books.stamps[index].get(which));
        account.stamp = stamp.map_or(account.stamp, |stamp| Stamp::from_bytes(*stamp));
        account
    }
}

#[async_trait::async_trait]
impl Outbox for Desk {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        heard!(self, || "due".to_owned(), Notices, |inner: &mut Inner| {
            Reply::Notices(inner.stores.due(now, limit))
        })
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reply = self.hear(
            || "postpone".to_owned(),
            |inner| {
                inner.stores.postpone(id, tries, until, now);
                Reply::Done
            },
        );
        match reply.await {
            Reply::Done => Ok(()),
            _ => Err(StoreError::new(StoreErrorKind::Unknown, "the answer was lost")),
        }
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        let reply = self.hear(
            || "done".to_owned(),
            |inner| {
                inner.stores.done(id);
                inner.books.owed = inner.stores.notices.len() as u8;
                Reply::Done
            },
        );
        match reply.await {
            Reply::Done => Ok(()),
            _ => Err(StoreError::new(StoreErrorKind::Unknown, "the answer was lost")),
        }
    }
}

#[async_trait::async_trait]
impl EmailSender for Desk {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let mut message = message.clone();
        let reply = self.hear(
            || "send".to_owned(),
            |inner| {
                let Call::Deliver { lost, reset, .. } = inner.call else {
                    inner.mailed(&message, None);
                    if matches!(inner.call, Call::Notices) {
                        inner.noticed(&message);
                    }
                    return Reply::Done;
                };
                if inner.world.is(Defect::MailToTyped) {
                    message.to = EmailAddress::parse(inner.world.typed(reset).2).unwrap();
                }
                let code = code_in(&message).map(|code| Arc::from(code.expose()));
                inner.mailed(&message, code.filter(|_| !lost));
                Reply::Done
            },
        );
        match reply.await {
            Reply::Done => Ok(()),
            _ => Err(SendError::new(SendErrorKind::Transient, "the mail system has a bad day")),
        }
    }
}

#[async_trait::async_trait]
impl SmsSender for Desk {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let mut message = message.clone();
        let reply = self.hear(
            || "send_text".to_owned(),
            |inner| {
                let Call::Deliver { lost, .. } = inner.call else { return Reply::Done };
                if inner.world.is(Defect::TextToAnother) {
                    message.to = phone(SECOND);
                }
                if let Some(code) = &message.code {
                    inner.texted(&message, Some(Arc::from(code.as_str())).filter(|_| !lost));
                }
                Reply::Done
            },
        );
        match reply.await {
            Reply::Done => Ok(()),
            _ => Err(SendError::new(SendErrorKind::Transient, "the provider has a bad day")),
        }
    }

    /// Notices by text are told apart in `tests/engine/text_notices.rs`.
    fn sends_notices(&self) -> bool {
        false
    }
}

/// Whether a record is a reset whose latest code goes by text.
fn by_text(record: &Record) -> bool {
    let sent = decode_reset(&record.body).ok().and_then(|reset| reset.sent);
    sent.is_some_and(|sent| sent.method == Method::Sms)
}

#[async_trait::async_trait]
impl PasswordHasher for Desk {
    async fn hash(&self, password: Password, _: HashQueue) -> Result<PasswordHash, HashError> {
        let reply = self.hear(
            || "hash".to_owned(),
            |inner| {
                inner.hashed();
                Reply::Hashed(plain(password.expose()))
            },
        );
        match reply.await {
            Reply::Hashed(hash) => Ok(hash),
            Reply::Failed(Fate::Refused) => Err(HashError::Busy),
            _ => Err(HashError::Failed),
        }
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        _: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        let reply = self.hear(
            || "verify".to_owned(),
            |inner| {
                inner.hashed();
                let yes =
                    inner.world.is(Defect::HasherSaysYes) || inner.world.is(Defect::CurrentIsAny);
                let same = yes || plain(password.expose()) == hash;
                inner.compared(same);
                Reply::PasswordMatch(if same {
                    PasswordMatch::Match
                } else {
                    PasswordMatch::Mismatch
                })
            },
        );
        match reply.await {
            Reply::PasswordMatch(verdict) => Ok(verdict),
            Reply::Failed(Fate::Refused) => Err(HashError::Busy),
            _ => Err(HashError::Failed),
        }
    }

    async fn verify_dummy(&self, _: Password, _: Digest, _: HashQueue) -> Result<(), HashError> {
        match self.hear(|| "verify".to_owned(), |_| Reply::Done).await {
            Reply::Done => Ok(()),
            Reply::Failed(Fate::Refused) => Err(HashError::Busy),
            _ => Err(HashError::Failed),
        }
    }
}

// What is asked without a wait.

impl PolicySource for Desk {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        let inner = self.lock();
        let index = TENANTS.iter().position(|name| *name == tenant.as_str());
        let cached = inner.world.is(Defect::PolicyCached);
        Ok(index.map(|index| {
            let mode = match inner.around().modes[index] {
                _ if cached => Mode::On,
                Mode::Abroad if inner.world.is(Defect::CountriesAreStale) => Mode::On,
                mode => mode,
            };
            inner.world.policy(index, mode)
        }))
    }
}

impl Clock for Desk {
    fn now(&self) -> Timestamp {
        let inner = self.lock();
        if inner.world.is(Defect::ClocksStandStill) { BEGIN } else { inner.around().now }
    }

    fn sleep_until(&self, _: Timestamp) -> Sleep {
        Box::pin(std::future::ready(()))
    }
}

impl Entropy for Desk {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let mut inner = self.lock();
        for chunk in bytes.chunks_mut(8) {
            let word = inner.chance.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl EventSink for Desk {
    fn emit(&self, event: &EngineEvent) {
        use std::fmt::Write;
        let mut inner = self.lock();
        if inner.live {
            write!(inner.events, "{event:?}").unwrap();
        }
    }
}

/// Mails of one line each.
#[derive(Clone, Copy, Debug)]
pub struct ShortMails;

impl Templates for ShortMails {
    fn render(&self, letter: &Letter<'_>) -> EmailMessage {
        let text = match letter.content {
            Content::Passcode { code, .. }
            | Content::PasswordChanged { freeze: Some(code), .. } => code.expose(),
            _ => String::new(),
        };
        let (subject, html) = (Zeroizing::new("mail".to_owned()), Zeroizing::new(String::new()));
        letter.message(subject, Zeroizing::new(text), html)
    }

    fn text(&self, letter: &TextLetter<'_>) -> Zeroizing<String> {
        match letter.content {
            TextContent::Passcode { code, .. } => Zeroizing::new(code.expose()),
            _ => Zeroizing::default(),
        }
    }
}
