//! The code in the notice of a changed password: it freezes the account, and its owner gets it back.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use sspr::{
    AccountId, ChangeOutcome, Code, Keyring, RedeemOutcome, Session, SignInOutcome, SubmitOutcome,
    adapters::code_in,
    domain::{ActorId, Frozen, RecordId, Timestamp},
    engine::{AssistanceOutcome, Assisted, FreezeOutcome, HelpDesk},
    mail::{EmailMessage, MailPurpose},
    policy::{FreezeCodes, Limits, TenantPolicy},
    ports::{
        CodeStore, EmailSender, EventKind, Outcome, SendError, SendErrorKind, StoreError,
        StoreErrorKind,
    },
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

use crate::support::*;

const THIRD: &str = "a third one of hers 8";

fn desk(world: &World) -> HelpDesk {
    world.sspr.help_desk(ActorId::parse("staff-17").unwrap())
}

fn ada() -> AccountId {
    AccountId::parse("ada").unwrap()
}

/// A world in which somebody has changed Ada's password, and the code of her notice.
async fn changed(world: &World) -> Code {
    world.offer_freezes();
    world.changed_in_session("ada", OLD, NEW).await;
    world.freeze_code("ada@example.com").await.unwrap()
}

async fn frozen(world: &World) -> Option<Frozen> {
    world.account("ada").await.unwrap().frozen
}

/// The purposes and recipients of the mails that the courier sends now.
async fn mails(world: &World) -> Vec<(MailPurpose, String)> {
    let _ = world.inbox.take();
    world.courier.drain(&world.inbox).await;
    let mails = world.inbox.messages();
    mails.iter().map(|it| (it.purpose, it.to.as_str().to_owned())).collect()
}

/// A process over the same stores that has these keys.
fn with_keys(world: &World, keys: &str) -> World {
    World::assemble(
        world.users.clone(),
        world.codes.clone(),
        world.policies.clone(),
        Keyring::parse(keys).unwrap(),
        world.clock.clone(),
        world.dir.clone(),
    )
}

#[test]
fn the_code_of_a_notice_freezes_the_account_until_a_reset() {
    on_every_store(|world| async move {
        let code = changed(&world).await;
        let before = world.account("ada").await.unwrap();

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let account = world.account("ada").await.unwrap();
        assert_ne!(account.stamp, before.stamp);
        assert_eq!(account.password, before.password);
        assert_eq!(account.addresses, before.addresses);
        assert_eq!(account.frozen.unwrap().recover_to, [address("ada@example.com")]);
        assert!(matches!(world.sign_in("ada@example.com", NEW).await, SignInOutcome::Frozen));
        let wrong = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");

        let ticket = world.reset_by("ada@example.com", THIRD).await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
        assert_eq!(frozen(&world).await, None);
        let signed_in = world.sign_in("ada@example.com", THIRD).await;
        assert!(matches!(signed_in, SignInOutcome::SignedIn(_)), "{signed_in:?}");
    });
}

#[test]
fn a_code_answers_the_same_when_it_is_typed_again_until_the_owner_is_back() {
    on_every_store(|world| async move {
        let code = changed(&world).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let first = world.account("ada").await.unwrap();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let again = world.account("ada").await.unwrap();
        assert!(again.stamp == first.stamp && again.frozen == first.frozen);

        world.clock.advance(seconds(1));
        world.reset_by("ada@example.com", THIRD).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        assert_eq!(frozen(&world).await, None);
    });
}

#[test]
fn only_a_tenant_that_has_switched_them_on_has_such_codes() {
    on_every_store(|world| async move {
        world.changed_in_session("ada", OLD, NEW).await;
        assert!(world.freeze_code("ada@example.com").await.is_none());

        world.offer_freezes();
        world.changed_in_session("ada", NEW, THIRD).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        world.policies.replace(TenantPolicy::customers("contoso").unwrap());
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        world.offer_freezes();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        // An account that is frozen can be got back in any case.
        world.policies.replace(TenantPolicy::customers("contoso").unwrap());
        world.reset_by("ada@example.com", NEW).await;
        assert_eq!(frozen(&world).await, None);
    });
}

#[test]
fn processes_with_either_keyring_know_the_codes_while_the_index_key_is_rotated() {
    on_every_store(|world| async move {
        let [sign, index, old] = ["w5fG", "Bn4T", "Cn4T"]
            .map(|head| format!("{head}0mYc4kX1nJq8ZtR2LbVh7sPyE3oUaD9eKiTQxMA"));
        let before = with_keys(&world, &format!("sign={sign} index={old}"));
        let after = with_keys(&world, &format!("sign={sign} index={index} old-index={old}"));
        let sent_before = changed(&before).await;
        world.clock.advance(seconds(1));
        after.changed_in_session("ada", NEW, THIRD).await;
        let sent_after = after.freeze_code("ada@example.com").await.unwrap();

        assert_eq!(before.freeze(&sent_after).await, FreezeOutcome::Frozen);
        world.clock.advance(seconds(1));
        after.reset_by("ada@example.com", NEW).await;
        for code in [&sent_before, &sent_after] {
            assert_eq!(before.freeze(code).await, FreezeOutcome::Rejected);
            assert_eq!(after.freeze(code).await, FreezeOutcome::Rejected);
        }
    });
}

#[test]
fn a_code_works_for_three_days_to_the_microsecond() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.changed_in_session("ada", OLD, NEW).await;
        let end = sspr::ports::Clock::now(&world.clock).after(hours(72));
        let code = world.freeze_code("ada@example.com").await.unwrap();

        world.clock.set(end);
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        assert_eq!(frozen(&world).await, None);

        world.changed_in_session("ada", NEW, THIRD).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        world.clock.set(end.after(hours(72)).before(std::time::Duration::from_micros(1)));
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
    });
}

#[test]
fn i8_a_code_that_was_seen_to_expire_stays_expired_if_the_clock_runs_back() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.changed_in_session("ada", OLD, NEW).await;
        let began = sspr::ports::Clock::now(&world.clock);
        let code = world.freeze_code("ada@example.com").await.unwrap();

        world.clock.set(began.after(hours(72)));
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        world.clock.set(began.after(hours(71)));
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        assert_eq!(frozen(&world).await, None);
    });
}

#[test]
fn i8_a_code_that_a_process_with_the_old_keyring_saw_expire_stays_expired() {
    on_every_store(|world| async move {
        let [sign, index, old] = ["w5fG", "Bn4T", "Cn4T"]
            .map(|head| format!("{head}0mYc4kX1nJq8ZtR2LbVh7sPyE3oUaD9eKiTQxMA"));
        let before = with_keys(&world, &format!("sign={sign} index={old}"));
        let after = with_keys(&world, &format!("sign={sign} index={index} old-index={old}"));
        after.offer_freezes();
        after.changed_in_session("ada", OLD, NEW).await;
        let began = sspr::ports::Clock::now(&world.clock);
        let code = after.freeze_code("ada@example.com").await.unwrap();

        world.clock.set(began.after(hours(72)));
        assert_eq!(before.freeze(&code).await, FreezeOutcome::Rejected);
        world.clock.set(began.after(hours(71)));
        for process in [&after, &before] {
            assert_eq!(process.freeze(&code).await, FreezeOutcome::Rejected);
        }
    });
}

/// A sender that hands every mail over and says each time that it does not know.
#[derive(Default)]
struct Unsure(Mutex<Vec<EmailMessage>>);

#[async_trait]
impl EmailSender for Unsure {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        self.0.lock().unwrap().push(message.clone());
        Err(SendError::new(SendErrorKind::Unknown, "no answer"))
    }
}

#[test]
fn a_notice_that_is_sent_twice_carries_one_code_and_another_recipient_has_another() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.addresses.push(address("ada@work.example"))).await;
        world.offer_freezes();
        world.changed_in_session("ada", OLD, NEW).await;
        let sender = Unsure::default();
        world.courier.drain(&sender).await;
        world.clock.advance(hours(24));
        world.another_process().courier.drain(&sender).await;

        let mails = sender.0.into_inner().unwrap();
        let codes = |to: &str| {
            let mails = mails.iter().filter(|it| it.to == address(to));
            mails.map(|it| code_in(it).unwrap().expose()).collect::<Vec<_>>()
        };
        let (here, there) = (codes("ada@example.com"), codes("ada@work.example"));
        assert_eq!((here.len(), there.len()), (2, 2));
        assert!(here[0] == here[1] && there[0] == there[1] && here[0] != there[0]);
    });
}

#[test]
fn each_recipient_of_a_notice_is_a_way_back() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.addresses.push(address("ada@work.example"))).await;
        let first = changed(&world).await;
        let second = world.freeze_code("ada@work.example").await.unwrap();
        assert_eq!(world.freeze(&second).await, FreezeOutcome::Frozen);
        let _ = world.inbox.take();
        // The mailbox of the first code is no way back yet.
        world.started("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        let to: Vec<_> = world.inbox.take().into_iter().map(|it| it.to).collect();
        assert!(to.iter().all(|to| *to == address("ada@work.example")), "{to:?}");

        assert_eq!(world.freeze(&first).await, FreezeOutcome::Frozen);
        let ways = frozen(&world).await.unwrap().recover_to;
        assert_eq!(ways, [address("ada@example.com"), address("ada@work.example")]);
        for typed in ["ada@work.example", "ada@example.com"] {
            world.clock.advance(hours(1));
            let _ = world.inbox.take();
            world.started(typed, &client(2)).await;
            world.courier.drain(&world.inbox).await;
            let mails = world.inbox.take();
            let code = mails.iter().find(|it| it.purpose == MailPurpose::Passcode).unwrap();
            assert_eq!(code.to, address(typed));
        }
    });
}

#[test]
fn what_was_open_when_the_account_was_frozen_is_dead() {
    on_every_store(|world| async move {
        let code = changed(&world).await;
        let it = world.account("ada").await.unwrap();
        let session = Session::new(&shop(), it.id, it.stamp);
        let handed = desk(&world).assistance_code(&shop(), &ada()).await.unwrap().done().unwrap();
        let token = world.started("ada@example.com", &client(1)).await;
        let mailed = world.mailed_code().await;
        let other = world.started("ada@example.com", &client(2)).await;
        let second = world.mailed_code().await;
        let grant = world.granted(&other, &second).await;

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);

        assert!(is_wrong(&world.verify(&token, &mailed).await));
        let spent = world.submit(&grant, THIRD).await;
        assert!(matches!(spent, SubmitOutcome::Rejected), "{spent:?}");
        let entered = world
            .sspr
            .enter_assistance_code(&request("ada@example.com"), &handed.code, &client(1))
            .await
            .unwrap();
        assert!(matches!(entered, AssistanceOutcome::Rejected), "{entered:?}");
        let (current, new) = (password(NEW), password(THIRD));
        let kept = world.sspr.change(&session, &current, &new, &client(1)).await.unwrap();
        assert!(matches!(kept, ChangeOutcome::SessionEnded), "{kept:?}");
        assert!(frozen(&world).await.is_some());
    });
}

#[test]
fn a_ticket_from_before_the_freeze_signs_nobody_in() {
    on_every_store(|world| async move {
        world.offer_freezes();
        let ticket = world.reset_by("ada@example.com", NEW).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let redeemed = world.redeem(&ticket).await;
        assert!(matches!(redeemed, RedeemOutcome::Rejected), "{redeemed:?}");
    });
}

#[test]
fn guesses_at_codes_use_up_the_budget_of_their_network() {
    on_every_store(|world| async move {
        let limits = Limits::builder().network_tries(20).build().unwrap();
        let policy = TenantPolicy::customers("contoso").unwrap().with_limits(limits);
        world.policies.replace(policy.with_freeze_codes(FreezeCodes::On));
        let wrong = Code::parse("BCDF-GHJK-LMNP-QRST").unwrap();
        for guess in 0..40 {
            let outcome = world.freeze(&wrong).await;
            let refused = matches!(outcome, FreezeOutcome::TryLater { .. });
            assert_eq!(refused, guess >= 20, "{guess}: {outcome:?}");
        }
    });
}

#[test]
fn staff_can_end_a_freeze_and_the_code_is_void_then() {
    on_every_store(|world| async move {
        let code = changed(&world).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let flow = shop().user_flow;
        let typed = address("ada@example.com");
        let report = desk(&world).explain(&tenant(), &flow, &typed).await.unwrap();
        assert_eq!(report[0].frozen, frozen(&world).await);
        assert!(report[0].reset.to_string().contains("The account is frozen"));
        world.clock.advance(seconds(1));

        let ended = desk(&world).unfreeze(&tenant(), &ada()).await.unwrap();

        assert!(matches!(ended, Assisted::Done(())), "{ended:?}");
        assert_eq!(frozen(&world).await, None);
        let signed_in = world.sign_in("ada@example.com", NEW).await;
        assert!(matches!(signed_in, SignInOutcome::SignedIn(_)), "{signed_in:?}");
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        let again = desk(&world).unfreeze(&tenant(), &ada()).await.unwrap();
        assert!(matches!(again, Assisted::Done(())), "{again:?}");
    });
}

#[test]
fn staff_can_give_a_frozen_account_back_with_a_code_or_a_temporary_password() {
    on_every_store(|world| async move {
        let code = changed(&world).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let issued = desk(&world).assistance_code(&shop(), &ada()).await.unwrap().done().unwrap();
        let ask = request("ada@example.com");
        let entered = world.sspr.enter_assistance_code(&ask, &issued.code, &client(1)).await;
        let granted = entered.unwrap().granted().unwrap();
        world.clock.advance(seconds(1));
        world.changed(&granted.grant, THIRD).await;
        assert_eq!(frozen(&world).await, None);
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);

        let code = world.freeze_code("ada@example.com").await.unwrap();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let set = desk(&world).set_temporary_password(&tenant(), &ada()).await.unwrap();
        let words = set.done().unwrap().password.expose().to_owned();
        assert_eq!(frozen(&world).await, None);
        let entered = world.sign_in("ada@example.com", &words).await;
        assert!(matches!(entered, SignInOutcome::MustChange(_)), "{entered:?}");
    });
}

#[test]
fn a_freeze_and_its_end_are_events_and_their_mailbox_is_told() {
    on_every_store(|world| async move {
        let code = changed(&world).await;
        let operation = world.account("ada").await.unwrap().last_change;
        world.freeze(&code).await;
        let told = [(MailPurpose::AccountEvent, "ada@example.com".to_owned())];
        assert_eq!(mails(&world).await, told);
        desk(&world).unfreeze(&tenant(), &ada()).await.unwrap();
        assert_eq!(mails(&world).await, told);
        world.freeze(&code).await;
        assert_eq!(mails(&world).await, []);

        let events = world.events.all();
        let of = |kind| events.iter().filter(move |it| it.kind == kind).collect::<Vec<_>>();
        let frozen = of(EventKind::Freeze);
        assert_eq!(
            frozen.iter().map(|it| it.outcome).collect::<Vec<_>>(),
            [Outcome::Ok, Outcome::Rejected]
        );
        assert_eq!((&frozen[0].account, frozen[0].reset), (&Some(ada()), operation));
        let ended = of(EventKind::Unfreeze);
        assert_eq!((ended.len(), ended[0].outcome), (1, Outcome::Ok));
        assert!(ended[0].actor.is_some());
    });
}

#[test]
fn every_action_of_staff_tells_each_address_on_file() {
    on_every_store(|world| async move {
        let second = "ada@work.example";
        world.change_account("ada", |ada| ada.addresses.push(address(second))).await;
        let told = ["ada@example.com", second].map(|to| (MailPurpose::AccountEvent, to.to_owned()));

        desk(&world).assistance_code(&shop(), &ada()).await.unwrap().done().unwrap();
        assert_eq!(mails(&world).await, told);
        desk(&world).require_change(&tenant(), &ada()).await.unwrap().done().unwrap();
        assert_eq!(mails(&world).await, told);
        // Without a pause nothing ends, so nobody is told.
        desk(&world).unlock(&tenant(), &ada()).await.unwrap().done().unwrap();
        assert_eq!(mails(&world).await, []);
        world.sign_in("ada@example.com", "a wrong password 1").await;
        desk(&world).unlock(&tenant(), &ada()).await.unwrap().done().unwrap();
        assert_eq!(mails(&world).await, told);
        // An action that is not done tells nobody.
        world.change_account("ada", |ada| ada.disabled = true).await;
        let refused = desk(&world).require_change(&tenant(), &ada()).await.unwrap();
        assert!(matches!(refused, Assisted::Unavailable), "{refused:?}");
        assert_eq!(mails(&world).await, []);
    });
}

/// A code store that refuses each insert while the flag is set.
struct Refusing(Arc<dyn CodeStore>, Arc<AtomicBool>);

#[async_trait]
impl CodeStore for Refusing {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        if self.1.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Busy, "down"));
        }
        self.0.insert(record, charges, now).await
    }
    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.0.attempt(id, charges, now).await
    }
    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.0.load(id, charges, now).await
    }
    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.0.compare_and_swap(next, expected, charges, clear, now).await
    }
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.0.charge(charges, now).await
    }
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.delete_expired(now, limit).await
    }
}

/// A world whose code store can be taken down for inserts.
async fn refusing() -> (World, Arc<AtomicBool>) {
    let world = World::memory().await;
    let down = Arc::new(AtomicBool::new(false));
    let codes: Arc<dyn CodeStore> = Arc::new(Refusing(world.codes.clone(), down.clone()));
    let World { users, policies, keys, clock, .. } = world;
    (World::assemble(users, codes, policies, keys, clock, None), down)
}

#[tokio::test]
async fn a_code_store_that_fails_delays_a_notice_and_then_costs_its_code() {
    let (world, down) = refusing().await;
    world.changed_in_session("ada", OLD, NEW).await;
    world.offer_freezes();
    down.store(true, Ordering::SeqCst);
    let mut pauses = 0;
    while mails(&world).await.is_empty() {
        world.clock.advance(seconds(3600));
        pauses += 1;
    }
    assert_eq!(pauses, 3);
    assert!(world.freeze_code("ada@example.com").await.is_none());

    down.store(false, Ordering::SeqCst);
    world.changed_in_session("ada", NEW, THIRD).await;
    down.store(true, Ordering::SeqCst);
    assert_eq!(mails(&world).await, []);
    down.store(false, Ordering::SeqCst);
    world.clock.advance(seconds(60));
    assert_eq!(mails(&world).await.len(), 1);
    let code = world.freeze_code("ada@example.com").await.unwrap();
    assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
}
