//! E-mail addresses, which are parsed strictly, and their three forms.

use core::fmt;
use std::borrow::Cow;

use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest address in octets (RFC 5321 section 4.5.3.1.3, less the angle brackets).
const MAX_BYTES: usize = 254;
/// The longest text that is parsed. It exceeds `MAX_BYTES` because normalising may shorten a text
/// to a third.
const MAX_TYPED: usize = 3 * MAX_BYTES;
/// The most rounds of folding a local part until nothing changes. All known cases need one round.
const MOST_ROUNDS: usize = 8;
/// The longest local part in octets (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The longest domain label in octets (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// One e-mail address in lookup form: the local part in normalisation form C, and the domain as
/// lower-case A-labels.
///
/// Composed and decomposed spellings are the same address (RFC 6532 section 3.1). Otherwise the
/// local part is unchanged, including its case and its look-alikes. The host decides whether two
/// local parts that differ in case belong to the same account.
///
/// An address must have one `@`, a dot-atom, and a domain of at least two labels. Quoted local
/// parts, address literals, comments, display names, lists and control characters are refused.
///
/// # Security
/// `Debug` does not show the address, and there is no `Display`, because personal data does not
/// belong in logs. Mail goes to the address on file, never to the typed address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    text: Box<str>,
    at: usize,
}

/// The reason why a text is not an e-mail address.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// The domain is not two or more labels of letters, digits and inner hyphens.
    #[error("address: the part after the @ is not a domain name")]
    Domain,
    /// The domain is written in another script, and the feature `idn` is off.
    #[error("address: internationalised domains need the feature `idn`")]
    Internationalised,
    /// The local part is empty, longer than 64 octets, or has a character that is not allowed.
    #[error("address: the part before the @ is not a plain mailbox name")]
    Local,
    /// There is not exactly one `@`.
    #[error("address: must have exactly one @, as in name@example.com")]
    Shape,
    /// The address is longer than 254 octets.
    #[error("address: must have at most 254 octets")]
    TooLong,
}

debug_is_text!(AddressError);

/// The domains in which mailboxes ignore dots in the local part.
///
/// Only [`EmailAddress::limiter_form`] uses these rules. The default names Gmail's two domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotRules(Vec<Box<str>>);

/// The form that counters are keyed on: compatibility-normalised, case-folded and without
/// sub-address.
///
/// Many addresses have the same limiter form, so spelling variants share one budget. This form
/// never decides which account an address belongs to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LimiterForm(Box<str>);

impl EmailAddress {
    /// Reads an address as a user typed it. Blanks and tabs around it are ignored.
    ///
    /// # Errors
    /// [`AddressError`] names the rule and never shows the input.
    ///
    /// # Examples
    /// ```
    /// use sspr::EmailAddress;
    ///
    /// let address = EmailAddress::parse("ada@contoso.example")?;
    /// assert_eq!(address.domain(), "contoso.example");
    /// assert!(EmailAddress::parse("ada").is_err());
    /// # Ok::<(), sspr::domain::AddressError>(())
    /// ```
    pub fn parse(typed: &str) -> Result<Self, AddressError> {
        let trimmed = normal(typed.trim_matches([' ', '\t']))?;
        if trimmed.len() > MAX_BYTES {
            return Err(AddressError::TooLong);
        }
        let (local, domain) = trimmed.split_once('@').ok_or(AddressError::Shape)?;
        if domain.contains('@') {
            return Err(AddressError::Shape);
        }
        check_local(local)?;
        // Of its final length where the domain is ASCII.
        let mut text = String::with_capacity(trimmed.len());
        text.push_str(local);
        text.push('@');
        push_a_labels(domain, &mut text)?;
        check_domain(text.split_at(local.len() + 1).1)?;
        if text.len() > MAX_BYTES {
            return Err(AddressError::TooLong);
        }
        Ok(Self { at: local.len(), text: text.into() })
    }

    /// Returns the address in lookup form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the part before the `@`, as typed but in normalisation form C.
    #[must_use]
    pub fn local(&self) -> &str {
        self.text.split_at(self.at).0
    }

    /// Returns the part after the `@` in lower-case A-labels.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text.split_at(self.at).1.trim_start_matches('@')
    }

    /// Returns the form that counters are keyed on.
    #[must_use]
    pub fn limiter_form(&self, dots: &DotRules) -> LimiterForm {
        let (mut form, domain) = (String::with_capacity(self.text.len()), self.domain());
        let ignores_dots = dots.ignores(domain);
        simplify(self.local(), ignores_dots, &mut form);
        // A mark may move to another letter, and then fold with it.
        for _ in 0..MOST_ROUNDS {
            if form.is_ascii() {
                break;
            }
            let mut again = String::with_capacity(form.len());
            simplify(&form, ignores_dots, &mut again);
            if again == form {
                break;
            }
            form = again;
        }
        form.push('@');
        form.push_str(domain);
        LimiterForm(form.into())
    }

    /// Returns the address with most of it hidden, for instance `c***r@co**o.com`.
    ///
    /// The result does not reveal the lengths of the hidden parts. Before a user has given a first
    /// proof, mask the address that was typed, never the address on file.
    #[must_use]
    pub fn masked(&self) -> String {
        let mut out = String::with_capacity(48);
        hide(&mut out, self.local(), 1, "***");
        out.push('@');
        let (names, last) = self.domain().rsplit_once('.').unwrap_or(("", self.domain()));
        for name in names.split('.') {
            hide(&mut out, name, 2, "**");
            out.push('.');
        }
        out.push_str(last);
        out
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

impl DotRules {
    /// Creates rules that ignore dots in the local parts of these domains (lower-case A-labels).
    pub fn new<'a>(domains: impl IntoIterator<Item = &'a str>) -> Self {
        Self(domains.into_iter().map(|domain| domain.to_ascii_lowercase().into()).collect())
    }

    /// Returns the domains in the given order.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    fn ignores(&self, domain: &str) -> bool {
        self.0.iter().any(|rule| **rule == *domain)
    }
}

impl Default for DotRules {
    fn default() -> Self {
        Self::new(["gmail.com", "googlemail.com"])
    }
}

impl LimiterForm {
    /// Returns the bytes of the form, for keys.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for LimiterForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LimiterForm(…)")
    }
}

/// Returns the text in normalisation form C. Refuses oversized input before any work on it.
fn normal(text: &str) -> Result<Cow<'_, str>, AddressError> {
    if text.len() > MAX_TYPED {
        Err(AddressError::TooLong)
    } else if text.is_ascii() {
        Ok(Cow::Borrowed(text))
    } else {
        Ok(Cow::Owned(text.nfc().collect()))
    }
}

fn check_local(local: &str) -> Result<(), AddressError> {
    let atoms = !local.is_empty()
        && local.len() <= MAX_LOCAL
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    if atoms { Ok(()) } else { Err(AddressError::Local) }
}

/// Returns true for `atext` of RFC 5322. Of RFC 6531's non-ASCII characters it allows only letters,
/// digits and marks.
fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)))
}

/// Appends a domain in lower-case A-labels.
fn push_a_labels(domain: &str, text: &mut String) -> Result<(), AddressError> {
    if domain.is_ascii() {
        let start = text.len();
        text.push_str(domain);
        text.get_mut(start..).into_iter().for_each(str::make_ascii_lowercase);
        return Ok(());
    }
    #[cfg(feature = "idn")]
    {
        let labels = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::Domain)?;
        text.push_str(&labels);
        Ok(())
    }
    #[cfg(not(feature = "idn"))]
    {
        Err(AddressError::Internationalised)
    }
}

fn check_domain(domain: &str) -> Result<(), AddressError> {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    let named = domain.contains('.') && last.bytes().any(|b| b.is_ascii_alphabetic());
    if named && domain.split('.').all(label) { Ok(()) } else { Err(AddressError::Domain) }
}

/// Folds a local part, and removes its sub-address. It also removes the dots if they do not count.
fn simplify(local: &str, ignores_dots: bool, out: &mut String) {
    fold(local, out);
    if let Some(end) = out.find('+').filter(|end| *end > 0) {
        out.truncate(end);
    }
    if ignores_dots {
        out.retain(|c| c != '.');
    }
}

/// Applies compatibility normalisation and case folding.
///
/// Upper-casing before lower-casing also folds pairs that lower-casing alone keeps apart (ſ and s,
/// ß and ss, ı and i). The dot above an i is removed, because İ becomes an i with a dot above.
fn fold(local: &str, out: &mut String) {
    if local.is_ascii() {
        out.extend(local.chars().map(|c| c.to_ascii_lowercase()));
    } else {
        let upper = local.nfkc().flat_map(char::to_uppercase);
        let mut is_of_an_i = false;
        let without_dot = upper.flat_map(char::to_lowercase).nfkd().filter(|c| {
            if !is_combining_mark(*c) {
                is_of_an_i = *c == 'i';
            }
            // An accent that stands alone decomposes to a space with a mark.
            *c != ' ' && (!is_of_an_i || *c != '\u{307}')
        });
        // Compose last, because the dot stood between the i and the other marks above it.
        out.extend(without_dot.nfkc());
    }
}

fn hide(out: &mut String, text: &str, head: usize, stars: &str) {
    let shown = text.chars().count() > head + 1;
    out.extend(text.chars().take(if shown { head } else { 1 }));
    out.push_str(stars);
    if shown {
        out.extend(text.chars().last());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    fn limiter(text: &str) -> LimiterForm {
        address(text).limiter_form(&DotRules::default())
    }

    #[test]
    fn the_lookup_form_keeps_the_local_part_and_folds_the_domain() {
        let parsed = address(" Ada.Lovelace+x@Fabrikam.EXAMPLE\t");

        assert_eq!(parsed.as_str(), "Ada.Lovelace+x@fabrikam.example");
        assert_eq!(parsed.local(), "Ada.Lovelace+x");
        assert_eq!(parsed.domain(), "fabrikam.example");
    }

    #[test]
    fn whatever_is_not_one_plain_address_is_refused() {
        for (text, error) in [
            ("", AddressError::Shape),
            ("ada", AddressError::Shape),
            ("a@b@c.example", AddressError::Shape),
            ("a@x.example,b@y.example", AddressError::Shape),
            ("ada\u{ff20}x.example", AddressError::Shape),
            ("@x.example", AddressError::Local),
            ("a..b@x.example", AddressError::Local),
            (".a@x.example", AddressError::Local),
            ("\"a b\"@x.example", AddressError::Local),
            ("a(c)@x.example", AddressError::Local),
            ("Ada <a@x.example", AddressError::Local),
            ("a\u{202e}b@x.example", AddressError::Local),
            ("a\u{200b}b@x.example", AddressError::Local),
            ("a\0@x.example", AddressError::Local),
            ("a@x.example\r\nBcc: b", AddressError::Domain),
            ("a@x.example\r\n", AddressError::Domain),
            ("\r\na@x.example", AddressError::Local),
            ("a\r\nb@x.example", AddressError::Local),
            ("a@localhost", AddressError::Domain),
            ("a@192.0.2.1", AddressError::Domain),
            ("a@[192.0.2.1]", AddressError::Domain),
            ("a@-x.example", AddressError::Domain),
            ("a@x_y.example", AddressError::Domain),
            ("a@x.example.", AddressError::Domain),
            ("a@x..example", AddressError::Domain),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_limited_in_octets() {
        let local = "l".repeat(64);
        assert!(EmailAddress::parse(&format!("{local}@x.example")).is_ok());
        let error = EmailAddress::parse(&format!("{local}l@x.example"));
        assert_eq!(error, Err(AddressError::Local));
        let label = "d".repeat(60);
        let longest = format!("{local}@{label}.{label}.{label}.{}", "e".repeat(6));
        assert_eq!(longest.len(), 254);
        assert!(EmailAddress::parse(&longest).is_ok());
        assert_eq!(EmailAddress::parse(&format!("{longest}e")), Err(AddressError::TooLong));
        assert_eq!(EmailAddress::parse(&"a".repeat(1 << 20)), Err(AddressError::TooLong));
    }

    #[test]
    fn spellings_share_one_limiter_form() {
        let plain = limiter("mike@x.example");
        for spelling in ["MIKE@X.example", "mike+a@x.example", "m\u{131}ke@x.example"] {
            assert!(limiter(spelling) == plain, "{spelling}");
        }
        assert!(limiter("M\u{130}KE@x.example") == plain);
        assert!(limiter("mi\u{212a}e@x.example") == plain);
        assert!(limiter("m.i.k.e@x.example") != plain);
        assert!(limiter("m.i.k.e@gmail.com") == limiter("mike@gmail.com"));
        assert!(limiter("+a@x.example") != limiter("+b@x.example"));
    }

    #[test]
    fn a_limiter_form_is_its_own_form() {
        // A mark behind a dot is composed with its letter after the dot is removed.
        assert!(limiter("M\u{130}\u{301}KE@x.example") == limiter("m\u{ed}ke@x.example"));
        // Only an i loses its dot, in every spelling and with any other marks above it.
        assert!(limiter("\u{17c}ak@x.example") != limiter("zak@x.example"));
        for spelling in ["\u{231}\u{328}", "I\u{328}\u{307}\u{301}", "z\u{328}\u{307}", "\u{390}"] {
            let once = limiter(&format!("{spelling}@x.example"));
            let form = core::str::from_utf8(once.as_bytes()).unwrap();
            assert!(limiter(form) == once, "{spelling}");
        }
        // A mark on a removed dot moves to the letter before it, and is put in order there.
        assert!(limiter("a\u{731}.\u{328}@gmail.com") == limiter("a\u{731}\u{328}@gmail.com"));
        assert!(limiter("i.\u{307}b@gmail.com") == limiter("ib@gmail.com"));
        assert!(limiter("\u{37a}x@x.example") == limiter("\u{3b9}x@x.example"));
    }

    #[test]
    fn spellings_are_not_one_address() {
        assert_ne!(address("m\u{131}ke@x.example"), address("mike@x.example"));
        assert_ne!(address("Mike@x.example"), address("mike@x.example"));
    }

    #[test]
    fn composed_and_decomposed_spellings_are_one_address() {
        for (composed, decomposed) in [
            ("j\u{f6}rg@x.example", "jo\u{308}rg@x.example"),
            ("\u{1ec7}@x.example", "e\u{323}\u{302}@x.example"),
            ("\u{1ec7}@x.example", "e\u{302}\u{323}@x.example"),
            ("\u{d55c}@x.example", "\u{1112}\u{1161}\u{11ab}@x.example"),
            ("\u{e5}@x.example", "\u{212b}@x.example".to_lowercase().as_str()),
        ] {
            assert_eq!(address(composed), address(decomposed), "{composed}");
            assert_eq!(address(decomposed).as_str(), composed);
            assert!(limiter(composed) == limiter(decomposed), "{composed}");
            assert_eq!(address(composed).masked(), address(decomposed).masked());
        }
        // Compatibility is not canonical equivalence, so these stay two addresses.
        assert_ne!(address("\u{fb01}n@x.example"), address("fin@x.example"));
    }

    #[test]
    fn lengths_are_limited_once_the_address_is_normalised() {
        // The 96 octets become 64, and the 99 become 66.
        let local = |times: usize| "e\u{301}".repeat(times);
        assert!(EmailAddress::parse(&format!("{}@x.example", local(32))).is_ok());
        let long = EmailAddress::parse(&format!("{}@x.example", local(33)));
        assert_eq!(long, Err(AddressError::Local));
        // Each of these four-octet characters becomes twelve octets.
        let note = format!("{}@x.example", "\u{1d160}".repeat(16));
        assert_eq!(EmailAddress::parse(&note), Err(AddressError::Local));
        let hostile = format!("{}@x.example", "a\u{300}".repeat(1_000_000));
        assert_eq!(EmailAddress::parse(&hostile), Err(AddressError::TooLong));
    }

    #[test]
    fn a_mask_has_the_same_shape_for_every_length() {
        assert_eq!(address("customer@contoso.com").masked(), "c***r@co**o.com");
        assert_eq!(address("cr@co.com").masked(), "c***@c**.com");
        assert_eq!(address("a@mail.contoso.co.uk").masked(), "a***@ma**l.co**o.c**.uk");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", address("ada@x.example")), "EmailAddress(…)");
        assert_eq!(format!("{:?}", limiter("ada@x.example")), "LimiterForm(…)");
    }

    #[cfg(feature = "idn")]
    #[test]
    fn other_scripts_become_a_labels() {
        assert_eq!(address("ada@B\u{fc}cher.example").domain(), "xn--bcher-kva.example");
        assert_eq!(EmailAddress::parse("ada@a\u{200d}b.example"), Err(AddressError::Domain));
    }

    #[cfg(feature = "idn")]
    #[test]
    fn a_labels_count_towards_the_longest_address() {
        // The A-label is six octets longer than the typed label.
        let label = "d".repeat(60);
        let typed = |last: usize| {
            let local = "l".repeat(64);
            format!("{local}@b\u{fc}cher.{label}.{label}.{}.example", "e".repeat(last))
        };
        let parsed = |last: usize| EmailAddress::parse(&typed(last)).map(|it| it.as_str().len());
        let fits = 254 - parsed(1).unwrap() + 1;
        assert_eq!(parsed(fits), Ok(254));
        assert!(typed(fits + 1).len() < 254);
        assert_eq!(parsed(fits + 1), Err(AddressError::TooLong));
    }

    #[cfg(not(feature = "idn"))]
    #[test]
    fn other_scripts_are_refused_by_name() {
        let error = EmailAddress::parse("ada@b\u{fc}cher.example");
        assert_eq!(error, Err(AddressError::Internationalised));
    }
}
