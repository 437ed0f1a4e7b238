//! The suite for user stores. They find the right accounts, and a change happens once and wholly,
//! or not at all.

use super::{
    case_result::{CaseResult, Violation, hold, same},
    clauses, freezes,
    random::Random,
    user_bench::{UserStoreBench, account, address, all, change, hash, stamp, tenant},
};
use crate::{
    domain::{Account, AccountId, PhoneNumber, Stamp, TenantId, Timestamp},
    ports::{Applied, PasswordChange, StoreError},
};

clauses! {
    /// One clause of the user store's contract.
    UserStoreCase over UserStoreBench;
    /// Makes one test for each clause of the user store's contract. The argument is a function from
    /// [`UserStoreCase`](crate::conformance::UserStoreCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    user_store_conformance;
    in self:
        an_account_is_found_as_it_was_put
        every_account_on_an_address_is_found
        nobody_else_is_found
        tenants_share_no_account
        ids_and_addresses_of_any_length_are_kept
        an_account_is_read_in_one_snapshot
        a_change_replaces_hash_stamp_lock_and_last_change
        a_change_with_another_stamp_changes_nothing
        a_change_of_an_account_that_is_gone_is_stale
        a_repeated_change_answers_the_stamp_on_file
        a_change_replaces_the_mark_and_the_end_of_the_password
        parallel_changes_of_one_stamp_have_one_winner
        parallel_repeats_of_one_change_change_once
        a_rehash_replaces_only_the_hash_it_read
        a_rehash_or_a_sign_in_of_nobody_makes_no_account
        a_sign_in_leaves_the_stamp_alone
        a_required_change_sets_the_mark_and_nothing_else
        phones_are_kept_in_order_or_not_at_all;
    in freezes:
        a_freeze_replaces_stamp_and_freeze_and_nothing_else
        a_freeze_with_another_stamp_changes_nothing
        a_frozen_account_is_found_by_each_way_back
        a_change_ends_a_freeze_and_keeps_only_the_given_addresses
        parallel_freezes_of_one_stamp_have_one_winner;
}

fn is_done(applied: Applied) -> bool {
    matches!(applied, Applied::Done { .. })
}

async fn an_account_is_found_as_it_was_put(bench: &UserStoreBench) -> CaseResult {
    let mut ada = account("ada", "ada@example.com")?;
    ada.addresses.push(address("ada@work.example")?);
    bench.put(&ada).await?;
    let by_id = bench.find(&ada).await?;
    let by_first = bench.store.find_by_address(&tenant()?, &address("ada@example.com")?).await?;
    let by_second = bench.store.find_by_address(&tenant()?, &address("ada@work.example")?).await?;
    for found in by_first.iter().chain(&by_second).chain([&by_id]) {
        same("id", &found.id, &ada.id)?;
        same("addresses, in order", &found.addresses, &ada.addresses)?;
        hold(found.stamp == ada.stamp, || "the stamp came back changed".to_owned())?;
        hold(found.password == ada.password, || "the hash came back changed".to_owned())?;
        same("locked", found.locked, true)?;
        same("disabled", found.disabled, false)?;
        same("last change", found.last_change, None)?;
    }
    same("found by each address", (by_first.len(), by_second.len()), (1, 1))
}

/// A store that keeps no phones passes, and its accounts get no code by SMS.
async fn phones_are_kept_in_order_or_not_at_all(bench: &UserStoreBench) -> CaseResult {
    let number = |text| PhoneNumber::parse(text).map_err(Violation::of);
    let phones = vec![number("+14255550123")?, number("+4915123456789")?];
    let mut ada = account("ada", "ada@example.com")?;
    ada.phones.clone_from(&phones);
    bench.put(&ada).await?;
    let read = bench.find(&ada).await?;
    if read.phones.is_empty() {
        return Ok(());
    }
    same("phones, in order", &read.phones, &phones)?;
    bench.apply(&change(&read, 2)?).await?;
    let read = bench.find(&ada).await?;
    same("phones after a change", &read.phones, &phones)?;
    // Only the end of a freeze brings new addresses.
    if !bench.store.keeps_freezes() {
        return Ok(());
    }
    let addresses = Some(read.addresses.clone());
    bench.apply(&PasswordChange { addresses, ..change(&read, 3)? }).await?;
    same("phones after a change of the addresses", bench.find(&ada).await?.phones, Vec::new())
}

async fn every_account_on_an_address_is_found(bench: &UserStoreBench) -> CaseResult {
    for id in ["one", "two", "three"] {
        bench.put(&account(id, "shared@example.com")?).await?;
    }
    let found = bench.store.find_by_address(&tenant()?, &address("shared@example.com")?).await?;
    let mut ids: Vec<&str> = found.iter().map(|account| account.id.as_str()).collect();
    ids.sort_unstable();
    same("accounts on one address", ids, vec!["one", "three", "two"])
}

async fn nobody_else_is_found(bench: &UserStoreBench) -> CaseResult {
    bench.put(&account("ada", "ada@example.com")?).await?;
    for other in ["ad_@example.com", "%@example.com", "ada@example.co", "bob@example.com"] {
        let found = bench.store.find_by_address(&tenant()?, &address(other)?).await?;
        hold(found.is_empty(), || format!("{other} finds ada@example.com"))?;
    }
    let unknown = AccountId::parse("ad").map_err(Violation::of)?;
    hold(bench.store.find(&tenant()?, &unknown).await?.is_none(), || {
        "an id that nobody has is found".to_owned()
    })
}

async fn tenants_share_no_account(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let other = TenantId::parse("fabrikam").map_err(Violation::of)?;
    let by_address = bench.store.find_by_address(&other, &address("ada@example.com")?).await?;
    let by_id = bench.store.find(&other, &ada.id).await?;
    hold(by_address.is_empty() && by_id.is_none(), || {
        "a tenant finds another one's account".to_owned()
    })?;
    let mut change = change(&ada, 2)?;
    change.tenant = other;
    same("a reset in another tenant", bench.apply(&change).await?, Applied::Stale)
}

async fn ids_and_addresses_of_any_length_are_kept(bench: &UserStoreBench) -> CaseResult {
    let mail = format!("{}@{}.example", "a".repeat(64), "b".repeat(60));
    let ids = ["x".repeat(128), "Ü".repeat(64), "A".to_owned(), "a".to_owned(), "' --".to_owned()];
    for id in &ids {
        bench.put(&account(id, &mail)?).await?;
    }
    for id in &ids {
        let found = bench.find(&account(id, &mail)?).await?;
        same("id", found.id.as_str(), id)?;
    }
    let found = bench.store.find_by_address(&tenant()?, &address(&mail)?).await?;
    same("accounts on the longest address", found.len(), ids.len())
}

async fn an_account_is_read_in_one_snapshot(bench: &UserStoreBench) -> CaseResult {
    let mut old = account("ada", "ada@example.com")?;
    let mut new = Account { stamp: stamp(2), ..old.clone() };
    new.addresses = vec![address("ada@work.example")?, address("ada@example.com")?];
    old.addresses.push(address("ada@home.example")?);
    bench.put(&old).await?;
    let (tenant, shared) = (tenant()?, address("ada@example.com")?);
    let whole = |found: &Account| {
        [&old, &new].iter().any(|it| it.stamp == found.stamp && it.addresses == found.addresses)
    };
    for round in 0..40 {
        let next = if round % 2 == 0 { &new } else { &old };
        let put = bench.put(next);
        let reads = futures_util::future::join_all((0..8).map(|_| async {
            let by_id = bench.store.find(&tenant, &old.id).await?;
            let by_address = bench.store.find_by_address(&tenant, &shared).await?;
            Ok::<_, StoreError>([by_id.into_iter().collect(), by_address])
        }));
        let (reads, put) = futures_util::future::join(reads, put).await;
        put?;
        for found in reads {
            for accounts in found? {
                let accounts: Vec<Account> = accounts;
                same("accounts that are found", accounts.len(), 1)?;
                hold(accounts.iter().all(whole), || {
                    "the stamp of one write, the addresses of another".to_owned()
                })?;
            }
        }
    }
    Ok(())
}

async fn a_change_replaces_hash_stamp_lock_and_last_change(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    let bob = account("bob", "bob@example.com")?;
    bench.put(&ada).await?;
    bench.put(&bob).await?;
    let change = change(&ada, 2)?;
    let applied = bench.apply(&change).await?;
    hold(is_done(applied), || format!("a reset with the right stamp: {applied:?}"))?;
    let found = bench.find(&ada).await?;
    hold(found.password.as_ref() == Some(&change.password), || "the old hash stands".to_owned())?;
    hold(found.stamp == change.next_stamp, || "the stamp is not the next one".to_owned())?;
    same("locked", found.locked, false)?;
    same("last change", found.last_change, Some(change.operation))?;
    same("addresses", found.addresses, ada.addresses)?;
    let other = bench.find(&bob).await?;
    hold(other.stamp == bob.stamp && other.password == bob.password && other.locked, || {
        "a reset changed somebody else".to_owned()
    })
}

async fn a_change_with_another_stamp_changes_nothing(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let mut change = change(&ada, 2)?;
    change.expected_stamp = stamp(9);
    same("a reset with another stamp", bench.apply(&change).await?, Applied::Stale)?;
    let found = bench.find(&ada).await?;
    let unchanged = found.stamp == ada.stamp && found.password == ada.password;
    hold(unchanged && found.locked && found.last_change.is_none(), || {
        "Stale, and something changed".to_owned()
    })
}

async fn a_change_of_an_account_that_is_gone_is_stale(bench: &UserStoreBench) -> CaseResult {
    let nobody = account("nobody", "nobody@example.com")?;
    let applied = bench.apply(&change(&nobody, 2)?).await?;
    same("a reset of nobody", applied, Applied::Stale)?;
    hold(bench.store.find(&tenant()?, &nobody.id).await?.is_none(), || {
        "a reset made an account".to_owned()
    })
}

async fn a_repeated_change_answers_the_stamp_on_file(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let first = change(&ada, 2)?;
    hold(is_done(bench.apply(&first).await?), || "the first time".to_owned())?;
    // The engine draws another stamp and another salt when it asks again.
    let again = PasswordChange { next_stamp: stamp(3), password: hash(3)?, ..first.clone() };
    let on_file = Applied::Repeated { stamp: first.next_stamp };
    for repeat in [&first, &again] {
        same("the same reset once more", bench.apply(repeat).await?, on_file)?;
    }
    let after = PasswordChange { expected_stamp: first.next_stamp, ..again };
    same("with the stamp it made", bench.apply(&after).await?, on_file)?;
    let found = bench.find(&ada).await?;
    hold(found.stamp == first.next_stamp && found.password == Some(first.password), || {
        "a repeated reset changed the account".to_owned()
    })
}

async fn a_change_replaces_the_mark_and_the_end_of_the_password(
    bench: &UserStoreBench,
) -> CaseResult {
    if !bench.store.keeps_marks() {
        return Ok(());
    }
    let mut ada = account("ada", "ada@example.com")?;
    let end = Timestamp::from_micros(1_800_000_000_000_001);
    (ada.must_change, ada.password_expires_at) = (true, Some(end));
    bench.put(&ada).await?;
    let marks = |account: &Account| (account.must_change, account.password_expires_at);
    same("the marks that were put", marks(&bench.find(&ada).await?), (true, Some(end)))?;
    let lasting = change(&ada, 2)?;
    hold(is_done(bench.apply(&lasting).await?), || "a change to a lasting password".to_owned())?;
    let found = bench.find(&ada).await?;
    same("the marks after a change to a lasting password", marks(&found), (false, None))?;
    let end = Timestamp::from_micros(1_900_000_000_000_003);
    let temporary =
        PasswordChange { must_change: true, password_expires_at: Some(end), ..change(&found, 3)? };
    hold(is_done(bench.apply(&temporary).await?), || "a change to a temporary one".to_owned())?;
    let found = bench.find(&ada).await?;
    same("the marks after a change to a temporary password", marks(&found), (true, Some(end)))
}

async fn parallel_changes_of_one_stamp_have_one_winner(bench: &UserStoreBench) -> CaseResult {
    for round in 0..20 {
        let ada = account(&format!("ada{round}"), "ada@example.com")?;
        bench.put(&ada).await?;
        let changes: Vec<_> = (2..18).map(|reset| change(&ada, reset)).collect::<Result<_, _>>()?;
        let applied = all(changes.iter().map(|change| bench.apply(change))).await?;
        same("resets that won", applied.iter().filter(|it| is_done(**it)).count(), 1)?;
        let winner = changes.iter().zip(&applied).find(|(_, it)| is_done(**it));
        let found = bench.find(&ada).await?;
        hold(winner.is_some_and(|(change, _)| change.next_stamp == found.stamp), || {
            "the stamp on file is not the winner's".to_owned()
        })?;
    }
    Ok(())
}

async fn parallel_repeats_of_one_change_change_once(bench: &UserStoreBench) -> CaseResult {
    let mut random = Random::new(1);
    for round in 0..20 {
        let ada = account(&format!("ada{round}"), "ada@example.com")?;
        bench.put(&ada).await?;
        let first = change(&ada, 2)?;
        let repeats: Vec<_> = (0..16)
            .map(|_| PasswordChange {
                next_stamp: Stamp::from_bytes(random.bytes()),
                ..first.clone()
            })
            .collect();
        let applied = all(repeats.iter().map(|change| bench.apply(change))).await?;
        same("changes", applied.iter().filter(|it| is_done(**it)).count(), 1)?;
        let on_file = bench.find(&ada).await?.stamp;
        let told = applied.iter().all(|it| match it {
            Applied::Repeated { stamp } => *stamp == on_file,
            other => is_done(*other),
        });
        hold(told, || format!("repeats that race the change: {applied:?}"))?;
    }
    Ok(())
}

async fn a_rehash_replaces_only_the_hash_it_read(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let tenant = tenant()?;
    let wrong = bench.store.rehash(&tenant, &ada.id, &hash(7)?, &hash(8)?).await?;
    hold(!wrong && bench.find(&ada).await?.password == ada.password, || {
        "a rehash replaced a hash that it had not read".to_owned()
    })?;
    let done = bench.store.rehash(&tenant, &ada.id, &hash(1)?, &hash(8)?).await?;
    let found = bench.find(&ada).await?;
    let expected = if done { Some(hash(8)?) } else { ada.password };
    hold(found.password == expected, || format!("rehash answered {done}, and lied"))?;
    hold(found.stamp == ada.stamp, || "a rehash changed the stamp".to_owned())
}

async fn a_rehash_or_a_sign_in_of_nobody_makes_no_account(bench: &UserStoreBench) -> CaseResult {
    let nobody = account("nobody", "nobody@example.com")?;
    let tenant = tenant()?;
    let done = bench.store.rehash(&tenant, &nobody.id, &hash(1)?, &hash(8)?).await?;
    bench.store.signed_in(&tenant, &nobody.id, Timestamp::from_micros(1)).await?;
    let found = bench.store.find(&tenant, &nobody.id).await?;
    hold(!done && found.is_none(), || "nobody was changed, or became somebody".to_owned())
}

async fn a_required_change_sets_the_mark_and_nothing_else(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    let marked = bench.store.require_change(&tenant()?, &ada.id).await?;
    same("whether it was marked", marked, bench.store.keeps_marks())?;
    let found = bench.find(&ada).await?;
    same("the mark, which is what the answer says", found.must_change, marked)?;
    hold(found.stamp == ada.stamp && found.password == ada.password && found.locked, || {
        "a required change changed more than the mark".to_owned()
    })?;
    let nobody = AccountId::parse("nobody").map_err(Violation::of)?;
    let marked = bench.store.require_change(&tenant()?, &nobody).await?;
    same("the answer for an account that does not exist", marked, false)?;
    hold(bench.store.find(&tenant()?, &nobody).await?.is_none(), || {
        "a required change made an account".to_owned()
    })
}

async fn a_sign_in_leaves_the_stamp_alone(bench: &UserStoreBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.put(&ada).await?;
    bench.store.signed_in(&tenant()?, &ada.id, Timestamp::from_micros(1)).await?;
    let found = bench.find(&ada).await?;
    hold(found.stamp == ada.stamp && found.password == ada.password, || {
        "a sign-in changed stamp or hash".to_owned()
    })
}
