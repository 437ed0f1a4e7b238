//! What a mail server sees of callers that go away, and what an error repeats of what it says.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

use sspr::{
    adapters::SmtpSender,
    domain::{Code, EmailAddress, TenantId},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates as _},
    policy::Brand,
    ports::EmailSender as _,
};

/// A server that answers as it is told, and tells of each mail whom it was for.
struct Server {
    port: u16,
    /// The recipient of each mail, when its text has come.
    mails: Receiver<String>,
    /// Lets one mail after the other be answered.
    answer: Sender<()>,
}

/// What the server says to a recipient.
type Says = fn(&str) -> String;

fn serve(says: Says) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, mails) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let answers = Arc::new(Mutex::new(answers));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (told, answers) = (told.clone(), answers.clone());
            thread::spawn(move || talk(stream, says, &told, &answers));
        }
    });
    Server { answer, mails, port }
}

fn talk(stream: TcpStream, says: Says, told: &Sender<String>, answers: &Mutex<Receiver<()>>) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut to = String::new();
    if out.write_all(b"220 here\r\n").is_err() {
        return;
    }
    while let Some(line) = lines.next() {
        let verb = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "DATA" => {
                if out.write_all(b"354 go on\r\n").is_err() {
                    return;
                }
                let _text: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                if told.send(to.clone()).is_err() || answers.lock().unwrap().recv().is_err() {
                    return;
                }
                "250 taken".to_owned()
            }
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap().to_owned();
                says(&to)
            }
            "QUIT" => return,
            _ => "250 fine".to_owned(),
        };
        if out.write_all(format!("{reply}\r\n").as_bytes()).is_err() {
            return;
        }
    }
}

fn sender(server: &Server) -> SmtpSender {
    let url = format!("smtp://127.0.0.1:{}?from=no-reply@lark.example&tls=none", server.port);
    SmtpSender::from_url(&url).unwrap()
}

const CODE: &str = "48291736";

fn mail(to: &str) -> EmailMessage {
    let (brand, code) = (Brand::new("Lark").unwrap(), Code::parse(CODE).unwrap());
    StandardTemplates::default().render(&Letter {
        application: None,
        tenant: &TenantId::parse("contoso").unwrap(),
        brand: &brand,
        content: Content::Passcode { code: &code, lifetime: Duration::from_secs(600) },
        correlation: None,
        language: Language::English,
        to: &EmailAddress::parse(to).unwrap(),
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_mail_whose_caller_is_gone_before_its_turn_is_not_sent() {
    let server = serve(|_| "250 fine".to_owned());
    let sender = sender(&server);
    let mails = ["first@x.example", "gone@x.example", "third@x.example"].map(mail);
    let mut sends = mails.each_ref().map(|mail| sender.send(mail)).into_iter();
    let (mut first, mut gone, mut third) =
        (sends.next().unwrap(), sends.next().unwrap(), sends.next().unwrap());
    let mut context = Context::from_waker(Waker::noop());
    let queued = |send: std::task::Poll<_>| {
        let send: std::task::Poll<Result<(), _>> = send;
        assert!(send.is_pending(), "{send:?}");
    };

    queued(first.as_mut().poll(&mut context));
    assert_eq!(server.mails.recv().unwrap(), "first@x.example");
    // The thread is busy with the first: the others wait for it.
    queued(gone.as_mut().poll(&mut context));
    drop(gone);
    queued(third.as_mut().poll(&mut context));
    (0..3).for_each(|_| server.answer.send(()).unwrap());
    runtime().block_on(async {
        first.await.unwrap();
        third.await.unwrap();
    });

    let rest: Vec<String> = server.mails.try_iter().collect();
    assert_eq!(rest, ["third@x.example"]);
}

#[test]
fn no_error_repeats_an_address_or_a_code_whatever_the_server_says() {
    let replies: [Says; 6] = [
        |to| format!("550 5.1.1 <{to}>: no such user"),
        |to| format!("450 4.2.1 <{to}> is over quota"),
        |to| format!("421 4.3.0 {to} later"),
        |to| format!("554 5.7.1 {to} refused; code {CODE}"),
        |to| format!("535 5.7.8 {to}"),
        |to| format!("nonsense {to}"),
    ];
    for reply in replies {
        let server = serve(reply);
        let error = runtime().block_on(sender(&server).send(&mail("ada@x.example"))).unwrap_err();

        let mut said = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            said.push_str(&format!(" {inner} {inner:?}"));
            cause = inner.source();
        }
        for secret in ["ada", "x.example", CODE] {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
        assert!(said.starts_with("smtp: "), "{said}");
    }
}
