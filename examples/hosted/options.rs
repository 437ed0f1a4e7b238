//! The command line.

use std::{net::ToSocketAddrs as _, path::PathBuf};

use sspr::{
    Application, TenantPolicy,
    adapters::SmtpSender,
    domain::{EmailAddress, TenantId},
    http::NativeApplication,
    policy::{
        AuthenticationMethodsPolicy, Brand, Disclosure, FreezeCodes, HostProofs, PasswordRules,
        RequiredProofs,
    },
    ports::{Clock as _, PolicyChange, PolicyStore as _},
};

use crate::{CLIENT, Outcome, STAFF, TENANTS, clock::ShiftedClock};

/// What `--help` prints.
pub const HELP: &str = "\
Two tenants with hosted pages, Entra's native-authentication API, an administrator's side, an
inbox and a small application to be signed in to, on one SQLite file.

cargo run --features full --example hosted -- [OPTION]...

  --listen ADDRESS      where to listen, default 127.0.0.1:8080; port 0 takes a free one
  --db FILE             the SQLite file, default sspr-hosted.db; it is kept
  --ephemeral           a database of its own, which is removed at the end
  --smtp URL            sends mail by this server instead of putting it into the inbox
  --origin ORIGIN       the origin of a single-page application, default http://localhost:8081
  --customers N         N more customers of each tenant: customer1@example.com and so on,
                        with the password of the others; at most 10000
  --rules nist|entra    the password rules of both tenants, default nist
  --disclosure strict|entra
                        whether strangers are told that an address has no account,
                        default strict
  --sms                 switches codes by SMS on in both tenants; phone@example.com has a phone,
                        and its messages are in the inbox
  --two-proofs          switches SMS on and requires two proofs in both tenants; phone@example.com
                        gets a code on each way, and second-factor@example.com has an
                        authenticator app: GET /authenticator/code answers what it shows
  --test-controls       on a loopback address only: POST /test/clock?seconds=N moves the clock
                        ahead (or back, with a negative N), POST /test/restore puts accounts
                        and policies back, and X-Forwarded-For from loopback is believed
  --help                prints this

--rules, --disclosure, --sms and --two-proofs change the policies of a file that has others.

For tests: GET /inbox/code?to=ADDRESS answers the newest passcode to an address or a phone number
as text, or 404.
GET /inbox.json?to=ADDRESS answers all mails as JSON.
A bad option ends the program with exit code 2, and any other failure with 1.
";

/// Most of what `--customers` takes: each is a row in the file.
const MOST_CUSTOMERS: u32 = 10_000;

/// What the command line says.
pub struct Options {
    pub listen: String,
    pub db: PathBuf,
    pub smtp: Option<SmtpSender>,
    pub controls: bool,
    /// Where the single-page application is served from.
    pub origin: String,
    pub settings: Settings,
    /// Removed with everything in it when the demonstration ends.
    _folder: Option<tempfile::TempDir>,
}

/// What the tenants are made of.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How many customers there are besides the named ones.
    pub customers: u32,
    /// `None` leaves a stored policy as it is.
    rules: Option<Rules>,
    disclosure: Option<Disclosure>,
    /// Whether SMS is switched on.
    sms: bool,
    /// Whether two proofs are required.
    two_proofs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    Nist,
    Entra,
}

/// What to do with a command line.
pub enum Wanted {
    Help,
    Run(Box<Options>),
}

/// Reads a command line.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn read(arguments: impl Iterator<Item = String>) -> Outcome<Wanted> {
    let mut arguments = arguments;
    let (mut listen, mut db, mut smtp, mut origin) = (None, None, None, None);
    let (mut customers, mut rules, mut disclosure) = (None, None, None);
    let (mut ephemeral, mut controls, mut sms, mut two_proofs) = (false, false, false, false);
    while let Some(argument) = arguments.next() {
        let kept = match argument.as_str() {
            "--customers" => &mut customers,
            "--db" => &mut db,
            "--disclosure" => &mut disclosure,
            "--listen" => &mut listen,
            "--origin" => &mut origin,
            "--rules" => &mut rules,
            "--smtp" => &mut smtp,
            "--ephemeral" => {
                ephemeral = true;
                continue;
            }
            "--sms" => {
                sms = true;
                continue;
            }
            "--two-proofs" => {
                (sms, two_proofs) = (true, true);
                continue;
            }
            "--test-controls" => {
                controls = true;
                continue;
            }
            "--help" | "-h" => return Ok(Wanted::Help),
            other => return Err(format!("{other}: there is no such option; see --help").into()),
        };
        let value = arguments.next().filter(|value| !value.starts_with("--"));
        let value = value.ok_or(format!("{argument}: a value is missing; see --help"))?;
        if kept.replace(value).is_some() {
            return Err(format!("{argument}: give it once").into());
        }
    }
    let customers = customers.map(|text| number(&text)).transpose()?.unwrap_or(0);
    let rules = rules.map(|text| word("--rules", &text, [Rules::Nist, Rules::Entra], "nist"));
    let both = [Disclosure::Strict, Disclosure::EntraCompatible];
    let disclosure = disclosure.map(|text| word("--disclosure", &text, both, "strict"));
    let (disclosure, rules) = (disclosure.transpose()?, rules.transpose()?);
    let settings = Settings { customers, disclosure, rules, sms, two_proofs };
    let listen = listen.unwrap_or("127.0.0.1:8080".to_owned());
    check_listen(&listen, controls)?;
    let origin = origin.unwrap_or("http://localhost:8081".to_owned());
    NativeApplication::new(Application::new("contoso", "sign-in", CLIENT)?)
        .with_origin(&origin)
        .map_err(|error| format!("--origin {origin}: {error}"))?;
    let smtp = smtp.map(|url| SmtpSender::from_url(&url)).transpose();
    let smtp = smtp.map_err(|error| format!("--smtp: {error}"))?;
    let (folder, db) = match (ephemeral, db) {
        (true, Some(_)) => return Err("--ephemeral: leave it out, or --db".into()),
        (true, None) => {
            let folder = tempfile::tempdir()?;
            let db = folder.path().join("hosted.db");
            (Some(folder), db)
        }
        (false, db) => (None, PathBuf::from(db.unwrap_or("sspr-hosted.db".to_owned()))),
    };
    let options = Options { _folder: folder, controls, db, listen, origin, settings, smtp };
    Ok(Wanted::Run(Box::new(options)))
}

fn number(text: &str) -> Outcome<u32> {
    let number = text.parse().ok().filter(|number| *number <= MOST_CUSTOMERS);
    Ok(number.ok_or(format!("--customers {text}: give a number of at most {MOST_CUSTOMERS}"))?)
}

/// One of two words: the first's own, or `entra`.
fn word<T>(option: &str, text: &str, [first, entra]: [T; 2], name: &str) -> Outcome<T> {
    match text {
        text if text == name => Ok(first),
        "entra" => Ok(entra),
        _ => Err(format!("{option} {text}: give {name} or entra").into()),
    }
}

fn check_listen(listen: &str, controls: bool) -> Outcome<()> {
    let found = listen.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let found = found.map_err(|_| {
        format!("--listen {listen}: give an address and a port, for instance 127.0.0.1:8080")
    })?;
    if controls && !found.iter().all(|at| at.ip().is_loopback()) {
        return Err("--test-controls: only on a loopback address".into());
    }
    Ok(())
}

impl Settings {
    /// Each tenant's policy as it is at the very first start.
    ///
    /// # Errors
    /// The texts of this program are no policy.
    pub fn first_policy(&self, tenant: &str, name: &str) -> Outcome<TenantPolicy> {
        let brand = Brand::new(name)?
            .with_origin("127.0.0.1")?
            .with_sender(EmailAddress::parse("no-reply@larkfield.example")?);
        let email = format!(
            r##"{{"@odata.type":"#microsoft.graph.emailAuthenticationMethodConfiguration","id":"Email",
        "state":"enabled","allowExternalIdToUseEmailOtp":"default",
        "includeTargets":[{{"targetType":"group","id":"all_users","isRegistrationRequired":false}}],
        "excludeTargets":[{{"targetType":"group","id":"{STAFF}"}}]}}"##
        );
        let methods = AuthenticationMethodsPolicy::from_email_json(&email)?;
        let policy = TenantPolicy::customers(tenant)?.with_brand(brand);
        let policy = policy.with_freeze_codes(FreezeCodes::On);
        self.applied(policy.with_authentication_methods(methods))
    }

    /// A policy with what the command line asks for.
    fn applied(&self, policy: TenantPolicy) -> Outcome<TenantPolicy> {
        let policy = match self.sms {
            true => {
                let methods = policy.authentication_methods().clone().with_sms_for_all();
                policy.with_authentication_methods(methods).with_sms_countries(["US"])?
            }
            false => policy,
        };
        let policy = match self.two_proofs {
            true => {
                policy.with_required_proofs(RequiredProofs::Two).with_host_proofs(HostProofs::On)
            }
            false => policy,
        };
        let policy = match self.rules {
            Some(Rules::Nist) => policy.with_password_rules(PasswordRules::nist()),
            Some(Rules::Entra) => policy.with_password_rules(PasswordRules::entra()),
            None => policy,
        };
        Ok(match self.disclosure {
            Some(disclosure) => policy.with_disclosure(disclosure),
            None => policy,
        })
    }

    /// Writes the policies of a new file, and what the command line changes in those of an old one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn furnish(
        &self,
        policies: &sspr::adapters::SqlitePolicies,
        clock: &ShiftedClock,
    ) -> Outcome<()> {
        for fault in policies.faults() {
            // The other tenants are served; this one is repaired on the administrator's page.
            println!("Policy          {}", fault.message);
        }
        for (tenant, name) in TENANTS {
            let id = TenantId::parse(tenant)?;
            if policies.damaged(&id).await?.is_some() {
                continue;
            }
            let stored = policies.read(&id).await?;
            let (version, before) = match &stored {
                Some(stored) => (stored.version, Some(&*stored.policy)),
                None => (0, None),
            };
            let (why, policy) = match before {
                Some(before) => ("Command line", self.applied(before.clone())?),
                None => ("Tenant created", self.first_policy(tenant, name)?),
            };
            if before.is_none_or(|before| before.to_json() != policy.to_json()) {
                let change = PolicyChange::new(clock.now(), "hosted", why, before, policy);
                policies.write(&change, version).await?;
            }
        }
        Ok(())
    }
}
