//! An HTTP server on loopback that does what a script says, one step for each request.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
};

use serde_json::Value;

/// What becomes of one request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Status, content type and body.
    Say(u16, &'static str, String),
    /// Status, one more header with its value, and a body of JSON.
    SayWith(u16, (&'static str, &'static str), String),
    /// The request is read, and nothing is ever said.
    Hang,
    /// The request is read, and the connection ends.
    Close,
    /// The connection ends before the request is read.
    Refuse,
    /// The answer breaks off in its body.
    BreakOff,
}

type Headers = Vec<(String, String)>;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The first line.
    pub line: String,
    /// Names are in lower case.
    pub headers: Headers,
    pub body: Value,
    /// The body as it came.
    pub text: String,
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Clone)]
pub struct Handler {
    at: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Told when a client goes away that got no answer.
    gone: Arc<(Mutex<bool>, Condvar)>,
}

impl Handler {
    /// The last step is repeated.
    pub fn start(script: &[Step]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (script, kept) = (Arc::new(script.to_vec()), seen.clone());
        let gone: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let told = gone.clone();
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (script, kept, told) = (script.clone(), kept.clone(), told.clone());
                std::thread::spawn(move || {
                    if serve(&stream.unwrap(), connection, &script, &kept) {
                        *told.0.lock().unwrap() = true;
                        told.1.notify_all();
                    }
                });
            }
        });
        Self { at, gone, seen }
    }

    pub fn url(&self) -> String {
        format!("http://{}/api/OnOtpSend?code=hunter2secret", self.at)
    }

    /// Ends when a client that got no answer has closed its connection.
    pub fn wait_until_the_client_has_gone(&self) {
        let gone = self.gone.0.lock().unwrap();
        let most = std::time::Duration::from_secs(60);
        let waited = self.gone.1.wait_timeout_while(gone, most, |gone| !*gone).unwrap().1;
        assert!(!waited.timed_out(), "the connection stays open");
    }

    pub fn port(&self) -> u16 {
        self.at.port()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers whether the client went away without an answer.
fn serve(stream: &TcpStream, connection: usize, script: &[Step], seen: &Mutex<Vec<Seen>>) -> bool {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let step = |seen: &[Seen]| script[seen.len().min(script.len() - 1)].clone();
        if matches!(step(&seen.lock().unwrap()), Step::Refuse) {
            let refused = Seen {
                body: Value::Null,
                connection,
                headers: Vec::new(),
                line: "refused".to_owned(),
                text: String::new(),
            };
            seen.lock().unwrap().push(refused);
            return false;
        }
        let Some((line, headers, text)) = request(&mut reader) else {
            // As a server answers that hears TLS where it speaks none.
            let _ = write!(writer, "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            return false;
        };
        let step = {
            let mut seen = seen.lock().unwrap();
            let step = step(&seen);
            let body = serde_json::from_str(&text).unwrap_or_default();
            seen.push(Seen { body, connection, headers, line, text });
            step
        };
        let (status, header, body) = match &step {
            Step::Say(status, kind, body) => (*status, ("content-type", *kind), body.as_str()),
            Step::SayWith(status, header, body) => (*status, *header, body.as_str()),
            Step::BreakOff => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90";
                let _ = write!(writer, "{head}\r\n\r\n{{\"data\"");
                return false;
            }
            Step::Hang => {
                // Until the client goes away.
                let _ = reader.read(&mut [0]);
                return true;
            }
            Step::Close | Step::Refuse => return false,
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n");
        let (name, value) = header;
        let _ = write!(writer, "{head}{name}: {value}\r\n\r\n{body}");
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Headers, String)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let headers: Headers = lines[1..]
        .iter()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some((lines[0].clone(), headers, String::from_utf8(body).unwrap()))
}
