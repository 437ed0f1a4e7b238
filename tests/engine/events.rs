//! What events say: whose, of which reset, in which request, how it went.

use std::sync::Mutex;

use crate::support::*;
use async_trait::async_trait;
use sspr::{
    Sspr,
    adapters::{CaptureSender, MemoryEvents, MemoryPolicies, MemoryUsers},
    domain::{CorrelationId, Timestamp},
    engine::{Client, SignInOutcome, StartOutcome, SubmitOutcome, VerifyOutcome},
    policy::TenantPolicy,
    ports::{Clock, EventKind, Notice, NoticeId, Outbox, Outcome, SendErrorKind, StoreError},
};

fn correlated(network: u8) -> Client {
    client(network).with_correlation(CorrelationId::parse("c-1").unwrap())
}

#[test]
fn each_event_of_a_reset_names_tenant_reset_request_and_outcome() {
    on_every_store(|world| async move {
        let World { sspr, courier, events, inbox, clock, .. } = &world;
        let (ada, client) = (request("ada@example.com"), correlated(1));
        let started = sspr.start(&ada, &client).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        courier.drain(inbox).await;
        let code = inbox.last_code().unwrap();
        sspr.verify(&started.token, &other_than(&code), &client).await.unwrap();
        sspr.status(&started.token).await.unwrap();
        let granted = sspr.verify(&started.token, &code, &client).await.unwrap();
        let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
        sspr.submit(&granted.grant, &password("password"), &client).await.unwrap();
        let changed = sspr.submit(&granted.grant, &password(NEW), &client).await.unwrap();
        let SubmitOutcome::Changed(changed) = changed else { panic!("{changed:?}") };
        sspr.redeem(&changed.ticket).await.unwrap();

        let told: Vec<_> = events.all().into_iter().map(|it| (it.kind, it.outcome)).collect();
        assert_eq!(
            told,
            [
                (EventKind::Open, Outcome::Ok),
                (EventKind::Send, Outcome::Ok),
                (EventKind::Deliver, Outcome::Ok),
                (EventKind::Verify, Outcome::Rejected),
                (EventKind::Status, Outcome::Ok),
                (EventKind::Verify, Outcome::Ok),
                (EventKind::Submit, Outcome::Weak),
                (EventKind::Submit, Outcome::Ok),
                (EventKind::Redeem, Outcome::Ok),
            ]
        );
        for event in events.all() {
            assert_eq!((event.reset, event.at), (Some(started.token.record()), clock.now()));
            assert_eq!(event.tenant, Some(tenant()), "{event:?}");
            // What a token alone asks for knows no client.
            let (look, redeem) = (event.kind == EventKind::Status, event.kind == EventKind::Redeem);
            let request = event.correlation.as_ref().map(CorrelationId::as_str);
            assert_eq!(request, (!look && !redeem).then_some("c-1"), "{event:?}");
        }
    });
}

#[test]
fn a_sign_in_and_what_is_refused_name_tenant_and_request() {
    on_every_store(|world| async move {
        let World { sspr, events, .. } = &world;
        let signed_in =
            sspr.sign_in(&request("ada@example.com"), &password(OLD), &correlated(1)).await;
        assert!(matches!(signed_in.unwrap(), SignInOutcome::SignedIn(_)));
        for network in 0..6 {
            let opened = sspr.open(&request("ada@example.com"), &correlated(2)).await.unwrap();
            let sspr::engine::OpenOutcome::Opened(opened) = opened else { panic!("{network}") };
            sspr.send(&opened.token, &correlated(2)).await.unwrap();
        }
        let last = events.all().pop().unwrap();
        assert_eq!((last.kind, last.outcome), (EventKind::Send, Outcome::TryLater));
        for event in events.all() {
            assert_eq!(event.tenant, Some(tenant()), "{event:?}");
            assert_eq!(event.correlation.unwrap().as_str(), "c-1");
        }
        assert_eq!(events.all()[0].reset, None, "a sign-in is of no reset");
    });
}

/// An outbox with one notice, of a request of its own.
struct One(Mutex<Option<Notice>>);

#[async_trait]
impl Outbox for One {
    async fn due(&self, _: Timestamp, _: usize) -> Result<Vec<Notice>, StoreError> {
        Ok(self.0.lock().unwrap().iter().cloned().collect())
    }

    async fn postpone(
        &self,
        _: &NoticeId,
        _: u32,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn done(&self, _: &NoticeId) -> Result<(), StoreError> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }
}

#[test]
fn a_notice_of_an_outbox_names_the_request_that_it_was_queued_for_and_is_done_when_refused() {
    runtime().block_on(async {
        let world = World::memory().await;
        let to = address("ada@example.com");
        let mut notice = Notice::new(NoticeId("1".to_owned()), tenant(), to, world.clock.now());
        notice.correlation = CorrelationId::parse("c-2").ok();
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let (events, inbox) = (MemoryEvents::new(), CaptureSender::new());
        let (_sspr, courier) = Sspr::builder(MemoryUsers::new(), world.codes, policies, world.keys)
            .with_outbox(One(Mutex::new(Some(notice))))
            .with_events(events.clone())
            .build();

        inbox.fail_next(SendErrorKind::Transient, 1);
        assert_eq!(courier.drain(&inbox).await.postponed, 1);
        inbox.fail_next(SendErrorKind::Permanent, 1);
        assert_eq!(courier.drain(&inbox).await.failed, 1);
        assert_eq!(courier.drain(&inbox).await, sspr::engine::Drained::default(), "done");

        let told = [Outcome::FailedForNow, Outcome::FailedPermanently];
        assert_eq!(events.all().iter().map(|it| it.outcome).collect::<Vec<_>>(), told);
        for event in events.all() {
            assert_eq!((event.kind, event.tenant), (EventKind::Notify, Some(tenant())));
            assert_eq!(event.correlation.unwrap().as_str(), "c-2");
        }
    });
}
