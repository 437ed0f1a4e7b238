//! Every interleaving of callers, the threads of the pool and its end.

use std::{
    collections::BTreeSet,
    sync::{Mutex as Unseen, atomic::AtomicBool},
};

use super::{super::kernel::Input, *};
use crate::{
    domain::EntropyUnavailable,
    sync::{Model, block_on, explore_bounded, with},
};

/// A kernel that costs nothing, because its tag is the first letter of the password.
struct Letter;

impl Kernel for Letter {
    fn compute(&mut self, input: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError> {
        tag.fill(input.password[0]);
        Ok(())
    }

    fn shrink(&mut self, _: Cost) {}

    fn wipe(&mut self) {}
}

#[derive(Debug)]
struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        bytes.fill(0);
        Ok(())
    }
}

const COST: Cost = Cost { lanes: 1, memory: 8, passes: 1 };

fn pool(threads: usize, queue: usize) -> Argon2Pool {
    Argon2Pool::over(Settings {
        cap: CAP,
        cost: COST,
        entropy: Arc::new(Zeros),
        kernel: Argon2Kernel::Standard,
        make: || Box::new(Letter),
        queue,
        rest: REST,
        threads,
    })
}

fn password(letter: &str) -> Password {
    Password::parse(letter).unwrap()
}

/// Returns whether a job got its own answer, or why there is none.
fn hashes(pool: &Argon2Pool, letter: &str, queue: HashQueue) -> String {
    match block_on(pool.hash(password(letter), queue)) {
        Ok(hash) => own(&hash, letter).to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

fn own(hash: &PasswordHash, letter: &str) -> &'static str {
    let own = hashing::hash(&password(letter), [0; SALT], COST, &mut Letter).unwrap();
    if *hash == own { "own" } else { "another's" }
}

fn answers<const N: usize>(answers: [&str; N]) -> Vec<String> {
    answers.map(str::to_owned).to_vec()
}

#[test]
fn each_job_gets_its_own_answer_once_and_the_threads_end() {
    let seen = explore_bounded(|| {
        let pool = Arc::new(pool(2, 9));
        let hash = |letter, queue| with(&pool, move |pool| hashes(pool, letter, queue));
        Model {
            threads: vec![hash("a", HashQueue::SignIn), hash("b", HashQueue::Submit)],
            end: with(&pool, |pool| pool.0.shared.lock().threads),
        }
    });

    assert_eq!(seen, [(answers(["own", "own"]), 2)].into());
}

#[test]
fn a_queue_that_is_full_refuses_and_what_it_took_is_answered() {
    let seen = explore_bounded(|| {
        let pool = Arc::new(pool(1, 1));
        let hash = |letter| {
            with(&pool, move |pool| {
                let (reply, answer) = oneshot::channel();
                let work = Work::Hash { reply, salt: [0; SALT] };
                let queued =
                    pool.submit(Job { password: password(letter), work }, HashQueue::Submit);
                assert!(pool.0.shared.lock().submit.len() <= 1, "one may wait");
                match queued {
                    Ok(()) => own(&block_on(answer).unwrap().unwrap(), letter).to_owned(),
                    Err(error) => format!("{error:?}"),
                }
            })
        };
        Model { threads: vec![hash("a"), hash("b"), hash("c")], end: Box::new(|| ()) }
    });

    let done = |answers: &Vec<String>| answers.iter().filter(|answer| *answer == "own").count();
    let known = |answer: &String| answer == "own" || *answer == HashError::Busy.to_string();
    assert!(seen.iter().all(|(answers, ())| answers.iter().all(known)), "{seen:?}");
    let done: BTreeSet<_> = seen.iter().map(|(answers, ())| done(answers)).collect();
    assert_eq!(done, [1, 2, 3].into(), "from one to all");
}

#[test]
fn what_waits_when_the_last_clone_goes_is_still_answered() {
    let seen = explore_bounded(|| {
        let clones = Arc::new(pool(1, 9));
        let leave = |letter: &'static str, queue| {
            let clone = Unseen::new(Some(Argon2Pool::clone(&clones)));
            with(&Arc::new(clone), move |clone| {
                let (reply, answer) = oneshot::channel();
                let work = Work::Hash { reply, salt: [0; SALT] };
                let pool = clone.lock().unwrap().take().unwrap();
                pool.submit(Job { password: password(letter), work }, queue).unwrap();
                drop(pool);
                own(&block_on(answer).unwrap().unwrap(), letter).to_owned()
            })
        };
        let threads = vec![leave("a", HashQueue::Submit), leave("b", HashQueue::Submit)];
        Model { threads, end: Box::new(|| ()) }
    });

    assert_eq!(seen, [(answers(["own", "own"]), ())].into());
}

#[test]
fn a_caller_that_gives_up_keeps_no_place_and_no_other_from_its_answer() {
    let seen = explore_bounded(|| {
        let pool = Arc::new(pool(1, 1));
        Model {
            threads: vec![
                with(&pool, |pool| {
                    use futures_util::FutureExt;
                    let polled = pool.hash(password("a"), HashQueue::Submit).now_or_never();
                    // The caller is gone, so the next one finds room.
                    assert!(!matches!(polled, Some(Err(_))));
                    hashes(pool, "b", HashQueue::Submit)
                }),
                with(&pool, |pool| hashes(pool, "c", HashQueue::SignIn)),
            ],
            end: Box::new(|| ()),
        }
    });

    assert_eq!(seen, [(answers(["own", "own"]), ())].into());
}

#[test]
fn a_thread_whose_rest_runs_out_misses_nothing() {
    let seen = explore_bounded(|| {
        let pool = Arc::new(pool(1, 9));
        Model {
            threads: vec![
                with(&pool, |pool| hashes(pool, "a", HashQueue::Submit)),
                with(&pool, |pool| hashes(pool, "b", HashQueue::SignIn)),
                with(&pool, |pool| {
                    pool.0.shared.arrived.run_out();
                    String::new()
                }),
            ],
            end: Box::new(|| ()),
        }
    });

    assert_eq!(seen, [(answers(["own", "own", ""]), ())].into());
}

/// The pool, and whether the sign-in has been queued.
struct Served {
    pool: Argon2Pool,
    queued: AtomicBool,
}

#[test]
fn a_queue_waits_for_one_job_of_the_other_at_most() {
    let seen = explore_bounded(|| {
        let pool = pool(1, 9);
        // The model's own thread serves the jobs.
        pool.0.shared.lock().threads = 1;
        let served = Arc::new(Served { pool, queued: AtomicBool::new(false) });
        let push = |pool: &Argon2Pool, letter, queue| {
            let (reply, answer) = oneshot::channel();
            let work = Work::Hash { reply, salt: [0; SALT] };
            pool.submit(Job { password: password(letter), work }, queue).unwrap();
            answer
        };
        Model {
            threads: vec![
                with(&served, move |served| {
                    let answers = ["a", "b"].map(|it| push(&served.pool, it, HashQueue::Submit));
                    answers
                        .into_iter()
                        .for_each(|answer| assert!(block_on(answer).unwrap().is_ok()));
                    String::new()
                }),
                with(&served, move |served| {
                    let answer = push(&served.pool, "S", HashQueue::SignIn);
                    served.queued.store(true, Ordering::Relaxed);
                    block_on(answer).unwrap().unwrap();
                    String::new()
                }),
                with(&served, |served| {
                    let mut order = String::new();
                    for _ in 0..3 {
                        // A capital letter means that the sign-in was known to wait at that time.
                        let queued = served.queued.load(Ordering::Relaxed);
                        let Some(Job { password, work }) =
                            served.pool.0.shared.next(&mut Letter, REST)
                        else {
                            break;
                        };
                        let letter = password.expose().to_owned();
                        order += &if queued { letter.to_uppercase() } else { letter };
                        let Work::Hash { salt, reply } = work else { panic!("only hashes") };
                        let _ = reply.send(hashing::hash(&password, salt, COST, &mut Letter));
                    }
                    order
                }),
            ],
            end: Box::new(|| ()),
        }
    });

    let mut orders: Vec<_> = seen.into_iter().map(|(mut answers, ())| answers.remove(2)).collect();
    orders.dedup();
    for order in &orders {
        let late = order.starts_with("aB") || order.starts_with("AB");
        assert!(!late, "two submits before a sign-in that waits: {order}");
    }
    assert!(orders.contains(&"abS".to_owned()) && orders.contains(&"SAB".to_owned()), "{orders:?}");
}
