//! Blocks of phone numbers.

use core::fmt;

use super::{PhoneError, PhoneNumber};

/// The numbers that differ only in their last four digits, for instance `+1425555`.
///
/// Operators of telephone networks hand numbers out in such blocks.
///
/// # Security
/// `Debug` does not show the block, because it is a part of a phone number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NumberBlock(Box<str>);

impl NumberBlock {
    /// Returns the block of a number.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Self {
        Self(number.block().into())
    }

    /// Reads the first digits of a block, with a `+` before them.
    ///
    /// # Errors
    /// [`PhoneError`] names the rule and never shows the input.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::{NumberBlock, PhoneNumber};
    ///
    /// let number = PhoneNumber::parse("+1 (425) 555-0123")?;
    /// assert_eq!(NumberBlock::parse("+1425555")?, NumberBlock::of(&number));
    /// # Ok::<(), sspr::domain::PhoneError>(())
    /// ```
    pub fn parse(typed: &str) -> Result<Self, PhoneError> {
        let digits = typed.strip_prefix('+').ok_or(PhoneError::International)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PhoneError::Character);
        }
        // A block is a number without its last four digits.
        let number = PhoneNumber::parse(&format!("+{digits}0000"))?;
        Ok(Self::of(&number))
    }

    /// Returns the first digits of the block's numbers, with a `+` before them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NumberBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NumberBlock(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_was_written_and_is_not_in_debug_output() {
        let block = NumberBlock::of(&PhoneNumber::parse("+14255550123").unwrap());
        assert_eq!(NumberBlock::parse(block.as_str()), Ok(block.clone()));
        assert!(!format!("{block:?}").contains("1425"));
    }

    #[test]
    fn a_text_that_begins_no_number_is_refused_by_its_rule() {
        for (typed, error) in [
            ("", PhoneError::International),
            ("1425555", PhoneError::International),
            ("+1425 555", PhoneError::Character),
            ("+142", PhoneError::Length),
            ("+123456789012", PhoneError::Length),
            ("+0425555", PhoneError::Length),
        ] {
            assert_eq!(NumberBlock::parse(typed), Err(error), "{typed}");
        }
    }
}
