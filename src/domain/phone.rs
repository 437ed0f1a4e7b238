//! Phone numbers.

use core::fmt;

use thiserror::Error;

/// The fewest digits of a number that takes text messages, with its calling code.
const FEWEST_DIGITS: usize = 8;
/// The most digits of a number (ITU-T E.164 section 6).
const MOST_DIGITS: usize = 15;
/// The longest text that is read, in bytes.
const MAX_TYPED: usize = 64;
/// The number of last digits that distinguish the numbers of one prefix.
const LAST: usize = 4;

/// A phone number in E.164 form, for instance `+14255550123`.
///
/// # Security
/// A text that parses need not be a number that exists, or that belongs to the user. Put a number
/// on file only after the user has typed a code that was sent to it.
///
/// `Debug` does not show the number, and there is no `Display`, because personal data does not
/// belong in logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(Box<str>);

/// The reason why a text is not a phone number.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhoneError {
    /// The text has a character other than digits, blanks, hyphens, dots and brackets.
    #[error(
        "phone: must be digits after a +, with nothing else but blanks, hyphens, dots and brackets"
    )]
    Character,
    /// The number does not begin with a `+` and a calling code.
    #[error("phone: must begin with + and the country's calling code, as in +14255550123")]
    International,
    /// The number has fewer than 8 or more than 15 digits, or begins with `+0`.
    #[error("phone: must have 8 to 15 digits, and the first is not 0")]
    Length,
    /// The number has a national prefix in brackets, such as `(0)`. It is dialled only inside the
    /// country.
    #[error("phone: leave out the (0), which is dialled only inside the country")]
    NationalPrefix,
    /// The region's numbering plan has no such number, or the number takes no text messages.
    #[error("phone: is not a number of that region that takes text messages")]
    NoTexts,
    /// The region is not two letters of ISO 3166.
    #[error("phone: the region must be two letters of ISO 3166, such as US")]
    Region,
}

debug_is_text!(PhoneError);

impl PhoneNumber {
    /// Reads a number with its calling code. Blanks, hyphens, dots and brackets are ignored, so that
    /// the form of Graph's `phoneAuthenticationMethod` is read as well (`+1 4255550123`).
    ///
    /// # Errors
    /// [`PhoneError`] names the rule and never shows the input. A number with an extension is
    /// refused, because no text message reaches it.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::PhoneNumber;
    ///
    /// let number = PhoneNumber::parse("+1 (425) 555-0123")?;
    /// assert_eq!(number.as_str(), "+14255550123");
    /// assert!(PhoneNumber::parse("425 555 0123").is_err());
    /// # Ok::<(), sspr::domain::PhoneError>(())
    /// ```
    pub fn parse(typed: &str) -> Result<Self, PhoneError> {
        if typed.len() > MAX_TYPED {
            return Err(PhoneError::Length);
        }
        let digits =
            typed.trim_matches([' ', '\t']).strip_prefix('+').ok_or(PhoneError::International)?;
        Self::of_digits(&plain(digits)?)
    }

    /// Reads a number as people write it in a region, for instance `(425) 555-0123` in the region
    /// `US`. A number with a calling code is read as such.
    ///
    /// # Errors
    /// [`PhoneError`]. Numbers that the region's plan does not have are refused. So are landlines,
    /// premium numbers and numbers that are free of charge, as far as the plan tells them apart.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::PhoneNumber;
    ///
    /// let number = PhoneNumber::parse_in("DE", "0151 23456789")?;
    /// assert_eq!(number.as_str(), "+4915123456789");
    /// assert!(PhoneNumber::parse_in("US", "1-800-FLOWERS").is_err());
    /// # Ok::<(), sspr::domain::PhoneError>(())
    /// ```
    pub fn parse_in(region: &str, typed: &str) -> Result<Self, PhoneError> {
        if typed.len() > MAX_TYPED {
            return Err(PhoneError::Length);
        }
        let trimmed = typed.trim_matches([' ', '\t']);
        // The library reads letters and extensions as well.
        plain(trimmed.strip_prefix('+').unwrap_or(trimmed))?;
        let read = phonelib::PhoneNumber::try_parse_with_country(trimmed, region);
        let number = match read {
            Ok(number) => Self::parse(number.e164())?,
            Err(phonelib::ParseError::UnknownCountry) => return Err(PhoneError::Region),
            Err(_) => return Err(PhoneError::NoTexts),
        };
        if number.takes_texts() { Ok(number) } else { Err(PhoneError::NoTexts) }
    }

    fn of_digits(digits: &str) -> Result<Self, PhoneError> {
        let fits = (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len());
        if !fits || digits.starts_with('0') {
            return Err(PhoneError::Length);
        }
        Ok(Self(format!("+{digits}").into()))
    }

    /// Returns the number in E.164 form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the country of the number as two letters of ISO 3166, or `None` if no numbering plan
    /// has such a number. Satellite and other international numbers have the country `001`.
    #[must_use]
    pub fn country(&self) -> Option<&'static str> {
        phonelib::extract_country(&self.0).map(|country| country.code)
    }

    /// Returns whether the number can take text messages, as far as its numbering plan tells. The
    /// answer is false for landlines, pagers, premium numbers and numbers that are free of charge.
    #[must_use]
    pub fn takes_texts(&self) -> bool {
        use phonelib::PhoneNumberType as Type;

        match phonelib::detect_phone_number_type(&self.0) {
            Some(Type::Mobile | Type::FixedLineOrMobile | Type::Voip | Type::Unknown) => true,
            Some(_) | None => false,
        }
    }

    /// Returns the number without its last four digits. The numbers of one block share it.
    #[must_use]
    pub fn block(&self) -> &str {
        self.0.split_at(self.0.len().saturating_sub(LAST)).0
    }

    /// Returns the number with most of it hidden, for instance `+** *** ***23`. The result does not
    /// reveal how long the number is.
    ///
    /// # Security
    /// Show it only to users who have given a first proof. Two digits are enough to confirm a number
    /// that somebody knows already.
    #[must_use]
    pub fn masked(&self) -> String {
        let end = self.0.split_at(self.0.len().saturating_sub(2)).1;
        format!("+** *** ***{end}")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// Returns the digits of a written number.
fn plain(written: &str) -> Result<String, PhoneError> {
    if written.contains("(0)") {
        return Err(PhoneError::NationalPrefix);
    }
    let is_between = |c: &char| matches!(c, ' ' | '-' | '.' | '(' | ')');
    let digits: String = written.chars().filter(|c| !is_between(c)).collect();
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(PhoneError::Character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_with_its_calling_code_in_whatever_way_it_is_written() {
        for typed in [
            "+14255550123",
            "+1 4255550123",
            " +1 (425) 555-0123\t",
            "+1.425.555.0123",
            "+1-425-555-0123",
        ] {
            assert_eq!(PhoneNumber::parse(typed).unwrap().as_str(), "+14255550123", "{typed}");
        }
        assert_eq!(PhoneNumber::parse("+49 151 23456789").unwrap().as_str(), "+4915123456789");
    }

    #[test]
    fn what_is_no_number_is_refused_by_its_rule() {
        for (typed, error) in [
            ("", PhoneError::International),
            ("4255550123", PhoneError::International),
            ("0014255550123", PhoneError::International),
            ("＋14255550123", PhoneError::International),
            ("+1425555", PhoneError::Length),
            ("+1234567890123456", PhoneError::Length),
            ("+01234567890", PhoneError::Length),
            ("+", PhoneError::Length),
            ("+1 4255550123x12", PhoneError::Character),
            ("+1-800-FLOWERS", PhoneError::Character),
            ("+1 425 555\r\n0123", PhoneError::Character),
            ("+1425555012\u{663}", PhoneError::Character),
            ("++14255550123", PhoneError::Character),
            ("+49 (0)151 23456789", PhoneError::NationalPrefix),
        ] {
            assert_eq!(PhoneNumber::parse(typed), Err(error), "{typed:?}");
        }
        let long = format!("+{}", " ".repeat(100));
        assert_eq!(PhoneNumber::parse(&long), Err(PhoneError::Length));
    }

    #[test]
    fn eight_and_fifteen_digits_are_the_bounds() {
        for digits in ["+12345678", "+123456789012345"] {
            assert_eq!(PhoneNumber::parse(digits).unwrap().as_str(), digits);
        }
    }

    #[test]
    fn a_mask_shows_two_digits_and_not_how_long_the_number_is() {
        let mask = |typed: &str| PhoneNumber::parse(typed).unwrap().masked();
        assert_eq!(mask("+14255550123"), "+** *** ***23");
        assert_eq!(mask("+12345623"), mask("+123456789012323"));
    }

    #[test]
    fn the_numbers_of_a_block_differ_in_their_last_four_digits() {
        let of = |typed: &str| PhoneNumber::parse(typed).unwrap();
        assert_eq!(of("+14255550123").block(), "+1425555");
        assert_eq!(of("+14255559999").block(), "+1425555");
        assert_ne!(of("+14255540123").block(), of("+14255550123").block());
    }

    #[test]
    fn countries_that_share_a_calling_code_are_told_apart() {
        for (number, country) in [
            ("+14255550123", Some("US")),
            ("+18762345678", Some("JM")),
            ("+447781123456", Some("GG")),
            ("+4915123456789", Some("DE")),
            ("+77012345678", Some("KZ")),
            ("+999123456789", None),
        ] {
            assert_eq!(PhoneNumber::parse(number).unwrap().country(), country, "{number}");
        }
    }

    #[test]
    fn what_costs_its_caller_or_takes_no_texts_is_told_from_a_mobile() {
        let takes = |typed: &str| PhoneNumber::parse(typed).unwrap().takes_texts();
        assert!(takes("+14255550123") && takes("+4915123456789") && takes("+447400123456"));
        for number in ["+18003569377", "+19002345678", "+442079460018", "+499001234567"] {
            assert!(!takes(number), "{number}");
        }
        assert!(!takes("+999123456789"), "no plan has it");
    }

    #[test]
    fn neither_a_number_nor_its_error_is_in_debug_output() {
        let number = PhoneNumber::parse("+14255550123").unwrap();
        assert_eq!(format!("{number:?}"), "PhoneNumber(…)");
        let error = PhoneNumber::parse("+1425x").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("1425x"));
    }

    #[test]
    fn a_number_is_read_as_people_write_it_in_their_region() {
        let read = |region: &str, typed: &str| {
            PhoneNumber::parse_in(region, typed).map(|number| number.as_str().to_owned())
        };
        assert_eq!(read("us", "(425) 555-2671").as_deref(), Ok("+14255552671"));
        assert_eq!(read("GB", "07400 123456").as_deref(), Ok("+447400123456"));
        assert_eq!(read("DE", "+44 7400 123456").as_deref(), Ok("+447400123456"));
        for (region, typed, error) in [
            ("US", "1-800-FLOWERS", PhoneError::Character),
            ("US", "800 356 9377", PhoneError::NoTexts),
            ("GB", "020 7946 0018", PhoneError::NoTexts),
            ("DE", "0900 1234567", PhoneError::NoTexts),
            ("DE", "12", PhoneError::NoTexts),
            ("XX", "0151 23456789", PhoneError::Region),
            ("Germany", "0151 23456789", PhoneError::Region),
            ("DE", "+49 (0)151 23456789", PhoneError::NationalPrefix),
        ] {
            assert_eq!(read(region, typed), Err(error), "{region} {typed}");
        }
    }
}
