//! The settings of a pool, each with its effect.

use super::*;
use crate::domain::{EntropyUnavailable, Timestamp};

fn cheap() -> Argon2Pool {
    Argon2Pool::new().with_parameters(64, 1, 1).unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

#[test]
fn a_hash_may_take_128_mebibytes_and_no_more() {
    let pool = Argon2Pool::new();
    assert!(pool.with_parameters(128 * 1024, 1, 1).is_ok());
    assert_eq!(pool.with_parameters(128 * 1024 + 1, 1, 1).unwrap_err(), ParametersError);
}

/// Entropy that is always the same.
#[derive(Debug)]
struct Same;

impl Entropy for Same {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        bytes.fill(7);
        Ok(())
    }
}

#[tokio::test]
async fn the_salts_come_from_the_entropy_that_is_set() {
    let hash = async |pool: &Argon2Pool| {
        pool.hash(password("the same"), HashQueue::Submit).await.unwrap().expose().to_owned()
    };
    let pool = cheap().with_entropy(Same);
    assert_eq!(hash(&pool).await, hash(&pool).await);
    assert!(hash(&pool).await.starts_with("$argon2id$v=19$m=64,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
    assert_ne!(hash(&cheap()).await, hash(&cheap()).await);
}

#[tokio::test]
async fn no_more_threads_start_than_are_set() {
    let pool = cheap().with_threads(1);
    assert_eq!(pool.0.settings.threads, 1);
    for _ in 0..3 {
        pool.hash(password("any"), HashQueue::Submit).await.unwrap();
        assert_eq!(pool.0.shared.lock().threads, 1);
    }
    assert_eq!(cheap().with_threads(0).0.settings.threads, 1);
    let most = cheap().with_threads(usize::MAX).0.settings.threads;
    assert_eq!(most, std::thread::available_parallelism().map_or(1, usize::from));
}

static COMPUTED: AtomicU64 = AtomicU64::new(0);
static SHRUNK: AtomicU64 = AtomicU64::new(0);

/// The standard kernel, which counts.
struct Counting(Standard);

impl Kernel for Counting {
    fn compute(
        &mut self,
        input: &super::super::kernel::Input<'_>,
        tag: &mut [u8],
    ) -> Result<(), HashError> {
        COMPUTED.fetch_add(1, Ordering::SeqCst);
        self.0.compute(input, tag)
    }

    fn shrink(&mut self, today: Cost) {
        SHRUNK.fetch_add(1, Ordering::SeqCst);
        self.0.shrink(today);
    }

    fn wipe(&mut self) {
        self.0.wipe();
    }
}

#[tokio::test]
async fn a_kernel_that_passes_its_test_computes_hashes_and_dummies() {
    use crate::adapters::{ManualClock, MemoryEvents};
    let (clock, events) = (ManualClock::new(Timestamp::from_micros(7)), MemoryEvents::new());
    let make: Make = || Box::new(Counting(Standard::default()));
    let pool = cheap().with_kernel(make, &clock, &events);
    let counted = || [&COMPUTED, &SHRUNK].map(|it| it.load(Ordering::SeqCst));

    let before = counted();
    pool.hash(password("any"), HashQueue::Submit).await.unwrap();
    assert_eq!(counted()[0], before[0] + 1);

    let before = counted();
    let seed = Digest::from_bytes([1; 32]);
    pool.verify_dummy(password("any"), seed, HashQueue::SignIn).await.unwrap();
    assert_eq!(counted(), [before[0] + 1, before[1] + 1]);
}

#[test]
fn a_pool_remembers_each_set_of_parameters_once_and_eight_at_most() {
    let pool = cheap();
    for memory in 64..80 {
        for _ in 0..2 {
            pool.0.shared.see(Cost { lanes: 1, memory, passes: 1 });
        }
    }
    let seen: Vec<u32> = pool.0.shared.lock().seen.iter().map(|cost| cost.memory).collect();
    assert_eq!(seen, (64..72).collect::<Vec<_>>());
}
