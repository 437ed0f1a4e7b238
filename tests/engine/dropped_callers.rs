//! I13: a caller that goes away at any await point loses nothing.
//!
//! Every call is dropped at every gate before and behind each of its port calls, on a store whose
//! writes end with their caller and on one whose writes happen all the same. Then the courier works.

mod gate;
mod staff;

use std::sync::Arc;

use crate::support;
use crate::support::{
    NEW, OLD, address, cheap_hasher, client, other_than, password, request, seconds,
};
use gate::{Codes, Gate, Hasher};
use sspr::{
    Sspr,
    adapters::{CaptureSender, ManualClock, MemoryPolicies, MemoryUsers, SystemEntropy, code_in},
    domain::{Account, Code, FlowToken, Grant, Keyring, RecordId, Ticket},
    engine::{
        Client, Courier, RedeemOutcome, Rejection, RequestKey, SendOutcome, SignInOutcome,
        StartOutcome, StatusOutcome, SubmitOutcome, VerifyOutcome,
    },
    flow::StageName,
    policy::TenantPolicy,
    ports::{Clock, CodeStore, HashQueue, NoticeDelivery, PasswordHasher, UserStore},
};

/// A service whose ports all have gates. Ada has two addresses; codes go to the first.
struct Gated {
    gate: Gate,
    sspr: Sspr,
    courier: Courier,
    users: MemoryUsers,
    codes: Arc<dyn CodeStore>,
    policies: MemoryPolicies,
    clock: ManualClock,
    inbox: CaptureSender,
}

#[derive(Clone, Copy, PartialEq)]
enum Writes {
    EndWithTheirCaller,
    HappenAllTheSame,
}

const BOTH: [Writes; 2] = [Writes::EndWithTheirCaller, Writes::HappenAllTheSame];

impl Gated {
    async fn new(writes: Writes, notice: NoticeDelivery) -> Self {
        let gate = match writes {
            Writes::EndWithTheirCaller => Gate::default(),
            Writes::HappenAllTheSame => Gate::default().with_late_writes(),
        };
        let users = MemoryUsers::new();
        let codes: Arc<dyn CodeStore> = Arc::new(sspr::adapters::MemoryCodes::new());
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let clock = ManualClock::new(sspr::domain::Timestamp::from_micros(1_800_000_000_000_000));
        let hasher = cheap_hasher();
        let hash = hasher.hash(password(OLD), HashQueue::Submit).await.unwrap();
        let mut ada = support::account("ada@example.com", "ada").with_password(hash);
        ada.addresses.push(address("ada@second.example"));
        users.insert(&support::tenant(), ada);
        let builder = Sspr::builder(
            gate::Users(gate.clone(), users.clone(), notice),
            Codes(gate.clone(), codes.clone()),
            policies.clone(),
            keys,
        );
        let builder = builder.with_clock(clock.clone()).with_hasher(Hasher(gate.clone(), hasher));
        let builder = match notice {
            NoticeDelivery::Queued => builder.with_outbox(users.clone()),
            NoticeDelivery::NotQueued => builder,
        };
        let (sspr, courier) = builder.build();
        let inbox = CaptureSender::new();
        Self { clock, codes, courier, gate, inbox, policies, sspr, users }
    }

    async fn queued(writes: Writes) -> Self {
        Self::new(writes, NoticeDelivery::Queued).await
    }

    /// Lets the courier work until nothing is left that could still come.
    async fn let_the_courier_work(&self) {
        // A write whose caller is gone happens on another task.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        for _ in 0..4 {
            self.courier.drain(&self.inbox).await;
            self.clock.advance(seconds(2));
        }
    }

    async fn ada(&self) -> Account {
        let id = sspr::domain::AccountId::parse("ada").unwrap();
        self.users.find(&support::tenant(), &id).await.unwrap().unwrap()
    }

    async fn opened(&self) -> FlowToken {
        let opened = self.sspr.open(&request("ada@example.com"), &client(1)).await.unwrap();
        let sspr::engine::OpenOutcome::Opened(opened) = opened else { panic!("{opened:?}") };
        opened.token
    }

    async fn with_code(&self) -> (FlowToken, Code) {
        let token = self.opened().await;
        self.sspr.send(&token, &client(1)).await.unwrap();
        self.courier.drain(&self.inbox).await;
        (token, self.inbox.last_code().unwrap())
    }

    async fn verify(&self, token: &FlowToken, code: &Code) -> VerifyOutcome {
        self.sspr.verify(token, code, &client(1)).await.unwrap()
    }

    async fn with_grant(&self) -> Grant {
        let (token, code) = self.with_code().await;
        let granted = self.verify(&token, &code).await;
        let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
        drop(self.inbox.take());
        granted.grant
    }

    async fn submit(&self, grant: &Grant, text: &str) -> SubmitOutcome {
        self.sspr.submit(grant, &password(text), &client(1)).await.unwrap()
    }

    async fn changed(&self, grant: &Grant) -> Ticket {
        match self.submit(grant, NEW).await {
            SubmitOutcome::Changed(changed) => changed.ticket,
            other => panic!("not changed: {other:?}"),
        }
    }

    async fn sign_in(&self, text: &str) -> SignInOutcome {
        self.sspr.sign_in(&request("ada@example.com"), &password(text), &client(9)).await.unwrap()
    }

    async fn is_written(&self, id: RecordId) -> bool {
        self.codes.load(&id, &[], self.clock.now()).await.unwrap().found().is_some()
    }

    /// To whom notices went.
    fn notices(&self) -> Vec<String> {
        let mails = self.inbox.messages().into_iter().filter(|mail| code_in(mail).is_none());
        let mut told: Vec<_> = mails.map(|mail| mail.to.as_str().to_owned()).collect();
        told.sort();
        told
    }
}

fn run<F: Future<Output = ()>>(body: impl Fn(Writes) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for writes in BOTH {
        runtime.block_on(body(writes));
    }
}

/// Runs a body with a growing place to cut at, until nothing is cut any more.
async fn at_every_gate<F: Future<Output = bool>>(body: impl Fn(usize) -> F) {
    let mut at = 1;
    while !body(at).await {
        at += 1;
    }
    assert!(at > 2, "something was cut");
}

#[test]
fn a_code_that_was_asked_for_is_mailed_though_its_caller_has_left() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let token = world.opened().await;

            let answer = world.gate.cut(at, world.sspr.send(&token, &client(1))).await;
            world.let_the_courier_work().await;

            let look = world.sspr.status(&token).await.unwrap();
            let StatusOutcome::Status(view) = look else { panic!("{look:?}") };
            let asked = view.stage == StageName::CodeSent;
            assert_eq!(world.inbox.messages().len(), usize::from(asked), "cut at {at}");
            let again = world.sspr.send(&token, &client(1)).await.unwrap();
            match again {
                SendOutcome::TooSoon { .. } => assert!(asked),
                SendOutcome::Sent(_) => assert!(!asked),
                other => panic!("{other:?}"),
            }
            world.let_the_courier_work().await;
            assert_eq!(world.inbox.messages().len(), 1, "cut at {at}");
            let code = world.inbox.last_code().unwrap();
            assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
            assert_eq!(world.sspr.queue_depth(), 0);
            answer.is_some()
        })
        .await;
    });
}

#[test]
fn a_caller_that_left_and_one_of_the_same_moment_make_one_code() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let token = world.opened().await;

            let answer = world.gate.cut(at, world.sspr.send(&token, &client(1))).await;
            world.sspr.send(&token, &client(1)).await.unwrap();
            world.let_the_courier_work().await;

            assert_eq!(world.inbox.messages().len(), 1, "cut at {at}");
            let code = world.inbox.last_code().unwrap();
            assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
            answer.is_some()
        })
        .await;
    });
}

#[test]
fn a_repeated_request_ends_where_the_first_would_have_wherever_that_was_cut() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let key = || RequestKey::from_bytes([7; 32]);
            let start = || {
                let request = request("ada@example.com").with_key(key());
                let sspr = world.sspr.clone();
                async move { sspr.start(&request, &client(1)).await.unwrap() }
            };

            let answer = world.gate.cut(at, start()).await;
            world.let_the_courier_work().await;
            let again = start().await;
            world.let_the_courier_work().await;

            let StartOutcome::Started(again) = again else { panic!("cut at {at}: {again:?}") };
            assert_eq!(world.inbox.messages().len(), 1, "cut at {at}");
            let code = world.inbox.last_code().unwrap();
            let granted = world.verify(&again.token, &code).await;
            assert!(matches!(granted, VerifyOutcome::Granted(_)), "{granted:?}");
            if let Some(StartOutcome::Started(first)) = &answer {
                assert_eq!(first.token.expose(), again.token.expose());
                assert_eq!(first.sent, again.sent);
            }
            answer.is_some()
        })
        .await;
    });
}

#[test]
fn a_right_code_that_was_cut_off_is_granted_when_it_is_repeated() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let (token, code) = world.with_code().await;
            let me = client(1);

            let first = world.gate.cut(at, world.sspr.verify(&token, &code, &me)).await;
            world.let_the_courier_work().await;
            let again = world.verify(&token, &code).await;

            let VerifyOutcome::Granted(again) = again else { panic!("cut at {at}: {again:?}") };
            world.changed(&again.grant).await;
            first.is_some()
        })
        .await;
    });
}

#[test]
fn a_wrong_code_that_was_cut_off_costs_a_try_once_it_could_be_compared() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let (token, code) = world.with_code().await;
            let (wrong, me) = (other_than(&code), client(1));
            let mut answered = None;

            for _ in 0..5 {
                let call = world.sspr.verify(&token, &wrong, &me);
                answered = world.gate.cut(at, call).await;
                world.let_the_courier_work().await;
            }
            let right = world.verify(&token, &code).await;

            // Two gates: before and behind the attempt. A caller that is dropped before the attempt
            // has compared nothing.
            let compared = at > 1 || writes == Writes::HappenAllTheSame && at == 1;
            if compared {
                let exhausted = VerifyOutcome::Rejected(Rejection::Exhausted);
                assert_eq!(format!("{right:?}"), format!("{exhausted:?}"), "cut at {at}");
            } else {
                assert!(matches!(right, VerifyOutcome::Granted(_)), "cut at {at}: {right:?}");
            }
            answered.is_some()
        })
        .await;
    });
}

async fn changes_wherever_they_are_cut(writes: Writes, notice: NoticeDelivery) {
    at_every_gate(|at| async move {
        let world = Gated::new(writes, notice).await;
        let grant = world.with_grant().await;
        let (new, me) = (password(NEW), client(1));

        let first = world.gate.cut(at, world.sspr.submit(&grant, &new, &me)).await;
        world.let_the_courier_work().await;

        let changed = world.ada().await.last_change.is_some();
        let everybody = ["ada@example.com", "ada@second.example"];
        let told = world.notices();
        let expected = if changed { &everybody[..] } else { &[] };
        assert_eq!(told, expected, "cut at {at}, without a retry");
        let ticket = world.changed(&grant).await;
        world.let_the_courier_work().await;
        assert_eq!(world.notices(), everybody, "cut at {at}");
        if let Some(Ok(SubmitOutcome::Changed(first))) = &first {
            assert_eq!(first.ticket.expose(), ticket.expose());
        }
        let redeemed = world.sspr.redeem(&ticket).await.unwrap();
        assert!(matches!(redeemed, RedeemOutcome::SignIn(_)), "{redeemed:?}");
        assert!(matches!(world.sign_in(NEW).await, SignInOutcome::SignedIn(_)));
        assert_eq!(world.sspr.queue_depth(), 0);
        first.is_some()
    })
    .await;
}

#[test]
fn a_change_that_was_cut_off_is_told_and_can_be_repeated() {
    run(|writes| changes_wherever_they_are_cut(writes, NoticeDelivery::Queued));
}

#[test]
fn a_change_that_was_cut_off_is_told_by_the_courier_where_no_outbox_keeps_it() {
    run(|writes| changes_wherever_they_are_cut(writes, NoticeDelivery::NotQueued));
}

#[test]
fn a_submit_is_answered_alike_as_long_as_its_ticket_lives_also_after_that_was_redeemed() {
    run(|writes| async move {
        let world = Gated::queued(writes).await;
        let grant = world.with_grant().await;
        let ticket = world.changed(&grant).await;
        let first = world.sspr.redeem(&ticket).await.unwrap();
        assert!(matches!(first, RedeemOutcome::SignIn(_)));

        let again = world.changed(&grant).await;
        assert_eq!(again.expose(), ticket.expose());
        let second = world.sspr.redeem(&again).await.unwrap();
        assert!(matches!(second, RedeemOutcome::RequireSignIn), "{second:?}");
        let other = world.submit(&grant, "another password of Ada's").await;
        assert!(matches!(other, SubmitOutcome::Rejected), "{other:?}");

        world.clock.advance(seconds(300));
        let late = world.submit(&grant, NEW).await;
        assert!(matches!(late, SubmitOutcome::Rejected), "{late:?}");
    });
}

#[test]
fn one_ticket_is_at_most_one_sign_in_wherever_it_is_cut() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let grant = world.with_grant().await;
            let ticket = world.changed(&grant).await;

            let first = world.gate.cut(at, world.sspr.redeem(&ticket)).await;
            world.let_the_courier_work().await;
            let again = world.sspr.redeem(&ticket).await.unwrap();

            match (&first, again) {
                (Some(Ok(RedeemOutcome::SignIn(_))), RedeemOutcome::RequireSignIn)
                | (None, RedeemOutcome::RequireSignIn | RedeemOutcome::SignIn(_)) => {}
                other => panic!("cut at {at}: {other:?}"),
            }
            first.is_some()
        })
        .await;
    });
}

#[test]
fn right_passwords_that_are_cut_off_lock_nobody_out() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let (typed, right, me) = (request("ada@example.com"), password(OLD), client(9));
            let mut answered = None;

            for _ in 0..12 {
                answered = world.gate.cut(at, world.sspr.sign_in(&typed, &right, &me)).await;
                world.let_the_courier_work().await;
            }

            let signed_in = world.sign_in(OLD).await;
            assert!(matches!(signed_in, SignInOutcome::SignedIn(_)), "cut at {at}: {signed_in:?}");
            answered.is_some()
        })
        .await;
    });
}

#[test]
fn wrong_passwords_that_are_cut_off_lock_like_others() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let (typed, wrong, me) = (request("ada@example.com"), password(NEW), client(9));
            let mut answered = None;

            for _ in 0..10 {
                answered = world.gate.cut(at, world.sspr.sign_in(&typed, &wrong, &me)).await;
                world.let_the_courier_work().await;
            }

            let then = world.sign_in(OLD).await;
            let locked = matches!(then, SignInOutcome::LockedOut { .. });
            // The look-up, and a read and a write of the lockout: three calls, two gates each. Before
            // the failure is written nothing is compared.
            let charged = at > 5 || writes == Writes::HappenAllTheSame && at == 5;
            assert_eq!(locked, charged || answered.is_some(), "cut at {at}: {then:?}");
            answered.is_some()
        })
        .await;
    });
}

#[test]
fn right_passwords_of_many_callers_that_leave_at_once_lock_nobody_out() {
    run(|writes| async move {
        let world = Gated::queued(writes).await;
        let (typed, me) = (request("ada@example.com"), client(9));
        // The gate behind the charge: the comparison is the next thing.
        for _ in 0..9 {
            let right = password(OLD);
            let cut = world.gate.cut(10, world.sspr.sign_in(&typed, &right, &me)).await;
            assert!(cut.is_none());
        }
        world.let_the_courier_work().await;

        for _ in 0..9 {
            let wrong = world.sign_in(NEW).await;
            assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
        }
        assert!(matches!(world.sign_in(OLD).await, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn an_opened_reset_that_nobody_was_told_of_stands_in_nobodys_way() {
    run(|writes| async move {
        at_every_gate(|at| async move {
            let world = Gated::queued(writes).await;
            let (typed, me) = (request("ada@example.com"), Client::unknown());

            let first = world.gate.cut(at, world.sspr.open(&typed, &me)).await;
            world.let_the_courier_work().await;
            let token = world.opened().await;

            assert!(world.is_written(token.record()).await);
            world.sspr.send(&token, &client(1)).await.unwrap();
            world.let_the_courier_work().await;
            let code = world.inbox.last_code().unwrap();
            assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
            first.is_some()
        })
        .await;
    });
}
