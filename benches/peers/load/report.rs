//! The report: medians of the rounds as lines for machines, and as tables in the README.

use std::{fmt::Write as _, fs, thread};

use crate::{
    peers::PEERS,
    raw::{self, Value},
};

const BEGIN: &str = "<!-- results: written by benches/peers/run -->\n";
const END: &str = "<!-- end of the results -->";
/// The values of each round.
const COSTS: [Cost; 7] = [
    Cost { what: "start_cpu", shown: "CPU per start", unit: "ms", factor: 1e3 },
    Cost { what: "reset_cpu", shown: "CPU per reset", unit: "ms", factor: 1e3 },
    Cost { what: "start_p50", shown: "start, median", unit: "ms", factor: 1e3 },
    Cost { what: "start_p99", shown: "start, 99 %", unit: "ms", factor: 1e3 },
    Cost { what: "reset_p50", shown: "reset, median", unit: "ms", factor: 1e3 },
    Cost { what: "reset_p99", shown: "reset, 99 %", unit: "ms", factor: 1e3 },
    Cost { what: "rss", shown: "memory", unit: "MB", factor: 1.0 },
];
const RACES: [&str; 3] =
    ["race_grants", "race_accepted_after_6_wrong", "race_accepted_after_1_wrong"];
/// The ratios that the README shows.
const SHOWN: [(&str, &str, &str); 3] = [
    ("start_cpu", "sspr", "CPU per start"),
    ("reset_cpu", "sspr", "CPU per reset"),
    ("reset_cpu", "sspr-fast", "CPU per reset, fast kernel"),
];
const CONNECTIONS: [usize; 2] = [1, 4];

/// A value of each round: its name, its name in the README, and its unit.
struct Cost {
    what: &'static str,
    shown: &'static str,
    unit: &'static str,
    /// The units in a second or in a megabyte.
    factor: f64,
}

/// One line of the report.
struct Line {
    what: &'static str,
    connections: usize,
    /// A peer, or two peers for a ratio: `sspr/django`.
    peer: String,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
}

pub fn write(raw: &str, tsv: &str, readme: &str, date: &str) {
    let values = raw::read(raw);
    let lines = lines(&values);
    let mut text = "what\tpeer\tconnections\tvalue\tunit\tmin\tmax\n".to_owned();
    for Line { what, connections, peer, unit, median, min, max } in &lines {
        let digits = if *unit == "count" { 0 } else { 3 };
        writeln!(
            text,
            "{what}\t{peer}\t{connections}\t{median:.digits$}\t{unit}\t{min:.digits$}\t{max:.digits$}"
        )
        .expect("memory");
    }
    fs::write(tsv, text).expect("the results");

    let rounds = values.iter().map(|value| value.round).max().expect("a round");
    let tables = tables(&lines, rounds, date);
    println!("{tables}");
    let page = fs::read_to_string(readme).expect("the README");
    let (head, rest) = page.split_once(BEGIN).expect("the first marker");
    let (_, tail) = rest.split_once(END).expect("the last marker");
    fs::write(readme, format!("{head}{BEGIN}\n{tables}\n{END}{tail}")).expect("the README");
}

fn lines(values: &[Value]) -> Vec<Line> {
    let mut lines = Vec::new();
    for Cost { what, unit, factor, .. } in COSTS {
        for connections in CONNECTIONS {
            let of = |peer| rounds(values, what, connections, peer);
            for peer in PEERS {
                let scaled = of(peer.name).iter().map(|value| value * factor).collect();
                lines.push(Line::new(what, connections, peer.name.to_owned(), unit, scaled));
            }
            let (ours, theirs) = PEERS.split_at(2);
            for (one, other) in
                ours.iter().flat_map(|one| theirs.iter().map(move |other| (one, other)))
            {
                let pairs = of(one.name).into_iter().zip(of(other.name));
                let ratios = pairs.map(|(one, other)| one / other).collect();
                let peer = format!("{}/{}", one.name, other.name);
                lines.push(Line::new(what, connections, peer, "ratio", ratios));
            }
        }
    }
    for race in RACES {
        let of = |value: &&Value| value.what == race;
        let races = values.iter().filter(of);
        lines.extend(races.map(|race_value| {
            let Value { connections, peer, value, .. } = race_value.clone();
            Line::new(race, connections, peer, "count", vec![value])
        }));
    }
    lines
}

/// Returns the values of one peer, in the order of the rounds.
fn rounds(values: &[Value], what: &str, connections: usize, peer: &str) -> Vec<f64> {
    let wanted = |value: &&Value| {
        value.what == what && value.connections == connections && value.peer == peer
    };
    values.iter().filter(wanted).map(|value| value.value).collect()
}

impl Line {
    fn new(
        what: &'static str,
        connections: usize,
        peer: String,
        unit: &'static str,
        mut values: Vec<f64>,
    ) -> Self {
        values.sort_by(f64::total_cmp);
        let [min, median, max] = [0, values.len() / 2, values.len() - 1].map(|place| values[place]);
        Self { what, connections, peer, unit, median, min, max }
    }
}

fn tables(lines: &[Line], rounds: usize, date: &str) -> String {
    let cores = thread::available_parallelism().expect("the cores");
    let find = |what: &str, connections: usize, peer: &str| {
        let is = |line: &&Line| {
            line.what == what && line.connections == connections && line.peer == peer
        };
        lines.iter().find(is).expect("a line")
    };
    let mut text = format!(
        "Run of {date} on {cores} cores. Medians of {rounds} rounds, with 1 / with 4 connections:\n\n\
         | cost | sspr | sspr, fast kernel | better-auth | Django | rustauth |\n\
         |---|---|---|---|---|---|\n"
    );
    for Cost { what, shown, unit, .. } in COSTS {
        write!(text, "| {shown}, {unit} |").expect("memory");
        for peer in PEERS {
            let [one, four] =
                CONNECTIONS.map(|connections| short(find(what, connections, peer.name).median));
            write!(text, " {one} / {four} |").expect("memory");
        }
        text += "\n";
    }
    text += "\nRatios of one round, as median (lowest to highest):\n\n\
             | ratio | connections | / better-auth | / Django | / rustauth |\n\
             |---|---|---|---|---|\n";
    for (what, ours, shown) in SHOWN {
        for connections in CONNECTIONS {
            write!(text, "| {shown} | {connections} |").expect("memory");
            for other in &PEERS[2..] {
                let peer = format!("{ours}/{}", other.name);
                let Line { median, min, max, .. } = find(what, connections, &peer);
                write!(text, " {median:.2}x ({min:.2} to {max:.2}) |").expect("memory");
            }
            text += "\n";
        }
    }
    let [grants, many, one] = RACES.map(|race| {
        lines.iter().find(|line| line.what == race).map_or(f64::NAN, |line| line.median)
    });
    let accepted = |race: f64| if race == 1.0 { "accepted" } else { "refused" };
    let (many, one) = (accepted(many), accepted(one));
    writeln!(
        text,
        "\nRaces of `sspr`: 30 requests with one right code got {grants} grant. The right code was \
         {many} after 6 wrong ones.\nThe right code was {one} after 1 wrong one."
    )
    .expect("memory");
    text
}

/// Shows three digits.
fn short(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
