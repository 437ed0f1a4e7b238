//! What comes with a call.

use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    domain::{
        Application, CorrelationId, DeviceProof, EmailAddress, Entropy, EntropyUnavailable,
        IdError, LanguageTag, NetworkAddress,
    },
    flow::ResetReason,
    policy::Disclosure,
};

/// A request to reset a password, or to sign in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The application that the user wants to sign in to.
    pub application: Application,
    /// The address that the user typed.
    pub address: EmailAddress,
    /// The language of the person's pages.
    pub locale: Option<LanguageTag>,
    /// Why the person needs a new password.
    pub reason: ResetReason,
    /// The host's own bytes.
    pub context: Context,
    /// Makes repeats of one request open one reset.
    pub key: Option<RequestKey>,
    /// What a stranger may learn from the answer, if not what the tenant's policy says.
    pub disclosure: Option<Disclosure>,
}

/// Names one request, so that its repeats (a double click, a lost reply) open the same reset, in
/// whichever process they arrive: the cooldown of that reset then keeps a second mail away.
///
/// For as long as the reset can live (`reset_lifetime`) at most: time is cut into turns of that
/// length, and a repeat in the next turn opens another reset.
///
/// # Security
/// The reset's secrets are derived from it under the server's key. Draw it for one request, keep
/// it where the flow token will be kept, and never take it from a stranger. Redacted `Debug`.
#[derive(Clone)]
pub struct RequestKey(Zeroizing<[u8; 32]>);

/// Bytes that a host wants back with the sign-in, for instance where the person came from.
///
/// They rest in the record as they are: put no secret into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(Vec<u8>);

/// The context is too long.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("context: at most 512 bytes")]
#[non_exhaustive]
pub struct ContextError;

/// Where a call came from.
///
/// Everything is optional, and what is missing only costs precision: without a network address
/// there are no network counters.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Client {
    /// The peer's network address, from the connection or a trusted proxy.
    pub network: Option<NetworkAddress>,
    /// What the device was given at an earlier sign-in.
    pub device: Option<DeviceProof>,
    /// The host's word that this is a person.
    pub vouched: Option<Vouch>,
    /// What ties the call's events together.
    pub correlation: Option<CorrelationId>,
}

/// The host's word that a person, not a program, is asking: a solved captcha, a proof of work.
///
/// Its id names what was solved and may be used once; the host sees to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch(CorrelationId);

impl Request {
    /// A request of a user who has forgotten the password, without a language.
    #[must_use]
    pub fn new(application: &Application, address: EmailAddress) -> Self {
        Self {
            address,
            application: application.clone(),
            context: Context::default(),
            disclosure: None,
            key: None,
            locale: None,
            reason: ResetReason::Forgot,
        }
    }

    /// Says which language the person's pages have.
    #[must_use]
    pub fn with_locale(mut self, locale: LanguageTag) -> Self {
        self.locale = Some(locale);
        self
    }

    /// Says why the person needs a new password.
    #[must_use]
    pub const fn with_reason(mut self, reason: ResetReason) -> Self {
        self.reason = reason;
        self
    }

    /// Adds bytes that come back with the sign-in.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }
}

impl Request {
    /// Says nothing of any account, also where the tenant's policy would: for fronts that have no
    /// use for the answer.
    #[must_use]
    pub const fn with_strict_disclosure(mut self) -> Self {
        self.disclosure = Some(Disclosure::Strict);
        self
    }

    /// Makes repeats of this request open one reset.
    #[must_use]
    pub fn with_key(mut self, key: RequestKey) -> Self {
        self.key = Some(key);
        self
    }
}

impl RequestKey {
    /// Generates a key for one request.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes).map(|()| Self(bytes))
    }

    /// The key that these bytes spell, as read back from where the client's secrets are kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key's bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestKey(…)")
    }
}

impl Context {
    /// Most bytes.
    pub const MAX_BYTES: usize = 512;

    /// Takes the host's bytes.
    ///
    /// # Errors
    /// [`ContextError`] if there are more than 512.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ContextError> {
        let bytes = bytes.into();
        if bytes.len() > Self::MAX_BYTES { Err(ContextError) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a record holds; it was bounded when it was written.
    pub(super) const fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Client {
    /// A client of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// A client at a network address.
    #[must_use]
    pub fn at(network: impl Into<NetworkAddress>) -> Self {
        Self { network: Some(network.into()), ..Self::default() }
    }

    /// Adds what the device was given at an earlier sign-in.
    #[must_use]
    pub fn with_device(mut self, device: DeviceProof) -> Self {
        self.device = Some(device);
        self
    }

    /// Adds the host's word that this is a person.
    #[must_use]
    pub fn with_vouch(mut self, vouch: Vouch) -> Self {
        self.vouched = Some(vouch);
        self
    }

    /// Adds what ties the call's events together.
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }
}

impl Vouch {
    /// A vouch of that id, 1 to 128 bytes.
    ///
    /// # Errors
    /// [`IdError`] names the rule.
    pub fn new(id: &str) -> Result<Self, IdError> {
        CorrelationId::parse(id).map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}
