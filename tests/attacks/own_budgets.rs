//! Attacks of our own: on counters, clocks, keys and lockouts.

use std::net::IpAddr;

use sspr::{
    Keyring,
    adapters::ManualClock,
    domain::{Code, CodeFormat, IdentityProvider, Timestamp},
    engine::{Client, SignInOutcome, StartOutcome, Started, VerifyOutcome, Vouch},
    policy::{Limits, TenantPolicy},
    ports::Clock as _,
};

use crate::support::*;

async fn start(world: &World, typed: &str, at: &Client) -> Option<Started> {
    match world.sspr.start(&request(typed), at).await.unwrap() {
        StartOutcome::Started(it) => Some(it),
        StartOutcome::TryLater { .. } => None,
        other => panic!("not started: {other:?}"),
    }
}

/// Spends the window's comparisons of an address, from three networks.
async fn spend(world: &World, typed: &str) {
    for number in [101, 102, 103] {
        let it = start(world, typed, &client(number)).await.unwrap();
        assert_eq!(it.sent.format, CodeFormat::Digits);
        world.courier.drain(&world.inbox).await;
        for _ in 0..5 {
            let outcome = world.sspr.verify(&it.token, &wrong_code(), &client(number)).await;
            assert!(is_wrong(&outcome.unwrap()));
        }
    }
}

async fn is_spent(world: &World, typed: &str, at: &Client) -> bool {
    start(world, typed, at).await.unwrap().sent.format == CodeFormat::Letters
}

fn key(seed: u8) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(41).wrapping_add(seed)).collect();
    Base64UrlUnpadded::encode_string(&bytes)
}

fn with_keys(world: &World, keys: &str) -> World {
    World::assemble(
        world.users.clone(),
        world.codes.clone(),
        world.policies.clone(),
        Keyring::parse(keys).unwrap(),
        world.clock.clone(),
        None,
    )
}

/// Counters have names under the index key: waiting for its rotation bought a second budget. While
/// it is rotated both names are charged.
#[test]
fn attack_own_16_a_rotated_index_key_gives_no_second_budget() {
    on_every_store(|world| async move {
        let (sign, one, two) = (key(1), key(90), key(170));
        let before = with_keys(&world, &format!("sign={sign} index={one}"));
        spend(&before, "ada@example.com").await;
        let during = with_keys(&world, &format!("sign={sign} index={two} old-index={one}"));
        assert!(is_spent(&during, "ada@example.com", &client(1)).await);
        // What is spent while it lasts is spent for those after it, too.
        spend(&during, "eve@example.com").await;
        let after = with_keys(&world, &format!("sign={sign} index={two}"));
        assert!(is_spent(&after, "eve@example.com", &client(1)).await);
    });
}

/// Lockouts have names under the index key, too: its rotation opened every locked account, and one
/// that was about to lock.
#[test]
fn attack_own_49_a_rotated_index_key_opens_no_lockout() {
    on_every_store(|world| async move {
        let (sign, one, two) = (key(1), key(90), key(170));
        let tries = async |world: &World, mail: &str, times: u8| {
            for _ in 0..times {
                let wrong = world.sign_in(mail, "not the password").await;
                assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
            }
        };
        let is_locked = async |world: &World, mail: &str| {
            matches!(world.sign_in(mail, OLD).await, SignInOutcome::LockedOut { .. })
        };
        let before = with_keys(&world, &format!("sign={sign} index={one}"));
        let during = with_keys(&world, &format!("sign={sign} index={two} old-index={one}"));
        let after = with_keys(&world, &format!("sign={sign} index={two}"));
        for mail in ["ada@example.com", "nobody@example.com"] {
            tries(&before, mail, 6).await;
            tries(&during, mail, 4).await;
            assert!(is_locked(&during, mail).await, "{mail}");
            assert!(is_locked(&after, mail).await, "{mail}");
        }
        tries(&before, "eve@example.com", 10).await;
        assert!(is_locked(&during, "eve@example.com").await);
    });
}

/// A process whose clock is wrong by days opened a window anew, or let an old code live. The latest
/// instant that store and record have seen counts.
#[test]
fn attack_own_17_a_process_with_another_clock_opens_no_window() {
    on_every_store(|world| async move {
        spend(&world, "ada@example.com").await;
        let now = world.clock.now().as_micros();
        let day = 24 * 3600 * 1_000_000;
        for wrong in [now - 10 * day, now - 1, 0] {
            let clock = ManualClock::new(Timestamp::from_micros(wrong));
            let behind = World::assemble(
                world.users.clone(),
                world.codes.clone(),
                world.policies.clone(),
                world.keys.clone(),
                clock,
                None,
            );
            assert!(is_spent(&behind, "ada@example.com", &client(1)).await, "{wrong}");
        }
    });
}

/// Sweeping what is dead frees no budget that lives.
#[test]
fn attack_own_18_a_sweep_frees_no_budget() {
    on_every_store(|world| async move {
        spend(&world, "ada@example.com").await;
        world.clock.advance(hours(23));
        while world.sspr.sweep(10).await.unwrap() > 0 {}
        assert!(is_spent(&world, "ada@example.com", &client(1)).await);
    });
}

/// Guesses at a decoy whose address is like a customer's: they spend what strangers see for both,
/// and never what decides whether the customer's own code is compared.
#[test]
fn attack_own_19_guesses_at_a_decoy_close_no_account() {
    on_every_store(|world| async move {
        spend(&world, "nobody@example.com").await;
        let token = world.started("ada@example.com", &client(1)).await;
        let code = world.mailed_code().await;
        assert_eq!(code.format(), CodeFormat::Digits, "all decoys are not one account");
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));

        world.clock.advance(hours(25));
        spend(&world, "ada+nobody@example.com").await;
        let token = world.started("ada@example.com", &client(1)).await;
        let code = world.mailed_code().await;
        assert_eq!(code.format(), CodeFormat::Letters, "one longer code, and no closed door");
        for _ in 0..4 {
            let wrong = Code::parse("BBBB-BBBB-BBBB-BBBB").unwrap();
            assert!(is_wrong(&world.verify(&token, &wrong).await));
        }
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

/// What a sign-in answers after wrong passwords under another spelling told who has a password
/// here: a spelling that is nobody's must lock for a customer and for a stranger alike.
#[test]
fn attack_own_20_a_lockout_under_another_spelling_tells_nothing() {
    on_every_store(|world| async move {
        world.add("customer@example.com", "customer").await;
        let mut federated = account("federated@example.com", "federated");
        federated.identity_providers = vec![IdentityProvider::Google];
        world.insert(federated).await;
        for tail in ["+x", "+", ""] {
            let mut seen = Vec::new();
            for name in ["customer", "federated", "stranger"] {
                world.clock.advance(hours(48));
                for _ in 0..11 {
                    let first = name.chars().next().unwrap().to_ascii_uppercase();
                    let spelt = match tail {
                        "" => format!("{first}{}@example.com", &name[1..]),
                        _ => format!("{name}{tail}@example.com"),
                    };
                    world.sign_in(&spelt, "not the password").await;
                }
                let outcome = world.sign_in(&format!("{name}@example.com"), "wrong").await;
                seen.push(matches!(outcome, SignInOutcome::LockedOut { .. }));
            }
            assert!(seen.iter().all(|locked| *locked == seen[0]), "{tail:?}: {seen:?}");
        }
    });
}

/// One subscriber holds 2^64 addresses of IPv6, and writes IPv4 addresses in two ways: they are one
/// network, and a whole site has a limit too.
#[test]
fn attack_own_21_one_network_is_not_many() {
    on_every_store(|world| async move {
        let at = |text: String| Client::at(text.parse::<IpAddr>().unwrap());
        let mut of_one = 0;
        for number in 0..20 {
            let own = at(format!("2001:db8:1:1:{number:x}:{number:x}::{number:x}"));
            of_one += usize::from(start(&world, "ada@example.com", &own).await.is_some());
        }
        assert_eq!(of_one, 5, "a /64 is one network");
        let mut of_one = 0;
        for number in 0..20 {
            let own = at(format!("2001:db8:3:10{number:02x}::1"));
            of_one += usize::from(start(&world, "kim@example.com", &own).await.is_some());
        }
        assert_eq!(of_one, 5, "and a /56 where an address is concerned");
        let mut of_v4 = 0;
        for number in 0..20 {
            let text = if number % 2 == 0 { "192.0.2.77" } else { "::ffff:192.0.2.77" };
            let started = start(&world, "eve@example.com", &at(text.to_owned())).await;
            of_v4 += usize::from(started.is_some());
        }
        assert_eq!(of_v4, 5, "a mapped address is the address");
        let numbers = Limits::builder().sends_per_network(5);
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_limits(numbers.build().unwrap()));
        let (mut of_a_subscriber, mut of_a_site) = (0, 0);
        for number in 0..12 * 30 {
            let (subscriber, subnet) = (number / 30, number % 30);
            let own = at(format!("2001:db8:2:{subscriber:02x}{subnet:02x}::1"));
            let typed = format!("customer{number}@example.com");
            let started = usize::from(start(&world, &typed, &own).await.is_some());
            of_a_site += started;
            of_a_subscriber += if subscriber == 0 { started } else { 0 };
        }
        assert_eq!(of_a_subscriber, 20, "four times a network's for a /56");
        assert_eq!(of_a_site, 200, "forty times a network's for a /48: ten subscribers'");
    });
}

/// The lane for solved captchas is counted by network, not by the captcha's id: solving many, or
/// making ids up where the host is careless, buys no mail bombs.
#[test]
fn attack_own_22_many_vouches_are_one_lane() {
    on_every_store(|world| async move {
        let mut started = 0;
        for number in 0..40 {
            let vouch = Vouch::new(&format!("captcha-{number}")).unwrap();
            let at = client(1).with_vouch(vouch);
            started += usize::from(start(&world, "ada@example.com", &at).await.is_some());
        }
        assert_eq!(started, 10);
    });
}

/// A stranger asks again and again to reset the cooldown, or to push the owner's code out: cooldown
/// and code belong to one reset.
#[test]
fn attack_own_23_a_strangers_resets_delay_and_displace_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        for number in 10..13 {
            start(&world, "ada@example.com", &client(number)).await.unwrap();
            world.courier.drain(&world.inbox).await;
        }
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
        let other = world.started("ada@example.com", &client(2)).await;
        world.clock.advance(seconds(60));
        start(&world, "ada@example.com", &client(14)).await.unwrap();
        world.sent(&other, &client(2)).await;
    });
}
