//! A field of a form that stands twice, or says no word of its own, is refused and stores nothing.

use sspr::{
    domain::Method,
    policy::{MethodState, PasswordRules},
};

use super::{Desk, Fields, ROOT, front, get, plain, post, untouched};

const QUERY: &str = "?tenant=contoso&flow=sign-in";

fn set(fields: &mut Fields, name: &str, value: &str) {
    fields.retain(|(field, _)| field != name);
    fields.push((name.to_owned(), value.to_owned()));
}

#[tokio::test]
async fn a_field_that_stands_twice_or_says_no_word_of_its_own_stores_nothing_and_is_named() {
    let desk = Desk::new().await;
    let rules = PasswordRules::nist().with_terms(["larkfield"]).unwrap();
    desk.policies.replace(desk.policy("contoso").with_password_rules(rules));
    let before = desk.stored("contoso");
    for (action, added, rule) in [
        (
            "policy",
            "include=groups&include=groups&include_group=STAFF",
            "include parameter is given more than once",
        ),
        ("policy", "include=all_users&include=groups", "include parameter is given more than once"),
        ("policy", "include=Groups", "include parameter must be one of: all_users, groups"),
        ("policy", "include=", "include parameter must be one of: all_users, groups"),
        ("policy", "state=Enabled&include=all_users", "state parameter must be one of: enabled"),
        (
            "policy",
            "state=enabled&state=enabled&include=all_users",
            "state parameter is given more than once",
        ),
        (
            "policy",
            "include=all_users&Exclude_group=staff",
            "a parameter is not known; these are: version, state, ",
        ),
        ("policy", "include=all_users&version=1", "version parameter is given more than once"),
        ("password-rules", "rules=Entra", "rules parameter must be one of: nist, entra"),
        ("password-rules", "rules=", "rules parameter must be one of: nist, entra"),
        ("password-rules", "rules=nist&rules=entra", "rules parameter is given more than once"),
        (
            "password-rules",
            "rules=nist&current=refused&current=refused",
            "current parameter is given more than once",
        ),
        (
            "password-rules",
            "rules=nist&current=Refused",
            "current parameter must be one of: refused",
        ),
        (
            "password-rules",
            "rules=nist&terms=larkfield&terms=contoso",
            "terms parameter is given more than once",
        ),
        (
            "password-rules",
            "rules=nist&min_length=15&min_length=8",
            "min_length parameter is given more than once",
        ),
        ("notices", "freeze_codes=yes", "freeze_codes parameter must be one of: on"),
        (
            "notices",
            "freeze_codes=on&freeze_codes=on",
            "freeze_codes parameter is given more than once",
        ),
        ("notices", "freeze_codes=on&codes=on", "a parameter is not known; these are: version, "),
        ("password-rules", "rules=nist&min_length=long", "8 to 64 characters"),
        (
            "user-flow",
            "all_applications=yes&all_applications=yes",
            "all_applications parameter is given more than once",
        ),
        ("user-flow", "all_applications=on", "all_applications parameter must be one of: yes"),
        (
            "user-flow",
            "applications=a&applications=b",
            "applications parameter is given more than once",
        ),
        ("user-flow", "name=Shop&name=Shop", "name parameter is given more than once"),
        (
            "user-flow",
            "idp=emailpassword-oauth",
            "idp parameter must be one of: EmailPassword-OAUTH, ",
        ),
        ("user-flow", "idp=Google-OAUTH&idp=Google-OAUTH", "idp parameter is given more than once"),
        ("user-flows", "name=Shop&name=Shop", "name parameter is given more than once"),
    ] {
        let added: Vec<(&str, &str)> =
            added.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let seen = desk
            .save(action, QUERY, |fields| {
                fields.retain(|(name, _)| {
                    name == "version" || added.iter().all(|(field, _)| field != name)
                });
                for (name, value) in &added {
                    fields.push(((*name).to_owned(), (*value).to_owned()));
                }
            })
            .await;

        assert_eq!(seen.status, 422, "{action} {added:?}: {}", seen.body);
        assert!(seen.body.contains(rule), "{action} {added:?}: {}", seen.body);
        assert!(seen.body.contains("Not saved"));
        assert_eq!(desk.stored("contoso"), before, "{action} {added:?}");
    }
}

#[tokio::test]
async fn a_form_without_the_word_that_decides_stores_nothing() {
    let desk = Desk::new().await;
    let before = desk.stored("contoso");
    for (action, left_out) in
        [("policy", "include"), ("password-rules", "rules"), ("policy", "version")]
    {
        let seen =
            desk.save(action, QUERY, |fields| fields.retain(|(name, _)| name != left_out)).await;
        assert_eq!(seen.status, 422, "{action} {left_out}: {}", seen.body);
        assert!(seen.body.contains(&format!("the {left_out} parameter ")), "{}", seen.body);
    }
    assert_eq!(desk.stored("contoso"), before);
}

/// What the page shows in a form after a refusal is what was sent to it.
#[tokio::test]
async fn what_was_typed_into_a_form_that_is_refused_stays_there() {
    let desk = Desk::new().await;
    let before = desk.stored("contoso");
    for (action, typed) in [
        (
            "password-rules",
            &[
                ("rules", "entra"),
                ("min_length", "7"),
                ("terms", "larkfield\r\n<b>"),
                ("current", "refused"),
            ][..],
        ),
        ("password-rules", &[("min_length", "many"), ("terms", "larkfield")]),
        ("user-flow", &[("name", "sign-in 2 "), ("applications", "a\r\nb"), ("idp", "")]),
        ("user-flows", &[("name", "sign-in")]),
        ("policy", &[("include", "groups"), ("state", "enabled")]),
    ] {
        let page = get(&desk.app, &format!("/admin/{QUERY}"), &[ROOT]).await.body;
        let mut fields = untouched(&page, action);
        for (name, value) in typed {
            set(&mut fields, name, value);
        }
        // A provider is taken out by leaving it out.
        fields.retain(|(name, value)| name != "idp" || !value.is_empty());
        if action == "user-flow" {
            fields.retain(|(name, _)| name != "all_applications");
        }
        let sent: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let path = format!("/admin/{action}{QUERY}");
        let seen = post(&desk.app, &path, &[ROOT], &front::form(&sent)).await;

        assert_eq!(seen.status, 422, "{action}: {}", seen.body);
        let mut shown = untouched(&seen.body, action);
        shown.sort();
        fields.sort();
        assert_eq!(shown, fields, "{action}");
    }
    let twice = desk
        .save("password-rules", QUERY, |fields| {
            set(fields, "terms", "larkfield");
            fields.push(("terms".to_owned(), "contoso".to_owned()));
        })
        .await;
    assert!(plain(&twice.body).contains(">larkfield\ncontoso</textarea>"), "{}", twice.body);
    let address = front::form(&[("address", "grace at example")]);
    let asked = post(&desk.app, &format!("/admin/explain{QUERY}"), &[ROOT], &address).await;
    assert!(asked.body.contains("value=\"grace at example\""), "{}", asked.body);
    assert_eq!(desk.stored("contoso"), before);
}

/// Typed text on a newer version would overwrite what somebody else has saved in between.
#[tokio::test]
async fn what_was_typed_keeps_the_version_that_it_was_typed_on() {
    let desk = Desk::new().await;
    let page = get(&desk.app, &format!("/admin/{QUERY}"), &[ROOT]).await.body;
    let fields = untouched(&page, "password-rules");
    let saved = desk.save("password-rules", QUERY, |fields| set(fields, "min_length", "20")).await;
    assert_eq!(saved.status, 303);

    let typed = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in [("rules", "Entra"), ("Rules", "entra"), ("version", "2")] {
        // One is no word, one no field of this form, and one is there twice.
        let replaced = typed.clone().filter(|(field, _)| name == "version" || *field != name);
        let sent: Vec<_> = replaced.chain([(name, value)]).collect();
        let path = format!("/admin/password-rules{QUERY}");
        let refused = post(&desk.app, &path, &[ROOT], &front::form(&sent)).await;
        assert_eq!(refused.status, 422, "{name}");

        let again = untouched(&refused.body, "password-rules");
        let sent: Vec<_> = again.iter().map(|(name, value)| (&**name, &**value)).collect();
        let again = post(&desk.app, &path, &[ROOT], &front::form(&sent)).await;
        assert_eq!(again.status, 409, "{name}");
    }
    assert_eq!(desk.policy("contoso").password_rules().min_length(), 20);
}

#[tokio::test]
async fn what_is_looked_up_is_never_guessed_from_a_query_or_a_form() {
    let desk = Desk::new().await;
    let before = desk.stored("contoso");
    let address = front::form(&[("address", "ada@example.com")]);
    for (path, body, status, words) in [
        (
            "/admin/explain?tenant=contoso&flow=a&flow=b",
            &*address,
            400,
            "flow parameter is given more than once",
        ),
        ("/admin/explain?tenant=contoso&flow=%01", &address, 422, "There is no such user flow."),
        ("/admin/explain?tenant=contoso&flow=b", &address, 200, "there is no such user flow"),
        (
            "/admin/explain?tenant=contoso",
            "address=a%40x.example&address=b%40x.example",
            422,
            "address parameter is given more than once",
        ),
        (
            "/admin/user-flow?tenant=contoso&flow=a&flow=sign-in",
            "version=1&name=x&idp=Google-OAUTH",
            400,
            "flow parameter is given more than once",
        ),
        (
            "/admin/user-flow?tenant=contoso",
            "version=1&name=x&idp=Google-OAUTH",
            422,
            "there is no such user flow",
        ),
    ] {
        let seen = post(&desk.app, path, &[ROOT], body).await;
        assert_eq!(seen.status, status, "{path}: {}", seen.body);
        assert!(seen.body.contains(words), "{path}: {}", seen.body);
    }
    assert_eq!(desk.stored("contoso"), before);
    assert_eq!(
        desk.policy("contoso").authentication_methods().method(Method::Email).state(),
        MethodState::Enabled
    );
}
