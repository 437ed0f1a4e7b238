//! The passcode: drawn, shown, read back.

use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Entropy, EntropyUnavailable};

/// Letters without vowels and look-alikes (RFC 8628 section 6.1).
const LETTERS: [u8; 20] = *b"BCDFGHJKLMNPQRSTVWXZ";
/// Longest input that is looked at, in bytes.
const MAX_TYPED: usize = 256;

/// What a code looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// Exhaustive: pages and mails show each format in its own way.
pub enum CodeFormat {
    /// 8 decimal digits, 26.6 bits.
    Digits,
    /// 16 letters of the RFC 8628 alphabet, 69.1 bits: above the 64 bits below which NIST SP
    /// 800-63B-4 section 3.2.2 demands throttling.
    Letters,
}

/// The passcode a person types.
///
/// # Security
/// Uniform over its format, leading zeros kept; wiped on drop; no `Display`, `Serialize` or `==`.
/// Comparison is done on keyed digests, in constant time.
pub struct Code {
    /// Eight symbols each, the first in the lowest byte: wiped in two writes.
    halves: Zeroizing<[u64; 2]>,
    format: CodeFormat,
}

/// The typed text is in neither format. Nothing was charged for it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("code: 8 digits, or 16 letters of BCDFGHJKLMNPQRSTVWXZ")]
#[non_exhaustive]
pub struct CodeError;

impl CodeFormat {
    /// Number of symbols, separators not counted.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Digits => 8,
            Self::Letters => 16,
        }
    }

    /// How many different codes there are.
    #[must_use]
    pub const fn codes(self) -> u128 {
        match self {
            Self::Digits => 100_000_000,
            Self::Letters => 20_u128.pow(16),
        }
    }
}

impl Code {
    /// Draws a code, each of its format equally likely.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    #[inline]
    pub fn draw(format: CodeFormat, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let halves = match format {
            CodeFormat::Digits => [digits(below(100_000_000, entropy)?), 0],
            CodeFormat::Letters => {
                let half = || below(20_u64.pow(8), entropy).map(letters);
                [half()?, half()?]
            }
        };
        Ok(Self { format, halves: Zeroizing::new(halves) })
    }

    /// Reads what a person typed: blanks, hyphens and dots are ignored, letters may be small,
    /// digits may be full-width or Arabic-Indic.
    ///
    /// # Errors
    /// [`CodeError`] if it is in neither format, whatever the state of any reset.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        if typed.len() > MAX_TYPED {
            return Err(CodeError);
        }
        let mut symbols = Zeroizing::new([0; 16]);
        let mut length = 0;
        for symbol in typed.chars().filter(|c| !is_separator(*c)).map(symbol) {
            let place = symbols.get_mut(length).ok_or(CodeError)?;
            *place = symbol.ok_or(CodeError)?;
            length += 1;
        }
        let typed = symbols.split_at(length).0;
        let format = if length == 8 && typed.iter().all(u8::is_ascii_digit) {
            CodeFormat::Digits
        } else if length == 16 && typed.iter().all(|symbol| LETTERS.contains(symbol)) {
            CodeFormat::Letters
        } else {
            return Err(CodeError);
        };
        let (first, second) = symbols.split_at(8);
        let half = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        Ok(Self { format, halves: Zeroizing::new([half(first), half(second)]) })
    }

    /// The code's format.
    #[must_use]
    pub const fn format(&self) -> CodeFormat {
        self.format
    }

    /// The code as a person reads it: `48291736`, or letters in groups of four,
    /// `BCDF-GHJK-LMNP-QRST`.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = String::with_capacity(19);
        let symbols = self.symbols();
        for (index, symbol) in symbols.iter().take(self.format.length()).enumerate() {
            if index > 0 && index % 4 == 0 && self.format == CodeFormat::Letters {
                text.push('-');
            }
            text.push(char::from(*symbol));
        }
        text
    }

    /// The symbols in a fixed layout, for digests; unused places are zero.
    pub(crate) fn symbols(&self) -> Zeroizing<[u8; 16]> {
        let mut symbols = Zeroizing::new([0; 16]);
        self.spell(&mut symbols);
        symbols
    }

    /// Writes the symbols in that layout; who has them wipes them.
    pub(crate) fn spell(&self, to: &mut [u8; 16]) {
        let [first, second] = self.halves.map(u128::from);
        *to = (first | second << 64).to_le_bytes();
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}'..='\u{2013}')
}

fn symbol(c: char) -> Option<u8> {
    let digit = match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' => return u8::try_from(c.to_ascii_uppercase()).ok(),
        '\u{660}'..='\u{669}' => u32::from(c) - 0x660,
        '\u{6f0}'..='\u{6f9}' => u32::from(c) - 0x6f0,
        '\u{ff10}'..='\u{ff19}' => u32::from(c) - 0xff10,
        _ => return None,
    };
    u8::try_from(digit).ok().map(|digit| b'0' + digit)
}

/// A uniform number below `bound`: multiply and reject (Lemire, ACM TOMACS 29(1), 2019).
#[inline]
fn below(bound: u64, entropy: &dyn Entropy) -> Result<u64, EntropyUnavailable> {
    let excess = u128::from(bound.wrapping_neg() % bound);
    loop {
        let product = u128::from(entropy.word()?) * u128::from(bound);
        if product & u128::from(u64::MAX) >= excess {
            return Ok(u64::try_from(product >> 64).unwrap_or_default());
        }
    }
}

/// Eight decimal digits of a number, padded at the front: two, four, then eight at once.
const fn digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - 10 * tens) << 8);
    ones + 0x3030_3030_3030_3030
}

/// Eight letters of a number in base 20, padded at the front.
fn letters(mut number: u64) -> u64 {
    let mut bytes = [0; 8];
    for place in bytes.iter_mut().rev() {
        let index = usize::try_from(number % 20).unwrap_or_default();
        *place = LETTERS.get(index).copied().unwrap_or_default();
        number /= 20;
    }
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

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

    fn drawn(format: CodeFormat, words: &[u64]) -> String {
        let script = Script(Mutex::new(words.iter().rev().copied().collect()));
        Code::draw(format, &script).unwrap().expose()
    }

    #[test]
    fn both_ends_of_the_range_can_be_drawn() {
        // 0 lies in the rejected zone, so the next word decides.
        assert_eq!(drawn(CodeFormat::Digits, &[0, u64::MAX]), "99999999");
        assert_eq!(drawn(CodeFormat::Digits, &[1 << 37]), "00000000");
        let first = 2;
        assert_eq!(drawn(CodeFormat::Letters, &[first, first]), "BBBB-BBBB-BBBB-BBBB");
        assert_eq!(drawn(CodeFormat::Letters, &[u64::MAX, u64::MAX]), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in (0..100_000_000).step_by(9973).chain([9, 99, 9_999, 10_000, 99_999_999]) {
            let spelt = digits(number).to_le_bytes();
            assert_eq!(core::str::from_utf8(&spelt), Ok(format!("{number:08}").as_str()));
        }
    }

    #[test]
    fn no_randomness_means_no_code() {
        let script = Script(Mutex::new(Vec::new()));
        assert!(Code::draw(CodeFormat::Digits, &script).is_err());
    }

    #[test]
    fn typing_habits_are_forgiven() {
        for typed in ["04829173", " 0482 9173 ", "0482-9173", "0482.9173", "０４８２９１７３"]
        {
            assert_eq!(Code::parse(typed).unwrap().expose(), "04829173", "{typed}");
        }
        assert_eq!(Code::parse("٠٤٨٢٩١٧٣").unwrap().expose(), "04829173");
        let letters = Code::parse("bcdf ghjk-LMNP.qrst").unwrap();
        assert_eq!(letters.expose(), "BCDF-GHJK-LMNP-QRST");
        assert_eq!(letters.format(), CodeFormat::Letters);
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "1".repeat(1 << 20);
        for typed in [
            "",
            " ",
            "1234567",
            "123456789",
            "+12345678",
            "1_2345678",
            "1234567a",
            "{\"$gt\":0}",
            "BCDFGHJKLMNPQRS",
            "BCDFGHJKLMNPQRSA",
            "1234567890123456",
            "NULL",
            &long,
        ] {
            assert_eq!(Code::parse(typed).unwrap_err(), CodeError, "{typed:.20}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Code::parse("12345678").unwrap()), "Code(…)");
    }

    #[test]
    fn exactly_the_surplus_is_drawn_again() {
        // 2^64 mod 10^8 words are too many: those whose product has a low half below that. These
        // two have it at that and at the next multiple of 256 below it.
        let (kept, surplus) = (72_057_409_570_487_199, 43_057_467_679_649_150);
        assert_eq!(drawn(CodeFormat::Digits, &[kept, u64::MAX]), "00390624");
        assert_eq!(drawn(CodeFormat::Digits, &[surplus, u64::MAX]), "99999999");
    }

    #[test]
    fn what_is_longer_than_256_bytes_is_not_looked_at() {
        let typed = |blanks: usize| Code::parse(&format!("12345678{}", " ".repeat(blanks)));
        assert!(typed(248).is_ok());
        assert_eq!(typed(249).unwrap_err(), CodeError);
    }

    #[test]
    fn each_writing_of_a_digit_is_that_digit() {
        for zero in ['0', '\u{660}', '\u{6f0}', '\u{ff10}'] {
            let typed: String = [4, 8, 2, 9, 1, 7, 3, 0]
                .into_iter()
                .filter_map(|n| char::from_u32(u32::from(zero) + n))
                .collect();
            assert_eq!(Code::parse(&typed).unwrap().expose(), "48291730", "{typed}");
        }
        for separator in [' ', '\t', '\u{a0}', '-', '.', '\u{2010}', '\u{2013}'] {
            let typed = format!("4829{separator}1730");
            assert_eq!(Code::parse(&typed).unwrap().expose(), "48291730", "{separator:?}");
        }
        for other in ['_', '/', '\u{2014}', ','] {
            assert!(Code::parse(&format!("4829{other}1730")).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_format_says_how_many_symbols_and_codes_it_has() {
        assert_eq!((CodeFormat::Digits.length(), CodeFormat::Digits.codes()), (8, 100_000_000));
        let letters = CodeFormat::Letters;
        assert_eq!((letters.length(), letters.codes()), (16, 655_360_000_000_000_000_000));
    }
}
