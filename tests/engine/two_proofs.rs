//! Two different proofs: a code, and then another code or a proof that the host checks.

use futures_util::future::join_all;
use sspr::{
    domain::{
        Account, AccountId, ActorId, Code, FlowToken, GroupId, HostProof, Method, SecondFactor,
        Stamp, UserFlowId,
    },
    engine::{
        AssistanceOutcome, NextProof, ProofWay, RedeemOutcome, Rejection, SendOutcome,
        SignInOutcome, StageName, SubmitOutcome, VerifyOutcome,
    },
    policy::{
        AuthenticationMethodsPolicy, HostProofs, Ineligibility, Limits, RequiredProofs,
        TenantPolicy,
    },
};

use crate::support::{
    NEW, OLD, PHONE, World, account, address, client, is_wrong, on_every_store, other_than, phone,
    request, runtime, shop, sms_policy, tenant,
    two_proofs::{RIGHT, two_codes},
};

async fn memory() -> World {
    World::memory().await.with_two_codes().await
}

fn next(outcome: VerifyOutcome) -> NextProof {
    match outcome {
        VerifyOutcome::NextProof(next) => next,
        other => panic!("not asked for another proof: {other:?}"),
    }
}

impl World {
    /// A reset whose first code, sent in this way, was right.
    async fn proved_by(&self, method: Method) -> (FlowToken, Code) {
        let asked = request("ada@example.com").by(method);
        let token = self.sspr.start(&asked, &client(1)).await.unwrap().started().unwrap().token;
        let code = self.code_by(method).await.expect("a first code");
        next(self.verify(&token, &code).await);
        (token, code)
    }

    /// The second code of a reset.
    async fn second_code(&self, token: &FlowToken, method: Method) -> Code {
        let sent = self.sspr.send_by(token, method, &client(1)).await.unwrap();
        assert!(matches!(sent, SendOutcome::Sent(_)), "{sent:?}");
        self.code_by(method).await.expect("a second code")
    }

    async fn code_by(&self, method: Method) -> Option<Code> {
        self.courier.drain(&self.inbox).await;
        match method {
            Method::Email => self.inbox.last_code(),
            Method::Sms => self.inbox.last_code_to(&phone(PHONE)),
        }
    }

    async fn prove(&self, token: &FlowToken, typed: &str) -> VerifyOutcome {
        let proof = HostProof::parse(typed).unwrap();
        self.sspr.prove(token, &proof, &client(1)).await.unwrap()
    }

    async fn stage(&self, token: &FlowToken) -> (StageName, Option<Method>) {
        let status = self.sspr.status(token).await.unwrap().status().unwrap();
        (status.stage, status.first_proof)
    }
}

#[test]
fn a_reset_needs_a_code_by_each_way_and_either_may_be_first() {
    on_every_store(|world| async move {
        let world = world.with_two_codes().await;
        for (first, second) in [(Method::Email, Method::Sms), (Method::Sms, Method::Email)] {
            let asked = request("ada@example.com").by(first);
            let started = world.sspr.start(&asked, &client(1)).await.unwrap().started().unwrap();
            let token = started.token;
            let code = world.code_by(first).await.unwrap();
            let asked_next = next(world.verify(&token, &code).await);
            let hint = match second {
                Method::Email => address("ada@example.com").masked(),
                Method::Sms => "+** *** ***23".to_owned(),
            };
            assert_eq!(asked_next.ways, [ProofWay::Code { method: second, hint }]);
            assert_eq!(world.stage(&token).await, (StageName::Proved, Some(first)));

            let code = world.second_code(&token, second).await;
            let grant = world.granted(&token, &code).await;
            let ticket = world.changed(&grant, &format!("{NEW} {first}")).await;
            assert!(world.redeem(&ticket).await.sign_in().is_some());
            world.courier.drain(&world.inbox).await;
            world.clock.advance(crate::support::hours(2));
        }
    });
}

#[test]
fn a_right_first_code_gives_no_grant_and_counts_once() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, code) = world.proved_by(Method::Email).await;
        // The same answer for the same code, however often.
        for _ in 0..2 {
            assert_eq!(next(world.verify(&token, &code).await).ways.len(), 1);
        }
        let texted = world.second_code(&token, Method::Sms).await;
        assert!(is_wrong(&world.verify(&token, &code).await), "the second code counts now");
        let grant = world.granted(&token, &texted).await;
        let again = world.granted(&token, &texted).await;
        assert_eq!(grant.expose(), again.expose());
        assert!(is_wrong(&world.verify(&token, &code).await));
    });
}

#[test]
fn i13_the_second_code_leads_to_the_same_grant_after_the_change_as_well() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, first) = world.proved_by(Method::Email).await;
        let texted = world.second_code(&token, Method::Sms).await;
        let grant = world.granted(&token, &texted).await;
        let ticket = world.changed(&grant, NEW).await;
        assert_eq!(world.granted(&token, &texted).await.expose(), grant.expose());
        assert_eq!(world.changed(&grant, NEW).await.expose(), ticket.expose());
        for other in [&first, &other_than(&texted)] {
            let gone = world.verify(&token, other).await;
            assert!(matches!(gone, VerifyOutcome::Rejected(Rejection::Gone)), "{gone:?}");
        }
        // Where one proof is enough, a code ends with its reset.
        world.policies.replace(sms_policy());
        world.clock.advance(crate::support::hours(2));
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.changed(&grant, OLD).await;
        let gone = world.verify(&token, &code).await;
        assert!(matches!(gone, VerifyOutcome::Rejected(Rejection::Gone)), "{gone:?}");
    });
}

#[test]
fn the_second_code_goes_another_way_than_the_first() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, _) = world.proved_by(Method::Email).await;
        let same = world.sspr.send_by(&token, Method::Email, &client(1)).await.unwrap();
        assert!(matches!(same, SendOutcome::Gone), "{same:?}");
        // Without a method, the other one is meant.
        let sent = world.sspr.send(&token, &client(1)).await.unwrap();
        assert_eq!(sent.sent().unwrap().method, Method::Sms);
        assert_eq!(world.stage(&token).await, (StageName::CodeSent, Some(Method::Email)));
    });
}

#[test]
fn the_first_code_is_right_again_until_the_second_one_is_on_its_way() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, code) = world.proved_by(Method::Email).await;
        world.sspr.send(&token, &client(1)).await.unwrap();
        next(world.verify(&token, &code).await);
        let texted = world.code_by(Method::Sms).await.unwrap();
        world.granted(&token, &texted).await;
    });
}

#[test]
fn attack_a_mailbox_thief_and_a_sim_swapper_get_no_grant() {
    runtime().block_on(async {
        let world = memory().await;
        for (method, clients) in [(Method::Email, 1), (Method::Sms, 2)] {
            let (token, code) = world.proved_by(method).await;
            world.second_code(&token, method.other()).await;
            let guess = other_than(&world.code_by(method.other()).await.unwrap());
            for _ in 0..5 {
                let outcome = world.verify(&token, &guess).await;
                assert!(outcome.granted().is_none(), "{clients}");
            }
            let right_first = world.verify(&token, &code).await;
            assert!(matches!(right_first, VerifyOutcome::Rejected(Rejection::Exhausted)));
            world.clock.advance(crate::support::hours(2));
        }
        assert!(world.sign_in("ada@example.com", OLD).await.signed_in().is_some());
    });
}

#[test]
fn an_account_that_cannot_give_two_proofs_gets_no_message_and_looks_like_any_other() {
    runtime().block_on(async {
        let world = memory().await;
        world.add("bare@example.com", "bare").await;
        let mut seen = Vec::new();
        for typed in ["ada@example.com", "bare@example.com", "nobody@example.com"] {
            for method in [Method::Email, Method::Sms] {
                let asked = request(typed).by(method);
                let started = world.sspr.start(&asked, &client(1)).await.unwrap().started();
                let started = started.unwrap();
                world.courier.drain(&world.inbox).await;
                let wrong = world.verify(&started.token, &crate::support::wrong_code()).await;
                let status = world.sspr.status(&started.token).await.unwrap().status().unwrap();
                let proof = world.prove(&started.token, RIGHT).await;
                let masked = started.sent.masked_address.clone();
                let answers = format!("{:?} {wrong:?} {status:?} {proof:?}", started.sent);
                seen.push((method, answers.replace(&masked, "MASKED")));
            }
        }
        for (at, (method, answers)) in seen.iter().enumerate() {
            assert_eq!((*method, answers), (seen[at % 2].0, &seen[at % 2].1));
        }
        assert_eq!((world.inbox.messages().len(), world.inbox.texts().len()), (1, 1));
        let policy = two_codes();
        let bare = world.account("bare").await.unwrap();
        let explained = policy.explain(&"sign-in".parse().unwrap(), &bare).to_string();
        assert!(explained.contains("requires two different proofs"), "{explained}");
    });
}

#[test]
fn a_proof_of_the_host_is_the_second_one() {
    on_every_store(|world| async move {
        let (world, app) = world.with_app().await;
        let (token, code) = world.started_with_code().await;
        assert_eq!(next(world.verify(&token, &code).await).ways, [ProofWay::HostProof]);
        assert!(is_wrong(&world.prove(&token, "314159").await));
        let grant = world.prove(&token, RIGHT).await.granted().unwrap().grant;
        let again = world.prove(&token, RIGHT).await.granted().unwrap().grant;
        assert_eq!(grant.expose(), again.expose(), "a repeat gets the same grant");
        assert_eq!(app.asked().len(), 2, "a repeat asks nobody");
        assert!(app.asked().iter().all(|asked| asked == "ada"));
        let ticket = world.changed(&grant, NEW).await;
        assert!(world.redeem(&ticket).await.sign_in().is_some());
        let late = world.prove(&token, RIGHT).await;
        assert!(matches!(late, VerifyOutcome::Rejected(Rejection::Gone)), "{late:?}");
    });
}

#[test]
fn a_double_click_on_a_one_time_proof_gets_one_answer() {
    runtime().block_on(async {
        let (world, app) = World::memory().await.with_app().await;
        app.accept_once();
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        let grants = join_all([world.prove(&token, RIGHT), world.prove(&token, RIGHT)]).await;
        let grants: Vec<_> =
            grants.into_iter().map(|it| it.granted().unwrap().grant.expose().to_string()).collect();
        assert_eq!(grants[0], grants[1]);
        let again = world.prove(&token, RIGHT).await.granted().unwrap().grant;
        assert_eq!(again.expose().to_string(), grants[0], "a lost answer is asked for again");
        assert!(is_wrong(&world.prove(&token, "314159").await));
    });
}

#[test]
fn before_a_right_code_the_host_is_not_asked() {
    runtime().block_on(async {
        let (world, app) = World::memory().await.with_app().await;
        for typed in ["ada@example.com", "nobody@example.com"] {
            let token = world.started(typed, &client(1)).await;
            world.courier.drain(&world.inbox).await;
            let early = world.prove(&token, RIGHT).await;
            assert!(matches!(early, VerifyOutcome::Rejected(Rejection::Gone)), "{early:?}");
        }
        assert!(app.asked().is_empty());
    });
}

#[test]
fn strangers_cannot_use_up_the_tries_of_a_host_proof() {
    runtime().block_on(async {
        let (world, _) = World::memory().await.with_app().await;
        for round in 10..20 {
            let stranger = client(round);
            let asked = request("ada@example.com");
            if let Some(it) = world.sspr.start(&asked, &stranger).await.unwrap().started() {
                world.courier.drain(&world.inbox).await;
                for _ in 0..5 {
                    let wrong = crate::support::wrong_code();
                    world.sspr.verify(&it.token, &wrong, &stranger).await.unwrap();
                }
            }
            world.clock.advance(crate::support::seconds(61));
        }
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        assert!(world.prove(&token, RIGHT).await.granted().is_some());
    });
}

#[test]
fn guesses_of_a_host_proof_share_the_tries_of_the_code() {
    runtime().block_on(async {
        let (world, app) = World::memory().await.with_app().await;
        let (token, code) = world.started_with_code().await;
        assert!(is_wrong(&world.verify(&token, &other_than(&code)).await));
        next(world.verify(&token, &code).await);
        for left in [2, 1, 0] {
            let outcome = world.prove(&token, "314159").await;
            let VerifyOutcome::Rejected(Rejection::WrongCode { tries_left }) = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(tries_left, left);
        }
        let spent = world.prove(&token, RIGHT).await;
        assert!(matches!(spent, VerifyOutcome::Rejected(Rejection::Exhausted)), "{spent:?}");
        assert_eq!(app.asked().len(), 3, "a try that is not left asks nobody");
    });
}

#[test]
fn attack_guesses_of_a_host_proof_in_many_resets_are_bounded_by_the_account() {
    runtime().block_on(async {
        let (world, app) = World::memory().await.with_app().await;
        let limits = sspr::policy::Limits::default();
        for round in 0..40 {
            let from = client(u8::try_from(round).unwrap());
            let asked = request("ada@example.com");
            let started = world.sspr.start(&asked, &from).await.unwrap().started();
            if let Some(started) = started {
                world.courier.drain(&world.inbox).await;
                if let Some(code) = world.inbox.last_code() {
                    let first = world.sspr.verify(&started.token, &code, &from).await.unwrap();
                    if matches!(first, VerifyOutcome::NextProof(_)) {
                        for _ in 0..5 {
                            world.prove(&started.token, "314159").await;
                        }
                    }
                }
            }
            world.clock.advance(crate::support::seconds(61));
        }
        let most = usize::try_from(limits.tries_per_window()).unwrap();
        assert!(app.asked().len() <= most, "{} of {most}", app.asked().len());
    });
}

#[test]
fn a_host_that_does_not_answer_costs_a_try_and_grants_nothing() {
    runtime().block_on(async {
        let (world, app) = World::memory().await.with_app().await;
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        app.fail(true);
        let proof = HostProof::parse(RIGHT).unwrap();
        assert!(world.sspr.prove(&token, &proof, &client(1)).await.is_err());
        app.fail(false);
        assert!(world.prove(&token, RIGHT).await.granted().is_some());
    });
}

#[test]
fn attack_a_proof_counts_in_its_own_reset_and_for_its_own_account() {
    runtime().block_on(async {
        let world = memory().await;
        let mut eve = account("eve@example.com", "eve");
        eve.password = Some(world.hash(OLD).await);
        eve.phones = vec![phone("+14255550177")];
        world.insert(eve).await;
        let (first, _) = world.proved_by(Method::Email).await;
        let (second, _) = world.proved_by(Method::Sms).await;
        // Ada's second code of one reset is nothing in the other one.
        let texted = world.second_code(&first, Method::Sms).await;
        let mailed = world.second_code(&second, Method::Email).await;
        assert!(is_wrong(&world.verify(&first, &mailed).await));
        assert!(is_wrong(&world.verify(&second, &texted).await));
        // Nor is it in Eve's reset.
        let asked = request("eve@example.com");
        let eve = world.sspr.start(&asked, &client(2)).await.unwrap().started().unwrap().token;
        world.courier.drain(&world.inbox).await;
        assert!(is_wrong(&world.verify(&eve, &mailed).await));
        world.granted(&first, &texted).await;
    });
}

#[test]
fn what_was_proved_ends_with_a_change_of_the_account() {
    let changes: [fn(&mut sspr::domain::Account); 4] = [
        |ada| ada.phones = vec![phone("+14255550188")],
        |ada| ada.stamp = Stamp::from_bytes([9; 16]),
        |ada| ada.disabled = true,
        |ada| ada.phones.clear(),
    ];
    for change in changes {
        runtime().block_on(async {
            let world = memory().await;
            // Before the second code is sent, and after it was.
            let (token, _) = world.proved_by(Method::Sms).await;
            world.change_account("ada", change).await;
            world.sspr.send(&token, &client(1)).await.unwrap();
            assert!(world.code_by(Method::Email).await.is_none(), "nobody gets a second code");

            let world = memory().await;
            let (token, _) = world.proved_by(Method::Sms).await;
            let mailed = world.second_code(&token, Method::Email).await;
            world.change_account("ada", change).await;
            assert!(is_wrong(&world.verify(&token, &mailed).await));
        });
    }
}

#[test]
fn a_host_proof_counts_only_while_its_account_is_unchanged() {
    let changes: [fn(&mut sspr::domain::Account); 3] = [
        |ada| ada.second_factor = SecondFactor::None,
        |ada| ada.stamp = Stamp::from_bytes([9; 16]),
        |ada| ada.disabled = true,
    ];
    for change in changes {
        runtime().block_on(async {
            let (world, _) = World::memory().await.with_app().await;
            let (token, code) = world.started_with_code().await;
            next(world.verify(&token, &code).await);
            let grant = world.prove(&token, RIGHT).await.granted().unwrap().grant;
            world.change_account("ada", change).await;
            assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
            assert!(world.prove(&token, RIGHT).await.granted().is_none());
        });
    }
}

#[test]
fn a_host_proof_ends_with_its_factor_although_the_account_has_a_phone() {
    runtime().block_on(async {
        let (world, _) = World::memory().await.with_sms().await.with_app().await;
        world.policies.replace(two_codes().with_host_proofs(HostProofs::On));
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        let grant = world.prove(&token, RIGHT).await.granted().unwrap().grant;
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::None).await;
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
    });
}

#[test]
fn attack_a_policy_that_was_tightened_accepts_no_single_proof_of_before() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.policies.replace(two_codes());
        assert!(is_wrong(&world.verify(&token, &code).await));
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));

        world.policies.replace(sms_policy());
        let ticket = world.reset().await;
        world.policies.replace(two_codes());
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::Rejected));
    });
}

#[test]
fn a_code_that_was_sent_before_the_policy_was_tightened_is_the_first_proof() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        let (token, code) = world.started_with_code().await;
        world.policies.replace(two_codes());
        next(world.verify(&token, &code).await);
        let texted = world.second_code(&token, Method::Sms).await;
        world.granted(&token, &texted).await;
    });
}

#[test]
fn a_first_proof_is_no_whole_proof_after_the_policy_was_loosened() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, code) = world.proved_by(Method::Email).await;
        world.policies.replace(sms_policy());
        next(world.verify(&token, &code).await);
        let texted = world.second_code(&token, Method::Sms).await;
        world.granted(&token, &texted).await;
    });
}

#[test]
fn i6_a_first_proof_by_a_way_that_was_withdrawn_counts_no_more() {
    let without = |method: Method| {
        let (email, sms) = match method {
            Method::Email => ("left", "nobody"),
            Method::Sms => ("nobody", "left"),
        };
        let methods = format!(
            r#"{{"authenticationMethodConfigurations": [
                {{"id": "Email", "state": "enabled", "includeTargets": [{{"id": "all_users"}}],
                  "excludeTargets": [{{"id": "{email}"}}]}},
                {{"id": "Sms", "state": "enabled", "includeTargets": [{{"id": "all_users"}}],
                  "excludeTargets": [{{"id": "{sms}"}}]}}]}}"#
        );
        let methods = AuthenticationMethodsPolicy::from_json(&methods).unwrap();
        two_codes().with_authentication_methods(methods).with_host_proofs(HostProofs::On)
    };
    runtime().block_on(async {
        for (first, second) in [(Method::Email, Method::Sms), (Method::Sms, Method::Email)] {
            for is_second_given in [false, true] {
                let world = World::memory().await.with_two_codes_and_app().await;
                let left = GroupId::parse("left").unwrap();
                world.change_account("ada", |ada| ada.groups = vec![left]).await;
                let (token, _) = world.proved_by(first).await;
                let code = world.second_code(&token, second).await;
                let grant =
                    if is_second_given { Some(world.granted(&token, &code).await) } else { None };
                // The app would be another second proof, so that the account can still reset.
                world.policies.replace(without(first));
                match grant {
                    Some(grant) => {
                        let outcome = world.submit(&grant, NEW).await;
                        assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");
                    }
                    None => assert!(is_wrong(&world.verify(&token, &code).await), "{first}"),
                }
            }
        }
    });
}

#[test]
fn whoever_races_one_right_code_gets_one_answer() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, code) = world.started_with_code().await;
        let tries = (0..4).map(|_| world.verify(&token, &code));
        for outcome in join_all(tries).await {
            next(outcome);
        }
        let texted = world.second_code(&token, Method::Sms).await;
        let grants = join_all((0..4).map(|_| world.granted(&token, &texted))).await;
        assert!(grants.iter().all(|grant| grant.expose() == grants[0].expose()));
    });
}

#[test]
fn a_service_without_a_second_way_sends_nobody_a_first_code() {
    runtime().block_on(async {
        let world = memory().await;
        let without_sms = world.another_process();
        without_sms.started("ada@example.com", &client(1)).await;
        without_sms.courier.drain(&without_sms.inbox).await;
        assert!(without_sms.inbox.messages().is_empty());
    });
}

#[test]
fn an_account_whose_only_second_proof_nobody_checks_gets_no_first_code() {
    runtime().block_on(async {
        // The policy allows proofs of the host, but the host has passed no check of them.
        let world = World::memory().await.with_two_codes().await;
        world.policies.replace(two_codes().with_host_proofs(HostProofs::On));
        let change = |ada: &mut Account| {
            ada.second_factor = SecondFactor::Independent;
            ada.phones.clear();
        };
        world.change_account("ada", change).await;
        world.started("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.last_code().is_none(), "the second proof can never be given");
        let flow = UserFlowId::parse("sign-in").unwrap();
        let said = world.sspr.explain(&tenant(), &flow, &address("ada@example.com")).await.unwrap();
        assert_eq!(said[0].decision().reasons(), [Ineligibility::TooFewProofs], "staff learn why");
    });
}

#[test]
fn whoever_knows_the_password_or_was_checked_by_staff_needs_no_second_proof() {
    runtime().block_on(async {
        let world = memory().await;
        world.change_account("ada", |ada| ada.must_change = true).await;
        let entered = world.sign_in("ada@example.com", OLD).await;
        let SignInOutcome::MustChange(granted) = entered else { panic!("{entered:?}") };
        let ticket = world.changed(&granted.grant, NEW).await;
        assert!(world.redeem(&ticket).await.sign_in().is_some());
    });
}

#[test]
fn i12_a_thief_of_the_mailbox_who_guesses_at_a_host_proof_closes_it_until_staff_help() {
    runtime().block_on(async {
        let (world, _) = World::memory().await.with_app().await;
        let policy = TenantPolicy::customers("contoso").unwrap();
        let policy = policy.with_required_proofs(RequiredProofs::Two);
        let limits = Limits::builder().tries_per_streak(5).build().unwrap();
        world.policies.replace(policy.with_host_proofs(HostProofs::On).with_limits(limits));
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        for _ in 0..4 {
            assert!(is_wrong(&world.prove(&token, "314159").await));
        }
        world.clock.advance(crate::support::hours(48));
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        assert!(is_wrong(&world.prove(&token, "314159").await));
        assert!(is_wrong(&world.prove(&token, RIGHT).await), "no more tries in a year");

        let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let ada = AccountId::parse("ada").unwrap();
        let issued = desk.assistance_code(&shop(), &ada).await.unwrap().done().unwrap();
        let asked = request("ada@example.com");
        let entered = world.sspr.enter_assistance_code(&asked, &issued.code, &client(1)).await;
        let AssistanceOutcome::Granted(granted) = entered.unwrap() else { panic!("no grant") };
        world.changed(&granted.grant, NEW).await;

        world.clock.advance(crate::support::hours(1));
        let (token, code) = world.started_with_code().await;
        next(world.verify(&token, &code).await);
        assert!(world.prove(&token, RIGHT).await.granted().is_some());
    });
}
