//! Attacks of our own on the change of a password: stolen sessions, guesses of the current
//! password, and answers that tell too much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use sspr::{
    ChangeOutcome, RedeemOutcome, Session, SignInOutcome, Sspr, SubmitOutcome,
    adapters::SystemEntropy,
    domain::Password,
    engine::RequestKey,
    policy::{Limits, PasswordIssue, TenantPolicy},
    ports::{Breach, BreachCheck},
};

use crate::support::*;

const WRONG: &str = "not the password of ada";
const OTHER: &str = "another one of hers 7";

async fn session(world: &World, id: &str) -> Session {
    let it = world.account(id).await.unwrap();
    Session::new(&shop(), it.id, it.stamp)
}

async fn change(world: &World, session: &Session, current: &str, new: &str) -> ChangeOutcome {
    change_from(world, session, (current, new), 1).await
}

async fn change_from(
    world: &World,
    session: &Session,
    (current, new): (&str, &str),
    network: u8,
) -> ChangeOutcome {
    let (current, new) = (password(current), password(new));
    world.sspr.change(session, &current, &new, &client(network)).await.unwrap()
}

fn key() -> RequestKey {
    RequestKey::generate(&SystemEntropy::new()).unwrap()
}

fn is_ended(outcome: &ChangeOutcome) -> bool {
    matches!(outcome, ChangeOutcome::SessionEnded)
}

fn is_wrong_password(outcome: &ChangeOutcome) -> bool {
    matches!(outcome, ChangeOutcome::WrongPassword)
}

async fn is_locked(world: &World) -> bool {
    matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::LockedOut { .. })
}

/// A thief keeps every session that he ever saw, and learns the password of today. None of the old
/// stamps changes it, and trying them says nothing and locks nobody out.
#[test]
fn attack_own_50_stamps_of_earlier_times_neither_change_nor_guess() {
    on_every_store(|world| async move {
        let words = [OLD, NEW, OTHER, "a third one of hers 8"];
        let mut stolen = Vec::new();
        for pair in words.windows(2) {
            stolen.push(session(&world, "ada").await);
            change(&world, &stolen[stolen.len() - 1], pair[0], pair[1]).await.changed().unwrap();
        }
        let stamp = world.account("ada").await.unwrap().stamp;
        for old in &stolen {
            for current in words.into_iter().chain([WRONG; 8]) {
                let outcome = change(&world, old, current, "the thief's own words 1").await;
                assert!(is_ended(&outcome), "{outcome:?}");
            }
        }
        assert!(world.account("ada").await.unwrap().stamp == stamp);
        let signed = world.sign_in("ada@example.com", words[3]).await;
        assert!(matches!(signed, SignInOutcome::SignedIn(_)), "{signed:?}");
    });
}

/// A session whose account was exchanged for another one (a host that takes the account id from a
/// form) has a stamp that is not of this account.
#[test]
fn attack_own_51_a_session_is_no_session_of_another_account() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let (ada, eve) = (session(&world, "ada").await, session(&world, "eve").await);
        let mixed = Session::new(&shop(), ada.account.clone(), eve.stamp);
        let outcome = change(&world, &mixed, OLD, NEW).await;
        assert!(is_ended(&outcome), "{outcome:?}");
        change(&world, &ada, OLD, NEW).await.changed().unwrap();
        assert!(world.account("eve").await.unwrap().stamp == eve.stamp);
    });
}

/// A stolen session sends its guesses all at once, so that each meets a counter of before. A failure
/// is charged before it is compared: ten are compared.
#[test]
fn attack_own_52_guesses_at_the_same_time_are_ten() {
    on_every_store(|world| async move {
        let stolen = session(&world, "ada").await;
        let guesses = (0..40).map(|number| {
            let (world, stolen) = (&world, stolen.clone());
            async move { change(world, &stolen, &format!("guess number {number}"), NEW).await }
        });
        let outcomes = join_all(guesses).await;
        let compared = outcomes.iter().filter(|it| is_wrong_password(it)).count();
        assert!(compared <= 10, "{compared} were compared: {outcomes:?}");
        while !is_locked(&world).await {
            let more = change(&world, &stolen, WRONG, NEW).await;
            assert!(!matches!(more, ChangeOutcome::Changed(_)), "{more:?}");
        }
    });
}

/// The budget of the sign-in was kept by address, that of a change by session: alternating between
/// the two, two addresses and many networks bought more. It is one budget of the account.
#[test]
fn attack_own_53_two_doors_two_addresses_and_many_networks_are_one_budget() {
    on_every_store(|world| async move {
        world.change_account("ada", |it| it.addresses.push(address("ada@work.example"))).await;
        let (one, two) =
            (session(&world, "ada").await, session(&world, "ada").await.with_key(key()));
        let mut compared = 0;
        for number in 0..40_u8 {
            let at = client(number);
            compared += usize::from(match number % 4 {
                0 => is_wrong_password(&change_from(&world, &one, (WRONG, NEW), number).await),
                1 => is_wrong_password(&change_from(&world, &two, (WRONG, NEW), number).await),
                even => {
                    let typed = ["ada@example.com", "ada@work.example"][usize::from(even - 2)];
                    let asked = request(typed);
                    let outcome = world.sspr.sign_in(&asked, &password(WRONG), &at).await;
                    matches!(outcome.unwrap(), SignInOutcome::Rejected)
                }
            });
        }
        assert_eq!(compared, 10);
    });
}

/// Whoever held a session before the change asks whether a guess is the new password: with keys of
/// his own he is told that the session ended, nothing is compared, and the owner is not locked out.
#[test]
fn attack_own_54_keys_of_others_ask_nothing_about_a_new_password() {
    on_every_store(|world| async move {
        let stolen = session(&world, "ada").await;
        let own = stolen.clone().with_key(key());
        change(&world, &own, OLD, NEW).await.changed().unwrap();
        for guess in [NEW, OLD, WRONG].into_iter().cycle().take(30) {
            let other = stolen.clone().with_key(key());
            let outcome = change(&world, &other, OLD, guess).await;
            assert!(is_ended(&outcome), "{outcome:?}");
        }
        let signed = world.sign_in("ada@example.com", NEW).await;
        assert!(matches!(signed, SignInOutcome::SignedIn(_)), "{signed:?}");
    });
}

/// "It is the current one" was said of a right guess alone, and for free. It is said when both fields
/// are the same, whatever the current password is.
#[test]
fn attack_own_55_the_same_words_twice_tell_nothing_of_the_current_password() {
    on_every_store(|world| async move {
        let stolen = session(&world, "ada").await;
        let mut said = Vec::new();
        for guess in [OLD, WRONG, "some other words 12"] {
            let outcome = change(&world, &stolen, guess, guess).await;
            let ChangeOutcome::Weak { issues } = outcome else { panic!("{outcome:?}") };
            assert_eq!(issues, [PasswordIssue::SameAsCurrent]);
            // With a wrong current password, the right one as a new one is refused like any.
            let outcome = change(&world, &stolen, WRONG, guess).await;
            said.push(format!("{outcome:?}"));
        }
        assert_eq!((said[0].as_str(), &said[2]), ("WrongPassword", &said[0]));
    });
}

/// Counts what it is asked, and says that all of it has leaked.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

#[async_trait]
impl BreachCheck for Asked {
    async fn check(&self, _: &Password) -> Breach {
        self.0.fetch_add(1, Ordering::Relaxed);
        Breach::Known
    }
}

/// "This password has leaked" told a thief which passwords a customer might have, and made the
/// service ask a third party as often as he liked. It is asked after a right current password only.
#[test]
fn attack_own_56_a_breach_check_is_no_oracle_for_strangers() {
    runtime().block_on(async {
        let world = World::memory().await;
        let asked = Asked::default();
        let (sspr, _courier) = Sspr::builder(
            world.users.in_memory(),
            world.codes.clone(),
            world.policies.clone(),
            world.keys.clone(),
        )
        .with_clock(world.clock.clone())
        .with_hasher(world.hasher.clone())
        .with_breach_check(asked.clone())
        .build();
        let stolen = session(&world, "ada").await;
        for _ in 0..20 {
            let outcome = sspr.change(&stolen, &password(WRONG), &password(NEW), &client(1)).await;
            assert!(!matches!(outcome.unwrap(), ChangeOutcome::Weak { .. }));
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 0);
        assert!(world.account("ada").await.unwrap().stamp == stolen.stamp);
    });
}

/// A locked-out thief changes the password to unlock the account: a right current password during
/// the pause is not compared, ends no pause, and the pause after it is not shorter.
#[test]
fn attack_own_57_a_change_unlocks_nothing() {
    on_every_store(|world| async move {
        let stolen = session(&world, "ada").await;
        for _ in 0..10 {
            change(&world, &stolen, WRONG, NEW).await;
        }
        for _ in 0..5 {
            let outcome = change(&world, &stolen.clone().with_key(key()), OLD, NEW).await;
            let locked = matches!(outcome, ChangeOutcome::LockedOut { until: Some(_) });
            assert!(locked, "{outcome:?}");
        }
        world.clock.advance(seconds(61));
        assert!(is_wrong_password(&change(&world, &stolen, WRONG, NEW).await));
        assert!(is_locked(&world).await, "one more failure locks at once");
        assert!(world.account("ada").await.unwrap().stamp == stolen.stamp);
    });
}

/// A mailbox was read before the owner changed the password: codes, grants and tickets of then are
/// worth nothing after it.
#[test]
fn attack_own_58_a_change_ends_every_step_of_a_reset() {
    on_every_store(|world| async move {
        let (ready, code) = world.started_with_code().await;
        let (second, grant_code) = world.started_with_code().await;
        let grant = world.granted(&second, &grant_code).await;
        let own = session(&world, "ada").await;
        change(&world, &own, OLD, OTHER).await.changed().unwrap();
        assert!(is_wrong(&world.verify(&ready, &code).await));
        let outcome = world.submit(&grant, "the thief's own words 1").await;
        assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");

        world.clock.advance(seconds(60));
        let ticket = world.reset().await;
        let own = session(&world, "ada").await;
        change(&world, &own, NEW, OTHER).await.changed().unwrap();
        let redeemed = world.redeem(&ticket).await;
        assert!(matches!(redeemed, RedeemOutcome::Rejected), "{redeemed:?}");
    });
}

/// A cached page gives two customers the same request key. The account is in the operation, so each
/// has a change of their own and neither is told of the other's.
#[test]
fn attack_own_59_a_shared_request_key_shares_no_change() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let key = key();
        let ada = session(&world, "ada").await.with_key(key.clone());
        let eve = session(&world, "eve").await.with_key(key);
        let one = change(&world, &ada, OLD, NEW).await.changed().unwrap();
        let wrong = change(&world, &eve, WRONG, NEW).await;
        assert!(is_wrong_password(&wrong), "{wrong:?}");
        let two = change(&world, &eve, OLD, OTHER).await.changed().unwrap();
        assert!(one.stamp != two.stamp);
        let last = |it: Option<sspr::Account>| it.unwrap().last_change;
        assert_ne!(last(world.account("ada").await), last(world.account("eve").await));
    });
}

/// A thief hangs up as soon as a guess is sent, so that nobody counts it. It was charged before it
/// was compared, and the courier finishes what he left.
#[test]
fn attack_own_60_guesses_whose_caller_hangs_up_are_counted() {
    // In memory the first wait of the call is that for the hash.
    runtime().block_on(async {
        let world = World::memory().await;
        let stolen = session(&world, "ada").await;
        for polls in (1..=4).cycle().take(40) {
            let (wrong, new, at) = (password(WRONG), password(NEW), client(1));
            let call = world.sspr.change(&stolen, &wrong, &new, &at);
            let mut call = Box::pin(call);
            for _ in 0..polls {
                let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if polled.is_ready() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            drop(call);
            world.courier.drain(&world.inbox).await;
        }
        world.clock.advance(seconds(1));
        world.courier.drain(&world.inbox).await;
        let outcome = change(&world, &stolen, WRONG, NEW).await;
        let counted = matches!(outcome, ChangeOutcome::LockedOut { .. })
            || matches!(outcome, ChangeOutcome::TryLater { .. });
        assert!(counted || is_locked(&world).await, "{outcome:?}");
    });
}

/// A thief with a hundred stolen sessions guesses one common password for each: the lockouts never
/// fill, but the network's budget does.
#[test]
fn attack_own_61_many_stolen_sessions_are_one_network() {
    on_every_store(|world| async move {
        let limits = Limits::builder().network_tries(20).build().unwrap();
        world.policies.replace(TenantPolicy::customers("contoso").unwrap().with_limits(limits));
        let mut stolen = Vec::new();
        for number in 0..30 {
            let name = format!("user{number}");
            world.add(&format!("{name}@example.com"), &name).await;
            stolen.push(session(&world, &name).await);
        }
        let mut compared = 0;
        for session in &stolen {
            compared += usize::from(is_wrong_password(&change(&world, session, WRONG, NEW).await));
        }
        assert_eq!(compared, 20);
        let own = change_from(&world, &stolen[29], (OLD, NEW), 2).await;
        assert!(own.changed().is_some(), "the owner elsewhere changes it");
    });
}

/// A thief who has no password asks for a change with a grant's or a device's worth of nothing: what
/// `change` is given leaves the account's other marks alone, and a lock of the host stays.
#[test]
fn attack_own_62_refused_changes_leave_the_account_as_it_was() {
    on_every_store(|world| async move {
        world
            .change_account("ada", |it| {
                it.must_change = true;
                it.locked = true;
            })
            .await;
        let before = world.account("ada").await.unwrap();
        let stolen = session(&world, "ada").await;
        for (current, new) in [(WRONG, NEW), (OLD, OLD), (OLD, "qwertyuiop"), (OLD, NEW)] {
            let outcome = change(&world, &stolen, current, new).await;
            assert!(outcome.changed().is_none());
        }
        let after = world.account("ada").await.unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
        assert!(after.stamp == before.stamp && after.must_change && after.locked);
        assert_eq!(world.notices_due().await, 0);
    });
}

/// Two engines over one store, each asked by the same stolen session at once: one change, and the
/// loser is told that the session ended, not that it won.
#[test]
fn attack_own_63_two_processes_change_once() {
    on_every_store(|world| async move {
        let other = world.another_process();
        let stolen = session(&world, "ada").await;
        let all = (0..12).map(|number| {
            let (sspr, stolen) = (if number % 2 == 0 { &world.sspr } else { &other.sspr }, &stolen);
            async move {
                let new = password(&format!("new words of caller {number}"));
                sspr.change(stolen, &password(OLD), &new, &client(1)).await.unwrap()
            }
        });
        let outcomes = join_all(all).await;
        let changed = outcomes.iter().filter(|it| matches!(it, ChangeOutcome::Changed(_)));
        assert_eq!(changed.count(), 1, "{outcomes:?}");
        assert_eq!(world.notices_due().await, 1);
    });
}
