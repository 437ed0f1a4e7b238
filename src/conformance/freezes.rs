//! The clauses about frozen accounts. A store that keeps no freezes must change nothing.

use super::{
    case_result::{CaseResult, Violation, hold, same},
    user_bench::{UserStoreBench, account, address, all, change, stamp, tenant},
};
use crate::{
    domain::{Account, AccountId, Frozen, TenantId, Timestamp},
    ports::{Applied, Freeze, PasswordChange},
};

fn at() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_007)
}

fn frozen(back: &[&str]) -> Result<Frozen, Violation> {
    let back = back.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
    Ok(Frozen::new(at(), back))
}

/// Returns the freeze of that account, as the engine requests it.
fn freeze(account: &Account, next: u8, back: &[&str]) -> Result<Freeze, Violation> {
    Ok(Freeze::new(tenant()?, account, stamp(next), Some(frozen(back)?)))
}

async fn found_by(bench: &UserStoreBench, text: &str) -> Result<Vec<Account>, Violation> {
    Ok(bench.store.find_by_address(&tenant()?, &address(text)?).await?)
}

pub(super) async fn a_freeze_replaces_stamp_and_freeze_and_nothing_else(
    bench: &UserStoreBench,
) -> CaseResult {
    let mut ada = account("ada", "ada@example.com")?;
    ada.addresses.push(address("ada@work.example")?);
    ada.last_change = Some(change(&ada, 7)?.operation);
    let bob = account("bob", "bob@example.com")?;
    bench.put(&ada).await?;
    bench.put(&bob).await?;
    let before = bench.find(&ada).await?;
    let freeze = freeze(&ada, 2, &["old@example.com", "older@example.com"])?;
    let done = bench.store.freeze(&freeze).await?;
    same("the answer to a freeze", done, bench.store.keeps_freezes())?;
    let found = bench.find(&ada).await?;
    let (stamp, kept) = if done { (freeze.next_stamp, freeze.frozen) } else { (ada.stamp, None) };
    hold(found.stamp == stamp, || "the stamp does not fit the answer".to_owned())?;
    same("the freeze, with its ways back in order", found.frozen, kept)?;
    same("addresses", found.addresses, ada.addresses)?;
    same("last change", found.last_change, before.last_change)?;
    same("locked and disabled", (found.locked, found.disabled), (true, false))?;
    hold(found.password == ada.password, || "a freeze changed the password".to_owned())?;
    let other = bench.find(&bob).await?;
    hold(other.stamp == bob.stamp && other.frozen.is_none(), || {
        "a freeze changed somebody else".to_owned()
    })
}

pub(super) async fn a_freeze_with_another_stamp_changes_nothing(
    bench: &UserStoreBench,
) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let first = freeze(&ada, 2, &["old@example.com"])?;
    let mut stale = first.clone();
    stale.expected_stamp = stamp(9);
    let mut abroad = first.clone();
    abroad.tenant = TenantId::parse("fabrikam").map_err(Violation::of)?;
    let mut nobodys = first.clone();
    nobodys.account = AccountId::parse("nobody").map_err(Violation::of)?;
    for other in [stale, abroad, nobodys] {
        same("a freeze of another state", bench.store.freeze(&other).await?, false)?;
    }
    let found = bench.find(&ada).await?;
    hold(found.stamp == ada.stamp && found.frozen.is_none(), || {
        "the answer was no, and something changed".to_owned()
    })?;
    if !bench.store.keeps_freezes() {
        return Ok(());
    }
    for _ in 0..2 {
        same("a freeze, and its repeat", bench.store.freeze(&first).await?, true)?;
    }
    let mut again = freeze(&ada, 3, &["other@example.com"])?;
    same("a freeze of the old stamp", bench.store.freeze(&again).await?, false)?;
    again.expected_stamp = first.next_stamp;
    same("a freeze of the new stamp", bench.store.freeze(&again).await?, true)?;
    same("the freeze", bench.find(&ada).await?.frozen, again.frozen)
}

pub(super) async fn a_frozen_account_is_found_by_each_way_back(
    bench: &UserStoreBench,
) -> CaseResult {
    if !bench.store.keeps_freezes() {
        return Ok(());
    }
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let back = ["old@example.com", "ada@example.com"];
    hold(bench.store.freeze(&freeze(&ada, 2, &back)?).await?, || "not frozen".to_owned())?;
    for text in back {
        let found = found_by(bench, text).await?;
        same("accounts found by a recovery address", found.len(), 1)?;
        let kept = found.into_iter().next().and_then(|account| account.frozen);
        same("the freeze that is found", kept, Some(frozen(&back)?))?;
    }
    let other = TenantId::parse("fabrikam").map_err(Violation::of)?;
    let abroad = bench.store.find_by_address(&other, &address("old@example.com")?).await?;
    hold(abroad.is_empty(), || "a recovery address of another tenant".to_owned())?;
    let read = bench.find(&ada).await?;
    let end = Freeze::new(tenant()?, &read, stamp(3), None);
    hold(bench.store.freeze(&end).await?, || "the freeze did not end".to_owned())?;
    same("the freeze after its end", bench.find(&ada).await?.frozen, None)?;
    same("by the old recovery address", found_by(bench, "old@example.com").await?.len(), 0)?;
    same("by the address on file", found_by(bench, "ada@example.com").await?.len(), 1)?;
    // A frozen account that the host puts in is found in the same way.
    let put = Account { frozen: Some(frozen(&back)?), ..ada };
    bench.put(&put).await?;
    same("of an account that was put", bench.find(&put).await?.frozen, put.frozen)?;
    same("by its recovery address", found_by(bench, "old@example.com").await?.len(), 1)
}

pub(super) async fn a_change_ends_a_freeze_and_keeps_only_the_given_addresses(
    bench: &UserStoreBench,
) -> CaseResult {
    if !bench.store.keeps_freezes() {
        return Ok(());
    }
    let mut ada = account("ada", "new@example.com")?;
    ada.addresses.push(address("ada@example.com")?);
    bench.put(&ada).await?;
    let back = ["old@example.com", "ada@example.com"];
    hold(bench.store.freeze(&freeze(&ada, 2, &back)?).await?, || "not frozen".to_owned())?;
    let read = bench.find(&ada).await?;
    let addresses = Some(frozen(&back)?.recover_to);
    let change = PasswordChange { addresses, ..change(&read, 3)? };
    let applied = bench.apply(&change).await?;
    hold(matches!(applied, Applied::Done { .. }), || format!("a change: {applied:?}"))?;
    let found = bench.find(&ada).await?;
    same("the freeze after a change", found.frozen, None)?;
    same("the addresses after it, in order", Some(found.addresses), change.addresses)?;
    for (text, count) in [("old@example.com", 1), ("ada@example.com", 1), ("new@example.com", 0)] {
        same(text, found_by(bench, text).await?.len(), count)?;
    }
    Ok(())
}

pub(super) async fn parallel_freezes_of_one_stamp_have_one_winner(
    bench: &UserStoreBench,
) -> CaseResult {
    if !bench.store.keeps_freezes() {
        return Ok(());
    }
    for round in 0..20 {
        let ada = account(&format!("ada{round}"), "ada@example.com")?;
        bench.put(&ada).await?;
        let freezes = (2..18).map(|next| freeze(&ada, next, &["old@example.com"]));
        let freezes: Vec<_> = freezes.collect::<Result<_, _>>()?;
        let done = all(freezes.iter().map(|freeze| bench.store.freeze(freeze))).await?;
        same("freezes that won", done.iter().filter(|done| **done).count(), 1)?;
        let found = bench.find(&ada).await?;
        let winner = freezes.iter().zip(&done).find(|(_, done)| **done);
        hold(winner.is_some_and(|(freeze, _)| freeze.next_stamp == found.stamp), || {
            "the stamp on file is not the winner's".to_owned()
        })?;
    }
    Ok(())
}
