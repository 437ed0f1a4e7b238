//! Codes are uniform, and nobody can seed them; what `Limits` promises of guessing is what real
//! attackers get from the real engine.
//!
//! `cargo test --test search codes::` draws two million codes of each format. For more of them, and the
//! figures:
//! `SSPR_DRAWS=10000000 cargo test --release --test search codes:: -- --nocapture --test-threads=1`

mod planted;
mod siege;
mod source;
mod statistics;
mod takeover;

use std::sync::Mutex;

use planted::{DIGITS, LETTERS, Planted, Seeded, WRONG_DIGITS, WRONG_LETTERS};
use sspr::{
    adapters::SystemEntropy,
    domain::{Code, CodeFormat},
    ports::{Entropy, EntropyUnavailable},
};
use statistics::{EDGE, Figure, Tally};

fn draws() -> usize {
    std::env::var("SSPR_DRAWS").map_or(2_000_000, |text| text.parse().unwrap())
}

fn alphabet(format: CodeFormat) -> &'static [u8] {
    match format {
        CodeFormat::Digits => DIGITS,
        CodeFormat::Letters => LETTERS,
    }
}

/// The real draw, counted.
fn figures(format: CodeFormat, draws: usize, entropy: &dyn Entropy) -> Vec<Figure> {
    let mut tally = Tally::new(alphabet(format), format.length());
    let mut symbols = Vec::with_capacity(16);
    for _ in 0..draws {
        let code = Code::generate(format, entropy).unwrap().expose();
        symbols.clear();
        symbols.extend(code.bytes().filter(|symbol| *symbol != b'-'));
        tally.add(&symbols);
    }
    tally.figures()
}

/// Names of the figures that are out of bounds.
fn faults(figures: &[Figure]) -> Vec<&'static str> {
    figures.iter().filter(|figure| !figure.holds()).map(|figure| figure.what).collect()
}

/// What fails must fail again on fresh randomness: a right generator does so once in 10^11 runs.
fn is_uniform(format: CodeFormat) {
    let first = figures(format, draws(), &SystemEntropy::new());
    println!("\n{format:?}, {} codes", draws());
    for Figure { what, seen, least, most } in &first {
        println!("  {what:24} {seen:10.2}   within {least:.2} to {most:.2}");
    }
    let failed = faults(&first);
    if !failed.is_empty() {
        let again = figures(format, draws(), &SystemEntropy::new());
        let twice: Vec<_> =
            again.iter().filter(|it| !it.holds() && failed.contains(&it.what)).collect();
        assert!(twice.is_empty(), "{format:?}: {first:?}, and again: {twice:?}");
    }
}

#[test]
fn codes_of_eight_digits_are_uniform() {
    is_uniform(CodeFormat::Digits);
}

#[test]
fn codes_of_sixteen_letters_are_uniform() {
    is_uniform(CodeFormat::Letters);
}

#[test]
fn the_mapping_is_uniform_over_one_known_stream() {
    for format in [CodeFormat::Digits, CodeFormat::Letters] {
        let seen = figures(format, 400_000, &Seeded::new());
        assert_eq!(faults(&seen), [""; 0], "{format:?}: {seen:?}");
    }
}

fn is_caught(planted: &[Planted], format: CodeFormat) {
    for (fault, figure, draws, draw) in planted {
        let mut tally = Tally::new(alphabet(format), format.length());
        let (mut seeded, mut symbols) = (Seeded::new(), Vec::new());
        for _ in 0..*draws {
            draw(&mut seeded, &mut symbols);
            tally.add(&symbols);
        }
        let seen = tally.figures();
        assert!(faults(&seen).contains(figure), "{fault}: {seen:?}");
    }
}

#[test]
fn every_wrong_generator_of_digits_is_caught_by_the_figure_for_it() {
    is_caught(&WRONG_DIGITS, CodeFormat::Digits);
}

#[test]
fn every_wrong_generator_of_letters_is_caught_by_the_figure_for_it() {
    is_caught(&WRONG_LETTERS, CodeFormat::Letters);
}

#[test]
fn every_figure_has_a_wrong_generator_that_it_must_catch() {
    let all = figures(CodeFormat::Digits, 100_000, &Seeded::new());
    for Figure { what, .. } in all {
        let named =
            WRONG_DIGITS.iter().chain(&WRONG_LETTERS).any(|(_, figure, ..)| *figure == what);
        assert!(named, "{what}");
    }
}

/// Gives the scripted words, last first.
#[derive(Debug)]
struct Script(Mutex<Vec<u64>>);

impl Entropy for Script {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let word = self.0.lock().unwrap().pop().ok_or(EntropyUnavailable::new())?;
        bytes.copy_from_slice(&word.to_le_bytes());
        Ok(())
    }
}

fn drawn(format: CodeFormat, words: &[u64]) -> Option<String> {
    let script = Script(Mutex::new(words.iter().rev().copied().collect()));
    Code::generate(format, &script).ok().map(|code| code.expose())
}

/// The first and the last word that mean this number, of `bound` numbers.
fn words_of(number: u64, bound: u64) -> (u64, u64) {
    let (number, bound) = (u128::from(number), u128::from(bound));
    let excess = (1_u128 << 64) % bound;
    let first = ((number << 64) + excess).div_ceil(bound);
    let last = (((number + 1) << 64) - 1) / bound;
    (first.try_into().unwrap(), last.try_into().unwrap())
}

#[test]
fn the_least_and_the_greatest_word_draw_the_ends_of_the_range() {
    // Words at the very front are in the zone that is drawn again.
    assert_eq!(drawn(CodeFormat::Digits, &[0]), None);
    assert_eq!(drawn(CodeFormat::Digits, &[0, u64::MAX]).unwrap(), "99999999");
    assert_eq!(drawn(CodeFormat::Digits, &[words_of(0, 100_000_000).0]).unwrap(), "00000000");
    let least = words_of(0, 20_u64.pow(8)).0;
    assert_eq!(drawn(CodeFormat::Letters, &[least; 2]).unwrap(), "BBBB-BBBB-BBBB-BBBB");
    assert_eq!(drawn(CodeFormat::Letters, &[u64::MAX; 2]).unwrap(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    assert_eq!(drawn(CodeFormat::Letters, &[least, u64::MAX]).unwrap(), "BBBB-BBBB-ZZZZ-ZZZZ");
}

#[test]
fn zeros_at_the_front_are_kept() {
    for number in [1, 9, 10, 99, 100, 12_345, 999_999, 1_000_000, 9_999_999, 10_000_000] {
        let (first, last) = words_of(number, 100_000_000);
        for word in [first, last] {
            let code = drawn(CodeFormat::Digits, &[word]).unwrap();
            assert_eq!(code, format!("{number:08}"));
        }
    }
}

#[test]
fn every_code_of_eight_digits_has_exactly_as_many_words_as_every_other() {
    let bound = 100_000_000;
    let share = u64::try_from((1_u128 << 64) / u128::from(bound)).unwrap();
    let edge = u64::try_from(EDGE).unwrap();
    let numbers = (0..bound).step_by(49_999).chain([1, edge - 1, edge, bound - 2, bound - 1]);
    for number in numbers {
        let (first, last) = words_of(number, bound);
        assert_eq!(last - first + 1, share, "{number}");
        let spelt = Some(format!("{number:08}"));
        assert_eq!(drawn(CodeFormat::Digits, &[first]), spelt);
        assert_eq!(drawn(CodeFormat::Digits, &[last]), spelt);
        // One word further out it is another number, or drawn again.
        assert_ne!(drawn(CodeFormat::Digits, &[first - 1]), spelt);
        assert_ne!(drawn(CodeFormat::Digits, &[last.wrapping_add(1)]), spelt);
    }
}
