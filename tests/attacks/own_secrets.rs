//! Attacks of our own: secrets in the wrong place, and records that somebody moved.

use sspr::{
    Application, TenantPolicy,
    adapters::SystemEntropy,
    domain::{
        ApplicationId, Code, CorrelationId, DeviceProof, FlowToken, Grant, LanguageTag, TenantId,
        Ticket,
    },
    engine::{
        OpenOutcome, RedeemOutcome, Rejection, RequestKey, SendOutcome, SignInOutcome,
        StatusOutcome, SubmitOutcome, VerifyOutcome,
    },
    policy::Brand,
    ports::Clock,
    store::Record,
};

use crate::support::*;

/// Flow token, grant and ticket have one form. The check that each carries names its kind, so
/// none passes for another.
#[test]
fn attack_own_06_no_secret_passes_for_one_of_another_kind() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let as_ticket = Ticket::parse(&grant.expose()).unwrap();
        assert!(matches!(world.redeem(&as_ticket).await, RedeemOutcome::Rejected));
        let ticket = world.changed(&grant, NEW).await;
        for other in [grant.expose(), ticket.expose()] {
            let as_token = FlowToken::parse(&other).unwrap();
            let outcome = world.verify(&as_token, &code).await;
            assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)));
            let looked = world.sspr.status(&as_token).await.unwrap();
            assert!(matches!(looked, StatusOutcome::Gone));
        }
        for other in [token.expose(), ticket.expose()] {
            let as_grant = Grant::parse(&other).unwrap();
            let outcome = world.submit(&as_grant, "another good password").await;
            assert!(matches!(outcome, SubmitOutcome::Rejected));
        }
        let as_ticket = Ticket::parse(&token.expose()).unwrap();
        assert!(matches!(world.redeem(&as_ticket).await, RedeemOutcome::Rejected));
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    });
}

/// A handle for one application opens nothing for another, so a front cannot be talked into it by
/// what a request names.
#[test]
fn attack_own_07_a_handle_opens_for_its_own_application_only() {
    on_every_store(|world| async move {
        let payroll = Application::new("contoso", "sign-in", "payroll").unwrap();
        let handle = world.sspr.for_application(&payroll);
        let ask = request("ada@example.com");
        let opened = handle.open(&ask, &client(1)).await.unwrap();
        assert!(matches!(opened, OpenOutcome::Unavailable), "{opened:?}");
        let signed = handle.sign_in(&ask, &password(OLD), &client(1)).await.unwrap();
        assert!(matches!(signed, SignInOutcome::Rejected));
        // Narrowed twice, the last word counts: it never widens to all.
        let back = handle.for_application(&shop());
        assert!(matches!(back.open(&ask, &client(1)).await.unwrap(), OpenOutcome::Opened(_)));
    });
}

/// A ticket of one tenant is redeemed at another: the scope in it is checked before any look-up,
/// and it stays good for its own.
#[test]
fn attack_own_08_a_ticket_is_worth_nothing_at_another_tenant() {
    on_every_store(|world| async move {
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        let ticket = world.reset().await;
        for name in ["fabrikam", "Contoso", "contoso.", "contos"] {
            let other = world.sspr.for_application(&application(name));
            assert!(matches!(other.redeem(&ticket).await.unwrap(), RedeemOutcome::Rejected));
        }
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    });
}

/// Digits of other scripts: those that people type are read, all others are refused before a try
/// is charged, so none buys a further reading of one code.
#[test]
fn attack_own_09_odd_digits_are_read_once_or_cost_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let shifted = |zero: u32| -> String {
            let digit = |c: char| char::from_u32(zero + c.to_digit(10).unwrap()).unwrap();
            code.expose().chars().map(digit).collect()
        };
        for zero in [0x0966, 0x1d7ce, 0x1d7d8, 0x2080, 0x0e50, 0x1fbf0] {
            assert!(Code::parse(&shifted(zero)).is_err(), "{zero:x}");
        }
        for odd in
            ["\u{b9}\u{b2}\u{b3}45678", "\u{2460}2345678", "1234567\u{2167}", "12345678\u{301}"]
        {
            assert!(Code::parse(odd).is_err(), "{odd}");
        }
        for zero in [0x0660, 0x06f0, 0xff10] {
            assert_eq!(Code::parse(&shifted(zero)).unwrap().expose(), code.expose());
        }
        let view = world.sspr.status(&token).await.unwrap();
        assert!(matches!(view, StatusOutcome::Status(view) if view.tries_left == 5));
    });
}

/// A request key that two people share (a shared computer, a cached page) opens two resets: address
/// and application are in what is derived from it.
#[test]
fn attack_own_10_a_shared_request_key_shares_no_reset() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let key = RequestKey::generate(&SystemEntropy::new()).unwrap();
        let open = async |typed: &str| {
            let ask = request(typed).with_key(key.clone());
            match world.sspr.open(&ask, &client(1)).await.unwrap() {
                OpenOutcome::Opened(it) => it.token,
                other => panic!("not opened: {other:?}"),
            }
        };
        let (adas, again) = (open("ada@example.com").await, open("ada@example.com").await);
        assert_eq!(adas.expose(), again.expose());
        let eves = open("eve@example.com").await;
        assert_ne!(adas.record(), eves.record());
        world.sent(&eves, &client(2)).await;
        let code = world.mailed_code().await;
        assert!(is_wrong(&world.verify(&adas, &code).await));
    });
}

/// Who can write to the store puts the record of their own reset over a victim's: record id and
/// token are in the digests, so neither token opens the moved record.
#[test]
fn attack_own_11_a_record_moved_over_another_opens_nothing() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let victims = world.started("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        let own = world.started("eve@example.com", &client(2)).await;
        let code = world.mailed_code().await;
        let stored = async |id| {
            world.codes.load(&id, &[], world.clock.now()).await.unwrap().found().unwrap()
        };
        let taken = [stored(own.record()).await, stored(victims.record()).await];
        for (from, to) in [(0, 1), (1, 0)] {
            let over = &taken[to];
            let moved = Record {
                begins_challenge: false,
                body: taken[from].body.clone(),
                charges: Vec::new(),
                expires_at: over.expires_at,
                id: [&own, &victims][to].record(),
                tries_limit: 5,
            };
            let now = world.clock.now();
            world.codes.compare_and_swap(&moved, over.version, &[], &[], now).await.unwrap();
        }
        for token in [&victims, &own] {
            let outcome = world.verify(token, &code).await;
            assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)), "{outcome:?}");
        }
        assert_eq!(world.account("ada").await.unwrap().last_change, None);
    });
}

/// A device proof keeps strangers' counters away from its owner's. One of another address, of no
/// server, or of another tenant opens no lane: it is as if it were not there.
#[test]
fn attack_own_12_a_foreign_device_proof_opens_no_lane() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let SignInOutcome::SignedIn(eve) = world.sign_in("eve@example.com", OLD).await else {
            panic!("signs in");
        };
        let text = eve.device.expose();
        for proof in [text, "A".repeat(75)] {
            world.clock.advance(hours(25));
            let mut started = 0;
            for _ in 0..20 {
                let at = client(1).with_device(DeviceProof::parse(&proof).unwrap());
                let outcome = world.sspr.start(&request("ada@example.com"), &at).await.unwrap();
                started += u8::from(matches!(outcome, sspr::engine::StartOutcome::Started(_)));
            }
            assert_eq!(started, 5, "as many as without a proof");
        }
    });
}

/// Names that a host or an administrator gives are data in mails: braces are filled in once, and a
/// code hidden from the subject is not lured back into it.
#[test]
fn attack_own_13_a_brand_named_like_a_placeholder_draws_no_code_into_the_subject() {
    on_every_store(|world| async move {
        let policy = TenantPolicy::customers("contoso").unwrap();
        let brand = Brand::new("{code} {brand} <b>&").unwrap();
        world.policies.replace(policy.with_brand(brand));
        let ask = request("ada@example.com").with_locale(LanguageTag::parse("ar").unwrap());
        world.sspr.start(&ask, &client(1)).await.unwrap();
        let code = world.mailed_code().await.expose();
        let mail = world.inbox.messages().pop().unwrap();
        assert!(!mail.subject.contains(&code) && mail.subject.contains("{code}"));
        assert!(!mail.from_name.contains(&code));
        assert_eq!(mail.text.matches(&code).count(), 1, "on its own line, once");
        assert!(!mail.html.contains("<b>&"));
        assert!(Brand::new("{code}\u{202e}").is_err(), "nor does it turn the subject round");
    });
}

/// Ids are written into logs: none can hold a line break or another control character.
#[test]
fn attack_own_14_no_id_breaks_a_line_of_a_log() {
    for text in [
        "a\nlevel=error user=root",
        "a\r\n",
        "\u{1b}[2J",
        "a\0b",
        "a\u{85}b",
        "a\u{2028}level=error",
        "\u{202e}nimda",
        "ad\u{200b}min",
        " a",
        "",
        &"a".repeat(129),
    ] {
        assert!(CorrelationId::parse(text).is_err(), "{text:?}");
        assert!(TenantId::parse(text).is_err(), "{text:?}");
        assert!(ApplicationId::parse(text).is_err(), "{text:?}");
    }
    on_every_store(|world| async move {
        let id = CorrelationId::parse("{token} %s <b>").unwrap();
        let at = client(1).with_correlation(id);
        world.started("ada@example.com", &at).await;
        let events = world.events.all();
        assert!(events.iter().any(|event| {
            event.correlation.as_ref().is_some_and(|id| id.as_str() == "{token} %s <b>")
        }));
    });
}

/// Another service on the same tables, with keys of its own: its secrets are none of this one's,
/// though the records behind them are there.
#[test]
fn attack_own_15_another_services_token_is_none_of_ours() {
    on_every_store(|world| async move {
        let elsewhere = World::assemble(
            world.users.clone(),
            world.codes.clone(),
            world.policies.clone(),
            sspr::Keyring::generate(&SystemEntropy::new()).unwrap(),
            world.clock.clone(),
            None,
        );
        let (token, code) = elsewhere.started_with_code().await;
        let outcome = world.verify(&token, &code).await;
        assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)), "{outcome:?}");
        assert!(matches!(world.sspr.send(&token, &client(1)).await.unwrap(), SendOutcome::Gone));
        let grant = elsewhere.granted(&token, &code).await;
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
        let ticket = elsewhere.changed(&grant, NEW).await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::Rejected));
        assert!(matches!(elsewhere.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    });
}
