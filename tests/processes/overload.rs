//! More submits at once than there is room for: memory stays bounded, sign-in is served, who is
//! refused has lost nothing, and no tenant keeps another out.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{NEW, OLD, account, address, cheap_hasher, password, stepped::*};
use async_trait::async_trait;
use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers,
        SystemEntropy,
    },
    domain::{EmailAddress, Grant, PasswordHash, TenantId, Timestamp},
    engine::{Client, Request, SignInOutcome, StartOutcome, SubmitOutcome, VerifyOutcome},
    ports::{HashError, HashQueue, PasswordHasher},
};
use tokio::{sync::Semaphore, task::JoinHandle};

const AT_ONCE: usize = 1000;
/// What one tenant may hold of the 64 places.
const OF_ONE_TENANT: usize = 32;
const TENANTS: [&str; 4] = ["contoso", "fabrikam", "northwind", "tailspin"];

/// Counts hashes, and begins none before it is opened.
#[derive(Clone)]
struct Gate {
    permits: Arc<Semaphore>,
    asked: Arc<AtomicUsize>,
}

impl Gate {
    fn before(pool: &Argon2Pool) -> (Self, SteppedHasher<Self>) {
        let gate = Self { asked: Arc::default(), permits: Arc::new(Semaphore::new(0)) };
        (gate.clone(), SteppedHasher(pool.clone(), gate))
    }

    fn open(&self) {
        self.permits.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl HasherSteps for Gate {
    async fn before_hash(&self) -> Result<(), HashError> {
        self.before_verify().await
    }

    async fn before_verify(&self) -> Result<(), HashError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        Ok(())
    }
}

struct Service {
    sspr: Sspr,
    courier: Courier,
    users: MemoryUsers,
    inbox: CaptureSender,
    hash: PasswordHash,
}

impl Service {
    async fn new(pool: &Argon2Pool, hasher: impl PasswordHasher + 'static) -> Self {
        let users = MemoryUsers::new();
        let policies =
            MemoryPolicies::from_iter(TENANTS.map(|name| TenantPolicy::customers(name).unwrap()));
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let (sspr, courier) = Sspr::builder(users.clone(), MemoryCodes::new(), policies, keys)
            .with_clock(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
            .with_hasher(hasher)
            .build();
        let hash = pool.hash(password(OLD), HashQueue::Submit).await.unwrap();
        Self { courier, hash, inbox: CaptureSender::new(), sspr, users }
    }

    /// A grant of an account of its own.
    async fn grant(&self, name: &str, number: usize) -> Grant {
        let (tenant, mail) = (TenantId::parse(name).unwrap(), mail(number));
        let account = account(mail.as_str(), &number.to_string());
        self.users.insert(&tenant, account.with_password(self.hash.clone()));
        let (request, client) = (request(name, number), Client::unknown());
        let started = self.sspr.start(&request, &client).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        self.courier.drain(&self.inbox).await;
        let code = sspr::adapters::code_in(&self.inbox.take().pop().unwrap()).unwrap();
        match self.sspr.verify(&started.token, &code, &client).await.unwrap() {
            VerifyOutcome::Granted(granted) => granted.grant,
            other => panic!("{other:?}"),
        }
    }

    async fn grants(&self, name: &str, count: usize) -> Vec<Grant> {
        let mut grants = Vec::new();
        for number in 0..count {
            grants.push(self.grant(name, number).await);
        }
        grants
    }

    async fn submit(&self, grant: &Grant) -> SubmitOutcome {
        submit(self.sspr.clone(), copy(grant)).await
    }

    /// Submits at once, each as far as it comes before the first hash is done.
    async fn flood(&self, grants: &[Grant]) -> Vec<JoinHandle<SubmitOutcome>> {
        let sspr = &self.sspr;
        let tasks = grants.iter().map(|grant| tokio::spawn(submit(sspr.clone(), copy(grant))));
        let tasks: Vec<_> = tasks.collect();
        // One thread, and stores that never wait: every task runs until it is answered or waits
        // for the hasher.
        for _ in 0..=tasks.len() {
            tokio::task::yield_now().await;
        }
        tasks
    }
}

async fn submit(sspr: Sspr, grant: Grant) -> SubmitOutcome {
    sspr.submit(&grant, &password(NEW), &Client::unknown()).await.unwrap()
}

fn copy(grant: &Grant) -> Grant {
    Grant::parse(&grant.expose()).unwrap()
}

fn mail(number: usize) -> EmailAddress {
    address(&format!("customer{number}@example.com"))
}

fn request(name: &str, number: usize) -> Request {
    Request::new(&Application::new(name, "sign-in", "shop").unwrap(), mail(number))
}

fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

async fn ended(tasks: Vec<JoinHandle<SubmitOutcome>>) -> (usize, usize) {
    let (mut changed, mut later) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            SubmitOutcome::Changed(_) => changed += 1,
            SubmitOutcome::TryLater { .. } => later += 1,
            other => panic!("{other:?}"),
        }
    }
    (changed, later)
}

/// KiB of this process, by the kernel's count.
#[cfg(target_os = "linux")]
fn kib(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_submits_at_once_take_the_memory_of_the_pool_and_hashes_only_for_who_got_a_place() {
    const THREADS: usize = 2;
    /// What a thousand futures, answers and thread stacks may take, and the other tests beside.
    const MARGIN: usize = 32 * 1024;
    on_one_thread(async {
        let pool = Argon2Pool::new().with_threads(THREADS);
        let (gate, hasher) = Gate::before(&pool);
        let service = Service::new(&pool, hasher).await;
        let grants = service.grants("contoso", AT_ONCE).await;
        let (before, hashes) = (kib("VmRSS:"), pool.jobs());

        let tasks = service.flood(&grants).await;
        let answered = tasks.iter().filter(|task| task.is_finished()).count();
        let asked = gate.asked();
        gate.open();
        let (changed, later) = ended(tasks).await;

        assert_eq!((answered, asked), (AT_ONCE - OF_ONE_TENANT, OF_ONE_TENANT));
        assert_eq!((changed, later), (OF_ONE_TENANT, AT_ONCE - OF_ONE_TENANT));
        assert_eq!(pool.jobs() - hashes, u64::try_from(OF_ONE_TENANT).unwrap());
        let grown = kib("VmHWM:").saturating_sub(before);
        assert!(grown <= THREADS * 19_456 + MARGIN, "grown by {grown} KiB");
    });
}

#[test]
fn sign_in_is_served_while_a_thousand_submits_wait() {
    on_one_thread(async {
        let pool = Argon2Pool::new().with_threads(1);
        let service = Service::new(&pool, pool.clone()).await;
        let grants = service.grants("contoso", AT_ONCE).await;
        let tasks = service.flood(&grants[1..]).await;

        let client = Client::unknown();
        let signed_in = service.sspr.sign_in(&request("contoso", 0), &password(OLD), &client).await;

        assert!(matches!(signed_in.unwrap(), SignInOutcome::SignedIn(_)));
        let waiting = tasks.iter().filter(|task| !task.is_finished()).count();
        assert!(waiting > OF_ONE_TENANT / 2, "{waiting} submits still wait");
        assert!(ended(tasks).await.0 >= OF_ONE_TENANT);
    });
}

#[test]
fn who_is_told_to_try_later_has_lost_nothing() {
    on_one_thread(async {
        let pool = cheap_hasher();
        let (gate, hasher) = Gate::before(&pool);
        let service = Service::new(&pool, hasher).await;
        let grants = service.grants("contoso", OF_ONE_TENANT + 1).await;
        let (late, first) = grants.split_last().unwrap();
        let tasks = service.flood(first).await;

        // Ten charges would have used the grant up.
        for _ in 0..50 {
            assert!(matches!(service.submit(late).await, SubmitOutcome::TryLater { .. }));
        }
        assert_eq!(gate.asked(), OF_ONE_TENANT);

        gate.open();
        assert_eq!(ended(tasks).await, (OF_ONE_TENANT, 0));
        assert!(matches!(service.submit(late).await, SubmitOutcome::Changed(_)));
    });
}

#[test]
fn a_caller_that_gives_up_leaves_its_place_to_others() {
    on_one_thread(async {
        let pool = cheap_hasher();
        let (gate, hasher) = Gate::before(&pool);
        let service = Service::new(&pool, hasher).await;
        let grants = service.grants("contoso", OF_ONE_TENANT + 1).await;
        let (late, first) = grants.split_last().unwrap();
        let mut tasks = service.flood(first).await;

        let given_up = tasks.pop().unwrap();
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        let late = service.flood(std::slice::from_ref(late)).await;

        assert_eq!(gate.asked(), OF_ONE_TENANT + 1);
        gate.open();
        assert_eq!(ended(late).await, (1, 0));
        assert_eq!(ended(tasks).await, (OF_ONE_TENANT - 1, 0));
    });
}

#[test]
fn a_thousand_submits_of_one_tenant_and_more_of_others_do_not_keep_the_fourths_one_out() {
    on_one_thread(async {
        let pool = cheap_hasher();
        let (gate, hasher) = Gate::before(&pool);
        let service = Service::new(&pool, hasher).await;
        let quiet = service.grants(TENANTS[3], 1).await;
        let mut tasks = Vec::new();
        for (name, count) in [(TENANTS[0], AT_ONCE), (TENANTS[1], 100), (TENANTS[2], 100)] {
            let grants = service.grants(name, count).await;
            tasks.push(service.flood(&grants).await);
        }
        let taken = gate.asked();

        let one = service.flood(&quiet).await;

        assert_eq!((taken, gate.asked()), (32 + 16 + 8, 32 + 16 + 8 + 1));
        gate.open();
        assert_eq!(ended(one).await, (1, 0));
        for tasks in tasks {
            assert!(ended(tasks).await.0 >= 8);
        }
    });
}
