//! The name that pages and mails carry.

use thiserror::Error;

use crate::domain::{EmailAddress, characters::misleads};

/// The tenant's name and sender, as customers see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    name: String,
    origin: Option<String>,
    sender: Option<EmailAddress>,
    code_in_subject: CodeInSubject,
}

/// Whether the subject of a passcode mail shows the code.
///
/// A shown code is convenient on a lock screen, but everyone who sees the screen can read it. The
/// default is [`CodeInSubject::Hidden`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum CodeInSubject {
    /// The subject names the brand only.
    #[default]
    Hidden,
    /// The subject shows the code.
    Shown,
}

/// The reason why a brand is not valid.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrandError {
    /// The name is not 1 to 64 characters long. Or it has a character that ends a line, turns the
    /// direction of the text or shows nothing.
    #[error(
        "brand: the name must have 1 to 64 characters, and none that ends a line, turns the text \
         round or shows nothing"
    )]
    Name,
    /// The origin is not a host name of letters, digits, hyphens and dots.
    #[error("brand: the origin must be a host name such as login.example.com")]
    Origin,
}

debug_is_text!(BrandError);

impl Brand {
    /// Creates a brand of that name.
    ///
    /// # Errors
    /// [`BrandError::Name`] if the name is not valid.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::Brand;
    ///
    /// let brand = Brand::new("Contoso")?;
    /// assert!(Brand::new("").is_err());
    /// # Ok::<(), sspr::policy::BrandError>(())
    /// ```
    pub fn new(name: &str) -> Result<Self, BrandError> {
        let fits = (1..=64).contains(&name.chars().count()) && name.trim() == name;
        if !fits || name.chars().any(misleads) {
            return Err(BrandError::Name);
        }
        Ok(Self {
            code_in_subject: CodeInSubject::Hidden,
            name: name.to_owned(),
            origin: None,
            sender: None,
        })
    }

    /// Names the host of the pages that ask for codes. Passcode mails then end in the origin-bound
    /// line `@host #code`, which keeps autofill off other sites.
    ///
    /// # Errors
    /// [`BrandError::Origin`] if the host is not valid.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::Brand;
    ///
    /// let brand = Brand::new("Contoso")?.with_origin("login.contoso.example")?;
    /// # Ok::<(), sspr::policy::BrandError>(())
    /// ```
    pub fn with_origin(mut self, host: &str) -> Result<Self, BrandError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) {
            return Err(BrandError::Origin);
        }
        self.origin = Some(host.to_ascii_lowercase());
        Ok(self)
    }

    /// Sends this brand's mails from its own address.
    #[must_use]
    pub fn with_sender(mut self, sender: EmailAddress) -> Self {
        self.sender = Some(sender);
        self
    }

    /// Sets whether subjects show the code.
    #[must_use]
    pub const fn with_code_in_subject(mut self, choice: CodeInSubject) -> Self {
        self.code_in_subject = choice;
        self
    }

    /// Returns the name of the brand.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the host of the pages that ask for codes.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Returns the address that mails come from, if it is not the sender's default.
    #[must_use]
    pub const fn sender(&self) -> Option<&EmailAddress> {
        self.sender.as_ref()
    }

    /// Returns whether subjects show the code.
    #[must_use]
    pub const fn code_in_subject(&self) -> CodeInSubject {
        self.code_in_subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_64_characters_and_stands_on_one_line() {
        let longest = "\u{e9}".repeat(64);
        assert_eq!(Brand::new(&longest).unwrap().name(), longest);
        assert!(Brand::new("A").is_ok());
        assert!(Brand::new("\u{645}\u{6cc}\u{200c}\u{62e}").is_ok(), "Persian needs its joiner");
        for name in [
            "",
            " Contoso",
            "Contoso ",
            "Con\ntoso",
            "a\u{2028}b",
            "a\u{202e}b",
            &format!("{longest}a"),
        ] {
            assert_eq!(Brand::new(name), Err(BrandError::Name), "{name:?}");
        }
    }

    #[test]
    fn an_origin_is_a_host_name() {
        let with = |host: &str| Brand::new("Contoso").unwrap().with_origin(host);
        assert_eq!(with("Login-1.Contoso.com").unwrap().origin(), Some("login-1.contoso.com"));
        assert!(with(&"a".repeat(253)).is_ok());
        for host in ["", "https://contoso.com", "contoso.com:443", "a b", &"a".repeat(254)] {
            assert_eq!(with(host), Err(BrandError::Origin), "{host:?}");
        }
    }

    #[test]
    fn what_is_set_is_what_is_read() {
        let sender = EmailAddress::parse("no-reply@contoso.com").unwrap();
        let plain = Brand::new("Contoso").unwrap();
        assert_eq!((plain.origin(), plain.sender()), (None, None));
        assert_eq!(plain.code_in_subject(), CodeInSubject::Hidden);
        let brand = plain.with_sender(sender.clone()).with_code_in_subject(CodeInSubject::Shown);
        assert_eq!(
            (brand.sender(), brand.code_in_subject()),
            (Some(&sender), CodeInSubject::Shown)
        );
    }
}
