//! Your own axum application, users table and sessions, with hosted pages at /account.
//! `cargo run --features full --example embed`, then open http://127.0.0.1:8090/ (mails are files)
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example talks, and stops loudly")]
use axum::http::{HeaderMap, HeaderValue, request::Parts};
use axum::{Router, extract::State, response::Html, routing::get};
use sspr::{Application, adapters::*, domain::*, http::*, ports::*, *};
use std::{collections::HashMap, net::SocketAddr, sync::Arc, sync::RwLock};

/// Your users table by id, and your sessions: token → (user, stamp).
#[derive(Clone, Default)]
struct Mine {
    users: Arc<RwLock<HashMap<AccountId, Account>>>,
    sessions: Arc<RwLock<HashMap<String, (AccountId, Stamp)>>>,
}

const SESSION: &str = "__Host-session";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

type Stored<T> = Result<T, StoreError>;

#[async_trait::async_trait]
impl UserStore for Mine {
    // This host has one tenant. With several, each query also names the tenant.
    // SELECT … WHERE mail = ?
    async fn find_by_address(&self, _: &TenantId, mail: &EmailAddress) -> Stored<Vec<Account>> {
        let users = self.users.read().unwrap();
        Ok(users.values().filter(|user| user.addresses.contains(mail)).cloned().collect())
    }

    // SELECT … WHERE id = ?
    async fn find(&self, _: &TenantId, id: &AccountId) -> Stored<Option<Account>> {
        Ok(self.users.read().unwrap().get(id).cloned())
    }

    // UPDATE … SET hash = ?, stamp = ?, last_change = ? WHERE id = ? AND stamp = ?
    async fn apply_change(&self, change: &PasswordChange) -> Stored<Applied> {
        let mut users = self.users.write().unwrap();
        let Some(user) = users.get_mut(&change.account) else { return Ok(Applied::Stale) };
        if user.last_change == Some(change.operation) {
            return Ok(Applied::Repeated { stamp: user.stamp });
        } else if user.stamp != change.expected_stamp {
            return Ok(Applied::Stale);
        }
        user.password = Some(change.password.clone());
        (user.stamp, user.last_change, user.locked) =
            (change.next_stamp, Some(change.operation), false);
        Ok(Applied::Done { notice: NoticeDelivery::NotQueued })
    }
}

#[async_trait::async_trait]
impl Sessions for Mine {
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError> {
        let mut random = [0; 16];
        SystemEntropy::new().fill(&mut random).map_err(SessionError::new)?;
        let token = format!("{:032x}", u128::from_be_bytes(random));
        let cookie = format!("{SESSION}={token}; {ATTRIBUTES}");
        // These users have no second factor. Yours may: a session for `context.second_factor`
        // `Required` must open nothing before the factor is given.
        assert_eq!(context.second_factor, engine::SecondFactorDemand::None);
        let session = (context.account.clone(), context.stamp);
        self.sessions.write().unwrap().insert(token, session);
        Ok(NewSession::with_cookie(cookie.parse().map_err(SessionError::new)?))
    }

    async fn current(&self, request: &Parts) -> Result<Option<CurrentSession>, SessionError> {
        Ok(self.signed_in(&request.headers).map(|(id, stamp)| CurrentSession::new(id, stamp)))
    }

    async fn end(&self, request: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        self.sessions.write().unwrap().remove(token(&request.headers).unwrap_or_default());
        let gone = format!("{SESSION}=; Max-Age=0; {ATTRIBUTES}");
        Ok(vec![gone.parse().map_err(SessionError::new)?])
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION) // headers are bytes: a foreign cookie spoils nothing
}

impl Mine {
    // A session is valid while it carries the stamp of its user: a reset ends all others.
    fn signed_in(&self, headers: &HeaderMap) -> Option<(AccountId, Stamp)> {
        let (id, stamp) = self.sessions.read().unwrap().get(token(headers)?)?.clone();
        let users = self.users.read().unwrap();
        users.get(&id).is_some_and(|user| user.stamp == stamp).then_some((id, stamp))
    }
}

async fn home(State(mine): State<Mine>, headers: HeaderMap) -> Html<String> {
    match mine.signed_in(&headers) {
        Some((id, _)) => Html(format!("{id}: <a href=/account/change>Change password</a>")),
        None => Html("<a href=/account/sign-in>Sign in</a>".to_owned()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mine, entropy) = (Mine::default(), SystemEntropy::new());
    let old = Password::parse("the old password 1")?;
    let hash = Argon2Pool::new().hash(old, HashQueue::Submit).await?;
    let (id, mail) = (AccountId::parse("ada")?, EmailAddress::parse("ada@example.com")?);
    let ada = Account::new(id.clone(), mail, Stamp::generate(&entropy)?).with_password(hash);
    mine.users.write().unwrap().insert(id, ada);

    let store = SqliteStore::open("embed.db").await?; // where resets live
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso")?); // Email OTP on, all users
    let keys = Keyring::generate(&entropy)?; // in production: Keyring::from_env("SSPR_KEYS")?
    let (sspr, courier) = Sspr::new(mine.clone(), store.codes(), policies, keys);
    let from = EmailAddress::parse("no-reply@contoso.example")?; // or SmtpSender::from_url(…)?
    tokio::spawn(courier.run(FolderSender::open("embed-mails", from, SystemClock::new())?));

    let shop = Application::new("contoso", "sign-in", "shop")?;
    let account = pages(&sspr, shop, mine.clone()); // sign in, forgot, change password
    let app = Router::new().route("/", get(home)).with_state(mine);
    let app = app.nest_service("/account", account); // also answers /account/
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8090").await?;
    println!("http://{}/ as ada@example.com, password: the old password 1", listener.local_addr()?);
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
