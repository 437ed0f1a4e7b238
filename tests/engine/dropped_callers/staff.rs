//! Actions of staff and freezes, cut at every gate: what was done is told, and nothing else is.

use sspr::{
    AccountId, Code, Session,
    adapters::code_in,
    domain::ActorId,
    engine::{ChangeOutcome, FreezeOutcome},
    mail::MailPurpose,
    policy::{FreezeCodes, TenantPolicy},
};

use super::{Gated, Writes, at_every_gate, run};
use crate::support::{NEW, OLD, address, client, password, seconds, shop, tenant};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Freeze,
    HandOver,
    RequireChange,
    Unfreeze,
    Unlock,
}

fn ada() -> AccountId {
    AccountId::parse("ada").unwrap()
}

impl Gated {
    /// Brings the account into the state that a deed is for, and returns the code of its notice.
    async fn prepared(&self, deed: Deed) -> Code {
        let policy = TenantPolicy::customers("contoso").unwrap();
        self.policies.replace(policy.with_freeze_codes(FreezeCodes::On));
        let it = self.ada().await;
        let session = Session::new(&shop(), it.id, it.stamp);
        let (old, new) = (password(OLD), password(NEW));
        let changed = self.sspr.change(&session, &old, &new, &client(1)).await.unwrap();
        assert!(matches!(changed, ChangeOutcome::Changed(_)), "{changed:?}");
        self.let_the_courier_work().await;
        let code = self.inbox.last_to(&address("ada@second.example")).unwrap();
        let code = code_in(&code).unwrap();
        if deed == Deed::Unfreeze {
            self.clock.advance(seconds(1));
            let frozen = self.sspr.freeze(&shop(), &code, &client(1)).await.unwrap();
            assert_eq!(frozen, FreezeOutcome::Frozen);
        }
        if deed == Deed::Unlock {
            self.sign_in("a wrong password 1").await;
        }
        self.let_the_courier_work().await;
        drop(self.inbox.take());
        code
    }

    async fn act(&self, deed: Deed, code: &Code) {
        let desk = self.sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let (tenant, ada) = (tenant(), ada());
        match deed {
            Deed::Freeze => {
                self.sspr.freeze(&shop(), code, &client(1)).await.unwrap();
            }
            Deed::HandOver => drop(desk.assistance_code(&shop(), &ada).await.unwrap()),
            Deed::RequireChange => drop(desk.require_change(&tenant, &ada).await.unwrap()),
            Deed::Unfreeze => drop(desk.unfreeze(&tenant, &ada).await.unwrap()),
            Deed::Unlock => drop(desk.unlock(&tenant, &ada).await.unwrap()),
        }
    }

    /// Whether a deed was done, if anybody but its caller can tell.
    async fn is_done(&self, deed: Deed) -> Option<bool> {
        let ada = self.ada().await;
        Some(match deed {
            Deed::Freeze => ada.frozen.is_some(),
            Deed::HandOver => return None,
            Deed::RequireChange => ada.must_change,
            Deed::Unfreeze => ada.frozen.is_none(),
            Deed::Unlock => {
                let desk = self.sspr.help_desk(ActorId::parse("staff-17").unwrap());
                let (flow, typed) = (shop().user_flow, address("ada@example.com"));
                let found = desk.explain(&tenant(), &flow, &typed).await.unwrap();
                found[0].wrong_passwords == 0
            }
        })
    }
}

async fn told_wherever_it_is_cut(writes: Writes, deed: Deed) {
    at_every_gate(|at| async move {
        let world = Gated::queued(writes).await;
        let code = world.prepared(deed).await;

        let answer = world.gate.cut(at, world.act(deed, &code)).await;
        world.let_the_courier_work().await;

        let mails = world.inbox.take();
        assert!(mails.iter().all(|mail| mail.purpose == MailPurpose::AccountEvent), "{mails:?}");
        let mut told: Vec<_> = mails.iter().map(|mail| mail.to.as_str()).collect();
        told.sort_unstable();
        let everybody = match deed {
            Deed::Freeze | Deed::Unfreeze => &["ada@second.example"][..],
            _ => &["ada@example.com", "ada@second.example"],
        };
        let done = world.is_done(deed).await.unwrap_or(!told.is_empty());
        let expected = if done { everybody } else { &[] };
        assert_eq!(told, expected, "{deed:?}, cut at {at}");
        assert!(answer.is_none() || done, "{deed:?}, cut at {at}");
        answer.is_some()
    })
    .await;
}

#[test]
fn a_freeze_that_was_cut_off_is_told_if_it_has_happened() {
    run(|writes| told_wherever_it_is_cut(writes, Deed::Freeze));
}

#[test]
fn the_end_of_a_freeze_that_was_cut_off_is_told_if_it_has_happened() {
    run(|writes| told_wherever_it_is_cut(writes, Deed::Unfreeze));
}

#[test]
fn a_required_change_that_was_cut_off_is_told_if_it_has_happened() {
    run(|writes| told_wherever_it_is_cut(writes, Deed::RequireChange));
}

#[test]
fn an_end_of_a_pause_that_was_cut_off_is_told_if_it_has_happened() {
    run(|writes| told_wherever_it_is_cut(writes, Deed::Unlock));
}

#[test]
fn a_code_of_staff_whose_caller_has_left_is_told_to_all_or_to_nobody() {
    run(|writes| told_wherever_it_is_cut(writes, Deed::HandOver));
}
