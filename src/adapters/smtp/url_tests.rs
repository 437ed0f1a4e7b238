//! The URLs that are accepted and refused.

use std::fs;

use super::*;
use crate::ports::SendError;

fn read(url: &str) -> (Server, EmailAddress) {
    parse(url, None).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn error(url: &str) -> SmtpUrlError {
    parse(url, None).err().unwrap_or_else(|| panic!("{url} is accepted"))
}

fn tokens() -> Option<Tokens> {
    Some(std::sync::Arc::new(|| Ok::<_, SendError>("token".to_owned())))
}

fn place(url: &str) -> (String, u16) {
    let (server, _) = read(url);
    (server.host, server.port)
}

#[test]
fn a_whole_url_is_read() {
    let (server, from) = read(
        "smtp://me%40x.example:p%3Aw@mail.x.example?from=no-reply@x.example&timeout=5\
         &final_timeout=60&connections=1",
    );
    let Some(Credentials::Password { user, password }) = server.credentials else { panic!() };
    assert_eq!((user.as_str(), password.as_str()), ("me@x.example", "p:w"));
    assert_eq!((server.host.as_str(), server.port), ("mail.x.example", 587));
    assert!(matches!(server.security, Security::StartTls(_)));
    assert_eq!((server.hello.as_str(), from.as_str()), ("x.example", "no-reply@x.example"));
    assert_eq!((server.limits.most.as_secs(), server.limits.end.as_secs()), (5, 60));
    assert_eq!(server.connections, 1);

    let (server, _) = read("SMTPS://h:1465?from=a@x.example&hello=me.example");
    assert!(matches!(server.security, Security::Tls(_)));
    assert_eq!((server.port, server.hello.as_str()), (1465, "me.example"));
    assert_eq!((server.limits.most.as_secs(), server.limits.end.as_secs()), (300, 600));
    assert_eq!(server.connections, 3);
}

#[test]
fn hosts_are_names_of_every_kind_and_addresses() {
    for (url, host, port) in [
        ("smtp://[::1]:2525?from=a@x.example", "::1", 2525),
        ("smtp://[::1]?from=a@x.example", "::1", 587),
        ("smtps://[2001:DB8:0::25]/?from=a@x.example", "2001:db8::25", 465),
        ("smtp://u:p@[fe80::1]:25?from=a@x.example", "fe80::1", 25),
        ("smtp://mail_server:25?from=a@x.example", "mail_server", 25),
        ("smtp://my_stack_mail-1?from=a@x.example", "my_stack_mail-1", 587),
        ("smtp://_mail.x.example?from=a@x.example", "_mail.x.example", 587),
        ("smtp://192.0.2.25:26?from=a@x.example", "192.0.2.25", 26),
        ("smtp://mail.x.example.?from=a@x.example", "mail.x.example.", 587),
        ("smtp://mail:65535/?from=a@x.example", "mail", 65535),
    ] {
        assert_eq!(place(url), (host.to_owned(), port), "{url}");
    }
}

#[test]
fn what_is_no_host_or_no_port_is_refused() {
    for host in ["::1", "[::1", "::1]", "[::1]2525", "[mail]", "[1.2.3.4]", "[fe80::1%25eth0]"] {
        assert!(matches!(
            error(&format!("smtp://{host}?from=a@x.example")),
            SmtpUrlError::Host | SmtpUrlError::Form
        ));
    }
    for host in ["mail server", "mail..example", "-/x", "mäil", "a,b", &"a".repeat(64), "."] {
        assert_eq!(error(&format!("smtp://{host}?from=a@x.example")), SmtpUrlError::Host, "{host}");
    }
    for port in ["", "x", "+25", "-25", "0", "65536", "25:25", " 25", "2\u{665}"] {
        let url = format!("smtp://h:{port}?from=a@x.example");
        assert_eq!(error(&url), SmtpUrlError::Port, "{port}");
        let url = format!("smtp://[::1]:{port}?from=a@x.example");
        assert_eq!(error(&url), SmtpUrlError::Port, "{port}");
    }
}

#[test]
fn only_this_machine_may_go_without_tls() {
    for host in [
        "localhost",
        "LocalHost",
        "127.0.0.1",
        "127.255.0.9",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ] {
        let (server, _) = read(&format!("smtp://{host}:25?from=a@x.example&tls=none"));
        assert!(matches!(server.security, Security::None), "{host}");
    }
    for host in [
        "mail.x.example",
        "mail_server",
        "10.0.0.1",
        "128.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::2]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
        "localhost.x.example",
        "xlocalhost",
        "127.0.0.1.x.example",
        "127.1",
        "localhost.localdomain",
    ] {
        let url = format!("smtp://{host}:25?from=a@x.example&tls=none");
        assert_eq!(error(&url), SmtpUrlError::Tls, "{host}");
    }
    let contradiction = "smtps://localhost?from=a@x.example&tls=none";
    assert_eq!(error(contradiction), SmtpUrlError::Tls);
    let twice = "smtp://localhost?from=a@x.example&tls=none&tls=required";
    assert_eq!(error(twice), SmtpUrlError::Repeated("tls"));
}

#[test]
fn credentials_are_percent_encoded_and_whole() {
    let (server, _) = read("smtp://u%2fs:%70%40%3A%2F%3F%25%E2%82%AC+@h?from=a@x.example");
    let Some(Credentials::Password { user, password }) = server.credentials else { panic!() };
    assert_eq!((user.as_str(), password.as_str()), ("u/s", "p@:/?%€+"));
    let (server, _) = read("smtp://u:p@ss:word@h?from=a@x.example");
    let Some(Credentials::Password { password, .. }) = server.credentials else { panic!() };
    assert_eq!(password.as_str(), "p@ss:word");

    for bad in ["u:%", "u:%4", "u:%zz", "u:%+5", "u:%ff", "u:%0a", "u:%00", "%0d:p", ":p"] {
        assert_eq!(error(&format!("smtp://{bad}@h?from=a@x.example")), SmtpUrlError::Form, "{bad}");
    }
    assert_eq!(error("smtp://user@h?from=a@x.example"), SmtpUrlError::Password);
}

#[test]
fn a_token_needs_a_user_and_no_password() {
    let url = "smtp://me%40x.example@h?from=a@x.example";
    let (server, _) = parse(url, tokens()).unwrap_or_else(|error| panic!("{error}"));
    let Some(Credentials::Token { user, .. }) = server.credentials else { panic!() };
    assert_eq!(user.as_str(), "me@x.example");
    for url in ["smtp://h?from=a@x.example", "smtp://u:p@h?from=a@x.example"] {
        assert_eq!(parse(url, tokens()).err(), Some(SmtpUrlError::Token), "{url}");
    }
}

#[test]
fn what_is_wrong_is_named_and_never_shown() {
    assert_eq!(error("http://h?from=a@x.example"), SmtpUrlError::Form);
    assert_eq!(error("smtp:h?from=a@x.example"), SmtpUrlError::Form);
    assert_eq!(error("smtp://?from=a@x.example"), SmtpUrlError::Form);
    assert_eq!(error("smtp://h"), SmtpUrlError::From);
    assert_eq!(error("smtp://h?from=nobody"), SmtpUrlError::From);
    assert_eq!(error("smtp://h:x?from=a@x.example"), SmtpUrlError::Port);
    assert_eq!(error("smtp://h?from=a@x.example&tls=maybe"), SmtpUrlError::Tls);
    assert_eq!(error("smtp://h?from=a@x.example&hello=a%20b"), SmtpUrlError::Hello);
    assert_eq!(error("smtp://h?from=a@x.example&hello=[1.2.3]"), SmtpUrlError::Hello);
    for (query, named) in [
        ("from=a@x.example&bcc=b", "parameter 2 is not known"),
        ("form=a@x.example", "parameter `form` is not known"),
        ("from=a@x.example&&time_out=hunter2", "parameter `time_out` is not known"),
        ("from=a@x.example&TLS=none", "parameter `TLS` is not known"),
        ("hunter2=x@h&from=a@x.example", "parameter 1 is not known"),
        ("hunter2", "parameter 1 is not known"),
        ("from=a@x.example&from=hunter2", "`from` is given twice"),
    ] {
        let shown = error(&format!("smtp://h?{query}")).to_string();
        assert!(shown.contains(named) && !shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(error("smtp://h?from"), SmtpUrlError::Form);
    for (name, values, wrong) in [
        ("timeout", ["0", "301", "", "-1", "+5", "1.5"], SmtpUrlError::Timeout),
        ("final_timeout", ["0", "601", "", "-1", "+5", "x"], SmtpUrlError::FinalTimeout),
        ("connections", ["0", "33", "", "-1", "+5", "x"], SmtpUrlError::Connections),
    ] {
        for value in values {
            assert_eq!(error(&format!("smtp://h?from=a@x.example&{name}={value}")), wrong);
        }
    }
    for hello in ["[127.0.0.1]", "[IPv6:::1]", "my_host"] {
        assert_eq!(read(&format!("smtp://h?from=a@x.example&hello={hello}")).0.hello, hello);
    }
    for url in [
        "smtp://user:hunter2@:25?from=a@x.example",
        "smtp://user:hunter2?from=a@x.example",
        "smtp://user:hunter2%@h?from=a@x.example",
        "smtp://user:25?hunter2=x@h?from=a@x.example",
        "smtp://user:hunter2@h?from=hunter2",
    ] {
        let shown = format!("{} {:?}", error(url), error(url));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_file_without_a_usable_certificate_is_refused_when_the_url_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let block = |label: &str, body: &str| {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let files = [
        "/nowhere/ca.pem".to_owned(),
        folder.path().display().to_string(),
        "/dev/null".to_owned(),
        String::new(),
        with("empty.pem", ""),
        with("text.pem", "not a certificate"),
        with("key.pem", &block("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIA==")),
        with("broken.pem", &block("CERTIFICATE", "AAAA")),
        with("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB"),
        with("der.pem", "\u{30}\u{1}"),
    ];
    for file in files {
        for rest in ["", "&tls=none"] {
            let url = format!("smtp://localhost?from=a@x.example&ca={file}{rest}");
            assert_eq!(error(&url), SmtpUrlError::Certificate, "{file}");
        }
    }
}

#[test]
fn a_number_has_digits_alone_and_lies_within_its_bounds() {
    use crate::adapters::SmtpSender;
    for (name, most, wrong) in [
        ("timeout", 300, SmtpUrlError::Timeout),
        ("final_timeout", 600, SmtpUrlError::FinalTimeout),
        ("connections", 32, SmtpUrlError::Connections),
    ] {
        let read = |value: &str| {
            SmtpSender::from_url(&format!("smtp://h?from=a@x.example&{name}={value}")).err()
        };
        for good in ["1".to_owned(), most.to_string()] {
            assert_eq!(read(&good), None, "{name}={good}");
        }
        for bad in ["0".to_owned(), (most + 1).to_string(), "%2B5".to_owned(), "5s".to_owned()] {
            assert_eq!(read(&bad), Some(wrong.clone()), "{name}={bad}");
        }
    }
}
