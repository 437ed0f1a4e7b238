//! What staff see of a customer.

use super::{CUSTOMERS, Desk, ROOT};
use crate::support::{
    account,
    front::{self, furnish, get, post},
};

#[tokio::test]
async fn the_form_is_empty_and_asks_for_an_address() {
    let desk = Desk::new().await;
    let seen = get(&desk.app, CUSTOMERS, &[ROOT]).await;
    assert_eq!((seen.status, seen.header("cache-control")), (200, "no-store"));
    assert!(seen.body.contains("<label for=\"address\">E-mail address</label>"), "{}", seen.body);
    assert!(!seen.body.contains("role=\"status\"") && !seen.body.contains("Account "));
    assert!(!seen.body.contains("<script"));
}

#[tokio::test]
async fn the_state_of_an_account_is_told_in_plain_words() {
    let desk = Desk::new().await;
    for (address, words) in [
        ("ada@example.com", "May reset the password"),
        ("disa@example.com", "the account is disabled; enable it first"),
        ("fede@example.com", "the account signs in with another identity provider"),
        ("excl@example.com", "an exclude target of Email OTP covers the account"),
        ("same@example.com", "its only second factor is the mailbox"),
    ] {
        furnish(&desk.world).await;
        let seen = desk.look_up(address).await;
        assert_eq!(seen.status, 200);
        assert!(seen.body.contains(words), "{address}: {}", seen.body);
        assert!(seen.body.contains("One account has this address."), "{}", seen.body);
        let idle = seen.body.contains("so no action is possible");
        assert_eq!(idle, address.starts_with("disa") || address.starts_with("fede"), "{address}");
        assert_eq!(idle, !seen.body.contains("formaction"), "{address}");
    }
    let seen = desk.look_up(" ada@example.com ").await.body;
    for words in [
        "Sign-in is not paused",
        "None counts towards the next pause.",
        "Need not choose a new password",
        "End the pause",
        "Require a new password",
        "Hand over a code",
        "Set a temporary password",
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    assert!(!seen.contains("temporary one"));
}

#[tokio::test]
async fn an_unknown_address_is_told_plainly() {
    let desk = Desk::new().await;
    let seen = desk.look_up("nobody@example.com").await;
    assert_eq!(seen.status, 200);
    assert!(seen.body.contains("No account of this tenant has this address."), "{}", seen.body);
    assert!(seen.body.contains("value=\"nobody@example.com\""));
}

#[tokio::test]
async fn two_accounts_with_one_address_are_both_shown_and_each_has_its_actions() {
    let desk = Desk::new().await;
    desk.world.add("ada@example.com", "ada-2").await;
    let seen = desk.look_up("ada@example.com").await;
    assert!(seen.body.contains("2 accounts have this address."), "{}", seen.body);
    for id in ["ada", "ada-2"] {
        let field = format!("name=\"account\" value=\"{id}\"");
        assert!(seen.body.contains(&field), "{id}: {}", seen.body);
    }

    let acted = desk.act("require-change", &[("account", "ada-2")]).await;

    assert_eq!(acted.status, 200, "{}", acted.body);
    assert!(desk.world.account("ada-2").await.unwrap().must_change);
    assert!(!desk.world.account("ada").await.unwrap().must_change);
}

#[tokio::test]
async fn what_is_no_address_is_refused_with_a_link_to_the_field() {
    let desk = Desk::new().await;
    for typed in ["", "ada", "ada@", "a b@example.com", "\"><script>"] {
        let seen = desk.look_up(typed).await;
        assert_eq!(seen.status, 422, "{typed}");
        assert!(seen.body.contains("<title>Error: Customers"), "{}", seen.body);
        assert!(seen.body.contains("<a href=\"#address\">Enter an e-mail address"));
        assert!(seen.body.contains("aria-invalid=\"true\" aria-describedby=\"address-error\""));
        assert!(!seen.body.contains("<script"), "{}", seen.body);
    }
}

#[tokio::test]
async fn a_form_with_a_wrong_field_is_refused() {
    let desk = Desk::new().await;
    let mail = ("address", "ada@example.com");
    for (fields, status) in [
        (vec![mail, ("flow", "nowhere")], 422),
        (vec![mail, ("flow", "sign-in")], 200),
        (vec![mail, mail], 400),
        (vec![mail, ("adress", "x")], 400),
    ] {
        let seen = post(&desk.app, CUSTOMERS, &[ROOT], &front::form(&fields)).await;
        assert_eq!(seen.status, status, "{fields:?}: {}", seen.body);
    }
}

#[tokio::test]
async fn names_from_outside_are_escaped() {
    let desk = Desk::new().await;
    desk.world.insert(account("eve@example.com", "<b>&\"eve")).await;
    let seen = desk.look_up("eve@example.com").await;
    assert!(seen.body.contains("&#60;b&#62;&#38;&#34;eve"), "{}", seen.body);
    assert!(!seen.body.contains("<b>&"), "{}", seen.body);
    let reason = "<i>\"it\"</i>\n";
    let page = desk.act("end-pause", &[("reason", reason)]).await;
    assert!(page.status == 422 && !page.body.contains("<i>"), "{}", page.body);
}
