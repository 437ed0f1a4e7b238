//! Every method of every port, also the optional ones, reaches the adapter behind an `Arc`. The
//! arguments and the answer pass unchanged.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;

use async_trait::async_trait;

use super::*;
use crate::{
    domain::{Frozen, LanguageTag, Stamp},
    mail::{Content, Language, Letter, StandardTemplates, Templates as _},
    policy::Brand,
    ports::{
        EventKind, HashError, NoticeDelivery, Outcome, PasswordMatch, SendErrorKind, StoreErrorKind,
    },
};

/// An adapter that records which method was awaited, and answers unlike any default.
#[derive(Default)]
struct Told(Mutex<Vec<&'static str>>);

impl Told {
    fn note(&self, method: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(method);
    }
}

fn refused() -> StoreError {
    StoreError::new(StoreErrorKind::Full, "told")
}

#[async_trait]
impl CodeStore for Told {
    async fn insert(&self, _: &Record, _: &[Charge], _: Timestamp) -> Result<Inserted, StoreError> {
        self.note("insert");
        Ok(Inserted::Full)
    }

    async fn attempt(
        &self,
        _: &RecordId,
        _: &[Charge],
        _: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.note("attempt");
        Ok(Attempted::Exhausted)
    }

    async fn load(&self, _: &RecordId, _: &[Charge], _: Timestamp) -> Result<Loaded, StoreError> {
        self.note("load");
        Err(refused())
    }

    async fn compare_and_swap(
        &self,
        _: &Record,
        expected: u64,
        _: &[Charge],
        _: &[CounterName],
        _: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.note("compare_and_swap");
        Ok(Swapped::Conflict { version: expected })
    }

    async fn charge(&self, _: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.note("charge");
        Ok(vec![Over { ends_at: now, name: CounterName::from_bytes([1; 32]) }])
    }

    async fn delete_expired(&self, _: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.note("delete_expired");
        Ok(limit)
    }
}

#[async_trait]
impl UserStore for Told {
    async fn find_by_address(
        &self,
        _: &TenantId,
        _: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.note("find_by_address");
        Err(refused())
    }

    async fn find(&self, _: &TenantId, _: &AccountId) -> Result<Option<Account>, StoreError> {
        self.note("find");
        Err(refused())
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.note("apply_change");
        Ok(Applied::Repeated { stamp: change.next_stamp })
    }

    async fn rehash(
        &self,
        _: &TenantId,
        _: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.note("rehash");
        Ok(old != new)
    }

    fn keeps_marks(&self) -> bool {
        self.note("keeps_marks");
        true
    }

    async fn require_change(&self, _: &TenantId, _: &AccountId) -> Result<bool, StoreError> {
        self.note("require_change");
        Err(refused())
    }

    fn keeps_freezes(&self) -> bool {
        self.note("keeps_freezes");
        true
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        self.note("freeze");
        Ok(freeze.frozen.is_some())
    }

    async fn signed_in(&self, _: &TenantId, _: &AccountId, _: Timestamp) -> Result<(), StoreError> {
        self.note("signed_in");
        Err(refused())
    }
}

#[async_trait]
impl Outbox for Told {
    async fn due(&self, _: Timestamp, _: usize) -> Result<Vec<Notice>, StoreError> {
        self.note("due");
        Err(refused())
    }

    async fn postpone(
        &self,
        _: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.note("postpone");
        assert_eq!((tries, until), (7, now.after(Duration::from_secs(9))));
        Err(refused())
    }

    async fn done(&self, _: &NoticeId) -> Result<(), StoreError> {
        self.note("done");
        Err(refused())
    }
}

#[async_trait]
impl EmailSender for Told {
    async fn send(&self, _: &EmailMessage) -> Result<(), SendError> {
        self.note("send");
        Err(SendError::new(SendErrorKind::Permanent, "told"))
    }
}

#[async_trait]
impl PasswordHasher for Told {
    async fn hash(&self, _: Password, _: HashQueue) -> Result<PasswordHash, HashError> {
        self.note("hash");
        Err(HashError::Failed)
    }

    async fn verify(
        &self,
        _: Password,
        _: PasswordHash,
        _: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        self.note("verify");
        Ok(PasswordMatch::MatchOutdated)
    }

    async fn verify_dummy(&self, _: Password, _: Digest, _: HashQueue) -> Result<(), HashError> {
        self.note("verify_dummy");
        Err(HashError::Unsupported)
    }
}

#[async_trait]
impl BreachCheck for Told {
    async fn check(&self, _: &Password) -> Breach {
        self.note("check");
        Breach::Known
    }
}

impl PolicySource for Told {
    fn policy(&self, _: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        self.note("policy");
        Ok(None)
    }
}

impl EventSink for Told {
    fn emit(&self, _: &EngineEvent) {
        self.note("emit");
    }
}

fn told(told: &Told) -> Vec<&'static str> {
    core::mem::take(&mut *told.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the answer of a future that is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("an answer")
}

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn hash(number: u8) -> PasswordHash {
    PasswordHash::parse(&format!("$argon2id${number}")).unwrap()
}

const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

#[test]
fn a_code_store_behind_an_arc_is_asked_every_verb() {
    let inner = Arc::new(Told::default());
    let store: Arc<dyn CodeStore> = inner.clone();
    let id = RecordId::from_bytes([1; RecordId::BYTES]);
    let record = Record {
        begins_challenge: false,
        body: Vec::new(),
        charges: Vec::new(),
        expires_at: AT,
        id,
        tries_limit: 1,
    };

    let inserted = now(CodeStore::insert(&store, &record, &[], AT));
    let attempted = now(CodeStore::attempt(&store, &id, &[], AT));
    let loaded = now(CodeStore::load(&store, &id, &[], AT));
    let swapped = now(CodeStore::compare_and_swap(&store, &record, 5, &[], &[], AT));
    let charged = now(CodeStore::charge(&store, &[], AT));
    let swept = now(CodeStore::delete_expired(&store, AT, 3));

    assert_eq!(inserted.unwrap(), Inserted::Full);
    assert!(matches!(attempted.unwrap(), Attempted::Exhausted));
    assert!(loaded.is_err());
    assert_eq!(swapped.unwrap(), Swapped::Conflict { version: 5 });
    assert_eq!((charged.unwrap().len(), swept.unwrap()), (1, 3));
    let every =
        ["insert", "attempt", "load", "compare_and_swap", "charge", "delete_expired"].to_vec();
    assert_eq!(told(&inner), every);
}

#[test]
fn a_user_store_behind_an_arc_is_asked_every_method_the_optional_ones_too() {
    let inner = Arc::new(Told::default());
    let users: Arc<dyn UserStore> = inner.clone();
    let account = AccountId::parse("ada").unwrap();
    let address = EmailAddress::parse("ada@example.com").unwrap();
    let change = PasswordChange {
        account: account.clone(),
        addresses: None,
        at: AT,
        expected_stamp: Stamp::from_bytes([1; 16]),
        language: Some(LanguageTag::parse("de").unwrap()),
        must_change: false,
        next_stamp: Stamp::from_bytes([2; 16]),
        notify: Vec::new(),
        operation: RecordId::from_bytes([1; RecordId::BYTES]),
        password: hash(1),
        password_expires_at: None,
        tenant: tenant(),
    };

    assert!(now(UserStore::find_by_address(&users, &tenant(), &address)).is_err());
    assert!(now(UserStore::find(&users, &tenant(), &account)).is_err());
    let applied = now(UserStore::apply_change(&users, &change)).unwrap();
    assert_eq!(applied, Applied::Repeated { stamp: change.next_stamp });
    assert_ne!(applied, Applied::Done { notice: NoticeDelivery::Queued });
    assert!(now(UserStore::rehash(&users, &tenant(), &account, &hash(1), &hash(2))).unwrap());
    assert!(UserStore::keeps_marks(&users));
    assert!(now(UserStore::require_change(&users, &tenant(), &account)).is_err());
    assert!(UserStore::keeps_freezes(&users));
    let kept = Account::new(account.clone(), address, Stamp::from_bytes([1; 16]));
    let frozen = |frozen| Freeze::new(tenant(), &kept, Stamp::from_bytes([2; 16]), frozen);
    let since = Some(Frozen::new(AT, Vec::new()));
    assert!(now(UserStore::freeze(&users, &frozen(since))).unwrap());
    assert!(!now(UserStore::freeze(&users, &frozen(None))).unwrap());
    assert!(now(UserStore::signed_in(&users, &tenant(), &account, AT)).is_err());

    assert_eq!(
        told(&inner),
        [
            "find_by_address",
            "find",
            "apply_change",
            "rehash",
            "keeps_marks",
            "require_change",
            "keeps_freezes",
            "freeze",
            "freeze",
            "signed_in"
        ]
        .to_vec()
    );
}

#[test]
fn an_outbox_behind_an_arc_is_asked_every_method() {
    let inner = Arc::new(Told::default());
    let outbox: Arc<dyn Outbox> = inner.clone();
    let id = NoticeId("1".to_owned());

    assert!(now(Outbox::due(&outbox, AT, 1)).is_err());
    let until = AT.after(Duration::from_secs(9));
    assert!(now(Outbox::postpone(&outbox, &id, 7, until, AT)).is_err());
    assert!(now(Outbox::done(&outbox, &id)).is_err());

    assert_eq!(told(&inner), ["due", "postpone", "done"].to_vec());
}

#[test]
fn every_other_port_behind_an_arc_is_asked_every_method() {
    let inner = Arc::new(Told::default());
    let sender: Arc<dyn EmailSender> = inner.clone();
    let hasher: Arc<dyn PasswordHasher> = inner.clone();
    let breaches: Arc<dyn BreachCheck> = inner.clone();
    let policies: Arc<dyn PolicySource> = inner.clone();
    let events: Arc<dyn EventSink> = inner.clone();
    let message = StandardTemplates::default().render(&Letter {
        application: None,
        tenant: &tenant(),
        brand: &Brand::new("Larkfield").unwrap(),
        content: Content::NoPasswordHere { providers: &[] },
        correlation: None,
        language: Language::English,
        to: &EmailAddress::parse("ada@example.com").unwrap(),
    });
    let password = || Password::parse("four unrelated words").unwrap();
    let seed = Digest::from_bytes([1; 32]);

    let sent = now(EmailSender::send(&sender, &message)).unwrap_err();
    let hashed = now(PasswordHasher::hash(&hasher, password(), HashQueue::Submit));
    let verified = now(PasswordHasher::verify(&hasher, password(), hash(1), HashQueue::SignIn));
    let dummy = now(PasswordHasher::verify_dummy(&hasher, password(), seed, HashQueue::SignIn));
    let breach = now(BreachCheck::check(&breaches, &password()));
    let policy = PolicySource::policy(&policies, &tenant());
    EventSink::emit(&events, &EngineEvent::new(AT, EventKind::Open, Outcome::Ok));

    assert_eq!(sent.kind(), SendErrorKind::Permanent);
    assert_eq!((hashed, dummy), (Err(HashError::Failed), Err(HashError::Unsupported)));
    assert_eq!((verified, breach), (Ok(PasswordMatch::MatchOutdated), Breach::Known));
    assert!(policy.unwrap().is_none());
    let every = ["send", "hash", "verify", "verify_dummy", "check", "policy", "emit"].to_vec();
    assert_eq!(told(&inner), every);
}
