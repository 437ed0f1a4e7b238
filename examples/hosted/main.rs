//! The main job: two tenants with hosted pages, Entra's native-authentication API, an
//! administrator's side, an inbox and a small application to be signed in to, on one SQLite file.
//! `cargo run --features full --example hosted -- [--listen ADDRESS] [--db FILE | --ephemeral]
//! [--smtp URL] [--origin ORIGIN] [--test-controls]`
#![allow(
    clippy::print_stdout,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "an example talks, and is no library"
)]

mod administrators;
mod controls;
mod customers;
mod inbox;
mod issuer;
mod keys;
mod shop;

use std::{error::Error, net::SocketAddr, path::PathBuf, time::Duration};

use axum::{Router, response::Html, routing::get};
use sspr::{
    Sspr, TenantPolicy,
    adapters::{CaptureSender, SmtpSender, SqlitePolicies, SqliteStore},
    domain::{GroupId, TenantId},
    http::{
        Admin, Application, Native, NativeApplication, Pages, ReturnTo, change_password, health,
    },
    policy::Brand,
    ports::{Clock as _, PolicyChange, PolicyStore as _},
};
use tokio::{net::TcpListener, task::JoinHandle};

use administrators::Administrators;
use controls::ShiftedClock;
use issuer::Issuer;
use shop::ShopSessions;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Tenant, and the name that its customers see.
pub const TENANTS: [(&str, &str); 2] = [("contoso", "Contoso"), ("fabrikam", "Fabrikam")];
/// The native API's `client_id` of the shop.
pub const CLIENT: &str = "63856651-0000-4000-8000-000000000000";
const STAFF: &str = "6f0c0e0a-0000-4000-8000-000000000001";

struct Options {
    listen: String,
    db: PathBuf,
    smtp: Option<String>,
    controls: bool,
    /// Where the single-page application is served from.
    origin: String,
    /// Removed with everything in it when the demonstration ends.
    _folder: Option<tempfile::TempDir>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::read()?;
    let listener = TcpListener::bind(&options.listen).await?;
    let at = listener.local_addr()?;
    if options.controls && !at.ip().is_loopback() {
        return Err("--test-controls: only on a loopback address".into());
    }
    let store = SqliteStore::open(&options.db).await?;
    let users = store.users();
    let policies = store.policies().await?;
    let clock = ShiftedClock::default();
    customers::furnish(&users, customers::Existing::Keep).await?;
    furnish_policies(&policies, &clock).await?;
    let (sspr, courier) =
        Sspr::builder(users.clone(), store.codes(), policies.clone(), keys::beside(&options.db)?)
            .with_outbox(users.clone())
            .with_clock(clock.clone())
            .build();
    let inbox = CaptureSender::new();
    let courier = match &options.smtp {
        Some(url) => tokio::spawn(courier.run(SmtpSender::from_url(url)?)),
        None => tokio::spawn(courier.run(inbox.clone())),
    };

    let administrators = Administrators::new()?;
    let mut admin = Admin::new(&sspr, policies.clone(), administrators.clone());
    let mut app = Router::new()
        .route("/", get(welcome))
        .nest("/health", health(&sspr))
        .merge(change_password(&ReturnTo::parse("/contoso/account")?))
        .merge(administrators.router())
        .merge(inbox::router(inbox));
    for (tenant, _) in TENANTS {
        let id = TenantId::parse(tenant)?;
        let home = ReturnTo::parse(&format!("/{tenant}/shop"))?;
        let application = Application::new(tenant, "sign-in", CLIENT)?
            .with_home(home)
            .with_help(ReturnTo::parse("/")?);
        let pages = Pages::new(&sspr, application, ShopSessions::new(tenant, users.clone())?);
        let client = NativeApplication::new(CLIENT, "sign-in")?
            .with_origin(&format!("http://{at}"))?
            .with_origin(&options.origin)?;
        let issuer = Issuer::new(tenant, at, users.clone(), clock.clone())?;
        let api = Native::new(&sspr, id.clone(), issuer.clone()).with_application(client);
        app = app
            .nest(&format!("/{tenant}/account"), pages.router())
            .nest(&format!("/{tenant}.onmicrosoft.com"), api.router().merge(issuer.router()))
            .merge(shop::router(tenant, users.clone())?);
        admin = admin.with_group(&id, GroupId::parse(STAFF)?, "Staff");
    }
    app = app.nest("/admin/", admin.router());
    if options.controls {
        let world = controls::World { clock, policies: policies.clone(), users };
        app = app.merge(controls::router(world));
    }
    let sweeper = keep_house(&sspr, &policies);
    println!("Application     http://{at}/contoso/shop   (and http://{at}/fabrikam/shop)");
    println!("Customers       ada@example.com, password: {}", customers::PASSWORD);
    println!("Inbox           http://{at}/inbox   (JSON: http://{at}/inbox.json)");
    println!("Administrator   http://{at}/administrator?key={}", administrators.key());
    println!("Native API      http://{at}/contoso.onmicrosoft.com   (client_id {CLIENT})");
    serve(listener, app).await?;
    // The last handles go, and with them the courier: what waits is still sent.
    sweeper.abort();
    drop(sspr);
    tokio::time::timeout(Duration::from_secs(10), courier).await.ok();
    Ok(())
}

async fn serve(listener: TcpListener, app: Router) -> Outcome<()> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await?;
    Ok(())
}

/// Ctrl-C, or the signal that a supervisor sends.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Other processes' policies, every second; dead records, every minute.
fn keep_house(sspr: &Sspr, policies: &SqlitePolicies) -> JoinHandle<()> {
    let (sspr, policies) = (sspr.clone(), policies.clone());
    tokio::spawn(async move {
        let mut seconds = 0_u64;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            policies.refresh().await.ok();
            seconds += 1;
            if seconds.is_multiple_of(60) {
                sspr.sweep(1_000).await.ok();
            }
        }
    })
}

/// Each tenant's policy as it is at the very first start.
pub fn first_policy(tenant: &str, name: &str) -> Outcome<TenantPolicy> {
    let brand = Brand::new(name)?
        .with_origin("127.0.0.1")?
        .with_sender(sspr::domain::EmailAddress::parse("no-reply@larkfield.example")?);
    let email = format!(
        r##"{{"@odata.type":"#microsoft.graph.emailAuthenticationMethodConfiguration","id":"Email",
        "state":"enabled","allowExternalIdToUseEmailOtp":"default",
        "includeTargets":[{{"targetType":"group","id":"all_users","isRegistrationRequired":false}}],
        "excludeTargets":[{{"targetType":"group","id":"{STAFF}"}}]}}"##
    );
    let methods = sspr::policy::AuthenticationMethodsPolicy::from_email_json(&email)?;
    Ok(TenantPolicy::customers(tenant)?.with_brand(brand).with_authentication_methods(methods))
}

async fn furnish_policies(policies: &SqlitePolicies, clock: &ShiftedClock) -> Outcome<()> {
    for fault in policies.faults() {
        // The other tenants are served; this one is repaired on the administrator's page.
        println!("Policy          {}", fault.message);
    }
    for (tenant, name) in TENANTS {
        let id = TenantId::parse(tenant)?;
        let is_there =
            policies.damaged(&id).await?.is_some() || policies.read(&id).await?.is_some();
        if !is_there {
            let policy = first_policy(tenant, name)?;
            let change = PolicyChange::new(clock.now(), "hosted", "Tenant created", None, policy);
            policies.write(&change, 0).await?;
        }
    }
    Ok(())
}

async fn welcome() -> Html<String> {
    let mut rows = String::new();
    for (tenant, name) in TENANTS {
        rows.push_str(&format!(
            "<li><a href=\"/{tenant}/shop\">{name}: the application</a>\n\
             <li><a href=\"/{tenant}/account/sign-in\">{name}: sign in</a>\n"
        ));
    }
    Html(shop::page(
        "sspr",
        &format!(
            "<h1>sspr</h1>\n<p class=\"lead\">Two tenants and their customers.</p>\n<ul>{rows}\
         <li><a href=\"/inbox\">Inbox</a>\n<li><a href=\"/admin/\">Administration</a>\n</ul>"
        ),
    ))
}

impl Options {
    fn read() -> Outcome<Self> {
        let mut options = Self {
            _folder: None,
            controls: false,
            db: PathBuf::from("sspr-hosted.db"),
            listen: "127.0.0.1:8080".to_owned(),
            origin: "http://localhost:8081".to_owned(),
            smtp: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument}: a value is missing"));
            match argument.as_str() {
                "--db" => options.db = value()?.into(),
                "--ephemeral" => {
                    let folder = tempfile::tempdir()?;
                    options.db = folder.path().join("hosted.db");
                    options._folder = Some(folder);
                }
                "--listen" => options.listen = value()?,
                "--origin" => options.origin = value()?,
                "--smtp" => options.smtp = Some(value()?),
                "--test-controls" => options.controls = true,
                other => {
                    let known = "--db, --ephemeral, --listen, --origin, --smtp, --test-controls";
                    return Err(format!("{other}: only these are known: {known}").into());
                }
            }
        }
        Ok(options)
    }
}
