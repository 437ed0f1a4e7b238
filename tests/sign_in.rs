//! Signing in with a password: where it is offered, and what a failure costs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

use sspr::{
    domain::ApplicationId,
    engine::SignInOutcome,
    policy::{TenantPolicy, UserFlow},
};
use support::*;

/// A policy whose one user flow is for the application `shop`, with that identity provider.
fn only_shop(provider: &str) -> TenantPolicy {
    let json = format!(
        r##"{{"@odata.type":"#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
        "id":"sign-in","displayName":"Sign in",
        "conditions":{{"applications":{{"includeAllApplications":false,
            "includeApplications":[{{"appId":"shop"}}]}}}},
        "onAuthenticationMethodLoadStart":{{
            "@odata.type":
                "#microsoft.graph.onAuthenticationMethodLoadStartExternalUsersSelfServiceSignUp",
            "identityProviders":[{{"id":"{provider}"}}]}}}}"##
    );
    let flow = UserFlow::from_json(&json).unwrap();
    TenantPolicy::customers("contoso").unwrap().with_user_flows(vec![flow]).unwrap()
}

#[test]
fn a_password_signs_in_where_the_flow_has_passwords_and_covers_the_application() {
    on_every_store(|world| async move {
        let signs_in = async |application: &str| {
            let mut ask = request("ada@example.com");
            ask.application = ApplicationId::parse(application).unwrap();
            let answer = world.sspr.sign_in(&ask, &password(OLD), &client(1)).await.unwrap();
            matches!(answer, SignInOutcome::SignedIn(_))
        };
        world.policies.replace(only_shop("EmailPassword-OAUTH"));
        assert!(signs_in("shop").await);
        assert!(!signs_in("payroll").await, "another application");
        world.policies.replace(only_shop("EmailOtpSignup-OAUTH"));
        assert!(!signs_in("shop").await, "a flow without passwords");
    });
}

#[test]
fn a_success_forgets_the_failures_before_it() {
    on_every_store(|world| async move {
        for _ in 0..3 {
            for _ in 0..9 {
                let wrong = world.sign_in("ada@example.com", "not the password").await;
                assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
            }
            let right = world.sign_in("ada@example.com", OLD).await;
            assert!(matches!(right, SignInOutcome::SignedIn(_)), "{right:?}");
        }
    });
}
