//! Drives the servers of the comparison over loopback and measures what a reset costs them.
//!
//! ```text
//! load round NUMBER RAW          measures every peer once, and appends to the file RAW
//! load races RAW                 races codes against the server of sspr alone
//! load report RAW TSV README DATE
//!                                writes the medians, and the tables between the README's markers
//! ```

mod api;
mod measure;
mod peers;
mod races;
mod raw;
mod report;
mod server;

use std::env;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["round", number, raw] => measure::round(number.parse().expect("a number"), raw),
        ["races", raw] => races::run(raw),
        ["report", raw, tsv, readme, date] => report::write(raw, tsv, readme, date),
        _ => panic!("usage: load round NUMBER RAW | races RAW | report RAW TSV README DATE"),
    }
}
