//! I12: every counted call has the trusted and the vouched lane, and no neighbour closes a door.

use std::net::IpAddr;

use crate::support::*;
use sspr::{
    domain::{DeviceProof, FlowToken, IdentityProvider, Stamp},
    engine::{
        Client, OpenOutcome, RedeemOutcome, Rejection, SignInOutcome, StartOutcome, SubmitOutcome,
        VerifyOutcome, Vouch,
    },
    policy::{Limits, LimitsBuilder, TenantPolicy},
    ports::Outcome,
};

fn limited(world: &World, limits: LimitsBuilder) {
    let policy = TenantPolicy::customers("contoso").unwrap();
    world.policies.replace(policy.with_limits(limits.build().unwrap()));
}

async fn device(world: &World) -> DeviceProof {
    match world.sign_in("ada@example.com", OLD).await {
        SignInOutcome::SignedIn(signed_in) => signed_in.device,
        other => panic!("not signed in: {other:?}"),
    }
}

fn again(proof: &DeviceProof) -> DeviceProof {
    DeviceProof::parse(&proof.expose()).unwrap()
}

fn vouch(name: &str) -> Vouch {
    Vouch::new(name).unwrap()
}

/// Whether a counted call is refused for its network.
#[derive(Clone, Copy, Debug)]
enum Call {
    Open,
    SignIn,
    Verify,
}

impl Call {
    async fn is_refused(self, world: &World, token: &FlowToken, client: &Client) -> bool {
        let typed = request("ada@example.com");
        match self {
            Self::Open => {
                let answer = world.sspr.open(&typed, client).await.unwrap();
                matches!(answer, OpenOutcome::TryLater { .. })
            }
            Self::SignIn => {
                let answer = world.sspr.sign_in(&typed, &password(OLD), client).await.unwrap();
                matches!(answer, SignInOutcome::TryLater { .. })
            }
            Self::Verify => {
                let answer = world.sspr.verify(token, &wrong_code(), client).await.unwrap();
                matches!(answer, VerifyOutcome::Rejected(Rejection::TryLater { .. }))
            }
        }
    }

    /// Spends the call's budget of a network: with an address and resets that are a neighbour's.
    async fn spend(self, world: &World, neighbour: &Client) {
        let typed = request("neighbour@example.com");
        for _ in 0..10 {
            match self {
                Self::Open => drop(world.sspr.open(&typed, neighbour).await.unwrap()),
                Self::SignIn | Self::Verify => {
                    let wrong = password(NEW);
                    drop(world.sspr.sign_in(&typed, &wrong, neighbour).await.unwrap());
                }
            }
        }
    }
}

const CALLS: [Call; 3] = [Call::Open, Call::SignIn, Call::Verify];
const FEW: u32 = 3;

fn few() -> LimitsBuilder {
    Limits::builder().network_tries(FEW).opens_per_network(FEW)
}

#[test]
fn i12_a_neighbour_on_the_same_network_closes_no_counted_call_for_a_known_device_or_a_vouch() {
    for call in CALLS {
        on_every_store(|world| async move {
            let proof = device(&world).await;
            let token = world.started("ada@example.com", &client(50)).await;
            limited(&world, few());
            let near = || client(1);

            call.spend(&world, &near()).await;

            assert!(call.is_refused(&world, &token, &near()).await, "{call:?}");
            let trusted = near().with_device(again(&proof));
            assert!(!call.is_refused(&world, &token, &trusted).await, "{call:?}: trusted");
            let vouched = near().with_vouch(vouch("captcha"));
            assert!(!call.is_refused(&world, &token, &vouched).await, "{call:?}: vouched");
            let both = near().with_device(again(&proof)).with_vouch(vouch("captcha"));
            assert!(!call.is_refused(&world, &token, &both).await, "{call:?}: both");
        });
    }
}

#[test]
fn each_lane_of_a_counted_call_has_a_limit_of_its_own() {
    for call in CALLS {
        on_every_store(|world| async move {
            let proof = device(&world).await;
            limited(&world, few().tries_per_challenge(10));
            let token = world.started("ada@example.com", &client(50)).await;

            for lane in ["trusted", "vouched"] {
                let client = || match lane {
                    "trusted" => client(1).with_device(again(&proof)),
                    _ => client(1).with_vouch(vouch("captcha")),
                };
                for _ in 0..FEW {
                    assert!(!call.is_refused(&world, &token, &client()).await, "{call:?} {lane}");
                }
                assert!(call.is_refused(&world, &token, &client()).await, "{call:?} {lane}");
            }
        });
    }
}

#[test]
fn a_proof_for_another_address_opens_no_lane() {
    for call in CALLS {
        on_every_store(|world| async move {
            world.add("eve@example.com", "eve").await;
            let SignInOutcome::SignedIn(eve) = world.sign_in("eve@example.com", OLD).await else {
                panic!("signs in");
            };
            let token = world.started("ada@example.com", &client(50)).await;
            limited(&world, few());
            call.spend(&world, &client(1)).await;

            let foreign = client(1).with_device(eve.device);
            assert!(call.is_refused(&world, &token, &foreign).await, "{call:?}");
        });
    }
}

/// A client in the IPv6 network `2001:db8:1::/48`: in one of its /56, and one of that one's /64.
fn v6(subscriber: u8, subnet: u8) -> Client {
    let part = u16::from_be_bytes([subscriber, subnet]);
    Client::at(IpAddr::from([0x2001, 0xdb8, 1, part, 0, 0, 0, 7]))
}

#[test]
fn one_ipv6_subscriber_closes_no_door_for_its_neighbours() {
    for call in CALLS {
        on_every_store(|world| async move {
            let token = world.started("ada@example.com", &client(50)).await;
            limited(&world, few());

            // As many networks as the subscriber's /56 has.
            for subnet in 0..=255 {
                let typed = request("neighbour@example.com");
                let client = v6(1, subnet);
                match call {
                    Call::Open => drop(world.sspr.open(&typed, &client).await.unwrap()),
                    Call::SignIn | Call::Verify => {
                        let wrong = password(NEW);
                        drop(world.sspr.sign_in(&typed, &wrong, &client).await.unwrap());
                    }
                }
            }

            let mine = call.is_refused(&world, &token, &v6(1, 9)).await;
            assert!(mine, "{call:?}: the subscriber's own budget is spent");
            let neighbour = call.is_refused(&world, &token, &v6(2, 9)).await;
            assert!(!neighbour, "{call:?}: a neighbour's is not");
        });
    }
}

#[test]
fn proofs_from_before_a_reset_buy_no_more_mails_than_a_stranger_has() {
    on_every_store(|world| async move {
        let mut proofs = Vec::new();
        for _ in 0..12 {
            proofs.push(device(&world).await);
        }
        let ticket = world.reset().await;
        let redeemed = world.redeem(&ticket).await;
        let RedeemOutcome::SignIn(sign_in) = redeemed else { panic!("{redeemed:?}") };
        world.courier.drain(&world.inbox).await;
        drop(world.inbox.take());

        for (number, proof) in (0_u8..).zip(&proofs) {
            for _ in 0..10 {
                let thief = client(number).with_device(again(proof));
                drop(world.sspr.start(&request("ada@example.com"), &thief).await.unwrap());
            }
            world.courier.drain(&world.inbox).await;
        }
        let mails = world.inbox.take().len();
        assert!(mails <= 40, "{mails} mails by proofs that a reset has overtaken");

        let owner = client(99).with_device(sign_in.device);
        world.started("ada@example.com", &owner).await;
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 1, "the owner has a lane");
    });
}

#[test]
fn all_trusted_devices_together_buy_a_bounded_number_of_mails() {
    on_every_store(|world| async move {
        limited(&world, Limits::builder().trusted_sends_per_account(15));
        for number in 0..6 {
            let proof = device(&world).await;
            for _ in 0..10 {
                let trusted = client(number).with_device(again(&proof));
                world.started("ada@example.com", &trusted).await;
            }
            world.courier.drain(&world.inbox).await;
        }

        assert_eq!(world.inbox.messages().len(), 15);
    });
}

#[test]
fn a_device_is_forgotten_after_180_days() {
    on_every_store(|world| async move {
        let proof = device(&world).await;
        world.clock.advance(hours(180 * 24));
        limited(&world, few());
        Call::Open.spend(&world, &client(1)).await;
        let token = world.started("ada@example.com", &client(50)).await;

        let old = client(1).with_device(again(&proof));
        assert!(Call::Open.is_refused(&world, &token, &old).await);
        let fresh = client(1).with_device(device(&world).await);
        assert!(!Call::Open.is_refused(&world, &token, &fresh).await);
    });
}

#[test]
fn a_password_on_file_signs_in_only_with_the_provider_email_with_password() {
    on_every_store(|world| async move {
        let with = async |providers: Vec<IdentityProvider>| {
            world.change_account("ada", |ada| ada.identity_providers = providers).await;
            world.sign_in("ada@example.com", OLD).await
        };
        let google = IdentityProvider::Google;
        for providers in [vec![], vec![google], vec![IdentityProvider::EmailOtp]] {
            let answer = with(providers.clone()).await;
            assert!(matches!(answer, SignInOutcome::Rejected), "{providers:?}: {answer:?}");
        }
        let both = with(vec![google, IdentityProvider::EmailPassword]).await;
        assert!(matches!(both, SignInOutcome::SignedIn(_)), "{both:?}");
    });
}

#[test]
fn a_process_that_meets_a_tenant_by_a_token_uses_the_tenants_numbers_at_once() {
    on_every_store(|world| async move {
        limited(&world, Limits::builder().network_tries(2).submits_per_grant(2));
        let (token, code) = world.started_with_code().await;

        let other = world.another_process();
        for tried in 0..3 {
            let answer = other.sspr.verify(&token, &wrong_code(), &client(7)).await.unwrap();
            let refused = matches!(answer, VerifyOutcome::Rejected(Rejection::TryLater { .. }));
            assert_eq!(refused, tried == 2, "{answer:?}");
        }
        // Two hashes, one for each submit: the third is one too many.
        let grant = world.granted(&token, &code).await;
        let third = world.another_process();
        let submit = async || third.sspr.submit(&grant, &password(NEW), &client(1)).await.unwrap();
        for _ in 0..2 {
            let changed = submit().await;
            assert!(matches!(changed, SubmitOutcome::Changed(_)), "{changed:?}");
        }
        let spent = submit().await;
        assert!(matches!(spent, SubmitOutcome::Rejected), "{spent:?}");
    });
}

#[test]
fn a_stale_proof_still_names_the_device_that_it_was_given_to() {
    on_every_store(|world| async move {
        let proof = device(&world).await;
        let stamp = Stamp::from_bytes([9; 16]);
        world.change_account("ada", |ada| ada.stamp = stamp).await;
        limited(&world, Limits::builder().sends_per_device(2));

        let start = async || {
            let trusted = client(1).with_device(again(&proof));
            world.sspr.start(&request("ada@example.com"), &trusted).await.unwrap()
        };
        for _ in 0..2 {
            assert!(matches!(start().await, StartOutcome::Started(_)));
        }
        assert!(matches!(start().await, StartOutcome::TryLater { .. }));
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 2);
        assert!(world.events.all().iter().all(|event| event.outcome != Outcome::Error));
    });
}
