//! A network between client and server that can be counted, slowed and cut.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Weather {
    /// Bytes go through.
    Fair = 0,
    /// Nobody comes through, and who is on the way is cut off.
    Cut = 1,
    /// Requests go through; the answer is swallowed, and the connection cut.
    LosesAnswers = 2,
    /// Each answer takes 20 milliseconds longer.
    Slow = 3,
}

pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    weather: AtomicU8,
    /// Requests that waited for an answer.
    trips: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            open: Mutex::default(),
            trips: AtomicUsize::new(0),
            weather: AtomicU8::new(Weather::Fair as u8),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.is(Weather::Cut) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                connect(client, server, &shared);
            }
        });
        Self { port, state }
    }

    pub fn set(&self, weather: Weather) {
        self.state.weather.store(weather as u8, Ordering::SeqCst);
        if weather == Weather::Cut {
            for stream in self.state.open.lock().unwrap().drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Round trips since the last call.
    pub fn trips(&self) -> usize {
        self.state.trips.swap(0, Ordering::SeqCst)
    }
}

impl State {
    fn is(&self, weather: Weather) -> bool {
        self.weather.load(Ordering::SeqCst) == weather as u8
    }
}

fn connect(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    state.open.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
    let asking = Arc::new(AtomicBool::new(false));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (asked, counted) = (asking.clone(), state.clone());
    thread::spawn(move || {
        pump(from, to, || {
            // The first bytes after an answer begin a round trip.
            if !asked.swap(true, Ordering::SeqCst) {
                counted.trips.fetch_add(1, Ordering::SeqCst);
            }
            true
        });
    });
    let state = state.clone();
    thread::spawn(move || {
        pump(server, client, || {
            asking.store(false, Ordering::SeqCst);
            if state.is(Weather::Slow) {
                wait(Duration::from_millis(20));
            }
            !state.is(Weather::LosesAnswers)
        });
    });
}

/// Carries bytes until one end is gone or `pass` says no.
fn pump(mut from: TcpStream, mut to: TcpStream, mut pass: impl FnMut() -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !pass() || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[expect(clippy::disallowed_methods, reason = "a slow network is slow in real time")]
fn wait(time: Duration) {
    thread::sleep(time);
}
