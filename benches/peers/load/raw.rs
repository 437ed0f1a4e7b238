//! The file of raw values: one line for each value of a round.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
};

/// A file to append to.
pub struct Raw(File);

/// One value.
#[derive(Clone)]
pub struct Value {
    pub round: usize,
    pub what: String,
    pub connections: usize,
    pub peer: String,
    pub value: f64,
}

impl Raw {
    pub fn append_to(path: &str) -> Self {
        Self(OpenOptions::new().create(true).append(true).open(path).expect("a raw file"))
    }

    pub fn write(&mut self, round: usize, what: &str, connections: usize, peer: &str, value: f64) {
        writeln!(self.0, "{round}\t{what}\t{connections}\t{peer}\t{value}").expect("room");
    }
}

pub fn read(path: &str) -> Vec<Value> {
    let lines = fs::read_to_string(path).expect("the raw file");
    lines.lines().map(parse).collect()
}

fn parse(line: &str) -> Value {
    let [round, what, connections, peer, value] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    Value {
        round: round.parse().expect("a round"),
        what: what.to_owned(),
        connections: connections.parse().expect("connections"),
        peer: peer.to_owned(),
        value: value.parse().expect("a value"),
    }
}
