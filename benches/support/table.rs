//! The table: each figure beside its yardstick, and beside itself measured again.
#![allow(dead_code, reason = "each bench uses its own part")]

/// What a ratio must be.
#[derive(Clone, Copy)]
pub enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// No further from equal than this part, above or below.
    Within(f64),
    /// To be known, not judged.
    None,
}

/// A subject measured twice.
pub type Twice<'a> = (&'a [f64], &'a [f64]);

pub struct Row;

pub fn head() {
    println!(
        "| goal | what | ours | yardstick | ratio | again: ours | again: yardstick | must | aim | verdict |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
}

impl Row {
    /// Ours by the yardstick.
    pub fn of(goal: &str, what: &str, ours: Twice, yard: Twice, bars: (Bar, Option<Bar>)) {
        print(goal, what, ours, yard, &ratios(&both(ours), &both(yard)), bars);
    }

    /// The yardstick by ours: how many times faster.
    pub fn faster(goal: &str, what: &str, ours: Twice, yard: Twice, must: Bar) {
        print(goal, what, ours, yard, &ratios(&both(yard), &both(ours)), (must, None));
    }
}

fn print(
    goal: &str,
    what: &str,
    ours: Twice,
    yard: Twice,
    ratios: &[f64],
    (must, aim): (Bar, Option<Bar>),
) {
    let ratio = median(ratios);
    let again = |twice: Twice| median(&self::ratios(twice.1, twice.0));
    let noise = (again(ours) - 1.0).abs().max((again(yard) - 1.0).abs());
    let verdict = match (must, must.judge(ratio, noise), aim.map(|aim| aim.judge(ratio, noise))) {
        (Bar::None, _, None) => "-".to_owned(),
        (_, Judged::Unclear, _) => format!("noisy: the same differs by {:.1} %", 100.0 * noise),
        (_, Judged::Short, _) => "short".to_owned(),
        (_, Judged::Held, Some(Judged::Held)) => "met, and the aim".to_owned(),
        (_, Judged::Held, Some(Judged::Unclear)) => "met; too noisy for the aim".to_owned(),
        (Bar::None, _, Some(Judged::Short)) => "short".to_owned(),
        (_, Judged::Held, _) => "met".to_owned(),
    };
    println!(
        "| {goal} | {what} | {} | {} | {ratio:.3}x ({:.3}..{:.3}) | {:.3}x | {:.3}x | {must} | {} | {verdict} |",
        shown(median(&both(ours))),
        shown(median(&both(yard))),
        quantile(ratios, 0.25),
        quantile(ratios, 0.75),
        again(ours),
        again(yard),
        aim.map_or("-".to_owned(), |aim| aim.to_string()),
    );
}

/// Times, in seconds, are below half of one; ratios and rates above.
fn shown(value: f64) -> String {
    match value {
        value if value < 1e-6 => format!("{:.1} ns", 1e9 * value),
        value if value < 1e-3 => format!("{:.2} µs", 1e6 * value),
        value if value < 0.5 => format!("{:.2} ms", 1e3 * value),
        value => format!("{value:.2}"),
    }
}

/// The mean of both, round by round.
fn both((one, other): Twice) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| (one + other) / 2.0).collect()
}

/// Ours by theirs, round by round: what slows a whole round down falls out.
pub fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
}

pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

pub fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

impl Bar {
    /// Whether the ratio holds the bar, were it wrong by as much as the same thing twice differs.
    fn judge(self, ratio: f64, noise: f64) -> Judged {
        let (best, worst, bar) = match self {
            Self::AtMost(bar) => (ratio * (1.0 - noise), ratio * (1.0 + noise), bar),
            Self::AtLeast(bar) => (-ratio * (1.0 + noise), -ratio * (1.0 - noise), -bar),
            Self::Within(part) => ((ratio - 1.0).abs() - noise, (ratio - 1.0).abs() + noise, part),
            Self::None => return Judged::Held,
        };
        if worst <= bar {
            Judged::Held
        } else if best > bar {
            Judged::Short
        } else {
            Judged::Unclear
        }
    }
}

enum Judged {
    Held,
    Short,
    Unclear,
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(bar) => write!(f, "≤ {bar}x"),
            Self::AtLeast(bar) => write!(f, "≥ {bar}x"),
            Self::Within(part) => write!(f, "1 ± {part}"),
            Self::None => write!(f, "-"),
        }
    }
}
