//! The server of `sspr` in the comparison: three JSON routes, codes and users in one SQLite file.

use std::{
    env,
    error::Error,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sspr::{
    Account, AccountId, Application, Client, EmailAddress, Keyring, Password, Request, Sspr, Stamp,
    StartOutcome, SubmitOutcome, TenantPolicy, VerifyOutcome,
    adapters::{
        Argon2Kernel, Argon2Pool, MemoryPolicies, SqliteStore, SystemClock, SystemEntropy, code_in,
    },
    domain::{Code, FlowToken, Grant},
    mail::EmailMessage,
    ports::{EngineEvent, EmailSender, EventSink, HashQueue, PasswordHasher as _, SendError},
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Answer = Result<Response, StatusCode>;

#[derive(Clone)]
struct Service {
    application: Application,
    inbox: Inbox,
    sspr: Sspr,
}

/// The codes that were mailed since the last look.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Vec<Value>>>);

#[async_trait::async_trait]
impl EmailSender for Inbox {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        // The other mail is the notice of a change, which nobody reads here.
        if let Some(code) = code_in(message) {
            let mail = json!({ "to": message.to.as_str(), "secret": code.expose() });
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        }
        Ok(())
    }
}

/// Ignores audit events.
struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _: &EngineEvent) {}
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let store = SqliteStore::open(env::var("DATABASE")?).await?;
    let users = store.users();
    let application = Application::single("shop")?;
    let mut pool = Argon2Pool::new();
    if env::var("KERNEL").as_deref() == Ok("fast") {
        pool = pool.with_fast_kernel(&SystemClock::new(), &NoEvents);
        assert_eq!(pool.kernel(), Argon2Kernel::Fast);
    }
    let hash = pool.hash(Password::parse("the old password 1")?, HashQueue::Submit).await?;
    for person in 0..env::var("PEOPLE")?.parse::<usize>()? {
        let address = EmailAddress::parse(&format!("person{person}@example.com"))?;
        let stamp = Stamp::generate(&SystemEntropy::new())?;
        let id = AccountId::parse(&person.to_string())?;
        let account = Account::new(id, address, stamp).with_password(hash.clone());
        users.insert(&application.tenant, &account).await?;
    }

    let policies = MemoryPolicies::fixed(TenantPolicy::for_application(&application)?);
    let keys = Keyring::generate(&SystemEntropy::new())?;
    let (sspr, courier) = Sspr::builder(users.clone(), store.codes(), policies, keys)
        .with_hasher(pool)
        .with_outbox(users)
        .build();
    let inbox = Inbox::default();
    tokio::spawn(courier.run(inbox.clone()));
    let app = Router::new()
        .route("/start", post(start))
        .route("/verify", post(verify))
        .route("/submit", post(submit))
        .route("/mails", get(mails))
        .with_state(Service { application, inbox, sspr });
    let port = env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, app).await?)
}

#[derive(Deserialize)]
struct Start {
    email: String,
}

async fn start(
    State(service): State<Service>,
    headers: HeaderMap,
    Json(body): Json<Start>,
) -> Answer {
    let address = EmailAddress::parse(&body.email).map_err(|_| StatusCode::BAD_REQUEST)?;
    let request = Request::new(&service.application, address);
    match service.sspr.start(&request, &client(&headers)).await.map_err(broken)? {
        StartOutcome::Started(started) => {
            Ok(Json(json!({ "token": started.token.expose() })).into_response())
        }
        _ => Err(StatusCode::TOO_MANY_REQUESTS),
    }
}

#[derive(Deserialize)]
struct Verify {
    token: String,
    code: String,
}

async fn verify(
    State(service): State<Service>,
    headers: HeaderMap,
    Json(body): Json<Verify>,
) -> Answer {
    let token = FlowToken::parse(&body.token).map_err(|_| StatusCode::FORBIDDEN)?;
    let code = Code::parse(&body.code).map_err(|_| StatusCode::FORBIDDEN)?;
    match service.sspr.verify(&token, &code, &client(&headers)).await.map_err(broken)? {
        VerifyOutcome::Granted(granted) => {
            Ok(Json(json!({ "grant": granted.grant.expose() })).into_response())
        }
        VerifyOutcome::Rejected(_) => Err(StatusCode::FORBIDDEN),
    }
}

#[derive(Deserialize)]
struct Submit {
    grant: String,
    password: String,
}

async fn submit(
    State(service): State<Service>,
    headers: HeaderMap,
    Json(body): Json<Submit>,
) -> Answer {
    let grant = Grant::parse(&body.grant).map_err(|_| StatusCode::FORBIDDEN)?;
    let password = Password::parse(&body.password).map_err(|_| StatusCode::BAD_REQUEST)?;
    match service.sspr.submit(&grant, &password, &client(&headers)).await.map_err(broken)? {
        SubmitOutcome::Changed(changed) => {
            Ok(Json(json!({ "ticket": changed.ticket.expose() })).into_response())
        }
        _ => Err(StatusCode::FORBIDDEN),
    }
}

async fn mails(State(service): State<Service>) -> Json<Vec<Value>> {
    Json(std::mem::take(&mut service.inbox.0.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Returns the client at the address that the load program writes, as a proxy would.
fn client(headers: &HeaderMap) -> Client {
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let address = forwarded.and_then(|text| text.parse::<IpAddr>().ok());
    address.map_or_else(Client::unknown, Client::at)
}

fn broken(_: sspr::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
