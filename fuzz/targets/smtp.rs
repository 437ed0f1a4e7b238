//! Replies of a mail server, over loopback: whatever it says, the sender answers in time, hands a
//! mail over at most once, and shows neither a secret nor a control character.
#![no_main]

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, LazyLock, Mutex},
    thread,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use sspr::{
    adapters::SmtpSender,
    domain::{Code, EmailAddress, TenantId},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates as _},
    policy::Brand,
    ports::{EmailSender as _, SendError},
};

/// Ends what is said at once (the record separator of ASCII).
const END: u8 = 0x1e;
/// A server hangs up where the client would wait, so this is never reached.
const URL: &str = "from=no-reply@y.example&tls=none&connections=1&timeout=60&final_timeout=60";
const CODE: &str = "04829173";
const PASSWORD: &str = "hunter2secret";

/// What the server says next, and how often each recipient's mail has been handed over.
#[derive(Default)]
struct Script {
    /// Counts the inputs: a connection serves one.
    input: u64,
    says: VecDeque<Vec<u8>>,
    handed_over: HashMap<String, usize>,
    /// Another handle of the newest connection.
    newest: Option<TcpStream>,
}

type Shared = Arc<Mutex<Script>>;

static SERVER: LazyLock<(Shared, SmtpSender)> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shared = Shared::default();
    let script = shared.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            // A client that hangs up ends its dialogue.
            let _ = talk(&stream, &script);
            // Other handles of it may still be kept.
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    let url = format!("smtp://me:{PASSWORD}@127.0.0.1:{port}?{URL}");
    (shared, SmtpSender::from_url(&url).unwrap())
});

/// Two mails, each with the name of its recipient.
static MAILS: LazyLock<[(&str, EmailMessage); 2]> = LazyLock::new(|| {
    let (brand, code) = (Brand::new("Contoso").unwrap(), Code::parse(CODE).unwrap());
    ["lovelace1", "lovelace2"].map(|name| {
        let content = Content::Passcode { code: &code, lifetime: Duration::from_secs(600) };
        let language = Language::English;
        let to = &EmailAddress::parse(&format!("{name}@x.example")).unwrap();
        let letter = Letter {
            application: None,
            brand: &brand,
            content,
            correlation: None,
            language,
            tenant: &TenantId::parse("contoso").unwrap(),
            to,
        };
        (name, StandardTemplates::default().render(&letter))
    })
});

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().build().unwrap();
}

/// One connection: a piece for each line of the client, until there is none.
fn talk(stream: &TcpStream, script: &Mutex<Script>) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    let mut out = stream.try_clone().unwrap();
    let input = {
        let mut script = script.lock().unwrap();
        script.newest = stream.try_clone().ok();
        script.input
    };
    let mut lines = BufReader::new(stream);
    let (mut to, mut line) = (String::new(), Vec::new());
    let mut is_data = false;
    loop {
        let mut said = Vec::new();
        // A client waits for the end of a reply: until then the server goes on.
        while !is_whole(&said) {
            let mut script = script.lock().unwrap();
            let piece = (script.input == input).then(|| script.says.pop_front());
            let Some(piece) = piece.flatten() else {
                out.write_all(&said).ok()?;
                return None;
            };
            said.extend(piece);
        }
        out.write_all(&said).ok()?;
        let is_body = is_data && begins_data(&said);
        loop {
            line.clear();
            lines.read_until(b'\n', &mut line).ok().filter(|read| *read > 0)?;
            if !is_body || line == b".\r\n" {
                break;
            }
        }
        is_data = line == b"DATA\r\n";
        let text = String::from_utf8_lossy(&line);
        if let Some(named) = text.strip_prefix("RCPT TO:<") {
            to = named.trim_end().trim_end_matches('>').to_owned();
        } else if is_body {
            *script.lock().unwrap().handed_over.entry(to.clone()).or_default() += 1;
        }
    }
}

/// Whether a client has heard enough to act: the last line is no line of a reply that goes on.
fn is_whole(said: &[u8]) -> bool {
    said.ends_with(b"\n") && last_line(said).get(3) != Some(&b'-')
}

fn begins_data(said: &[u8]) -> bool {
    last_line(said).first() == Some(&b'3')
}

fn last_line(said: &[u8]) -> &[u8] {
    let said = said.strip_suffix(b"\n").unwrap_or(said);
    said.rsplit(|byte| *byte == b'\n').next().unwrap_or(said)
}

/// What an error may say.
fn check(done: &Result<(), SendError>, secrets: &[&str]) {
    let Err(error) = done else { return };
    let shown = error.to_string();
    assert!(shown.starts_with("smtp: ") && shown.chars().count() <= 400, "{shown}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert!(!shown.contains("in time"), "the server has said all that it had: {shown}");
    // Separators hide no secret; a stretch that was hidden joins no words.
    let plain = shown.to_lowercase();
    let plain: String = plain.chars().filter(|c| c.is_alphanumeric() || *c == '…').collect();
    for secret in secrets {
        assert!(!plain.contains(secret), "{secret}: {shown}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (script, sender) = &*SERVER;
    let says = bytes.split(|byte| *byte == END).map(<[u8]>::to_vec).collect();
    {
        let mut script = script.lock().unwrap();
        *script = Script { input: script.input + 1, says, ..Script::default() };
    }
    RUNTIME.with(|runtime| {
        for (name, mail) in &*MAILS {
            let done = runtime.block_on(sender.send(mail));
            check(&done, &[PASSWORD, CODE, name, "xexample"]);
            if done.is_ok() {
                assert_eq!(script.lock().unwrap().handed_over.get(mail.to.as_str()), Some(&1));
            }
        }
    });
    let mut script = script.lock().unwrap();
    assert!(script.handed_over.values().all(|times| *times == 1), "{:?}", script.handed_over);
    // The next input begins with a connection of its own.
    script.says.clear();
    if let Some(newest) = &script.newest {
        // One that the client has ended cannot be shut down, and need not be.
        let _ = newest.shutdown(Shutdown::Both);
    }
});
