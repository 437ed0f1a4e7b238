//! What a stranger's hostile bodies cost over HTTP: no slow hash, no record, no mail, one answer.

use crate::stranger::{Cost, Stage, combining_marks, largest_password};
use crate::support::front::{FORM, JSON, Named, Plain, Seen, build, form, post, send};
use axum::Router;
use sspr::Application;
use sspr::http::{Native, Pages};

const MOST_BYTES: usize = 16 * 1024;

/// Every path that takes a body from somebody unknown.
const PATHS: [&str; 5] = [
    "/account/sign-in",
    "/account/reset",
    "/contoso/resetpassword/v1.0/start",
    "/contoso/oauth2/v2.0/initiate",
    "/contoso/oauth2/v2.0/token",
];

fn app(stage: &Stage) -> Router {
    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
    let api = Native::new(&stage.sspr, shop.clone(), Plain);
    Router::new()
        .nest("/account", Pages::new(&stage.sspr, shop, Named).router())
        .nest("/contoso", api.router())
}

/// Posts a body everywhere; nothing may come of it.
async fn costs_nothing(body: &str, content: &str) -> Vec<Seen> {
    let stage = Stage::cheap().await;
    let app = app(&stage);
    let (seen, cost) = stage
        .cost(async {
            let mut seen = Vec::new();
            for path in PATHS {
                let request = build("POST", path, &[("content-type", content)], body);
                seen.push(send(&app, request).await);
            }
            stage.courier.drain(&stage.inbox).await;
            seen
        })
        .await;
    assert_eq!(cost, Cost::default(), "{} bytes of {content}", body.len());
    seen
}

#[tokio::test]
async fn a_form_past_sixteen_kibibytes_reaches_no_port() {
    for size in [MOST_BYTES + 1, 1 << 20] {
        let body = format!("username={}", "a".repeat(size - "username=".len()));
        for seen in costs_nothing(&body, FORM).await {
            assert!((400..500).contains(&seen.status), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn the_largest_form_of_nonsense_reaches_no_port() {
    let address = format!("username={}", "%40".repeat((MOST_BYTES - "username=".len()) / 3));
    let fields = "a=b&".repeat(MOST_BYTES / 4);
    let nested = "[".repeat(MOST_BYTES);
    for (body, content) in [(&address, FORM), (&fields, FORM), (&nested, FORM), (&nested, JSON)] {
        assert!(body.len() <= MOST_BYTES);
        for seen in costs_nothing(body, content).await {
            assert!(seen.status < 500, "{seen:?}");
            assert!(seen.body.len() < 8_192, "nothing is echoed at length: {}", seen.body.len());
        }
    }
}

/// A password step of the native API's sign-in.
async fn password_step(app: &Router, password: &str) -> Seen {
    let step = |path: &str, fields: &[(&str, &str)]| {
        let body = form(&[&[("client_id", "shop")], fields].concat());
        let path = format!("/contoso/oauth2/v2.0/{path}");
        async move { post(app, &path, &[], &body).await }
    };
    let named = [("username", "nobody@example.com"), ("challenge_type", "password redirect")];
    let token = step("initiate", &named).await.text("continuation_token");
    let token = step("challenge", &[("continuation_token", &token)]).await;
    let token = token.text("continuation_token");
    let grant = [("grant_type", "password"), ("scope", "openid"), ("password", password)];
    step("token", &[&grant[..], &[("continuation_token", &token)]].concat()).await
}

#[tokio::test]
async fn a_password_over_http_costs_at_most_one_hash() {
    let stage = Stage::cheap().await;
    let app = app(&stage);
    let longer = format!("{}x", largest_password());
    for (password, hashes) in
        [(largest_password(), 1), (longer, 0), (combining_marks(), 0), ("\0".to_owned(), 0)]
    {
        let (seen, cost) = stage.cost(password_step(&app, &password)).await;
        assert_eq!(seen.status, 400, "{seen:?}");
        assert_eq!((cost.hashes, cost.mails), (hashes, 0), "{cost:?}");
        assert!(hashes == 1 || cost.calls + cost.finds == 0, "{cost:?}");
    }
}

#[tokio::test]
async fn forged_continuation_tokens_reach_no_port() {
    let (stage, other) = (Stage::cheap().await, Stage::cheap().await);
    let (app, foreign) = (app(&stage), app(&other));
    let start = form(&[
        ("client_id", "shop"),
        ("username", "nobody@example.com"),
        ("challenge_type", "oob redirect"),
    ]);
    let forged = post(&foreign, "/contoso/resetpassword/v1.0/start", &[], &start).await;
    let forged = forged.text("continuation_token");
    let ((), cost) = stage
        .cost(async {
            for path in ["challenge", "continue", "submit", "poll_completion"] {
                let body = form(&[
                    ("client_id", "shop"),
                    ("continuation_token", &forged),
                    ("grant_type", "oob"),
                    ("oob", "12345678"),
                    ("new_password", "four unrelated words will do"),
                ]);
                let path = format!("/contoso/resetpassword/v1.0/{path}");
                let seen = post(&app, &path, &[], &body).await;
                assert_eq!(seen.status, 400, "{seen:?}");
            }
        })
        .await;
    assert_eq!(cost, Cost::default());
}
