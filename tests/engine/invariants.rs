//! The invariants I1 to I12, through the public API only, one body for every store.

use std::sync::Arc;

use crate::support::*;
use sspr::{
    domain::{Code, FlowToken, Grant, IdentityProvider, SecondFactor, Stamp, TenantId, Ticket},
    engine::{
        Client, RedeemOutcome, Rejection, SecondFactorDemand, SendOutcome, SignInOutcome,
        StartOutcome, SubmitOutcome, VerifyOutcome,
    },
    ports::{Clock, EventKind, Outcome},
};

#[test]
fn i1_a_ticket_signs_in_once_also_if_the_clock_is_far_behind_for_a_while() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let ticket = world.changed(&grant, NEW).await;
        let now = world.clock.now();

        // The window of the ticket's counter is over before the ticket is.
        world.clock.set(now.before(hours(25)));
        let behind = world.redeem(&ticket).await;
        world.clock.set(now);
        let then = world.redeem(&ticket).await;

        let sign_ins =
            [behind, then].iter().filter(|it| matches!(it, RedeemOutcome::SignIn(_))).count();
        assert_eq!(sign_ins, 1);
    });
}

#[test]
fn i1_a_code_yields_one_grant_and_a_grant_one_change() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;

        let first = world.granted(&token, &code).await;
        let again = world.granted(&token, &code).await;
        assert_eq!(first.expose(), again.expose());

        let ticket = world.changed(&first, NEW).await;
        let repeated = world.changed(&first, NEW).await;
        assert_eq!(ticket.expose(), repeated.expose());
        let other = world.submit(&first, "another password entirely").await;
        assert!(matches!(other, SubmitOutcome::Rejected));

        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::RequireSignIn));
        assert_eq!(world.notices_due().await, 1);
        assert!(matches!(
            world.verify(&token, &code).await,
            VerifyOutcome::Rejected(Rejection::Gone)
        ));
    });
}

#[test]
fn i2_at_most_five_codes_are_compared_for_one_challenge() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;

        for left in (0..5).rev() {
            let outcome = world.verify(&token, &other_than(&code)).await;
            let expected = Rejection::WrongCode { tries_left: left };
            assert!(matches!(outcome, VerifyOutcome::Rejected(got) if got == expected));
        }

        let right = world.verify(&token, &code).await;
        assert!(matches!(right, VerifyOutcome::Rejected(Rejection::Exhausted)));
    });
}

#[test]
fn i2_resending_gives_new_tries_but_no_new_budget() {
    on_every_store(|world| async move {
        let token = world.started("ada@example.com", &client(1)).await;
        let mut compared = 0;
        for round in 0..4 {
            if round > 0 {
                world.clock.advance(seconds(60));
                world.sent(&token, &client(1)).await;
            }
            let code = world.mailed_code().await;
            for _ in 0..5 {
                let outcome = world.verify(&token, &other_than_any(&code)).await;
                compared += usize::from(is_wrong(&outcome) && code.expose().len() == 8);
            }
        }
        assert_eq!(compared, 15);
    });
}

fn other_than_any(code: &Code) -> Code {
    let text = code.expose();
    if text.len() == 8 { other_than(code) } else { wrong_code() }
}

#[test]
fn i3_a_wrong_guess_never_kills_the_right_code() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        for _ in 0..4 {
            assert!(is_wrong(&world.verify(&token, &other_than(&code)).await));
        }

        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn i3_a_strangers_reset_leaves_the_owners_code_alone() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let foreign = world.started("ada@example.com", &client(200)).await;
        world.courier.drain(&world.inbox).await;
        for _ in 0..5 {
            world.sspr.verify(&foreign, &wrong_code(), &client(200)).await.unwrap();
        }

        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn i3_the_old_code_counts_until_the_new_one_is_bound() {
    on_every_store(|world| async move {
        let (token, old) = world.started_with_code().await;
        world.clock.advance(seconds(60));
        world.sent(&token, &client(1)).await;

        let before = world.verify(&token, &other_than(&old)).await;
        assert!(is_wrong(&before));
        let new = world.mailed_code().await;
        assert!(is_wrong(&world.verify(&token, &old).await));
        assert!(matches!(world.verify(&token, &new).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn i4_a_code_works_only_in_its_own_reset() {
    on_every_store(|world| async move {
        let (_, code) = world.started_with_code().await;
        let other = world.started("ada@example.com", &client(2)).await;
        world.courier.drain(&world.inbox).await;

        assert!(is_wrong(&world.verify(&other, &code).await));
    });
}

#[test]
fn i4_another_applications_secrets_are_unknown_and_charge_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let another = sspr::Application::new("contoso", "sign-in", "another").unwrap();
        let elsewhere = world.sspr.for_application(&another);
        for _ in 0..10 {
            let outcome = elsewhere.verify(&token, &code, &client(1)).await.unwrap();
            assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)));
        }
        assert!(matches!(elsewhere.send(&token, &client(1)).await.unwrap(), SendOutcome::Gone));

        let grant = world.granted(&token, &code).await;
        let foreign = elsewhere.submit(&grant, &password(NEW), &client(1)).await.unwrap();
        assert!(matches!(foreign, SubmitOutcome::Rejected));
        let ticket = world.changed(&grant, NEW).await;
        assert!(matches!(elsewhere.redeem(&ticket).await.unwrap(), RedeemOutcome::Rejected));
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    });
}

#[test]
fn i4_a_forged_secret_charges_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let mut text = token.expose().into_bytes();
        text[60] = if text[60] == b'A' { b'B' } else { b'A' };
        let forged = FlowToken::parse(std::str::from_utf8(&text).unwrap()).unwrap();
        for _ in 0..10 {
            let outcome = world.verify(&forged, &code).await;
            assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)));
        }

        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn i4_everything_is_dead_at_its_expiry() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        world.clock.advance(seconds(600));
        assert!(matches!(
            world.verify(&token, &code).await,
            VerifyOutcome::Rejected(Rejection::Expired)
        ));

        world.sent(&token, &client(1)).await;
        let code = world.mailed_code().await;
        let grant = world.granted(&token, &code).await;
        world.clock.advance(seconds(600));
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
        world.clock.advance(hours(1));
        assert!(matches!(world.sspr.send(&token, &client(1)).await.unwrap(), SendOutcome::Gone));
    });
}

#[test]
fn i4_a_ticket_is_dead_at_its_expiry() {
    on_every_store(|world| async move {
        let ticket = world.reset().await;
        world.clock.advance(seconds(300));

        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::Rejected));
    });
}

#[test]
fn i4_a_changed_stamp_or_address_kills_the_code() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        world.change_account("ada", |ada| ada.addresses = vec![address("new@example.com")]).await;
        assert!(is_wrong(&world.verify(&token, &code).await));

        world
            .change_account("ada", |ada| {
                ada.addresses = vec![address("ada@example.com")];
                ada.stamp = Stamp::from_bytes([9; 16]);
            })
            .await;
        assert!(is_wrong(&world.verify(&token, &code).await));
    });
}

#[test]
fn i5_the_change_rotates_the_stamp_unlocks_and_queues_one_notice() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.locked = true).await;
        let before = world.account("ada").await.unwrap();

        world.reset().await;

        let after = world.account("ada").await.unwrap();
        assert_ne!(before.stamp, after.stamp);
        assert_ne!(before.password, after.password);
        assert!(!after.locked && after.last_change.is_some());
        assert_eq!(world.notices_due().await, 1);
        assert!(matches!(world.sign_in("ada@example.com", NEW).await, SignInOutcome::SignedIn(_)));
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::Rejected));
    });
}

#[test]
fn i5_a_retry_in_another_process_ends_where_the_first_would_have() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let other = world.another_process();

        let grant = world.granted(&token, &code).await;
        assert_eq!(other.granted(&token, &code).await.expose(), grant.expose());
        let ticket = world.changed(&grant, NEW).await;
        assert_eq!(other.changed(&grant, NEW).await.expose(), ticket.expose());
        assert_eq!(world.notices_due().await, 1);
    });
}

#[test]
fn i6_whatever_withdraws_the_right_kills_the_code_at_every_later_step() {
    type Change = fn(&mut sspr::domain::Account);
    let changes: [(&str, Change); 3] = [
        ("disabled", |ada| ada.disabled = true),
        ("federated", |ada| ada.identity_providers = vec![IdentityProvider::Google]),
        ("second factor in the same mailbox", |ada| {
            ada.second_factor = SecondFactor::SameMailbox;
        }),
    ];
    for (what, change) in changes {
        on_every_store(|world| async move {
            let (token, code) = world.started_with_code().await;
            world.change_account("ada", change).await;
            assert!(is_wrong(&world.verify(&token, &code).await), "{what}: verify");
        });
        on_every_store(|world| async move {
            let (token, code) = world.started_with_code().await;
            let grant = world.granted(&token, &code).await;
            world.change_account("ada", change).await;
            let submitted = world.submit(&grant, NEW).await;
            assert!(matches!(submitted, SubmitOutcome::Rejected), "{what}: submit");
        });
        on_every_store(|world| async move {
            let ticket = world.reset().await;
            world.change_account("ada", change).await;
            let redeemed = world.redeem(&ticket).await;
            assert!(matches!(redeemed, RedeemOutcome::Rejected), "{what}: redeem");
        });
    }
}

#[test]
fn i6_nobody_ineligible_is_sent_a_code_and_outsiders_see_no_difference() {
    on_every_store(|world| async move {
        let mut disabled = account("disabled@example.com", "d");
        disabled.disabled = true;
        world.insert(disabled.with_password(world.hash(OLD).await)).await;
        let mut google = account("google@example.com", "g");
        google.identity_providers = vec![IdentityProvider::Google];
        world.insert(google).await;
        for twin in ["t1", "t2"] {
            let twin = account("twins@example.com", twin);
            world.insert(twin.with_password(world.hash(OLD).await)).await;
        }

        for typed in ["disabled", "google", "twins", "nobody"] {
            let typed = format!("{typed}@example.com");
            let token = world.started(&typed, &client(1)).await;
            world.courier.drain(&world.inbox).await;
            assert!(world.inbox.messages().is_empty(), "{typed}");
            for left in (0..5).rev() {
                let outcome = world.verify(&token, &wrong_code()).await;
                let expected = Rejection::WrongCode { tries_left: left };
                assert!(matches!(outcome, VerifyOutcome::Rejected(got) if got == expected));
            }
            let spent = world.verify(&token, &wrong_code()).await;
            assert!(matches!(spent, VerifyOutcome::Rejected(Rejection::Exhausted)));
            world.clock.advance(hours(25));
        }
        let ambiguous =
            world.events.all().iter().any(|event| {
                event.kind == EventKind::Deliver && event.outcome == Outcome::Ambiguous
            });
        assert!(ambiguous, "administrators learn of the twins");
    });
}

#[test]
fn i6_a_policy_switched_off_stops_resets_under_way() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        world.policies.replace(switched_off());
        assert!(is_wrong(&world.verify(&token, &code).await));
        assert!(matches!(
            world.sspr.start(&request("ada@example.com"), &client(1)).await.unwrap(),
            StartOutcome::Unavailable
        ));
        assert!(matches!(world.sspr.send(&token, &client(1)).await.unwrap(), SendOutcome::Gone));
    });
}

#[test]
fn i6_a_flow_that_covers_the_application_no_more_stops_resets_under_way() {
    let elsewhere = || {
        let json = r#"{"displayName": "sign-in", "conditions": {"applications":
            {"includeApplications": [{"appId": "another"}]}}, "onAuthenticationMethodLoadStart":
            {"identityProviders": [{"id": "EmailPassword-OAUTH"}]}}"#;
        let flow = sspr::policy::UserFlow::from_json(json).unwrap();
        let policy = sspr::policy::TenantPolicy::customers("contoso").unwrap();
        policy.with_user_flows(vec![flow]).unwrap()
    };
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        world.policies.replace(elsewhere());
        assert!(is_wrong(&world.verify(&token, &code).await));
    });
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.policies.replace(elsewhere());
        let submitted = world.submit(&grant, NEW).await;
        assert!(matches!(submitted, SubmitOutcome::Rejected), "{submitted:?}");
    });
}

fn switched_off() -> sspr::policy::TenantPolicy {
    let json = r##"{"@odata.type":"#microsoft.graph.emailAuthenticationMethodConfiguration",
        "id":"Email","state":"disabled","includeTargets":[{"targetType":"group","id":"all_users"}]}"##;
    let methods = sspr::policy::AuthenticationMethodsPolicy::from_email_json(json).unwrap();
    sspr::policy::TenantPolicy::customers("contoso").unwrap().with_authentication_methods(methods)
}

#[test]
fn i8_a_clock_that_runs_back_revives_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let start = sspr::ports::Clock::now(&world.clock);
        world.clock.advance(seconds(601));
        assert!(matches!(
            world.verify(&token, &code).await,
            VerifyOutcome::Rejected(Rejection::Expired)
        ));

        world.clock.set(start);
        assert!(matches!(
            world.verify(&token, &code).await,
            VerifyOutcome::Rejected(Rejection::Expired)
        ));
    });
}

#[test]
fn i9_after_success_nothing_older_works() {
    on_every_store(|world| async move {
        let SignInOutcome::SignedIn(session) = world.sign_in("ada@example.com", OLD).await else {
            panic!("signs in before");
        };
        let (other_token, other_code) = world.started_with_code().await;
        let second = world.started("ada@example.com", &client(3)).await;
        let second_code = world.mailed_code().await;
        let second_grant = world.granted(&second, &second_code).await;

        let ticket = world.reset().await;

        assert_ne!(world.account("ada").await.unwrap().stamp, session.stamp);
        assert!(is_wrong(&world.verify(&other_token, &other_code).await));
        assert!(matches!(
            world.submit(&second_grant, "yet another good one").await,
            SubmitOutcome::Rejected
        ));
        let RedeemOutcome::SignIn(sign_in) = world.redeem(&ticket).await else {
            panic!("redeems");
        };
        assert_eq!(sign_in.stamp, world.account("ada").await.unwrap().stamp);
        assert_eq!(world.notices_due().await, 1);
    });
}

#[test]
fn i9_a_password_changed_elsewhere_voids_the_ticket() {
    on_every_store(|world| async move {
        let ticket = world.reset().await;
        world.change_account("ada", |ada| ada.stamp = Stamp::from_bytes([3; 16])).await;

        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::Rejected));
    });
}

#[test]
fn a_second_factor_stays_required() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::Independent).await;
        let ticket = world.reset().await;

        let RedeemOutcome::SignIn(sign_in) = world.redeem(&ticket).await else {
            panic!("redeems");
        };
        assert_eq!(sign_in.second_factor, SecondFactorDemand::Required);
    });
}

#[test]
fn i11_malformed_input_is_refused_before_any_work() {
    on_every_store(|world| async move {
        let huge = "x".repeat(1 << 20);
        let hashes = world.hasher.jobs();
        assert!(sspr::domain::EmailAddress::parse(&huge).is_err());
        assert!(Code::parse(&huge).is_err());
        assert!(sspr::domain::Password::parse(&huge).is_err());
        assert!(FlowToken::parse(&huge).is_err());
        assert!(Grant::parse(&huge).is_err());
        assert!(Ticket::parse(&huge).is_err());
        assert!(TenantId::parse(&huge).is_err());
        assert!(sspr::engine::Context::new(vec![0; 513]).is_err());
        let (token, code) = world.started_with_code().await;
        for _ in 0..5 {
            world.verify(&token, &other_than(&code)).await;
        }
        assert_eq!(world.hasher.jobs(), hashes);
    });
}

#[test]
fn i11_one_grant_buys_at_most_ten_hashes() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let hashes = world.hasher.jobs();
        for _ in 0..30 {
            let _ = world.submit(&grant, OLD).await;
        }
        assert!((9..=10).contains(&(world.hasher.jobs() - hashes)));
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
    });
}

#[test]
fn i11_a_password_that_is_refused_without_a_hash_costs_the_grant_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let hashes = world.hasher.jobs();
        for _ in 0..30 {
            let answer = world.submit(&grant, "passwordpassword").await;
            assert!(matches!(answer, SubmitOutcome::Weak { .. }), "{answer:?}");
        }
        assert_eq!(world.hasher.jobs(), hashes);
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Changed(_)));
    });
}

#[test]
fn i12_the_trusted_lane_opens_when_strangers_have_spent_the_mails() {
    on_every_store(|world| async move {
        let SignInOutcome::SignedIn(signed_in) = world.sign_in("ada@example.com", OLD).await else {
            panic!("signs in");
        };
        for network in 10..14 {
            for _ in 0..5 {
                world.started("ada@example.com", &client(network)).await;
            }
        }
        let refused = world.sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        assert!(matches!(refused, StartOutcome::TryLater { .. }));

        world.courier.drain(&world.inbox).await;
        let trusted =
            Client::at(std::net::IpAddr::from([192, 0, 2, 1])).with_device(signed_in.device);
        let token = world.started("ada@example.com", &trusted).await;
        let code = world.mailed_code().await;
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));

        let vouched = client(1).with_vouch(sspr::engine::Vouch::new("captcha-1").unwrap());
        world.started("ada@example.com", &vouched).await;
    });
}

#[test]
fn i12_the_trusted_lane_stays_open_when_strangers_have_spent_the_accounts_mails_too() {
    on_every_store(|world| async move {
        let SignInOutcome::SignedIn(signed_in) = world.sign_in("ada@example.com", OLD).await else {
            panic!("signs in");
        };
        let vouch = || sspr::engine::Vouch::new("captcha").unwrap();
        for network in 10..14 {
            for _ in 0..5 {
                world.started("ada@example.com", &client(network)).await;
            }
            for _ in 0..10 {
                let vouched = client(network).with_vouch(vouch());
                world.started("ada@example.com", &vouched).await;
            }
        }
        world.courier.drain(&world.inbox).await;
        drop(world.inbox.take());

        for trusted in [client(1).with_device(signed_in.device), client(2).with_vouch(vouch())] {
            let token = world.started("ada@example.com", &trusted).await;
            let code = world.mailed_code().await;
            let verified = world.sspr.verify(&token, &code, &trusted).await.unwrap();
            assert!(matches!(verified, VerifyOutcome::Granted(_)), "{verified:?}");
            drop(world.inbox.take());
        }
    });
}

#[test]
fn a_thousand_guesses_under_ten_spellings_buy_fifteen_comparisons() {
    on_every_store(|world| async move {
        let spellings: Vec<String> = (0..10).map(|n| format!("ada+{n}@example.com")).collect();
        for spelling in &spellings {
            let mut alias = world.account("ada").await.unwrap();
            alias.addresses.push(address(spelling));
            world.change_account("ada", |ada| ada.addresses.clone_from(&alias.addresses)).await;
        }
        let (mut wrong_short, mut resets) = (0, 0);
        let mut network = 0_u8;
        for round in 0..200_usize {
            network = network.wrapping_add(1);
            let stranger =
                Client::at(std::net::IpAddr::from([10, 0, (round / 200) as u8, network]));
            let typed = &spellings[round % 10];
            let StartOutcome::Started(started) =
                world.sspr.start(&request(typed), &stranger).await.unwrap()
            else {
                continue;
            };
            resets += 1;
            world.courier.drain(&world.inbox).await;
            for _ in 0..5 {
                let outcome = world.sspr.verify(&started.token, &wrong_code(), &stranger).await;
                if is_wrong(&outcome.unwrap()) && started.sent.code_length() == 8 {
                    wrong_short += 1;
                }
            }
        }
        assert!(wrong_short <= 15, "{wrong_short} comparisons in {resets} resets");

        // The stranger has spent this day's mails; the owner's own device has a lane of its own.
        let SignInOutcome::SignedIn(signed_in) = world.sign_in("ada@example.com", OLD).await else {
            panic!("signs in");
        };
        let own = client(1).with_device(signed_in.device);
        let token = world.started("ada@example.com", &own).await;
        let code = world.mailed_code().await;
        assert_eq!(code.expose().len(), 19, "the long code");
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn past_the_cap_one_resend_brings_the_owner_in() {
    on_every_store(|world| async move {
        let (token, short) = world.started_with_code().await;
        // Strangers spend the visible budget of the address after the owner's code was sent.
        for network in [50, 51, 52] {
            let foreign = world.started("ada@example.com", &client(network)).await;
            world.courier.drain(&world.inbox).await;
            for _ in 0..5 {
                let stranger = client(network);
                world.sspr.verify(&foreign, &wrong_code(), &stranger).await.unwrap();
            }
        }
        let mails = world.inbox.messages().len();

        let outcome = world.verify(&token, &short).await;

        let VerifyOutcome::Rejected(Rejection::LongerCodeSent(sent)) = outcome else {
            panic!("expected the longer code, got {outcome:?}");
        };
        assert_eq!(sent.code_length(), 16);
        let long = world.mailed_code().await;
        assert_eq!(world.inbox.messages().len(), mails + 1, "one mail more");
        assert!(matches!(world.verify(&token, &long).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn a_thousand_parallel_right_codes_yield_one_grant() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let shared = Arc::new((world, token, code));
        let outcomes = all(1000, |_| {
            let shared = shared.clone();
            Box::pin(async move {
                let (world, token, code) = &*shared;
                match world.sspr.verify(token, code, &Client::unknown()).await {
                    Ok(VerifyOutcome::Granted(granted)) => Some(granted.grant.expose()),
                    _ => None,
                }
            })
        })
        .await;

        let mut grants: Vec<String> = outcomes.into_iter().flatten().collect();
        assert!((1..=5).contains(&grants.len()), "{} granted", grants.len());
        grants.dedup();
        assert_eq!(grants.len(), 1, "one distinct grant");

        let grant = Grant::parse(&grants[0]).unwrap();
        let shared = Arc::new((Arc::into_inner(shared).unwrap().0, grant));
        let tickets = all(64, |_| {
            let shared = shared.clone();
            Box::pin(async move {
                let (world, grant) = &*shared;
                match world.sspr.submit(grant, &password(NEW), &Client::unknown()).await {
                    Ok(SubmitOutcome::Changed(changed)) => Some(changed.ticket.expose()),
                    _ => None,
                }
            })
        })
        .await;
        let mut tickets: Vec<String> = tickets.into_iter().flatten().collect();
        assert!(!tickets.is_empty());
        tickets.dedup();
        assert_eq!(tickets.len(), 1, "one distinct ticket");
        assert_eq!(shared.0.notices_due().await, 1, "one change, one notice");
    });
}

#[test]
fn a_locked_account_is_opened_by_the_reset() {
    on_every_store(|world| async move {
        for _ in 0..10 {
            let wrong = world.sign_in("ada@example.com", "not the password").await;
            assert!(matches!(wrong, SignInOutcome::Rejected));
        }
        let locked = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(locked, SignInOutcome::LockedOut { until: Some(_) }));

        world.reset().await;

        assert!(matches!(world.sign_in("ada@example.com", NEW).await, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn an_unknown_address_locks_like_a_known_one() {
    on_every_store(|world| async move {
        for typed in ["ada@example.com", "nobody@example.com"] {
            for _ in 0..10 {
                let wrong = world.sign_in(typed, "not the password").await;
                assert!(matches!(wrong, SignInOutcome::Rejected), "{typed}");
            }
            let locked = world.sign_in(typed, "not the password").await;
            assert!(matches!(locked, SignInOutcome::LockedOut { until: Some(_) }), "{typed}");
            world.clock.advance(seconds(60));
            let again = world.sign_in(typed, "not the password").await;
            assert!(matches!(again, SignInOutcome::Rejected), "{typed}");
            let relocked = world.sign_in(typed, "not the password").await;
            assert!(matches!(relocked, SignInOutcome::LockedOut { .. }), "{typed}");
        }
    });
}
