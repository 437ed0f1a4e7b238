//! Codes by SMS: who gets one, what strangers see, and what it may cost.

use sspr::{
    domain::{Code, FlowToken, Frozen, Method, Stamp},
    engine::{Client, OpenOutcome, SendOutcome, SentCode, StartOutcome, SubmitOutcome},
    policy::{AuthenticationMethodsPolicy, Disclosure, Limits, LimitsBuilder, TenantPolicy},
    ports::{Clock as _, SendErrorKind},
};

use crate::support::{
    NEW, OLD, PHONE, World, account, address, client, group, is_wrong, on_every_store, phone,
    request, runtime, seconds, sms_policy,
};

async fn memory() -> World {
    World::memory().await.with_sms().await
}

impl World {
    fn limited(&self, limits: LimitsBuilder) {
        self.policies.replace(sms_policy().with_limits(limits.build().unwrap()));
    }

    async fn started_by(&self, method: Method, typed: &str, client: &Client) -> StartOutcome {
        self.sspr.start(&request(typed).by(method), client).await.unwrap()
    }

    async fn texted(&self, typed: &str, client: &Client) -> (FlowToken, SentCode) {
        match self.started_by(Method::Sms, typed, client).await {
            StartOutcome::Started(started) => (started.token, started.sent),
            other => panic!("not started: {other:?}"),
        }
    }

    async fn text_code(&self, to: &str) -> Option<Code> {
        self.courier.drain(&self.inbox).await;
        self.inbox.last_code_to(&phone(to))
    }

    async fn texts(&self) -> usize {
        self.courier.drain(&self.inbox).await;
        self.inbox.texts().len()
    }
}

#[test]
fn a_code_by_sms_resets_the_password_and_the_owner_is_told_how() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        let (token, sent) = world.texted("ada@example.com", &client(1)).await;
        assert_eq!((sent.method, sent.code_length()), (Method::Sms, 8));
        assert_eq!(sent.masked_address, address("ada@example.com").masked());

        let code = world.text_code(PHONE).await.expect("a text with a code");
        assert!(world.inbox.messages().is_empty(), "no mail carries this code");
        let text = world.inbox.texts().remove(0);
        assert!(text.text.starts_with(&code.expose()), "the code comes first");
        assert_eq!(text.application.as_ref().unwrap().as_str(), "shop");
        let grant = world.granted(&token, &code).await;
        let ticket = world.changed(&grant, NEW).await;
        let again = world.changed(&grant, NEW).await;
        assert_eq!(ticket.expose(), again.expose(), "a repeat ends where the first call did");
        assert!(world.redeem(&ticket).await.sign_in().is_some());

        world.courier.drain(&world.inbox).await;
        let notices = world.inbox.messages();
        assert_eq!(notices.len(), 1);
        assert!(notices[0].text.contains("with a code sent to your phone"), "{}", *notices[0].text);
    });
}

#[test]
fn the_ways_that_are_offered_depend_on_the_policy_and_the_sender_alone() {
    runtime().block_on(async {
        let world = memory().await;
        let offered = async |world: &World, typed: &str| match world
            .sspr
            .open(&request(typed), &client(1))
            .await
            .unwrap()
        {
            OpenOutcome::Opened(opened) => opened.methods,
            other => panic!("{other:?}"),
        };
        for typed in ["ada@example.com", "nobody@example.com"] {
            assert_eq!(offered(&world, typed).await, [Method::Email, Method::Sms]);
        }
        let no_country = sms_policy().with_sms_countries([]).unwrap();
        let without_sms = TenantPolicy::customers("contoso").unwrap();
        for other in [no_country, without_sms.with_sms_countries(["US"]).unwrap()] {
            world.policies.replace(other);
            assert_eq!(offered(&world, "ada@example.com").await, [Method::Email]);
            let refused = world.started_by(Method::Sms, "ada@example.com", &client(1)).await;
            assert!(matches!(refused, StartOutcome::Unavailable), "{refused:?}");
            let token = world.opened("ada@example.com", &client(1)).await;
            let refused = world.sspr.send_by(&token, Method::Sms, &client(1)).await.unwrap();
            assert!(matches!(refused, SendOutcome::Gone), "{refused:?}");
        }
        world.policies.replace(sms_policy());
        let without_sender = world.another_process();
        assert_eq!(offered(&without_sender, "ada@example.com").await, [Method::Email]);
    });
}

#[test]
fn nist_3_2_9_sms_is_never_the_only_way() {
    runtime().block_on(async {
        let world = memory().await;
        let methods = r#"{"authenticationMethodConfigurations": [
            {"id": "Email", "state": "disabled", "includeTargets": [{"id": "all_users"}]},
            {"id": "Sms", "state": "enabled", "includeTargets": [{"id": "all_users"}]}]}"#;
        let methods = AuthenticationMethodsPolicy::from_json(methods).unwrap();
        world.policies.replace(sms_policy().with_authentication_methods(methods));
        for method in [Method::Email, Method::Sms] {
            let refused = world.started_by(method, "ada@example.com", &client(1)).await;
            assert!(matches!(refused, StartOutcome::Unavailable), "{method}: {refused:?}");
        }
        assert_eq!(world.texts().await, 0);
    });
}

#[test]
fn i7_whoever_lacks_a_phone_sees_what_its_owner_sees_and_nothing_is_sent() {
    runtime().block_on(async {
        let world = memory().await;
        for (mail, numbers) in [
            ("none@example.com", vec![]),
            ("elsewhere@example.com", vec!["+4915123456789"]),
            ("premium@example.com", vec!["+19002345678"]),
            ("disabled@example.com", vec!["+14255550124"]),
            ("frozen@example.com", vec!["+14255550125"]),
            ("excluded@example.com", vec!["+14255550126"]),
        ] {
            let mut it = account(mail, mail.split('@').next().unwrap());
            it.password = Some(world.hash(OLD).await);
            it.phones = numbers.into_iter().map(phone).collect();
            it.disabled = mail.starts_with("disabled");
            if mail.starts_with("frozen") {
                it.frozen = Some(Frozen::new(world.clock.now(), it.addresses.clone()));
            }
            if mail.starts_with("excluded") {
                it.groups = vec![group("no-sms")];
            }
            world.insert(it).await;
        }
        let methods = r#"{"authenticationMethodConfigurations": [
            {"id": "Email", "state": "enabled", "includeTargets": [{"id": "all_users"}]},
            {"id": "Sms", "state": "enabled", "includeTargets": [{"id": "all_users"}],
             "excludeTargets": [{"id": "no-sms"}]}]}"#;
        let methods = AuthenticationMethodsPolicy::from_json(methods).unwrap();
        world.policies.replace(sms_policy().with_authentication_methods(methods));

        let wrong = crate::support::wrong_code();
        let mut seen = Vec::new();
        for (index, typed) in [
            "ada@example.com",
            "none@example.com",
            "elsewhere@example.com",
            "premium@example.com",
            "disabled@example.com",
            "frozen@example.com",
            "excluded@example.com",
            "nobody@example.com",
        ]
        .into_iter()
        .enumerate()
        {
            let from = client(u8::try_from(index).unwrap());
            let (token, sent) = world.texted(typed, &from).await;
            world.courier.drain(&world.inbox).await;
            let tried = world.verify(&token, &wrong).await;
            let status = world.sspr.status(&token).await.unwrap().status().unwrap();
            let again = world.sspr.send(&token, &from).await.unwrap();
            let code = world.inbox.last_code_to(&phone(PHONE));
            assert!(code.is_some(), "Ada's is the first");
            let masked = sent.masked_address.clone();
            let answers = format!("{sent:?} {tried:?} {status:?} {again:?}");
            seen.push(answers.replace(&masked, "MASKED"));
            assert!(!answers.contains('+') && !answers.contains("0123"), "{answers}");
        }
        for other in &seen[1..] {
            assert_eq!(*other, seen[0]);
        }
        assert_eq!(world.inbox.texts().len(), 1, "only Ada's phone got a text");
        assert!(world.inbox.messages().is_empty(), "and nobody got a mail");
    });
}

#[test]
fn a_code_by_another_way_takes_the_place_of_the_last_one_once_it_is_on_its_way() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        let token = world.started("ada@example.com", &client(1)).await;
        let mailed = world.mailed_code().await;
        let sent = world.sspr.send_by(&token, Method::Sms, &client(1)).await.unwrap();
        assert_eq!(sent.sent().unwrap().method, Method::Sms, "another way needs no cooldown");
        let texted = world.text_code(PHONE).await.unwrap();

        assert!(is_wrong(&world.verify(&token, &mailed).await), "the first code is void");
        world.granted(&token, &texted).await;
        let status = world.sspr.status(&token).await.unwrap().status().unwrap();
        assert_eq!(status.sent.unwrap().method, Method::Sms);
        assert_eq!(status.methods, [Method::Email, Method::Sms]);
    });
}

#[test]
fn a_new_code_goes_the_way_of_the_last_one_and_each_way_waits_for_its_own_cooldown() {
    runtime().block_on(async {
        let world = memory().await;
        let (token, _) = world.texted("ada@example.com", &client(1)).await;
        let too_soon = world.sspr.send(&token, &client(1)).await.unwrap();
        assert!(matches!(too_soon, SendOutcome::TooSoon { .. }), "{too_soon:?}");
        world.clock.advance(seconds(60));
        let sent = world.sent(&token, &client(1)).await;
        assert_eq!(sent.method, Method::Sms);
        assert_eq!(world.texts().await, 1, "the first text was superseded before it was sent");

        let mailed = world.sspr.send_by(&token, Method::Email, &client(1)).await.unwrap();
        assert_eq!(mailed.sent().unwrap().method, Method::Email);
        let too_soon = world.sspr.send_by(&token, Method::Sms, &client(1)).await.unwrap();
        assert!(matches!(too_soon, SendOutcome::TooSoon { .. }), "{too_soon:?}");
    });
}

#[test]
fn i2_tries_of_codes_by_either_way_share_one_budget() {
    runtime().block_on(async {
        let world = memory().await;
        world.limited(Limits::builder().tries_per_challenge(5).tries_per_window(15));
        let token = world.started("ada@example.com", &client(1)).await;
        let mut compared = 0;
        let mut method = Method::Email;
        for _ in 0..6 {
            world.courier.drain(&world.inbox).await;
            for _ in 0..5 {
                if is_wrong(&world.verify(&token, &crate::support::wrong_code()).await) {
                    compared += 1;
                }
            }
            method = if method == Method::Email { Method::Sms } else { Method::Email };
            world.clock.advance(seconds(61));
            let sent = world.sspr.send_by(&token, method, &client(1)).await.unwrap();
            if sent.sent().is_none_or(|sent| sent.code_length() == 16) {
                break;
            }
        }
        assert_eq!(compared, 15, "then only a longer code helps");
    });
}

#[test]
fn past_the_cap_a_longer_code_goes_the_way_of_the_last_one() {
    runtime().block_on(async {
        let world = memory().await;
        world.limited(Limits::builder().tries_per_challenge(5).tries_per_window(5));
        let (token, _) = world.texted("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        for _ in 0..5 {
            let _ = world.verify(&token, &crate::support::wrong_code()).await;
        }
        world.clock.advance(seconds(61));
        let sent = world.sent(&token, &client(1)).await;
        assert_eq!((sent.method, sent.code_length()), (Method::Sms, 16));
        let code = world.text_code(PHONE).await.unwrap();
        world.granted(&token, &code).await;
    });
}

#[test]
fn toll_fraud_is_stopped_by_number_by_block_and_by_tenant_without_a_sign_of_it() {
    runtime().block_on(async {
        let limits = [
            (Limits::builder().texts_per_number(2), "+14255550123"),
            (Limits::builder().texts_per_block(2), "+14255559999"),
            (Limits::builder().texts_per_tenant(2), "+12065550100"),
        ];
        for (limits, second) in limits {
            let world = memory().await;
            world.limited(limits);
            world.add("eve@example.com", "eve").await;
            world.change_account("eve", |eve| eve.phones = vec![phone(second)]).await;
            let typed =
                ["ada@example.com", "eve@example.com", "eve@example.com", "nobody@x.example"];
            let mut seen = Vec::new();
            for (index, typed) in typed.into_iter().enumerate() {
                let from = client(u8::try_from(index).unwrap());
                let (_, sent) = world.texted(typed, &from).await;
                world.courier.drain(&world.inbox).await;
                seen.push((sent.expires_at, sent.resend_at, sent.code_length()));
            }
            assert!(seen.iter().all(|it| *it == seen[0]), "outsiders see no difference");
            assert_eq!(world.inbox.texts().len(), 2, "{second}");
            // The owner still gets a code.
            let token = world.started("eve@example.com", &client(9)).await;
            let code = world.mailed_code().await;
            world.granted(&token, &code).await;
        }
    });
}

#[test]
fn a_decoy_costs_the_tenant_no_text() {
    runtime().block_on(async {
        let world = memory().await;
        world.limited(Limits::builder().texts_per_tenant(1).texts_per_network(100));
        for index in 0..20 {
            let typed = format!("nobody{index}@example.com");
            world.texted(&typed, &client(index)).await;
            world.courier.drain(&world.inbox).await;
        }
        world.texted("ada@example.com", &client(99)).await;
        assert_eq!(world.texts().await, 1);
    });
}

#[test]
fn a_network_can_ask_for_few_texts_whoever_they_are_for_and_still_for_mails() {
    runtime().block_on(async {
        for typed in ["ada@example.com", "nobody@example.com"] {
            let world = memory().await;
            world.limited(Limits::builder().texts_per_network(2));
            let from = client(1);
            for _ in 0..2 {
                world.texted(typed, &from).await;
            }
            let later = world.started_by(Method::Sms, typed, &from).await;
            assert!(matches!(later, StartOutcome::TryLater { .. }), "{later:?}");
            let mailed = world.started_by(Method::Email, typed, &from).await;
            assert!(matches!(mailed, StartOutcome::Started(_)), "{mailed:?}");
            let elsewhere = world.started_by(Method::Sms, typed, &client(2)).await;
            assert!(matches!(elsewhere, StartOutcome::Started(_)), "{elsewhere:?}");
        }
    });
}

#[test]
fn i4_a_code_is_dead_once_its_phone_its_account_or_its_policy_has_changed() {
    runtime().block_on(async {
        type Change = fn(&mut sspr::Account);
        let changes: [(&str, Change); 4] = [
            ("another phone", |ada| ada.phones = vec![phone("+14255550199")]),
            ("no phone", |ada| ada.phones.clear()),
            ("another stamp", |ada| ada.stamp = Stamp::from_bytes([9; 16])),
            ("disabled", |ada| ada.disabled = true),
        ];
        for (what, change) in changes {
            let world = memory().await;
            let (token, _) = world.texted("ada@example.com", &client(1)).await;
            let code = world.text_code(PHONE).await.unwrap();
            world.change_account("ada", change).await;
            assert!(is_wrong(&world.verify(&token, &code).await), "{what}");
        }
        let no_canada = || sms_policy().with_sms_countries(["CA"]).unwrap();
        let no_sms = || TenantPolicy::customers("contoso").unwrap();
        for other in [no_canada(), no_sms()] {
            let world = memory().await;
            let (token, _) = world.texted("ada@example.com", &client(1)).await;
            let code = world.text_code(PHONE).await.unwrap();
            world.policies.replace(other.clone());
            assert!(is_wrong(&world.verify(&token, &code).await));

            let world = memory().await;
            let (token, _) = world.texted("ada@example.com", &client(1)).await;
            let code = world.text_code(PHONE).await.unwrap();
            let grant = world.granted(&token, &code).await;
            world.policies.replace(other);
            let refused = world.submit(&grant, NEW).await;
            assert!(matches!(refused, SubmitOutcome::Rejected), "{refused:?}");
        }
    });
}

#[test]
fn a_code_that_was_mailed_still_counts_where_sms_is_switched_off_meanwhile() {
    runtime().block_on(async {
        let world = memory().await;
        let token = world.started("ada@example.com", &client(1)).await;
        let code = world.mailed_code().await;
        world.policies.replace(TenantPolicy::customers("contoso").unwrap());
        world.granted(&token, &code).await;
    });
}

#[test]
fn a_text_goes_to_the_first_phone_that_the_tenant_serves() {
    runtime().block_on(async {
        let world = memory().await;
        let numbers = ["+4915123456789", "+19002345678", "+12045550100", PHONE];
        world.change_account("ada", |ada| ada.phones = numbers.map(phone).to_vec()).await;
        world.texted("ada@example.com", &client(1)).await;
        assert_eq!(world.texts().await, 1);
        assert_eq!(world.inbox.texts()[0].to, phone("+12045550100"));
    });
}

#[test]
fn a_provider_that_fails_is_tried_again_and_never_more_often_than_a_lost_answer_allows() {
    runtime().block_on(async {
        for (kind, texts) in [
            (SendErrorKind::Transient, 1),
            (SendErrorKind::Setup, 1),
            (SendErrorKind::Permanent, 0),
        ] {
            let world = memory().await;
            world.inbox.fail_next(kind, 1);
            world.texted("ada@example.com", &client(1)).await;
            world.try_to_send(&world.inbox.clone()).await;
            assert_eq!(world.inbox.texts().len(), texts, "{kind:?}");
        }
        let world = memory().await;
        world.inbox.fail_next(SendErrorKind::Unknown, 2);
        world.texted("ada@example.com", &client(1)).await;
        world.try_to_send(&world.inbox.clone()).await;
        assert!(world.inbox.texts().is_empty(), "two copies may have arrived already");
    });
}

#[test]
fn an_account_that_can_reset_by_sms_alone_is_known_where_the_tenant_tells() {
    runtime().block_on(async {
        let world = memory().await;
        let methods = r#"{"authenticationMethodConfigurations": [
            {"id": "Email", "state": "enabled", "includeTargets": [{"id": "staff"}]},
            {"id": "Sms", "state": "enabled", "includeTargets": [{"id": "all_users"}]}]}"#;
        let methods = AuthenticationMethodsPolicy::from_json(methods).unwrap();
        let policy = sms_policy().with_authentication_methods(methods);
        world.policies.replace(policy.with_disclosure(Disclosure::EntraCompatible));
        let known = world.started_by(Method::Sms, "ada@example.com", &client(1)).await;
        assert!(matches!(known, StartOutcome::Started(_)), "{known:?}");
        let unknown = world.started_by(Method::Sms, "nobody@example.com", &client(1)).await;
        assert!(matches!(unknown, StartOutcome::UnknownAccount), "{unknown:?}");
        world.change_account("ada", |ada| ada.phones.clear()).await;
        let without = world.started_by(Method::Sms, "ada@example.com", &client(1)).await;
        assert!(matches!(without, StartOutcome::UnknownAccount), "{without:?}");
    });
}

#[test]
fn a_frozen_account_that_its_owner_takes_back_has_no_phone_of_a_thief() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        let thief = "+14255550666";
        let ada = world.account("ada").await.unwrap();
        world
            .change_account("ada", |ada| {
                ada.phones = vec![phone(thief)];
                ada.frozen = Some(Frozen::new(world.clock.now(), ada.addresses.clone()));
            })
            .await;
        world.texted("ada@example.com", &client(1)).await;
        assert_eq!(world.texts().await, 0, "a frozen account is given back by mail only");
        world.reset_by("ada@example.com", NEW).await;
        let back = world.account("ada").await.unwrap();
        assert!(back.frozen.is_none() && back.phones.is_empty(), "{:?}", back.phones.len());
        assert_eq!(back.addresses, ada.addresses);
    });
}

#[test]
fn a_request_key_opens_one_reset_and_sends_one_text() {
    runtime().block_on(async {
        let world = memory().await;
        let key = sspr::engine::RequestKey::from_bytes([7; 32]);
        let asked = || request("ada@example.com").by(Method::Sms).with_key(key.clone());
        let first = world.sspr.start(&asked(), &client(1)).await.unwrap().started().unwrap();
        let again = world.sspr.start(&asked(), &client(1)).await.unwrap().started().unwrap();
        assert_eq!(first.token.expose(), again.token.expose());
        assert_eq!(first.sent, again.sent);
        assert_eq!(world.texts().await, 1);
    });
}

#[test]
fn a_repeat_never_answers_with_a_code_that_went_another_way() {
    runtime().block_on(async {
        let world = memory().await;
        let key = sspr::engine::RequestKey::from_bytes([7; 32]);
        let start = async |method| {
            let asked = request("ada@example.com").by(method).with_key(key.clone());
            world.sspr.start(&asked, &client(1)).await.unwrap()
        };
        for method in [Method::Email, Method::Sms] {
            assert_eq!(start(method).await.started().unwrap().sent.method, method);
        }
        let later = start(Method::Email).await;
        assert!(matches!(later, StartOutcome::TryLater { .. }), "{later:?}");
        let again = start(Method::Sms).await.started().unwrap();
        assert_eq!(again.sent.method, Method::Sms);
    });
}

#[test]
fn a_device_proof_has_a_lane_of_its_own_for_texts() {
    runtime().block_on(async {
        let world = memory().await;
        world.limited(Limits::builder().texts_per_network(1));
        let signed_in = world.sign_in("ada@example.com", OLD).await.signed_in().unwrap();
        world.texted("nobody@example.com", &client(1)).await;
        let later = world.started_by(Method::Sms, "ada@example.com", &client(1)).await;
        assert!(matches!(later, StartOutcome::TryLater { .. }), "{later:?}");
        let trusted = client(1).with_device(signed_in.device);
        let started = world.started_by(Method::Sms, "ada@example.com", &trusted).await;
        assert!(matches!(started, StartOutcome::Started(_)), "{started:?}");
    });
}
