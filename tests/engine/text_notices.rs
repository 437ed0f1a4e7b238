//! Notices of changed passwords by text: who gets one, what keeps one back, and what never does.

use sspr::{
    adapters::CaptureSender,
    domain::{ActorId, Frozen, Method},
    engine::{ChangeOutcome, Session, StartOutcome},
    mail::{MailPurpose, TextMessage},
    policy::{FreezeCodes, Limits, LimitsBuilder, TenantPolicy},
    ports::{Clock as _, EventKind, Limit, Outcome, SendError, SendErrorKind, SmsSender},
};

use crate::support::{
    NEW, OLD, PHONE, World, client, hours, on_every_store, password, phone, request, runtime,
    seconds, shop, sms_policy, tenant,
};

const SECOND: &str = "+12065550100";

async fn memory() -> World {
    World::memory().await.with_sms().await
}

impl World {
    fn bounded(&self, limits: LimitsBuilder) {
        self.policies.replace(sms_policy().with_limits(limits.build().unwrap()));
    }

    /// The texts that tell of a changed password.
    async fn told_by_text(&self) -> Vec<TextMessage> {
        self.courier.drain(&self.inbox).await;
        let mut all = self.inbox.texts();
        all.retain(|text| text.purpose == MailPurpose::PasswordChanged);
        all
    }

    /// Changes the password of Ada, who is signed in.
    async fn ada_changes(&self, old: &str, new: &str) {
        let signed_in = self.sign_in("ada@example.com", old).await.signed_in().unwrap();
        let session = Session::new(&shop(), signed_in.account, signed_in.stamp);
        let changed =
            self.sspr.change(&session, &password(old), &password(new), &client(1)).await.unwrap();
        assert!(matches!(changed, ChangeOutcome::Changed(_)), "{changed:?}");
    }

    fn last_notice(&self) -> (Outcome, Option<Limit>) {
        let events = self.events.all().into_iter();
        let last = events.rev().find(|it| it.kind == EventKind::Notify).unwrap();
        (last.outcome, last.limit)
    }
}

#[test]
fn each_verified_phone_is_told_of_a_changed_password_besides_the_mails() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        let numbers = [PHONE, SECOND, "+4915123456789", "+19002345678"];
        world.change_account("ada", |ada| ada.phones = numbers.map(phone).to_vec()).await;

        world.reset_by("ada@example.com", NEW).await;

        let mut told = world.told_by_text().await;
        told.sort_unstable_by_key(|text| text.to.as_str().to_owned());
        let to: Vec<_> = told.iter().map(|text| text.to.as_str()).collect();
        assert_eq!(to, [SECOND, PHONE], "no country and no number that the tenant does not serve");
        for text in &told {
            assert!(
                text.text.starts_with("Your contoso password was changed on "),
                "{}",
                *text.text
            );
            assert!(text.code.is_none() && text.application.is_none());
            assert_eq!(text.tenant, tenant());
        }
        let mut mails = world.inbox.messages();
        mails.retain(|mail| mail.purpose == MailPurpose::PasswordChanged);
        assert_eq!(mails.len(), 1, "the mails go on as before");
        assert_eq!(world.notices_due().await, 0, "what was delivered leaves the outbox");
    });
}

#[test]
fn every_way_to_set_a_new_password_tells_the_phones() {
    runtime().block_on(async {
        let world = memory().await;
        world.ada_changes(OLD, NEW).await;
        assert_eq!(world.told_by_text().await.len(), 1, "a change");

        let desk = world.sspr.help_desk(ActorId::parse("staff").unwrap());
        let ada = sspr::AccountId::parse("ada").unwrap();
        desk.set_temporary_password(&tenant(), &ada).await.unwrap().done().unwrap();
        assert_eq!(world.told_by_text().await.len(), 2, "a temporary password");

        // An action that changes no password is told by mail alone.
        desk.unlock(&tenant(), &ada).await.unwrap().done().unwrap();
        desk.require_change(&tenant(), &ada).await.unwrap().done().unwrap();
        assert_eq!(world.told_by_text().await.len(), 2);
        world.reset_by("ada@example.com", "yet other unrelated words").await;
        assert_eq!(world.told_by_text().await.len(), 3, "a reset");
    });
}

#[test]
fn no_phone_is_told_where_the_tenant_sends_no_texts_or_the_account_is_frozen() {
    runtime().block_on(async {
        let no_sms = || TenantPolicy::customers("contoso").unwrap();
        let no_country = || sms_policy().with_sms_countries(["DE"]).unwrap();
        for policy in [no_sms(), no_country()] {
            let world = memory().await;
            world.policies.replace(policy);
            world.reset_by("ada@example.com", NEW).await;
            assert!(world.told_by_text().await.is_empty());
            assert_eq!(world.notices_due().await, 0);
        }
        let world = memory().await;
        world
            .change_account("ada", |ada| {
                ada.frozen = Some(Frozen::new(world.clock.now(), ada.addresses.clone()));
            })
            .await;
        world.reset_by("ada@example.com", NEW).await;
        assert!(world.told_by_text().await.is_empty(), "a thief may have put the phone on file");
    });
}

#[test]
fn a_text_notice_carries_no_code_that_freezes_the_account() {
    runtime().block_on(async {
        let world = memory().await;
        world.policies.replace(sms_policy().with_freeze_codes(FreezeCodes::On));
        world.reset_by("ada@example.com", NEW).await;
        let told = world.told_by_text().await;
        assert_eq!(told.len(), 1);
        let mails = world.inbox.messages();
        let code = sspr::adapters::code_in(mails.last().unwrap()).expect("the mail has one");
        assert!(!told[0].text.contains(&*code.expose()));
        assert!(!told[0].text.contains("http"), "{}", *told[0].text);
    });
}

#[test]
fn i14_codes_that_are_used_up_silence_no_notice_and_notices_use_up_no_codes() {
    runtime().block_on(async {
        for limits in [
            Limits::builder().texts_per_number(1),
            Limits::builder().texts_per_block(1),
            Limits::builder().texts_per_tenant(1),
            Limits::builder().texts_per_number(100).text_watch_after(10).texts_per_block(100),
        ] {
            let world = memory().await;
            world.bounded(limits.texts_per_network(100).sends_per_address_and_network(100));
            // A thief asks for codes until none is sent any more.
            for _ in 0..12 {
                let asked = request("ada@example.com").by(Method::Sms);
                let _ = world.sspr.start(&asked, &client(9)).await.unwrap();
                world.courier.drain(&world.inbox).await;
            }
            let kept = world.events.all().into_iter().rfind(|it| it.kind == EventKind::Deliver);
            assert_eq!(kept.unwrap().outcome, Outcome::TryLater);

            world.reset_by("ada@example.com", NEW).await;

            assert_eq!(world.told_by_text().await.len(), 1, "{limits:?}");
        }
        let world = memory().await;
        world.bounded(Limits::builder().texts_per_number(2).texts_per_tenant(1));
        let mut old = OLD;
        for new in [NEW, OLD, NEW] {
            world.ada_changes(old, new).await;
            old = new;
        }
        assert_eq!(world.told_by_text().await.len(), 2, "the third one waits for the number");
        let asked = request("ada@example.com").by(Method::Sms);
        let started = world.sspr.start(&asked, &client(1)).await.unwrap();
        assert!(matches!(started, StartOutcome::Started(_)));
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.last_code_to(&phone(PHONE)).is_some(), "the code still goes out");
    });
}

#[test]
fn notices_past_their_own_limit_wait_and_are_sent_later() {
    for (limits, limit) in [
        (Limits::builder().texts_per_number(1), Limit::TextsPerNumber),
        (Limits::builder().notice_texts_per_tenant(1), Limit::NoticeTextsPerTenant),
    ] {
        on_every_store(|world| async move {
            let world = world.with_sms().await;
            world.bounded(limits);
            world.ada_changes(OLD, NEW).await;
            assert_eq!(world.told_by_text().await.len(), 1);
            world.ada_changes(NEW, OLD).await;

            assert_eq!(world.told_by_text().await.len(), 1, "the second one waits");
            assert_eq!(world.last_notice(), (Outcome::TryLater, Some(limit)));
            world.clock.advance(hours(24));
            assert_eq!(world.told_by_text().await.len(), 2);
            assert_eq!(world.last_notice(), (Outcome::Ok, None));
        });
    }
}

#[test]
fn a_text_notice_is_charged_once_however_often_it_is_tried() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        world.bounded(Limits::builder().texts_per_number(1));
        world.reset_by("ada@example.com", NEW).await;
        for kind in [SendErrorKind::Transient, SendErrorKind::Setup, SendErrorKind::Unknown] {
            // The mail and the text fail.
            world.inbox.fail_next(kind, 2);
            assert!(world.told_by_text().await.is_empty());
            world.inbox.heal();
            world.clock.advance(seconds(if kind == SendErrorKind::Unknown { 3600 } else { 600 }));
        }
        assert_eq!(world.told_by_text().await.len(), 1);
        assert_eq!(world.notices_due().await, 0);
    });
}

#[test]
fn i14_a_refusal_for_good_removes_a_text_notice_and_nothing_else_does() {
    runtime().block_on(async {
        let world = memory().await;
        world.reset_by("ada@example.com", NEW).await;
        // Without SMS for a while, or in a process that sends no texts, the notice stays.
        world.policies.replace(TenantPolicy::customers("contoso").unwrap());
        assert!(world.told_by_text().await.is_empty());
        assert_eq!(world.last_notice().0, Outcome::Unavailable);
        world.policies.replace(sms_policy());
        world.clock.advance(hours(1));
        let mute = world.another_process();
        mute.courier.drain(&mute.inbox).await;
        assert_eq!(mute.last_notice().0, Outcome::Unavailable);
        assert_eq!(world.notices_due().await, 1);

        world.clock.advance(hours(2));
        world.inbox.fail_next(SendErrorKind::Permanent, 1);
        assert!(world.told_by_text().await.is_empty());
        assert_eq!(world.last_notice().0, Outcome::FailedPermanently);
        assert_eq!(world.notices_due().await, 0);
    });
}

/// A provider that fills codes into texts of its own, and can send nothing else.
struct CodesOnly(CaptureSender);

#[async_trait::async_trait]
impl SmsSender for CodesOnly {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        self.0.send_text(message).await
    }

    fn sends_notices(&self) -> bool {
        false
    }
}

#[test]
fn a_sender_of_codes_alone_gets_no_notice_and_leaves_none_behind() {
    runtime().block_on(async {
        let world = memory().await;
        let texts = world.inbox.clone();
        let mut other = world.another(|builder| builder.with_sms(CodesOnly(texts.clone())));
        other.inbox = texts;
        other.reset_by("ada@example.com", NEW).await;
        assert!(other.told_by_text().await.is_empty());
        assert_eq!(other.notices_due().await, 0);
    });
}

#[test]
fn a_phone_of_a_thief_is_not_the_only_one_that_is_told() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        // The thief puts a phone on file, and resets the password with it.
        let thief = SECOND;
        world.change_account("ada", |ada| ada.phones = vec![phone(thief)]).await;
        let asked = request("ada@example.com").by(Method::Sms);
        let started = world.sspr.start(&asked, &client(9)).await.unwrap().started().unwrap();
        world.courier.drain(&world.inbox).await;
        let code = world.inbox.last_code_to(&phone(thief)).unwrap();
        let grant = world.granted(&started.token, &code).await;
        world.changed(&grant, NEW).await;

        assert_eq!(world.told_by_text().await.len(), 1);
        let told = world.inbox.messages();
        assert!(told.last().unwrap().text.contains("with a code sent to your phone"));
    });
}
