//! What a request of Graph's may say.

use axum::{body::Body, http::HeaderValue};
use serde_json::{Value, json};

use super::{Desk, EMAIL, FLOWS, JSON, ROOT, build, get, message, send};

#[tokio::test]
async fn a_field_that_is_almost_a_known_one_is_refused_with_its_path_and_changes_nothing() {
    let desk = Desk::new().await;
    let flow = format!("{FLOWS}/sign-in");
    let before = desk.stored("contoso");
    let target =
        |field: &str| json!([{"id": "staff", "targetType": "group"}, {"id": "b", field: "user"}]);
    let load = "onAuthenticationMethodLoadStart";
    for (path, body, place) in [
        (EMAIL, json!({"State": "disabled"}), "$.State"),
        (EMAIL, json!({"ExcludeTargets": target("targetType")}), "$.ExcludeTargets"),
        (EMAIL, json!({"excludeTarget": target("targetType")}), "$.excludeTarget"),
        (EMAIL, json!({"includeTagrets": []}), "$.includeTagrets"),
        (EMAIL, json!({"ID": "Email"}), "$.ID"),
        (EMAIL, json!({"excludeTargets": target("targettype")}), "$.excludeTargets[1].targettype"),
        (EMAIL, json!({"excludeTargets": target("argetType")}), "$.excludeTargets[1].argetType"),
        (EMAIL, json!({"includeTargets": target("Id")}), "$.includeTargets[1].Id"),
        (EMAIL, json!({"odata.type": "x"}), "$.odata.type"),
        (&flow, json!({"displayname": "x"}), "$.displayname"),
        (&flow, json!({"Conditions": {}}), "$.Conditions"),
        (&flow, json!({"conditions": {"Applications": {}}}), "$.conditions.Applications"),
        (
            &flow,
            json!({"conditions": {"applications": {"includeApplication": []}}}),
            "$.conditions.applications.includeApplication",
        ),
        (
            &flow,
            json!({load: {"identityproviders": []}}),
            "$.onAuthenticationMethodLoadStart.identityproviders",
        ),
        (
            &flow,
            json!({load: {"identityProviders": [{"id": "a", "Id": "b"}]}}),
            "$.onAuthenticationMethodLoadStart.identityProviders[0].Id",
        ),
        (
            &flow,
            json!({"onAuthenticationMethodsLoadStart": null}),
            "$.onAuthenticationMethodsLoadStart",
        ),
    ] {
        let seen = desk.json("PATCH", path, &[], &body).await;
        assert_eq!(seen.status, 400, "{body}: {}", seen.body);
        assert!(message(&seen).starts_with(&format!("{place}: is not known; `")), "{}", seen.body);
    }
    let made = json!({"displayName": "x", "Conditions": {}});
    let seen = desk.json("POST", FLOWS, &[], &made).await;
    assert!(seen.status == 400 && message(&seen).starts_with("$.Conditions: "), "{}", seen.body);
    assert_eq!(desk.stored("contoso"), before);
}

#[tokio::test]
async fn what_graph_really_has_is_kept_and_other_unknown_fields_too() {
    let desk = Desk::new().await;
    let email = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x",
        "@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration",
        "id": "Email", "state": "enabled", "allowExternalIdToUseEmailOtp": "default",
        "includeTargets@odata.context": "https://graph.microsoft.com/v1.0/$metadata#y",
        "includeTargets": [{"targetType": "group", "id": "all_users", "isRegistrationRequired": false}],
        "excludeTargets": [], "description": null, "states": {"State": 1, "excludeTarget": []},
    });
    let mut email = email;
    email.as_object_mut().unwrap().remove("states");
    email["x"] = json!({"State": 1, "excludeTarget": [null]});
    let seen = desk.json("PATCH", EMAIL, &[], &email).await;
    assert_eq!(seen.status, 204, "{}", seen.body);
    let read = get(&desk.app, EMAIL, &[ROOT]).await.json();
    assert_eq!((&read["x"], &read["description"]), (&email["x"], &Value::Null));

    let flow = json!({
        "@odata.type": "#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
        "displayName": "Woodgrove User Flow 1", "description": "x", "priority": 50,
        "onAttributeCollectionStart": null, "onAttributeCollectionSubmit": null,
        "conditions": {"applications": {"includeAllApplications": false, "includeApplications": [{
            "@odata.type": "#microsoft.graph.authenticationConditionApplication", "appId": "a"}]}},
        "onInteractiveAuthFlowStart": {
            "@odata.type": "#microsoft.graph.onInteractiveAuthFlowStartExternalUsersSelfServiceSignUp",
            "isSignUpAllowed": true},
        "onAuthenticationMethodLoadStart": {
            "@odata.type": "#microsoft.graph.onAuthenticationMethodLoadStartExternalUsersSelfServiceSignUp",
            "identityProviders@odata.context": "x",
            "identityProviders": [
                {"@odata.type": "#microsoft.graph.builtInIdentityProvider", "id": "EmailPassword-OAUTH",
                 "displayName": "Email Password", "identityProviderType": "EmailPassword", "state": null},
                {"@odata.type": "#microsoft.graph.socialIdentityProvider", "id": "Google-OAUTH",
                 "displayName": "Google", "identityProviderType": "Google", "clientId": "137", "clientSecret": "****"}]},
        "onAttributeCollection": {"attributes": [{"id": "email", "displayName": "Email Address",
            "description": "x", "userFlowAttributeType": "builtIn", "dataType": "string"}],
            "attributeCollectionPage": {"views": [{"title": null, "inputs": []}]}},
        "onUserCreateStart": {"userTypeToCreate": "member", "accessPackages": []},
    });
    let made = desk.json("POST", FLOWS, &[], &flow).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let read = get(&desk.app, &format!("{FLOWS}/{}", made.text("id")), &[ROOT]).await.json();
    for (name, value) in flow.as_object().unwrap() {
        assert_eq!(read[name], *value, "{name}");
    }
    // What was read is sent back as it is.
    let version = desk.stored("contoso");
    let path = format!("{FLOWS}/{}", made.text("id"));
    assert_eq!(desk.json("PATCH", &path, &[], &read).await.status, 204);
    let read = get(&desk.app, EMAIL, &[ROOT]).await.json();
    assert_eq!(desk.json("PATCH", EMAIL, &[], &read).await.status, 204);
    assert_eq!(desk.stored("contoso"), version);
}

#[tokio::test]
async fn null_and_other_types_of_known_fields_are_refused_with_their_path() {
    let desk = Desk::new().await;
    let flow = format!("{FLOWS}/sign-in");
    let before = desk.stored("contoso");
    for (path, body, place) in [
        (EMAIL, json!({"state": null}), "$"),
        (EMAIL, json!({"state": true}), "$.state"),
        (EMAIL, json!({"includeTargets": null}), "$.includeTargets"),
        (EMAIL, json!({"excludeTargets": null}), "$.excludeTargets"),
        (EMAIL, json!({"excludeTargets": {"id": "a"}}), "$.excludeTargets"),
        (EMAIL, json!({"excludeTargets": ["a"]}), "$.excludeTargets[0]"),
        (EMAIL, json!({"excludeTargets": [{"id": 1}]}), "$.excludeTargets[0].id"),
        (
            EMAIL,
            json!({"excludeTargets": [{"id": "all_users", "targetType": "users"}]}),
            "$.excludeTargets[0].targetType",
        ),
        (EMAIL, json!({"id": 1}), "$.id"),
        (EMAIL, json!({"id": "Sms"}), "$.id"),
        (EMAIL, json!({"@odata.type": null}), "$.@odata.type"),
        (&flow, json!({"displayName": null}), "$"),
        (&flow, json!({"displayName": ""}), "$.displayName"),
        (&flow, json!({"displayName": "a\nb"}), "$.displayName"),
        (&flow, json!({"conditions": []}), "$.conditions"),
        (
            &flow,
            json!({"conditions": {"applications": {"includeAllApplications": "yes"}}}),
            "$.conditions.applications.includeAllApplications",
        ),
        (
            &flow,
            json!({"conditions": {"applications": {"includeApplications": null}}}),
            "$.conditions.applications.includeApplications",
        ),
        (
            &flow,
            json!({"onAuthenticationMethodLoadStart": {"identityProviders": null}}),
            "$.onAuthenticationMethodLoadStart",
        ),
    ] {
        let seen = desk.json("PATCH", path, &[], &body).await;
        assert_eq!(seen.status, 400, "{body}: {}", seen.body);
        assert!(message(&seen).starts_with(&format!("{place}: ")), "{body}: {}", seen.body);
    }
    assert_eq!(desk.stored("contoso"), before);
    // `null` for the method's own name leaves the name.
    assert_eq!(desk.json("PATCH", EMAIL, &[], &json!({"id": null})).await.status, 204);
    assert_eq!(desk.stored("contoso"), before);
}

#[tokio::test]
async fn an_etag_that_cannot_be_read_matches_nothing() {
    let desk = Desk::new().await;
    let etag = get(&desk.app, EMAIL, &[ROOT]).await.header("etag").to_owned();
    let number = etag.trim_start_matches("W/").to_owned();
    let before = desk.stored("contoso");
    let strange = [
        "",
        " ",
        "newest",
        "\"\"",
        "W/\"\"",
        "\"0\"",
        "W/\"-1\"",
        "W/\"18446744073709551616\"",
        "\"1",
        "1\"",
        "**",
        "*, *",
        "\"*\"",
        "W/",
        "w/\"1\"",
        "W/W/\"1\"",
        "\"1 \"",
        "0x1",
        "W/\"99\", W/\"98\"",
    ];
    let cases = strange.iter().map(|text| HeaderValue::from_str(text).unwrap());
    let cases = cases.chain([
        HeaderValue::from_bytes(b"W/\"\xff\"").unwrap(),
        HeaderValue::from_bytes(b"\xff").unwrap(),
    ]);
    let flow = format!("{FLOWS}/sign-in");
    for tag in cases {
        for (method, path, body) in [
            ("PATCH", EMAIL, r#"{"state": "disabled"}"#),
            ("PATCH", &flow, r#"{"displayName": "x"}"#),
            ("POST", FLOWS, r#"{"displayName": "x"}"#),
        ] {
            let mut request = build(method, path, &[ROOT, ("content-type", JSON)], "");
            request.headers_mut().insert("if-match", tag.clone());
            *request.body_mut() = Body::from(body);
            let seen = send(&desk.app, request).await;
            assert_eq!(seen.status, 412, "{method} {path} {tag:?}: {}", seen.body);
        }
    }
    assert_eq!(desk.stored("contoso"), before);
    // One among several is enough, in either form.
    for (tag, state) in [(format!("W/\"77\", {etag}"), "disabled"), (number, "x")] {
        let seen = desk.json("PATCH", EMAIL, &[("if-match", &tag)], &json!({"state": state})).await;
        assert_ne!(seen.status, 204 * u16::from(state == "x"), "{tag}");
    }
    assert_eq!(
        desk.stored("contoso")["authenticationMethodsPolicy"]["authenticationMethodConfigurations"]
            [0]["state"],
        "disabled"
    );
    assert_eq!(
        desk.json("PATCH", EMAIL, &[("if-match", "*")], &json!({"state": "enabled"})).await.status,
        204
    );
}

#[tokio::test]
async fn what_two_requests_have_stored_can_be_sent_back_in_one() {
    let desk = Desk::new().await;
    let targets = |kind: &str| -> Vec<Value> {
        (0..2_000)
            .map(|id| json!({"targetType": "group", "id": format!("{kind} {id:0>20}")}))
            .collect()
    };
    for name in ["includeTargets", "excludeTargets"] {
        let seen = desk.json("PATCH", EMAIL, &[], &json!({name: targets(name)})).await;
        assert_eq!(seen.status, 204, "{}", seen.body);
    }
    let whole = get(&desk.app, EMAIL, &[ROOT]).await.json();
    assert!(whole.to_string().len() > 200_000);
    assert_eq!(desk.json("PATCH", EMAIL, &[], &whole).await.status, 204);
    let large = json!({"x": "y".repeat(1024 * 1024 - 100)});
    let seen = desk.json("PATCH", EMAIL, &[], &large).await;
    assert_eq!((seen.status, &*message(&seen)), (400, "$: the whole policy is larger than 1 MiB"));
}

#[tokio::test]
async fn two_flows_that_had_one_name_already_can_still_be_changed() {
    let desk = Desk::new().await;
    let flows = ["a", "b"].map(|id| {
        let json = json!({"id": id, "displayName": "Twin"}).to_string();
        sspr::policy::UserFlow::from_json(&json).unwrap()
    });
    desk.policies.replace(desk.policy("contoso").with_user_flows(flows.to_vec()).unwrap());
    let path = format!("{FLOWS}/a");
    assert_eq!(desk.json("PATCH", &path, &[], &json!({"priority": 1})).await.status, 204);
    assert_eq!(desk.json("PATCH", &path, &[], &json!({"displayName": "Other"})).await.status, 204);
    assert_eq!(desk.json("PATCH", &path, &[], &json!({"displayName": "Twin"})).await.status, 400);
}
