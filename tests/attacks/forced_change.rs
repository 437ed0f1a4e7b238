//! Attacks of our own on the change that an account must make, and on temporary passwords.

use futures_util::future::join_all;
use sspr::{
    ChangeOutcome, FlowToken, Grant, Session, SignInOutcome, Stamp, SubmitOutcome, Ticket,
    adapters::SystemEntropy,
    domain::ActorId,
    engine::{RedeemOutcome, Rejection, SendOutcome, TemporaryPassword, VerifyOutcome},
    policy::TenantPolicy,
};

use crate::support::*;

const WRONG: &str = "not the password of ada";

async fn mark(world: &World) {
    world.change_account("ada", |ada| ada.must_change = true).await;
}

async fn must_change(world: &World, words: &str) -> Grant {
    match world.sign_in("ada@example.com", words).await {
        SignInOutcome::MustChange(granted) => granted.grant,
        other => panic!("{other:?}"),
    }
}

async fn temporary(world: &World) -> TemporaryPassword {
    let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
    let ada = world.account("ada").await.unwrap().id;
    desk.set_temporary_password(&tenant(), &ada).await.unwrap().done().unwrap()
}

fn is_rejected(outcome: &SubmitOutcome) -> bool {
    matches!(outcome, SubmitOutcome::Rejected)
}

/// Who has no session yet holds a grant: it was read as a token, with which another code could be
/// asked for, or as a ticket, which would be the session.
#[test]
fn attack_own_64_a_grant_of_a_forced_change_opens_nothing_else() {
    on_every_store(|world| async move {
        mark(&world).await;
        let grant = must_change(&world, OLD).await;
        let token = FlowToken::parse(&grant.expose()).unwrap();
        let sent = world.sspr.send(&token, &client(1)).await.unwrap();
        assert!(matches!(sent, SendOutcome::Gone), "{sent:?}");
        let tried = world.verify(&token, &wrong_code()).await;
        assert!(matches!(tried, VerifyOutcome::Rejected(Rejection::Gone)), "{tried:?}");
        let ticket = Ticket::parse(&grant.expose()).unwrap();
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::Rejected));
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty(), "no code goes out");
        world.changed(&grant, NEW).await;
    });
}

/// The tenant takes password sign-in away, or the account is created again under its old name, while
/// somebody holds a grant: it is worth nothing then.
#[test]
fn attack_own_65_a_grant_of_a_forced_change_ends_with_the_flow_and_with_the_account() {
    on_every_store(|world| async move {
        mark(&world).await;
        let grant = must_change(&world, OLD).await;
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.clone().with_user_flows(Vec::new()).unwrap());
        assert!(is_rejected(&world.submit(&grant, NEW).await));
        world.policies.replace(policy);

        let grant = must_change(&world, OLD).await;
        let mut again = account("ada@example.com", "ada").with_password(world.hash(OLD).await);
        again.must_change = true;
        world.put(again).await;
        assert!(is_rejected(&world.submit(&grant, NEW).await));
        assert!(world.account("ada").await.unwrap().last_change.is_none());
    });
}

/// The mark is lifted by a change while another device still holds a grant of before: it changes
/// nothing, and neither does it if the host marks the account again.
#[test]
fn attack_own_66_a_grant_does_not_outlive_the_change_that_lifts_the_mark() {
    on_every_store(|world| async move {
        mark(&world).await;
        let held = must_change(&world, OLD).await;
        let ada = world.account("ada").await.unwrap();
        let session = Session::new(&shop(), ada.id, ada.stamp);
        let own = world.sspr.change(&session, &password(OLD), &password(NEW), &client(1)).await;
        own.unwrap().changed().unwrap();
        assert!(!world.account("ada").await.unwrap().must_change);
        mark(&world).await;
        assert!(is_rejected(&world.submit(&held, "the thief's own words 1").await));
        assert!(world.account("ada").await.unwrap().must_change);
    });
}

/// The password that must be changed is submitted many times at once, so that one of them passes
/// between the check and the change. The mark stays until another password is set.
#[test]
fn attack_own_67_the_same_password_never_lifts_the_mark() {
    on_every_store(|world| async move {
        mark(&world).await;
        let before = world.account("ada").await.unwrap();
        let grants = [must_change(&world, OLD).await, must_change(&world, OLD).await];
        let all = (0..12).map(|number| world.submit(&grants[number % 2], OLD));
        for outcome in join_all(all).await {
            assert!(!matches!(outcome, SubmitOutcome::Changed(_)), "{outcome:?}");
        }
        let after = world.account("ada").await.unwrap();
        assert!(after.must_change && after.stamp == before.stamp);
        // The owner is not kept out by it.
        let grant = must_change(&world, OLD).await;
        world.changed(&grant, NEW).await;
    });
}

/// A stranger guesses while the owner types the new password: the lockout of the sign-in does not
/// take away the grant that the owner already has.
#[test]
fn attack_own_68_guesses_do_not_take_the_grant_of_a_forced_change() {
    on_every_store(|world| async move {
        mark(&world).await;
        let grant = must_change(&world, OLD).await;
        for _ in 0..11 {
            world.sign_in("ada@example.com", WRONG).await;
        }
        let locked = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(locked, SignInOutcome::LockedOut { .. }), "{locked:?}");
        let ticket = world.changed(&grant, NEW).await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
    });
}

/// A grant that was left open in a browser is used an hour later, by whoever sits there then.
#[test]
fn attack_own_69_a_grant_of_a_forced_change_is_not_left_lying_about() {
    on_every_store(|world| async move {
        mark(&world).await;
        let SignInOutcome::MustChange(granted) = world.sign_in("ada@example.com", OLD).await else {
            panic!("no grant")
        };
        world.clock.set(granted.expires_at);
        assert!(is_rejected(&world.submit(&granted.grant, NEW).await));
        // A clock that runs back does not bring it back for long: the change still needs the stamp.
        let ada = world.account("ada").await.unwrap();
        assert!(ada.must_change && ada.last_change.is_none());
    });
}

/// A grant is sent to another application or tenant, whose pages are weaker.
#[test]
fn attack_own_70_a_grant_of_a_forced_change_belongs_to_its_application() {
    on_every_store(|world| async move {
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        mark(&world).await;
        let grant = must_change(&world, OLD).await;
        let payroll = sspr::Application::new("contoso", "sign-in", "payroll").unwrap();
        for elsewhere in [payroll, application("fabrikam")] {
            let narrow = world.sspr.for_application(&elsewhere);
            let outcome = narrow.submit(&grant, &password(NEW), &client(1)).await.unwrap();
            assert!(is_rejected(&outcome), "{outcome:?}");
        }
        world.changed(&grant, NEW).await;
    });
}

/// Temporary passwords of other systems were a word and four digits, and could be tried for ever.
/// Here ten guesses pause the account as ever, and the owner's right one is not compared either.
#[test]
fn attack_own_71_a_temporary_password_is_not_guessed() {
    on_every_store(|world| async move {
        let set = temporary(&world).await;
        let mut near = set.password.expose().to_owned();
        for _ in 0..10 {
            let last = near.pop().unwrap();
            near.push(if last == 'B' { 'C' } else { 'B' });
            let tried = if near == set.password.expose() { WRONG.to_owned() } else { near.clone() };
            let outcome = world.sign_in("ada@example.com", &tried).await;
            assert!(matches!(outcome, SignInOutcome::Rejected), "{outcome:?}");
        }
        let paused = world.sign_in("ada@example.com", set.password.expose()).await;
        assert!(matches!(paused, SignInOutcome::LockedOut { .. }), "{paused:?}");
        world.clock.advance(seconds(61));
        let grant = must_change(&world, set.password.expose()).await;
        world.changed(&grant, NEW).await;
    });
}

/// The paper with the temporary password is read by a second person: both sign in with it, one of
/// them changes it, and the other one has nothing.
#[test]
fn attack_own_72_a_temporary_password_is_used_up_by_one_change() {
    on_every_store(|world| async move {
        let set = temporary(&world).await;
        let words = set.password.expose();
        let (first, second) = (must_change(&world, words).await, must_change(&world, words).await);
        world.changed(&first, NEW).await;
        assert!(is_rejected(&world.submit(&second, "the thief's own words 1").await));
        let late = world.sign_in("ada@example.com", words).await;
        assert!(matches!(late, SignInOutcome::Rejected), "{late:?}");
        assert_eq!(world.notices_due().await, 2, "of the temporary one, and of the change");
    });
}

/// Staff set a second temporary password because the first went to the wrong person: the first one
/// is dead, with the grant that it gave.
#[test]
fn attack_own_73_a_second_temporary_password_ends_the_first_and_its_grant() {
    on_every_store(|world| async move {
        let first = temporary(&world).await;
        let grant = must_change(&world, first.password.expose()).await;
        let second = temporary(&world).await;
        assert!(is_rejected(&world.submit(&grant, "the thief's own words 1").await));
        let late = world.sign_in("ada@example.com", first.password.expose()).await;
        assert!(matches!(late, SignInOutcome::Rejected), "{late:?}");
        let grant = must_change(&world, second.password.expose()).await;
        world.changed(&grant, NEW).await;
    });
}

/// A thief with a session of before has overheard the temporary password, and changes it where no
/// mark is looked at. The session ended when it was set.
#[test]
fn attack_own_74_a_temporary_password_serves_no_session_of_before() {
    on_every_store(|world| async move {
        let before = world.account("ada").await.unwrap();
        let set = temporary(&world).await;
        let stolen = Session::new(&shop(), before.id, before.stamp);
        for _ in 0..12 {
            let new = password("the thief's own words 1");
            let outcome = world.sspr.change(&stolen, &set.password, &new, &client(1)).await;
            assert!(matches!(outcome, Ok(ChangeOutcome::SessionEnded)), "{outcome:?}");
        }
        must_change(&world, set.password.expose()).await;
    });
}

/// A temporary password that has expired is kept for the day when the clock is set back, and gives no
/// grant of which something is left.
#[test]
fn attack_own_75_an_expired_temporary_password_is_a_wrong_one() {
    on_every_store(|world| async move {
        let set = temporary(&world).await;
        world.clock.set(set.expires_at);
        let mut answers = Vec::new();
        for words in [set.password.expose(), WRONG] {
            answers.push(format!("{:?}", world.sign_in("ada@example.com", words).await));
        }
        assert_eq!(answers[0], answers[1]);
        let marked = world.account("ada").await.unwrap();
        assert!(marked.must_change && marked.password_expires_at == Some(set.expires_at));
        // Neither does the stamp of the account open a change with it.
        let session = Session::new(&shop(), marked.id, marked.stamp);
        let outcome = world.sspr.change(&session, &set.password, &password(NEW), &client(1)).await;
        assert!(matches!(outcome, Ok(ChangeOutcome::Unavailable)), "{outcome:?}");
    });
}

/// A guessed or random stamp in a session of a marked account (a forged cookie): the mark is lifted by
/// nobody without the stamp, even with the right password.
#[test]
fn attack_own_76_a_forged_session_lifts_no_mark() {
    on_every_store(|world| async move {
        mark(&world).await;
        let ada = world.account("ada").await.unwrap();
        for stamp in [Stamp::from_bytes([0; 16]), Stamp::generate(&SystemEntropy::new()).unwrap()] {
            let forged = Session::new(&shop(), ada.id.clone(), stamp);
            let outcome =
                world.sspr.change(&forged, &password(OLD), &password(NEW), &client(1)).await;
            assert!(matches!(outcome, Ok(ChangeOutcome::SessionEnded)), "{outcome:?}");
        }
        assert!(world.account("ada").await.unwrap().must_change);
    });
}
