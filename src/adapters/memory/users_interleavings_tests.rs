//! Every interleaving of a few calls on one user store.

use futures_util::FutureExt;

use super::*;
use crate::{
    domain::{NoticeCause, RecordId, Stamp},
    ports::NoticeRecipient,
    sync::{Model, explore, with},
};

const BEFORE: Stamp = Stamp::from_bytes([0; 16]);
const NOW: Timestamp = Timestamp::from_micros(0);

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn ada() -> AccountId {
    AccountId::parse("ada").unwrap()
}

fn hash(number: u8) -> PasswordHash {
    PasswordHash::parse(&format!("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$hash{number}")).unwrap()
}

/// Returns the change that reset `number` makes to the original account.
fn change(number: u8) -> PasswordChange {
    PasswordChange {
        account: ada(),
        addresses: None,
        at: NOW,
        expected_stamp: BEFORE,
        language: None,
        must_change: false,
        next_stamp: Stamp::from_bytes([number; 16]),
        notify: vec![NoticeRecipient::new(
            EmailAddress::parse("ada@x.example").unwrap(),
            NoticeCause::CodeSentHere,
        )],
        operation: RecordId::from_bytes([number; RecordId::BYTES]),
        password: hash(number),
        password_expires_at: None,
        tenant: tenant(),
    }
}

/// Returns the answer of a call, which never waits in this store.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().unwrap()
}

impl MemoryUsers {
    fn of_ada() -> Arc<Self> {
        let users = Self::new();
        let mut account =
            Account::new(ada(), EmailAddress::parse("ada@x.example").unwrap(), BEFORE);
        account.password = Some(hash(0));
        users.insert(&tenant(), account);
        Arc::new(users)
    }

    fn applies(&self, number: u8) -> &'static str {
        match now(self.apply_change(&change(number))).unwrap() {
            Applied::Done { .. } => "done",
            Applied::Repeated { .. } => "repeated",
            Applied::Stale => "stale",
        }
    }

    /// Returns which password and stamp are on file, and how many notices wait.
    fn state(&self) -> (u8, u8, usize) {
        let account = now(self.find(&tenant(), &ada())).unwrap().unwrap();
        let password = (0..9).find(|number| account.password == Some(hash(*number))).unwrap();
        (password, account.stamp.as_bytes()[0], self.lock().notices.len())
    }
}

#[test]
fn of_two_resets_one_is_done_and_the_other_stale() {
    let seen = explore(|| {
        let users = MemoryUsers::of_ada();
        let apply = |number| with(&users, move |users| users.applies(number));
        Model { threads: vec![apply(1), apply(2)], end: with(&users, MemoryUsers::state) }
    });

    let expected = [(vec!["done", "stale"], (1, 1, 1)), (vec!["stale", "done"], (2, 2, 1))];
    assert_eq!(seen, expected.into());
}

#[test]
fn one_reset_that_is_applied_by_many_is_done_once_and_repeated() {
    let seen = explore(|| {
        let users = MemoryUsers::of_ada();
        let apply = || with(&users, |users| users.applies(1));
        let threads = vec![apply(), apply(), apply()];
        Model { threads, end: with(&users, MemoryUsers::state) }
    });

    assert_eq!(seen.len(), 3, "each is the first one once");
    for (mut answers, end) in seen {
        answers.sort_unstable();
        assert_eq!((answers, end), (vec!["done", "repeated", "repeated"], (1, 1, 1)));
    }
}

#[test]
fn a_hash_made_anew_never_undoes_a_reset() {
    let seen = explore(|| {
        let users = MemoryUsers::of_ada();
        let rehash = |users: &MemoryUsers| {
            let done = now(users.rehash(&tenant(), &ada(), &hash(0), &hash(7))).unwrap();
            if done { "done" } else { "too late" }
        };
        let threads = vec![with(&users, |users| users.applies(1)), with(&users, rehash)];
        Model { threads, end: with(&users, MemoryUsers::state) }
    });

    let expected = [(vec!["done", "done"], (1, 1, 1)), (vec!["done", "too late"], (1, 1, 1))];
    assert_eq!(seen, expected.into());
}

#[test]
fn a_notice_is_handed_to_one_courier() {
    let seen = explore(|| {
        let users = MemoryUsers::of_ada();
        let due = |users: &MemoryUsers| {
            let taken = now(users.due(NOW, 9)).unwrap();
            taken.iter().for_each(|notice| now(users.done(&notice.id)).unwrap());
            taken.len()
        };
        let apply = |users: &MemoryUsers| {
            assert_eq!(users.applies(1), "done");
            0
        };
        let threads = vec![with(&users, due), with(&users, due), with(&users, apply)];
        Model { threads, end: with(&users, |users| users.state().2) }
    });

    let expected = [(vec![0, 0, 0], 1), (vec![0, 1, 0], 0), (vec![1, 0, 0], 0)];
    assert_eq!(seen, expected.into());
}

#[test]
fn an_account_that_moves_is_found_by_its_old_address_or_its_new_one() {
    let address = |text| EmailAddress::parse(text).unwrap();
    let seen = explore(move || {
        let users = MemoryUsers::of_ada();
        let threads = vec![
            with(&users, move |users| {
                let there = |text| {
                    let found = now(users.find_by_address(&tenant(), &address(text))).unwrap();
                    found.iter().all(|it| it.addresses == [address(text)]).then_some(found.len())
                };
                (there("ada@x.example"), there("new@x.example"))
            }),
            with(&users, move |users| {
                let moved =
                    |account: &mut Account| account.addresses = vec![address("new@x.example")];
                users.update(&tenant(), &ada(), moved);
                (None, None)
            }),
        ];
        Model { threads, end: with(&users, |users| users.lock().by_address.len()) }
    });

    let seen: Vec<_> = seen.into_iter().map(|(answers, end)| (answers[0], end)).collect();
    let found = |old, new| ((Some(old), Some(new)), 1);
    assert_eq!(seen, [found(0, 1), found(1, 0), found(1, 1)]);
}
