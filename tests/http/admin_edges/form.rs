//! The page saves whatever the API can, and changes nothing that nobody has touched.

use serde_json::{Value, json};
use sspr::policy::{FreezeCodes, PasswordRules, UserFlow};

use super::{Desk, EMAIL, FLOWS, ROOT, get};

#[tokio::test]
async fn the_page_saves_as_many_groups_as_the_api_takes() {
    let desk = Desk::new().await;
    for groups in [61, 500, 2_500] {
        let targets: Vec<Value> = (0..groups)
            .map(|id| json!({"targetType": "group", "id": format!("a group whose name is long {id}")}))
            .collect();
        let body =
            json!({"state": "enabled", "includeTargets": targets, "excludeTargets": targets});
        assert_eq!(desk.json("PATCH", EMAIL, &[], &body).await.status, 204);
        let before = desk.stored("contoso");

        let saved = desk.save("policy", "?tenant=contoso", |_| {}).await;
        assert_eq!(saved.status, 303, "{groups}: {}", saved.body.len());
        assert_eq!(desk.stored("contoso"), before);

        let saved = desk.save("policy", "?tenant=contoso", |fields| {
            fields.retain(|(name, value)| name != "exclude_group" || !value.ends_with(" 7"));
        });
        assert_eq!(saved.await.status, 303);
        let after = get(&desk.app, EMAIL, &[ROOT]).await.json();
        assert_eq!(after["includeTargets"].as_array().unwrap().len(), groups);
        assert_eq!(after["excludeTargets"].as_array().unwrap().len(), groups - 1);
    }
}

#[tokio::test]
async fn the_page_saves_as_many_banned_words_as_a_policy_has() {
    let desk = Desk::new().await;
    let terms: Vec<String> =
        (0..1_000).map(|id| format!("{}{id:0>4}", "\u{1f511}".repeat(60))).collect();
    let rules = PasswordRules::nist().with_terms(terms.iter().map(String::as_str)).unwrap();
    desk.policies.replace(desk.policy("contoso").with_password_rules(rules));
    let before = desk.stored("contoso");

    let saved = desk.save("password-rules", "?tenant=contoso", |_| {}).await;
    assert_eq!(saved.status, 303, "{}", saved.body.len());
    assert_eq!(desk.stored("contoso"), before);

    let saved = desk.save("password-rules", "?tenant=contoso", |fields| {
        for (name, value) in fields {
            if name == "min_length" {
                *value = "20".to_owned();
            }
        }
    });
    assert_eq!(saved.await.status, 303);
    let rules = desk.policy("contoso").password_rules().clone();
    assert_eq!((rules.min_length(), rules.terms().len()), (20, 1_000));
}

#[tokio::test]
async fn the_page_switches_the_codes_of_notices_on_and_off() {
    let desk = Desk::new().await;
    for (wanted, checked) in [(FreezeCodes::On, true), (FreezeCodes::Off, false)] {
        let saved = desk.save("notices", "?tenant=contoso", |fields| {
            fields.retain(|(name, _)| name != "freeze_codes");
            if checked {
                fields.push(("freeze_codes".to_owned(), "on".to_owned()));
            }
        });
        assert_eq!(saved.await.status, 303);
        assert_eq!(desk.policy("contoso").freeze_codes(), wanted);
        let page = get(&desk.app, "/admin/?tenant=contoso", &[ROOT]).await.body;
        let shown = page.contains("name=\"freeze_codes\" value=\"on\" checked>");
        assert_eq!(shown, checked, "{page}");
        // Saving the page as it is changes nothing.
        let before = desk.stored("contoso");
        assert_eq!(desk.save("notices", "?tenant=contoso", |_| {}).await.status, 303);
        assert_eq!(desk.stored("contoso"), before);
    }
}

#[tokio::test]
async fn the_page_saves_as_many_applications_as_the_api_takes() {
    let desk = Desk::new().await;
    let apps: Vec<Value> =
        (0..6_000).map(|id| json!({"appId": format!("app {id:0>60}"), "x": id})).collect();
    let flow = json!({
        "displayName": "Shop", "conditions": {"applications": {"includeApplications": apps}},
        "onAuthenticationMethodLoadStart": {"identityProviders": [{"id": "EmailPassword-OAUTH"}]},
    });
    let made = desk.json("POST", FLOWS, &[], &flow).await;
    assert_eq!(made.status, 201);
    let before = desk.stored("contoso");
    let query = format!("?tenant=contoso&flow={}", made.text("id"));

    assert_eq!(desk.save("user-flow", &query, |_| {}).await.status, 303);
    assert_eq!(desk.stored("contoso"), before);

    let saved = desk.save("user-flow", &query, |fields| {
        for (name, value) in fields {
            if name == "applications" {
                value.push_str("\r\none more");
            }
        }
    });
    assert_eq!(saved.await.status, 303);
    let after = get(&desk.app, &format!("{FLOWS}/{}", made.text("id")), &[ROOT]).await.json();
    let listed = after["conditions"]["applications"]["includeApplications"].as_array().unwrap();
    assert_eq!(
        (listed.len(), &listed[7]["x"], &listed[6_000]),
        (6_001, &json!(7), &json!({"appId": "one more"}))
    );
}

#[tokio::test]
async fn the_page_takes_every_name_that_the_api_takes() {
    let desk = Desk::new().await;
    let long = "\u{e9}".repeat(256);
    for name in [long.as_str(), "  spaced  ", "a\u{2028}b", "<b>&amp;\"'", "\u{202e}evil", "-"] {
        let flow = json!({"displayName": name, "onAuthenticationMethodLoadStart":
            {"identityProviders": [{"id": "Google-OAUTH"}]}});
        let made = desk.json("POST", FLOWS, &[], &flow).await;
        assert_eq!(made.status, 201, "{name}: {}", made.body);
        let before = desk.stored("contoso");
        let query = format!("?tenant=contoso&flow={}", made.text("id"));
        assert_eq!(desk.save("user-flow", &query, |_| {}).await.status, 303, "{name}");
        assert_eq!(desk.stored("contoso"), before, "{name}");
        // As the name of another flow it is taken by both alike.
        let mut other = flow.clone();
        other["priority"] = json!(7);
        let taken = desk.json("POST", FLOWS, &[], &other).await;
        assert_eq!(taken.status, 400, "{name}");
    }
    for name in ["\u{e9}".repeat(255).as_str(), "Partners", "sign-in 2"] {
        let made = desk.save("user-flows", "?tenant=contoso", |fields| {
            for (field, value) in fields {
                if field == "name" {
                    *value = name.to_owned();
                }
            }
        });
        let made = made.await;
        assert_eq!(made.status, 303, "{name}: {}", made.body);
        let policy = desk.policy("contoso");
        assert_eq!(policy.user_flows().last().unwrap().display_name(), name);
    }
    let set = |name: &'static str| {
        move |fields: &mut super::Fields| {
            fields.retain(|(field, _)| field != "name");
            fields.push(("name".to_owned(), name.to_owned()));
        }
    };
    for name in ["sign-in", "Partners", "", " ", "-"] {
        let before = desk.stored("contoso");
        assert_eq!(
            desk.save("user-flows", "?tenant=contoso", set(name)).await.status,
            422,
            "{name}"
        );
        assert_eq!(desk.stored("contoso"), before);
    }
}

#[tokio::test]
async fn a_flow_whose_name_is_another_ones_id_can_be_added() {
    let desk = Desk::new().await;
    let flow = UserFlow::from_json(r#"{"id": "Shop", "displayName": "Old shop"}"#).unwrap();
    desk.policies.replace(desk.policy("contoso").with_user_flows(vec![flow]).unwrap());
    let added = desk.save("user-flows", "?tenant=contoso", |fields| {
        fields.retain(|(name, _)| name != "name");
        fields.push(("name".to_owned(), "Shop".to_owned()));
    });
    assert_eq!(added.await.status, 303);
    let policy = desk.policy("contoso");
    let names: Vec<_> = policy.user_flows().iter().map(UserFlow::display_name).collect();
    assert_eq!(names, ["Old shop", "Shop"]);
}

#[tokio::test]
async fn whatever_is_stored_is_saved_untouched_as_it_is_spelt() {
    let desk = Desk::new().await;
    let guid = "63856651-0a0b-4c0d-8e0f-aabbccddeeff";
    for email in [
        json!({"id": "EMAIL", "state": "Enabled", "includeTargets": [{"id": "ALL_USERS"}]}),
        json!({"id": "Email", "state": "DISABLED"}),
        json!({"id": "Email", "state": "enabled", "includeTargets": [
            {"targetType": "user", "id": "ada"}, {"id": "staff", "x": 1},
            {"targetType": "GROUP", "id": "b"}, {"targetType": "user", "id": "staff"}]}),
        json!({"id": "Email", "state": "enabled", "includeTargets": [
            {"id": "staff"}, {"id": "all_users"}, {"targetType": "user", "id": "ada"}]}),
        json!({"id": "Email", "state": "enabled",
            "includeTargets": [{"id": guid}, {"id": guid.to_uppercase()}, {"id": guid}],
            "excludeTargets": [{"id": "all_users"}, {"id": "All_Users", "targetType": "user"}]}),
    ] {
        let document = json!({ "authenticationMethodConfigurations": [
            {"id": "Sms", "state": "Disabled", "x": 1}, {"id": "Fido2"}, email] });
        let methods = sspr::policy::AuthenticationMethodsPolicy::from_json(&document.to_string());
        let policy = desk.policy("contoso").with_authentication_methods(methods.unwrap());
        desk.policies.replace(policy);
        let before = desk.stored("contoso");
        let saved = desk.save("policy", "?tenant=contoso", |_| {}).await;
        assert_eq!(saved.status, 303, "{email}: {}", saved.body);
        assert_eq!(desk.stored("contoso"), before, "{email}");
    }
    let load = "onAuthenticationMethodLoadStart";
    for flow in [
        json!({"displayName": "No id", load: {"identityProviders": [
            {"id": "Google-OAUTH"}, {"id": "emailpassword-oauth", "x": 1}, {"id": "Apple"}]}}),
        json!({"displayName": "None", "conditions": {"applications": {}}}),
        json!({"displayName": "Empty", load: {"identityProviders": []}, "conditions": null}),
        json!({"id": "f", "displayName": "Twice", "conditions": {"applications":
            {"includeApplications": [{"appId": "b"}, {"appId": "a"}, {"appId": "b", "x": 1}]}},
            load: {"identityProviders": [{"id": "Google-OAUTH"}, {"id": "GOOGLE-oauth"}]}}),
        json!({"id": "all", "displayName": "All", "conditions": {"applications":
            {"includeAllApplications": true, "includeApplications": [{"appId": "b"}]}}}),
    ] {
        let flow = UserFlow::from_json(&flow.to_string()).unwrap();
        let query = format!("?tenant=contoso&flow={}", flow.id().as_str().replace(' ', "%20"));
        desk.policies.replace(desk.policy("contoso").with_user_flows(vec![flow]).unwrap());
        let before = desk.stored("contoso");
        let saved = desk.save("user-flow", &query, |_| {}).await;
        assert_eq!(saved.status, 303, "{query}: {}", saved.body);
        assert_eq!(desk.stored("contoso"), before, "{query}");
    }
}

#[tokio::test]
async fn the_page_turns_what_it_shows_into_what_is_chosen() {
    let desk = Desk::new().await;
    let body =
        json!({"includeTargets": [{"id": "staff", "x": 1}, {"targetType": "user", "id": "ada"}]});
    desk.json("PATCH", EMAIL, &[], &body).await;
    let include = |all: &'static str| {
        move |fields: &mut super::Fields| {
            fields.retain(|(name, _)| name != "include");
            fields.push(("include".to_owned(), all.to_owned()));
        }
    };
    let included = || {
        desk.stored("contoso")["authenticationMethodsPolicy"]["authenticationMethodConfigurations"]
            [0]["includeTargets"]
            .clone()
    };
    assert_eq!(desk.save("policy", "?tenant=contoso", include("all_users")).await.status, 303);
    assert_eq!(included(), json!([{"targetType": "group", "id": "all_users"}]));
    let back = desk.save("policy", "?tenant=contoso", |fields| {
        include("groups")(fields);
        fields.push(("include_group".to_owned(), "staff".to_owned()));
    });
    assert_eq!(back.await.status, 303);
    assert_eq!(included(), json!([{"targetType": "group", "id": "staff"}]));
}
