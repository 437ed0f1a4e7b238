//! A process of a release before codes by SMS, beside three of this one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    CLIENT, Driver, FIRST, Fleet, INDEX, JSON, Release, Tally, ask, ask_as, check, furnish,
    number_of, on_runtime,
};
use crate::servers::Postgres;

/// Which node is the older one.
const OLDER: usize = 2;
/// People at once of each kind, and journeys of each of them.
const PEOPLE: usize = 3;
const JOURNEYS: usize = 3;
const V2: &str = "/contoso/api/v2.0";

/// What the processes answered that was no step forward.
#[derive(Default)]
struct Refusals(Mutex<BTreeSet<String>>);

/// A person who wants the code by text.
struct Texted<'a> {
    driver: &'a Driver,
    /// The node that answers, or the proxy.
    port: u16,
    refusals: &'a Refusals,
}

impl Texted<'_> {
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = ask_as(self.port, method, path, JSON, &body.to_string());
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Asks until a process goes on. One that refuses says so by its status, and the person tries
    /// again.
    fn step(&self, method: &str, link: &Value, token: &str, more: &Value) -> Value {
        let mut body = json!({"continuationToken": token});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let path = link["href"].as_str().unwrap();
        for _ in 0..200 {
            let (status, answer) = self.ask(method, path, &body);
            if status == 200 {
                return answer;
            }
            let error = answer["error"].as_str().or(answer["error"]["code"].as_str());
            let step = path.rsplit('/').next().unwrap();
            let seen = format!("{step}: {status} {}", error.unwrap_or_default());
            self.refusals.0.lock().unwrap().insert(seen);
            self.driver.tally.repeats.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{path}: nobody goes on: {:?}", self.refusals.0.lock().unwrap());
    }

    /// A reset whose code goes by text. A process that offers no texts lists none.
    fn started(&self, mail: &str) -> (Value, String) {
        let entry = format!("client_id={CLIENT}&scope=openid");
        for _ in 0..200 {
            let path = "/contoso/oauth2/v2.0/authorize-challenge";
            let (_, text) = ask(self.port, "POST", path, &entry);
            let entry: Value = serde_json::from_str(&text).unwrap_or_default();
            let body = json!({"continuationToken": entry["continuation_token"], "username": mail});
            let (_, started) = self.ask("POST", &format!("{V2}/resetpassword/start"), &body);
            let methods = started["_embedded"]["methods"].as_array();
            let mut methods = methods.into_iter().flatten();
            let sms = methods.find(|method| method["type"] == "sms");
            let token = started["continuationToken"].as_str();
            if let (Some(sms), Some(token)) = (sms, token) {
                return (sms["_links"]["challenge"].clone(), token.to_owned());
            }
            self.driver.tally.repeats.fetch_add(1, Ordering::Relaxed);
        }
        panic!("nobody offers a text");
    }

    /// A reset that waits for its code, and the code.
    fn challenged(&self, mail: &str, number: &str) -> (Value, String) {
        let fleet = &self.driver.fleet;
        let (challenge, token) = self.started(mail);
        let before = fleet.mails();
        let sent = self.step("POST", &challenge, &token, &json!({}));
        assert_eq!(sent["type"], "sms", "{sent}");
        let asked = Instant::now();
        loop {
            if let Some(code) = fleet.message(number, "text", before) {
                return (sent, code);
            }
            assert!(asked.elapsed() < Duration::from_secs(60), "{number}: no text");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn reset(&self, mail: &str, number: &str, password: &str) {
        let (sent, code) = self.challenged(mail, number);
        self.finish(&sent, &code, password);
        self.driver.signs_in(mail, password);
    }

    fn finish(&self, sent: &Value, code: &str, password: &str) {
        let verified =
            self.step("POST", &sent["_links"]["verify"], token(sent), &json!({"otp": code}));
        assert_eq!(verified["action"], "update", "{verified}");
        let new = json!({"newPassword": password});
        let updated = self.step("PUT", &verified["_links"]["update"], token(&verified), &new);
        assert_eq!(updated["action"], "poll", "{updated}");
        self.driver.tally.changes.fetch_add(1, Ordering::Relaxed);
    }
}

fn token(answer: &Value) -> &str {
    answer["continuationToken"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// A reset by text that a new process has begun: the older one refuses each step of it with an error
/// of its own, and a new one goes on where it was.
fn each_step_is_refused(driver: &Driver, mail: &str, number: &str) -> String {
    let (fleet, refusals) = (&driver.fleet, Refusals::default());
    let new = Texted { driver, port: fleet.nodes[0].port, refusals: &refusals };
    let old = Texted { driver, port: fleet.nodes[OLDER].port, refusals: &refusals };
    let password = "words of the older one";
    let refuses = |method: &str, link: &Value, body: &Value| {
        let (status, answer) = old.ask(method, link["href"].as_str().unwrap(), body);
        assert_eq!(status, 503, "{link}: {answer}");
    };

    let (sent, code) = new.challenged(mail, number);
    let verify = &sent["_links"]["verify"];
    refuses("POST", verify, &json!({"continuationToken": token(&sent), "otp": code}));
    let verified = new.step("POST", verify, token(&sent), &json!({"otp": code}));
    let update = &verified["_links"]["update"];
    let body = json!({"continuationToken": token(&verified), "newPassword": password});
    refuses("PUT", update, &body);
    let new_password = json!({"newPassword": password});
    let updated = new.step("PUT", update, token(&verified), &new_password);
    assert_eq!(updated["action"], "poll", "{updated}");
    assert!(refusals.0.lock().unwrap().is_empty(), "the new one refuses nothing");
    driver.tally.changes.fetch_add(1, Ordering::Relaxed);
    password.to_owned()
}

#[test]
fn an_older_process_refuses_resets_by_text_and_shares_all_others() {
    let server = Postgres::start();
    let url = server.url("postgres");
    on_runtime(furnish(&server, &url, 2 * PEOPLE * JOURNEYS + 1));
    let release = |codec| Release { codec, keys: format!("{FIRST} {INDEX}") };
    let fleet = Arc::new(Fleet::start(url, None, &release("this")));
    fleet.replace(OLDER, &release("older"));
    let (tally, refusals) = (Arc::new(Tally::default()), Arc::new(Refusals::default()));
    let driver = || Driver { fleet: fleet.clone(), tally: tally.clone() };
    let mail = |number: usize| format!("user{number}@example.com");

    let first = each_step_is_refused(&driver(), &mail(0), number_of(0).as_str());

    // By mail and by text at once, through all processes in turn.
    let next = Arc::new(AtomicUsize::new(1));
    let people: Vec<_> = (0..2 * PEOPLE)
        .map(|person| {
            let (driver, next, refusals) = (driver(), next.clone(), refusals.clone());
            thread::spawn(move || {
                let mut changed = HashMap::<String, String>::new();
                for _ in 0..JOURNEYS {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (mail, password) =
                        (format!("user{number}@example.com"), format!("brand new words {number}"));
                    let port = driver.fleet.proxy;
                    let texted = Texted { driver: &driver, port, refusals: &refusals };
                    match person % 2 {
                        0 => driver.reset(&mail, &password, false),
                        _ => texted.reset(&mail, number_of(number).as_str(), &password),
                    }
                    changed.insert(mail, password);
                }
                changed
            })
        })
        .collect();
    let mut changed = HashMap::from([(mail(0), first)]);
    for person in people {
        changed.extend(person.join().unwrap());
    }

    assert_eq!(changed.len(), 2 * PEOPLE * JOURNEYS + 1);
    let refusals = refusals.0.lock().unwrap();
    println!("{refusals:?}");
    assert!(refusals.iter().any(|seen| seen.contains("503")), "{refusals:?}");
    check(&server, &fleet, &tally, &changed);
}
