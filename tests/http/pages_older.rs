//! The pages of a process of an older release, which does not know codes by SMS, beside those of this
//! one: on the same stores, with the same keys.

use std::sync::Arc;

use sspr::{
    TenantPolicy,
    adapters::MemoryPolicies,
    http::{Pages, ReturnTo},
};

use super::signed_in::{CHOICE, Site, page};
use crate::{
    older_codec::OlderCodec,
    support::{PHONE, World, browser::Browser, front::Seen, phone},
};

/// A site of this release, and one of the older.
async fn both() -> (Site, Site) {
    let set = |pages: Pages| pages.with_home(ReturnTo::parse("/shop").unwrap());
    let world = World::memory().await.with_sms().await;
    let codes = Arc::new(OlderCodec(world.codes.clone()));
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let (users, keys, clock) = (world.users.clone(), world.keys.clone(), world.clock.clone());
    let older = World::assemble(users, codes, policies, keys, clock, None);
    (Site::over(world, set), Site::over(older, set))
}

fn says_try_again(seen: &Seen) {
    assert_eq!(seen.status, 503, "{}", seen.body);
    assert!(seen.body.contains("try again"), "{}", seen.body);
}

#[tokio::test]
async fn an_older_process_says_try_again_to_a_reset_by_sms_and_a_new_one_goes_on() {
    let (new, older) = both().await;
    let mut browser = new.browser();
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    browser.post("reset", &[]).await;
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "code");
    new.world.courier.drain(&new.world.inbox).await;
    let code = new.world.inbox.last_code_to(&phone(PHONE)).unwrap().expose();
    let elsewhere = |browser: &Browser| Browser { app: older.app.clone(), ..browser.clone() };

    says_try_again(&elsewhere(&browser).here().await);
    says_try_again(&elsewhere(&browser).post("code", &[("code", &code)]).await);
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
    says_try_again(&elsewhere(&browser).post("new-password", &CHOICE).await);
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    assert!(new.world.account("ada").await.unwrap().last_change.is_some());
}

#[tokio::test]
async fn a_reset_by_mail_goes_on_in_whichever_process() {
    let (new, older) = both().await;
    let mut browser = older.browser();
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    browser.post("reset", &[]).await;
    assert!(browser.at.starts_with("/account/code"), "no choice: {}", browser.at);
    let code = older.world.mailed_code().await.expose();
    let mut elsewhere = Browser { app: new.app.clone(), ..browser };
    assert_eq!(page(&elsewhere.post("code", &[("code", &code)]).await), "new-password");
    let mut back = Browser { app: older.app.clone(), ..elsewhere };
    assert_eq!(page(&back.post("new-password", &CHOICE).await), "done");
}
