//! The SMTP adapter against a real server (aiosmtpd) with STARTTLS on loopback.
#![cfg(feature = "smtp")]
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

#[path = "support/certificates.rs"]
mod certificates;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use sspr::{
    adapters::{FolderSender, ManualClock, SmtpSender, code_in},
    domain::{Code, EmailAddress, IdentityProvider, Instant, NoticeCause},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates},
    policy::Brand,
    ports::{EmailSender, SendError, SendErrorKind},
};

/// The interpreter that has aiosmtpd.
fn python() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let python = std::env::var_os("SSPR_PYTHON").map_or(made, PathBuf::from);
    let found = Command::new(&python).args(["-c", "import aiosmtpd"]).output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "no mail server to test against; install it with: scripts/python-env"
    );
    python
}

struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates::write(folder.path());
        let file = |name: &str| folder.path().join(name);
        let mut child = Command::new(python())
            .arg(script())
            .args(["serve", mode])
            .args([folder.path(), &file("leaf.pem"), &file("leaf.key")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, folder, port: line.trim().parse().unwrap() }
    }

    fn sender(&self, more: &str) -> SmtpSender {
        let ca = self.folder.path().join("ca.pem");
        let url = format!(
            "smtp://localhost:{}?from=no-reply@larkfield.example&ca={}{more}",
            self.port,
            ca.display()
        );
        SmtpSender::from_url(&url).unwrap()
    }

    fn received(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        files.sort_by_key(|path| path.file_stem().unwrap().to_str().unwrap().parse::<u32>().ok());
        files
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtp_server.py")
}

fn parsed(file: &Path) -> Value {
    let output = Command::new(python()).arg(script()).arg("parse").arg(file).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn message(to: &str, language: Language, content: Content<'_>) -> EmailMessage {
    let brand = Brand::new("Lärkfield & Söhne").unwrap().with_origin("login.x.example").unwrap();
    let to = EmailAddress::parse(to).unwrap();
    let letter = Letter { brand: &brand, content, correlation: None, language, to: &to };
    StandardTemplates::default().render(&letter)
}

fn passcode(to: &str) -> EmailMessage {
    let code = Code::parse("04829173").unwrap();
    let lifetime = Duration::from_secs(600);
    message(to, Language::English, Content::Passcode { code: &code, lifetime })
}

fn send(sender: &impl EmailSender, message: &EmailMessage) -> Result<(), SendError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(sender.send(message))
}

/// The kind of the failure; its words must not repeat the address.
fn failure(sender: &SmtpSender, to: &str) -> SendErrorKind {
    let error = send(sender, &passcode(to)).unwrap_err();
    let mut words = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        words.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!words.contains("x.example") && !words.contains("04829173"), "{words}");
    error.kind()
}

fn check(mail: &Value, sent: &EmailMessage) {
    let header = |name: &str| mail["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        mail["kinds"],
        serde_json::json!(["multipart/alternative", "text/plain", "text/html"])
    );
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(header("to"), sent.to.as_str());
    assert!(header("from").contains("no-reply@larkfield.example"), "{}", header("from"));
    assert!(header("from").contains("Lärkfield & Söhne"), "{}", header("from"));
    assert_eq!(header("subject"), *sent.subject);
    assert_eq!(header("auto-submitted"), "auto-generated");
    assert_eq!(header("content-language"), sent.language.as_str());
    assert!(header("message-id").ends_with("@larkfield.example>"), "{}", header("message-id"));
    assert!(!header("date").is_empty() && header("list-unsubscribe").is_empty());
    let unix = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    assert_eq!(unix(mail["parts"][0].as_str().unwrap()), unix(&sent.text));
    assert_eq!(unix(mail["parts"][1].as_str().unwrap()), unix(&sent.html));
}

/// Every mail there is: three kinds in five languages, the notice in the words of each cause.
fn every_mail() -> Vec<EmailMessage> {
    let code = Code::parse("04829173").unwrap();
    let lifetime = Duration::from_secs(600);
    let at = Instant::from_micros(1_795_442_700_000_000);
    let providers = [IdentityProvider::Google];
    let contents = [
        Content::Passcode { code: &code, lifetime },
        Content::PasswordChanged { at, cause: NoticeCause::CodeSentElsewhere },
        Content::PasswordChanged { at, cause: NoticeCause::CodeSentHere },
        Content::PasswordChanged { at, cause: NoticeCause::Unknown },
        Content::NoPasswordHere { providers: &providers },
    ];
    let all = Language::ALL
        .into_iter()
        .flat_map(|language| contents.map(|content| message("ada@x.example", language, content)));
    all.collect()
}

#[test]
fn every_mail_in_every_language_arrives_as_it_was_written() {
    let server = Server::start("starttls");
    let sender = server.sender("");
    let mails = every_mail();
    for mail in &mails {
        send(&sender, mail).unwrap();
    }

    let received = server.received();
    assert_eq!(received.len(), 25);
    for (file, sent) in received.iter().zip(&mails) {
        check(&parsed(file), sent);
        let raw = fs::read_to_string(file).unwrap();
        let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
        assert!(host.trim().len() < 4 || !raw.contains(host.trim()), "the machine's name leaked");
    }
}

#[test]
fn a_folder_holds_the_same_mails() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Instant::from_micros(1_795_442_700_000_000));
    let from = EmailAddress::parse("no-reply@larkfield.example").unwrap();
    let sender = FolderSender::open(folder.path(), from, clock.clone()).unwrap();
    let mails = every_mail();
    for mail in &mails {
        clock.advance(Duration::from_micros(1));
        send(&sender, mail).unwrap();
    }

    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 25);
    for (file, sent) in files.iter().zip(&mails) {
        check(&parsed(file), sent);
    }
    assert!(code_in(&mails[0]).is_some() && code_in(&mails[1]).is_none());
}

#[test]
fn a_server_without_starttls_gets_no_mail() {
    let server = Server::start("plain");
    assert_eq!(failure(&server.sender(""), "ada@x.example"), SendErrorKind::Setup);
    assert!(server.received().is_empty());

    let unprotected = server.sender("&tls=none");
    send(&unprotected, &passcode("ada@x.example")).unwrap();
    assert_eq!(server.received().len(), 1);
}

#[test]
fn an_untrusted_certificate_is_a_matter_of_setup() {
    let server = Server::start("starttls");
    let url = format!("smtp://localhost:{}?from=a@x.example", server.port);
    let sender = SmtpSender::from_url(&url).unwrap();
    assert_eq!(failure(&sender, "ada@x.example"), SendErrorKind::Setup);
    assert!(server.received().is_empty());
}

#[test]
fn refused_credentials_are_a_matter_of_setup() {
    let server = Server::start("auth");
    let ca = server.folder.path().join("ca.pem");
    let (port, ca) = (server.port, ca.display());
    let url = format!("smtp://user:secret@localhost:{port}?from=a@x.example&ca={ca}");
    let sender = SmtpSender::from_url(&url).unwrap();
    assert_eq!(failure(&sender, "ada@x.example"), SendErrorKind::Setup);
}

#[test]
fn what_the_server_says_decides_whether_to_try_again() {
    let server = Server::start("starttls");
    let sender = server.sender("&timeout=2");
    assert_eq!(failure(&sender, "later@x.example"), SendErrorKind::Transient);
    assert_eq!(failure(&sender, "never@x.example"), SendErrorKind::Permanent);
    assert_eq!(failure(&sender, "drop@x.example"), SendErrorKind::Transient);
    assert_eq!(failure(&sender, "slow@x.example"), SendErrorKind::Transient);
    send(&sender, &passcode("ada@x.example")).unwrap();
}

#[test]
fn a_server_that_is_down_is_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sender =
        SmtpSender::from_url(&format!("smtp://127.0.0.1:{port}?from=a@x.example")).unwrap();
    assert_eq!(failure(&sender, "ada@x.example"), SendErrorKind::Transient);
}

#[cfg(feature = "conformance")]
mod contract {
    use std::sync::Arc;

    use sspr::conformance::{EmailSenderBench, EmailSenderCase, Received, Verdict, block_on};

    use super::{Server, parsed};

    fn received(file: &std::path::Path) -> Received {
        let mail = parsed(file);
        let header = |name: &str| mail["headers"][name].as_str().unwrap_or_default().to_owned();
        let text = mail["parts"][0].as_str().unwrap().replace("\r\n", "\n");
        Received::new(vec![header("to")], header("subject"), text)
    }

    fn on_smtp(case: EmailSenderCase) -> Verdict {
        let server = Arc::new(Server::start("starttls"));
        let arrived = server.clone();
        let inbox = move || {
            let all = arrived.received().iter().map(|file| received(file)).collect::<Vec<_>>();
            Box::pin(async move { all }) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
        };
        block_on(case.check(&EmailSenderBench::new(server.sender(""), Arc::new(inbox))))
    }

    sspr::email_sender_conformance!(on_smtp);
}
