//! Attacks of our own on the help desk: codes that staff hand over, and staff who are careless or
//! worse.

use futures_util::future::join_all;
use sspr::{
    Account, Code, Request, Session, SignInOutcome, SubmitOutcome,
    domain::{ActorId, SecondFactor},
    engine::{AssistanceOutcome, Assisted, HelpDesk, RedeemOutcome, SecondFactorDemand},
    policy::{Limits, TenantPolicy},
};

use crate::support::*;

fn desk(world: &World) -> HelpDesk {
    world.sspr.help_desk(ActorId::parse("staff-17").unwrap())
}

fn ada() -> sspr::AccountId {
    sspr::AccountId::parse("ada").unwrap()
}

async fn handed_over(world: &World) -> Code {
    desk(world).assistance_code(&shop(), &ada()).await.unwrap().done().unwrap().code
}

async fn enter(world: &World, asked: &Request, code: &Code, network: u8) -> AssistanceOutcome {
    world.sspr.enter_assistance_code(asked, code, &client(network)).await.unwrap()
}

fn is_rejected(outcome: &AssistanceOutcome) -> bool {
    matches!(outcome, AssistanceOutcome::Rejected)
}

fn guess(number: usize) -> Code {
    let symbols = b"BCDFGHJKLMNPQRSTVWXZ";
    let place = |at: u32| char::from(symbols[number / 20_usize.pow(at % 4) % 20]);
    Code::parse(&(0..16).map(place).collect::<String>()).unwrap()
}

/// A thief overhears a code and types it with the address of his own account, in other spellings, at
/// another application and tenant, all at the same time as its owner: only the owner gets a grant.
#[test]
fn attack_own_77_an_overheard_code_serves_no_other_account() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        let code = handed_over(&world).await;
        let payroll = sspr::Application::new("contoso", "sign-in", "payroll").unwrap();
        let mut asked = vec![
            request("eve@example.com"),
            request("nobody@example.com"),
            request("ada@example.net"),
            Request::new(&payroll, address("ada@example.com")),
            Request::new(&application("fabrikam"), address("ada@example.com")),
        ];
        asked.push(request("ada@example.com"));
        let all = asked.iter().map(|asked| enter(&world, asked, &code, 1));
        let outcomes = join_all(all).await;
        let (owner, others) = outcomes.split_last().unwrap();
        assert!(matches!(owner, AssistanceOutcome::Granted(_)), "{owner:?}");
        assert!(others.iter().all(is_rejected), "{others:?}");
    });
}

/// A code of before the owner's own change, a temporary password or a reset is still in a thief's
/// notes. Each of them ends it. What staff do without touching the password does not.
#[test]
fn attack_own_78_a_code_of_staff_ends_with_the_next_change_of_any_kind() {
    on_every_store(|world| async move {
        let own = request("ada@example.com");
        let code = handed_over(&world).await;
        desk(&world).unlock(&tenant(), &ada()).await.unwrap().done().unwrap();
        desk(&world).require_change(&tenant(), &ada()).await.unwrap().done().unwrap();
        assert!(enter(&world, &own, &code, 1).await.granted().is_some());

        let it = world.account("ada").await.unwrap();
        let session = Session::new(&shop(), it.id, it.stamp);
        let changed = world.sspr.change(&session, &password(OLD), &password(NEW), &client(1)).await;
        changed.unwrap().changed().unwrap();
        assert!(is_rejected(&enter(&world, &own, &code, 1).await));

        world.clock.advance(hours(25));
        let code = handed_over(&world).await;
        desk(&world).set_temporary_password(&tenant(), &ada()).await.unwrap().done().unwrap();
        assert!(is_rejected(&enter(&world, &own, &code, 1).await));

        let code = handed_over(&world).await;
        world.reset().await;
        assert!(is_rejected(&enter(&world, &own, &code, 1).await));
    });
}

/// The code was entered, and the account is disabled, federated or created again before the new
/// password comes: the grant is worth nothing.
#[test]
fn attack_own_79_what_is_withdrawn_after_a_code_of_staff_is_withdrawn() {
    on_every_store(|world| async move {
        let before = world.account("ada").await.unwrap();
        let changes: [&dyn Fn(&mut Account); 3] = [
            &|it| it.disabled = true,
            &|it| it.identity_providers = vec![sspr::domain::IdentityProvider::Google],
            &|it| it.addresses = vec![address("thief@example.net")],
        ];
        for spoil in changes {
            let code = handed_over(&world).await;
            let asked = request("ada@example.com");
            let grant = enter(&world, &asked, &code, 1).await.granted().unwrap().grant;
            world.change_account("ada", |it| spoil(it)).await;
            let outcome = world.submit(&grant, NEW).await;
            assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");
            world.put(before.clone()).await;
        }
        assert!(world.account("ada").await.unwrap().last_change.is_none());
    });
}

/// A stranger guesses codes of staff from two hundred networks. None is right, the owner is neither
/// locked out nor kept from the code that staff gave.
#[test]
fn attack_own_80_guesses_from_many_networks_take_nothing_from_the_owner() {
    on_every_store(|world| async move {
        let code = handed_over(&world).await;
        let asked = request("ada@example.com");
        for number in 0..400 {
            let network = u8::try_from(50 + number % 200).unwrap();
            let outcome = enter(&world, &asked, &guess(number), network).await;
            assert!(is_rejected(&outcome), "{outcome:?}");
        }
        let signed = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(signed, SignInOutcome::SignedIn(_)), "{signed:?}");
        assert!(enter(&world, &asked, &code, 1).await.granted().is_some());
    });
}

/// Eight digits are tried, because a thief hopes that staff read out the short form. Such codes open
/// no reset of staff, and each try is paid for.
#[test]
fn attack_own_81_digits_are_no_code_of_staff() {
    on_every_store(|world| async move {
        let limits = Limits::builder().network_tries(30).build().unwrap();
        world.policies.replace(TenantPolicy::customers("contoso").unwrap().with_limits(limits));
        let asked = request("ada@example.com");
        let (mut refused, mut later) = (0, 0);
        for number in 0..50 {
            let digits = Code::parse(&format!("{number:08}")).unwrap();
            match enter(&world, &asked, &digits, 1).await {
                AssistanceOutcome::Rejected => refused += 1,
                AssistanceOutcome::TryLater { .. } => later += 1,
                AssistanceOutcome::Granted(_) => panic!("granted"),
            }
        }
        assert_eq!((refused, later), (30, 20));
    });
}

/// A member of staff, or whoever stole the console, asks for a hundred codes of one account and of
/// many, also all at once. Few are made, for the account and for the person.
#[test]
fn attack_own_82_staff_who_ask_for_a_hundred_get_a_few() {
    on_every_store(|world| async move {
        let (desk, other) = (desk(&world), world.another_process());
        let theirs = other.sspr.help_desk(ActorId::parse("staff-18").unwrap());
        let all = (0..100).map(|number| {
            let desk = if number % 2 == 0 { &desk } else { &theirs };
            async move { desk.assistance_code(&shop(), &ada()).await.unwrap() }
        });
        let made = join_all(all).await.into_iter().filter_map(Assisted::done).count();
        assert_eq!(made, 5, "of one account in a day");
        let mut made = 0;
        for number in 0..40 {
            let name = format!("user{number}");
            world.add(&format!("{name}@example.com"), &name).await;
            let id = sspr::AccountId::parse(&name).unwrap();
            let issued = desk.assistance_code(&shop(), &id).await.unwrap();
            made += usize::from(issued.done().is_some());
        }
        assert!(made <= 30, "{made} of one person in an hour");
    });
}

/// Five codes are out for one account, and each of them opened a grant: one password change, and the
/// other four are worth nothing.
#[test]
fn attack_own_83_several_codes_of_staff_change_once() {
    on_every_store(|world| async move {
        let asked = request("ada@example.com");
        let mut codes = Vec::new();
        for number in 0..5 {
            let staff = ActorId::parse(&format!("staff-{}", number % 2)).unwrap();
            let issued = world.sspr.help_desk(staff).assistance_code(&shop(), &ada()).await;
            codes.push(issued.unwrap().done().unwrap().code);
        }
        let mut grants = Vec::new();
        for code in &codes {
            grants.push(enter(&world, &asked, code, 1).await.granted().unwrap().grant);
        }
        let new: Vec<String> = (0..5).map(|it| format!("new words of grant {it}")).collect();
        let all = grants.iter().zip(&new).map(|(grant, new)| world.submit(grant, new));
        let outcomes = join_all(all).await;
        let changed = outcomes.iter().filter(|it| matches!(it, SubmitOutcome::Changed(_))).count();
        assert_eq!(changed, 1, "{outcomes:?}");
        for code in &codes {
            assert!(enter(&world, &asked, code, 1).await.granted().is_none());
        }
        assert_eq!(world.notices_due().await, 1);
    });
}

/// Support lets in whoever calls: the second factor was skipped by the password that staff helped to
/// set. It is demanded after a code of staff and after a temporary password.
#[test]
fn attack_own_84_help_of_staff_replaces_no_second_factor() {
    on_every_store(|world| async move {
        world.change_account("ada", |it| it.second_factor = SecondFactor::Independent).await;
        let code = handed_over(&world).await;
        let asked = request("ada@example.com");
        let grant = enter(&world, &asked, &code, 1).await.granted().unwrap().grant;
        let ticket = world.changed(&grant, NEW).await;
        let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
        assert_eq!(it.second_factor, SecondFactorDemand::Required);

        let set = desk(&world).set_temporary_password(&tenant(), &ada()).await.unwrap();
        let words = set.done().unwrap().password.expose().to_owned();
        let SignInOutcome::MustChange(granted) = world.sign_in("ada@example.com", &words).await
        else {
            panic!("no forced change")
        };
        let ticket = world.changed(&granted.grant, "another one of hers 7").await;
        let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
        assert_eq!(it.second_factor, SecondFactorDemand::Required);
    });
}

/// A caller has staff lift one pause, which lifted every pause and the lock that the host had set
/// after a fraud.
#[test]
fn attack_own_85_an_unlock_opens_one_pause_and_no_lock_of_the_host() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        for mail in ["ada@example.com", "eve@example.com"] {
            for _ in 0..10 {
                world.sign_in(mail, "not the password").await;
            }
        }
        world.change_account("ada", |it| it.locked = true).await;
        desk(&world).unlock(&tenant(), &ada()).await.unwrap().done().unwrap();
        let own = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(own, SignInOutcome::LockedOut { until: None }), "{own:?}");
        let other = world.sign_in("eve@example.com", OLD).await;
        assert!(matches!(other, SignInOutcome::LockedOut { until: Some(_) }), "{other:?}");
    });
}

/// The code of staff came to an application whose flow has no password sign-in any more, or the whole
/// tenant was taken away: no grant, and what it says is what it says of a wrong code.
#[test]
fn attack_own_86_a_code_of_staff_ends_with_the_flow() {
    on_every_store(|world| async move {
        let code = handed_over(&world).await;
        let asked = request("ada@example.com");
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.clone().with_user_flows(Vec::new()).unwrap());
        let answers = [
            enter(&world, &asked, &code, 1).await,
            enter(&world, &asked, &guess(7), 1).await,
            enter(&world, &request("nobody@example.com"), &code, 1).await,
        ];
        assert!(answers.iter().all(is_rejected), "{answers:?}");
        world.policies.replace(policy);
        assert!(enter(&world, &asked, &code, 1).await.granted().is_some());
    });
}

/// Actors came from a request header: line breaks and commas in them wrote further lines into the
/// audit log. Other names turned a line round, or looked like the name of a colleague.
#[test]
fn attack_own_87_the_name_of_an_actor_forges_no_line() {
    for bad in ["", "a\nb", "a\r\nkind=unlock", "\u{0}", "a\u{85}b", &"x".repeat(100_000)] {
        assert!(ActorId::parse(bad).is_err(), "{bad:.20?}");
    }
    for bad in
        ["a\u{2028}b", "a\u{2029}b", "\u{202e}17-ffats", "staff\u{200b}-17", "staff\u{ad}-17"]
    {
        assert!(ActorId::parse(bad).is_err(), "{bad:.20?}");
    }
}
