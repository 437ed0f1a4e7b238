//! The main job: two tenants with hosted pages, Entra's native-authentication API, an
//! administrator's side, an inbox and a small application to be signed in to, on one SQLite file.
//! `cargo run --features full --example hosted -- [--listen ADDRESS] [--db FILE | --ephemeral]
//! [--smtp URL] [--origin ORIGIN] [--customers N] [--rules nist|entra]
//! [--disclosure strict|entra] [--sms | --two-proofs] [--test-controls]`; `--help` says what each does.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "an example talks, and is no library"
)]

mod administrators;
mod authenticator;
mod clock;
mod controls;
mod customers;
mod inbox;
mod issuer;
mod keys;
mod options;
mod shop;

use std::{error::Error, net::SocketAddr, process::ExitCode, time::Duration};

use axum::{Router, response::Html, routing::get};
use sspr::{
    Application, Sspr,
    adapters::{CaptureSender, SmtpSender, SqlitePolicies, SqliteStore},
    domain::{GroupId, TenantId},
    http::{
        Admin, Native, NativeApplication, Pages, ReturnTo, TrustedProxies, change_password, health,
    },
};
use tokio::{net::TcpListener, task::JoinHandle};

use administrators::Administrators;
use authenticator::Authenticator;
use clock::ShiftedClock;
use issuer::Issuer;
use options::{Options, Wanted};
use shop::ShopSessions;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Tenant, and the name that its customers see.
pub const TENANTS: [(&str, &str); 2] = [("contoso", "Contoso"), ("fabrikam", "Fabrikam")];
/// The native API's `client_id` of the shop.
pub const CLIENT: &str = "63856651-0000-4000-8000-000000000000";
const STAFF: &str = "6f0c0e0a-0000-4000-8000-000000000001";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::read(std::env::args().skip(1)) {
        Ok(Wanted::Run(options)) => *options,
        Ok(Wanted::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("hosted: {error}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hosted: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Outcome<()> {
    let listener = TcpListener::bind(&options.listen).await;
    let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
    let at = listener.local_addr()?;
    let store = SqliteStore::open(&options.db).await?;
    let users = store.users();
    let policies = store.policies().await?;
    let clock = ShiftedClock::default();
    customers::furnish(&users, customers::Existing::Keep, options.settings.customers).await?;
    options.settings.furnish(&policies, &clock).await?;
    let inbox = CaptureSender::new();
    let authenticator = Authenticator::new(clock.clone());
    let (sspr, courier) =
        Sspr::builder(users.clone(), store.codes(), policies.clone(), keys::beside(&options.db)?)
            .with_sms(inbox.clone())
            .with_host_proof_check(authenticator.clone())
            .with_outbox(users.clone())
            .with_audit_log(store.audit())
            .with_clock(clock.clone())
            .build();
    let courier = match options.smtp {
        Some(sender) => {
            warn_of(sender.clone());
            tokio::spawn(courier.run(sender))
        }
        None => tokio::spawn(courier.run(inbox.clone())),
    };

    let administrators = Administrators::new()?;
    let count = customers::Count { more: options.settings.customers, users: users.clone() };
    let mut admin = Admin::new(&sspr, policies.clone(), administrators.clone())
        .with_help_desk()
        .with_preview(count);
    // Tests come from many networks by one connection.
    let proxies = if options.controls {
        TrustedProxies::parse(["127.0.0.0/8", "::1"])?
    } else {
        TrustedProxies::none()
    };
    let mut app = Router::new()
        .route("/", get(welcome))
        .nest("/health", health(&sspr))
        .merge(change_password(&ReturnTo::parse("/contoso/account")?))
        .merge(administrators.router())
        .merge(authenticator.router())
        .merge(inbox::router(inbox));
    for (tenant, _) in TENANTS {
        let id = TenantId::parse(tenant)?;
        let home = ReturnTo::parse(&format!("/{tenant}/shop"))?;
        let application = Application::new(tenant, "sign-in", CLIENT)?;
        let sessions = ShopSessions::new(tenant, users.clone())?;
        let pages = Pages::new(&sspr, application.clone(), sessions)
            .with_home(home)
            .with_help(ReturnTo::parse("/")?)
            .with_help_desk()
            .with_trusted_proxies(proxies.clone());
        let client = NativeApplication::new(application)
            .with_origin(&format!("http://{at}"))?
            .with_origin(&options.origin)?;
        let issuer = Issuer::new(tenant, at, users.clone(), clock.clone())?;
        let api = Native::new(&sspr, client, issuer.clone()).with_trusted_proxies(proxies.clone());
        app = app
            .nest_service(&format!("/{tenant}/account"), pages.router())
            .nest(&format!("/{tenant}.onmicrosoft.com"), api.router().merge(issuer.router()))
            .merge(shop::router(tenant, users.clone())?);
        let shop = Application::new(tenant, "sign-in", CLIENT)?;
        admin = admin
            .with_group(&id, GroupId::parse(STAFF)?, "Staff")
            .with_application(shop, "The shop");
    }
    app = app.nest("/admin/", admin.router());
    if options.controls {
        let settings = options.settings.clone();
        let world = controls::World { clock, policies: policies.clone(), settings, users };
        app = app.merge(controls::router(world));
    }
    let sweeper = keep_house(&sspr, &policies);
    println!("Application     http://{at}/contoso/shop   (and http://{at}/fabrikam/shop)");
    println!("Customers       ada@example.com, password: {}", customers::PASSWORD);
    println!(
        "                signed in: Change password; must-change@example.com must do so first"
    );
    println!(
        "                not you? The notice has a code: Freeze my account, on the sign-in page"
    );
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

/// Says at once, and not with the first mail, that the mail server does not take mail. The server
/// may come back: nothing stops for it.
fn warn_of(sender: SmtpSender) {
    tokio::spawn(async move {
        if let Err(error) = sender.check().await {
            eprintln!("hosted: warning: no mail can be sent now: {error}");
        }
    });
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
