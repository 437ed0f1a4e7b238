use std::sync::Mutex;

use super::super::{kernel::Input, vectors};
use super::*;
use crate::{
    adapters::{ManualClock, MemoryEvents},
    domain::Timestamp,
};

fn cheap() -> Argon2Pool {
    Argon2Pool::new().with_parameters(64, 1, 1).unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

async fn verdict(pool: &Argon2Pool, typed: &str, hash: &str) -> Result<PasswordMatch, HashError> {
    pool.verify(password(typed), PasswordHash::parse(hash).unwrap(), HashQueue::SignIn).await
}

#[tokio::test]
async fn a_hash_verifies_its_own_password_and_no_other() {
    let pool = cheap();
    let hash = pool.hash(password("caf\u{e9} au lait"), HashQueue::Submit).await.unwrap();

    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    let typed = |text| verdict(&pool, text, hash.expose());
    assert_eq!(typed("cafe\u{301} au lait").await, Ok(PasswordMatch::Match));
    assert_eq!(typed("cafe au lait").await, Ok(PasswordMatch::Mismatch));
    let again = pool.hash(password("caf\u{e9} au lait"), HashQueue::Submit).await.unwrap();
    assert_ne!(hash, again, "salts differ");
}

#[tokio::test]
async fn the_published_vector_verifies() {
    // The documentation of argon2 0.5 and the reference implementation's test.c have this vector
    // for "password" and "somesalt".
    let vector = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$\
                  nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    assert_eq!(verdict(&cheap(), "password", vector).await, Ok(PasswordMatch::MatchOutdated));
    assert_eq!(verdict(&cheap(), "passwore", vector).await, Ok(PasswordMatch::Mismatch));
}

#[tokio::test]
async fn unaffordable_or_foreign_hashes_are_refused_before_any_work() {
    let pool = cheap();
    let tail = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for head in [
        "$argon2id$v=19$m=4194304,t=2,p=1$",
        "$argon2id$v=19$m=256,t=11,p=1$",
        "$argon2id$v=19$m=256,t=2,p=8$",
        "$argon2id$v=99$m=256,t=2,p=1$",
        "$scrypt$ln=17,r=8,p=1$",
        "$argon2id$v=19$m=256,t=2,p=1,keyid=c29tZQ$",
        "$argon2id$v=19$m=256,t=2,p=1,data=c29tZQ$",
    ] {
        let refused = verdict(&pool, "password", &format!("{head}{tail}")).await;
        assert_eq!(refused, Err(HashError::Unsupported), "{head}");
    }
    let short = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4r";
    assert_eq!(verdict(&pool, "password", short).await, Err(HashError::Unsupported));
    assert_eq!(verdict(&pool, "password", "$").await, Err(HashError::Unsupported));
    assert_eq!(pool.jobs(), 0);
    assert_eq!(pool.with_parameters(1 << 30, 1, 1).unwrap_err(), ParametersError);
}

/// Returns a pool whose threads never start, so that its jobs stay in the queue.
fn stopped(queue: usize) -> Argon2Pool {
    let pool = cheap().with_queue(queue);
    pool.0.shared.lock().threads = usize::MAX;
    pool
}

fn job(name: &str) -> (Job, oneshot::Receiver<Result<PasswordHash, HashError>>) {
    let (reply, answer) = oneshot::channel();
    (Job { password: password(name), work: Work::Hash { reply, salt: [0; SALT] } }, answer)
}

#[test]
fn a_full_queue_is_busy_at_once_and_the_other_share_is_not() {
    let pool = stopped(2);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (job, answer) = job("waiting");
        answers.push(answer);
        assert_eq!(pool.submit(job, HashQueue::Submit), Ok(()));
    }
    let (third, _answer) = job("third");
    assert_eq!(pool.submit(third, HashQueue::Submit), Err(HashError::Busy));
    let (other, _other) = job("other");
    assert_eq!(pool.submit(other, HashQueue::SignIn), Ok(()));

    answers.pop();
    let (next, _next) = job("next");
    assert_eq!(pool.submit(next, HashQueue::Submit), Ok(()), "a caller that gave up made room");
}

#[test]
fn shares_are_served_in_turn() {
    let pool = stopped(10);
    let mut answers = Vec::new();
    for (name, queue) in [
        ("a1", HashQueue::Submit),
        ("a2", HashQueue::Submit),
        ("a3", HashQueue::Submit),
        ("b1", HashQueue::SignIn),
    ] {
        let (job, answer) = job(name);
        answers.push(answer);
        pool.submit(job, queue).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(
            pool.0
                .shared
                .next(&mut Standard::default(), Duration::ZERO)
                .unwrap()
                .password
                .expose()
                .to_owned(),
        );
    }
    assert_eq!(order, ["b1", "a1", "a2", "a3"]);
}

#[tokio::test]
async fn dummies_cost_a_hash_and_use_what_is_on_file() {
    let pool = cheap();
    pool.verify_dummy(password("x"), Digest::from_bytes([1; 32]), HashQueue::SignIn).await.unwrap();
    assert_eq!(pool.jobs(), 1);

    let other = Cost { lanes: 1, memory: 128, passes: 1 };
    pool.0.shared.see(other);
    let today = pool.0.settings.cost;
    let drawn = |seed| pool.0.shared.drawn(&Digest::from_bytes([seed; 32]), today);
    assert_eq!((drawn(0), drawn(1)), (today, other));
    assert_eq!(drawn(1), drawn(1));
}

#[test]
fn the_threads_end_with_the_last_clone() {
    let pool = cheap();
    let shared = pool.0.shared.clone();
    drop(pool);
    assert!(shared.next(&mut Standard::default(), Duration::ZERO).is_none());
}

/// The standard kernel with a fault.
struct Broken<const FAULT: u8>(Standard);

const FLIPS_A_BIT: u8 = 0;
const FAILS: u8 = 1;
const FLIPS_A_BIT_OF_WHAT_IS_LARGE: u8 = 2;

impl<const FAULT: u8> Broken<FAULT> {
    fn make() -> Box<dyn Kernel> {
        Box::new(Self(Standard::default()))
    }
}

impl<const FAULT: u8> Kernel for Broken<FAULT> {
    fn compute(&mut self, input: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError> {
        self.0.compute(input, tag)?;
        if FAULT == FAILS {
            return Err(HashError::Failed);
        }
        if FAULT == FLIPS_A_BIT || input.cost.memory > 10_000 {
            tag[31] ^= 1;
        }
        Ok(())
    }

    fn shrink(&mut self, today: Cost) {
        self.0.shrink(today);
    }

    fn wipe(&mut self) {}
}

#[test]
fn the_standard_kernel_computes_every_known_tag() {
    assert!(vectors::pass(&mut *Standard::make()));
}

#[tokio::test]
async fn a_broken_kernel_is_found_out_told_and_not_used() {
    let clock = ManualClock::new(Timestamp::from_micros(7));
    let broken: [Make; 3] = [
        Broken::<FLIPS_A_BIT>::make,
        Broken::<FAILS>::make,
        Broken::<FLIPS_A_BIT_OF_WHAT_IS_LARGE>::make,
    ];
    for make in broken {
        let events = MemoryEvents::new();

        let pool = cheap().with_kernel(make, &clock, &events);

        assert_eq!(pool.kernel(), Argon2Kernel::Fallback);
        let told: Vec<_> = events.all().iter().map(|e| (e.kind, e.outcome, e.at)).collect();
        assert_eq!(told, [(EventKind::HasherFallback, Outcome::Error, clock.now())]);
        let hash = pool.hash(password("x"), HashQueue::Submit).await.unwrap();
        assert_eq!(verdict(&cheap(), "x", hash.expose()).await, Ok(PasswordMatch::Match));
    }
}

#[tokio::test]
async fn a_kernel_that_passes_is_used_and_nothing_is_told() {
    let (clock, events) = (ManualClock::new(Timestamp::from_micros(7)), MemoryEvents::new());

    let pool = cheap().with_kernel(Standard::make, &clock, &events).with_threads(1);

    assert_eq!((pool.kernel(), events.all().len()), (Argon2Kernel::Fast, 0));
    assert_eq!(cheap().kernel(), Argon2Kernel::Standard);
}

/// A kernel that says when it is wiped.
struct Telling(std::sync::mpsc::Sender<()>);

static TOLD: Mutex<Option<std::sync::mpsc::Sender<()>>> = Mutex::new(None);

impl Kernel for Telling {
    fn compute(&mut self, _: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError> {
        tag.fill(1);
        Ok(())
    }

    fn shrink(&mut self, _: Cost) {}

    fn wipe(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_thread_that_rests_wipes_its_memory_once() {
    let (sender, wiped) = std::sync::mpsc::channel();
    *TOLD.lock().unwrap() = Some(sender);
    let make: Make = || Box::new(Telling(TOLD.lock().unwrap().take().unwrap()));
    let settings = cheap().0.settings.clone();
    let settings = Settings { make, rest: Duration::ZERO, threads: 1, ..settings };
    let pool = Argon2Pool::over(settings);

    pool.hash(password("any"), HashQueue::Submit).await.unwrap();

    wiped.recv_timeout(Duration::from_secs(30)).expect("wiped while it rests");
    drop(pool);
    let rest: Vec<_> = wiped.iter().collect();
    assert_eq!(rest.len(), 0, "and not again");
}

/// A kernel that panics at a password that begins with `p`.
struct Fragile(Standard);

impl Kernel for Fragile {
    fn compute(&mut self, input: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError> {
        assert_ne!(input.password.first(), Some(&b'p'));
        self.0.compute(input, tag)
    }

    fn shrink(&mut self, today: Cost) {
        self.0.shrink(today);
    }

    fn wipe(&mut self) {
        self.0.wipe();
    }
}

#[tokio::test]
async fn a_kernel_that_panics_fails_one_job_and_the_thread_goes_on() {
    let settings = cheap().0.settings.clone();
    let make: Make = || Box::new(Fragile(Standard::default()));
    let pool = Argon2Pool::over(Settings { make, threads: 1, ..settings });

    let both = async {
        tokio::join!(
            pool.hash(password("panics"), HashQueue::Submit),
            pool.hash(password("waits behind it"), HashQueue::Submit),
        )
    };
    let (first, second) =
        tokio::time::timeout(Duration::from_secs(10), both).await.expect("somebody waits for ever");

    assert_eq!(first, Err(HashError::Failed));
    assert_eq!(
        verdict(&pool, "waits behind it", second.unwrap().expose()).await,
        Ok(PasswordMatch::Match)
    );
}
