//! The SMTP adapter against a real server (aiosmtpd) with STARTTLS on loopback.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use crate::certificates;
use serde_json::Value;
use sspr::{
    adapters::{FolderSender, ManualClock, SmtpSender, SmtpUrlError, code_in},
    domain::{Code, EmailAddress, IdentityProvider, TenantId, Timestamp},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates},
    policy::Brand,
    ports::{EmailSender, NoticeCause, SendError, SendErrorKind},
};

/// The interpreter that has aiosmtpd.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
        let python = std::env::var_os("SSPR_PYTHON").map_or(made, PathBuf::from);
        let found = Command::new(&python).args(["-c", "import aiosmtpd"]).output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "no mail server to test against; install it with: scripts/python-env"
        );
        python
    })
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

/// The mails as a mail program reads them.
fn parsed(files: &[PathBuf]) -> Vec<Value> {
    let output = Command::new(python()).arg(script()).arg("parse").args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn message(to: &str, language: Language, content: Content<'_>) -> EmailMessage {
    let brand = Brand::new("Lärkfield & Söhne").unwrap().with_origin("login.x.example").unwrap();
    let to = EmailAddress::parse(to).unwrap();
    let tenant = TenantId::parse("contoso").unwrap();
    let letter = Letter {
        application: None,
        brand: &brand,
        content,
        correlation: None,
        language,
        tenant: &tenant,
        to: &to,
    };
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

fn checked(sender: &SmtpSender) -> Result<(), SendError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(sender.check())
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
    let at = Timestamp::from_micros(1_795_442_700_000_000);
    let providers = [IdentityProvider::Google];
    let contents = [
        Content::Passcode { code: &code, lifetime },
        Content::PasswordChanged { at, cause: NoticeCause::CodeSentElsewhere, freeze: None },
        Content::PasswordChanged { at, cause: NoticeCause::CodeSentHere, freeze: None },
        Content::PasswordChanged { at, cause: NoticeCause::Unknown, freeze: None },
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
    for ((file, read), sent) in received.iter().zip(parsed(&received)).zip(&mails) {
        check(&read, sent);
        let raw = fs::read_to_string(file).unwrap();
        let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
        assert!(host.trim().len() < 4 || !raw.contains(host.trim()), "the machine's name leaked");
    }
}

#[test]
fn a_folder_holds_the_same_mails() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp::from_micros(1_795_442_700_000_000));
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
    for (read, sent) in parsed(&files).iter().zip(&mails) {
        check(read, sent);
    }
    assert!(code_in(&mails[0]).is_some() && code_in(&mails[1]).is_none());
}

/// Names that a header must not take for something else.
const NAMES: [&str; 18] = [
    "Contoso Inc.",
    "Contoso, Inc. (Sales); Support: all",
    "a@b <eve@x.example>",
    "Say \"hi\" \\ bye\\",
    "\"",
    "=?utf-8?q?eve?=",
    "Lärkfield & Söhne",
    "株式会社コントソ",
    "a\r\nBcc: eve@x.example",
    "x\u{7f}y",
    "two  blanks",
    "group:a@b.example;",
    "[literal]",
    "O'Brien's \u{2019}shop\u{2019}",
    "🙂",
    "x, y. z, and a name that is much longer than a line of a header may be, so it is folded; twice",
    "a-name-that-is-longer-than-a-line-and-has-no-blank-at-all-where-it-could-be-folded-at-all",
    "Größe, und ein Name, der viel länger ist als eine Zeile sein darf, und deshalb umbrochen wird",
];

/// The name and the address of each mail's one sender.
fn shown_senders(files: &[PathBuf]) -> Vec<(String, String, Value)> {
    let read = parsed(files);
    assert_eq!(read.len(), files.len());
    let shown = read.into_iter().zip(files).map(|(mail, file)| {
        let [sender] = mail["from"].as_array().unwrap().as_slice() else { panic!("{mail}") };
        assert_eq!(mail["defects"], serde_json::json!([]), "{mail}");
        assert_eq!(mail["headers"]["bcc"], Value::Null, "{mail}");
        for line in fs::read_to_string(file).unwrap().lines() {
            assert!(line.len() <= 998, "{line}");
        }
        let text = |at: usize| sender[at].as_str().unwrap().to_owned();
        (text(0), text(1), mail["headers"]["subject"].clone())
    });
    shown.collect()
}

#[test]
fn a_display_name_arrives_as_it_is_written_by_every_sender() {
    let server = Server::start("starttls");
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp::from_micros(1_795_442_700_000_000));
    let from = EmailAddress::parse("no-reply@larkfield.example").unwrap();
    let filed = FolderSender::open(folder.path(), from, clock.clone()).unwrap();
    let sender = server.sender("");
    for name in NAMES {
        let mut mail = passcode("ada@x.example");
        mail.from_name = name.to_owned();
        mail.subject = name.to_owned().into();
        send(&sender, &mail).unwrap();
        clock.advance(Duration::from_micros(1));
        send(&filed, &mail).unwrap();
    }

    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let received = server.received();
    assert_eq!((files.len(), received.len()), (NAMES.len(), NAMES.len()));
    let plain = |text: &str| {
        let text = text.replace(char::is_control, " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for files in [&files, &received] {
        for ((shown, address, subject), name) in shown_senders(files).iter().zip(NAMES) {
            assert_eq!(plain(shown), plain(name));
            assert_eq!(address, "no-reply@larkfield.example");
            assert_eq!(plain(subject.as_str().unwrap()), plain(name));
        }
    }
}

#[test]
fn a_sender_without_a_name_is_an_address_alone() {
    let server = Server::start("starttls");
    let sender = server.sender("");
    for name in ["", " "] {
        let mut mail = passcode("ada@x.example");
        mail.from_name = name.to_owned();
        send(&sender, &mail).unwrap();
    }
    let shown = shown_senders(&server.received());
    assert_eq!(shown.len(), 2);
    for (name, address, _) in shown {
        assert_eq!((name.as_str(), address.as_str()), ("", "no-reply@larkfield.example"));
    }
}

#[test]
fn an_address_beyond_ascii_is_mailed_where_the_server_offers_smtputf8() {
    let server = Server::start("utf8");
    let sender = server.sender("");
    let recipients = ["jörg@x.example", "हिंदी@x.example", "q\u{303}@x.example"];
    for to in recipients {
        send(&sender, &passcode(to)).unwrap();
    }
    let received = server.received();
    assert_eq!(received.len(), recipients.len());
    for (file, to) in received.iter().zip(recipients) {
        assert!(fs::read_to_string(file).unwrap().contains(&format!("To: {to}\r\n")));
    }

    let plain = Server::start("starttls");
    assert_eq!(failure(&plain.sender(""), "jörg@x.example"), SendErrorKind::Permanent);
    assert!(plain.received().is_empty());
}

#[test]
fn a_server_without_starttls_gets_no_mail() {
    let server = Server::start("plain");
    assert_eq!(failure(&server.sender(""), "ada@x.example"), SendErrorKind::Setup);
    assert!(server.received().is_empty());

    let with_user = SmtpSender::from_url(&format!(
        "smtp://user:secret@localhost:{}?from=a@x.example&ca={}",
        server.port,
        server.folder.path().join("ca.pem").display()
    ));
    let error = send(&with_user.unwrap(), &passcode("ada@x.example")).unwrap_err();
    assert!(error.to_string().contains("STARTTLS"), "{error}");
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
    let error = send(&sender, &passcode("ada@x.example")).unwrap_err().to_string();
    assert!(error.contains("certificate") && error.contains("UnknownIssuer"), "{error}");

    // A trusted certificate for another name.
    let ca = server.folder.path().join("ca.pem");
    let (port, ca) = (server.port, ca.display());
    let url = format!("smtp://127.0.0.1:{port}?from=a@x.example&ca={ca}");
    let sender = SmtpSender::from_url(&url).unwrap();
    let error = send(&sender, &passcode("ada@x.example")).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Setup);
    assert!(error.to_string().contains("not valid for name"), "{error}");
    assert!(server.received().is_empty());
}

#[test]
fn a_port_that_begins_with_tls_gets_mail() {
    let server = Server::start("tls");
    let ca = server.folder.path().join("ca.pem");
    let (port, ca) = (server.port, ca.display());
    let url = format!("smtps://localhost:{port}?from=a@x.example&ca={ca}");
    let sender = SmtpSender::from_url(&url).unwrap();
    for _ in 0..3 {
        send(&sender, &passcode("ada@x.example")).unwrap();
    }
    assert_eq!(server.received().len(), 3);
    let untrusting = SmtpSender::from_url(&format!("smtps://localhost:{port}?from=a@x.example"));
    assert_eq!(failure(&untrusting.unwrap(), "ada@x.example"), SendErrorKind::Setup);
}

#[test]
fn a_port_without_tls_is_a_matter_of_setup() {
    let server = Server::start("plain");
    let ca = server.folder.path().join("ca.pem");
    let (port, ca) = (server.port, ca.display());
    let url = format!("smtps://localhost:{port}?from=a@x.example&ca={ca}");
    let error = send(&SmtpSender::from_url(&url).unwrap(), &passcode("ada@x.example"));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Setup, "{error}");
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
}

#[test]
fn a_host_whose_name_is_not_found_is_said() {
    let sender = SmtpSender::from_url("smtp://mail.invalid?from=a@x.example").unwrap();
    let error = send(&sender, &passcode("ada@x.example")).unwrap_err();
    assert!(matches!(error.kind(), SendErrorKind::Setup | SendErrorKind::Transient));
    assert!(error.to_string().contains("name is not found"), "{error}");
}

#[test]
fn a_file_of_certificates_is_read_with_the_url() {
    let folder = tempfile::tempdir().unwrap();
    certificates::write(folder.path());
    let file = |name: &str| folder.path().join(name);
    let with = |path: &Path| {
        SmtpSender::from_url(&format!("smtp://h?from=a@x.example&ca={}", path.display()))
    };
    let ca = fs::read_to_string(file("ca.pem")).unwrap();
    let leaf = fs::read_to_string(file("leaf.pem")).unwrap();
    fs::write(file("both.pem"), format!("{}{leaf}\r\n{ca}", "a comment\n".repeat(9_000))).unwrap();
    fs::write(file("half.pem"), format!("{ca}{}", &leaf[..leaf.len() / 2])).unwrap();

    assert!(with(&file("ca.pem")).is_ok() && with(&file("both.pem")).is_ok());
    for wrong in ["ca.key", "leaf.csr", "leaf.ext", "half.pem", ""] {
        assert_eq!(with(&file(wrong)).err(), Some(SmtpUrlError::Certificate), "{wrong}");
    }
}

#[test]
fn refused_credentials_are_a_matter_of_setup() {
    let server = Server::start("auth");
    let ca = server.folder.path().join("ca.pem");
    let (port, ca) = (server.port, ca.display());
    let url = format!("smtp://user:secret@localhost:{port}?from=a@x.example&ca={ca}");
    let sender = SmtpSender::from_url(&url).unwrap();
    assert_eq!(failure(&sender, "ada@x.example"), SendErrorKind::Setup);
    let error = checked(&sender).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Setup);
    assert!(error.to_string().contains("refuses the credentials"), "{error}");
}

#[test]
fn a_check_finds_what_a_mail_would_find() {
    let server = Server::start("starttls");
    let sender = server.sender("");
    checked(&sender).unwrap();
    assert!(server.received().is_empty());
    send(&sender, &passcode("ada@x.example")).unwrap();
    checked(&sender).unwrap();
    assert_eq!(server.received().len(), 1);

    let url = format!("smtp://localhost:{}?from=a@x.example", server.port);
    let error = checked(&SmtpSender::from_url(&url).unwrap()).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Setup);
    assert!(error.to_string().contains("certificate is not trusted"), "{error}");

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("smtp://127.0.0.1:{port}?from=a@x.example");
    let error = checked(&SmtpSender::from_url(&url).unwrap()).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Transient);
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[test]
fn what_the_server_says_decides_whether_to_try_again() {
    let server = Server::start("starttls");
    let sender = server.sender("");
    assert_eq!(failure(&sender, "later@x.example"), SendErrorKind::Transient);
    assert_eq!(failure(&sender, "never@x.example"), SendErrorKind::Permanent);
    assert_eq!(failure(&sender, "drop@x.example"), SendErrorKind::Unknown);
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

    use sspr::conformance::{CaseResult, EmailSenderBench, EmailSenderCase, Received, block_on};

    use super::{Server, parsed};

    fn received(mail: &serde_json::Value) -> Received {
        let header = |name: &str| mail["headers"][name].as_str().unwrap_or_default().to_owned();
        let text = mail["parts"][0].as_str().unwrap().replace("\r\n", "\n");
        let name = mail["from"][0][0].as_str().unwrap();
        Received::new(vec![header("to")], header("subject"), text).with_sender_name(name)
    }

    fn on_smtp(case: EmailSenderCase) -> CaseResult {
        let server = Arc::new(Server::start("starttls"));
        let arrived = server.clone();
        let inbox = move || {
            let all = parsed(&arrived.received()).iter().map(received).collect::<Vec<_>>();
            Box::pin(async move { all }) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
        };
        block_on(case.check(&EmailSenderBench::new(server.sender(""), Arc::new(inbox))))
    }

    sspr::email_sender_conformance!(on_smtp);
}
