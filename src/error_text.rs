//! How errors print. `main` prints the `Debug` form of the error that it returns, and so does
//! `unwrap`. Therefore this form is the error's text, with the texts of its causes.

use core::{error::Error, fmt};

/// Writes the text of an error and of its causes.
pub(crate) fn write(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(next) = cause {
        write!(f, ": {next}")?;
        cause = next.source();
    }
    Ok(())
}

/// Makes the text of an error its `Debug` form.
macro_rules! debug_is_text {
    ($($error:ty),+) => {
        $(
            impl core::fmt::Debug for $error {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    crate::error_text::write(self, f)
                }
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::Keyring,
        ports::{StoreError, StoreErrorKind},
    };

    #[test]
    fn a_main_that_returns_an_error_prints_what_to_do() {
        let error = Keyring::from_env("SSPR_NO_SUCH_KEYS").unwrap_err();
        let printed = format!("{error:?}");
        assert_eq!(printed, error.to_string());
        assert!(printed.contains("SSPR_NO_SUCH_KEYS") && printed.contains("/dev/urandom"));
    }

    #[test]
    fn a_cause_stands_behind_its_error() {
        let cause = std::io::Error::other("connection refused");
        let error = StoreError::new(StoreErrorKind::Busy, "my database: out of reach");
        let error = crate::Error::from(error.with_source(cause));
        let told = "a store could not answer: my database: out of reach: connection refused";
        assert_eq!(format!("{error:?}"), told);
    }
}
