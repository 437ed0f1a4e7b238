//! Races against the server of `sspr`. They must end as the crate promises, or the run fails.

use std::{collections::HashSet, sync::Barrier, thread};

use crate::{
    api::{Answer, Reset, address},
    peers::PEERS,
    raw::Raw,
    server::Server,
};

/// How many requests race with one right code.
const RACERS: usize = 30;
/// One wrong guess more than are compared for each code.
const TOO_MANY: usize = 6;

pub fn run(raw: &str) {
    let mut raw = Raw::append_to(raw);
    let [ours, ..] = PEERS;
    let server = Server::start(ours, 3);
    let grants = race(&server);
    let after_many = guess_wrongly(&server, 1, TOO_MANY);
    let after_one = guess_wrongly(&server, 2, 1);
    raw.write(1, "race_grants", RACERS, ours.name, grants as f64);
    raw.write(1, "race_accepted_after_6_wrong", 1, ours.name, f64::from(u8::from(after_many)));
    raw.write(1, "race_accepted_after_1_wrong", 1, ours.name, f64::from(u8::from(after_one)));
    assert_eq!((grants, after_many, after_one), (1, false, true), "a race ended wrongly");
}

/// Submits one right code on many connections at once. Returns the number of different grants.
fn race(server: &Server) -> usize {
    let (reset, code) = begin(server, 0);
    let barrier = Barrier::new(RACERS);
    let verify = || -> Answer {
        let connection = server.connect();
        barrier.wait();
        connection.verify(&reset, &code)
    };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let threads: Vec<_> = (0..RACERS).map(|_| scope.spawn(verify)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a racer")).collect()
    });
    let granted = answers.into_iter().filter_map(Result::ok);
    granted.map(|answer| answer["grant"].to_string()).collect::<HashSet<_>>().len()
}

/// Tries this many wrong codes and then the right one. Returns whether the right one was accepted.
fn guess_wrongly(server: &Server, person: usize, wrong: usize) -> bool {
    let (reset, code) = begin(server, person);
    let connection = server.connect();
    let right: u64 = code.parse().expect("digits");
    for number in 1..=wrong as u64 {
        let guess = format!("{:08}", (right + number) % 100_000_000);
        assert!(connection.verify(&reset, &guess).is_err(), "a wrong code was accepted");
    }
    connection.verify(&reset, &code).is_ok()
}

fn begin(server: &Server, person: usize) -> (Reset, String) {
    let connection = server.connect();
    let reset = connection.start(person);
    // The courier sends after the answer, which takes milliseconds.
    for _ in 0..100 {
        if let Some(code) = connection.mails().expect("the mails").remove(&address(person)) {
            return (reset, code);
        }
        thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("no mail came");
}
