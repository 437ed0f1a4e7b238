//! Nothing tells who has an account: the same port calls, in the same order, of the same sizes.

use std::sync::{Arc, Mutex};

use crate::support::*;
use async_trait::async_trait;
use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy,
    },
    domain::{
        Account, AccountId, EmailAddress, GroupId, IdentityProvider, PasswordHash, RecordId,
        SecondFactor, TenantId, Timestamp,
    },
    engine::{Client, SendOutcome, StartOutcome},
    policy::AuthenticationMethodsPolicy,
    ports::{
        Applied, CodeStore, HashQueue, PasswordChange, PasswordHasher as _, StoreError, UserStore,
    },
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

type Trace = Arc<Mutex<Vec<String>>>;

/// Notes what is called, with sizes and counter families, never values.
#[derive(Clone)]
struct Recorded<T>(T, Trace);

impl<T> Recorded<T> {
    fn note(&self, call: String) {
        self.1.lock().unwrap().push(call);
    }
}

fn families(charges: &[Charge]) -> String {
    let family = |charge: &Charge| format!("{:?}*{}", charge.name.family().unwrap(), charge.amount);
    charges.iter().map(family).collect::<Vec<_>>().join("+")
}

fn sizes(record: &Record) -> String {
    format!("{} bytes, tries {}", record.body.len(), families(&record.charges))
}

#[async_trait]
impl CodeStore for Recorded<Arc<MemoryCodes>> {
    async fn insert(
        &self,
        r: &Record,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.note(format!("insert {} charging {}", sizes(r), families(c)));
        self.0.insert(r, c, now).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.note(format!("attempt charging {}", families(charges)));
        self.0.attempt(id, charges, now).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.note(format!("load charging {}", families(charges)));
        self.0.load(id, charges, now).await
    }

    async fn compare_and_swap(
        &self,
        r: &Record,
        expected: u64,
        c: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let (version, cleared) = (expected, clear.len());
        self.note(format!(
            "swap version {version}: {}, begins {}, charging {}, clearing {cleared}",
            sizes(r),
            r.begins_challenge,
            families(c)
        ));
        self.0.compare_and_swap(r, expected, c, clear, now).await
    }

    async fn charge(&self, c: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.note(format!("charge {}", families(c)));
        self.0.charge(c, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.delete_expired(now, limit).await
    }
}

#[async_trait]
impl UserStore for Recorded<MemoryUsers> {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.note("find_by_address".to_owned());
        self.0.find_by_address(tenant, address).await
    }

    async fn find(&self, t: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.note("find".to_owned());
        self.0.find(t, id).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.note("apply_change".to_owned());
        self.0.apply_change(change).await
    }
}

struct Stage {
    sspr: Sspr,
    courier: Courier,
    trace: Trace,
    clock: ManualClock,
}

async fn stage() -> Stage {
    let (users, trace) = (MemoryUsers::new(), Trace::default());
    let hash = cheap_hasher().hash(password(OLD), HashQueue::Submit).await.unwrap();
    type Change = fn(&mut Account);
    let kinds: [(&str, Change); 7] = [
        ("local", |_| {}),
        ("locked", |it| it.locked = true),
        ("disabled", |it| it.disabled = true),
        ("google", |it| it.identity_providers = vec![IdentityProvider::Google]),
        ("excluded", |it| it.groups = vec![GroupId::parse("staff").unwrap()]),
        ("otponly", |it| it.identity_providers = vec![IdentityProvider::EmailOtp]),
        ("mailbox", |it| it.second_factor = SecondFactor::SameMailbox),
    ];
    for (name, change) in kinds {
        let mut it = account(&format!("{name}@example.com"), name).with_password(hash.clone());
        if name == "otponly" {
            it.password = None;
        }
        change(&mut it);
        users.insert(&tenant(), it);
    }
    let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
    let moved = account("moved@example.com", "moved");
    users.insert(&tenant(), moved.with_password(PasswordHash::parse(bcrypt).unwrap()));
    for twin in ["t1", "t2"] {
        let twin = account("twins@example.com", twin).with_password(hash.clone());
        users.insert(&tenant(), twin);
    }
    let email = r#"{"id":"Email","state":"enabled",
        "includeTargets":[{"id":"all_users"}],"excludeTargets":[{"id":"staff"}]}"#;
    let methods = AuthenticationMethodsPolicy::from_email_json(email).unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap().with_authentication_methods(methods);
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let (sspr, courier) = Sspr::builder(
        Recorded(users, trace.clone()),
        Recorded(Arc::new(MemoryCodes::new()), trace.clone()),
        MemoryPolicies::fixed(policy),
        Keyring::generate(&SystemEntropy::new()).unwrap(),
    )
    .with_clock(clock.clone())
    .with_hasher(cheap_hasher())
    .build();
    Stage { clock, courier, sspr, trace }
}

const TYPED: [&str; 10] = [
    "local",
    "locked",
    "disabled",
    "google",
    "excluded",
    "otponly",
    "mailbox",
    "twins",
    "nobody",
    "a.much.longer.address.that.nobody.has.ever.had+tag",
];

/// What an outsider sees and what the ports see, for a whole guessing journey of one address.
async fn journey(typed: &str) -> (Vec<String>, Vec<String>) {
    let stage = stage().await;
    let client = client(1);
    let mut seen = Vec::new();
    let started = stage.sspr.start(&request(&format!("{typed}@example.com")), &client).await;
    let StartOutcome::Started(started) = started.unwrap() else { panic!("not started") };
    let sent = &started.sent;
    seen.push(format!("{:?} {:?} {:?}", sent.format, sent.resend_at, sent.expires_at));
    seen.push(started.token.expose().len().to_string());
    let request_path = stage.trace.lock().unwrap().clone();
    for call in &request_path {
        assert!(!call.starts_with("find"), "{typed}: the request path looked an account up");
    }
    // Before the mail, after it, after a resend: the same wrong codes.
    for round in 0..4 {
        for _ in 0..6 {
            let outcome = stage.sspr.verify(&started.token, &wrong_code(), &client).await.unwrap();
            seen.push(normal(&format!("{outcome:?}")));
        }
        stage.clock.advance(seconds(60));
        if round % 2 == 1 {
            match stage.sspr.send(&started.token, &client).await.unwrap() {
                SendOutcome::Sent(sent) => seen.push(format!("{:?}", sent.format)),
                other => seen.push(format!("{other:?}")),
            }
        }
        stage.courier.drain(&CaptureSender::new()).await;
        seen.push(normal(&format!("{:?}", stage.sspr.status(&started.token).await.unwrap())));
    }
    (seen, stage.trace.lock().unwrap().clone())
}

/// Without the mask of what was typed, which differs because the address does.
fn normal(text: &str) -> String {
    match text.split_once("masked_address: \"") {
        Some((head, tail)) => {
            format!("{head}…{}", normal(tail.split_once('"').unwrap().1))
        }
        None => text.to_owned(),
    }
}

#[test]
fn every_kind_of_account_and_every_stranger_look_the_same() {
    runtime().block_on(async {
        let (expected_seen, expected_calls) = journey(TYPED[0]).await;
        assert!(expected_calls.len() > 20 && expected_seen.len() > 25);
        for typed in &TYPED[1..] {
            let (seen, calls) = journey(typed).await;
            assert_eq!(seen, expected_seen, "{typed}: what an outsider sees");
            assert_eq!(calls, expected_calls, "{typed}: what the ports see");
        }
    });
}

#[test]
fn asking_for_codes_reaches_its_limits_alike() {
    runtime().block_on(async {
        let mut answers: Vec<Vec<String>> = Vec::new();
        for typed in TYPED {
            let stage = stage().await;
            let mut seen = Vec::new();
            for round in 0..25_u8 {
                let request = request(&format!("{typed}@example.com"));
                let network = Client::at(std::net::IpAddr::from([10, 0, 0, round / 4]));
                let outcome = stage.sspr.start(&request, &network).await.unwrap();
                seen.push(match outcome {
                    StartOutcome::Started(_) => "started".to_owned(),
                    other => format!("{other:?}"),
                });
                stage.courier.drain(&CaptureSender::new()).await;
            }
            answers.push(seen);
        }
        assert!(answers[0].iter().any(|answer| answer.starts_with("TryLater")));
        assert!(answers.iter().all(|seen| *seen == answers[0]));
    });
}

#[test]
fn signing_in_costs_the_same_calls_whoever_it_is() {
    runtime().block_on(async {
        let mut expected: Option<(Vec<String>, Vec<String>)> = None;
        for typed in ["local", "nobody", "otponly", "twins", "moved"] {
            let stage = stage().await;
            let mut seen = Vec::new();
            for _ in 0..12 {
                let request = request(&format!("{typed}@example.com"));
                let outcome = stage.sspr.sign_in(&request, &password("wrong"), &client(1)).await;
                seen.push(format!("{:?}", outcome.unwrap()));
            }
            let got = (seen, stage.trace.lock().unwrap().clone());
            assert_eq!(&got, expected.get_or_insert_with(|| got.clone()), "{typed}");
        }
    });
}

#[test]
fn a_wrong_code_never_looks_an_account_up() {
    runtime().block_on(async {
        let (_, calls) = journey("local").await;
        let lookups = calls.iter().filter(|call| call.starts_with("find")).count();
        let sends = calls.iter().filter(|call| call.contains("begins true")).count();
        assert_eq!(lookups, sends, "one look-up for each mail, none for a guess");
    });
}
