//! After a whole journey of the bare core on memory, no secret is left in the process: what a core
//! dump, a swap file or a stolen snapshot would hold. A child makes the journey and then waits; this
//! process reads all of the child's memory.
//!
//! `cargo test --test processes memory_dump:: -- --nocapture` prints what was looked for and where it was.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    process::{Child, Command, Stdio},
};

use base64ct::{Base64UrlUnpadded, Encoding};
use sspr::{
    Application, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers,
        SystemEntropy,
    },
    domain::{Account, AccountId, EmailAddress, Password, Stamp, TenantId, Timestamp},
    engine::{
        Client, RedeemOutcome, Request, SignInOutcome, StartOutcome, SubmitOutcome, VerifyOutcome,
    },
    ports::{HashQueue, PasswordHasher as _},
};
use zeroize::Zeroizing;

const CHILD: &str = "SSPR_DUMP_CHILD";

/// What two processes agree on without either holding it as text: a word and a number.
fn made_up(word: &str, length: usize) -> Zeroizing<Vec<u8>> {
    use sha2::{Digest, Sha256};
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for round in 0_u8.. {
        let digest =
            Zeroizing::new(<[u8; 32]>::from(Sha256::digest([word.as_bytes(), &[round]].concat())));
        for byte in digest.iter().take(length - text.len()) {
            text.push(b'a' + byte % 26);
        }
        if text.len() == length {
            return text;
        }
    }
    unreachable!("some round is the last")
}

fn password(word: &str) -> Password {
    let text = made_up(word, 24);
    Password::parse(std::str::from_utf8(&text).unwrap()).unwrap()
}

/// In the place where it is wiped: an array that is returned leaves copies on the stack.
fn key(word: &str, into: &mut [u8; 32]) {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    digest.update(word);
    digest.finalize_into(into.into());
}

/// `sign=… index=…`, in one buffer that is wiped.
fn keys() -> Keyring {
    let mut text = Zeroizing::new(String::with_capacity(128));
    for name in ["sign", "index"] {
        let mut encoded = Zeroizing::new([0_u8; 43]);
        let mut raw = Zeroizing::new([0_u8; 32]);
        key(name, &mut raw);
        let encoded = Base64UrlUnpadded::encode(&*raw, &mut *encoded).unwrap();
        text.push_str(name);
        text.push('=');
        text.push_str(encoded);
        text.push(' ');
    }
    Keyring::parse(&text).unwrap()
}

/// Tells the parent what to look for, each byte turned over so that the message is not the secret.
fn tell(name: &str, secret: String) {
    let secret = Zeroizing::new(secret);
    let mut line = format!("@{name} ");
    for byte in secret.bytes() {
        line.push_str(&format!("{:02x}", byte ^ 0xa5));
    }
    println!("\n{line}");
}

#[test]
fn child_of_a_dump() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let kept = journey(what == "leaky");
    // So that the parent can tell this thread's stack from the heap.
    println!("\n@stack {:x}", std::ptr::from_ref(&kept).addr());
    println!("\n@done");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    drop(kept);
}

/// Start, a wrong code, the right one, a new password, signed in, signed in again; then all of it
/// is dropped.
fn journey(leaky: bool) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tenant = TenantId::parse("contoso").unwrap();
        let ada = EmailAddress::parse("ada@example.com").unwrap();
        let hasher = Argon2Pool::new().with_parameters(64, 1, 1).unwrap().with_threads(1);
        let hash = hasher.hash(password("old"), HashQueue::Submit).await.unwrap();
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        let users = MemoryUsers::new();
        let account = Account::new(AccountId::parse("ada").unwrap(), ada.clone(), stamp);
        users.insert(&tenant, account.with_password(hash));
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let (sspr, courier) = Sspr::builder(users, MemoryCodes::new(), policies, keys())
            .with_clock(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
            .with_hasher(hasher)
            .build();
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let request = Request::new(&shop, ada);
        let client = Client::unknown();
        let inbox = CaptureSender::new();
        let StartOutcome::Started(started) = sspr.start(&request, &client).await.unwrap() else {
            panic!("not started");
        };
        courier.drain(&inbox).await;
        let code = inbox.last_code().unwrap();
        drop(inbox.take());
        tell("passcode", code.expose());
        tell("flow token", started.token.expose());
        let granted = sspr.verify(&started.token, &code, &client).await.unwrap();
        let VerifyOutcome::Granted(granted) = granted else { panic!("not granted") };
        tell("grant", granted.grant.expose());
        let changed = sspr.submit(&granted.grant, &password("new"), &client).await.unwrap();
        let SubmitOutcome::Changed(changed) = changed else { panic!("not changed") };
        tell("ticket", changed.ticket.expose());
        let redeemed = sspr.redeem(&changed.ticket).await.unwrap();
        let RedeemOutcome::SignIn(signed_in) = redeemed else { panic!("not signed in") };
        tell("device", signed_in.device.expose());
        let again = sspr.sign_in(&request, &password("new"), &client).await.unwrap();
        assert!(matches!(again, SignInOutcome::SignedIn(_)));
        courier.drain(&inbox).await;
        leaky.then(|| started.token.expose())
    })
}

struct Needle {
    name: String,
    bytes: Vec<u8>,
}

/// The child's report, and how often each secret is in its memory.
fn looked_for(what: &str) -> Vec<(String, Vec<&'static str>)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["memory_dump::child_of_a_dump", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, what)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut needles, mut stack) = (Vec::new(), 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next().expect("the child reports").unwrap();
        let Some(told) = line.strip_prefix('@') else { continue };
        let Some((name, hex)) = told.rsplit_once(' ') else { break };
        if name == "stack" {
            stack = u64::from_str_radix(hex, 16).unwrap();
            continue;
        }
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap() ^ 0xa5)
            .collect();
        // Before a token's secret stand its record's id and its scope, which are no secrets.
        if let Ok(raw) = Base64UrlUnpadded::decode_vec(std::str::from_utf8(&bytes).unwrap())
            && raw.len() >= 64
        {
            needles.push(Needle { name: format!("{name}, raw"), bytes: raw[32..64].to_vec() });
        }
        needles.push(Needle { name: name.to_owned(), bytes });
    }
    for name in ["old", "new"] {
        needles
            .push(Needle { name: format!("{name} password"), bytes: made_up(name, 24).to_vec() });
    }
    for name in ["sign", "index"] {
        let mut raw = [0_u8; 32];
        key(name, &mut raw);
        let text = Base64UrlUnpadded::encode_string(&raw).into_bytes();
        needles.push(Needle { name: format!("{name} key, text"), bytes: text });
        needles.push(Needle { name: format!("{name} key"), bytes: raw.to_vec() });
    }
    let found = search(&child, &needles, stack);
    writeln!(child.stdin.take().unwrap()).unwrap();
    child.wait().unwrap();
    found
}

/// Where in the child's memory each needle is.
fn search(child: &Child, needles: &[Needle], stack: u64) -> Vec<(String, Vec<&'static str>)> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
    let mut memory = File::open(format!("/proc/{}/mem", child.id())).unwrap();
    let mut found: Vec<_> = needles.iter().map(|it| (it.name.clone(), Vec::new())).collect();
    let mut looked_at = 0;
    for map in maps.lines() {
        let mut words = map.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) =
            (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let place = match words.nth(3) {
            _ if (from..to).contains(&stack) => "stack",
            Some(file) if file.starts_with('/') => "static",
            _ => "heap",
        };
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        memory.seek(SeekFrom::Start(from)).unwrap();
        if memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        looked_at += bytes.len();
        for (needle, (_, places)) in needles.iter().zip(&mut found) {
            let hits = bytes.windows(needle.bytes.len()).filter(|it| *it == needle.bytes).count();
            places.extend((0..hits).map(|_| place));
        }
    }
    println!("{looked_at} bytes looked at");
    found
}

#[test]
fn i10_no_secret_is_left_in_memory_after_its_life() {
    let found = looked_for("clean");
    for (name, places) in &found {
        println!(
            "{name}: {}",
            if places.is_empty() { "nowhere".to_owned() } else { places.join(", ") }
        );
    }
    assert!(found.len() > 12, "{}", found.len());
    for (name, places) in &found {
        // A code is two words that are moved like any number, and a stack is not wiped when a call
        // returns: the last copy lies there until later calls write over it. Passwords, keys and
        // tokens stay where they are until they are wiped.
        let may = |place: &&str| *place == "stack" && name == "passcode";
        assert!(places.iter().all(may), "{name}: {places:?}");
    }
}

#[test]
fn a_secret_that_is_left_is_found() {
    let found = looked_for("leaky");
    let (_, places) = found.iter().find(|(name, _)| name == "flow token").unwrap();
    assert_eq!(places.len(), 1, "{found:?}");
}
