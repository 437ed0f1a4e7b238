//! Attacks of our own that read what a change or a help desk shows: in logs, in stored bytes, and in
//! the calls that it makes for those who have an account and for those who have none.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sspr::{
    Keyring, Session, SignInOutcome, Sspr, TenantPolicy,
    adapters::{
        ManualClock, MemoryCodes, MemoryEvents, MemoryPolicies, MemoryUsers, SystemEntropy,
    },
    domain::{Account, AccountId, ActorId, Code, EmailAddress, RecordId, TenantId, Timestamp},
    engine::RequestKey,
    ports::{
        Applied, CodeStore, HashQueue, PasswordChange, PasswordHasher as _, StoreError, UserStore,
    },
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

use crate::support::*;

const WRONG: &str = "not the password of ada";

/// A log, an error page or a core dump of the console held what staff had handed over. Neither a
/// `Debug` nor an event nor a stored byte holds a code, a temporary password, a stamp or a key.
#[test]
fn attack_own_88_nothing_shows_what_staff_or_a_session_hold() {
    on_every_store(|world| async move {
        let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let ada = AccountId::parse("ada").unwrap();
        let issued = desk.assistance_code(&shop(), &ada).await.unwrap().done().unwrap();
        let asked = request("ada@example.com");
        let entered = world.sspr.enter_assistance_code(&asked, &issued.code, &client(1)).await;
        let set = desk.set_temporary_password(&tenant(), &ada).await.unwrap().done().unwrap();
        let forced = world.sign_in("ada@example.com", set.password.expose()).await;
        let SignInOutcome::MustChange(granted) = &forced else { panic!("{forced:?}") };
        let ticket = world.changed(&granted.grant, NEW).await;
        let it = world.account("ada").await.unwrap();
        let key = [0x5a; 32];
        let session = Session::new(&shop(), it.id, it.stamp).with_key(RequestKey::from_bytes(key));
        let own = password("another one of hers 7");
        let kept = world.sspr.change(&session, &password(NEW), &own, &client(1)).await.unwrap();
        let kept = kept.changed().unwrap();
        world.courier.drain(&world.inbox).await;
        let shown = format!(
            "{desk:?} {issued:?} {entered:?} {set:?} {forced:?} {session:?} {kept:?} {:?} {:?}",
            world.events.all(),
            world.inbox.messages(),
        );
        let hex = |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<String>();
        let secrets = [
            issued.code.expose(),
            issued.code.expose().replace('-', ""),
            set.password.expose().to_owned(),
            granted.grant.expose(),
            ticket.expose(),
            kept.device.expose(),
            hex(session.stamp.as_bytes()),
            hex(kept.stamp.as_bytes()),
            format!("{:?}", kept.stamp.as_bytes()),
            hex(&key),
            "90, 90, 90".to_owned(),
            NEW.to_owned(),
            own.expose().to_owned(),
        ];
        for secret in &secrets {
            assert!(!shown.contains(secret.as_str()), "shows {secret:.6}…: {shown}");
        }
        let Some(dir) = &world.dir else { return };
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for secret in &secrets[..6] {
                let found = bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
                assert!(!found, "stored {secret:.6}…");
            }
        }
    });
}

/// Notes what is called, with sizes and counts, never values.
#[derive(Clone)]
struct Noted<T>(T, Arc<Mutex<Vec<String>>>);

impl<T> Noted<T> {
    fn note(&self, call: String) {
        self.1.lock().unwrap().push(call);
    }
}

#[async_trait]
impl CodeStore for Noted<Arc<MemoryCodes>> {
    async fn insert(
        &self,
        r: &Record,
        c: &[Charge],
        at: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.note(format!("insert {} {}", r.body.len(), c.len()));
        self.0.insert(r, c, at).await
    }

    async fn attempt(
        &self,
        _: &RecordId,
        _: &[Charge],
        _: Timestamp,
    ) -> Result<Attempted, StoreError> {
        panic!("no code of a mail is tried here");
    }

    async fn load(&self, id: &RecordId, c: &[Charge], at: Timestamp) -> Result<Loaded, StoreError> {
        self.note(format!("load {}", c.len()));
        self.0.load(id, c, at).await
    }

    async fn compare_and_swap(
        &self,
        r: &Record,
        expected: u64,
        c: &[Charge],
        clear: &[CounterName],
        at: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.note(format!("swap {expected} {} {} {}", r.body.len(), c.len(), clear.len()));
        self.0.compare_and_swap(r, expected, c, clear, at).await
    }

    async fn charge(&self, c: &[Charge], at: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.note(format!("charge {}", c.len()));
        self.0.charge(c, at).await
    }

    async fn delete_expired(&self, at: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.delete_expired(at, limit).await
    }
}

#[async_trait]
impl UserStore for Noted<MemoryUsers> {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.note("find_by_address".to_owned());
        self.0.find_by_address(tenant, address).await
    }

    async fn find(&self, tenant: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.note("find".to_owned());
        self.0.find(tenant, id).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.note("apply_change".to_owned());
        self.0.apply_change(change).await
    }
}

/// Whose sign-in page is watched.
#[derive(Clone, Copy, Debug)]
enum Whom {
    Customer,
    Marked,
    WithTemporaryPassword,
    WithExpiredPassword,
    WithCodeOfStaff,
    Nobody,
}

/// What a stranger sees who has nothing but an address, and what the ports are asked.
async fn watched(whom: Whom) -> (Vec<String>, Vec<String>) {
    let (users, calls) = (MemoryUsers::new(), Arc::new(Mutex::new(Vec::new())));
    let hash = cheap_hasher().hash(password(OLD), HashQueue::Submit).await.unwrap();
    let mut it = account("ada@example.com", "ada").with_password(hash);
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let ends = match whom {
        Whom::WithExpiredPassword => Some(Timestamp::from_micros(1)),
        Whom::WithTemporaryPassword => Some(Timestamp::from_micros(i64::MAX)),
        _ => None,
    };
    it.must_change = matches!(whom, Whom::Marked) || ends.is_some();
    it.password_expires_at = ends;
    if !matches!(whom, Whom::Nobody) {
        users.insert(&tenant(), it);
    }
    let (sspr, _courier) = Sspr::builder(
        Noted(users, calls.clone()),
        Noted(Arc::new(MemoryCodes::new()), calls.clone()),
        MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap()),
        Keyring::generate(&SystemEntropy::new()).unwrap(),
    )
    .with_clock(clock)
    .with_events(MemoryEvents::new())
    .with_hasher(cheap_hasher())
    .build();
    if let Whom::WithCodeOfStaff = whom {
        let desk = sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let ada = AccountId::parse("ada").unwrap();
        desk.assistance_code(&shop(), &ada).await.unwrap().done().unwrap();
    }
    calls.lock().unwrap().clear();
    let (asked, mut seen) = (request("ada@example.com"), Vec::new());
    for number in 0..12 {
        let code = Code::parse(["BCDF-GHJK-LMNP-QRST", "12345678"][number % 2]).unwrap();
        let entered = sspr.enter_assistance_code(&asked, &code, &client(1)).await;
        seen.push(format!("{:?}", entered.unwrap()));
        let signed = sspr.sign_in(&asked, &password(WRONG), &client(1)).await;
        seen.push(format!("{:?}", signed.unwrap()));
    }
    // In the pause even the right password is not looked at.
    let signed = sspr.sign_in(&asked, &password(OLD), &client(1)).await;
    seen.push(format!("{:?}", signed.unwrap()));
    let calls = calls.lock().unwrap().clone();
    (seen, calls)
}

/// "You must change your password" and "this code is not yours" told strangers who is a customer, and
/// who has just called support. A wrong password and a wrong code of staff answer, and cost, the same
/// whoever has the address, or if nobody has.
#[test]
fn attack_own_89_a_mark_or_a_code_of_staff_shows_to_no_stranger() {
    runtime().block_on(async {
        let expected = watched(Whom::Customer).await;
        assert!(expected.0.last().unwrap().starts_with("LockedOut"), "{expected:?}");
        for whom in [
            Whom::Marked,
            Whom::WithTemporaryPassword,
            Whom::WithExpiredPassword,
            Whom::WithCodeOfStaff,
            Whom::Nobody,
        ] {
            let (seen, calls) = watched(whom).await;
            assert_eq!(seen, expected.0, "{whom:?}: what a stranger sees");
            assert_eq!(calls, expected.1, "{whom:?}: what the ports are asked");
        }
    });
}
