//! The request, and the client that makes it.

use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    domain::{
        Application, CorrelationId, DeviceProof, EmailAddress, Entropy, EntropyUnavailable,
        IdError, LanguageTag, Method, NetworkAddress, UserAgent,
    },
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
    /// The language of the user's pages.
    pub locale: Option<LanguageTag>,
    /// Bytes of the host that come back with the sign-in.
    pub context: Context,
    /// The key that makes repeats of this request open the same reset.
    pub key: Option<RequestKey>,
    /// The way in which [`Sspr::start`](super::Sspr::start) sends the first code.
    pub method: Method,
    /// How much the answer may tell of an account. If `None`, the policy of the tenant decides.
    pub disclosure: Option<Disclosure>,
}

/// A key that names one request, so that a repeated request opens the same reset.
///
/// A request is repeated after a double click or a lost answer, perhaps in another process. The
/// cooldown of the reset then prevents a second mail. Time is divided into periods as long as
/// `reset_lifetime`, and a repeat in the next period opens another reset.
///
/// # Security
/// The secrets of the reset are derived from the key, under the key of the server. Generate the key
/// for one request, keep it where you keep the flow token, and never accept one from a client.
/// `Debug` does not show it.
#[derive(Clone)]
pub struct RequestKey(Zeroizing<[u8; 32]>);

/// Bytes of the host that come back with the sign-in, for example the page that the user came from.
///
/// # Security
/// The store keeps them unencrypted. Do not put a secret into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(Vec<u8>);

/// The error of a context that is too long.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("context: at most 512 bytes")]
#[non_exhaustive]
pub struct ContextError;

debug_is_text!(ContextError);

/// The client that makes a call.
///
/// Everything is optional. Without a network address there are no limits by network.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Client {
    /// The network address of the client, from the connection or from a trusted proxy.
    pub network: Option<NetworkAddress>,
    /// The proof that the device got at an earlier sign-in. It opens the trusted lane.
    pub device: Option<DeviceProof>,
    /// The statement of the host that a person makes the request. It opens the vouched lane.
    pub vouched: Option<Vouch>,
    /// The correlation id for the events of the call.
    pub correlation: Option<CorrelationId>,
    /// The `User-Agent` of the client, for the audit log.
    pub user_agent: Option<UserAgent>,
}

/// A statement of the host that a person makes the request, for example after a solved captcha.
///
/// Its id names the captcha or proof of work. The host must make sure that each id is used once.
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
            method: Method::Email,
        }
    }

    /// Sets the way in which [`Sspr::start`](super::Sspr::start) sends the first code.
    #[must_use]
    pub const fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets the language of the user's pages.
    #[must_use]
    pub fn with_locale(mut self, locale: LanguageTag) -> Self {
        self.locale = Some(locale);
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
    /// Forces [`Disclosure::Strict`] for this request, whatever the policy of the tenant says.
    #[must_use]
    pub const fn with_strict_disclosure(mut self) -> Self {
        self.disclosure = Some(Disclosure::Strict);
        self
    }

    /// Makes repeats of this request open the same reset.
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
    ///
    /// # Examples
    /// ```
    /// use sspr::{adapters::SystemEntropy, engine::RequestKey};
    ///
    /// // One key for each form that is shown: a repeated POST opens the same reset.
    /// let key = RequestKey::generate(&SystemEntropy::new())?;
    /// # Ok::<(), sspr::ports::EntropyUnavailable>(())
    /// ```
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes).map(|()| Self(bytes))
    }

    /// Makes a key from bytes that were kept for the client.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes of the key.
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
    /// The largest number of bytes.
    pub const MAX_BYTES: usize = 512;

    /// Makes a context from bytes of the host.
    ///
    /// # Errors
    /// [`ContextError`] if there are more than 512 bytes.
    ///
    /// # Examples
    /// ```
    /// use sspr::engine::Context;
    ///
    /// let context = Context::new("cart=17")?;
    /// assert!(Context::new(vec![0; 100_000]).is_err());
    /// # Ok::<(), sspr::engine::ContextError>(())
    /// ```
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ContextError> {
        let bytes = bytes.into();
        if bytes.len() > Self::MAX_BYTES { Err(ContextError) } else { Ok(Self(bytes)) }
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Wraps the bytes of a record, whose length was checked when they were written.
    pub(super) const fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Client {
    /// A client about which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// A client at a network address.
    #[must_use]
    pub fn at(network: impl Into<NetworkAddress>) -> Self {
        Self { network: Some(network.into()), ..Self::default() }
    }

    /// Adds the proof that the device got at an earlier sign-in.
    #[must_use]
    pub fn with_device(mut self, device: DeviceProof) -> Self {
        self.device = Some(device);
        self
    }

    /// Adds the statement of the host that a person makes the request.
    #[must_use]
    pub fn with_vouch(mut self, vouch: Vouch) -> Self {
        self.vouched = Some(vouch);
        self
    }

    /// Adds the `User-Agent` of the client, for the audit log.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: UserAgent) -> Self {
        self.user_agent = Some(user_agent);
        self
    }

    /// Adds the correlation id for the events of the call.
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }
}

impl Vouch {
    /// Makes a vouch with an id of 1 to 128 bytes.
    ///
    /// # Errors
    /// [`IdError`] names the rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::engine::Vouch;
    ///
    /// // The id of a solved captcha, as its service told it to your server.
    /// let vouch = Vouch::new("captcha-3f9a")?;
    /// # Ok::<(), sspr::domain::IdError>(())
    /// ```
    pub fn new(id: &str) -> Result<Self, IdError> {
        CorrelationId::parse(id).map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}
