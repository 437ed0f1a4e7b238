//! A mail server that keeps to a script: replies, silence and closed connections at each step.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// A step of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Greeting,
    Hello,
    Auth,
    /// An answer to a challenge.
    Answer,
    Mail,
    Rcpt,
    Data,
    /// After 354, before the first line.
    Body,
    /// The final dot.
    End,
    Rset,
    Quit,
}

/// What is done at a step, instead of a friendly reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Close,
    /// Says nothing, until the client has gone.
    Hang,
    /// Waits until the test releases it, and then goes on friendly.
    Hold,
    Say(&'static [u8]),
    /// One byte after the other.
    Drip(&'static [u8]),
    SayAndClose(&'static [u8]),
    /// Says this, and the friendly reply and all further ones only after the client's next line.
    Late(&'static [u8]),
}

/// A step's act, the first time that the step is reached or each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Once(At, Act),
    Always(At, Act),
}

/// A server on loopback. Its threads end with their clients.
pub struct ScriptedServer {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    script: Vec<Line>,
    messages: Vec<String>,
    commands: Vec<String>,
    connections: usize,
    /// Another handle of the newest connection.
    newest: Option<TcpStream>,
    held: usize,
    is_released: bool,
    is_over: bool,
}

impl ScriptedServer {
    pub fn start(script: &[Line]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { script: script.to_vec(), ..State::default() };
        let shared = Arc::new(Shared { changed: Condvar::new(), state: Mutex::new(state) });
        let kept = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut state = kept.state.lock().unwrap();
                if state.is_over {
                    return;
                }
                state.connections += 1;
                let (stream, shared) = (stream.unwrap(), kept.clone());
                state.newest = stream.try_clone().ok();
                // What is said arrives at once.
                stream.set_nodelay(true).unwrap();
                drop(state);
                // A client that goes away in the middle ends its thread, and nothing else.
                thread::spawn(move || Dialogue::new(stream, shared).run());
            }
        });
        Self { port, shared }
    }

    /// A URL for this server.
    pub fn url(&self, user: &str, more: &str) -> String {
        format!("smtp://{user}127.0.0.1:{}?from=no-reply@y.example&tls=none{more}", self.port)
    }

    /// Whole messages that the server may have accepted.
    pub fn messages(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().messages.clone()
    }

    pub fn commands(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().commands.clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().connections
    }

    /// Says something on the newest connection, whatever its dialogue is at.
    pub fn interject(&self, words: &[u8]) {
        let state = self.shared.state.lock().unwrap();
        state.newest.as_ref().unwrap().write_all(words).unwrap();
    }

    /// Waits until so many dialogues are held.
    pub fn wait_for_held(&self, held: usize) {
        self.wait(|state| state.held >= held);
    }

    /// Waits until so many commands begin with this word.
    pub fn wait_for(&self, verb: &str, times: usize) {
        self.wait(|state| {
            state.commands.iter().filter(|command| command.starts_with(verb)).count() >= times
        });
    }

    pub fn release(&self) {
        self.shared.state.lock().unwrap().is_released = true;
        self.shared.changed.notify_all();
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.shared.state.lock().unwrap();
        drop(self.shared.changed.wait_while(state, |state| !until(state)).unwrap());
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().is_over = true;
        self.release();
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

struct Dialogue {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    shared: Arc<Shared>,
    /// What stands before the next thing that is said, which then waits in its place.
    late: Option<Vec<u8>>,
}

impl Dialogue {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { late: None, reader, shared, writer: stream }
    }

    /// `None` ends the connection.
    fn run(mut self) -> Option<()> {
        self.step(At::Greeting, b"220 scripted.example ESMTP\r\n")?;
        let mut is_authenticating = false;
        loop {
            let line = self.line()?;
            self.note(&line);
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let (at, friendly): (At, &[u8]) = match verb.as_str() {
                _ if is_authenticating => (At::Answer, b"235 2.7.0 ok\r\n"),
                "EHLO" => (
                    At::Hello,
                    b"250-scripted.example\r\n250-AUTH PLAIN LOGIN XOAUTH2\r\n250 SIZE 1000000\r\n",
                ),
                "HELO" => (At::Hello, b"250 scripted.example\r\n"),
                "AUTH" => (At::Auth, b"235 2.7.0 ok\r\n"),
                "MAIL" => (At::Mail, b"250 2.1.0 ok\r\n"),
                "RCPT" => (At::Rcpt, b"250 2.1.5 ok\r\n"),
                "RSET" => (At::Rset, b"250 2.0.0 ok\r\n"),
                "QUIT" => {
                    self.step(At::Quit, b"221 2.0.0 bye\r\n")?;
                    return None;
                }
                "DATA" => {
                    let answer = self.step(At::Data, b"354 go on\r\n")?;
                    if answer.starts_with(b"3") {
                        self.message()?;
                    }
                    continue;
                }
                _ => (At::Quit, b"500 5.5.1 what\r\n"),
            };
            let answer = self.step(at, friendly)?;
            is_authenticating = matches!(at, At::Auth | At::Answer) && answer.starts_with(b"334");
        }
    }

    /// Reads a message, and keeps it unless it is refused.
    fn message(&mut self) -> Option<()> {
        self.step(At::Body, b"")?;
        let mut message = String::new();
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            message.push_str(&line);
            message.push('\n');
        }
        let act = self.act(At::End);
        let is_refused =
            matches!(act, Some(Act::Say([b'4' | b'5', ..]) | Act::SayAndClose([b'4' | b'5', ..])));
        if !is_refused {
            self.shared.state.lock().unwrap().messages.push(message);
        }
        self.note(".");
        self.perform(act, b"250 2.0.0 queued as 4XyZ12\r\n").map(drop)
    }

    fn step(&mut self, at: At, friendly: &'static [u8]) -> Option<&'static [u8]> {
        let act = self.act(at);
        self.perform(act, friendly)
    }

    fn act(&self, at: At) -> Option<Act> {
        let mut state = self.shared.state.lock().unwrap();
        let is_next = |line: &Line| matches!(line, Line::Once(step, _) | Line::Always(step, _) if *step == at);
        let found = state.script.iter().position(is_next)?;
        match state.script[found] {
            Line::Always(_, act) => Some(act),
            Line::Once(_, act) => {
                state.script.remove(found);
                Some(act)
            }
        }
    }

    /// What was said; `None` if the connection is over.
    fn perform(&mut self, act: Option<Act>, friendly: &'static [u8]) -> Option<&'static [u8]> {
        let said = match act {
            None => friendly,
            Some(Act::Say(words)) => words,
            Some(Act::SayAndClose(words)) => {
                self.writer.write_all(words).ok()?;
                let _ = self.writer.shutdown(Shutdown::Both);
                return None;
            }
            Some(Act::Drip(words)) => {
                for byte in words {
                    self.writer.write_all(&[*byte]).ok()?;
                }
                return Some(words);
            }
            Some(Act::Late(words)) => {
                self.late = Some(words.to_vec());
                friendly
            }
            Some(Act::Close) => {
                let _ = self.writer.shutdown(Shutdown::Both);
                return None;
            }
            Some(Act::Hang) => {
                while self.line().is_some() {}
                return None;
            }
            Some(Act::Hold) => {
                let mut state = self.shared.state.lock().unwrap();
                state.held += 1;
                self.shared.changed.notify_all();
                let wait = self.shared.changed.wait_while(state, |state| !state.is_released);
                drop(wait.unwrap());
                friendly
            }
        };
        let now = match &mut self.late {
            Some(late) => std::mem::replace(late, said.to_vec()),
            None => said.to_vec(),
        };
        self.writer.write_all(&now).ok()?;
        Some(said)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line).ok()?;
        if read == 0 || !line.ends_with(b"\r\n") {
            return None;
        }
        line.truncate(line.len() - 2);
        Some(String::from_utf8(line).unwrap())
    }

    fn note(&self, command: &str) {
        self.shared.state.lock().unwrap().commands.push(command.to_owned());
        self.shared.changed.notify_all();
    }
}
