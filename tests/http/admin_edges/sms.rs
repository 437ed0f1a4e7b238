//! The form for SMS, and Graph's configuration of it.

use serde_json::{Value, json};
use sspr::{
    TenantPolicy,
    domain::Method,
    policy::{AuthenticationMethodsPolicy, Limits, MethodState},
    ports::PolicyStore as _,
};

use super::{Desk, EMAIL, Fields, ROOT, SMS, World, build, get, message, router, send, tenant};
use crate::support::front;

const QUERY: &str = "?tenant=contoso";

fn set(fields: &mut Fields, name: &str, value: &str) {
    fields.retain(|(field, _)| field != name);
    fields.push((name.to_owned(), value.to_owned()));
}

/// Switches SMS on for all users in these countries.
fn switch_on(countries: &'static str) -> impl Fn(&mut Fields) {
    move |fields| {
        set(fields, "state", "enabled");
        set(fields, "countries", countries);
    }
}

async fn page(desk: &Desk) -> String {
    get(&desk.app, &format!("/admin/{QUERY}"), &[ROOT]).await.body
}

fn document(policy: &TenantPolicy) -> Value {
    policy.authentication_methods().method_document(Method::Sms).cloned().unwrap_or_default()
}

#[tokio::test]
async fn sms_is_switched_on_for_all_users_of_some_countries_and_off_again() {
    let desk = Desk::new().await;

    let saved = desk.save("sms", QUERY, switch_on(" us,CA\r\ncr ")).await;

    assert_eq!(saved.status, 303, "{}", saved.body);
    let policy = desk.policy("contoso");
    assert!(policy.offers_method(Method::Sms));
    assert_eq!(policy.sms_countries(), ["US", "CA", "CR"]);
    assert_eq!(*policy.limits(), Limits::default());
    let sms = document(&policy);
    assert_eq!((&sms["id"], &sms["state"]), (&json!("Sms"), &json!("enabled")));
    assert_eq!(sms["includeTargets"][0]["id"], "all_users");
    let shown = page(&desk).await;
    assert!(shown.contains("value=\"US CA CR\""), "{shown}");
    assert!(shown.contains("Stored now: United States, Canada, Costa Rica"), "{shown}");
    let changes = desk.policies.changes(&tenant("contoso"), 1).await.unwrap();
    assert_eq!((changes[0].who.as_str(), changes[0].what.as_str()), ("root", "SMS"));

    let off = desk.save("sms", QUERY, |fields| fields.retain(|(name, _)| name != "state"));
    assert_eq!(off.await.status, 303);
    let policy = desk.policy("contoso");
    assert_eq!(policy.authentication_methods().method(Method::Sms).state(), MethodState::Disabled);
    assert_eq!(policy.sms_countries(), ["US", "CA", "CR"], "the countries stay");
}

#[tokio::test]
async fn only_chosen_groups_get_texts_and_an_excluded_one_gets_none() {
    let desk = Desk::new().await;
    let saved = desk.save("sms", QUERY, |fields| {
        switch_on("US")(fields);
        set(fields, "include", "groups");
        fields.push(("include_group".to_owned(), "members".to_owned()));
        fields.push(("exclude_group".to_owned(), "staff".to_owned()));
        fields.push(("exclude_user".to_owned(), "eve".to_owned()));
    });
    assert_eq!(saved.await.status, 303);

    let sms = document(&desk.policy("contoso"));
    assert_eq!(sms["includeTargets"], json!([{"targetType": "group", "id": "members"}]));
    let excluded =
        json!([{"targetType": "group", "id": "staff"}, {"targetType": "user", "id": "eve"}]);
    assert_eq!(sms["excludeTargets"], excluded);
    let email = desk.policy("contoso");
    let email = email.authentication_methods().method(Method::Email);
    assert!(email.exclude().is_empty(), "Email OTP is as it was");
}

#[tokio::test]
async fn the_limits_are_saved_and_the_most_expensive_day_follows_them() {
    let desk = Desk::new().await;
    let own = Limits::builder().tries_per_challenge(3).build().unwrap();
    desk.policies.replace(desk.policy("contoso").with_limits(own));
    let shown = page(&desk).await;
    assert!(shown.contains("the most expensive 24 hours cost <b>3,000 text messages</b>"));
    let saved = desk.save("sms", QUERY, |fields| {
        for (name, value) in [
            ("texts_per_number", "3"),
            ("texts_per_block", "4"),
            ("texts_per_network", "5"),
            ("texts_per_tenant", " 600 "),
        ] {
            set(fields, name, value);
        }
    });
    assert_eq!(saved.await.status, 303);

    let limits = *desk.policy("contoso").limits();
    let texts = (limits.texts_per_number(), limits.texts_per_block(), limits.texts_per_network());
    assert_eq!((texts, limits.texts_per_tenant()), ((3, 4, 5), 600));
    let back = limits.to_builder().texts_per_number(10).texts_per_block(20);
    let back = back.texts_per_network(20).texts_per_tenant(1000).build().unwrap();
    assert_eq!(back, own, "no other limit has changed");
    assert_eq!(document(&desk.policy("contoso")), Value::Null, "SMS is not configured by limits");
    let shown = page(&desk).await;
    assert!(shown.contains("the most expensive 24 hours cost <b>2,200 text messages</b>"));
    assert!(shown.contains("Messages of the whole tenant, in 24 hours"), "{shown}");
}

#[tokio::test]
async fn what_would_not_work_is_refused_with_the_field_and_the_rule() {
    let desk = Desk::new().await;
    let before = desk.stored("contoso");
    let number = "must be a whole number from 1 to 4294967295";
    for (name, value, words) in [
        ("countries", "", "Countries: name at least one country, or switch SMS off"),
        ("countries", " , ", "Countries: name at least one country, or switch SMS off"),
        ("countries", "US USA", "Countries: must be a country, as two letters of ISO 3166"),
        ("countries", "QQ", "Countries: must be a country, as two letters of ISO 3166"),
        ("include", "groups", "Include: choose at least one group, or all users"),
        ("texts_per_number", "0", &format!("Messages to one number: {number}")),
        ("texts_per_block", "many", number),
        ("texts_per_network", "-1", &format!("Messages that one network can ask for: {number}")),
        ("texts_per_tenant", "4294967296", &format!("Messages of the whole tenant: {number}")),
        ("texts_per_tenant", "", number),
    ] {
        let seen = desk.save("sms", QUERY, |fields| {
            switch_on("US")(fields);
            set(fields, name, value);
        });
        let seen = seen.await;

        assert_eq!(seen.status, 422, "{name}={value}: {}", seen.body);
        assert!(seen.body.contains("Not saved") && seen.body.contains(words), "{}", seen.body);
        let kept = super::untouched(&seen.body, "sms");
        assert!(kept.contains(&(name.to_owned(), value.to_owned())), "{name}={value}: {kept:?}");
        assert!(kept.contains(&("state".to_owned(), "enabled".to_owned())), "{kept:?}");
        assert_eq!(desk.stored("contoso"), before, "{name}={value}");
    }
}

#[tokio::test]
async fn sms_cannot_be_switched_on_without_email_and_the_page_says_so_at_both() {
    let desk = Desk::new().await;
    let alone = "SMS works only beside Email OTP. Enable Email OTP for somebody first.";
    let both = "SMS is on. If Email OTP is off, no codes are sent by SMS either.";
    let shown = page(&desk).await;
    assert!(!shown.contains(alone) && !shown.contains(both), "{shown}");
    assert_eq!(desk.save("sms", QUERY, switch_on("US")).await.status, 303);
    assert!(page(&desk).await.contains(both));
    // Everything can be switched off at once, for instance in an emergency.
    let off = desk.save("policy", QUERY, |fields| fields.retain(|(name, _)| name != "state"));
    assert_eq!(off.await.status, 303);
    assert!(!desk.policy("contoso").offers_method(Method::Sms));
    assert!(page(&desk).await.contains(alone));
    for body in [json!({}), json!({"state": "enabled", "includeTargets": []})] {
        assert_eq!(desk.json("PATCH", EMAIL, &[], &body).await.status, 204);
        let before = desk.stored("contoso");

        let refused = desk.save("sms", QUERY, switch_on("US CA")).await;

        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("SMS: works only beside Email OTP"), "{}", refused.body);
        assert_eq!(desk.stored("contoso"), before);
    }
    let off = desk.save("sms", QUERY, |fields| fields.retain(|(name, _)| name != "state"));
    assert_eq!(off.await.status, 303, "SMS can always be switched off");
}

#[tokio::test]
async fn the_page_tells_whether_this_service_can_send_texts() {
    let words = "This service has no sender for text messages";
    let world = World::memory().await;
    for (world, said) in [(world.with_sms().await, false), (world, true)] {
        let app = router(&world, world.policies.clone());
        let shown = get(&app, &format!("/admin/{QUERY}"), &[ROOT]).await.body;
        assert_eq!(shown.contains(words), said, "{shown}");
        assert!(shown.contains("SMS is a restricted authenticator"), "{shown}");
    }
}

#[tokio::test]
async fn a_field_of_the_form_that_is_repeated_or_unknown_stores_nothing() {
    let desk = Desk::new().await;
    let before = desk.stored("contoso");
    for (added, rule) in [
        ("countries=US&countries=CA", "countries parameter is given more than once"),
        ("texts_per_number=1&texts_per_number=2", "texts_per_number parameter is given more than"),
        ("state=on", "state parameter must be one of: enabled"),
        ("include=some", "include parameter must be one of: all_users, groups"),
        ("preview=no", "preview parameter must be one of: yes"),
        ("country=US", "a parameter is not known; these are: version, state, "),
    ] {
        let seen = desk.save("sms", QUERY, |fields| {
            switch_on("US")(fields);
            for pair in added.split('&') {
                let (name, _) = pair.split_once('=').unwrap();
                fields.retain(|(field, _)| field != name);
            }
            for pair in added.split('&') {
                let (name, value) = pair.split_once('=').unwrap();
                fields.push((name.to_owned(), value.to_owned()));
            }
        });
        let seen = seen.await;

        assert_eq!(seen.status, 422, "{added}: {}", seen.body);
        assert!(seen.body.contains(rule), "{added}: {}", seen.body);
        assert_eq!(desk.stored("contoso"), before, "{added}");
    }
}

#[tokio::test]
async fn a_form_on_an_older_version_overwrites_nothing() {
    let desk = Desk::new().await;
    let old = super::untouched(&page(&desk).await, "sms");
    assert_eq!(desk.save("sms", QUERY, switch_on("US")).await.status, 303);
    let before = desk.stored("contoso");
    let sent: Vec<_> = old.iter().map(|(name, value)| (&**name, &**value)).collect();
    for more in [&[][..], &[("preview", "yes")]] {
        let sent = front::form(&[&sent[..], more].concat());
        let seen = super::post(&desk.app, &format!("/admin/sms{QUERY}"), &[ROOT], &sent).await;
        assert_eq!(seen.status, 409, "{}", seen.body);
    }
    assert_eq!(desk.stored("contoso"), before);
}

#[tokio::test]
async fn whatever_is_stored_of_sms_is_saved_untouched_as_it_is_spelt() {
    let desk = Desk::new().await;
    for sms in [
        json!({"id": "SMS", "state": "Enabled", "includeTargets": [{"id": "ALL_USERS"}]}),
        json!({"id": "Sms", "state": "DISABLED", "x": 1}),
        json!({"id": "Sms", "state": "enabled", "includeTargets": [
            {"id": "all_users", "isUsableForSignIn": false}, {"id": "staff", "x": 1}],
            "excludeTargets": [{"targetType": "user", "id": "eve"}]}),
    ] {
        let mut all = desk.stored("contoso")["authenticationMethodsPolicy"].clone();
        let list = all["authenticationMethodConfigurations"].as_array_mut().unwrap();
        list.retain(|method| method["id"] == "Email");
        list.push(sms.clone());
        let methods = AuthenticationMethodsPolicy::from_json(&all.to_string()).unwrap();
        let policy = desk.policy("contoso").with_authentication_methods(methods);
        desk.policies.replace(policy.with_sms_countries(["CA", "US"]).unwrap());
        let before = desk.stored("contoso");

        let saved = desk.save("sms", QUERY, |_| {}).await;

        assert_eq!(saved.status, 303, "{sms}: {}", saved.body);
        assert_eq!(desk.stored("contoso"), before, "{sms}");
    }
}

#[tokio::test]
async fn graphs_sms_configuration_is_read_changed_in_part_and_taken_back() {
    let desk = Desk::new().await;
    let first = get(&desk.app, SMS, &[ROOT]).await;
    assert_eq!((first.status, &first.json()["state"]), (200, &json!("disabled")));
    assert_eq!(first.json()["includeTargets"][0]["id"], "all_users");
    assert_eq!(first.json()["@odata.context"], "#authenticationMethodConfigurations/$entity");

    let body = json!({
        "@odata.type": "#microsoft.graph.smsAuthenticationMethodConfiguration",
        "state": "enabled",
        "excludeTargets": [{"targetType": "group", "id": "staff"}],
        "future": 1,
    });
    let tag = [("if-match", first.header("etag"))];
    let patched = desk.json("PATCH", SMS, &tag, &body).await;
    assert_eq!((patched.status, &*patched.body), (204, ""));
    let after = get(&desk.app, SMS, &[ROOT]).await;
    assert_eq!(after.header("etag"), patched.header("etag"));
    assert_eq!((&after.json()["state"], &after.json()["future"]), (&json!("enabled"), &json!(1)));
    assert_eq!(after.json()["includeTargets"], first.json()["includeTargets"]);
    let policy = desk.policy("contoso");
    assert_eq!(policy.authentication_methods().method(Method::Sms).exclude().len(), 1);

    for (body, place) in [
        (json!({"state": "on"}), "$.state"),
        (json!({"id": "Email"}), "$.id"),
        (json!({"includeTargets": [{}]}), "$.includeTargets[0]"),
        (json!({"excludeTarget": []}), "$.excludeTarget"),
        (
            json!({"@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration"}),
            "$.@odata.type",
        ),
    ] {
        let seen = desk.json("PATCH", SMS, &[], &body).await;
        assert_eq!(seen.status, 400, "{body}: {}", seen.body);
        assert!(message(&seen).starts_with(place), "{}", seen.body);
    }
    let stale = desk.json("PATCH", SMS, &tag, &json!({"state": "disabled"})).await;
    assert_eq!(stale.status, 412);

    let delete = |tag: &str| build("DELETE", SMS, &[ROOT, ("if-match", tag)], "");
    assert_eq!(send(&desk.app, delete(first.header("etag"))).await.status, 412);
    let deleted = send(&desk.app, delete(after.header("etag"))).await;
    assert_eq!((deleted.status, &*deleted.body), (204, ""));
    let last = get(&desk.app, SMS, &[ROOT]).await;
    assert_eq!(last.header("etag"), deleted.header("etag"));
    assert_eq!(last.json(), first.json());
    let changes = desk.policies.changes(&tenant("contoso"), 1).await.unwrap();
    assert_eq!((changes[0].who.as_str(), changes[0].what.as_str()), ("root", "SMS"));
    assert_eq!(send(&desk.app, build("DELETE", EMAIL, &[ROOT], "")).await.status, 405);
}
