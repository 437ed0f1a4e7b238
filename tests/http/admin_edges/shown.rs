//! The page shows what is stored, and after a refused form what was typed.

use serde_json::json;
use sspr::{
    domain::{GroupId, Timestamp},
    http::Admin,
    policy::{CheckState, Odds, UserFlow},
    ports::{PolicyChange, PolicyStore as _},
};

use super::{ByHeader, Desk, EMAIL, ROOT, Router, World, front, get, plain, post, tenant};

/// The lists of marks on a page, each as the texts of its items without their tags.
fn marks(page: &str) -> Vec<Vec<String>> {
    let bare = |item: &str| {
        let (_, text) = item.split_once('>').unwrap();
        let parts = text.split('<').map(|part| part.split_once('>').map_or(part, |it| it.1));
        plain(&parts.filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("|"))
    };
    let lists = page.split("<ul class=\"marks checks\">").skip(1);
    let lists = lists.map(|list| list.split_once("</ul>").unwrap().0);
    lists.map(|list| list.split("<li").skip(1).map(bare).collect()).collect()
}

/// The form of a page that is sent to this action.
fn form_of<'a>(page: &'a str, action: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("action=\"{action}?")).unwrap();
    rest.split_once("</form>").unwrap().0
}

/// The value and the name of each box of a form that is ticked.
fn ticked(page: &str) -> Vec<(String, String)> {
    let tags = page.split("<input").skip(1).map(|input| input.split_once('>').unwrap().0);
    let value = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(plain(rest.split_once('"')?.0))
    };
    let named = |tag: &str| Some((value(tag, "name")?, value(tag, "value").unwrap_or_default()));
    tags.filter(|tag| tag.ends_with(" checked")).filter_map(named).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn each_check_of_readiness_has_its_own_mark_and_is_counted() {
    let desk = Desk::new().await;
    let body = json!({"state": "disabled", "excludeTargets": [{"id": "staff"}]});
    assert_eq!(desk.json("PATCH", EMAIL, &[], &body).await.status, 204);
    let readiness = desk.policy("contoso").readiness();
    let states: Vec<CheckState> = readiness.checks().iter().map(|check| check.state).collect();
    assert!(
        [CheckState::Ready, CheckState::ToDo, CheckState::Note]
            .iter()
            .all(|it| states.contains(it))
    );

    let page = get(&desk.app, "/admin/?tenant=contoso", &[ROOT]).await.body;

    let expected = readiness.checks().iter().map(|check| match check.state {
        CheckState::ToDo => format!("{}|To do|{}", check.name, check.words),
        CheckState::Note => format!("Note:|{}|{}", check.name, check.words),
        CheckState::Ready => format!("Ready:|{}", check.name),
    });
    assert_eq!(marks(&page)[0], expected.collect::<Vec<_>>());
    let to_do = states.iter().filter(|state| **state == CheckState::ToDo).count();
    let counted = format!(
        "{} of {} checks are ready. <b>{to_do} to do.</b>",
        states.len() - to_do,
        states.len()
    );
    assert!(page.contains(&counted), "{counted}: {page}");
}

#[tokio::test]
async fn the_odds_on_the_page_are_those_of_the_tenants_limits() {
    let desk = Desk::new().await;
    let policy = desk.policy("contoso");
    let odds = policy.limits().odds();

    let page = get(&desk.app, "/admin/?tenant=contoso", &[ROOT]).await.body;

    let lines = [
        (u64::from(policy.limits().tries_per_challenge()), odds.challenge),
        (odds.guesses_per_account_day, odds.account_day),
        (odds.guesses_per_account_year, odds.account_year),
        (odds.guesses_per_tenant_year, odds.tenant_year),
    ];
    let shown = &marks(&page)[1];
    assert_eq!(shown.len(), lines.len(), "{shown:?}");
    for (line, (tries, probability)) in shown.iter().zip(lines) {
        let wanted = format!("1 time in {}", Odds::one_in(probability));
        assert!(line.starts_with(&format!("{tries} tries ")) && line.contains(&wanted), "{line}");
    }
}

#[tokio::test]
async fn the_page_marks_the_tenant_and_the_user_flow_that_it_shows() {
    let desk = Desk::new().await;
    let flow = UserFlow::from_json(r#"{"id": "shop", "displayName": "Shop"}"#).unwrap();
    let flows = [desk.policy("contoso").user_flows(), &[flow]].concat();
    desk.policies.replace(desk.policy("contoso").with_user_flows(flows).unwrap());
    for (flow, others) in [("shop", "sign-in"), ("sign-in", "shop")] {
        let path = format!("/admin/?tenant=contoso&flow={flow}");
        let page = get(&desk.app, &path, &[ROOT]).await.body;

        assert!(page.contains("value=\"contoso\" selected>"), "{page}");
        assert!(page.contains("value=\"fabrikam\">"), "{page}");
        assert!(page.contains(&format!("flow={flow}\" aria-current=\"true\">")), "{page}");
        assert!(page.contains(&format!("flow={others}\"><b>")), "{page}");
    }
}

#[tokio::test]
async fn a_refused_form_keeps_each_choice_that_was_made_in_it() {
    let world = World::memory().await;
    let policies = world.policies.clone();
    let mut admin = Admin::new(&world.sspr, policies.clone(), ByHeader);
    for group in ["one", "two"] {
        admin = admin.with_group(&tenant("contoso"), GroupId::parse(group).unwrap(), group);
    }
    let app = Router::new().nest("/admin/", admin.router());
    let sent = [
        ("version", "1"),
        ("state", "enabled"),
        ("include", "groups"),
        ("include_group", "one"),
        ("include_group", " not an id"),
        ("exclude_group", "two"),
    ];
    let path = "/admin/policy?tenant=contoso";
    let refused = post(&app, path, &[ROOT], &front::form(&sent)).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let kept = ticked(form_of(&refused.body, "policy"));
    let kept: Vec<_> = kept
        .iter()
        .filter(|(name, _)| name.starts_with("include") || name.starts_with("exclude"))
        .cloned()
        .collect();
    let expected = [("include", "groups"), ("include_group", "one"), ("exclude_group", "two")];
    assert_eq!(kept, expected.map(|(name, value)| pair(name, value)));

    let path = "/admin/user-flow?tenant=contoso&flow=sign-in";
    for provider in ["Google-OAUTH", "EmailPassword-OAUTH"] {
        let sent = [("version", "1"), ("name", ""), ("idp", provider)];
        let refused = post(&app, path, &[ROOT], &front::form(&sent)).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        let kept: Vec<_> =
            ticked(&refused.body).into_iter().filter(|(name, _)| name == "idp").collect();
        assert_eq!(kept, [pair("idp", provider)]);
    }
}

#[tokio::test]
async fn the_events_list_each_difference_with_its_place() {
    let desk = Desk::new().await;
    let stored = desk.policies.read(&tenant("contoso")).await.unwrap().unwrap();
    let policy = desk.policy("contoso");
    let mut before = policy.to_json();
    before["limits"]["tries_per_challenge"] = json!(3);
    before["userFlows"][0]["conditions"] = json!({"gone": [{"a": 1}]});
    before["userFlows"].as_array_mut().unwrap().push(json!("one more"));
    before.as_object_mut().unwrap().remove("afterReset");
    let mut change =
        PolicyChange::new(Timestamp::from_micros(1), "root", "Everything", None, policy);
    change.before = before;
    desk.policies.write(&change, stored.version).await.unwrap();

    let page = get(&desk.app, "/admin/events?tenant=contoso", &[ROOT]).await.body;

    assert_eq!(
        marks(&page)[0],
        [
            "$.limits.tries_per_challenge: 3 → null",
            "$.userFlows[0].conditions.gone: [{\"a\":1}] → null",
            "$.userFlows[0].conditions.applications: null → {\"includeAllApplications\":true}",
            "$.userFlows[1]: \"one more\" → null",
            "$.afterReset: null → \"signIn\"",
        ]
    );
}
