//! What is counted over a run of codes, and what each count is held against: limits at p = 1e-6 for
//! each statistic.

use std::collections::HashMap;

/// `|z|` that a normal variable passes with p = 1e-6.
const Z: f64 = 4.8917;
/// Codes that are looked through for equal ones.
const BLOCK: usize = 100_000;
/// Cells of the step from one code to the next.
const STEPS: usize = 100;
/// 2^32 mod 10^8: what lies above is rarer if 32 bits are reduced by `%`.
pub const EDGE: u128 = 94_967_296;

/// One figure with the bounds that it must stay within.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub what: &'static str,
    pub seen: f64,
    pub least: f64,
    pub most: f64,
}

impl Figure {
    pub fn holds(&self) -> bool {
        (self.least..=self.most).contains(&self.seen)
    }
}

/// Counts over a run of codes, one alphabet, one length.
pub struct Tally {
    alphabet: &'static [u8],
    /// The place of each byte in the alphabet; [`NONE`] if it has none.
    known: [u8; 256],
    length: usize,
    codes: u64,
    malformed: u64,
    /// Symbols by place, of each alphabet's size.
    places: Vec<u64>,
    /// Pairs of a symbol with the next one.
    neighbours: Vec<u64>,
    /// Pairs of a symbol of the first half with its fellow of the second half.
    opposites: Vec<u64>,
    /// Codes that begin with at least one, two, three of the first symbol.
    leading: [u64; 3],
    /// Codes from [`EDGE`] on.
    above: u64,
    /// From each code to the next, modulo the number of codes.
    steps: Vec<u64>,
    first: Vec<u128>,
    before: Option<f64>,
    products: f64,
    ascents: u64,
    changes: u64,
}

const NONE: u8 = u8::MAX;

impl Tally {
    pub fn new(alphabet: &'static [u8], length: usize) -> Self {
        let base = alphabet.len();
        let mut known = [NONE; 256];
        for (index, symbol) in (0..).zip(alphabet) {
            known[usize::from(*symbol)] = index;
        }
        Self {
            above: 0,
            alphabet,
            ascents: 0,
            before: None,
            changes: 0,
            codes: 0,
            first: Vec::new(),
            known,
            leading: [0; 3],
            length,
            malformed: 0,
            neighbours: vec![0; (length - 1) * base * base],
            opposites: vec![0; length / 2 * base * base],
            places: vec![0; length * base],
            products: 0.0,
            steps: vec![0; STEPS],
        }
    }

    pub fn add(&mut self, symbols: &[u8]) {
        let base = self.alphabet.len();
        let mut indices = [0; 16];
        let mut value = 0_u128;
        let mut is_known = symbols.len() == self.length;
        for (place, symbol) in symbols.iter().enumerate().take(16) {
            let index = self.known[usize::from(*symbol)];
            is_known &= index != NONE;
            indices[place] = usize::from(index);
            value = value * base as u128 + u128::from(index);
        }
        self.codes += 1;
        if !is_known {
            self.malformed += 1;
            return;
        }
        // Plain loops: this runs millions of times without optimisation.
        let (pairs, half) = (base * base, self.length / 2);
        for place in 0..self.length {
            let index = indices[place];
            self.places[place * base + index] += 1;
            if place + 1 < self.length {
                self.neighbours[place * pairs + index * base + indices[place + 1]] += 1;
            }
            if place < half {
                self.opposites[place * pairs + index * base + indices[place + half]] += 1;
            }
        }
        let zeros = indices[..3].iter().take_while(|index| **index == 0).count();
        self.leading[..zeros].iter_mut().for_each(|count| *count += 1);
        self.above += u64::from(value >= EDGE);
        if self.first.len() < BLOCK {
            self.first.push(value);
        }
        self.follow(value as f64 / self.number_of_codes());
    }

    /// `here` lies in 0..1.
    fn follow(&mut self, here: f64) {
        if let Some(before) = self.before.replace(here) {
            self.products += (before - 0.5) * (here - 0.5);
            self.ascents += u64::from(here > before);
            self.changes += u64::from((here >= 0.5) != (before >= 0.5));
            let step = (here - before).rem_euclid(1.0) * STEPS as f64;
            self.steps[(step as usize).min(STEPS - 1)] += 1;
        }
    }

    /// Every figure, each the worst of its kind.
    pub fn figures(&self) -> Vec<Figure> {
        let base = self.alphabet.len();
        let codes = self.codes as f64;
        let worst =
            |counts: &[u64], cells: usize| counts.chunks(cells).map(chi_square).fold(0.0, f64::max);
        let below = |what, seen, most| Figure { least: 0.0, most, seen, what };
        let z = |what, seen: f64| Figure { least: -Z, most: Z, seen, what };
        let (symbols, pairs) = if base == 10 { (44.81, 180.79) } else { (63.68, 547.95) };
        let share = |seen: u64, part: f64| {
            (seen as f64 - codes * part) / (codes * part * (1.0 - part)).sqrt()
        };
        let leading = self
            .leading
            .iter()
            .enumerate()
            .map(|(count, seen)| share(*seen, (base as f64).powi(-(count as i32 + 1))));
        let leading = leading.fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        let links = codes - 1.0;
        let mut figures = vec![
            below("not of the format", self.malformed as f64, 0.0),
            below("symbols at each place", worst(&self.places, base), symbols),
            below("the first symbol", chi_square(&self.places[..base]), symbols),
            below("the last symbol", chi_square(&self.places[(self.length - 1) * base..]), symbols),
            below("neighbours", worst(&self.neighbours, base * base), pairs),
            below("opposites", worst(&self.opposites, base * base), pairs),
            z("leading zeros", leading),
            below("steps", chi_square(&self.steps), 180.79),
            z("serial correlation", self.products * 12.0 / links.sqrt()),
            z("runs", (self.changes as f64 - links / 2.0) / (links / 4.0).sqrt()),
            z("ascents", (self.ascents as f64 - links / 2.0) / ((codes + 1.0) / 12.0).sqrt()),
            self.collisions(),
        ];
        if base == 10 {
            let part = 1.0 - EDGE as f64 / self.number_of_codes();
            figures.push(z("from 2^32 mod 10^8 on", share(self.above, part)));
        }
        figures
    }

    /// Equal pairs among the first 100,000: Poisson, 50 for eight digits.
    fn collisions(&self) -> Figure {
        let mut seen: HashMap<u128, u32> = HashMap::new();
        let mut pairs = 0;
        for value in &self.first {
            let times = seen.entry(*value).or_default();
            pairs += *times;
            *times += 1;
        }
        assert!(self.malformed > 0 || self.first.len() == BLOCK, "too few codes to judge");
        let (least, most) = if self.alphabet.len() == 10 { (19.0, 88.0) } else { (0.0, 0.0) };
        Figure { least, most, seen: f64::from(pairs), what: "equal pairs" }
    }

    fn number_of_codes(&self) -> f64 {
        (self.alphabet.len() as f64).powi(self.length as i32)
    }
}

fn chi_square(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    let expected = total as f64 / counts.len() as f64;
    if expected == 0.0 {
        return f64::INFINITY;
    }
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}
