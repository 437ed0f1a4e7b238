//! The help desk: what staff can do for an account, and what they cannot.

use crate::support::*;
use sspr::{
    Account, AccountId, Application, Code, RedeemOutcome, Session, SignInOutcome, SubmitOutcome,
    domain::{ActorId, IdentityProvider},
    engine::{AccountReport, AssistanceOutcome, Assisted, HelpDesk, ResetReason},
    policy::{AuthenticationMethodsPolicy, Limits, TenantPolicy},
    ports::{EventKind, Outcome},
};

const WRONG: &str = "not the password of ada";

fn desk(world: &World) -> HelpDesk {
    world.sspr.help_desk(ActorId::parse("staff-17").unwrap())
}

fn id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

async fn handed_over(world: &World) -> Code {
    let issued = desk(world).assistance_code(&shop(), &id("ada")).await.unwrap();
    issued.done().unwrap().code
}

async fn enter(world: &World, mail: &str, code: &Code) -> AssistanceOutcome {
    world.sspr.enter_assistance_code(&request(mail), code, &client(1)).await.unwrap()
}

async fn temporary(world: &World) -> String {
    let set = desk(world).set_temporary_password(&tenant(), &id("ada")).await.unwrap();
    set.done().unwrap().password.expose().to_owned()
}

async fn report(world: &World) -> AccountReport {
    let flow = shop().user_flow;
    let found = desk(world).explain(&tenant(), &flow, &address("ada@example.com")).await.unwrap();
    found.into_iter().next().unwrap()
}

#[test]
fn a_code_from_staff_leads_to_a_new_password_and_the_owner_is_told() {
    on_every_store(|world| async move {
        let code = handed_over(&world).await;
        let grant = enter(&world, "ada@example.com", &code).await.granted().unwrap().grant;
        let ticket = world.changed(&grant, NEW).await;
        let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
        assert_eq!(it.reason, ResetReason::Assistance);
        world.courier.drain(&world.inbox).await;
        let mails = world.inbox.messages();
        assert!(mails[0].text.contains("support made a code"), "{mails:?}");
        assert!(mails.len() == 2 && mails[1].text.contains("support gave out"), "{mails:?}");
    });
}

#[test]
fn a_code_from_staff_opens_one_grant_until_the_password_is_changed() {
    on_every_store(|world| async move {
        let code = handed_over(&world).await;
        let first = enter(&world, "ada@example.com", &code).await.granted().unwrap().grant;
        let again = enter(&world, "ada@example.com", &code).await.granted().unwrap().grant;
        assert_eq!(first.expose(), again.expose());
        world.changed(&first, NEW).await;
        let late = enter(&world, "ada@example.com", &code).await;
        assert!(matches!(late, AssistanceOutcome::Rejected), "{late:?}");
    });
}

#[test]
fn a_code_from_staff_is_for_one_account_tenant_and_application() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let code = handed_over(&world).await;
        let payroll = Application::new("contoso", "sign-in", "payroll").unwrap();
        let elsewhere = sspr::Request::new(&payroll, address("ada@example.com"));
        let abroad = sspr::Request::new(&application("fabrikam"), address("ada@example.com"));
        for asked in [elsewhere, abroad, request("eve@example.com"), request("nobody@x.example")] {
            let outcome = world.sspr.enter_assistance_code(&asked, &code, &client(1)).await;
            assert!(matches!(outcome, Ok(AssistanceOutcome::Rejected)), "{outcome:?}");
        }
        assert!(enter(&world, "ada@example.com", &code).await.granted().is_some());
    });
}

#[test]
fn a_code_from_staff_ends_with_its_hour_the_stamp_or_the_account() {
    on_every_store(|world| async move {
        let issued = desk(&world).assistance_code(&shop(), &id("ada")).await.unwrap();
        let issued = issued.done().unwrap();
        let before = world.account("ada").await.unwrap();
        let changes: [&dyn Fn(&mut Account); 3] = [
            &|ada| ada.disabled = true,
            &|ada| ada.identity_providers = vec![IdentityProvider::Google],
            &|ada| ada.stamp = sspr::Stamp::from_bytes([9; 16]),
        ];
        for spoil in changes {
            world.change_account("ada", |ada| spoil(ada)).await;
            let outcome = enter(&world, "ada@example.com", &issued.code).await;
            assert!(matches!(outcome, AssistanceOutcome::Rejected), "{outcome:?}");
            world.put(before.clone()).await;
        }
        world.clock.set(issued.expires_at);
        let outcome = enter(&world, "ada@example.com", &issued.code).await;
        assert!(matches!(outcome, AssistanceOutcome::Rejected), "{outcome:?}");
    });
}

#[test]
fn a_code_from_staff_is_valid_for_an_hour_and_not_for_a_second_more() {
    on_every_store(|world| async move {
        let began = sspr::ports::Clock::now(&world.clock);
        let issued = desk(&world).assistance_code(&shop(), &id("ada")).await.unwrap();
        let (first, other) = (issued.done().unwrap(), handed_over(&world).await);
        assert_eq!(first.expires_at, began.after(hours(1)));
        world.clock.advance(seconds(3_599));
        assert!(enter(&world, "ada@example.com", &first.code).await.granted().is_some());
        world.clock.advance(seconds(1));
        for code in [&first.code, &other] {
            let late = enter(&world, "ada@example.com", code).await;
            assert!(matches!(late, AssistanceOutcome::Rejected), "{late:?}");
        }
    });
}

#[test]
fn codes_of_a_reset_and_codes_of_staff_do_not_open_each_other() {
    on_every_store(|world| async move {
        let (token, mailed) = world.started_with_code().await;
        let handed = handed_over(&world).await;
        let outcome = enter(&world, "ada@example.com", &mailed).await;
        assert!(matches!(outcome, AssistanceOutcome::Rejected), "{outcome:?}");
        assert!(is_wrong(&world.verify(&token, &handed).await));
    });
}

#[test]
fn guesses_at_codes_of_staff_use_up_the_budget_of_their_network() {
    on_every_store(|world| async move {
        let limits = Limits::builder().network_tries(20).build().unwrap();
        world.policies.replace(TenantPolicy::customers("contoso").unwrap().with_limits(limits));
        let wrong = Code::parse("BCDF-GHJK-LMNP-QRST").unwrap();
        for guess in 0..40 {
            let outcome = enter(&world, "ada@example.com", &wrong).await;
            let refused = matches!(outcome, AssistanceOutcome::TryLater { .. });
            assert_eq!(refused, guess >= 20, "{guess}: {outcome:?}");
        }
        let code = handed_over(&world).await;
        let (asked, other) = (request("ada@example.com"), client(2));
        let elsewhere = world.sspr.enter_assistance_code(&asked, &code, &other);
        assert!(elsewhere.await.unwrap().granted().is_some());
    });
}

#[test]
fn a_temporary_password_ends_every_session_and_is_good_for_one_change() {
    on_every_store(|world| async move {
        let before = world.account("ada").await.unwrap();
        let password = temporary(&world).await;
        let after = world.account("ada").await.unwrap();
        assert!(after.stamp != before.stamp && after.must_change);
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::Rejected));
        let entered = world.sign_in("ada@example.com", &password).await;
        let SignInOutcome::MustChange(granted) = entered else { panic!("{entered:?}") };
        let kept = world.submit(&granted.grant, &password).await;
        assert!(matches!(kept, SubmitOutcome::Weak { .. }), "{kept:?}");
        world.changed(&granted.grant, NEW).await;
        let spent = world.sign_in("ada@example.com", &password).await;
        assert!(matches!(spent, SignInOutcome::Rejected), "{spent:?}");
        world.courier.drain(&world.inbox).await;
        let mails = world.inbox.messages();
        assert!(mails[0].text.contains("temporary password"), "{mails:?}");
        assert!(!format!("{mails:?}").contains(&password));
    });
}

#[test]
fn a_temporary_password_expires_and_cannot_change_itself() {
    on_every_store(|world| async move {
        let set = desk(&world).set_temporary_password(&tenant(), &id("ada")).await.unwrap();
        let set = set.done().unwrap();
        let ada = world.account("ada").await.unwrap();
        world.clock.set(set.expires_at);
        let late = world.sign_in("ada@example.com", set.password.expose()).await;
        assert!(matches!(late, SignInOutcome::Rejected), "{late:?}");
        let session = Session::new(&shop(), ada.id, ada.stamp);
        let change = world.sspr.change(&session, &set.password, &password(NEW), &client(1)).await;
        assert!(matches!(change, Ok(sspr::ChangeOutcome::Unavailable)), "{change:?}");
    });
}

#[test]
fn no_two_temporary_passwords_are_the_same_and_each_has_many_bits() {
    on_every_store(|world| async move {
        let (first, second) = (temporary(&world).await, temporary(&world).await);
        assert_ne!(first, second);
        let letters = first.chars().filter(char::is_ascii_uppercase).count();
        assert!(letters == 32 && first.len() == 39, "{letters} letters");
    });
}

#[test]
fn an_unlock_ends_the_pause_and_no_session() {
    on_every_store(|world| async move {
        for _ in 0..10 {
            world.sign_in("ada@example.com", WRONG).await;
        }
        let paused = report(&world).await;
        assert!(paused.paused_until.is_some() && paused.wrong_passwords == 10, "{paused:?}");
        let stamp = world.account("ada").await.unwrap().stamp;
        desk(&world).unlock(&tenant(), &id("ada")).await.unwrap().done().unwrap();

        assert!(world.account("ada").await.unwrap().stamp == stamp);
        let report = report(&world).await;
        assert_eq!((report.paused_until, report.wrong_passwords), (None, 0));
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn a_required_change_keeps_the_sessions_until_the_next_sign_in() {
    on_every_store(|world| async move {
        let before = world.account("ada").await.unwrap();
        desk(&world).require_change(&tenant(), &id("ada")).await.unwrap().done().unwrap();
        let after = world.account("ada").await.unwrap();
        assert!(after.must_change && after.stamp == before.stamp);
        assert!(report(&world).await.must_change);
        let entered = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(entered, SignInOutcome::MustChange(_)), "{entered:?}");
    });
}

#[test]
fn staff_can_do_nothing_for_an_account_without_a_password_here() {
    on_every_store(|world| async move {
        let desk = desk(&world);
        let changes: [&dyn Fn(&mut Account); 2] = [&|ada| ada.disabled = true, &|ada| {
            ada.identity_providers = vec![IdentityProvider::Google]
        }];
        let before = world.account("ada").await.unwrap();
        for (spoil, who) in changes.into_iter().zip(["ada", "ada"]) {
            world.change_account("ada", |ada| spoil(ada)).await;
            let code = desk.assistance_code(&shop(), &id(who)).await.unwrap();
            assert!(matches!(code, Assisted::Unavailable), "{code:?}");
            let set = desk.set_temporary_password(&tenant(), &id(who)).await.unwrap();
            assert!(matches!(set, Assisted::Unavailable), "{set:?}");
            world.put(before.clone()).await;
        }
        let nobody = desk.require_change(&tenant(), &id("nobody")).await.unwrap();
        assert!(matches!(nobody, Assisted::Unavailable), "{nobody:?}");
        assert!(!world.account("ada").await.unwrap().must_change);
    });
}

#[test]
fn a_code_from_staff_needs_no_method() {
    on_every_store(|world| async move {
        let json = r#"{"id":"Email","state":"disabled","includeTargets":[]}"#;
        let methods = AuthenticationMethodsPolicy::from_email_json(json).unwrap();
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_authentication_methods(methods));
        let code = handed_over(&world).await;
        let grant = enter(&world, "ada@example.com", &code).await.granted().unwrap().grant;
        world.changed(&grant, NEW).await;
    });
}

#[test]
fn actions_are_limited_by_account_by_actor_and_by_tenant() {
    on_every_store(|world| async move {
        for name in ["b", "c", "d", "e"] {
            world.add(&format!("{name}@example.com"), name).await;
        }
        let limits = Limits::builder().assists_per_account(2);
        let limits = limits.assists_per_actor(4).assists_per_tenant(6).build().unwrap();
        world.policies.replace(TenantPolicy::customers("contoso").unwrap().with_limits(limits));
        let act = async |actor: &str, account: &str| {
            let desk = world.sspr.help_desk(ActorId::parse(actor).unwrap());
            let outcome = desk.require_change(&tenant(), &id(account)).await.unwrap();
            matches!(outcome, Assisted::Done(()))
        };
        assert!(act("one", "ada").await);
        assert!(!act("one", "ada").await, "of one member of staff for one account");
        assert!(act("two", "ada").await);
        assert!(!act("three", "ada").await, "of the account");
        assert!(act("one", "b").await && act("one", "c").await && act("one", "d").await);
        assert!(!act("one", "e").await, "of the actor");
        assert!(act("two", "e").await);
        assert!(!act("three", "b").await, "of the tenant");
        world.clock.advance(hours(25));
        assert!(act("one", "ada").await);
    });
}

#[test]
fn each_action_is_an_event_that_names_who_acted() {
    on_every_store(|world| async move {
        handed_over(&world).await;
        temporary(&world).await;
        let desk = desk(&world);
        desk.unlock(&tenant(), &id("ada")).await.unwrap();
        desk.require_change(&tenant(), &id("ada")).await.unwrap();
        let events = world.events.all();
        let told: Vec<_> =
            events.iter().map(|it| (it.kind, it.outcome, it.actor.clone())).collect();
        let staff = Some(ActorId::parse("staff-17").unwrap());
        let wanted = [
            EventKind::AssistanceCode,
            EventKind::TemporaryPassword,
            EventKind::Unlock,
            EventKind::RequireChange,
        ];
        assert_eq!(told, wanted.map(|kind| (kind, Outcome::Ok, staff.clone())));
    });
}

#[test]
fn a_grant_from_staff_ends_like_any_other_and_its_code_brings_no_second_one() {
    on_every_store(|world| async move {
        let code = handed_over(&world).await;
        let granted = enter(&world, "ada@example.com", &code).await.granted().unwrap();
        world.clock.set(granted.expires_at);
        let again = enter(&world, "ada@example.com", &code).await;
        assert!(matches!(again, AssistanceOutcome::Rejected), "{again:?}");
        let late = world.submit(&granted.grant, NEW).await;
        assert!(matches!(late, SubmitOutcome::Rejected), "{late:?}");
    });
}

#[test]
fn a_handle_of_one_application_helps_in_no_other_application_or_tenant() {
    on_every_store(|world| async move {
        let payroll = Application::new("contoso", "sign-in", "payroll").unwrap();
        let other = world.sspr.for_application(&payroll);
        let desk = other.help_desk(ActorId::parse("staff-17").unwrap());
        let code = desk.assistance_code(&shop(), &id("ada")).await.unwrap();
        assert!(matches!(code, Assisted::Unavailable), "{code:?}");
        let abroad = world.sspr.for_application(&application("fabrikam"));
        let desk = abroad.help_desk(ActorId::parse("staff-17").unwrap());
        let marked = desk.require_change(&tenant(), &id("ada")).await.unwrap();
        assert!(matches!(marked, Assisted::Unavailable), "{marked:?}");
        let flow = shop().user_flow;
        let found = desk.explain(&tenant(), &flow, &address("ada@example.com")).await.unwrap();
        assert!(found.is_empty());
    });
}
