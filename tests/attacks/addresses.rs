//! Attacks by way of the address that is typed.

use async_trait::async_trait;
use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, FolderSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers,
        SystemEntropy, code_in,
    },
    domain::{
        Account, AccountId, AddressError, DotRules, EmailAddress, LanguageTag, TenantId, Timestamp,
    },
    engine::{SignInOutcome, StartOutcome, SubmitOutcome},
    policy::Brand,
    ports::{Applied, PasswordChange, StoreError, UserStore},
};

use crate::support::*;

/// A host that finds accounts by look-alikes, which the port's contract forbids.
struct Careless(MemoryUsers);

#[async_trait]
impl UserStore for Careless {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        _: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.0.find_by_address(tenant, &address("mike@example.com")).await
    }

    async fn find(&self, tenant: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.0.find(tenant, id).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.0.apply_change(change).await
    }
}

fn careless() -> (Sspr, Courier) {
    let users = MemoryUsers::new();
    let hash = sspr::domain::PasswordHash::parse("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    users.insert(&tenant(), account("mike@example.com", "mike").with_password(hash.unwrap()));
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    Sspr::builder(Careless(users), MemoryCodes::new(), policies, keys)
        .with_clock(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
        .with_hasher(cheap_hasher())
        .build()
}

const LOOK_ALIKES: [&str; 5] = [
    "m\u{131}ke@example.com",
    "M\u{130}KE@example.com",
    "mi\u{212a}e@example.com",
    "m\u{456}ke@example.com",
    "MIKE@example.com",
];

/// Django CVE-2019-19844: `mıke@` found `mike@`, and the mail went to `mıke@`. Mail goes to the
/// address on file, even if the host's own look-up is that careless.
#[test]
fn attack_01_a_dotless_i_never_brings_a_mail_to_the_typed_address() {
    runtime().block_on(async {
        for (network, typed) in (1..).zip(LOOK_ALIKES) {
            let ((sspr, courier), inbox) = (careless(), CaptureSender::new());
            let started = sspr.start(&request(typed), &client(network)).await.unwrap();
            assert!(matches!(started, StartOutcome::Started(_)), "{typed}");
            courier.drain(&inbox).await;
            let to: Vec<_> = inbox.messages().iter().map(|it| it.to.as_str().to_owned()).collect();
            assert_eq!(to, ["mike@example.com"], "{typed}");
        }
    });
    on_every_store(|world| async move {
        world.add("mike@example.com", "mike").await;
        for (network, typed) in (1..).zip(LOOK_ALIKES) {
            world.started(typed, &client(network)).await;
        }
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty(), "the stores compare exactly");
    });
}

/// GitHub 2016: the same in both directions, where the look-alike is registered too. Each account
/// gets its own code, and only its own password changes.
#[test]
fn attack_02_a_registered_look_alike_resets_itself_only() {
    on_every_store(|world| async move {
        world.add("mike@example.com", "victim").await;
        for (number, typed) in LOOK_ALIKES.into_iter().enumerate() {
            world.clock.advance(hours(25));
            let id = format!("mallory{number}");
            world.add(typed, &id).await;
            let before = world.account("victim").await.unwrap();
            let token = world.started(typed, &client(1)).await;
            let code = world.mailed_code().await;
            let mails = world.inbox.messages();
            let with_code = mails.iter().rev().find(|mail| code_in(mail).is_some());
            assert_eq!(with_code.unwrap().to, address(typed));
            let grant = world.granted(&token, &code).await;
            assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Changed(_)));
            let after = world.account("victim").await.unwrap();
            assert_eq!((after.stamp, after.password), (before.stamp, before.password));
            assert!(world.account(&id).await.unwrap().last_change.is_some());
        }
        let old = world.sign_in("mike@example.com", OLD).await;
        assert!(matches!(old, SignInOutcome::SignedIn(_)));
    });
}

/// lettre RUSTSEC-2020-0069 and its like: a line break in an address or a name became a header. No
/// text with one is an address, a name or a language, and what is a name cannot end a header.
#[test]
fn attack_56_a_line_break_makes_no_header() {
    for text in [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada\r\nBcc:eve@example.com",
        "ada@example.com\0",
        "ada@example.com>,<eve@example.com",
        "-oProxy=x ada@example.com",
        "ada@example.com,eve@example.com",
        "ada@example.com\u{85}Bcc",
        "ada@example.com\u{2028}Bcc",
    ] {
        assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        assert!(LanguageTag::parse(text).is_err(), "{text:?}");
    }
    for name in ["Shop\r\nBcc: eve@example.com", "Shop\n.\r\n", "Shop\0", "Shop\u{85}"] {
        assert!(Brand::new(name).is_err(), "{name:?}");
    }
    runtime().block_on(async {
        let world = World::memory().await;
        let name = "Shop\" <eve@example.com>, Bcc: =?utf-8?q?x?=";
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_brand(Brand::new(name).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let sender =
            FolderSender::open(folder.path(), address("noreply@shop.example"), world.clock.clone())
                .unwrap();
        world.started("ada@example.com", &client(1)).await;
        assert_eq!(world.courier.drain(&sender).await.sent, 1);
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(file).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let named = |name: &str| head.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!((named("From: "), named("To: "), named("Bcc")), (1, 1, 0), "{head}");
        assert!(head.contains("To: ada@example.com"), "{head}");
        assert!(!head.contains("eve@example.com"), "{head}");
    });
}

/// WordPress CVE-2008-4106: blanks and cut-off made two names one account. Blanks around an
/// address are taken off once, nothing inside is, and nothing is ever cut.
#[test]
fn attack_60_no_blank_and_no_cut_makes_two_addresses_one() {
    let long = format!("{}@example.com", "a".repeat(64));
    let padded = format!("ada@example.com{}x", " ".repeat(250));
    for text in [
        &format!("a{long}"),
        &padded,
        &format!("ada@{}example.com", "a.".repeat(121)),
        "ada @example.com",
        "ada@ example.com",
        "ada\t@example.com",
        "ada@example.com\u{a0}",
        "ada@example.com.",
        "ada@example.com x",
    ] {
        assert!(EmailAddress::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(address(" ada@example.com\t "), address("ada@example.com"));
    assert_eq!(address(&long).as_str().len(), long.len());
    on_every_store(|world| async move {
        let token = world.started("  ada@example.com  ", &client(1)).await;
        let code = world.mailed_code().await;
        assert_eq!(world.inbox.messages()[0].to.as_str(), "ada@example.com");
        world.granted(&token, &code).await;
    });
}

/// Aliases were used to dodge caps on mails. They share one budget, and are nobody's account: only
/// limits fold them.
#[test]
fn attack_61_aliases_share_one_budget_and_are_nobodys_account() {
    let dots = DotRules::default();
    let form = |text: &str| address(text).limiter_form(&dots);
    assert!(form("a.d.a+x@gmail.com") == form("ADA@gmail.com"));
    on_every_store(|world| async move {
        let mut started = 0;
        for number in 0..60_u8 {
            let typed = format!("ada+{number}@example.com");
            let outcome = world.sspr.start(&request(&typed), &client(number)).await.unwrap();
            started += u8::from(matches!(outcome, StartOutcome::Started(_)));
        }
        assert_eq!(started, 20, "as many as under one spelling");
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty(), "no alias is Ada");
    });
}

/// A look-alike from another script, in the name or in the domain, is another address: no mail,
/// no sign-in, and no share of the account's password.
#[test]
fn attack_own_01_a_homograph_is_nobodys_address() {
    on_every_store(|world| async move {
        for typed in [
            "\u{430}da@example.com",
            "ad\u{251}@example.com",
            "ada@ex\u{430}mple.com",
            "ada@xn--exmple-4nf.com",
            "ada@example\u{3002}com",
            "\u{ff41}da@example.com",
        ] {
            let other = match EmailAddress::parse(typed) {
                Ok(other) => other,
                // Domains of other scripts are read with the feature `idn` only.
                Err(error) => {
                    assert_eq!(error, AddressError::Internationalised, "{typed}");
                    continue;
                }
            };
            // UTS #46 reads an ideographic full stop as a dot: that is the same domain.
            if typed.contains('\u{3002}') {
                assert_eq!(other, address("ada@example.com"));
                continue;
            }
            assert_ne!(other, address("ada@example.com"), "{typed}");
            world.started(typed, &client(1)).await;
            let signed = world.sign_in(typed, OLD).await;
            assert!(matches!(signed, SignInOutcome::Rejected), "{typed}");
        }
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty());
    });
}
