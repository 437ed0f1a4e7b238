//! Attacks of our own on frozen accounts: codes of others, codes of yesterday, and thieves who are
//! faster than the owner.

use sspr::{
    Account, AccountId, Application, ChangeOutcome, Code, Session, SignInOutcome, SubmitOutcome,
    domain::ActorId,
    engine::FreezeOutcome,
    mail::MailPurpose,
    policy::{FreezeCodes, TenantPolicy},
};

use crate::support::*;

const THIEFS: &str = "a password of the thief 6";
const THIRD: &str = "a third one of hers 8";

async fn is_frozen(world: &World, id: &str) -> bool {
    world.account(id).await.unwrap().frozen.is_some()
}

/// The thief changes the password, and then the address on file, as a host's own page allows.
async fn stolen(world: &World) -> Code {
    world.offer_freezes();
    world.changed_in_session("ada", OLD, THIEFS).await;
    let code = world.freeze_code("ada@example.com").await.unwrap();
    moved(world, "thief@evil.example").await;
    code
}

async fn moved(world: &World, to: &str) {
    let stamp = account(to, "x").stamp;
    world
        .change_account("ada", |ada| {
            ada.addresses = vec![address(to)];
            ada.stamp = stamp;
        })
        .await;
}

/// The recipients of the mails that the courier sends now.
async fn recipients(world: &World) -> Vec<(MailPurpose, String)> {
    let _ = world.inbox.take();
    world.courier.drain(&world.inbox).await;
    let mails = world.inbox.messages();
    mails.iter().map(|it| (it.purpose, it.to.as_str().to_owned())).collect()
}

/// The code of Eve's notice freezes Eve, whoever types it. It does nothing to Ada.
#[test]
fn attack_own_90_a_code_of_another_account_freezes_only_that_account() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        world.offer_freezes();
        world.changed_in_session("eve", OLD, NEW).await;
        world.changed_in_session("ada", OLD, NEW).await;
        let code = world.freeze_code("eve@example.com").await.unwrap();

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);

        assert!(is_frozen(&world, "eve").await && !is_frozen(&world, "ada").await);
    });
}

/// The attacker is a customer of another tenant, and types its code there, or in an application
/// that users do not sign in to with a password, or through a handle of another application.
#[test]
fn attack_own_91_a_code_of_one_tenant_is_nothing_in_another() {
    on_every_store(|world| async move {
        world.offer_freezes();
        let fabrikam = TenantPolicy::customers("fabrikam").unwrap();
        world.policies.replace(fabrikam.with_freeze_codes(FreezeCodes::On));
        world.changed_in_session("ada", OLD, NEW).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        let unknown = Application::new("contoso", "no-such-flow", "shop").unwrap();
        for elsewhere in [application("fabrikam"), application("nowhere"), unknown] {
            let outcome = world.sspr.freeze(&elsewhere, &code, &client(1)).await.unwrap();
            assert_eq!(outcome, FreezeOutcome::Rejected, "{elsewhere:?}");
        }
        let other = Application::new("contoso", "sign-in", "payroll").unwrap();
        let handle = world.sspr.for_application(&other);
        let outcome = handle.freeze(&shop(), &code, &client(1)).await.unwrap();
        assert_eq!(outcome, FreezeOutcome::Rejected);
        assert!(!is_frozen(&world, "ada").await);
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
    });
}

/// Somebody finds the old notice and wants to lock the owner out again, after the owner has come
/// back by a reset, or after staff have ended the freeze, by any of its recipients' codes.
#[test]
fn attack_own_92_a_code_is_dead_after_its_mailbox_has_reset_the_password() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.change_account("ada", |ada| ada.addresses.push(address("ada@work.example"))).await;
        world.changed_in_session("ada", OLD, NEW).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        let second = world.freeze_code("ada@work.example").await.unwrap();
        world.clock.advance(seconds(60));
        // Not frozen yet: a reset by the mailbox of the first code kills only that one.
        world.reset_by("ada@example.com", THIRD).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        assert_eq!(world.freeze(&second).await, FreezeOutcome::Frozen);
        world.clock.advance(seconds(60));
        world.reset_by("ada@work.example", NEW).await;
        for old in [&code, &second] {
            assert_eq!(world.freeze(old).await, FreezeOutcome::Rejected);
        }
        assert!(!is_frozen(&world, "ada").await);
        // A clock that runs back revives none of them.
        world.clock.set(sspr::ports::Clock::now(&world.clock).before(hours(1)));
        for old in [&code, &second] {
            assert_eq!(world.freeze(old).await, FreezeOutcome::Rejected);
        }
    });
}

/// The thief puts an address of his own on file, and resets the password once more, so that the
/// newest notice goes to him. The owner's code still freezes the account. Codes and notices go to
/// the owner alone from then on, and the thief's address is gone after the recovery.
#[test]
fn attack_own_93_a_thief_who_moves_the_address_and_resets_is_frozen_out() {
    on_every_store(|world| async move {
        let code = stolen(&world).await;
        world.clock.advance(seconds(60));
        world.reset_by("thief@evil.example", NEW).await;
        world.clock.advance(seconds(60));

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let owner = |purpose| (purpose, "ada@example.com".to_owned());
        let told = recipients(&world).await;
        let told: Vec<_> =
            told.into_iter().filter(|it| it.0 == MailPurpose::AccountEvent).collect();
        assert_eq!(told, [owner(MailPurpose::AccountEvent)]);
        // The thief asks for codes, by the address that is still on file.
        world.started("thief@evil.example", &client(6)).await;
        assert_eq!(recipients(&world).await, [owner(MailPurpose::Passcode)]);
        assert!(matches!(world.sign_in("thief@evil.example", NEW).await, SignInOutcome::Frozen));

        world.clock.advance(seconds(60));
        world.reset_by("ada@example.com", THIRD).await;
        assert_eq!(recipients(&world).await, [owner(MailPurpose::PasswordChanged)]);
        let ada = world.account("ada").await.unwrap();
        assert_eq!(ada.addresses, [address("ada@example.com")]);
        world.started("thief@evil.example", &client(6)).await;
        assert_eq!(recipients(&world).await, []);
        let out = world.sign_in("thief@evil.example", NEW).await;
        assert!(matches!(out, SignInOutcome::Rejected), "{out:?}");
    });
}

/// The thief changes the password again in his session, so that the code's change is no longer the
/// last one.
#[test]
fn attack_own_94_another_change_in_a_session_does_not_kill_the_owners_code() {
    on_every_store(|world| async move {
        let code = stolen(&world).await;
        world.clock.advance(seconds(60));
        world.changed_in_session("ada", THIEFS, NEW).await;

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let it = world.account("ada").await.unwrap();
        assert_eq!(it.frozen.unwrap().recover_to, [address("ada@example.com")]);
        let session = Session::new(&shop(), it.id, it.stamp);
        let (current, new) = (password(NEW), password(THIRD));
        // Not even a session with the new stamp changes a frozen account.
        let outcome = world.sspr.change(&session, &current, &new, &client(6)).await.unwrap();
        assert!(matches!(outcome, ChangeOutcome::SessionEnded), "{outcome:?}");
        assert!(is_frozen(&world, "ada").await);
    });
}

/// The thief holds a grant, from a code to the address that he put on file, while the owner freezes
/// the account.
#[test]
fn attack_own_95_a_grant_of_the_thief_dies_with_the_freeze() {
    on_every_store(|world| async move {
        let code = stolen(&world).await;
        let token = world.started("thief@evil.example", &client(6)).await;
        let mailed = world.mailed_code().await;
        let grant = world.granted(&token, &mailed).await;

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);

        let outcome = world.submit(&grant, NEW).await;
        assert!(matches!(outcome, SubmitOutcome::Rejected), "{outcome:?}");
        assert!(is_frozen(&world, "ada").await);
    });
}

/// The account is deleted, and its id is given to another person. Whoever kept the notice must not
/// get that person's account, neither before nor after the first change of its password.
#[test]
fn attack_own_96_a_code_does_not_freeze_a_later_account_of_the_same_id() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.changed_in_session("ada", OLD, NEW).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        let hash = world.hash(OLD).await;
        world.put(account("bea@example.com", "ada").with_password(hash)).await;

        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        world.clock.advance(seconds(60));
        world.changed_in_session("ada", OLD, THIRD).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
        assert!(!is_frozen(&world, "ada").await);
        let own = world.freeze_code("bea@example.com").await.unwrap();
        assert_eq!(world.freeze(&own).await, FreezeOutcome::Frozen);
    });
}

/// After the theft, the owner opens another account with the old address. The frozen account must
/// not lock the owner out of the new one, and the new one must not be mistaken for the frozen one.
#[test]
fn attack_own_97_a_frozen_account_gives_way_to_one_in_use_with_the_same_address() {
    on_every_store(|world| async move {
        let code = stolen(&world).await;
        world.add("ada@example.com", "ada2").await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);

        let signed_in = world.sign_in("ada@example.com", OLD).await;
        let SignInOutcome::SignedIn(it) = signed_in else { panic!("{signed_in:?}") };
        assert_eq!(it.account.as_str(), "ada2");
        world.clock.advance(seconds(60));
        world.reset_by("ada@example.com", THIRD).await;
        assert!(is_frozen(&world, "ada").await);
        let signed_in = world.sign_in("ada@example.com", THIRD).await;
        assert!(matches!(signed_in, SignInOutcome::SignedIn(_)), "{signed_in:?}");
    });
}

/// A stranger learns nothing of a freeze: without the right password, the answers and the lockout
/// are those of an address without an account.
#[test]
fn attack_own_98_without_the_password_nobody_learns_that_an_account_is_frozen() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.changed_in_session("ada", OLD, NEW).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        for _ in 0..12 {
            let [known, unknown] = ["ada@example.com", "nobody@example.com"];
            let known = format!("{:?}", world.sign_in(known, THIRD).await);
            assert_eq!(known, format!("{:?}", world.sign_in(unknown, THIRD).await));
        }
    });
}

/// The thief talks staff into a temporary password for the frozen account. Its notice goes to the
/// owner alone, and the address of the thief is off the file.
#[test]
fn attack_own_99_staff_who_are_talked_over_tell_the_owner_and_not_the_thief() {
    on_every_store(|world| async move {
        let code = stolen(&world).await;
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        let _ = recipients(&world).await;
        let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let ada = AccountId::parse("ada").unwrap();
        desk.set_temporary_password(&tenant(), &ada).await.unwrap().done().unwrap();

        let told = recipients(&world).await;
        assert_eq!(told, [(MailPurpose::PasswordChanged, "ada@example.com".to_owned())]);
        let it: Account = world.account("ada").await.unwrap();
        assert_eq!(it.addresses, [address("ada@example.com")]);
        // The owner has a new code by it.
        let code = world.freeze_code("ada@example.com").await.unwrap();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
    });
}

/// The thief's second change comes with a code for him.
#[test]
fn attack_own_100_the_code_of_a_later_change_makes_no_way_back() {
    on_every_store(|world| async move {
        let owners = stolen(&world).await;
        world.clock.advance(seconds(60));
        world.changed_in_session("ada", THIEFS, NEW).await;
        let thiefs = world.freeze_code("thief@evil.example").await.unwrap();
        world.clock.advance(seconds(60));
        let way_back = || async { world.account("ada").await.unwrap().frozen.unwrap().recover_to };
        // In whichever order they are typed.
        assert_eq!(world.freeze(&thiefs).await, FreezeOutcome::Frozen);
        assert_eq!(way_back().await, [address("thief@evil.example")]);
        assert_eq!(world.freeze(&owners).await, FreezeOutcome::Frozen);
        assert_eq!(way_back().await, [address("ada@example.com")]);
        assert_eq!(world.freeze(&thiefs).await, FreezeOutcome::Frozen);
        assert_eq!(way_back().await, [address("ada@example.com")]);
    });
}

/// The owner has lost the mailbox, and staff have given her the account at another one.
#[test]
fn attack_own_101_a_code_from_before_staff_helped_is_dead() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.reset_by("ada@example.com", THIEFS).await;
        let thiefs = world.freeze_code("ada@example.com").await.unwrap();
        world.clock.advance(seconds(600));
        moved(&world, "ada@new.example").await;
        let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let id = AccountId::parse("ada").unwrap();
        let issued = desk.assistance_code(&shop(), &id).await.unwrap().done().unwrap();
        let asked = request("ada@new.example");
        let entered = world.sspr.enter_assistance_code(&asked, &issued.code, &client(1)).await;
        let grant = entered.unwrap().granted().unwrap().grant;
        world.changed(&grant, THIRD).await;
        world.clock.advance(seconds(600));
        assert_eq!(world.freeze(&thiefs).await, FreezeOutcome::Rejected);
    });
}

/// Staff have ended the freeze with a temporary password, and the code that was used is typed again.
#[test]
fn attack_own_102_a_code_is_dead_after_a_temporary_password() {
    on_every_store(|world| async move {
        world.offer_freezes();
        world.changed_in_session("ada", OLD, NEW).await;
        let code = world.freeze_code("ada@example.com").await.unwrap();
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Frozen);
        world.clock.advance(seconds(60));
        let desk = world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let id = AccountId::parse("ada").unwrap();
        desk.set_temporary_password(&tenant(), &id).await.unwrap().done().unwrap();
        assert!(!is_frozen(&world, "ada").await);
        assert_eq!(world.freeze(&code).await, FreezeOutcome::Rejected);
    });
}
