//! Tokens: a text has one value and a value one text, and one that nobody made opens nothing.
#![no_main]

use std::sync::LazyLock;

use fuzz::fuzz_text;
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{MemoryCodes, MemoryUsers, MemoryPolicies, SystemEntropy},
    domain::{Code, DeviceProof, FlowToken, Grant, Password, Ticket},
    engine::{
        Client, StatusOutcome, RedeemOutcome, Rejection, SendOutcome, SubmitOutcome, VerifyOutcome,
    },
};

static SERVICE: LazyLock<(tokio::runtime::Runtime, Sspr)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let (sspr, _) = Sspr::new(MemoryUsers::new(), MemoryCodes::new(), policies, keys);
    (runtime, sspr)
});

fuzz_text!(|text| {
    if let Ok(proof) = DeviceProof::parse(text) {
        assert_eq!(proof.expose(), text);
    }
    let Ok(token) = FlowToken::parse(text) else {
        assert!(Grant::parse(text).is_err() && Ticket::parse(text).is_err());
        return;
    };
    assert_eq!(token.expose(), text);
    assert_eq!(token.record().as_bytes().len(), 24);
    assert!(!format!("{token:?}").contains(text));
    let (grant, ticket) = (Grant::parse(text).unwrap(), Ticket::parse(text).unwrap());
    assert_eq!((grant.expose(), ticket.expose()), (text.to_owned(), text.to_owned()));

    let (runtime, sspr) = &*SERVICE;
    let client = Client::unknown();
    runtime.block_on(async {
        let code = Code::parse("00000000").unwrap();
        let password = Password::parse("four unrelated words will do").unwrap();
        assert!(matches!(sspr.status(&token).await, Ok(StatusOutcome::Gone)));
        assert!(matches!(sspr.send(&token, &client).await, Ok(SendOutcome::Gone)));
        assert!(matches!(
            sspr.verify(&token, &code, &client).await,
            Ok(VerifyOutcome::Rejected(Rejection::Gone))
        ));
        assert!(matches!(
            sspr.submit(&grant, &password, &client).await,
            Ok(SubmitOutcome::Rejected)
        ));
        assert!(matches!(sspr.redeem(&ticket).await, Ok(RedeemOutcome::Rejected)));
    });
});
