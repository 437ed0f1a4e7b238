//! Tokens for the native API: Ed25519 (RFC 8037), with keys and discovery published.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Json, Router, routing::get};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use rustls::{
    SignatureScheme, crypto::aws_lc_rs::sign::any_eddsa_type, pki_types::PrivatePkcs8KeyDer,
    sign::Signer,
};
use serde_json::{Value, json};
use sspr::{
    adapters::SqliteUsers,
    domain::{Account, AccountId, ApplicationId, Stamp, TenantId},
    http::{IssueError, Issued, TokenIssuer, TokenRequest, Tokens},
    ports::{Clock as _, UserStore as _},
};

use crate::{Outcome, clock::ShiftedClock, keys};

const LIFETIME: Duration = Duration::from_secs(3600);
/// How an Ed25519 key begins in PKCS #8 (RFC 8410, section 7). Its 32 random bytes follow.
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// Issues tokens of one tenant. Keys and refresh tokens are kept in memory only.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    base: String,
    clock: ShiftedClock,
    public_key: String,
    signer: Box<dyn Signer>,
    /// Each is good for one refresh.
    refresh: Mutex<HashMap<String, Kept>>,
    users: SqliteUsers,
}

#[derive(Clone)]
struct Kept {
    tenant: TenantId,
    application: ApplicationId,
    account: AccountId,
    stamp: Stamp,
    scope: String,
}

impl Issuer {
    pub fn new(
        tenant: &str,
        at: SocketAddr,
        users: SqliteUsers,
        clock: ShiftedClock,
    ) -> Outcome<Self> {
        let key = [PKCS8, &keys::random()?].concat();
        let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(key))?;
        let signer = key.choose_scheme(&[SignatureScheme::ED25519]).ok_or("not an Ed25519 key")?;
        // The last 32 bytes of the key's description are the key.
        let described = key.public_key().ok_or("no public key")?;
        let public_key = described.last_chunk::<32>().ok_or("no public key")?;
        let public_key = Base64UrlUnpadded::encode_string(public_key);
        let base = format!("http://{at}/{tenant}.onmicrosoft.com");
        let refresh = Mutex::default();
        Ok(Self(Arc::new(Inner { base, clock, public_key, signer, refresh, users })))
    }

    /// JWKS and discovery.
    pub fn router(&self) -> Router {
        let base = &self.0.base;
        let keys = json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "1",
            "x": self.0.public_key,
        }]});
        let discovery = json!({
            "issuer": format!("{base}/v2.0"),
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "subject_types_supported": ["pairwise"],
            "response_types_supported": ["code"],
        });
        Router::new()
            .route("/discovery/v2.0/keys", get(|| async move { Json(keys) }))
            .route("/v2.0/.well-known/openid-configuration", get(|| async move { Json(discovery) }))
    }

    fn sign(&self, claims: &Value) -> Result<String, IssueError> {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "1" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.0.signer.sign(signed.as_bytes()).map_err(IssueError::new)?;
        Ok(format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature)))
    }

    async fn tokens(&self, kept: Kept) -> Result<Issued, IssueError> {
        let found =
            self.0.users.find(&kept.tenant, &kept.account).await.map_err(IssueError::new)?;
        let current = |account: &Account| account.stamp == kept.stamp && !account.disabled;
        let Some(account) = found.filter(current) else { return Ok(Issued::Refused) };
        let address = account.addresses.first().map_or("", |address| address.as_str());
        let now = self.0.clock.now().as_micros() / 1_000_000;
        let claims = json!({
            "ver": "2.0", "iss": format!("{}/v2.0", self.0.base), "aud": kept.application.as_str(),
            "tid": kept.tenant.as_str(), "sub": kept.account.as_str(), "oid": kept.account.as_str(),
            "preferred_username": address, "name": kept.account.as_str(),
            "iat": now, "nbf": now, "exp": now + 3600, "scp": kept.scope,
        });
        let refresh = keys::secret().map_err(IssueError::new)?;
        let texts = [self.sign(&claims)?, self.sign(&claims)?, refresh.clone()];
        let tokens = Tokens::new(kept.account.clone(), texts, LIFETIME, kept.scope.clone());
        // The API hands the refresh token out to nobody else.
        if kept.scope.split_ascii_whitespace().any(|asked| asked == "offline_access") {
            self.kept().insert(refresh, kept);
        }
        Ok(Issued::Tokens(tokens))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl TokenIssuer for Issuer {
    async fn issue(&self, request: TokenRequest<'_>) -> Result<Issued, IssueError> {
        self.tokens(Kept {
            account: request.account.clone(),
            application: request.application.clone(),
            scope: request.scope.to_owned(),
            stamp: request.stamp,
            tenant: request.tenant.clone(),
        })
        .await
    }

    async fn refresh(
        &self,
        tenant: &TenantId,
        application: &ApplicationId,
        refresh_token: &str,
    ) -> Result<Issued, IssueError> {
        let own = |kept: &Kept| kept.tenant == *tenant && kept.application == *application;
        let taken = {
            let mut all = self.kept();
            // Another application's attempt must not use it up.
            if all.get(refresh_token).is_some_and(own) { all.remove(refresh_token) } else { None }
        };
        let Some(kept) = taken else { return Ok(Issued::Refused) };
        let answer = self.tokens(kept.clone()).await;
        if answer.is_err() {
            self.kept().insert(refresh_token.to_owned(), kept);
        }
        answer
    }
}
