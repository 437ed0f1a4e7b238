//! The limit that an event names, for each limit that refuses a call or keeps a message back.

use sspr::{
    domain::{ActorId, HostProof, Method},
    engine::{Client, StartOutcome, Vouch},
    policy::{HostProofs, Limits, LimitsBuilder, RequiredProofs, TenantPolicy},
    ports::{EngineEvent, EventKind, Limit, Outcome},
};

use crate::support::{
    NEW, OLD, World, client, password, phone, request, runtime, seconds, shop, sms_policy, tenant,
    wrong_code,
};

async fn world(limits: LimitsBuilder) -> World {
    let world = World::memory().await.with_sms().await;
    world.policies.replace(sms_policy().with_limits(limits.build().unwrap()));
    world
}

impl World {
    /// The last event of a kind.
    fn last(&self, kind: EventKind) -> EngineEvent {
        self.events.all().into_iter().rfind(|event| event.kind == kind).unwrap()
    }

    async fn asks(&self, typed: &str, method: Method, client: &Client) -> StartOutcome {
        let asked = self.sspr.start(&request(typed).by(method), client).await.unwrap();
        self.courier.drain(&self.inbox).await;
        asked
    }
}

#[test]
fn a_text_that_is_kept_back_names_the_limit_of_its_number_its_block_or_its_tenant() {
    runtime().block_on(async {
        for (limits, second, limit) in [
            (Limits::builder().texts_per_number(1), "+14255550123", Limit::TextsPerNumber),
            (Limits::builder().texts_per_block(1), "+14255559999", Limit::TextsPerBlock),
            (Limits::builder().texts_per_tenant(1), "+12065550100", Limit::TextsPerTenant),
            (Limits::builder().sends_per_account(1), "+14255550123", Limit::SendsPerAccount),
        ] {
            let world = world(limits).await;
            let second_account = if limit == Limit::SendsPerAccount { "ada" } else { "eve" };
            if second_account == "eve" {
                world.add("eve@example.com", "eve").await;
                world.change_account("eve", |eve| eve.phones = vec![phone(second)]).await;
            }
            world.asks("ada@example.com", Method::Sms, &client(1)).await;
            let first = world.last(EventKind::Deliver);
            assert_eq!((first.outcome, first.limit), (Outcome::Ok, None));

            let typed = format!("{second_account}@example.com");
            let answer = world.asks(&typed, Method::Sms, &client(2)).await;

            assert!(matches!(answer, StartOutcome::Started(_)), "outsiders see no difference");
            let kept = world.last(EventKind::Deliver);
            assert_eq!((kept.outcome, kept.limit), (Outcome::TryLater, Some(limit)));
            assert_eq!(
                world.last(EventKind::Send).limit,
                None,
                "the request was within its limits"
            );
        }
    });
}

#[test]
fn a_mail_that_is_kept_back_names_the_limit_of_its_account_or_of_its_trusted_devices() {
    runtime().block_on(async {
        for (limits, limit) in [
            (Limits::builder().sends_per_account(1), Limit::SendsPerAccount),
            (Limits::builder().trusted_sends_per_account(1), Limit::TrustedSendsPerAccount),
        ] {
            let world = world(limits).await;
            for _ in 0..2 {
                let signed_in = world.sign_in("ada@example.com", OLD).await.signed_in().unwrap();
                let device = match limit {
                    Limit::SendsPerAccount => client(1),
                    _ => client(1).with_device(signed_in.device),
                };
                world.asks("ada@example.com", Method::Email, &device).await;
            }
            let kept = world.last(EventKind::Deliver);
            assert_eq!((kept.outcome, kept.limit), (Outcome::TryLater, Some(limit)));
        }
    });
}

#[test]
fn a_request_for_a_code_that_is_refused_names_the_limit_of_its_lane() {
    runtime().block_on(async {
        let vouched = || client(1).with_vouch(Vouch::new("captcha").unwrap());
        let everybody = || client(1);
        type Asks = (LimitsBuilder, Method, fn() -> Client, EventKind, Limit);
        let asks: [Asks; 7] = [
            (
                Limits::builder().sends_per_address(1),
                Method::Email,
                everybody,
                EventKind::Send,
                Limit::SendsPerAddress,
            ),
            (
                Limits::builder().sends_per_address_and_network(1),
                Method::Email,
                everybody,
                EventKind::Send,
                Limit::SendsPerAddressAndNetwork,
            ),
            (
                Limits::builder().sends_per_vouch(1),
                Method::Email,
                vouched,
                EventKind::Send,
                Limit::SendsPerVouch,
            ),
            (
                Limits::builder().sends_per_network(1),
                Method::Email,
                everybody,
                EventKind::Send,
                Limit::SendsPerNetwork,
            ),
            (
                Limits::builder().texts_per_network(1),
                Method::Sms,
                everybody,
                EventKind::Send,
                Limit::TextsPerNetwork,
            ),
            (
                Limits::builder().opens_per_network(1),
                Method::Email,
                everybody,
                EventKind::Open,
                Limit::OpensPerNetwork,
            ),
            (
                Limits::builder().texts_per_network(1).sends_per_address(1),
                Method::Sms,
                everybody,
                EventKind::Send,
                Limit::TextsPerNetwork,
            ),
        ];
        for (limits, method, from, kind, limit) in asks {
            let world = world(limits).await;
            let first = world.asks("nobody@example.com", method, &from()).await;
            assert!(matches!(first, StartOutcome::Started(_)), "{limit:?}: {first:?}");
            let refused = world.asks("nobody@example.com", method, &from()).await;
            assert!(matches!(refused, StartOutcome::TryLater { .. }), "{limit:?}: {refused:?}");
            let event = world.last(kind);
            assert_eq!((event.outcome, event.limit), (Outcome::TryLater, Some(limit)));
        }
    });
}

#[test]
fn a_further_code_that_is_refused_names_its_limit_and_a_cooldown_is_none() {
    runtime().block_on(async {
        let world = world(Limits::builder().sends_per_address(1)).await;
        let token = world.opened("ada@example.com", &client(1)).await;
        for limit in [None, None, Some(Limit::SendsPerAddress)] {
            let _ = world.sspr.send(&token, &client(1)).await.unwrap();
            assert_eq!(world.last(EventKind::Send).limit, limit);
            if world.last(EventKind::Send).outcome == Outcome::TryLater {
                world.clock.advance(seconds(61));
            }
        }
    });
}

#[test]
fn a_device_that_asks_too_often_is_named_so() {
    runtime().block_on(async {
        let world = world(Limits::builder().sends_per_device(1)).await;
        let signed_in = world.sign_in("ada@example.com", OLD).await.signed_in().unwrap();
        let device = client(1).with_device(signed_in.device);
        for limit in [None, Some(Limit::SendsPerDevice)] {
            world.asks("ada@example.com", Method::Email, &device).await;
            assert_eq!(world.last(EventKind::Send).limit, limit);
        }
    });
}

#[test]
fn a_try_that_is_refused_or_not_compared_names_its_limit() {
    runtime().block_on(async {
        let one = world(Limits::builder().network_tries(1)).await;
        let token = one.started("ada@example.com", &client(1)).await;
        for _ in 0..2 {
            let _ = one.sspr.verify(&token, &wrong_code(), &client(1)).await.unwrap();
        }
        let event = one.last(EventKind::Verify);
        assert_eq!((event.outcome, event.limit), (Outcome::TryLater, Some(Limit::NetworkTries)));

        let limits = Limits::builder().tries_per_challenge(5).tries_per_window(2);
        let other = world(limits).await;
        let token = other.started("ada@example.com", &client(1)).await;
        other.courier.drain(&other.inbox).await;
        for _ in 0..3 {
            let _ = other.sspr.verify(&token, &wrong_code(), &client(1)).await.unwrap();
        }
        let event = other.last(EventKind::Verify);
        assert_eq!(
            (event.outcome, event.limit),
            (Outcome::LongerCode, Some(Limit::TriesPerWindow))
        );
    });
}

#[test]
fn a_sign_in_and_a_change_of_a_network_that_tries_too_often_name_its_limit() {
    runtime().block_on(async {
        let world = world(Limits::builder().network_tries(1)).await;
        let signed_in = world.sign_in("ada@example.com", OLD).await.signed_in().unwrap();
        assert_eq!(world.last(EventKind::SignIn).limit, None);
        for _ in 0..2 {
            let asked = request("ada@example.com");
            world.sspr.sign_in(&asked, &password(NEW), &client(9)).await.unwrap();
        }
        assert_eq!(world.last(EventKind::SignIn).limit, Some(Limit::NetworkTries));
        let session = sspr::engine::Session::new(&shop(), signed_in.account, signed_in.stamp);
        let changed = world.sspr.change(&session, &password(OLD), &password(NEW), &client(9)).await;
        assert!(matches!(changed.unwrap(), sspr::engine::ChangeOutcome::TryLater { .. }));
        assert_eq!(world.last(EventKind::Change).limit, Some(Limit::NetworkTries));
    });
}

#[test]
fn an_action_of_staff_that_is_refused_names_whose_actions_are_used_up() {
    runtime().block_on(async {
        for (limits, limit) in [
            (Limits::builder().assists_per_account(1), Limit::AssistsPerAccount),
            (Limits::builder().assists_per_actor(1), Limit::AssistsPerActor),
            (Limits::builder().assists_per_tenant(1), Limit::AssistsPerTenant),
        ] {
            let world = world(limits).await;
            let desk = world.sspr.help_desk(ActorId::parse("staff-1").unwrap());
            let ada = sspr::AccountId::parse("ada").unwrap();
            desk.require_change(&tenant(), &ada).await.unwrap().done().unwrap();
            assert_eq!(world.last(EventKind::RequireChange).limit, None);

            assert!(desk.unlock(&tenant(), &ada).await.unwrap().done().is_none());
            assert_eq!(world.last(EventKind::Unlock).limit, Some(limit));
            assert!(desk.assistance_code(&shop(), &ada).await.unwrap().done().is_none());
            assert_eq!(world.last(EventKind::AssistanceCode).limit, Some(limit));
            assert!(desk.set_temporary_password(&tenant(), &ada).await.unwrap().done().is_none());
            assert_eq!(world.last(EventKind::TemporaryPassword).limit, Some(limit));
        }
    });
}

#[test]
fn a_proof_of_the_host_that_a_limit_refuses_names_the_limit() {
    runtime().block_on(async {
        for (limits, proofs, expected) in [
            (Limits::builder().network_tries(2), 2, (Outcome::TryLater, Limit::NetworkTries)),
            (Limits::builder().tries_per_window(2), 3, (Outcome::Withheld, Limit::TriesPerWindow)),
        ] {
            let (world, _) = World::memory().await.with_app().await;
            let policy = TenantPolicy::customers("contoso").unwrap();
            let policy = policy.with_required_proofs(RequiredProofs::Two);
            let policy = policy.with_host_proofs(HostProofs::On);
            world.policies.replace(policy.with_limits(limits.build().unwrap()));
            let (token, code) = world.started_with_code().await;
            world.verify(&token, &code).await;

            for _ in 0..proofs {
                let proof = HostProof::parse("314159").unwrap();
                world.sspr.prove(&token, &proof, &client(1)).await.unwrap();
            }

            let event = world.last(EventKind::Verify);
            assert_eq!((event.outcome, event.limit), (expected.0, Some(expected.1)));
        }
    });
}
