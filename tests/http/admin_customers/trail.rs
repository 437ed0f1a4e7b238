//! What happened to a customer, for staff who may see it.

use sspr::{AccountId, domain::ActorId};

use super::{ACTIONS, Desk, visit};
use crate::support::{
    front::{self, post},
    *,
};

async fn seen_by(desk: &Desk, who: &str) -> String {
    let form = front::form(&[("address", "ada@example.com")]);
    let seen = post(&desk.app, super::CUSTOMERS, &[("authorization", who)], &form).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    seen.body
}

#[tokio::test]
async fn staff_with_the_permission_see_what_happened_and_why_and_no_secret() {
    let desk = Desk::new().await;
    let (token, code) = desk.world.started_with_code().await;
    desk.world.verify(&token, &other_than(&code)).await;
    desk.act("end-pause", &[("reason", "<b>Ticket</b> 9")]).await;
    desk.world.courier.drain(&desk.world.inbox).await;

    let body = seen_by(&desk, "ann Customers AuditTrail").await;
    for words in [
        "What happened",
        "Mail with a code: handed to the mail server",
        "Code entered: wrong code",
        "End of the pause: begun",
        "End of the pause: done",
        "by root",
        "because: &#60;b&#62;Ticket&#60;/b&#62; 9",
        "from 192.0.2.1",
    ] {
        assert!(body.contains(words), "{words}: {body}");
    }
    assert!(!body.contains(&code.expose()), "{body}");
}

#[tokio::test]
async fn staff_without_the_permission_see_none_of_it() {
    let desk = Desk::new().await;
    desk.act("end-pause", &[]).await;
    desk.world.courier.drain(&desk.world.inbox).await;
    let all: Vec<String> = ACTIONS.iter().map(|(_, kind)| format!("{kind:?}")).collect();
    let body = seen_by(&desk, &format!("ann Customers {}", all.join(" "))).await;
    assert!(!body.contains("What happened") && !body.contains("Ticket 7"), "{body}");
}

#[tokio::test]
async fn reached_limits_are_shown_with_their_ends() {
    let desk = Desk::new().await;
    for _ in 0..4 {
        desk.act("end-pause", &[]).await;
    }
    // The fifth must come from somebody else.
    let bob = desk.world.sspr.help_desk(ActorId::parse("bob").unwrap());
    bob.unlock(&tenant(), &AccountId::parse("ada").unwrap()).await.unwrap().done().unwrap();
    let body = seen_by(&desk, "ann Customers").await;
    assert!(body.contains("Staff did too many actions for the account"), "{body}");
    assert!(!body.contains("in the tenant"), "{body}");
}

#[tokio::test]
async fn an_empty_form_shows_no_trail() {
    let desk = Desk::new().await;
    let seen = visit(&desk, super::CUSTOMERS, "root").await;
    assert!(seen.status == 200 && !seen.body.contains("What happened"), "{}", seen.body);
}
