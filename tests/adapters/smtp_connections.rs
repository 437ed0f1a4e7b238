//! The SMTP sender's connections: kept, shared, stuck, and left by their callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::smtp_script;
use crate::smtp_script::{
    Act::{Close, Hold, Late, Say, SayAndClose},
    At::{Auth, Data, End, Mail, Rcpt, Rset},
    Line::{Always, Once},
    ScriptedServer,
};
use sspr::{
    adapters::SmtpSender,
    domain::{Code, EmailAddress, TenantId},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates},
    policy::Brand,
    ports::{EmailSender, SendError, SendErrorKind},
};
use tokio::task::JoinHandle;

fn passcode(to: &str) -> EmailMessage {
    let brand = Brand::new("Contoso").unwrap();
    let (to, code) = (EmailAddress::parse(to).unwrap(), Code::parse("04829173").unwrap());
    let content = Content::Passcode { code: &code, lifetime: Duration::from_secs(600) };
    let (language, tenant) = (Language::English, TenantId::parse("contoso").unwrap());
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

async fn send(sender: &SmtpSender) -> Result<(), SendError> {
    sender.send(&passcode("ada@x.example")).await
}

fn sent_aside(sender: &SmtpSender) -> JoinHandle<Result<(), SendError>> {
    let sender = sender.clone();
    tokio::spawn(async move { send(&sender).await })
}

fn sender(server: &ScriptedServer, more: &str) -> SmtpSender {
    SmtpSender::from_url(&server.url("", more)).unwrap()
}

/// Waits for what another thread of the test does.
async fn aside(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = ScriptedServer::start(&[]);
    let sender = sender(&server, "");
    for _ in 0..5 {
        send(&sender).await.unwrap();
    }

    assert_eq!((server.messages().len(), server.connections()), (5, 1));
    drop(sender);
    aside(move || server.wait_for("QUIT", 1)).await;
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_meanwhile_is_no_failure() {
    for (script, connections) in [
        (vec![Once(End, SayAndClose(b"250 ok\r\n"))], 2),
        (vec![Once(Rset, Close)], 2),
        (vec![Once(Rset, SayAndClose(b"421 4.4.2 idle\r\n"))], 2),
        (vec![Once(Rset, Say(b"250 ok\r\n421 4.4.2 idle\r\n"))], 2),
        (vec![Once(End, Say(b"250 queued\r\n250 extra\r\n"))], 2),
        (vec![Once(Rset, Say(b"250 ok\r\n250 ok\r\n"))], 2),
        (vec![Once(Mail, Say(b"250 ok\r\n")), Once(Mail, Say(b"250 ok\r\n550 no\r\n"))], 2),
        (vec![Once(Rcpt, Say(b"250 ok\r\n")), Once(Rcpt, Say(b"550 no\r\n250 ok\r\n"))], 2),
        (vec![Once(Data, Say(b"354 ok\r\n")), Once(Data, Say(b"354 ok\r\n250 ok\r\n"))], 2),
        (vec![Once(Mail, Say(b"250 ok\r\n")), Once(Mail, Close)], 2),
        (vec![Once(Mail, Say(b"250 ok\r\n")), Once(Mail, Say(b"421 4.7.0 enough\r\n"))], 2),
        (vec![Once(Rcpt, Say(b"250 ok\r\n")), Once(Rcpt, Close)], 2),
        (vec![Once(Data, Say(b"354 ok\r\n")), Once(Data, Close)], 2),
    ] {
        let server = ScriptedServer::start(&script);
        let sender = sender(&server, "");
        send(&sender).await.unwrap();
        send(&sender).await.unwrap_or_else(|error| panic!("{script:?}: {error}"));

        assert_eq!((server.messages().len(), server.connections()), (2, connections), "{script:?}");
    }
}

#[tokio::test]
async fn a_refused_sender_is_no_refused_recipient_whatever_was_said_before() {
    for (accepted, later) in
        [(&b"250 queued\r\n250 extra\r\n"[..], &b""[..]), (b"250 queued\r\n", b"250 extra\r\n")]
    {
        let refused = Once(Mail, Say(b"550 sender blocked\r\n"));
        let script = [Once(End, Say(accepted)), Once(Mail, Say(b"250 ok\r\n")), refused];
        let server = ScriptedServer::start(&script);
        let sender = sender(&server, "");
        send(&sender).await.unwrap();
        server.interject(later);

        let error = send(&sender).await.unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Setup, "{error}");
        assert!(error.to_string().contains("refuses the sender"), "{error}");
        assert_eq!((server.messages().len(), server.connections()), (1, 2));
    }
}

#[tokio::test]
async fn a_refusal_that_belongs_to_another_command_gives_nothing_up() {
    // One answer too much comes after RSET was sent and before it is answered: from then on, each
    // answer is taken for that of the next command.
    let script = [
        Once(Rset, Late(b"250 extra\r\n")),
        Once(Mail, Say(b"250 ok\r\n")),
        Once(Mail, Say(b"550 sender blocked\r\n")),
        Once(Rcpt, Say(b"250 ok\r\n")),
        Once(Rcpt, Say(b"503 5.5.1 MAIL first\r\n")),
    ];
    let server = ScriptedServer::start(&script);
    let sender = sender(&server, "");
    send(&sender).await.unwrap();

    send(&sender).await.unwrap();
    assert_eq!((server.messages().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn what_is_said_on_an_idle_connection_costs_no_mail() {
    for words in [&b"550 go away\r\n"[..], b"421 4.4.2 idle\r\n", b"250 ok\r\n", b"2"] {
        let server = ScriptedServer::start(&[]);
        let sender = sender(&server, "");
        for sent in 1..=3 {
            send(&sender).await.unwrap_or_else(|error| panic!("{words:?}: {error}"));
            server.interject(words);
            assert_eq!((server.messages().len(), server.connections()), (sent, sent), "{words:?}");
        }
    }
}

#[tokio::test]
async fn a_check_connects_and_sends_no_mail() {
    let server = ScriptedServer::start(&[]);
    let sender = SmtpSender::from_url(&server.url("me:hunter2secret@", "")).unwrap();
    sender.check().await.unwrap();
    let commands = server.commands();
    assert!(commands.len() == 2 && commands[1].starts_with("AUTH PLAIN "), "{commands:?}");

    // The first mail goes out by the same connection; a further check makes one of its own.
    send(&sender).await.unwrap();
    assert_eq!((server.messages().len(), server.connections()), (1, 1));
    sender.check().await.unwrap();
    assert_eq!((server.messages().len(), server.connections()), (1, 2));
    drop(sender);
    aside(move || server.wait_for("QUIT", 2)).await;
}

#[tokio::test]
async fn a_check_says_what_is_wrong_with_the_set_up() {
    let no = |at, words| vec![Once(at, Say(words))];
    for (script, kind, part) in [
        (no(Auth, b"535 5.7.8 me hunter2secret\r\n"), SendErrorKind::Setup, "credentials"),
        (no(Auth, b"454 4.7.0 later\r\n"), SendErrorKind::Transient, "454 4.7.0 later"),
        (no(smtp_script::At::Greeting, b"554 blocked\r\n"), SendErrorKind::Setup, "554 blocked"),
        (vec![Once(Auth, Close)], SendErrorKind::Transient, "lost after AUTH"),
        (no(smtp_script::At::Hello, b"250 bare\r\n"), SendErrorKind::Setup, "not offer AUTH"),
        (no(Auth, b"235 ok\r\n535 no\r\n"), SendErrorKind::Transient, "more than once"),
    ] {
        let server = ScriptedServer::start(&script);
        let sender = SmtpSender::from_url(&server.url("me:hunter2secret@", "")).unwrap();
        let error = sender.check().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let words = error.to_string();
        assert!(words.contains(part) && !words.contains("hunter2"), "{words}");

        sender.check().await.unwrap();
        assert!(server.messages().is_empty());
    }

    let server = ScriptedServer::start(&[]);
    let url = format!("smtp://127.0.0.1:{}?from=a@y.example", server.port);
    let error = SmtpSender::from_url(&url).unwrap().check().await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Setup);
    assert!(error.to_string().contains("does not offer STARTTLS"), "{error}");
}

#[tokio::test]
async fn what_is_lost_after_the_final_dot_is_not_sent_again_by_itself() {
    let script = [Once(End, Say(b"250 ok\r\n")), Once(End, Close)];
    let server = ScriptedServer::start(&script);
    let sender = sender(&server, "");
    send(&sender).await.unwrap();

    assert_eq!(send(&sender).await.unwrap_err().kind(), SendErrorKind::Unknown);
    assert_eq!(server.messages().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_stuck_after_the_final_dot_makes_no_other_message_wait() {
    let server = ScriptedServer::start(&[Once(End, Hold), Once(End, Hold)]);
    let sender = sender(&server, "");
    let stuck = [sent_aside(&sender), sent_aside(&sender)];
    let server = Arc::new(server);
    let held = server.clone();
    aside(move || held.wait_for_held(2)).await;

    for _ in 0..3 {
        send(&sender).await.unwrap();
    }
    server.release();
    for stuck in stuck {
        stuck.await.unwrap().unwrap();
    }
    assert_eq!(server.messages().len(), 5);
}

#[tokio::test]
async fn a_connection_that_has_waited_for_long_no_longer_counts() {
    let server = Arc::new(ScriptedServer::start(&[Once(End, Hold)]));
    let sender = sender(&server, "&connections=1");
    let stuck = sent_aside(&sender);
    let held = server.clone();
    aside(move || held.wait_for_held(1)).await;

    send(&sender).await.unwrap();
    server.release();
    stuck.await.unwrap().unwrap();
    assert_eq!((server.messages().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_final_dot_stops_the_message() {
    let server = Arc::new(ScriptedServer::start(&[Once(Rcpt, Hold)]));
    let sender = sender(&server, "&connections=1");
    let left = sent_aside(&sender);
    let held = server.clone();
    aside(move || held.wait_for_held(1)).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());

    send(&sender).await.unwrap();
    server.release();
    send(&sender).await.unwrap();
    assert_eq!(server.messages().len(), 2);
    let data = server.commands().iter().filter(|line| *line == "DATA").count();
    assert_eq!(data, 2, "{:?}", server.commands());
}

#[tokio::test]
async fn a_caller_that_leaves_after_the_final_dot_blocks_nobody() {
    let server = Arc::new(ScriptedServer::start(&[Once(End, Hold), Once(End, Hold)]));
    let sender = sender(&server, "");
    for held in 1..=2 {
        let left = sent_aside(&sender);
        let holding = server.clone();
        aside(move || holding.wait_for_held(held)).await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
    }

    send(&sender).await.unwrap();
    server.release();
    send(&sender).await.unwrap();
    assert_eq!(server.messages().len(), 4);
}

#[tokio::test]
async fn where_every_thread_is_stuck_the_oldest_without_a_caller_makes_room() {
    let server = Arc::new(ScriptedServer::start(&[Once(End, Hold); 64]));
    let sender = sender(&server, "&connections=32");
    let stuck: Vec<_> = (0..64).map(|_| sent_aside(&sender)).collect();
    let held = server.clone();
    aside(move || held.wait_for_held(64)).await;
    let waiting = sent_aside(&sender);
    for stuck in stuck {
        stuck.abort();
        assert!(stuck.await.unwrap_err().is_cancelled());
    }

    waiting.await.unwrap().unwrap();
    send(&sender).await.unwrap();
    assert_eq!(server.messages().len(), 66);
}

#[tokio::test]
async fn many_messages_share_three_connections() {
    let server = ScriptedServer::start(&[]);
    let sender = sender(&server, "");
    let all: Vec<_> = (0..40).map(|_| sent_aside(&sender)).collect();
    for sent in all {
        sent.await.unwrap().unwrap();
    }

    assert_eq!(server.messages().len(), 40);
    assert!(server.connections() <= 3, "{}", server.connections());
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_sent() {
    let server = Arc::new(ScriptedServer::start(&[Once(Mail, Hold)]));
    let sender = sender(&server, "&connections=1");
    let stuck = sent_aside(&sender);
    let held = server.clone();
    aside(move || held.wait_for_held(1)).await;
    let mut all: Vec<_> = (0..8).map(|_| Box::pin(send(&sender))).collect();
    for one in &mut all {
        assert!(futures_util::FutureExt::now_or_never(one).is_none());
    }
    drop(all);
    server.release();
    stuck.await.unwrap().unwrap();
    send(&sender).await.unwrap();

    assert_eq!(server.messages().len(), 2);
}

#[tokio::test]
async fn a_token_is_asked_for_with_each_connection() {
    let script = [
        Once(Auth, Say(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")),
        Once(smtp_script::At::Answer, Say(b"535 5.7.8 bad token-1 for me\r\n")),
        Once(End, SayAndClose(b"250 ok\r\n")),
    ];
    let server = ScriptedServer::start(&script);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let tokens = move || Ok(format!("token-{}", count.fetch_add(1, Ordering::Relaxed) + 1));
    let sender = SmtpSender::with_access_tokens(&server.url("me%40y.example@", ""), tokens);
    let sender = sender.unwrap();

    let error = send(&sender).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Setup);
    assert!(!format!("{error} {error:?} {sender:?}").contains("token-1"), "{error}");
    for _ in 0..3 {
        send(&sender).await.unwrap();
    }
    // Refused, closed after one message, and kept for two.
    assert_eq!((asked.load(Ordering::Relaxed), server.connections()), (3, 3));
    let commands = server.commands();
    assert!(commands.contains(&String::new()), "the challenge was answered: {commands:?}");
}

#[tokio::test]
async fn a_token_source_that_panics_fails_its_own_message_only() {
    let server = ScriptedServer::start(&[]);
    let asked = AtomicUsize::new(0);
    let tokens = move || {
        assert!(asked.fetch_add(1, Ordering::Relaxed) > 0, "told to panic");
        Ok("token".to_owned())
    };
    let url = server.url("me@", "&connections=1");
    let sender = SmtpSender::with_access_tokens(&url, tokens).unwrap();

    assert_eq!(send(&sender).await.unwrap_err().kind(), SendErrorKind::Transient);
    send(&sender).await.unwrap();
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn an_address_without_smtputf8_is_refused_for_that_recipient_alone() {
    let server = ScriptedServer::start(&[Always(smtp_script::At::Hello, Say(b"250 bare\r\n"))]);
    let sender = sender(&server, "");
    let error = sender.send(&passcode("jörg@x.example")).await.unwrap_err();

    assert_eq!(error.kind(), SendErrorKind::Permanent);
    assert!(error.to_string().contains("SMTPUTF8") && !error.to_string().contains("jörg"));
    send(&sender).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_local_part_with_combining_marks_is_mailed() {
    let offers = Always(smtp_script::At::Hello, Say(b"250-me\r\n250 SMTPUTF8\r\n"));
    let server = ScriptedServer::start(&[offers]);
    let sender = sender(&server, "");
    for to in ["हिंदी@x.example", "jo\u{308}rg@x.example", "q\u{303}@x.example"] {
        sender.send(&passcode(to)).await.unwrap_or_else(|error| panic!("{to}: {error}"));
    }
    assert_eq!(server.messages().len(), 3);
}

#[tokio::test]
async fn an_ipv6_server_is_reached() {
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
        // This machine has no IPv6: the attempt to connect says so.
        let sender = SmtpSender::from_url("smtp://[::1]:2525?from=a@y.example&tls=none").unwrap();
        let error = send(&sender).await.unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Transient);
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"554 5.3.2 not here\r\n").unwrap();
    });
    let url = format!("smtp://[::1]:{port}?from=a@y.example&tls=none");
    let error = send(&SmtpSender::from_url(&url).unwrap()).await.unwrap_err();

    assert_eq!(error.kind(), SendErrorKind::Setup);
    assert!(error.to_string().ends_with("554 5.3.2 not here"), "{error}");
    answering.join().unwrap();
}
