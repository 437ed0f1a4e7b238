//! The keys of the server: one signing key, any number of accepted keys, and the index key.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Code, Digest, Entropy, EntropyUnavailable, Fields, Purpose, one_block::OneBlockMac};

/// The fewest distinct bytes of a 32-byte key. Random keys have about 30, and fewer than 16 only
/// once in 10^14.
const MIN_DISTINCT: usize = 16;

/// The name of a key: four bytes that are derived from the key. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId([u8; 4]);

/// The keys for digests, tokens and counter names. Keep them outside the store.
///
/// Rotate keys in three deployments, so that no process meets a secret that it cannot read:
///
/// * Accept the new key everywhere.
/// * Sign with the new key.
/// * Retire the old key after the longest lifetime of a reset (an hour and a half). Device proofs
///   that were made with the old key end then.
///
/// The *index key* names counters. While `old-index` is given, both names are charged. Keep
/// `old-index` for one whole window of the longest counter that must not start again. It also names
/// the codes that freeze an account: keep `old-index` for three days if notices carry them.
///
/// The text form has words separated by blanks, commas or line ends:
/// ```text
/// sign=KEY [accept=KEY …] index=KEY [old-index=KEY]
/// ```
/// Each `KEY` is 32 random bytes in unpadded base64url (43 characters).
///
/// # Security
/// Keys that cannot be random are refused. `Debug` does not show the keys, and there is no way to
/// read a key back.
#[derive(Clone)]
pub struct Keyring {
    signing: Key,
    accepting: Vec<Key>,
    index: Key,
    old_index: Option<Key>,
}

#[derive(Clone)]
struct Key {
    id: KeyId,
    /// The keyed state with both pads absorbed, which halves the work of using the key again.
    state: Hmac<Sha256>,
    /// A faster form of the key, for messages that fit one block.
    one_block: OneBlockMac,
}

/// The reason why keys are not valid, and the next step. The message never contains a key.
#[derive(Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringError {
    /// Two places hold the same key.
    #[error("keys: `{0}` repeats another key; each key must be its own")]
    Duplicate(&'static str),
    /// A key is not 43 characters of base64url.
    #[error("keys: `{0}` must be 32 bytes in unpadded base64url (43 characters); {HOW}")]
    Malformed(&'static str),
    /// A key that is needed is missing.
    #[error("keys: `{0}=` is missing; {HOW}")]
    Missing(&'static str),
    /// The environment variable is not set or not UTF-8.
    #[error("keys: the environment variable {0} is not set; set it to `sign=KEY index=KEY`; {HOW}")]
    NotSet(String),
    /// A key is given twice but is allowed only once.
    #[error("keys: `{0}=` is given twice")]
    Repeated(&'static str),
    /// A word has an unknown name or no name. The number is the place of the word. Its text is not
    /// shown, because it may be a key.
    #[error("keys: word {0} is none of sign=KEY, accept=KEY, index=KEY and old-index=KEY")]
    Unknown(usize),
    /// A key is too regular to come from a random source.
    #[error("keys: `{0}` is too regular to be random; {HOW}")]
    Weak(&'static str),
}

debug_is_text!(KeyringError);

const HOW: &str = "make each KEY with: head -c 32 /dev/urandom | basenc --base64url | tr -d =";

impl Keyring {
    /// Reads the keys from an environment variable.
    ///
    /// # Errors
    /// [`KeyringError`] names the wrong word and says how to make a key.
    ///
    /// # Examples
    /// ```
    /// use sspr::Keyring;
    ///
    /// let told = Keyring::from_env("NO_SUCH_VARIABLE").unwrap_err().to_string();
    /// assert!(told.contains("NO_SUCH_VARIABLE"));
    /// ```
    pub fn from_env(variable: &str) -> Result<Self, KeyringError> {
        let text =
            std::env::var(variable).map_err(|_| KeyringError::NotSet(variable.to_owned()))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`KeyringError`] as for [`Keyring::from_env`].
    ///
    /// # Examples
    /// ```
    /// use sspr::{Keyring, domain::KeyringError};
    ///
    /// // head -c 32 /dev/urandom | basenc --base64url | tr -d =
    /// let text = "sign=w5fG0mYc4kX1nJq8ZtR2LbVh7sPyE3oUaD9eKiTQxMA \
    ///             index=Bn4TqS8vWzK1rMhY6uXeGd0LfPj3CaRi5OoNk7EtVQs";
    /// let keys = Keyring::parse(text)?;
    /// let told = Keyring::parse("sign=short").unwrap_err().to_string();
    /// assert!(told.contains("43 characters"));
    /// # Ok::<(), KeyringError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let (mut sign, mut index, mut old_index) = (None, None, None);
        let mut accept: Vec<RawKey> = Vec::new();
        let words = text.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        for (place, word) in (1..).zip(words) {
            let (name, value) = word.split_once('=').ok_or(KeyringError::Unknown(place))?;
            let (name, slot) = match name {
                "accept" => {
                    accept.push(read("accept", value)?);
                    continue;
                }
                "index" => ("index", &mut index),
                "old-index" => ("old-index", &mut old_index),
                "sign" => ("sign", &mut sign),
                _ => return Err(KeyringError::Unknown(place)),
            };
            if slot.replace(read(name, value)?).is_some() {
                return Err(KeyringError::Repeated(name));
            }
        }
        let sign = sign.ok_or(KeyringError::Missing("sign"))?;
        let index = index.ok_or(KeyringError::Missing("index"))?;
        let named =
            [("sign", Some(&sign)), ("index", Some(&index)), ("old-index", old_index.as_ref())];
        let accepted = accept.iter().map(|key| ("accept", Some(key)));
        let mut seen: Vec<&[u8; 32]> = Vec::new();
        for (name, key) in named.into_iter().chain(accepted) {
            let Some(key) = key else { continue };
            if seen.iter().any(|other| bool::from(other.ct_eq(&***key))) {
                return Err(KeyringError::Duplicate(name));
            }
            seen.push(key);
        }
        Ok(Self {
            accepting: accept.iter().map(|key| Key::new(key)).collect(),
            index: Key::new(&index),
            old_index: old_index.as_ref().map(|key| Key::new(key)),
            signing: Key::new(&sign),
        })
    }

    /// Generates new keys, for tests and demonstrations. They are lost when the process ends, and
    /// everything that was signed with them becomes invalid.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if there is no randomness.
    ///
    /// # Examples
    /// ```
    /// use sspr::{Keyring, adapters::SystemEntropy};
    ///
    /// let keys = Keyring::generate(&SystemEntropy::new())?;
    /// # Ok::<(), sspr::ports::EntropyUnavailable>(())
    /// ```
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let key = || {
            let mut bytes = Zeroizing::new([0; 32]);
            entropy.fill(&mut *bytes).map(|()| Key::new(&bytes))
        };
        Ok(Self { signing: key()?, accepting: Vec::new(), index: key()?, old_index: None })
    }

    /// Returns the name of the signing key.
    #[must_use]
    pub const fn signing(&self) -> KeyId {
        self.signing.id
    }

    /// Begins a digest under the signing key.
    #[doc(hidden)]
    #[must_use]
    pub fn sign(&self, purpose: Purpose) -> Fields {
        Fields::new(&self.signing.state, purpose)
    }

    /// Begins a digest under the key of that name, if that key signs or is accepted.
    #[doc(hidden)]
    #[must_use]
    pub fn under(&self, id: KeyId, purpose: Purpose) -> Option<Fields> {
        self.find(id).map(|key| Fields::new(&key.state, purpose))
    }

    /// Begins a digest under each key that signs or is accepted, the signing key first.
    #[doc(hidden)]
    pub fn each(&self, purpose: Purpose) -> impl Iterator<Item = Fields> {
        self.keys().map(move |key| Fields::new(&key.state, purpose))
    }

    /// Returns the digest of a code under the key of that name.
    #[doc(hidden)]
    #[must_use]
    pub fn code_digest(&self, id: KeyId, binding: &Digest, code: &Code) -> Option<Digest> {
        self.find(id).map(|key| Digest::of_code(&key.one_block, binding, code))
    }

    /// Begins a digest under the index key and, during its rotation, also under the old one.
    #[doc(hidden)]
    pub fn indexes(&self, purpose: Purpose) -> impl Iterator<Item = Fields> {
        let keys = core::iter::once(&self.index).chain(&self.old_index);
        keys.map(move |key| Fields::new(&key.state, purpose))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        core::iter::once(&self.signing).chain(&self.accepting)
    }

    fn find(&self, id: KeyId) -> Option<&Key> {
        self.keys().find(|key| key.id == id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

impl KeyId {
    /// Returns the bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        let state = keyed(bytes);
        let id = KeyId(Fields::new(&state, Purpose::KeyId).digest().head());
        Self { id, one_block: OneBlockMac::new(bytes), state }
    }
}

/// Returns the keyed state of a secret that serves as a key itself.
pub(crate) fn keyed(secret: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to one block (RFC 2104 section 2).
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
    Hmac::<Sha256>::new((&*block).into())
}

/// A key as it was read. It is boxed so that it never moves, because each move of an array may
/// leave a copy.
type RawKey = Box<Zeroizing<[u8; 32]>>;

fn read(name: &'static str, value: &str) -> Result<RawKey, KeyringError> {
    let mut key: RawKey = Box::default();
    let decoded = Base64UrlUnpadded::decode(value.trim_end_matches('='), &mut **key)
        .map_err(|_| KeyringError::Malformed(name))?;
    if decoded.len() != 32 {
        return Err(KeyringError::Malformed(name));
    }
    let mut distinct: RawKey = Box::default();
    distinct.copy_from_slice(&**key);
    distinct.sort_unstable();
    let changes = distinct.windows(2).filter(|pair| pair.first() != pair.last()).count();
    let printable = key.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if changes + 1 < MIN_DISTINCT || printable {
        return Err(KeyringError::Weak(name));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> String {
        let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(37).wrapping_add(seed)).collect();
        Base64UrlUnpadded::encode_string(&bytes)
    }

    fn error(text: &str) -> KeyringError {
        Keyring::parse(text).unwrap_err()
    }

    #[test]
    fn a_full_keyring_is_read() {
        let text = format!(
            "sign={} accept={},\naccept={} index={} old-index={}",
            key(1),
            key(2),
            key(3),
            key(4),
            key(5)
        );
        let keys = Keyring::parse(&text).unwrap();
        assert_eq!(keys.each(Purpose::Code).count(), 3);
        assert_eq!(keys.indexes(Purpose::Counter).count(), 2);
    }

    #[test]
    fn bad_keys_are_refused_by_name() {
        assert_eq!(error(""), KeyringError::Missing("sign"));
        assert_eq!(error(&format!("sign={}", key(1))), KeyringError::Missing("index"));
        assert_eq!(error("sign=short"), KeyringError::Malformed("sign"));
        assert_eq!(error(&format!("sign={}", "A".repeat(43))), KeyringError::Weak("sign"));
        let words = Base64UrlUnpadded::encode_string(b"correct horse battery staple 123");
        assert_eq!(error(&format!("index={words}")), KeyringError::Weak("index"));
        assert_eq!(error("sing=x"), KeyringError::Unknown(1));
        assert_eq!(error("secret"), KeyringError::Unknown(1));
        let (a, b) = (key(1), key(2));
        assert_eq!(error(&format!("sign={a} index={a}")), KeyringError::Duplicate("index"));
        assert_eq!(error(&format!("sign={a} sign={b}")), KeyringError::Repeated("sign"));
        assert_eq!(error(&"A".repeat(1 << 20)), KeyringError::Unknown(1));
    }

    #[test]
    fn a_word_that_is_not_known_is_named_by_its_place_and_never_shown() {
        let (sign, other) = (key(1), key(2));
        for word in ["acept=", "Sign=", "sign:", "=", ""] {
            let word = format!("{word}{other}");
            for text in [format!("sign={sign}, {word}"), format!("sign={sign}\n{word} index=x")] {
                let error = error(&text);
                assert_eq!(error, KeyringError::Unknown(2), "{word}");
                let shown = format!("{error} {error:?}");
                assert!(shown.contains("word 2 ") && !shown.contains(&other), "{shown}");
                assert!(!shown.contains("acept"), "{shown}");
            }
        }
    }

    #[test]
    fn a_missing_variable_says_how_to_make_a_key() {
        let error = Keyring::from_env("SSPR_KEYS_THAT_NOBODY_SET").unwrap_err().to_string();
        assert!(error.contains("SSPR_KEYS_THAT_NOBODY_SET") && error.contains("/dev/urandom"));
    }

    #[test]
    fn an_error_never_shows_a_key() {
        let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
        assert!(!error(&format!("sign={secret}")).to_string().contains(secret));
    }

    #[test]
    fn a_key_has_sixteen_distinct_bytes_and_is_no_text() {
        let parsed = |bytes: &[u8]| {
            Keyring::parse(&format!(
                "sign={} index={}",
                Base64UrlUnpadded::encode_string(bytes),
                key(1)
            ))
        };
        let distinct =
            |count: u8| (0..32_u8).map(|i| (i % count).wrapping_mul(16)).collect::<Vec<_>>();
        assert!(parsed(&distinct(16)).is_ok());
        assert_eq!(parsed(&distinct(15)).unwrap_err(), KeyringError::Weak("sign"));
        // One byte that no keyboard can type makes the difference.
        let mut text = *b"correct horse battery staple 123";
        text[31] = 0;
        assert!(parsed(&text).is_ok());
        assert_eq!(
            parsed(&[text.as_slice(), &[0]].concat()).unwrap_err(),
            KeyringError::Malformed("sign")
        );
    }

    #[test]
    fn padding_is_allowed() {
        assert!(Keyring::parse(&format!("sign={}= index={}", key(1), key(2))).is_ok());
    }
}
