//! Resets a forgotten password at the terminal, on SQLite, with real mail: sign in, forget, enter
//! the code from the mail, choose a new password, be signed in. Reads from a pipe too.
//! `cargo run --features full --example reset -- [--db FILE] [--mails FOLDER | --smtp URL]`;
//! `--help` says what each does.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "an example talks")]

use std::{error::Error, fs, io::BufRead as _, path::PathBuf, process::ExitCode, time::Duration};

use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, FolderSender, MemoryPolicies, SessionToken, SmtpSender, SqliteStore,
        SqliteUsers, SystemClock, SystemEntropy,
    },
    domain::{Account, AccountId, Code, EmailAddress, Grant, Password, Stamp, TenantId},
    engine::{
        Client, RedeemOutcome, Rejection, Request, SendOutcome, SentCode, SignInOutcome,
        StartOutcome, SubmitOutcome, VerifyOutcome,
    },
    ports::{
        Clock as _, EmailSender, Entropy as _, HashQueue, PasswordHasher as _, UserStore as _,
    },
};

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Terminal {
    sspr: Sspr,
    users: SqliteUsers,
    /// What a browser would keep in a cookie: beside the database.
    session: PathBuf,
}

/// What `--help` prints.
const HELP: &str = "\
Resets a forgotten password at the terminal, on SQLite.

cargo run --features full --example reset -- [OPTION]...

  --db FILE         the SQLite file, default sspr-demo.db; it is kept, with its keys and the
                    session beside it
  --mails FOLDER    where mails are written as files, default sspr-demo-mails
  --smtp URL        sends mails by this server instead
  --help            prints this

A bad option ends the program with exit code 2, and any other failure with 1.
";

/// What the command line says.
#[derive(Default)]
struct Options {
    db: Option<String>,
    mails: Option<String>,
    smtp: Option<SmtpSender>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("reset: {error}");
            return ExitCode::from(2);
        }
    };
    match start(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reset: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a command line. `None` asks for help.
fn options(mut arguments: impl Iterator<Item = String>) -> Outcome<Option<Options>> {
    let mut options = Options::default();
    let mut smtp = None;
    while let Some(argument) = arguments.next() {
        let kept = match argument.as_str() {
            "--db" => &mut options.db,
            "--mails" => &mut options.mails,
            "--smtp" => &mut smtp,
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("{other}: there is no such option; see --help").into()),
        };
        let value = arguments.next().filter(|value| !value.starts_with("--"));
        let value = value.ok_or(format!("{argument}: a value is missing; see --help"))?;
        if kept.replace(value).is_some() {
            return Err(format!("{argument}: give it once").into());
        }
    }
    if options.mails.is_some() && smtp.is_some() {
        return Err("--mails: leave it out, or --smtp".into());
    }
    let smtp = smtp.map(|url| SmtpSender::from_url(&url)).transpose();
    options.smtp = smtp.map_err(|error| format!("--smtp: {error}"))?;
    Ok(Some(options))
}

async fn start(options: Options) -> Outcome<()> {
    let file = PathBuf::from(options.db.unwrap_or_else(|| "sspr-demo.db".to_owned()));
    let store = SqliteStore::open(&file).await?;
    let users = store.users();
    let tenants = ["contoso", "fabrikam"];
    for tenant in tenants {
        furnish(&users, &TenantId::parse(tenant)?).await?;
    }
    let policies =
        tenants.map(TenantPolicy::customers).into_iter().collect::<Result<Vec<_>, _>>()?;
    let (sspr, courier) = Sspr::builder(
        users.clone(),
        store.codes(),
        MemoryPolicies::from_iter(policies),
        keys(&file)?,
    )
    .with_outbox(users.clone())
    .build();
    match options.smtp {
        Some(sender) => run(courier, sender),
        None => {
            let folder = options.mails.unwrap_or_else(|| "sspr-demo-mails".to_owned());
            let from = EmailAddress::parse("no-reply@larkfield.example")?;
            let sender = FolderSender::open(folder, from, SystemClock::new())?;
            println!("Mails are files in {}", fs::canonicalize(sender.folder())?.display());
            run(courier, sender);
        }
    }
    println!("Customers: ada@example.com and grace@example.com, password: the old password 1");
    let session = file.with_extension("session");
    let terminal = Terminal { session, sspr, users };
    terminal.greet().await?;
    terminal.talk().await
}

/// Asks one thing; `None` at the end of the input.
fn ask(question: &str) -> Option<String> {
    println!("{question}");
    let line = std::io::stdin().lock().lines().next()?.ok()?;
    (line.trim() != "quit").then(|| line.trim().to_owned())
}

impl Terminal {
    async fn talk(&self) -> Outcome<()> {
        loop {
            let Some(tenant) = ask("\nTenant? (contoso, fabrikam, quit)") else { return Ok(()) };
            let Some(address) = ask("E-mail address?") else { return Ok(()) };
            let shop = Application::new(&tenant, "sign-in", "shop");
            let (Ok(shop), Ok(address)) = (shop, EmailAddress::parse(&address)) else {
                println!("Enter a tenant and an e-mail address like name@example.com.");
                continue;
            };
            let request = Request::new(&shop, address);
            let Some(typed) = ask("Password? (or: forgot)") else { return Ok(()) };
            if typed == "forgot" {
                self.reset(&request).await?;
            } else {
                self.sign_in(&request, &typed).await?;
            }
        }
    }

    async fn sign_in(&self, request: &Request, typed: &str) -> Outcome<()> {
        let password = match Password::parse(typed) {
            Ok(password) => password,
            Err(error) => {
                println!("{error}");
                return Ok(());
            }
        };
        match self.sspr.sign_in(request, &password, &Client::unknown()).await? {
            SignInOutcome::SignedIn(it) => self.signed_in(request, &it.account, it.stamp).await?,
            SignInOutcome::MustChange(granted) => {
                println!("Your password must be changed.");
                self.choose(request, &granted.grant).await?;
            }
            SignInOutcome::Frozen => println!("Frozen by its owner. A reset ends the freeze."),
            SignInOutcome::Rejected => {
                println!("That address and password do not match.");
            }
            SignInOutcome::LockedOut { until } => {
                let now = SystemClock::new().now();
                let wait = until.map_or(Duration::ZERO, |until| until.since(now)).as_secs();
                println!("Sign-in is paused for {wait} seconds; or reset the password now.");
            }
            SignInOutcome::TryLater { .. } => println!("Please try later."),
        }
        Ok(())
    }

    async fn reset(&self, request: &Request) -> Outcome<()> {
        let client = Client::unknown();
        let started = match self.sspr.start(request, &client).await? {
            StartOutcome::Started(started) => started,
            StartOutcome::TryLater { .. } => {
                println!("Please try later.");
                return Ok(());
            }
            StartOutcome::Unavailable | StartOutcome::UnknownAccount => {
                println!("Password reset is not offered here.");
                return Ok(());
            }
        };
        say_sent(&started.sent);
        let grant = loop {
            let Some(typed) = ask("Code? (or: resend, back)") else { return Ok(()) };
            match typed.as_str() {
                "back" => return Ok(()),
                "resend" => match self.sspr.send(&started.token, &client).await? {
                    SendOutcome::Sent(sent) => say_sent(&sent),
                    SendOutcome::TooSoon { resend_at } => {
                        let wait = resend_at.since(SystemClock::new().now()).as_secs();
                        println!("A new code is available in {wait} seconds.");
                    }
                    SendOutcome::TryLater { .. } => println!("Please try later."),
                    SendOutcome::Gone => return say("Please start again."),
                },
                _ => {
                    let Ok(code) = Code::parse(&typed) else {
                        println!("Enter the 8 digits or 16 letters from the newest e-mail.");
                        continue;
                    };
                    match self.sspr.verify(&started.token, &code, &client).await? {
                        VerifyOutcome::Granted(granted) => break granted.grant,
                        VerifyOutcome::NextProof(_) => {
                            return say("This tenant asks for two proofs; use its pages.");
                        }
                        VerifyOutcome::Rejected(rejection) => {
                            if !say_rejected(&rejection) {
                                return Ok(());
                            }
                        }
                    }
                }
            }
        };
        self.choose(request, &grant).await
    }

    /// Asks for a new password until one is accepted.
    async fn choose(&self, request: &Request, grant: &Grant) -> Outcome<()> {
        let client = Client::unknown();
        loop {
            let Some(typed) = ask("New password?") else { return Ok(()) };
            let password = match Password::parse(&typed) {
                Ok(password) => password,
                Err(error) => {
                    println!("{error}");
                    continue;
                }
            };
            match self.sspr.submit(grant, &password, &client).await? {
                SubmitOutcome::Changed(changed) => {
                    println!("Your password is changed.");
                    return match self.sspr.redeem(&changed.ticket).await? {
                        RedeemOutcome::SignIn(it) => {
                            self.signed_in(request, &it.account, it.stamp).await
                        }
                        RedeemOutcome::RequireSignIn | RedeemOutcome::Rejected => {
                            say("Sign in with your new password.")
                        }
                    };
                }
                SubmitOutcome::Weak { issues } => {
                    println!("Please choose another password:");
                    issues.iter().for_each(|issue| println!("- {issue}"));
                }
                SubmitOutcome::Rejected => return say("Please start again."),
                SubmitOutcome::TryLater { .. } => println!("Please try later."),
            }
        }
    }

    async fn signed_in(&self, request: &Request, id: &AccountId, stamp: Stamp) -> Outcome<()> {
        let (tenant, entropy) = (&request.application.tenant, SystemEntropy::new());
        let token = self.users.open_session(tenant, id, stamp, &entropy).await?;
        self.greet().await?;
        fs::write(&self.session, format!("{tenant}\n{}", token.expose()))?;
        println!("Signed in as {id} of {tenant}.");
        Ok(())
    }

    /// Says what the session that was kept is still worth.
    async fn greet(&self) -> Outcome<()> {
        let Ok(kept) = fs::read_to_string(&self.session) else { return Ok(()) };
        let (tenant, token) = kept.trim().split_once('\n').unwrap_or_default();
        let account = match (TenantId::parse(tenant), SessionToken::parse(token)) {
            (Ok(tenant), Some(token)) => self.users.session(&tenant, &token).await?,
            _ => None,
        };
        match account {
            Some(id) => println!("The earlier session is valid: {id}."),
            None => println!("The earlier session has ended."),
        }
        Ok(())
    }
}

fn say(words: &str) -> Outcome<()> {
    println!("{words}");
    Ok(())
}

fn say_sent(sent: &SentCode) {
    let (whom, length) = (&sent.masked_address, sent.code_length());
    println!("If {whom} has an account, a code of {length} symbols is on its way.");
}

/// Says why a code was not accepted, and whether another one can be entered.
fn say_rejected(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::WrongCode { tries_left } => {
            println!("That code is not right. You have {tries_left} tries left.");
        }
        Rejection::LongerCodeSent(sent) => say_sent(sent),
        Rejection::Expired => println!("That code is too old. Enter: resend"),
        Rejection::Exhausted => println!("That code was tried too often. Enter: resend"),
        Rejection::Gone => {
            println!("Please start again.");
            return false;
        }
        Rejection::TryLater { .. } => println!("Please try later."),
    }
    true
}

fn run(courier: Courier, sender: impl EmailSender + 'static) {
    tokio::spawn(courier.run(sender));
}

/// Two customers, the first time.
async fn furnish(users: &SqliteUsers, tenant: &TenantId) -> Outcome<()> {
    for name in ["ada", "grace"] {
        let id = AccountId::parse(name)?;
        if users.find(tenant, &id).await?.is_none() {
            let old = Password::parse("the old password 1")?;
            let hash = Argon2Pool::new().hash(old, HashQueue::Submit).await?;
            let address = EmailAddress::parse(&format!("{name}@example.com"))?;
            let account = Account::new(id, address, Stamp::generate(&SystemEntropy::new())?);
            users.insert(tenant, &account.with_password(hash)).await?;
        }
    }
    Ok(())
}

/// Keys from the environment, or of this demonstration: beside the database, which a real service
/// must never do.
fn keys(file: &std::path::Path) -> Outcome<Keyring> {
    if std::env::var_os("SSPR_KEYS").is_some() {
        return Ok(Keyring::from_env("SSPR_KEYS")?);
    }
    let beside = file.with_extension("keys");
    if !beside.exists() {
        let key = || -> Outcome<String> {
            let mut bytes = [0; 32];
            SystemEntropy::new().fill(&mut bytes)?;
            Ok(<base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&bytes))
        };
        fs::write(&beside, format!("sign={} index={}\n", key()?, key()?))?;
    }
    Ok(Keyring::parse(&fs::read_to_string(beside)?)?)
}
