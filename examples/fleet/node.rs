//! One process: the native API over the shared stores, and a courier of its own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use sspr::{
    Application, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, MemoryPolicies, PostgresOptions, PostgresStore, RedisCodes, RedisOptions,
    },
    http::{Native, TrustedProxies, health},
    policy::AuthenticationMethodsPolicy,
    ports::CodeStore,
};
use tokio::net::TcpListener;

use crate::{
    CLIENT, Options, Outcome, TENANT, clock::ClockOff, issuer::Issuer, mails::Mails,
    newer_codec::NewerCodec, older_codec::OlderCodec,
};

pub async fn migrate(options: &Options) -> Outcome<()> {
    Ok(PostgresStore::migrate(&PostgresOptions::from_url(&options.store)?).await?)
}

pub async fn run(options: &Options) -> Outcome<()> {
    let store = PostgresStore::open(&PostgresOptions::from_url(&options.store)?).await?;
    let codes: Arc<dyn CodeStore> = match &options.codes {
        Some(url) => Arc::new(RedisCodes::open(&RedisOptions::from_url(url)?).await?),
        None => Arc::new(store.codes()),
    };
    let codes: Arc<dyn CodeStore> = match options.codec.as_str() {
        "this" => codes,
        "both" => Arc::new(NewerCodec::new(codes, false)),
        "next" => Arc::new(NewerCodec::new(codes, true)),
        "older" => Arc::new(OlderCodec(codes)),
        other => return Err(format!("--codec {other}: older, this, both or next").into()),
    };
    let users = store.users();
    let mails = Mails(options.mails.clone().into());
    let builder = |policy: TenantPolicy| -> Outcome<_> {
        let (policies, keys) = (MemoryPolicies::fixed(policy), Keyring::from_env("SSPR_KEYS")?);
        // A demonstration on one machine: in use leave the parameters as they are.
        let hasher = Argon2Pool::new().with_parameters(1024, 1, 1)?;
        let builder = Sspr::builder(users.clone(), codes, policies, keys).with_outbox(users);
        Ok(builder.with_clock(ClockOff(options.clock)).with_hasher(hasher))
    };
    let policy = TenantPolicy::customers(TENANT)?;
    let (sspr, courier) = match options.codec.as_str() {
        "this" => {
            let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
            let policy = policy.with_authentication_methods(methods);
            builder(policy.with_sms_countries(["US"])?)?.with_sms(mails.clone()).build()
        }
        // The others begin before codes by SMS, or play a codec that knows one version of resets.
        _ => builder(policy)?.build(),
    };
    let courier = tokio::spawn(courier.run(mails));
    let native = Native::new(&sspr, Application::new(TENANT, "sign-in", CLIENT)?, Issuer)
        .with_trusted_proxies(TrustedProxies::parse(["127.0.0.1"])?);
    let app = Router::new().nest("/health", health(&sspr)).nest("/contoso", native.router());
    let listener = TcpListener::bind(&options.listen).await?;
    // Not fatal: the proxy asks for readiness, and says no until the clock is right.
    if let Err(error) = sspr.probe().await {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        println!("not ready: {error}: {}", cause.unwrap_or_default());
    }
    println!("node {} serves", options.listen);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stopped()).await?;
    drop(sspr);
    tokio::time::timeout(Duration::from_secs(10), courier).await.ok();
    Ok(())
}

/// The signal that a supervisor sends.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        terminate.recv().await;
    }
}
