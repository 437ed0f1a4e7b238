//! The passcode: how it is generated, shown and read.

use core::fmt;

use serde::Serialize;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Entropy, EntropyUnavailable, characters::is_invisible};

/// Letters without vowels and look-alikes (RFC 8628 section 6.1).
const LETTERS: [u8; 20] = *b"BCDFGHJKLMNPQRSTVWXZ";
/// The longest input that is parsed, in bytes.
const MAX_TYPED: usize = 256;

/// The characters with Unicode's property `Dash`, and those that keyboards and fonts offer instead.
/// The latter are the modifier letter minus, the hyphen bullet and the long-vowel mark of Japanese
/// keyboards.
const DASHES: &str = "-\u{58a}\u{5be}\u{1400}\u{1806}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\
                      \u{2015}\u{2053}\u{207b}\u{208b}\u{2212}\u{2e17}\u{2e1a}\u{2e3a}\u{2e3b}\
                      \u{2e40}\u{2e5d}\u{301c}\u{3030}\u{30a0}\u{fe31}\u{fe32}\u{fe58}\u{fe63}\
                      \u{ff0d}\u{10d6e}\u{10ead}\u{2d7}\u{2043}\u{30fc}\u{ff70}";
/// The form of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive: pages and mails show each format in its own way.
pub enum CodeFormat {
    /// 8 decimal digits with 26.6 bits.
    Digits,
    /// 16 letters of the RFC 8628 alphabet with 69.1 bits. NIST SP 800-63B-4 section 3.2.2 requires
    /// throttling only below 64 bits.
    Letters,
}

/// The passcode that a user types.
///
/// # Security
/// Codes are uniform over their format, with leading zeros kept. A code is wiped on drop and has no
/// `Display`, `Serialize` or `==`. Keyed digests of codes are compared in constant time.
pub struct Code {
    /// Two halves of eight symbols each, with the first symbol in the lowest byte. They can be
    /// wiped in two writes.
    halves: Zeroizing<[u64; 2]>,
    format: CodeFormat,
}

/// The error for a typed text that has neither format. Nothing was charged for it.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("code: must be 8 digits, or 16 letters of BCDFGHJKLMNPQRSTVWXZ")]
#[non_exhaustive]
pub struct CodeError;

debug_is_text!(CodeError);

impl CodeFormat {
    /// Returns the number of symbols without separators.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Digits => 8,
            Self::Letters => 16,
        }
    }

    /// Returns the number of different codes.
    #[must_use]
    pub const fn codes(self) -> u128 {
        match self {
            Self::Digits => 100_000_000,
            Self::Letters => 20_u128.pow(16),
        }
    }
}

impl Code {
    /// Generates a code. Every code of the format is equally likely.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if there is no randomness.
    ///
    /// # Examples
    /// ```
    /// use sspr::{
    ///     adapters::SystemEntropy,
    ///     domain::{Code, CodeFormat},
    /// };
    ///
    /// let code = Code::generate(CodeFormat::Digits, &SystemEntropy::new())?;
    /// # Ok::<(), sspr::ports::EntropyUnavailable>(())
    /// ```
    #[inline]
    pub fn generate(format: CodeFormat, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let halves = match format {
            CodeFormat::Digits => [digits(below(100_000_000, entropy)?), 0],
            CodeFormat::Letters => {
                let half = || below(20_u64.pow(8), entropy).map(letters);
                [half()?, half()?]
            }
        };
        Ok(Self { format, halves: Zeroizing::new(halves) })
    }

    /// Returns the code of letters that these bytes of a digest stand for. The same bytes always give
    /// the same code. Of random bytes, no code is likelier than another by more than one part in
    /// 2^29.
    pub(crate) fn derived(bytes: [u8; 16]) -> Self {
        let (first, second) = bytes.split_at(8);
        let half = |bytes: &[u8]| {
            let word = u128::from(bytes.try_into().map_or(0, u64::from_le_bytes));
            let number = (word * u128::from(20_u64.pow(8))) >> 64;
            letters(u64::try_from(number).unwrap_or_default())
        };
        Self { format: CodeFormat::Letters, halves: Zeroizing::new([half(first), half(second)]) }
    }

    /// Reads a code as a user typed or pasted it. White space, dashes, dots and invisible
    /// characters are ignored. Letters may be small or full-width, and digits may be full-width or
    /// Arabic-Indic.
    ///
    /// # Errors
    /// [`CodeError`] if the text has neither format, whatever the state of any reset.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::Code;
    ///
    /// let code = Code::parse(" 4829 1736 ")?;
    /// assert!(Code::parse("4829").is_err());
    /// # Ok::<(), sspr::domain::CodeError>(())
    /// ```
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

    /// Returns the format of the code.
    #[must_use]
    pub const fn format(&self) -> CodeFormat {
        self.format
    }

    /// Returns the code as a user reads it: `48291736`, or letters in groups of four such as
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

    /// Returns the symbols in a fixed layout for digests. Unused places are zero.
    pub(crate) fn symbols(&self) -> Zeroizing<[u8; 16]> {
        let mut symbols = Zeroizing::new([0; 16]);
        self.spell(&mut symbols);
        symbols
    }

    /// Writes the symbols in that layout. The caller must wipe them.
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

/// Returns true for characters between or around symbols that mean nothing: white space, dots,
/// dashes and invisible characters.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | '\u{ff0e}') || DASHES.contains(c) || is_invisible(c)
}

fn symbol(c: char) -> Option<u8> {
    let (first, plain) = match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' => return u8::try_from(c.to_ascii_uppercase()).ok(),
        '\u{660}'..='\u{669}' => (0x660, b'0'),
        '\u{6f0}'..='\u{6f9}' => (0x6f0, b'0'),
        '\u{ff10}'..='\u{ff19}' => (0xff10, b'0'),
        '\u{ff21}'..='\u{ff3a}' => (0xff21, b'A'),
        '\u{ff41}'..='\u{ff5a}' => (0xff41, b'A'),
        _ => return None,
    };
    u8::try_from(u32::from(c) - first).ok().map(|place| plain + place)
}

/// Returns a uniform number below `bound`, by multiplying and rejecting (Lemire, ACM TOMACS 29(1),
/// 2019).
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

/// Returns eight decimal digits of a number, padded at the front. It splits into two, four and then
/// eight digits in parallel.
const fn digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - 10 * tens) << 8);
    ones + 0x3030_3030_3030_3030
}

/// Returns eight letters of a number in base 20, padded at the front.
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

    /// Entropy that returns scripted words, starting with the last.
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
        Code::generate(format, &script).unwrap().expose()
    }

    #[test]
    fn a_derived_code_depends_on_all_its_bytes_and_can_be_typed() {
        let mut bytes = [0; 16];
        let shown = |bytes| Code::derived(bytes).expose();
        assert_eq!(shown(bytes), "BBBB-BBBB-BBBB-BBBB");
        assert_eq!(shown([0xff; 16]), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        (bytes[7], bytes[15]) = (0x80, 0x40);
        assert_eq!(shown(bytes), "NBBB-BBBB-HBBB-BBBB");
        let read = Code::parse(&shown(bytes)).unwrap();
        assert_eq!(read.symbols(), Code::derived(bytes).symbols());
    }

    #[test]
    fn both_ends_of_the_range_can_be_drawn() {
        // The word 0 lies in the rejected zone, so the next word decides.
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
        assert!(Code::generate(CodeFormat::Digits, &script).is_err());
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
        // There are 2^64 mod 10^8 surplus words, and a word is rejected if the low half of its
        // product is below that number. These two words have it at that number and at the next
        // lower multiple of 256.
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
        for other in ['_', '/', '+', ','] {
            assert!(Code::parse(&format!("4829{other}1730")).is_err(), "{other:?}");
        }
    }

    #[test]
    fn invisible_characters_are_ignored_wherever_they_stand() {
        // Both ends of each range of general category Cf, and the other characters that are ignored
        // by default.
        for invisible in "\u{ad}\u{600}\u{605}\u{61c}\u{6dd}\u{70f}\u{890}\u{891}\u{8e2}\u{180e}\
                          \u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{2060}\u{2064}\
                          \u{2066}\u{2069}\u{206f}\u{feff}\u{fff9}\u{fffb}\u{110bd}\u{110cd}\
                          \u{13430}\u{1343f}\u{1bca0}\u{1bca3}\u{1d173}\u{1d17a}\u{e0001}\u{e0020}\
                          \u{e007f}\u{34f}\u{fe0f}\u{3164}\u{e0100}"
            .chars()
        {
            let typed = format!("{invisible}4829{invisible}{invisible}1730{invisible}");
            assert_eq!(Code::parse(&typed).unwrap().expose(), "48291730", "{invisible:?}");
            let typed = format!("BCDF{invisible}GHJKLMNPQRST");
            assert!(Code::parse(&typed).is_ok(), "{invisible:?}");
        }
        assert!(Code::parse("\u{200b}\u{feff}").is_err());
        for control in ['\0', '\u{8}', '\u{1b}', '\u{7f}', '\u{fffc}', '\u{fffd}', '\u{e000}'] {
            assert!(Code::parse(&format!("4829{control}1730")).is_err(), "{control:?}");
        }
    }

    #[test]
    fn every_dash_and_every_white_space_separates() {
        // General category Pd, the minus sign, and the characters that are typed instead.
        for dash in
            "-\u{58a}\u{5be}\u{1400}\u{1806}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\
                     \u{2e17}\u{2e1a}\u{2e3a}\u{2e3b}\u{2e40}\u{2e5d}\u{301c}\u{3030}\u{30a0}\
                     \u{fe31}\u{fe32}\u{fe58}\u{fe63}\u{ff0d}\u{10d6e}\u{10ead}\u{2212}\u{30fc}"
                .chars()
        {
            let typed = format!("BCDF{dash}GHJK{dash}LMNP{dash}QRST");
            assert_eq!(Code::parse(&typed).unwrap().expose(), "BCDF-GHJK-LMNP-QRST", "{dash:?}");
        }
        let spaces = (0..=0x3000).filter_map(char::from_u32).filter(|c| c.is_whitespace());
        for space in spaces {
            assert!(Code::parse(&format!("{space}4829{space}1730{space}")).is_ok(), "{space:?}");
        }
    }

    #[test]
    fn full_width_letters_are_letters() {
        for typed in [
            "ＢＣＤＦ－ＧＨＪＫ－ＬＭＮＰ－ＱＲＳＴ",
            "ｂｃｄｆｇｈｊｋｌｍｎｐｑｒｓｔ",
            "ＢＣＤＦ　ＧＨＪＫ　lmnp．ｑＲｓＴ",
        ] {
            assert_eq!(Code::parse(typed).unwrap().expose(), "BCDF-GHJK-LMNP-QRST", "{typed}");
        }
        // Letters that occur in no code, and their neighbours, never fold to letters of a code.
        for other in [
            "ＡＣＤＦＧＨＪＫＬＭＮＰＱＲＳＴ",
            "［ＣＤＦＧＨＪＫＬＭＮＰＱＲＳＴ",
            "＠ＣＤＦＧＨＪＫＬＭＮＰＱＲＳＴ",
            "｛ＣＤＦＧＨＪＫＬＭＮＰＱＲＳＴ",
            "｀ＣＤＦＧＨＪＫＬＭＮＰＱＲＳＴ",
        ] {
            assert!(Code::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_format_says_how_many_symbols_and_codes_it_has() {
        assert_eq!((CodeFormat::Digits.length(), CodeFormat::Digits.codes()), (8, 100_000_000));
        let letters = CodeFormat::Letters;
        assert_eq!((letters.length(), letters.codes()), (16, 655_360_000_000_000_000_000));
    }
}
