//! User stores and outboxes that are broken in one way each.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use sspr::{
    conformance::*,
    domain::{Account, AccountId, EmailAddress, PasswordHash, TenantId, Timestamp},
    ports::{
        Applied, Freeze, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeCause, NoticeDelivery,
        NoticeId, NoticeRecipient, Outbox, PasswordChange, StoreError, UserStore,
    },
};

/// What is wrong with a user store and its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    // The user store.
    FindsOneAccountOfAnAddress,
    TenantsShareAccounts,
    ReadsInTwoSteps,
    KeepsTheLock,
    KeepsTheMark,
    ForgetsTheEndOfThePassword,
    IgnoresTheStamp,
    ARepeatChangesAgain,
    ReadsThenWrites,
    ARehashIgnoresTheOldHash,
    ARehashMakesAnAccount,
    ASignInMakesAnAccount,
    ASignInChangesTheStamp,
    ARequiredChangeEndsTheSessions,
    ARequiredChangeIsForgotten,
    AFreezeKeepsTheStamp,
    AFreezeTakesTheAddresses,
    AFreezeIgnoresTheStamp,
    ARepeatedFreezeIsRefused,
    AFreezeReadsThenWrites,
    AWayBackFindsNothing,
    AChangeKeepsTheFreeze,
    AChangeKeepsTheAddresses,
    // The outbox.
    ForgetsTheOperation,
    TellsMailboxesAlone,
    TellsOneAddress,
    AStaleChangeTells,
    ForgetsTheCause,
    ForgetsTheLanguage,
    ALeaseIsShort,
    ALeaseIsLong,
    GoesByNumber,
    GoesByTheFirstDueTime,
    PuttingOffIsNothing,
    PhonesComeInAnotherOrder,
    AChangeTakesThePhones,
    NewAddressesKeepThePhones,
    PuttingOffOnlyLengthens,
    PuttingOffForgetsTheTries,
    PuttingOffForgetsTheCause,
    PuttingOffBringsBack,
    WaitsForTheOldFuture,
    EveryOlderClockEndsALease,
    WhatIsDoneComesBack,
    AnUnknownIdIsTheFirst,
    IgnoresTheLimit,
    LeasesInTwoSteps,
}

use Fault::*;

/// Each fault of a user store, and the clause that names it.
const USERS: [(Fault, &str); 26] = [
    (FindsOneAccountOfAnAddress, "every_account_on_an_address_is_found"),
    (TenantsShareAccounts, "tenants_share_no_account"),
    (ReadsInTwoSteps, "an_account_is_read_in_one_snapshot"),
    (KeepsTheLock, "a_change_replaces_hash_stamp_lock_and_last_change"),
    (KeepsTheMark, "a_change_replaces_the_mark_and_the_end_of_the_password"),
    (ForgetsTheEndOfThePassword, "a_change_replaces_the_mark_and_the_end_of_the_password"),
    (IgnoresTheStamp, "a_change_with_another_stamp_changes_nothing"),
    (ARepeatChangesAgain, "a_repeated_change_answers_the_stamp_on_file"),
    (ReadsThenWrites, "parallel_changes_of_one_stamp_have_one_winner"),
    (ARehashIgnoresTheOldHash, "a_rehash_replaces_only_the_hash_it_read"),
    (ARehashMakesAnAccount, "a_rehash_or_a_sign_in_of_nobody_makes_no_account"),
    (ASignInMakesAnAccount, "a_rehash_or_a_sign_in_of_nobody_makes_no_account"),
    (ASignInChangesTheStamp, "a_sign_in_leaves_the_stamp_alone"),
    (ARequiredChangeEndsTheSessions, "a_required_change_sets_the_mark_and_nothing_else"),
    (ARequiredChangeIsForgotten, "a_required_change_sets_the_mark_and_nothing_else"),
    (AFreezeKeepsTheStamp, "a_freeze_replaces_stamp_and_freeze_and_nothing_else"),
    (AFreezeTakesTheAddresses, "a_freeze_replaces_stamp_and_freeze_and_nothing_else"),
    (AFreezeIgnoresTheStamp, "a_freeze_with_another_stamp_changes_nothing"),
    (ARepeatedFreezeIsRefused, "a_freeze_with_another_stamp_changes_nothing"),
    (AFreezeReadsThenWrites, "parallel_freezes_of_one_stamp_have_one_winner"),
    (AWayBackFindsNothing, "a_frozen_account_is_found_by_each_way_back"),
    (AChangeKeepsTheFreeze, "a_change_ends_a_freeze_and_keeps_only_the_given_addresses"),
    (AChangeKeepsTheAddresses, "a_change_ends_a_freeze_and_keeps_only_the_given_addresses"),
    (PhonesComeInAnotherOrder, "phones_are_kept_in_order_or_not_at_all"),
    (AChangeTakesThePhones, "phones_are_kept_in_order_or_not_at_all"),
    (NewAddressesKeepThePhones, "phones_are_kept_in_order_or_not_at_all"),
];

/// Each fault of an outbox, and the clause that names it.
const OUTBOXES: [(Fault, &str); 21] = [
    (TellsOneAddress, "a_change_queues_a_notice_for_each_address"),
    (TellsMailboxesAlone, "a_notice_to_a_phone_keeps_its_number"),
    (AStaleChangeTells, "a_change_that_did_not_happen_queues_nothing"),
    (ForgetsTheCause, "a_notice_says_what_the_change_said"),
    (ForgetsTheLanguage, "a_notice_says_what_the_change_said"),
    (ForgetsTheOperation, "a_notice_says_what_the_change_said"),
    (ALeaseIsShort, "a_lease_ends_after_a_minute_to_the_microsecond"),
    (ALeaseIsLong, "a_lease_ends_after_a_minute_to_the_microsecond"),
    (GoesByNumber, "the_notice_that_is_due_longest_goes_first"),
    (GoesByTheFirstDueTime, "notices_that_are_put_off_never_hold_up_the_others"),
    (PuttingOffIsNothing, "a_postponed_notice_waits_for_its_time_to_the_microsecond"),
    (PuttingOffOnlyLengthens, "a_postponed_notice_waits_for_its_time_to_the_microsecond"),
    (PuttingOffForgetsTheTries, "a_postponed_notice_keeps_what_it_says_and_how_often_it_was_tried"),
    (PuttingOffForgetsTheCause, "a_postponed_notice_keeps_what_it_says_and_how_often_it_was_tried"),
    (PuttingOffBringsBack, "what_is_done_cannot_be_put_off"),
    (WaitsForTheOldFuture, "a_clock_that_stepped_back_hides_no_notice"),
    (EveryOlderClockEndsALease, "a_clock_that_is_a_little_behind_ends_no_lease"),
    (WhatIsDoneComesBack, "what_is_done_never_comes_back"),
    (AnUnknownIdIsTheFirst, "an_unknown_notice_is_nothing"),
    (IgnoresTheLimit, "the_limit_of_due_is_honoured"),
    (LeasesInTwoSteps, "parallel_couriers_never_hold_one_notice"),
];

#[derive(Clone)]
struct Waiting {
    notice: Notice,
    first_due: Timestamp,
    due_at: Timestamp,
    set_at: Timestamp,
    done: bool,
}

#[derive(Default)]
struct Tables {
    accounts: BTreeMap<(String, String), Account>,
    notices: Vec<Waiting>,
}

/// A small right store, with one fault. Clones share it.
#[derive(Clone)]
struct Broken {
    fault: Fault,
    tables: Arc<Mutex<Tables>>,
}

/// Lets other callers come in between.
async fn gap() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self { fault, tables: Arc::default() }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn with<T>(&self, act: impl FnOnce(&mut Tables) -> T) -> T {
        act(&mut self.tables.lock().unwrap())
    }

    fn key(&self, tenant: &TenantId, id: &AccountId) -> (String, String) {
        let tenant = if self.is(TenantsShareAccounts) { "" } else { tenant.as_str() };
        (tenant.to_owned(), id.as_str().to_owned())
    }

    fn put(&self) -> PutAccount {
        let store = self.clone();
        Arc::new(move |tenant, account| {
            let key = store.key(&tenant, &account.id);
            store.with(|tables| tables.accounts.insert(key, account));
            Box::pin(async { Ok(()) })
        })
    }

    /// What was read, with the addresses of a second look.
    async fn looked_at_again(&self, key: &(String, String), mut first: Account) -> Account {
        if self.is(PhonesComeInAnotherOrder) {
            first.phones.reverse();
        }
        if !self.is(ReadsInTwoSteps) {
            return first;
        }
        gap().await;
        let again = self.with(|tables| tables.accounts.get(key).cloned());
        first.addresses = again.map_or_else(Vec::new, |again| again.addresses);
        first
    }

    fn decide(&self, found: Option<&Account>, change: &PasswordChange) -> Option<Applied> {
        let Some(found) = found else { return Some(Applied::Stale) };
        if found.last_change == Some(change.operation) && !self.is(ARepeatChangesAgain) {
            return Some(Applied::Repeated { stamp: found.stamp });
        }
        let stale = found.stamp != change.expected_stamp;
        let ignored = self.is(IgnoresTheStamp) || self.is(ARepeatChangesAgain);
        (stale && !ignored).then_some(Applied::Stale)
    }

    fn tell(&self, tables: &mut Tables, change: &PasswordChange) {
        let most = if self.is(TellsOneAddress) { 1 } else { usize::MAX };
        let told = change.notify.iter().take(most);
        let is_left_out =
            |it: &&NoticeRecipient| self.is(TellsMailboxesAlone) && it.to.address().is_none();
        for recipient in told.filter(|it| !is_left_out(it)) {
            let id = NoticeId(tables.notices.len().to_string());
            let (tenant, to) = (change.tenant.clone(), recipient.to.clone());
            let mut notice = Notice::new(id, tenant, to, change.at);
            if !self.is(ForgetsTheCause) {
                notice.cause = recipient.cause;
            }
            if !self.is(ForgetsTheLanguage) {
                notice.language.clone_from(&change.language);
            }
            notice.account = Some(change.account.clone());
            notice.operation = Some(change.operation).filter(|_| !self.is(ForgetsTheOperation));
            let at = change.at;
            tables.notices.push(Waiting {
                done: false,
                due_at: at,
                first_due: at,
                notice,
                set_at: at,
            });
        }
    }

    fn number(&self, id: &NoticeId) -> usize {
        let unknown = if self.is(AnUnknownIdIsTheFirst) { 0 } else { usize::MAX };
        id.0.parse().unwrap_or(unknown)
    }
}

#[async_trait]
impl UserStore for Broken {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        let nobody = AccountId::parse("nobody").unwrap();
        let (of_tenant, _) = self.key(tenant, &nobody);
        let mut found: Vec<_> = self.with(|tables| {
            let accounts = tables.accounts.iter();
            let known = accounts.filter(|((tenant, _), account)| {
                let back = account.frozen.as_ref().filter(|_| !self.is(AWayBackFindsNothing));
                let is_back = back.is_some_and(|frozen| frozen.recover_to.contains(address));
                *tenant == of_tenant && (account.addresses.contains(address) || is_back)
            });
            known.map(|(key, account)| (key.clone(), account.clone())).collect()
        });
        if self.is(FindsOneAccountOfAnAddress) {
            found.truncate(1);
        }
        let mut accounts = Vec::new();
        for (key, account) in found {
            accounts.push(self.looked_at_again(&key, account).await);
        }
        Ok(accounts)
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let key = self.key(tenant, account);
        let Some(first) = self.with(|tables| tables.accounts.get(&key).cloned()) else {
            return Ok(None);
        };
        Ok(Some(self.looked_at_again(&key, first).await))
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let key = self.key(&change.tenant, &change.account);
        if self.is(ReadsThenWrites) {
            let found = self.with(|tables| tables.accounts.get(&key).cloned());
            if let Some(refused) = self.decide(found.as_ref(), change) {
                return Ok(refused);
            }
            gap().await;
        }
        Ok(self.with(|tables| {
            let found = tables.accounts.get_mut(&key);
            let refused = self.decide(found.as_deref(), change);
            if let (Some(refused), false) = (refused, self.is(ReadsThenWrites)) {
                if self.is(AStaleChangeTells) {
                    self.tell(tables, change);
                }
                return refused;
            }
            let Some(account) = found else { return Applied::Stale };
            account.password = Some(change.password.clone());
            account.stamp = change.next_stamp;
            account.locked &= self.is(KeepsTheLock);
            account.last_change = Some(change.operation);
            account.must_change = change.must_change || self.is(KeepsTheMark);
            account.password_expires_at =
                change.password_expires_at.filter(|_| !self.is(ForgetsTheEndOfThePassword));
            if !self.is(AChangeKeepsTheFreeze) {
                account.frozen = None;
            }
            if let (Some(addresses), false) = (&change.addresses, self.is(AChangeKeepsTheAddresses))
            {
                account.addresses.clone_from(addresses);
            }
            let keeps_phones = match change.addresses {
                Some(_) => self.is(NewAddressesKeepThePhones),
                None => !self.is(AChangeTakesThePhones),
            };
            if !keeps_phones {
                account.phones.clear();
            }
            self.tell(tables, change);
            Applied::Done { notice: NoticeDelivery::Queued }
        }))
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let key = self.key(tenant, account);
        Ok(self.with(|tables| {
            let Some(found) = tables.accounts.get_mut(&key) else { return false };
            found.must_change = !self.is(ARequiredChangeIsForgotten);
            if self.is(ARequiredChangeEndsTheSessions) {
                found.stamp = sspr::domain::Stamp::from_bytes([98; 16]);
            }
            true
        }))
    }

    fn keeps_freezes(&self) -> bool {
        true
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        let key = self.key(&freeze.tenant, &freeze.account);
        let is_stale = |account: &Account| {
            account.stamp != freeze.expected_stamp && !self.is(AFreezeIgnoresTheStamp)
        };
        if self.is(AFreezeReadsThenWrites) {
            let found = self.with(|tables| tables.accounts.get(&key).cloned());
            if found.as_ref().is_none_or(is_stale) {
                return Ok(found.is_some_and(|found| found.stamp == freeze.next_stamp));
            }
            gap().await;
        }
        Ok(self.with(|tables| {
            let Some(account) = tables.accounts.get_mut(&key) else { return false };
            if is_stale(account) && !self.is(AFreezeReadsThenWrites) {
                return account.stamp == freeze.next_stamp && !self.is(ARepeatedFreezeIsRefused);
            }
            if !self.is(AFreezeKeepsTheStamp) {
                account.stamp = freeze.next_stamp;
            }
            if let (Some(frozen), true) = (&freeze.frozen, self.is(AFreezeTakesTheAddresses)) {
                account.addresses.clone_from(&frozen.recover_to);
            }
            account.frozen.clone_from(&freeze.frozen);
            true
        }))
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let key = self.key(tenant, account);
        Ok(self.with(|tables| {
            if self.is(ARehashMakesAnAccount) {
                tables.accounts.entry(key.clone()).or_insert_with(|| made(account));
            }
            let Some(found) = tables.accounts.get_mut(&key) else { return false };
            let same = found.password.as_ref() == Some(old) || self.is(ARehashIgnoresTheOldHash);
            if same {
                found.password = Some(new.clone());
            }
            same
        }))
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        let key = self.key(tenant, account);
        self.with(|tables| {
            if self.is(ASignInMakesAnAccount) {
                tables.accounts.entry(key.clone()).or_insert_with(|| made(account));
            }
            if let (Some(found), true) =
                (tables.accounts.get_mut(&key), self.is(ASignInChangesTheStamp))
            {
                found.stamp = sspr::domain::Stamp::from_bytes([99; 16]);
            }
        });
        Ok(())
    }
}

fn made(id: &AccountId) -> Account {
    let address = EmailAddress::parse("made@example.com").unwrap();
    Account::new(id.clone(), address, sspr::domain::Stamp::from_bytes([0; 16]))
}

#[async_trait]
impl Outbox for Broken {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let lease = match self.fault {
            ALeaseIsShort => NOTICE_LEASE - Duration::from_micros(1),
            ALeaseIsLong => NOTICE_LEASE + Duration::from_micros(1),
            _ => NOTICE_LEASE,
        };
        let slack = match self.fault {
            EveryOlderClockEndsALease => Duration::ZERO,
            WaitsForTheOldFuture => Duration::from_secs(1_000_000),
            _ => NOTICE_CLOCK_SLACK,
        };
        let is_due = |it: &Waiting| {
            (!it.done || self.is(WhatIsDoneComesBack))
                && (it.due_at <= now || it.set_at > now.after(slack))
        };
        let mut due: Vec<usize> = self.with(|tables| {
            (0..tables.notices.len()).filter(|at| is_due(&tables.notices[*at])).collect()
        });
        self.with(|tables| {
            due.sort_by_key(|at| match self.fault {
                GoesByNumber => Timestamp::MAX,
                GoesByTheFirstDueTime => tables.notices[*at].first_due,
                _ => tables.notices[*at].due_at,
            });
        });
        if !self.is(IgnoresTheLimit) {
            due.truncate(limit);
        }
        if self.is(LeasesInTwoSteps) {
            gap().await;
        }
        Ok(self.with(|tables| {
            let leased = due.into_iter().map(|at| {
                let waiting = &mut tables.notices[at];
                (waiting.due_at, waiting.set_at) = (now.after(lease), now);
                waiting.notice.clone()
            });
            leased.collect()
        }))
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let number = self.number(id);
        self.with(|tables| {
            let Some(waiting) = tables.notices.get_mut(number) else { return };
            if waiting.done && !self.is(PuttingOffBringsBack) || self.is(PuttingOffIsNothing) {
                return;
            }
            waiting.done = false;
            let longer = self.is(PuttingOffOnlyLengthens);
            waiting.due_at = if longer { until.latest(waiting.due_at) } else { until };
            waiting.set_at = now;
            if !self.is(PuttingOffForgetsTheTries) {
                waiting.notice.tries = tries;
            }
            if self.is(PuttingOffForgetsTheCause) {
                waiting.notice.cause = NoticeCause::Unknown;
            }
        });
        Ok(())
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        let number = self.number(id);
        self.with(|tables| {
            if let Some(waiting) = tables.notices.get_mut(number) {
                waiting.done = true;
            }
        });
        Ok(())
    }
}

fn check_users(fault: Fault, name: &str) -> CaseResult {
    let store = Broken::new(fault);
    let put = store.put();
    let case = UserStoreCase::named(name).unwrap();
    block_on(case.check(&UserStoreBench::new(store, put)))
}

fn check_outbox(fault: Fault, name: &str) -> CaseResult {
    let store = Broken::new(fault);
    let put = store.put();
    let case = OutboxCase::named(name).unwrap();
    block_on(case.check(&OutboxBench::new(store.clone(), store, put)))
}

#[expect(clippy::print_stdout, reason = "prints the table of PROOFS.md")]
fn caught(checks: &[(Fault, &'static str)], check: impl Fn(Fault, &str) -> CaseResult) {
    let mut missed = Vec::new();
    for (fault, name) in checks {
        match check(*fault, name) {
            Ok(()) => missed.push(format!("{fault:?} passes {name}")),
            Err(violation) => {
                assert_eq!(violation.case(), *name);
                println!("| {} | `{name}` |", super::spelled(&format!("{fault:?}")));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn each_broken_user_store_is_caught_by_the_clause_that_names_its_fault() {
    caught(&USERS, check_users);
}

#[test]
fn each_broken_outbox_is_caught_by_the_clause_that_names_its_fault() {
    caught(&OUTBOXES, check_outbox);
}

#[test]
fn a_right_user_store_with_an_outbox_passes() {
    for case in UserStoreCase::all() {
        check_users(Nothing, case.name()).unwrap();
    }
    for case in OutboxCase::all() {
        check_outbox(Nothing, case.name()).unwrap();
    }
}
