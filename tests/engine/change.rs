//! The change of a known password by a signed-in user, and the change that an account must make.

use crate::support::*;
use sspr::{
    Account, AccountId, Application, ChangeOutcome, Grant, RedeemOutcome, Session, SignInOutcome,
    Stamp, StartOutcome, StatusOutcome, SubmitOutcome,
    adapters::SystemEntropy,
    domain::IdentityProvider,
    engine::{RequestKey, ResetReason},
    policy::{
        AfterReset, AuthenticationMethodsPolicy, CurrentPassword, PasswordIssue, PasswordRules,
        TenantPolicy,
    },
    ports::{EventKind, Outcome},
};

const WRONG: &str = "not the password of ada";

/// What a session check of the host would find for ada now.
async fn session(world: &World) -> Session {
    let ada = world.account("ada").await.unwrap();
    Session::new(&shop(), ada.id, ada.stamp)
}

async fn change(world: &World, session: &Session, current: &str, new: &str) -> ChangeOutcome {
    let (current, new) = (password(current), password(new));
    world.sspr.change(session, &current, &new, &client(1)).await.unwrap()
}

async fn mark(world: &World) {
    world.change_account("ada", |ada| ada.must_change = true).await;
}

/// Signs in with the right password of an account that must change it.
async fn must_change(world: &World) -> Grant {
    match world.sign_in("ada@example.com", OLD).await {
        SignInOutcome::MustChange(granted) => granted.grant,
        other => panic!("{other:?}"),
    }
}

fn is_weak(outcome: &SubmitOutcome, wanted: PasswordIssue) -> bool {
    matches!(outcome, SubmitOutcome::Weak { issues } if *issues == [wanted])
}

#[test]
fn a_change_keeps_its_own_session_and_ends_every_other_one() {
    on_every_store(|world| async move {
        let session = session(&world).await;
        let kept = change(&world, &session, OLD, NEW).await.changed().unwrap();

        let ada = world.account("ada").await.unwrap();
        assert!(kept.stamp == ada.stamp && ada.stamp != session.stamp);
        assert!(matches!(
            change(&world, &session, NEW, "another one of hers 7").await,
            ChangeOutcome::SessionEnded
        ));
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::Rejected));
        assert!(matches!(world.sign_in("ada@example.com", NEW).await, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn every_address_on_file_is_told_that_somebody_who_knew_the_password_changed_it() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.addresses.push(address("ada@work.example"))).await;
        let session = session(&world).await;
        change(&world, &session, OLD, NEW).await.changed().unwrap();
        world.courier.drain(&world.inbox).await;

        let mails = world.inbox.messages();
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|mail| mail.text.contains("knew the current")), "{mails:?}");
    });
}

#[test]
fn a_wrong_current_password_counts_towards_the_lockout_of_the_sign_in() {
    on_every_store(|world| async move {
        let session = session(&world).await;
        for _ in 0..6 {
            let wrong = change(&world, &session, WRONG, NEW).await;
            assert!(matches!(wrong, ChangeOutcome::WrongPassword), "{wrong:?}");
        }
        for _ in 0..4 {
            let wrong = world.sign_in("ada@example.com", WRONG).await;
            assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
        }

        let locked = change(&world, &session, OLD, NEW).await;
        assert!(matches!(locked, ChangeOutcome::LockedOut { until: Some(_) }), "{locked:?}");
        let locked = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(locked, SignInOutcome::LockedOut { until: Some(_) }), "{locked:?}");
        assert!(world.account("ada").await.unwrap().stamp == session.stamp);
    });
}

#[test]
fn a_right_current_password_forgets_the_failures_before_it() {
    on_every_store(|world| async move {
        let passwords = [OLD, NEW, "another one of hers 7", "a third one of hers 8"];
        for pair in passwords.windows(2) {
            let session = session(&world).await;
            for _ in 0..9 {
                let wrong = change(&world, &session, WRONG, "any other words 1").await;
                assert!(matches!(wrong, ChangeOutcome::WrongPassword), "{wrong:?}");
            }
            change(&world, &session, pair[0], pair[1]).await.changed().unwrap();
        }
    });
}

#[test]
fn a_password_that_breaks_rules_or_is_the_current_one_costs_nothing() {
    on_every_store(|world| async move {
        let session = session(&world).await;
        for _ in 0..30 {
            for (new, issue) in
                [("qwertyuiop", PasswordIssue::Common), (OLD, PasswordIssue::SameAsCurrent)]
            {
                let outcome = change(&world, &session, OLD, new).await;
                let ChangeOutcome::Weak { issues } = outcome else { panic!("{outcome:?}") };
                assert!(issues.contains(&issue), "{issues:?}");
            }
        }
        change(&world, &session, OLD, NEW).await.changed().unwrap();
    });
}

#[test]
fn a_repeat_with_the_same_key_answers_what_the_first_call_answered() {
    on_every_store(|world| async move {
        let key = RequestKey::generate(&SystemEntropy::new()).unwrap();
        let session = session(&world).await.with_key(key);
        let first = change(&world, &session, OLD, NEW).await.changed().unwrap();
        let again = change(&world, &session, OLD, NEW).await.changed().unwrap();
        let other = change(&world, &session, OLD, "another one of hers 7").await;

        assert!(first.stamp == again.stamp);
        assert!(matches!(other, ChangeOutcome::SessionEnded), "{other:?}");
        assert_eq!(world.notices_due().await, 1, "one change, one notice");
    });
}

#[test]
fn a_repeat_is_no_way_to_guess_the_new_password() {
    on_every_store(|world| async move {
        let key = RequestKey::generate(&SystemEntropy::new()).unwrap();
        let session = session(&world).await.with_key(key);
        change(&world, &session, OLD, NEW).await.changed().unwrap();
        for guess in 0..10 {
            let outcome = change(&world, &session, OLD, &format!("her new words {guess}")).await;
            assert!(matches!(outcome, ChangeOutcome::SessionEnded), "{outcome:?}");
        }

        let outcome = change(&world, &session, OLD, NEW).await;
        assert!(matches!(outcome, ChangeOutcome::LockedOut { .. }), "{outcome:?}");
    });
}

#[test]
fn two_tabs_and_two_devices_change_once() {
    on_every_store(|world| async move {
        let session = session(&world).await;
        let tabs = (0..8).map(|tab| {
            let (world, session) = (&world, session.clone());
            async move { change(world, &session, OLD, &format!("new words of tab {tab}")).await }
        });
        let outcomes = futures_util::future::join_all(tabs).await;
        let changed = outcomes.iter().filter(|it| matches!(it, ChangeOutcome::Changed(_)));
        assert_eq!(changed.count(), 1, "{outcomes:?}");
        assert_eq!(world.notices_due().await, 1);
    });
}

#[test]
fn who_has_no_password_here_changes_none() {
    on_every_store(|world| async move {
        let before = world.account("ada").await.unwrap();
        let session = session(&world).await;
        let changes: [&dyn Fn(&mut Account); 5] = [
            &|ada| ada.disabled = true,
            &|ada| ada.addresses.clear(),
            &|ada| ada.password = None,
            &|ada| ada.identity_providers = vec![IdentityProvider::Google],
            &|ada| ada.password_expires_at = Some(ada_expired()),
        ];
        for spoil in changes {
            world.change_account("ada", |ada| spoil(ada)).await;
            let outcome = change(&world, &session, OLD, NEW).await;
            assert!(matches!(outcome, ChangeOutcome::Unavailable), "{outcome:?}");
            world.put(before.clone()).await;
        }
        let nobody = AccountId::parse("nobody").unwrap();
        let nobody = Session::new(&shop(), nobody, session.stamp);
        let outcome = change(&world, &nobody, OLD, NEW).await;
        assert!(matches!(outcome, ChangeOutcome::Unavailable), "{outcome:?}");
        let payroll = Application::new("contoso", "sign-in", "payroll").unwrap();
        let other = world.sspr.for_application(&payroll);
        let outcome = other.change(&session, &password(OLD), &password(NEW), &client(1)).await;
        assert!(matches!(outcome, Ok(ChangeOutcome::Unavailable)), "{outcome:?}");
        let foreign = Session::new(&application("fabrikam"), before.id.clone(), session.stamp);
        let outcome = change(&world, &foreign, OLD, NEW).await;
        assert!(matches!(outcome, ChangeOutcome::Unavailable), "{outcome:?}");

        change(&world, &session, OLD, NEW).await.changed().unwrap();
    });
}

fn ada_expired() -> sspr::domain::Timestamp {
    sspr::domain::Timestamp::from_micros(1)
}

#[test]
fn an_account_that_the_host_has_locked_changes_nothing_and_stays_locked() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.locked = true).await;
        let session = session(&world).await;
        let outcome = change(&world, &session, OLD, NEW).await;
        assert!(matches!(outcome, ChangeOutcome::LockedOut { until: None }), "{outcome:?}");
        assert!(world.account("ada").await.unwrap().locked);
    });
}

#[test]
fn a_session_that_was_stolen_before_a_reset_or_a_change_changes_nothing() {
    on_every_store(|world| async move {
        let stolen = session(&world).await;
        world.reset().await;
        let outcome = change(&world, &stolen, NEW, "the thief's own words 1").await;
        assert!(matches!(outcome, ChangeOutcome::SessionEnded), "{outcome:?}");
    });
}

#[test]
fn a_change_ends_a_reset_under_way() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let session = session(&world).await;
        change(&world, &session, OLD, NEW).await.changed().unwrap();

        let outcome = world.submit(&grant, "the reset's own words 1").await;
        assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");
        let stamp = world.account("ada").await.unwrap().stamp;
        assert!(stamp != session.stamp);
    });
}

#[test]
fn a_change_is_an_event_of_the_tenant_without_a_reset() {
    on_every_store(|world| async move {
        let session = session(&world).await;
        change(&world, &session, WRONG, NEW).await;
        change(&world, &session, OLD, NEW).await;
        let events = world.events.all();
        let told = events.iter().filter(|event| event.kind == EventKind::Change);
        let told: Vec<_> =
            told.map(|event| (event.outcome, event.reset, event.tenant.clone())).collect();
        let contoso = Some(tenant());
        assert_eq!(
            told,
            [(Outcome::Rejected, None, contoso.clone()), (Outcome::Ok, None, contoso)]
        );
    });
}

#[test]
fn a_right_password_that_must_be_changed_opens_no_session_until_it_is_changed() {
    on_every_store(|world| async move {
        mark(&world).await;
        let grant = must_change(&world).await;
        let ticket = world.changed(&grant, NEW).await;
        let ada = world.account("ada").await.unwrap();
        assert!(!ada.must_change);

        let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
        assert!(it.stamp == ada.stamp && it.reason == ResetReason::MustChange);
        assert!(matches!(world.sign_in("ada@example.com", NEW).await, SignInOutcome::SignedIn(_)));
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages()[0].text.contains("knew the current"));
    });
}

#[test]
fn a_password_that_must_be_changed_cannot_be_kept_whatever_the_rules_say() {
    on_every_store(|world| async move {
        for refused in [CurrentPassword::Allowed, CurrentPassword::Refused] {
            let rules = PasswordRules::nist().with_current_refused(refused);
            let policy = TenantPolicy::customers("contoso").unwrap();
            world.policies.replace(policy.with_password_rules(rules));
            mark(&world).await;
            let grant = must_change(&world).await;
            let kept = world.submit(&grant, OLD).await;
            assert!(is_weak(&kept, PasswordIssue::SameAsCurrent), "{kept:?}");
            assert!(world.account("ada").await.unwrap().must_change);
        }
        let grant = must_change(&world).await;
        world.changed(&grant, NEW).await;
    });
}

#[test]
fn a_forced_change_needs_no_method_and_signs_in_although_resets_do_not() {
    on_every_store(|world| async move {
        let off = TenantPolicy::customers("contoso").unwrap();
        let off = off.with_after_reset(AfterReset::RequireSignIn);
        let json = r#"{"id":"Email","state":"disabled","includeTargets":[]}"#;
        let methods = AuthenticationMethodsPolicy::from_email_json(json).unwrap();
        let off = off.with_authentication_methods(methods);
        world.policies.replace(off);
        let start = world.sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        assert!(matches!(start, StartOutcome::Unavailable));
        mark(&world).await;
        let grant = must_change(&world).await;
        let ticket = world.changed(&grant, NEW).await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    });
}

#[test]
fn the_first_change_ends_every_other_grant_of_a_forced_change() {
    on_every_store(|world| async move {
        mark(&world).await;
        let (first, second) = (must_change(&world).await, must_change(&world).await);
        let ticket = world.changed(&first, NEW).await;
        let late = world.submit(&second, "the thief's own words 1").await;
        assert!(matches!(late, SubmitOutcome::Rejected), "{late:?}");
        // A repeat of the first submit still ends where it ended.
        assert_eq!(world.changed(&first, NEW).await.expose(), ticket.expose());
        assert_eq!(world.notices_due().await, 1);
    });
}

#[test]
fn a_grant_of_a_forced_change_ends_with_the_account_its_stamp_or_its_time() {
    on_every_store(|world| async move {
        mark(&world).await;
        let before = world.account("ada").await.unwrap();
        let changes: [&dyn Fn(&mut Account); 4] = [
            &|ada| ada.disabled = true,
            &|ada| ada.locked = true,
            &|ada| ada.identity_providers = vec![IdentityProvider::Google],
            &|ada| ada.stamp = Stamp::generate(&SystemEntropy::new()).unwrap(),
        ];
        for spoil in changes {
            let grant = must_change(&world).await;
            world.change_account("ada", |ada| spoil(ada)).await;
            let outcome = world.submit(&grant, NEW).await;
            assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");
            world.put(before.clone()).await;
        }
        let granted = world.sign_in("ada@example.com", OLD).await;
        let SignInOutcome::MustChange(granted) = granted else { panic!("{granted:?}") };
        world.clock.set(granted.expires_at);
        let outcome = world.submit(&granted.grant, NEW).await;
        assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");
        assert!(world.account("ada").await.unwrap().must_change);
    });
}

#[test]
fn wrong_passwords_look_the_same_with_a_mark_and_without_one() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        mark(&world).await;
        for _ in 0..12 {
            let ada = world.sign_in("ada@example.com", WRONG).await;
            let eve = world.sign_in("eve@example.com", WRONG).await;
            assert_eq!(format!("{ada:?}"), format!("{eve:?}"));
        }
    });
}

#[test]
fn a_temporary_password_that_has_expired_is_a_wrong_one() {
    on_every_store(|world| async move {
        let end = sspr::ports::Clock::now(&world.clock).after(hours(24));
        world
            .change_account("ada", |ada| {
                (ada.must_change, ada.password_expires_at) = (true, Some(end));
            })
            .await;
        must_change(&world).await;
        world.clock.set(end);
        for _ in 0..10 {
            let late = world.sign_in("ada@example.com", OLD).await;
            assert!(matches!(late, SignInOutcome::Rejected), "{late:?}");
        }
        let locked = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(locked, SignInOutcome::LockedOut { .. }), "{locked:?}");
        // A reset still lets the owner in, with a password that lasts.
        world.reset().await;
        let ada = world.account("ada").await.unwrap();
        assert_eq!((ada.must_change, ada.password_expires_at), (false, None));
    });
}

#[test]
fn an_account_that_is_marked_after_the_change_signs_in_with_the_password() {
    on_every_store(|world| async move {
        let ticket = world.reset().await;
        mark(&world).await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::RequireSignIn));
    });
}

#[test]
fn the_reason_of_a_reset_comes_back_with_its_status_and_its_sign_in() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let StatusOutcome::Status(status) = world.sspr.status(&token).await.unwrap() else {
            panic!("no status")
        };
        let grant = world.granted(&token, &code).await;
        let ticket = world.changed(&grant, NEW).await;
        let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
        assert_eq!((status.reason, it.reason), (ResetReason::Forgot, ResetReason::Forgot));
    });
}
