//! The three requests of a reset, in the words of each API.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use ureq::Agent;

/// An API that resets passwords.
#[derive(Clone, Copy)]
pub enum Api {
    /// A token for the client and a code in the mail, then a grant.
    Sspr,
    /// A code in the mail, beside the address.
    BetterAuth,
    /// A link in the mail, with the user's id and a token.
    Django,
}

/// One keep-alive connection to a server.
pub struct Connection {
    agent: Agent,
    api: Api,
    at: SocketAddr,
}

/// A reset that one person began.
#[derive(Clone)]
pub struct Reset {
    pub person: usize,
    /// The token of the answer. Only `sspr` has one.
    token: String,
}

/// The answer to a request, or its status if it was refused.
pub type Answer = Result<Value, u16>;

impl Connection {
    pub fn new(at: SocketAddr, api: Api) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Self { agent, api, at }
    }

    /// Requests a mail for this person.
    pub fn start(&self, person: usize) -> Reset {
        let path = match self.api {
            Api::Sspr | Api::Django => "start",
            Api::BetterAuth => "api/auth/email-otp/request-password-reset",
        };
        let answer = self.post(person, path, json!({ "email": address(person) }));
        let answer = answer.expect("a mail is sent");
        let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
        Reset { person, token: token.to_owned() }
    }

    /// Checks the secret of the mail, before the new password is known.
    pub fn verify(&self, reset: &Reset, secret: &str) -> Answer {
        let person = reset.person;
        match self.api {
            Api::Sspr => {
                self.post(person, "verify", json!({ "token": reset.token, "code": secret }))
            }
            Api::BetterAuth => {
                let path = "api/auth/email-otp/check-verification-otp";
                let email = address(person);
                let body = json!({ "email": email, "type": "forget-password", "otp": secret });
                self.post(person, path, body)
            }
            Api::Django => self.post(person, "verify", link(secret)),
        }
    }

    /// Sets the new password, with the answer of `verify`.
    pub fn submit(&self, reset: &Reset, secret: &str, verified: &Value) -> Answer {
        let password = format!("four unrelated words {}", reset.person);
        let (path, mut body) = match self.api {
            Api::Sspr => ("submit", json!({ "grant": verified["grant"] })),
            Api::BetterAuth => (
                "api/auth/email-otp/reset-password",
                json!({ "email": address(reset.person), "otp": secret }),
            ),
            Api::Django => ("submit", link(secret)),
        };
        body["password"] = json!(password);
        self.post(reset.person, path, body)
    }

    /// Takes the mails that were captured: address and secret.
    pub fn mails(&self) -> Result<HashMap<String, String>, ureq::Error> {
        let mut response = self.agent.get(format!("http://{}/mails", self.at)).call()?;
        let mails: Vec<Value> = response.body_mut().read_json()?;
        let text = |mail: &Value, key: &str| mail[key].as_str().expect("a text").to_owned();
        Ok(mails.iter().map(|mail| (text(mail, "to"), text(mail, "secret"))).collect())
    }

    fn post(&self, person: usize, path: &str, body: Value) -> Answer {
        let mut response = self
            .agent
            .post(format!("http://{}/{path}", self.at))
            .header("x-forwarded-for", network(person))
            .send_json(body)
            .expect("an answer");
        match response.status().as_u16() {
            200 => Ok(response.body_mut().read_json().expect("JSON")),
            refused => Err(refused),
        }
    }
}

pub fn address(person: usize) -> String {
    format!("person{person}@example.com")
}

/// Each person has a network address, so that no limit per network refuses.
fn network(person: usize) -> String {
    format!("10.{}.{}.1", person / 256, person % 256)
}

fn link(secret: &str) -> Value {
    let (uid, token) = secret.split_once('/').expect("a link");
    json!({ "uid": uid, "token": token })
}
