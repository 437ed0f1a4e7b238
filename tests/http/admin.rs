//! The administrator's side: who may, what is saved, and that nobody overwrites anybody.

use crate::support::{
    World,
    front::{FORM, JSON, Seen, build, form, get, post, send},
    tenant,
};
use axum::{Router, http::request::Parts};
use serde_json::{Value, json};
use sspr::{
    TenantPolicy,
    adapters::{MemoryPolicies, PolicyDirectory},
    domain::{GroupId, TenantId, Timestamp},
    http::{Access, AccessKind, Admin, Authorize, Authorized, ReturnTo},
    policy::{AfterReset, PasswordRules},
    ports::{PolicyChange, PolicySource, PolicyStore, Written},
};

/// `Authorization: root` may all, `reader` may read Contoso, nobody else anything.
struct ByHeader;

#[async_trait::async_trait]
impl Authorize for ByHeader {
    async fn authorize(&self, request: &Parts, access: Access<'_>) -> Authorized {
        let named = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let contoso = access.tenant.is_none_or(|tenant| tenant.as_str() == "contoso");
        match named {
            Some("root") => Authorized::As("root".to_owned()),
            Some("reader") if access.kind == AccessKind::Read && contoso => {
                Authorized::As("reader".to_owned())
            }
            Some(_) => Authorized::Forbidden,
            None => Authorized::SignIn(ReturnTo::parse("/administrator").unwrap()),
        }
    }
}

struct Desk {
    world: World,
    app: Router,
}

const EMAIL: &str = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                     authenticationMethodConfigurations/email";
const FLOWS: &str = "/admin/tenants/contoso/v1.0/identity/authenticationEventsFlows";
const PARTNERS: &str = "63856651-0a0b-4c0d-8e0f-aabbccddeeff";
const ROOT: (&str, &str) = ("authorization", "root");

impl Desk {
    async fn new() -> Self {
        let world = World::memory().await;
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        let admin = Admin::new(&world.sspr, world.policies.clone(), ByHeader);
        let admin = admin
            .with_group(&tenant(), GroupId::parse("staff").unwrap(), "Staff")
            .with_group(&tenant(), GroupId::parse(PARTNERS).unwrap(), "Partners of ours");
        Self { app: Router::new().nest("/admin/", admin.router()), world }
    }

    async fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Seen {
        let headers = [&[ROOT, ("content-type", JSON)], headers].concat();
        send(&self.app, build(method, path, &headers, &body.to_string())).await
    }

    async fn version(&self) -> String {
        let seen = get(&self.app, EMAIL, &[ROOT]).await;
        seen.header("etag").trim_start_matches("W/").trim_matches('"').to_owned()
    }
}

fn odata(seen: &Seen, status: u16, code: &str) {
    assert_eq!(
        (seen.status, seen.json()["error"]["code"].as_str()),
        (status, Some(code)),
        "{}",
        seen.body
    );
    assert!(seen.json()["error"]["innerError"]["request-id"].is_string());
}

#[tokio::test]
async fn nothing_is_read_or_changed_without_authorization() {
    let desk = Desk::new().await;
    for path in ["/admin/", "/admin/events", "/admin/email.json", "/admin/?tenant=contoso"] {
        let seen = get(&desk.app, path, &[]).await;
        assert_eq!((seen.status, seen.header("location")), (303, "/administrator"), "{path}");
        assert_eq!(get(&desk.app, path, &[("authorization", "eve")]).await.status, 403);
    }
    for path in [EMAIL, FLOWS] {
        odata(&get(&desk.app, path, &[]).await, 401, "InvalidAuthenticationToken");
        let forbidden = get(&desk.app, path, &[("authorization", "eve")]).await;
        odata(&forbidden, 403, "Authorization_RequestDenied");
    }
    let reader = ("authorization", "reader");
    assert_eq!(get(&desk.app, EMAIL, &[reader]).await.status, 200);
    let seen =
        send(&desk.app, build("PATCH", EMAIL, &[reader, ("content-type", JSON)], "{}")).await;
    odata(&seen, 403, "Authorization_RequestDenied");
    let body = form(&[("version", &desk.version().await)]);
    assert_eq!(post(&desk.app, "/admin/policy?tenant=contoso", &[reader], &body).await.status, 403);
    assert_eq!(get(&desk.app, "/admin/?tenant=fabrikam", &[reader]).await.status, 403);
    assert!(!get(&desk.app, "/admin/", &[reader]).await.body.contains("fabrikam"));
}

#[tokio::test]
async fn graphs_email_configuration_is_read_and_changed_in_part() {
    let desk = Desk::new().await;
    let before = get(&desk.app, EMAIL, &[ROOT]).await;
    assert_eq!(before.json()["state"], "enabled");
    assert_eq!(before.header("cache-control"), "no-store");

    let body = json!({"@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration", "state": "disabled"});
    let patched = desk.json("PATCH", EMAIL, &[("if-match", before.header("etag"))], &body).await;

    assert_eq!((patched.status, &*patched.body), (204, ""));
    let after = get(&desk.app, EMAIL, &[ROOT]).await;
    assert_eq!(after.json()["state"], "disabled");
    assert_eq!(after.json()["includeTargets"], before.json()["includeTargets"]);
    assert_eq!(after.header("etag"), patched.header("etag"));
    // In force at once, for resets under way too.
    let policy = desk.world.policies.policy(&tenant()).unwrap().unwrap();
    assert_eq!(
        policy.authentication_methods().document()["authenticationMethodConfigurations"][0]["state"],
        "disabled"
    );
    // And on record.
    let changes = desk.world.policies.changes(&tenant(), 10).await.unwrap();
    assert_eq!((changes[0].who.as_str(), changes[0].what.as_str()), ("root", "Email OTP"));
    let page = get(&desk.app, "/admin/events?tenant=contoso", &[ROOT]).await.body;
    assert!(
        page.contains("&#34;enabled&#34; → &#34;disabled&#34;") || page.contains("→"),
        "{page}"
    );
}

#[tokio::test]
async fn two_administrators_never_overwrite_each_other_silently() {
    let desk = Desk::new().await;
    let etag = get(&desk.app, EMAIL, &[ROOT]).await.header("etag").to_owned();
    let old = desk.version().await;
    let first =
        desk.json("PATCH", EMAIL, &[("if-match", &etag)], &json!({"state": "disabled"})).await;
    let second = desk
        .json(
            "PATCH",
            EMAIL,
            &[("if-match", &etag)],
            &json!({"state": "enabled", "excludeTargets": []}),
        )
        .await;
    assert_eq!(first.status, 204);
    odata(&second, 412, "PreconditionFailed");

    let body = form(&[("version", &old), ("state", "enabled"), ("include", "all_users")]);
    let page = post(&desk.app, "/admin/policy?tenant=contoso", &[ROOT], &body).await;
    assert_eq!(page.status, 409);
    assert!(page.body.contains("Somebody else has changed this policy"));
    assert_eq!(get(&desk.app, EMAIL, &[ROOT]).await.json()["state"], "disabled");

    // Both at once: one wins, the other is told.
    let etag = get(&desk.app, EMAIL, &[ROOT]).await.header("etag").to_owned();
    let body = json!({"state": "enabled"});
    let other = json!({"excludeTargets": [{"targetType": "group", "id": "staff"}]});
    let seen = [("if-match", &*etag)];
    let (one, two) = tokio::join!(
        desk.json("PATCH", EMAIL, &seen, &body),
        desk.json("PATCH", EMAIL, &seen, &other)
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 412]);
}

#[tokio::test]
async fn graphs_user_flows_are_listed_made_and_changed() {
    let desk = Desk::new().await;
    let flow = json!({
        "@odata.type": "#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
        "displayName": "Shop sign-in",
        "conditions": {"applications": {"includeApplications": [{"appId": "shop"}]}},
        "onInteractiveAuthFlowStart": {"isSignUpAllowed": true},
        "onAuthenticationMethodLoadStart": {"identityProviders": [{"id": "EmailPassword-OAUTH"}]},
    });
    let made = desk.json("POST", FLOWS, &[], &flow).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.text("id");
    assert_eq!(made.json()["priority"], 500);
    let mut other = flow.clone();
    other["priority"] = json!(7);
    odata(&desk.json("POST", FLOWS, &[], &other).await, 400, "BadRequest");
    let listed = get(&desk.app, FLOWS, &[ROOT]).await;
    assert_eq!(listed.json()["value"].as_array().unwrap().len(), 2);

    let path = format!("{FLOWS}/{id}");
    let change =
        json!({"onAuthenticationMethodLoadStart": {"identityProviders": [{"id": "Google-OAUTH"}]}});
    assert_eq!(desk.json("PATCH", &path, &[], &change).await.status, 204);
    let after = get(&desk.app, &path, &[ROOT]).await.json();
    assert_eq!(
        after["onAuthenticationMethodLoadStart"]["identityProviders"],
        json!([{"id": "Google-OAUTH"}])
    );
    assert_eq!(after["onInteractiveAuthFlowStart"]["isSignUpAllowed"], true);
    odata(&desk.json("PATCH", &path, &[], &json!({"id": "other"})).await, 400, "BadRequest");
    odata(
        &get(&desk.app, &format!("{FLOWS}/nowhere"), &[ROOT]).await,
        404,
        "Request_ResourceNotFound",
    );
}

#[tokio::test]
async fn bad_documents_are_refused_with_path_and_rule_and_nothing_changes() {
    let desk = Desk::new().await;
    let etag = get(&desk.app, EMAIL, &[ROOT]).await.header("etag").to_owned();
    for (body, words) in [
        (json!({"state": "on"}), "$.state"),
        (json!({"includeTargets": [{}]}), "$.includeTargets[0]"),
        (json!({"excludeTargets": "staff"}), "$.excludeTargets"),
        (json!({"@odata.type": "#microsoft.graph.fido2"}), "$.@odata.type"),
    ] {
        let seen = desk.json("PATCH", EMAIL, &[], &body).await;
        odata(&seen, 400, "BadRequest");
        assert!(seen.text_of_error().contains(words), "{}", seen.body);
    }
    for (content, body) in
        [(JSON, "[]"), (JSON, "{"), (JSON, ""), (FORM, "{}"), (JSON, &*"[".repeat(70_000))]
    {
        let seen =
            send(&desk.app, build("PATCH", EMAIL, &[ROOT, ("content-type", content)], body)).await;
        odata(&seen, 400, "BadRequest");
    }
    let hidden =
        r#"{"excludeTargets": [{"targetType": "group", "id": "staff"}], "excludeTargets": []}"#;
    let hidden = build("PATCH", EMAIL, &[ROOT, ("content-type", JSON)], hidden);
    let seen = send(&desk.app, hidden).await;
    odata(&seen, 400, "BadRequest");
    assert!(seen.text_of_error().contains("a field stands twice"), "{}", seen.body);
    let unknown = "/admin/tenants/nowhere/v1.0/identity/authenticationEventsFlows";
    odata(&get(&desk.app, unknown, &[ROOT]).await, 404, "Request_ResourceNotFound");
    let missing = "/admin/tenants/contoso/v1.0/users";
    odata(&get(&desk.app, missing, &[ROOT]).await, 404, "Request_ResourceNotFound");
    assert_eq!(send(&desk.app, build("DELETE", EMAIL, &[ROOT], "")).await.status, 405);
    assert_eq!(get(&desk.app, EMAIL, &[ROOT]).await.header("etag"), etag);
}

#[tokio::test]
async fn the_page_shows_a_group_once_however_its_guid_is_spelt() {
    let desk = Desk::new().await;
    let spelt = PARTNERS.to_uppercase();
    let body = json!({"excludeTargets": [
        {"targetType": "group", "id": spelt}, {"targetType": "group", "id": "of another system"}
    ]});
    assert_eq!(desk.json("PATCH", EMAIL, &[], &body).await.status, 204);

    let page = get(&desk.app, "/admin/?tenant=contoso", &[ROOT]).await.body;
    let boxed = |id: &str| format!("name=\"exclude_group\" value=\"{id}\" checked");
    assert!(page.contains(&boxed(&spelt)) && page.contains(&boxed("of another system")));
    assert!(!page.contains(&boxed(PARTNERS)), "{page}");
    let (_, excludes) = page.split_once("<legend>Exclude</legend>").unwrap();
    let (excludes, _) = excludes.split_once("</fieldset>").unwrap();
    assert_eq!(excludes.matches("Partners of ours").count(), 1);
}

/// What a browser sends of a form of the page in which nobody has touched anything.
fn untouched(page: &str, action: &str) -> Vec<(String, String)> {
    let start = page.find(&format!("action=\"{action}?")).unwrap();
    let form = &page[start..start + page[start..].find("</form>").unwrap()];
    let value = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let texts = form.split("<textarea").skip(1).map(|area| {
        let (tag, rest) = area.split_once('>').unwrap();
        let text = rest.split_once("</textarea>").unwrap().0;
        (value(tag, "name").unwrap(), text.replace('\n', "\r\n"))
    });
    let inputs = form.split("<input").skip(1).filter_map(|input| {
        let (tag, _) = input.split_once('>').unwrap();
        let kind = value(tag, "type");
        let is_box = matches!(kind.as_deref(), Some("checkbox" | "radio"));
        let is_sent = !is_box || tag.ends_with(" checked");
        is_sent.then(|| (value(tag, "name").unwrap(), value(tag, "value").unwrap()))
    });
    inputs.chain(texts).collect()
}

#[tokio::test]
async fn a_page_that_is_saved_untouched_changes_nothing() {
    let desk = Desk::new().await;
    let stored = || desk.world.policies.policy(&tenant()).unwrap().unwrap().to_json();
    let save = |action: &'static str, query: String| {
        let desk = &desk;
        async move {
            let page = get(&desk.app, &format!("/admin/{query}"), &[ROOT]).await.body;
            let fields = untouched(&page, action);
            let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let path = format!("/admin/{action}{query}");
            let saved = post(&desk.app, &path, &[ROOT], &form(&fields)).await;
            assert_eq!(saved.status, 303, "{}", saved.body);
        }
    };

    for targets in [
        json!({
            "includeTargets": [
                {"targetType": "group", "id": "staff", "isRegistrationRequired": true},
                {"targetType": "user", "id": "ada"},
            ],
            "excludeTargets": [
                {"targetType": "group", "id": PARTNERS.to_uppercase()},
                {"targetType": "user", "id": "eve"},
            ],
        }),
        json!({
            "includeTargets": [{"targetType": "group", "id": "all_users", "unknown": 1}],
            "excludeTargets": [{"targetType": "group", "id": "all_users"}],
        }),
        json!({"state": "disabled", "includeTargets": []}),
    ] {
        assert_eq!(desk.json("PATCH", EMAIL, &[], &targets).await.status, 204);
        let before = stored();
        save("policy", "?tenant=contoso".to_owned()).await;
        save("sms", "?tenant=contoso".to_owned()).await;
        assert_eq!(stored(), before);
    }

    for (name, applications) in [
        (
            "Some",
            json!({"includeApplications": [{"appId": "a shop", "unknown": 1}, {"appId": "b"}]}),
        ),
        ("All", json!({"includeApplications": [{"appId": "b"}], "unknown": 1})),
    ] {
        let mut flow = json!({
            "displayName": name,
            "conditions": {"applications": applications},
            "onAuthenticationMethodLoadStart": {"identityProviders": [
                {"id": "EmailPassword-OAUTH", "displayName": "Email with password"},
                {"id": "Contoso-OAUTH"},
            ]},
        });
        flow["conditions"]["applications"]["includeAllApplications"] = json!(name == "All");
        let id = desk.json("POST", FLOWS, &[], &flow).await.text("id");
        let before = stored();
        save("user-flow", format!("?tenant=contoso&flow={id}")).await;
        assert_eq!(stored(), before);
    }

    let rules = PasswordRules::entra().with_terms(["blue sky", "larkfield"]).unwrap();
    let policy = desk.world.policies.policy(&tenant()).unwrap().unwrap();
    desk.world.policies.replace(policy.as_ref().clone().with_password_rules(rules));
    let before = stored();
    save("password-rules", "?tenant=contoso".to_owned()).await;
    assert_eq!(stored(), before);
}

#[tokio::test]
async fn a_policy_that_includes_nobody_is_shown_and_kept_as_such() {
    let desk = Desk::new().await;
    assert_eq!(desk.json("PATCH", EMAIL, &[], &json!({"includeTargets": []})).await.status, 204);
    let page = get(&desk.app, "/admin/?tenant=contoso", &[ROOT]).await.body;
    let fields = untouched(&page, "policy");
    assert!(fields.contains(&("include".to_owned(), "groups".to_owned())), "{fields:?}");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let refused = post(&desk.app, "/admin/policy?tenant=contoso", &[ROOT], &form(&fields)).await;
    assert_eq!(refused.status, 422);
    assert_eq!(get(&desk.app, EMAIL, &[ROOT]).await.json()["includeTargets"], json!([]));
}

#[tokio::test]
async fn what_is_null_in_a_flow_is_set_by_the_page_like_what_is_missing() {
    let desk = Desk::new().await;
    let flow = json!({
        "displayName": "Shop", "conditions": null,
        "onAuthenticationMethodLoadStart": {"identityProviders": [{"id": "Google-OAUTH"}]},
    });
    let id = desk.json("POST", FLOWS, &[], &flow).await.text("id");
    let version = desk.version().await;
    let fields = [
        ("version", &*version),
        ("name", "Shop"),
        ("idp", "Google-OAUTH"),
        ("applications", "shop"),
    ];
    let path = format!("/admin/user-flow?tenant=contoso&flow={id}");
    assert_eq!(post(&desk.app, &path, &[ROOT], &form(&fields)).await.status, 303);
    let flow = get(&desk.app, &format!("{FLOWS}/{id}"), &[ROOT]).await.json();
    assert_eq!(flow["conditions"]["applications"]["includeApplications"][0]["appId"], "shop");
}

#[tokio::test]
async fn the_pages_save_what_they_show() {
    let desk = Desk::new().await;
    let save = |path: &'static str, fields: Vec<(&'static str, String)>| {
        let desk = &desk;
        async move {
            let version = desk.version().await;
            let mut fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            fields.push(("version", &version));
            post(&desk.app, path, &[ROOT], &form(&fields)).await
        }
    };
    let text = str::to_owned;

    let groups = vec![
        ("state", text("enabled")),
        ("include", text("groups")),
        ("include_group", text("staff")),
    ];
    assert_eq!(save("/admin/policy?tenant=contoso", groups).await.status, 303);
    let none = vec![("state", text("enabled")), ("include", text("groups"))];
    let refused = save("/admin/policy?tenant=contoso", none).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("an empty list is nobody"));
    assert_eq!(get(&desk.app, EMAIL, &[ROOT]).await.json()["includeTargets"][0]["id"], "staff");

    assert_eq!(
        save("/admin/user-flows?tenant=contoso", vec![("name", text("Partners"))]).await.status,
        303
    );
    let flow = vec![
        ("name", text("Partner sign-in")),
        ("idp", text("Google-OAUTH")),
        ("applications", text("a b\r\n\r\n c ")),
    ];
    assert_eq!(save("/admin/user-flow?tenant=contoso&flow=Partners", flow).await.status, 303);
    let none = vec![("name", text("Partner sign-in"))];
    assert_eq!(save("/admin/user-flow?tenant=contoso&flow=Partners", none).await.status, 422);
    let taken = vec![("name", text("sign-in")), ("idp", text("Google-OAUTH"))];
    let refused = save("/admin/user-flow?tenant=contoso&flow=Partners", taken.clone()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("another user flow has this name"));
    let nowhere = save("/admin/user-flow?tenant=contoso&flow=nowhere", taken).await;
    assert_eq!(nowhere.status, 422);
    let page = get(&desk.app, "/admin/?tenant=contoso&flow=Partners", &[ROOT]).await.body;
    assert!(page.contains("value=\"Partner sign-in\"") && page.contains(">a b\nc</textarea>"));

    let rules =
        vec![("rules", text("entra")), ("min_length", text("12")), ("terms", text("contoso"))];
    assert_eq!(save("/admin/password-rules?tenant=contoso", rules).await.status, 303);
    let short = vec![("rules", text("nist")), ("min_length", text("3"))];
    assert!(save("/admin/password-rules?tenant=contoso", short).await.body.contains("8 to 64"));
    let policy = desk.world.policies.policy(&tenant()).unwrap().unwrap();
    assert_eq!(policy.password_rules().min_length(), 12);

    let explained = post(
        &desk.app,
        "/admin/explain?tenant=contoso",
        &[ROOT],
        &form(&[("address", "ada@example.com")]),
    )
    .await;
    assert!(explained.body.contains("no include target of Email OTP covers the account"));
    let cross = [ROOT, ("sec-fetch-site", "cross-site")];
    assert_eq!(post(&desk.app, "/admin/policy?tenant=contoso", &cross, "").await.status, 403);
}

/// What every store of policies promises.
async fn contract(store: &dyn PolicyStore) {
    let id = TenantId::parse("contoso").unwrap();
    let at = Timestamp::from_micros(1);
    let policy = TenantPolicy::customers("contoso").unwrap();
    let made = PolicyChange::new(at, "root", "Tenant created", None, policy.clone());
    assert!(store.read(&id).await.unwrap().is_none());
    let Written::Written { version } = store.write(&made, 0).await.unwrap() else { panic!() };
    assert_eq!(store.write(&made, 0).await.unwrap(), Written::Conflict { version });
    assert!(store.policy(&id).unwrap().is_some());

    let next = policy.clone().with_after_reset(AfterReset::RequireSignIn);
    let change = PolicyChange::new(at, "eve", "After reset", Some(&policy), next);
    let Written::Written { version: second } = store.write(&change, version).await.unwrap() else {
        panic!()
    };
    assert_ne!(version, second);
    assert_eq!(store.write(&made, version).await.unwrap(), Written::Conflict { version: second });

    assert_eq!(store.policy(&id).unwrap().unwrap().after_reset(), AfterReset::RequireSignIn);
    let stored = store.read(&id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.policy.after_reset()), (second, AfterReset::RequireSignIn));
    assert_eq!(store.tenants().await.unwrap(), std::slice::from_ref(&id));
    let changes = store.changes(&id, 10).await.unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!((changes[0].who.as_str(), &changes[0].before), ("eve", &policy.to_json()));
    assert_eq!(changes[1].before, Value::Null);
    assert_eq!(store.changes(&id, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn policies_in_memory_keep_the_contract() {
    contract(&MemoryPolicies::default()).await;
}

#[tokio::test]
async fn policies_in_a_folder_keep_the_contract_also_for_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = PolicyDirectory::open(folder.path()).unwrap();
    contract(&store).await;

    let other = PolicyDirectory::open(folder.path()).unwrap();
    let id = TenantId::parse("contoso").unwrap();
    let before = other.read(&id).await.unwrap().unwrap();
    let next = (*before.policy).clone().with_after_reset(AfterReset::SignIn);
    let change = PolicyChange::new(Timestamp::from_micros(2), "other", "x", None, next);
    assert!(matches!(other.write(&change, before.version).await.unwrap(), Written::Written { .. }));
    // What this process saw is no longer what is stored.
    assert!(matches!(
        store.write(&change, before.version).await.unwrap(),
        Written::Conflict { .. }
    ));
    store.reload().unwrap();
    assert_eq!(store.policy(&id).unwrap().unwrap().after_reset(), AfterReset::SignIn);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn policies_in_sqlite_keep_the_contract_also_for_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.db");
    let store = sspr::adapters::SqliteStore::open(&path).await.unwrap().policies().await.unwrap();
    contract(&store).await;

    let other = sspr::adapters::SqliteStore::open(&path).await.unwrap().policies().await.unwrap();
    let id = TenantId::parse("contoso").unwrap();
    let before = other.read(&id).await.unwrap().unwrap();
    let next = (*before.policy).clone().with_after_reset(AfterReset::SignIn);
    let change = PolicyChange::new(Timestamp::from_micros(2), "other", "x", None, next);
    assert!(matches!(other.write(&change, before.version).await.unwrap(), Written::Written { .. }));
    assert_eq!(store.refresh().await.unwrap(), std::slice::from_ref(&id));
    assert!(store.refresh().await.unwrap().is_empty());
    assert_eq!(store.policy(&id).unwrap().unwrap().after_reset(), AfterReset::SignIn);
}

impl Seen {
    fn text_of_error(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}
