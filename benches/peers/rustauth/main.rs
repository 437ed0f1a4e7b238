//! The server of `rustauth` in the comparison: its e-mail OTP plugin over one SQLite file.

use std::{
    env,
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use axum::{Json, Router, routing::get};
use rustauth::{
    db::{AuthSchemaOptions, DbAdapter as _, auth_schema},
    error::RustAuthError,
    options::{AdvancedOptions, IpAddressOptions, PasswordOptions},
    plugins::email_otp::{EmailOtpOptions, EmailOtpPayload, email_otp},
    prelude::{EmailPasswordOptions, RateLimitOptions, RustAuth},
    sqlx::SqliteAdapter,
    user::{CreateCredentialAccountInput, CreateUserInput},
};
use rustauth_axum::{RustAuthAxumExt as _, RustAuthAxumOptions};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Inbox = Arc<Mutex<Vec<Value>>>;
type Sent = Pin<Box<dyn Future<Output = Result<(), RustAuthError>> + Send>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let port: u16 = env::var("PORT")?.parse()?;
    let file = SqliteConnectOptions::new()
        .filename(env::var("DATABASE")?)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let schema = auth_schema(AuthSchemaOptions::default());
    let pool = SqlitePoolOptions::new().connect_with(file).await?;
    let adapter = SqliteAdapter::with_schema(pool, schema.clone());
    adapter.run_migrations(&schema).await?;

    let inbox = Inbox::default();
    let capture = inbox.clone();
    let sender = move |mail: EmailOtpPayload, _: Option<&axum::http::Request<Vec<u8>>>| {
        let mail = json!({ "to": mail.email, "secret": mail.otp });
        capture.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        let sent: Sent = Box::pin(async { Ok(()) });
        sent
    };
    let proxy = IpAddressOptions::new().header("x-forwarded-for");
    let auth = RustAuth::builder()
        .secret("a secret of the comparison, which protects nothing")
        .base_url(format!("http://127.0.0.1:{port}/api/auth"))
        .production(true)
        .email_password(EmailPasswordOptions::new().enabled(true))
        .password(PasswordOptions::new().hash_password(hash).verify_password(verify))
        .rate_limit(RateLimitOptions::memory().enabled(true))
        .advanced(AdvancedOptions::new().ip_address(proxy))
        .plugin(email_otp(EmailOtpOptions::new(Arc::new(sender)))?)
        .adapter(adapter)
        .build()
        .await?;
    seed(&auth, env::var("PEOPLE")?.parse()?).await?;

    let mails = move || async move {
        Json(std::mem::take(&mut *inbox.lock().unwrap_or_else(PoisonError::into_inner)))
    };
    let app = Router::new()
        .merge(auth.mount_at_base_path(RustAuthAxumOptions::default())?)
        .route("/mails", get(mails));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, app).await?)
}

/// Creates people with verified addresses, so that a reset need not mark them as verified.
async fn seed(auth: &RustAuth, people: usize) -> Outcome<()> {
    let users = auth.context().users()?;
    let password = hash("the old password 1")?;
    for person in 0..people {
        let user = CreateUserInput::new("Person", format!("person{person}@example.com"));
        let user = users.create_user(user.email_verified(true)).await?;
        let account = CreateCredentialAccountInput::new(user.id, password.clone());
        users.create_credential_account(account).await?;
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>, RustAuthError> {
    let params = Params::new(19_456, 2, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, RustAuthError> {
    Ok(argon2()?.hash_password(password.as_bytes()).map_err(failed)?.to_string())
}

fn verify(hash: &str, password: &str) -> Result<bool, RustAuthError> {
    let hash = argon2::PasswordHash::new(hash).map_err(failed)?;
    Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok())
}

fn failed(error: impl std::fmt::Display) -> RustAuthError {
    RustAuthError::PasswordHash(error.to_string())
}
