//! Each action, from the form to its effect.

use super::{ACTIONS, Desk, ROOT, fields, secret};
use crate::support::{
    NEW, OLD, address, client,
    front::{self, post},
    request,
};
use sspr::{Code, RedeemOutcome, SignInOutcome, engine::ResetReason, ports::EventKind};

#[tokio::test]
async fn a_code_that_was_handed_over_leads_to_a_new_password() {
    let desk = Desk::new().await;

    let seen = desk.act("code", &[]).await;

    assert_eq!((seen.status, seen.header("cache-control")), (200, "no-store"));
    assert!(seen.body.contains("It stops working at 2027-01-15 09:00:00 UTC."), "{}", seen.body);
    let code = Code::parse(&secret(&seen)).unwrap();
    let (asked, client) = (request("ada@example.com"), client(1));
    let entered = desk.world.sspr.enter_assistance_code(&asked, &code, &client).await;
    let grant = entered.unwrap().granted().unwrap().grant;
    let ticket = desk.world.changed(&grant, NEW).await;
    let RedeemOutcome::SignIn(it) = desk.world.redeem(&ticket).await else { panic!("redeems") };
    assert_eq!(it.reason, ResetReason::Assistance);
    assert_eq!(desk.lines(), ["root AssistanceCode contoso/ada: Ticket 7"]);
}

#[tokio::test]
async fn a_temporary_password_signs_in_to_a_forced_change() {
    let desk = Desk::new().await;

    let seen = desk.act("temporary-password", &[]).await;

    assert_eq!((seen.status, seen.header("cache-control")), (200, "no-store"));
    assert!(seen.body.contains("2027-01-16 08:00:00 UTC"), "{}", seen.body);
    let password = secret(&seen);
    let old = desk.world.sign_in("ada@example.com", OLD).await;
    assert!(matches!(old, SignInOutcome::Rejected), "{old:?}");
    let entered = desk.world.sign_in("ada@example.com", &password).await;
    assert!(matches!(entered, SignInOutcome::MustChange(_)), "{entered:?}");
    let shown = desk.look_up("ada@example.com").await.body;
    assert!(shown.contains("It stops working at 2027-01-16 08:00:00 UTC."), "{shown}");
    assert!(!shown.contains(&password));
    assert_eq!(desk.lines(), ["root TemporaryPassword contoso/ada: Ticket 7"]);
}

#[tokio::test]
async fn a_pause_that_is_ended_is_over() {
    let desk = Desk::new().await;
    for _ in 0..10 {
        desk.world.sign_in("ada@example.com", "not the password").await;
    }
    let paused = desk.look_up("ada@example.com").await.body;
    assert!(paused.contains("The pause ends at 2027-01-15 08:01:00 UTC."), "{paused}");
    assert!(paused.contains("10 count towards the next pause."), "{paused}");

    let seen = desk.act("end-pause", &[]).await;

    assert!(seen.body.contains("The pause has ended"), "{}", seen.body);
    let entered = desk.world.sign_in("ada@example.com", OLD).await;
    assert!(matches!(entered, SignInOutcome::SignedIn(_)), "{entered:?}");
    assert_eq!(desk.lines(), ["root Unlock contoso/ada: Ticket 7"]);
}

#[tokio::test]
async fn a_frozen_account_is_shown_and_opened() {
    let desk = Desk::new().await;
    assert!(!desk.look_up("ada@example.com").await.body.contains("nfreeze"));
    desk.world.offer_freezes();
    desk.world.changed_in_session("ada", OLD, NEW).await;
    let code = desk.world.freeze_code("ada@example.com").await.unwrap();
    desk.world.change_account("ada", |ada| ada.addresses[0] = address("new@example.com")).await;
    desk.world.freeze(&code).await;
    for asked in ["ada@example.com", "new@example.com"] {
        let shown = desk.look_up(asked).await.body;
        assert!(shown.contains("<b>The account is frozen</b>"), "{shown}");
        assert!(shown.contains("Its code goes to ada@example.com."), "{shown}");
        assert!(shown.contains("Unfreeze"), "{shown}");
    }

    let seen = desk.act("unfreeze", &[]).await;

    assert!(seen.body.contains("The account is open again"), "{}", seen.body);
    let entered = desk.world.sign_in("new@example.com", NEW).await;
    assert!(matches!(entered, SignInOutcome::SignedIn(_)), "{entered:?}");
    assert_eq!(desk.lines(), ["root Unfreeze contoso/ada: Ticket 7"]);
}

#[tokio::test]
async fn a_required_change_is_asked_for_at_the_next_sign_in() {
    let desk = Desk::new().await;

    let seen = desk.act("require-change", &[]).await;

    assert!(seen.body.contains("A new password is required"), "{}", seen.body);
    let entered = desk.world.sign_in("ada@example.com", OLD).await;
    assert!(matches!(entered, SignInOutcome::MustChange(_)), "{entered:?}");
    let shown = desk.look_up("ada@example.com").await.body;
    assert!(shown.contains("<b>Must choose a new password</b>"), "{shown}");
    assert_eq!(desk.lines(), ["root RequireChange contoso/ada: Ticket 7"]);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_acts_once_in_every_process() {
    for (action, _) in ACTIONS {
        let desk = Desk::new().await;
        let form = desk.confirm(action).await;
        let first = desk.send(action, &form, &[]).await;
        assert_eq!(first.status, 200, "{}", first.body);
        let stamp = desk.world.account("ada").await.unwrap().stamp;
        let other = Desk::over(desk.world.another_process());

        for again in [desk.send(action, &form, &[]).await, other.send(action, &form, &[]).await] {
            assert_eq!(again.status, 409, "{}", again.body);
            assert!(
                again.body.contains("The action was not done a second time."),
                "{}",
                again.body
            );
            assert!(!again.body.contains("<code"), "{}", again.body);
        }
        assert!(desk.world.account("ada").await.unwrap().stamp == stamp);
        assert_eq!((desk.lines().len(), other.lines().len()), (1, 0));
    }
}

#[tokio::test]
async fn of_two_clicks_at_once_one_acts() {
    let desk = Desk::new().await;
    let form = desk.confirm("temporary-password").await;
    let (one, two) = tokio::join!(
        desk.send("temporary-password", &form, &[]),
        desk.send("temporary-password", &form, &[])
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn the_key_of_one_form_does_not_use_up_another() {
    let desk = Desk::new().await;
    let form = desk.confirm("code").await;
    assert_eq!(desk.send("code", &form, &[]).await.status, 200);
    assert_eq!(desk.act("code", &[]).await.status, 200);
    // The same key, moved to another action: a key of its own.
    let moved: Vec<_> = form.into_iter().filter(|(name, _)| name != "application").collect();
    assert_eq!(desk.send("end-pause", &moved, &[]).await.status, 200);
}

#[tokio::test]
async fn a_form_can_be_sent_for_half_an_hour() {
    let desk = Desk::new().await;
    let [late, early] = [desk.confirm("code").await, desk.confirm("code").await];
    desk.world.clock.advance(core::time::Duration::from_secs(30 * 60 - 1));
    assert_eq!(desk.send("code", &early, &[]).await.status, 200);
    desk.world.clock.advance(core::time::Duration::from_secs(1));
    for seen in [desk.send("code", &late, &[]).await, desk.send("code", &early, &[]).await] {
        assert_eq!(seen.status, 409);
        assert!(seen.body.contains("This form is too old"), "{}", seen.body);
    }
    assert_eq!(desk.lines().len(), 1);
}

#[tokio::test]
async fn a_code_works_in_the_application_that_was_chosen() {
    let desk = Desk::new().await;
    let form = desk.confirm("code").await;
    let chosen = form.iter().find(|(name, _)| name == "application").unwrap();
    assert_eq!(chosen.1, "sign-in\nshop");
    for wrong in ["", "sign-in\npayroll", "shop"] {
        let seen = desk.send("code", &form, &[("application", wrong)]).await;
        assert_eq!(seen.status, 422, "{}", seen.body);
        assert!(seen.body.contains("application: must be one of the list"), "{}", seen.body);
    }
    // A browser writes line breaks in its own way.
    let seen = desk.send("code", &form, &[("application", "sign-in\r\nshop")]).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
}

#[tokio::test]
async fn a_tenant_without_a_named_application_hands_over_no_code() {
    let desk = Desk::new().await;
    let policies = desk.world.policies.clone();
    let admin = sspr::http::Admin::new(&desk.world.sspr, policies, super::ByHeader);
    let app = axum::Router::new().nest("/admin/", admin.with_help_desk().router());
    let desk = Desk { app, ..desk };
    let seen = desk.act("code", &[]).await;
    assert_eq!(seen.status, 422);
    assert!(seen.body.contains("this tenant has none"), "{}", seen.body);
}

#[tokio::test]
async fn events_name_the_actor_and_hold_no_secret() {
    let desk = Desk::new().await;
    let shown =
        [secret(&desk.act("code", &[]).await), secret(&desk.act("temporary-password", &[]).await)];
    desk.act("end-pause", &[]).await;
    let events = desk.world.events.all();
    let kinds = [EventKind::AssistanceCode, EventKind::TemporaryPassword, EventKind::Unlock];
    for kind in kinds {
        let found = events.iter().find(|event| event.kind == kind).expect("the event");
        assert_eq!(found.actor.as_ref().map(|actor| actor.as_str()), Some("root"));
    }
    let told = format!("{events:?} {:?}", desk.lines());
    for hidden in shown.iter().map(String::as_str).chain(["ada@example.com"]) {
        assert!(!told.contains(hidden), "{told}");
    }
    assert!(!format!("{events:?}").contains("Ticket 7"));
}

#[tokio::test]
async fn no_address_stands_in_a_url_of_the_pages() {
    let desk = Desk::new().await;
    let found = desk.look_up("ada@example.com").await.body;
    let path = "/admin/customer-confirm?tenant=contoso&action=code";
    let confirm = post(&desk.app, path, &[ROOT], &front::form(&super::ADA)).await.body;
    assert!(!fields(&confirm).is_empty());
    for page in [found, confirm, desk.act("code", &[]).await.body] {
        for part in page.split(['"', ' ']).filter(|part| part.contains('?')) {
            assert!(!part.contains("ada@") && !part.contains("ada%40"), "{part}");
        }
    }
}
