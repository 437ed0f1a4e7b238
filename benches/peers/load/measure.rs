//! One round: every peer once with one connection and once with four.

use std::{
    collections::HashMap,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use crate::{
    api::{Reset, address},
    peers::PEERS,
    raw::Raw,
    server::Server,
};

const CONNECTIONS: [usize; 2] = [1, 4];
/// Requests before the measurement, so that compilers and caches are warm.
const WARM_STARTS: usize = 200;
const WARM_RESETS: usize = 20;
/// Measured requests. A reset takes a hundred times as long as a start.
const STARTS: usize = 800;
const RESETS: usize = 100;

/// A reset that was begun, and how long its first request took.
type Begun = (Reset, Duration);

pub fn round(number: usize, raw: &str) {
    let mut raw = Raw::append_to(raw);
    for connections in CONNECTIONS {
        let mut peers = PEERS;
        // Each round has another order, so that no peer always follows the same one.
        peers.rotate_left(number % PEERS.len());
        if number.is_multiple_of(2) {
            peers.reverse();
        }
        for peer in peers {
            let server = Server::start(peer, WARM_STARTS + STARTS);
            let mut note = |what: &str, value: f64| {
                raw.write(number, what, connections, peer.name, value);
            };
            measure(&server, connections, &mut note);
        }
    }
}

fn measure(server: &Server, connections: usize, note: &mut impl FnMut(&str, f64)) {
    let warm = begin(server, 0..WARM_STARTS, connections);
    finish(server, with_secrets(server, warm, WARM_RESETS), connections);

    let (begun, start_cpu) =
        with_cpu(server, || begin(server, WARM_STARTS..WARM_STARTS + STARTS, connections));
    let mut starts: Vec<Duration> = begun.iter().map(|(_, took)| *took).collect();
    let begun = with_secrets(server, begun, RESETS);
    let (mut resets, rest_cpu) = with_cpu(server, || finish(server, begun, connections));

    let start_cpu = start_cpu / STARTS as f64;
    note("start_cpu", start_cpu);
    note("reset_cpu", start_cpu + rest_cpu / RESETS as f64);
    for (what, part) in [("p50", 0.5), ("p99", 0.99)] {
        note(&format!("start_{what}"), quantile(&mut starts, part));
        note(&format!("reset_{what}"), quantile(&mut resets, part));
    }
    note("rss", server.memory() as f64 / 1e6);
}

/// Starts a reset for each of these people.
fn begin(server: &Server, people: Range<usize>, connections: usize) -> Vec<Begun> {
    spread(people.collect(), connections, |people| {
        let connection = server.connect();
        let start = |person: usize| timed(|| connection.start(person));
        people.into_iter().map(start).collect()
    })
}

/// Verifies and submits. Returns how long each whole reset took, with its start and without the way
/// of its mail.
fn finish(server: &Server, begun: Vec<(Begun, String)>, connections: usize) -> Vec<Duration> {
    spread(begun, connections, |begun| {
        let connection = server.connect();
        let finish = |((reset, start), secret): (Begun, String)| {
            let ((), took) = timed(|| {
                let verified = connection.verify(&reset, &secret).expect("the right secret");
                connection.submit(&reset, &secret, &verified).expect("a good password");
            });
            start + took
        };
        begun.into_iter().map(finish).collect()
    })
}

/// Waits for the mails, of which there must be one per reset. Returns the first resets with their
/// secrets.
fn with_secrets(server: &Server, begun: Vec<Begun>, first: usize) -> Vec<(Begun, String)> {
    let connection = server.connect();
    let mut mails = HashMap::new();
    for _ in 0..100 {
        mails.extend(connection.mails().expect("the mails"));
        if mails.len() >= begun.len() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(mails.len(), begun.len(), "{}: one mail per start", server.peer.name);
    let secret = |begun: Begun| {
        let secret = mails[&address(begun.0.person)].clone();
        (begun, secret)
    };
    begun.into_iter().take(first).map(secret).collect()
}

/// Returns the seconds of CPU that the server used, with the work that it does after its answers.
fn with_cpu<T>(server: &Server, work: impl FnOnce() -> T) -> (T, f64) {
    let before = server.cpu();
    let done = work();
    thread::sleep(Duration::from_millis(1200));
    (done, (server.cpu() - before).as_secs_f64())
}

/// Does the work on this many threads, with a connection for each.
fn spread<T: Send, R: Send>(
    work: Vec<T>,
    connections: usize,
    act: impl Fn(Vec<T>) -> Vec<R> + Sync,
) -> Vec<R> {
    let mut shares: Vec<Vec<T>> = (0..connections).map(|_| Vec::new()).collect();
    for (number, item) in work.into_iter().enumerate() {
        shares[number % connections].push(item);
    }
    thread::scope(|scope| {
        let run = |share| scope.spawn(|| act(share));
        let threads: Vec<_> = shares.into_iter().map(run).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    })
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = act();
    (done, began.elapsed())
}

/// Returns the quantile in seconds.
fn quantile(samples: &mut [Duration], part: f64) -> f64 {
    samples.sort_unstable();
    samples[((samples.len() - 1) as f64 * part).round() as usize].as_secs_f64()
}
