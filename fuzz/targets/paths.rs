//! What hosts and their settings hand over: paths to return to, networks, origins, ids, the URL of a
//! mail server. What is read stays on this origin, in one line, and within its length.
#![no_main]

use fuzz::fuzz_text;
use sspr::{
    Application,
    adapters::SmtpSender,
    domain::{CorrelationId, GroupId, TenantId},
    http::{NativeApplication, ReturnTo, TrustedProxies},
    policy::Brand,
};

fuzz_text!(|text| {
    if let Ok(path) = ReturnTo::parse(text) {
        assert_eq!(path.as_str(), text);
        assert!(text.starts_with('/') && !text.starts_with("//") && text.len() <= 256);
        assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'));
        // As a browser reads it (WHATWG URL): dot segments, also encoded, are gone before that.
        let before = text.split(['?', '#']).next().unwrap().to_ascii_lowercase();
        for segment in before.split('/') {
            let plain = segment.replace("%2e", ".");
            assert!(plain != "." && plain != "..", "{text}");
        }
    }
    if let Ok(tenant) = TenantId::parse(text) {
        assert_eq!(tenant.as_str(), text);
        assert_eq!(tenant.tag(), TenantId::parse(text).unwrap().tag());
        assert!(GroupId::parse(text).is_ok() && CorrelationId::parse(text).is_ok());
        assert!(!text.contains(char::is_control) && (1..=128).contains(&text.len()));
    }
    let _ = TrustedProxies::parse(text.split(','));
    let shop = NativeApplication::new(Application::new("contoso", "sign-in", "shop").unwrap());
    if shop.with_origin(text).is_ok() {
        assert!(!text.starts_with("javascript:") && !text.starts_with("data:"));
        assert!(text.matches('/').count() == 2 && text.is_ascii());
        assert!(!text.contains(['*', '?', '#', '@', ' ']) && !text.contains(char::is_control));
    }
    if let Ok(brand) = Brand::new(text) {
        assert!(!brand.name().contains(char::is_control));
    }
    // `ca=` names a file to be read: nobody's fuzzer should choose one.
    if text.contains("ca=") {
        return;
    }
    if let Err(error) = SmtpSender::from_url(text) {
        let secret = text.split_once("://").and_then(|(_, rest)| rest.split_once(':'));
        let secret = secret.and_then(|(_, rest)| rest.split_once('@')).map(|(secret, _)| secret);
        let shown = error.to_string();
        assert!(secret.is_none_or(|secret| secret.len() < 24 || !shown.contains(secret)));
    }
});
