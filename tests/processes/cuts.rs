//! Connections to the example `hosted` that are cut at random points: nothing is lost by it.
//!
//! Each trial has a customer and a network of its own. It cuts one of its requests up to three
//! times: in the middle of the bytes, or after a random part of the time that an answer takes. Then
//! it makes the request once more, or (`never_retried`) does not, and looks what has become of it.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::process::Hosted;

const CLIENT: &str = "63856651-0000-4000-8000-000000000000";
const OLD: &str = "the old password 1";
const NEW: &str = "four unrelated words will do";
/// Callers at a time: more than the machine has cores, as in life.
const CALLERS: usize = 12;
/// How long whatever must follow may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// SplitMix64: the same seed cuts at the same bytes and waits as long.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// One answer, whole.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn field(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        let field = body[name].as_str();
        field.unwrap_or_else(|| panic!("no {name}: {} {}", self.status, self.body)).to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// One process for a customer of its own.
struct Trial<'a> {
    hosted: &'a Hosted,
    dice: Dice,
    cuts: &'a AtomicUsize,
    /// Cuts that came after the answer had begun.
    late: &'a AtomicUsize,
    /// Customers whose password was changed, so that a notice is due.
    owed: &'a Mutex<Vec<String>>,
    /// How long an answer takes that has a slow hash in it.
    slow: Duration,
    customer: String,
    network: String,
    cookie: String,
    at: String,
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}

impl Trial<'_> {
    fn call(&self, request: &[u8]) -> Answer {
        let text = self.hosted.raw(request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { body: body.to_owned(), head: head.to_owned(), status: status.unwrap_or(0) }
    }

    /// Makes a request and goes away. A third are cut in their bytes, the others in their time.
    fn cut(&mut self, request: &[u8], slow: bool) {
        let mut stream = TcpStream::connect(&self.hosted.at).unwrap();
        let bytes = if self.dice.roll(3) == 0 {
            self.dice.roll(request.len() as u64) as usize
        } else {
            request.len()
        };
        let longest = if slow { self.slow } else { self.slow / 8 };
        let wait = self.dice.roll(longest.as_micros() as u64 + 1).max(1);
        let _ = stream.write_all(&request[..bytes]);
        stream.set_read_timeout(Some(Duration::from_micros(wait))).unwrap();
        // Answers that come before are thrown away, as by a client that does not get them.
        if stream.read(&mut [0; 1]).is_ok_and(|read| read > 0) {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
        let _ = stream.shutdown(Shutdown::Both);
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }

    /// Cuts a request up to three times.
    fn cut_some(&mut self, request: &[u8], slow: bool) {
        for _ in 0..=self.dice.roll(3) {
            self.cut(request, slow);
        }
    }

    fn native(&self, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        let body = form(&[&[("client_id", CLIENT)], fields].concat());
        let headers = [
            ("x-forwarded-for", self.network.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        request("POST", &format!("/contoso.onmicrosoft.com{path}"), &headers, &body)
    }

    fn started(&self) -> String {
        let fields = [("username", &*self.customer), ("challenge_type", "oob redirect")];
        let seen = self.call(&self.native("/resetpassword/v1.0/start", &fields));
        seen.field("continuation_token")
    }

    /// Makes a request that was cut before. A process that is still busy with the cut one may say
    /// so; nothing else but a good answer will do.
    fn again(&self, request: &[u8]) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.call(request);
            let busy = seen.status == 503
                || (seen.status == 429 && seen.header("retry-after") == Some("1"));
            if !busy || Instant::now() > deadline {
                return seen;
            }
            std::thread::yield_now();
        }
    }

    /// The newest passcode. It must come without anything more being done for it.
    fn code(&self) -> String {
        let path = format!("/inbox/code?to={}", self.customer);
        self.wait_for("the mail", || {
            let seen = self.call(&request("GET", &path, &[], ""));
            (seen.status == 200).then_some(seen.body)
        })
    }

    fn wait_for<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        self.wait_at_most(PATIENCE, what, look)
    }

    fn wait_at_most<T>(
        &self,
        longest: Duration,
        what: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + longest;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "{what} of {} is lost", self.customer);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn mails(&self, purpose: &str) -> usize {
        let path = format!("/inbox.json?to={}", self.customer);
        let seen = self.call(&request("GET", &path, &[], ""));
        let mails: Vec<serde_json::Value> = serde_json::from_str(&seen.body).unwrap();
        mails.iter().filter(|mail| mail["purpose"] == purpose).count()
    }

    /// Notices come in rounds of some seconds: they are looked for when the trials are over.
    fn is_told_of_the_change(&self) {
        self.owed.lock().unwrap().push(self.customer.clone());
    }

    fn signs_in(&self, password: &str) -> bool {
        let fields = [("username", &*self.customer), ("challenge_type", "password redirect")];
        let seen = self.call(&self.native("/oauth2/v2.0/initiate", &fields));
        let (path, fields) = self.password_step(&seen.field("continuation_token"), password);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let seen = self.again(&self.native(path, &fields));
        assert!(
            seen.status == 200 || seen.body.contains("50126"),
            "{} {}",
            self.customer,
            seen.body
        );
        seen.status == 200
    }

    fn password_step(
        &self,
        initiated: &str,
        password: &str,
    ) -> (&'static str, Vec<(&'static str, String)>) {
        let fields = [("continuation_token", initiated)];
        let seen = self.call(&self.native("/oauth2/v2.0/challenge", &fields));
        let fields = vec![
            ("continuation_token", seen.field("continuation_token")),
            ("grant_type", "password".to_owned()),
            ("scope", "openid".to_owned()),
            ("password", password.to_owned()),
        ];
        ("/oauth2/v2.0/token", fields)
    }

    /// Up to a token that waits for its code.
    fn challenged(&self, token: &str) -> Vec<u8> {
        self.native("/resetpassword/v1.0/challenge", &[("continuation_token", token)])
    }

    fn continued(&self, token: &str, code: &str) -> Vec<u8> {
        let fields = [("continuation_token", token), ("grant_type", "oob"), ("oob", code)];
        self.native("/resetpassword/v1.0/continue", &fields)
    }

    fn submitted(&self, token: &str) -> Vec<u8> {
        let fields = [("continuation_token", token), ("new_password", NEW)];
        self.native("/resetpassword/v1.0/submit", &fields)
    }

    /// Whatever was cut before: the reset still ends, the owner is told, and the client signs in.
    fn finish(&self, granted: &str) {
        let seen = self.again(&self.submitted(granted));
        assert_eq!(seen.status, 200, "a dead reset of {}: {}", self.customer, seen.body);
        let fields = [("continuation_token", &*seen.field("continuation_token"))];
        let polled = self.again(&self.native("/resetpassword/v1.0/poll_completion", &fields));
        assert_eq!(polled.field("status"), "succeeded", "{}", self.customer);
        let token = polled.field("continuation_token");
        let fields = [
            ("continuation_token", &*token),
            ("grant_type", "continuation_token"),
            ("scope", "openid"),
        ];
        let seen = self.again(&self.native("/oauth2/v2.0/token", &fields));
        assert_eq!(seen.status, 200, "no sign-in of {}: {}", self.customer, seen.body);
        self.is_told_of_the_change();
        assert_eq!(self.mails("Passcode"), 1, "{}", self.customer);
    }

    /// Cuts each request of a reset in turn.
    fn a_reset(&mut self) {
        let token = self.started();
        let request = self.challenged(&token);
        self.cut_some(&request, false);
        let seen = self.again(&request);
        assert_eq!(seen.status, 200, "a dead send of {}: {}", self.customer, seen.body);
        let code = self.code();
        let request = self.continued(&seen.field("continuation_token"), &code);
        self.cut_some(&request, false);
        let seen = self.again(&request);
        assert_eq!(seen.status, 200, "a dead code of {}: {}", self.customer, seen.body);
        let granted = seen.field("continuation_token");
        let request = self.submitted(&granted);
        self.cut_some(&request, true);
        self.finish(&granted);
        assert!(self.signs_in(NEW) && !self.signs_in(OLD), "{}", self.customer);
    }

    /// Cuts the submit of a reset and never comes back: the owner is told if it was done.
    fn a_submit_that_is_never_retried(&mut self) {
        let token = self.started();
        let seen = self.again(&self.challenged(&token));
        let request = self.continued(&seen.field("continuation_token"), &self.code());
        let granted = self.again(&request).field("continuation_token");
        let request = self.submitted(&granted);
        self.cut(&request, true);
        // The change may be under way while this looks.
        let changed = self.wait_for("either password", || {
            if self.signs_in(NEW) { Some(true) } else { self.signs_in(OLD).then_some(false) }
        });
        if changed {
            self.is_told_of_the_change();
        }
    }

    /// Right passwords, cut as often as would lock the account if they were wrong, and again.
    fn a_sign_in(&mut self) {
        let fields = [("username", &*self.customer), ("challenge_type", "password redirect")];
        let seen = self.call(&self.native("/oauth2/v2.0/initiate", &fields));
        let initiated = seen.field("continuation_token");
        for _ in 0..12 {
            let (path, fields) = self.password_step(&initiated, OLD);
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let request = self.native(path, &fields);
            self.cut(&request, true);
        }
        // What the cut calls owe is done by the courier: until then the account may be paused. A
        // lockout lasts a minute.
        self.wait_at_most(Duration::from_secs(40), "the sign-in", || {
            let (path, fields) = self.password_step(&initiated_anew(self), OLD);
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let seen = self.again(&self.native(path, &fields));
            assert!(seen.status == 200 || seen.body.contains("50053"), "{}", seen.body);
            (seen.status == 200).then_some(())
        });
    }

    fn page(&self, page: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        let query = self.at.split_once('?').map_or("", |(_, query)| query);
        let headers = [
            ("x-forwarded-for", self.network.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", self.cookie.as_str()),
        ];
        request("POST", &format!("/contoso/account/{page}?{query}"), &headers, &form(fields))
    }

    /// Takes an answer as a browser does.
    fn follow(&mut self, seen: &Answer) {
        assert_eq!(seen.status, 303, "{} at {}: {}", self.customer, self.at, seen.head);
        let lines = seen.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let fresh = lines.map(|line| line.split(';').next().unwrap().to_owned());
        for cookie in fresh {
            let name = format!("{}=", cookie.split('=').next().unwrap());
            let mut kept: Vec<String> = self
                .cookie
                .split("; ")
                .filter(|it| !it.is_empty() && !it.starts_with(&name))
                .map(str::to_owned)
                .collect();
            kept.push(cookie);
            self.cookie = kept.join("; ");
        }
        self.at = seen.header("location").unwrap().to_owned();
    }

    /// Cuts the forms of the hosted pages, and sends them again as a browser does: with the cookie
    /// that it had before.
    fn a_form(&mut self) {
        let customer = self.customer.clone();
        let seen = self.call(&self.page("sign-in", &[("username", &customer)]));
        self.follow(&seen);
        let request = self.page("reset", &[]);
        let seen = self.again(&request);
        self.follow(&seen);
        let code = self.code();
        let request = self.page("code", &[("code", &code)]);
        self.cut_some(&request, false);
        let seen = self.again(&request);
        self.follow(&seen);
        assert!(self.at.contains("new-password"), "{}: {}", self.customer, self.at);
        let fields = [("new-password", NEW), ("confirm-password", NEW)];
        let request = self.page("new-password", &fields);
        self.cut_some(&request, true);
        let seen = self.again(&request);
        self.follow(&seen);
        assert!(self.at.contains("done"), "a dead form of {}: {}", self.customer, self.at);
        self.is_told_of_the_change();
        assert!(self.signs_in(NEW) && !self.signs_in(OLD), "{}", self.customer);
    }

    /// An administrator's write: what is stored is in force, and what was answered is stored.
    fn a_write(&mut self, state: &str) {
        let path = "/admin/tenants/fabrikam/v1.0/policies/authenticationMethodsPolicy/\
                    authenticationMethodConfigurations/email";
        let authorization = format!("Bearer {}", self.hosted.key);
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = format!("{{\"state\":\"{state}\"}}");
        let write = request("PATCH", path, &headers, &body);
        let read = request("GET", path, &headers, "");
        self.cut_some(&write, false);
        // Never retried: within seconds what is stored is in force, whatever that is.
        self.wait_for("the change", || {
            let stored = self.call(&read).body.contains(r#""state":"enabled""#);
            let offered = self.is_offered();
            let same = self.call(&read).body.contains(r#""state":"enabled""#) == stored;
            (same && stored == offered).then_some(())
        });
        let seen = self.again(&write);
        assert_eq!(seen.status, 204, "{}", seen.body);
        let offered = self.is_offered();
        let stored = self.call(&read);
        // A cut write may come in late, and then it is the newest: another tag says so.
        if stored.header("etag") == seen.header("etag") {
            assert_eq!(offered, state == "enabled", "answered, and not in force");
            assert!(stored.body.contains(&format!("\"state\":\"{state}\"")));
        }
    }

    fn is_offered(&self) -> bool {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        let network = format!("10.{}.{}.9", 200 + call / 256 % 50, call % 256);
        let fields = [
            ("client_id", CLIENT),
            ("username", "ada@example.com"),
            ("challenge_type", "oob redirect"),
        ];
        let headers = [
            ("x-forwarded-for", network.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let path = "/fabrikam.onmicrosoft.com/resetpassword/v1.0/start";
        let seen = self.call(&request("POST", path, &headers, &form(&fields)));
        assert!(seen.status == 200 || seen.body.contains("500222"), "{}", seen.body);
        seen.status == 200
    }
}

fn initiated_anew(trial: &Trial<'_>) -> String {
    let fields = [("username", &*trial.customer), ("challenge_type", "password redirect")];
    trial.call(&trial.native("/oauth2/v2.0/initiate", &fields)).field("continuation_token")
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn a_connection_that_is_cut_anywhere_loses_nothing() {
    let wanted = setting("SSPR_CUTS", 300) as usize;
    let seed = setting("SSPR_SEED", 20_261_128);
    // A trial has at least one cut.
    let hosted = Hosted::start(&["--ephemeral", "--customers", &wanted.min(10_000).to_string()]);
    let (cuts, late, next) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(1));
    let owed = Mutex::new(Vec::new());
    let trial = |number: usize, slow: Duration| Trial {
        at: String::new(),
        cookie: String::new(),
        customer: format!("customer{number}@example.com"),
        cuts: &cuts,
        dice: Dice(seed ^ (number as u64) << 20),
        hosted: &hosted,
        late: &late,
        owed: &owed,
        network: format!("10.{}.{}.7", number / 256, number % 256),
        slow,
    };
    // How long a sign-in takes beside others is how long a cut waits at most.
    let began = Instant::now();
    assert!(trial(wanted, Duration::ZERO).signs_in(OLD));
    let slow = began.elapsed() * 2;
    println!("seed {seed}, cuts within {slow:?}");

    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (cuts, next, trial, failures) = (&cuts, &next, &trial, &failures);
            scope.spawn(move || {
                while cuts.load(Ordering::SeqCst) < wanted && failures.lock().unwrap().is_empty() {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let mut own = trial(number, slow);
                    let act = std::panic::AssertUnwindSafe(|| match (caller, number % 4) {
                        // One administrator: writes in turn.
                        (0, _) => own.a_write(if number % 3 == 0 { "disabled" } else { "enabled" }),
                        (_, 0) => own.a_sign_in(),
                        (_, 1) => own.a_submit_that_is_never_retried(),
                        (_, 2) => own.a_form(),
                        (_, _) => own.a_reset(),
                    });
                    if let Err(panic) = std::panic::catch_unwind(act) {
                        let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                        failures.lock().unwrap().push(format!("trial {number}: {words}"));
                    }
                }
            });
        }
    });

    let told = std::mem::take(&mut *owed.lock().unwrap());
    let mut look = trial(wanted, slow);
    for customer in &told {
        look.customer.clone_from(customer);
        look.wait_for("the notice", || (look.mails("PasswordChanged") > 0).then_some(()));
    }
    let (failures, trials) = (failures.into_inner().unwrap(), next.into_inner() - 1);
    let (cuts, late) = (cuts.load(Ordering::SeqCst), late.load(Ordering::SeqCst));
    let took = began.elapsed();
    println!("{cuts} cuts in {trials} trials, {late} too late, {} notices, {took:?}", told.len());
    assert!(failures.is_empty(), "seed {seed}: {failures:#?}");
    assert!(cuts >= wanted, "{cuts}");
}
