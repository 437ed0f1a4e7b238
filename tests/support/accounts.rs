//! What the reference user stores do besides their ports: sessions, and every field of an account.

use sspr::{
    adapters::{SessionToken, SystemEntropy},
    domain::{
        Account, AccountId, EmailAddress, GroupId, IdentityProvider, LanguageTag, PasswordHash,
        RecordId, SecondFactor, Stamp, TenantId, Timestamp,
    },
};

pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub fn hash(number: u8) -> PasswordHash {
    let text = format!("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA${number:043}");
    PasswordHash::parse(&text).unwrap()
}

pub fn ada() -> Account {
    let address = EmailAddress::parse("ada@example.com").unwrap();
    let stamp = Stamp::from_bytes([1; 16]);
    Account::new(AccountId::parse("ada").unwrap(), address, stamp).with_password(hash(1))
}

/// Every field set to something that is not its default.
pub fn full() -> Account {
    let mut account = ada();
    account.addresses.insert(0, EmailAddress::parse("zoe@example.com").unwrap());
    account.disabled = true;
    account.groups = ["b", "a"].map(|group| GroupId::parse(group).unwrap()).into();
    account.identity_providers = vec![
        IdentityProvider::Other,
        IdentityProvider::Google,
        IdentityProvider::Facebook,
        IdentityProvider::EmailPassword,
        IdentityProvider::EmailOtp,
    ];
    account.language = Some(LanguageTag::parse("pt-BR").unwrap());
    account.last_change = Some(RecordId::from_parts(tenant("contoso").tag(), [7; 16]));
    account.locked = true;
    account.names = vec!["Löwe, \"Ada\"".to_owned(), String::new(), "{}\\".to_owned()];
    account.phones = ["+4915123456789", "+14255550123"]
        .map(|number| sspr::domain::PhoneNumber::parse(number).unwrap())
        .to_vec();
    account.second_factor = SecondFactor::SameMailbox;
    account
}

/// Nothing that an account can be without.
pub fn bare() -> Account {
    let mut account = ada();
    account.addresses.clear();
    account.identity_providers.clear();
    account.password = None;
    account
}

pub fn same(found: &Account, put: &Account) {
    assert_eq!(format!("{found:?}"), format!("{put:?}"));
    assert!(found.password == put.password, "hash");
    assert!(found.stamp == put.stamp, "stamp");
}

pub fn entropy() -> SystemEntropy {
    SystemEntropy::new()
}

pub fn token(text: &str) -> SessionToken {
    SessionToken::parse(text).unwrap()
}

pub const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// Each field of an account is kept, whatever it holds.
#[macro_export]
macro_rules! check_accounts {
    ($users:expr) => {{
        use sspr::ports::UserStore as _;
        use $crate::accounts::{AT, ada, bare, full, hash, same, tenant};

        let (users, contoso) = ($users, tenant("contoso"));
        let found = || async { users.find(&contoso, &ada().id).await.unwrap().unwrap() };
        for account in [full(), bare(), full(), ada()] {
            users.insert(&contoso, &account).await.unwrap();
            same(&found().await, &account);
            for address in &account.addresses {
                let by_address = users.find_by_address(&contoso, address).await.unwrap();
                assert_eq!(by_address.len(), 1);
                same(&by_address[0], &account);
            }
        }
        // An address that was taken off finds nobody.
        let gone = &full().addresses[0];
        assert!(users.find_by_address(&contoso, gone).await.unwrap().is_empty());
        // The optional methods do what they are there for, and in their own tenant.
        let fabrikam = tenant("fabrikam");
        users.insert(&fabrikam, &ada()).await.unwrap();
        assert!(users.rehash(&contoso, &ada().id, &hash(1), &hash(2)).await.unwrap());
        assert!(!users.rehash(&contoso, &ada().id, &hash(1), &hash(3)).await.unwrap());
        let other = users.find(&fabrikam, &ada().id).await.unwrap().unwrap();
        assert!(found().await.password == Some(hash(2)) && other.password == Some(hash(1)));
        users.signed_in(&contoso, &ada().id, AT).await.unwrap();
    }};
}

/// A session is valid for the account that signed in, and only as it was then.
#[macro_export]
macro_rules! check_sessions {
    ($users:expr) => {{
        use sspr::domain::{Account, Stamp};
        use $crate::accounts::{ada, entropy, tenant, token};

        let (users, contoso) = ($users, tenant("contoso"));
        let put = |account: Account| {
            let (users, contoso) = (users.clone(), contoso.clone());
            async move { users.insert(&contoso, &account).await.unwrap() }
        };
        put(ada()).await;
        let open = || async {
            let stamp = ada().stamp;
            users.open_session(&contoso, &ada().id, stamp, &entropy()).await.unwrap()
        };
        let (first, second) = (open().await, open().await);
        let valid = |text: String| {
            let (users, contoso) = (users.clone(), contoso.clone());
            async move { users.session(&contoso, &token(&text)).await.unwrap().is_some() }
        };
        assert!(valid(first.expose()).await && valid(second.expose()).await);
        let found = users.session(&contoso, &first).await.unwrap();
        assert_eq!(found, Some(ada().id));
        // A namesake in another tenant is another person, whose cookie another token opens.
        let fabrikam = tenant("fabrikam");
        users.insert(&fabrikam, &ada()).await.unwrap();
        assert_eq!(users.session(&fabrikam, &first).await.unwrap(), None, "of another tenant");
        users.close_session(&fabrikam, &first).await.unwrap();
        assert!(valid(first.expose()).await, "and nobody there ends it");
        let stranger = sspr::adapters::SessionToken::generate(&entropy()).unwrap();
        assert!(!valid(stranger.expose()).await);

        // Disabled, locked, and as it was.
        let mut disabled = ada();
        disabled.disabled = true;
        put(disabled).await;
        assert!(!valid(first.expose()).await, "of a disabled account");
        let mut locked = ada();
        locked.locked = true;
        put(locked).await;
        assert!(valid(first.expose()).await, "a lock ends no session");
        // Another stamp; and the same id and stamp in another tenant.
        let mut changed = ada();
        changed.stamp = Stamp::from_bytes([9; 16]);
        put(changed).await;
        users.insert(&tenant("fabrikam"), &ada()).await.unwrap();
        assert!(!valid(first.expose()).await, "of another stamp");
        put(ada()).await;
        assert!(valid(first.expose()).await);
        // Who signs out ends that session, and no other.
        for _ in 0..2 {
            users.close_session(&contoso, &first).await.unwrap();
            assert!(!valid(first.expose()).await && valid(second.expose()).await);
        }
    }};
}
