//! Every limit, and what its removal would show: bodies, fields, time, lengths, what is remembered.

use crate::support;
use crate::support::{World, client};
use sspr::{
    adapters::{MemoryEvents, PolicyDirectory},
    domain::{
        AccountId, ApplicationId, Code, CorrelationId, EmailAddress, GroupId, LanguageTag,
        Password, TenantId, UserFlowId,
    },
    engine::{Context, Vouch},
    policy::Brand,
    ports::EventSink as _,
};

/// A reader of texts of a length: whether it takes them.
type Reads = fn(usize) -> bool;

/// The most that each text from outside may have, in what it is counted in.
const LENGTHS: [(&str, usize, Reads); 12] = [
    ("a context", 512, |n| Context::new(vec![1; n]).is_ok()),
    ("a vouch", 128, |n| Vouch::new(&"a".repeat(n)).is_ok()),
    ("a correlation id", 128, |n| CorrelationId::parse(&"a".repeat(n)).is_ok()),
    ("a tenant", 128, |n| TenantId::parse(&"a".repeat(n)).is_ok()),
    ("an application", 128, |n| ApplicationId::parse(&"a".repeat(n)).is_ok()),
    ("a user flow", 128, |n| UserFlowId::parse(&"a".repeat(n)).is_ok()),
    ("an account", 128, |n| AccountId::parse(&"a".repeat(n)).is_ok()),
    ("a group", 128, |n| GroupId::parse(&"a".repeat(n)).is_ok()),
    ("a local part", 64, |n| EmailAddress::parse(&format!("{}@x.example", "a".repeat(n))).is_ok()),
    ("an address", 254, |n| {
        let labels = ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join(".");
        let local = "a".repeat(n.saturating_sub(labels.len() + 9).min(64));
        let typed = format!("{local}@{labels}.example");
        let more = "x".repeat(n.saturating_sub(typed.len()));
        EmailAddress::parse(&typed.replace(".example", &format!(".{more}example"))).is_ok()
    }),
    ("a password", Password::MAX_CHARACTERS, |n| Password::parse(&"a".repeat(n)).is_ok()),
    ("a brand", 64, |n| Brand::new(&"a".repeat(n)).is_ok()),
];

#[test]
fn every_text_from_outside_has_a_longest_length() {
    for (what, most, reads) in LENGTHS {
        assert!(reads(most), "{what} of {most}");
        assert!(!reads(most + 1), "{what} of {}", most + 1);
        assert!(!reads(1_000_000), "{what} of a million");
    }
    assert!(Code::parse(&"1".repeat(100_000)).is_err());
    assert!(LanguageTag::parse(&"a".repeat(100_000)).is_err());
}

#[test]
fn the_memory_of_events_keeps_the_latest_hundred_thousand() {
    support::runtime().block_on(async {
        let world = World::memory().await;
        world.opened("ada@example.com", &client(1)).await;
        let mut event = world.events.all().pop().unwrap();
        let events = MemoryEvents::new();
        for number in 0..100_001_u64 {
            event.took = std::time::Duration::from_secs(number);
            events.emit(&event);
        }

        let kept = events.all();
        assert_eq!(kept.len(), 100_000);
        assert_eq!(kept.last().unwrap().took.as_secs(), 100_000, "the newest is kept");
        assert_eq!(kept[0].took.as_secs(), 1, "the oldest is gone");
    });
}

#[test]
fn a_policy_file_past_a_mebibyte_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let policy = sspr::TenantPolicy::customers("contoso").unwrap().to_json().to_string();
    let file = folder.path().join("contoso.json");
    let most = 1024 * 1024;
    // Blanks after a document mean nothing.
    std::fs::write(&file, format!("{policy}{}", " ".repeat(most - policy.len()))).unwrap();
    assert_eq!(PolicyDirectory::open(folder.path()).unwrap().tenants().len(), 1);

    std::fs::write(&file, format!("{policy}{}", " ".repeat(most + 1 - policy.len()))).unwrap();

    let policies = PolicyDirectory::open(folder.path()).unwrap();
    let tenant = sspr::domain::TenantId::parse("contoso").unwrap();
    let policy = sspr::ports::PolicySource::policy(&policies, &tenant);
    assert!(policy.is_err(), "{policy:?}");
    assert_eq!(policies.faults().len(), 1, "{:?}", policies.faults());
}

#[cfg(feature = "axum")]
mod over_http {
    use std::{
        convert::Infallible,
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll},
        time::Duration,
    };

    use axum::{
        Router,
        body::{Body, Bytes},
        http::{HeaderValue, Request, request::Parts},
    };
    use futures_util::Stream;
    use sspr::{
        domain::{Application, ApplicationId, TenantId},
        http::{
            Access, Admin, Authorize, Authorized, IssueError, Issued, Native, NewSession, Pages,
            SessionError, Sessions, SignInContext, TokenIssuer, TokenRequest,
        },
    };

    use crate::support::{
        World,
        front::{FORM, JSON, Named, Plain, Seen, build, form, post, send},
    };

    /// Every place where a body is read: method, path, its type, most bytes, and the status of what
    /// is too large.
    const BODIES: [(&str, &str, &str, usize, u16); 10] = [
        ("POST", "/account/sign-in", FORM, FORM_BYTES, 400),
        ("POST", "/account/reset", FORM, FORM_BYTES, 400),
        ("POST", "/account/new-password", FORM, FORM_BYTES, 400),
        ("POST", "/native/resetpassword/v1.0/start", FORM, FORM_BYTES, 400),
        ("POST", "/native/oauth2/v2.0/token", FORM, FORM_BYTES, 400),
        ("POST", "/native/api/v2.0/resetpassword/start", JSON, FORM_BYTES, 400),
        ("PUT", "/native/api/v2.0/resetpassword/update", JSON, FORM_BYTES, 400),
        ("POST", "/admin/explain", FORM, ADMIN_FORM_BYTES, 400),
        ("POST", FLOWS, JSON, GRAPH_BYTES, 400),
        ("PATCH", EMAIL, JSON, GRAPH_BYTES, 400),
    ];
    const FORM_BYTES: usize = 16 * 1024;
    const GRAPH_BYTES: usize = 1024 * 1024;
    /// Room for a document in which each octet is percent-encoded, and for what stands beside it.
    const ADMIN_FORM_BYTES: usize = 4 * GRAPH_BYTES;
    const FLOWS: &str = "/admin/tenants/contoso/v1.0/identity/authenticationEventsFlows";
    const EMAIL: &str = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                         authenticationMethodConfigurations/email";
    const PIECE: usize = 1024;

    struct Everybody;

    #[async_trait::async_trait]
    impl Authorize for Everybody {
        async fn authorize(&self, _: &Parts, _: Access<'_>) -> Authorized {
            Authorized::As("root".to_owned())
        }
    }

    async fn app() -> (World, Router) {
        let world = World::memory().await;
        let app = app_of(&world, Named, Plain, Everybody);
        (world, app)
    }

    fn app_of(
        world: &World,
        sessions: impl Sessions + 'static,
        issuer: impl TokenIssuer + 'static,
        authorize: impl Authorize + 'static,
    ) -> Router {
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let native = Native::new(&world.sspr, shop.clone(), issuer);
        let admin = Admin::new(&world.sspr, world.policies.clone(), authorize);
        Router::new()
            .nest("/account", Pages::new(&world.sspr, shop, sessions).router())
            .nest("/native", native.router())
            .nest("/admin/", admin.router())
    }

    /// A body without an end, and how many pieces of it were read.
    struct Endless(Arc<AtomicUsize>);

    impl Stream for Endless {
        type Item = Result<Bytes, Infallible>;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let read = self.0.fetch_add(1, Ordering::SeqCst);
            // A reader without a limit is let go, so that the test says so.
            let over = read * PIECE > 64 * 1024 * 1024;
            Poll::Ready((!over).then(|| Ok(Bytes::from_static(&[b'a'; PIECE]))))
        }
    }

    fn with_body(method: &str, path: &str, kind: &str, body: Body) -> Request<Body> {
        let mut request = build(method, path, &[("content-type", kind)], "");
        *request.body_mut() = body;
        request
    }

    #[tokio::test]
    async fn no_body_is_read_past_its_limit() {
        let (_world, app) = app().await;
        for (method, path, kind, most, status) in BODIES {
            let read = Arc::new(AtomicUsize::new(0));
            let body = Body::from_stream(Endless(read.clone()));
            let seen = send(&app, with_body(method, path, kind, body)).await;

            let bytes = read.load(Ordering::SeqCst) * PIECE;
            assert_eq!(seen.status, status, "{method} {path}: {}", seen.body);
            assert!(bytes <= most + 2 * PIECE, "{method} {path}: {bytes} bytes were read");
            assert!(seen.body.len() < 32 * 1024, "nothing is echoed");
        }
    }

    #[tokio::test]
    async fn a_form_has_at_most_sixty_four_fields() {
        let (_world, app) = app().await;
        for path in ["/account/sign-in", "/native/resetpassword/v1.0/start"] {
            let known = form(&[
                ("client_id", "shop"),
                ("username", "ada@example.com"),
                ("challenge_type", "oob redirect"),
            ]);
            let others = |most: usize| (0..most).map(|number| format!("&x{number}=1"));
            let with = |more: usize| format!("{known}{}", others(more).collect::<String>());
            assert!(post(&app, path, &[], &with(61)).await.status < 400, "{path}");

            assert_eq!(post(&app, path, &[], &with(62)).await.status, 400, "{path}");
        }
    }

    /// Never answers.
    struct Stuck;

    #[async_trait::async_trait]
    impl Sessions for Stuck {
        async fn begin(&self, _: SignInContext<'_>) -> Result<NewSession, SessionError> {
            core::future::pending().await
        }

        async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
            core::future::pending().await
        }
    }

    #[async_trait::async_trait]
    impl TokenIssuer for Stuck {
        async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> {
            core::future::pending().await
        }

        async fn refresh(
            &self,
            _: &TenantId,
            _: &ApplicationId,
            _: &str,
        ) -> Result<Issued, IssueError> {
            core::future::pending().await
        }
    }

    #[async_trait::async_trait]
    impl Authorize for Stuck {
        async fn authorize(&self, _: &Parts, _: Access<'_>) -> Authorized {
            core::future::pending().await
        }
    }

    /// The answer to a request that does not end by itself, which must come after 30 seconds.
    async fn given_up(app: &Router, request: Request<Body>, about: &str) -> Seen {
        let began = tokio::time::Instant::now();
        let seen = tokio::time::timeout(Duration::from_secs(3600), send(app, request)).await;
        let seen = seen.unwrap_or_else(|_| panic!("{about}: no answer within an hour"));
        let took = began.elapsed();
        let limit = Duration::from_secs(30)..=Duration::from_secs(31);
        assert!(limit.contains(&took), "{about}: after {took:?}");
        // The native API and Graph's endpoints answer in their own forms.
        let is_graphs = seen.body.contains("\"code\":\"RequestTimeout\"");
        let status = if seen.body.contains("\"error\"") && !is_graphs { 503 } else { 408 };
        assert_eq!(seen.status, status, "{about}: {}", seen.body);
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up_after_thirty_seconds() {
        let (_world, app) = app().await;
        for (method, path, kind, ..) in BODIES {
            let never = futures_util::stream::pending::<Result<Bytes, Infallible>>();
            let request = with_body(method, path, kind, Body::from_stream(never));
            given_up(&app, request, path).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_of_the_host_that_does_not_answer_is_given_up_after_thirty_seconds() {
        let world = World::memory().await;
        let app = app_of(&world, Stuck, Stuck, Stuck);
        for (method, path, kind) in [
            ("POST", "/account/sign-out", FORM),
            ("GET", "/admin/", FORM),
            ("POST", "/admin/policy", FORM),
            ("PATCH", EMAIL, JSON),
        ] {
            given_up(&app, build(method, path, &[("content-type", kind)], ""), path).await;
        }
        let refresh =
            form(&[("client_id", "shop"), ("grant_type", "refresh_token"), ("refresh_token", "x")]);
        let token = "/native/oauth2/v2.0/token";
        given_up(&app, build("POST", token, &[("content-type", FORM)], &refresh), token).await;
    }
}
