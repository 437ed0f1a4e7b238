//! Every interleaving of threads that queue mails and the one that takes them.

use core::{future::poll_fn, task::Poll};
use std::sync::Mutex as Unseen;

use super::*;
use crate::{
    ports::NoticeId,
    sync::{Model, block_on, explore, explore_bounded, with},
};

const NOW: Timestamp = Timestamp::from_micros(0);

/// A stand-in for the handles of the service. The queue is closed when the last one is dropped.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn queue(per_tenant: usize, in_all: usize) -> Arc<Queue> {
    Arc::new(Queue::new(Room { in_all, per_tenant }))
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// Reserves room and queues a notice of that name. Returns whether there was room.
fn pushes(queue: &Arc<Queue>, name: &str) -> bool {
    let tenant = tenant("contoso");
    let Some(slot) = queue.reserve(Kind::Notice, tenant.tag()) else { return false };
    let to = EmailAddress::parse("ada@x.example").unwrap();
    let account = AccountId::parse("ada").unwrap();
    let reset = RecordId::from_parts(tenant.tag(), [1; 16]);
    let notice = Notice::new(NoticeId(name.to_owned()), tenant, to, NOW);
    let work = Work::Notice(QueuedNotice { account, before: None, notice, reset });
    queue.push(Job::new(work, None, Some(slot)), NOW);
    true
}

/// Takes jobs as the courier does, until the queue is closed and empty. Returns the names of the
/// jobs.
fn takes_all(queue: &Queue, order: Order) -> Vec<String> {
    let mut taken = Vec::new();
    loop {
        while let Some(job) = queue.pop_due(Kind::Notice, NOW) {
            let Work::Notice(notice) = job.work else { panic!("only notices") };
            taken.push(notice.notice.id.0);
        }
        if queue.is_closed() && queue.next_due(Kind::Notice).is_none() {
            return taken;
        }
        block_on(poll_fn(|context| {
            if order == Order::WatchesFirst {
                queue.watch(context.waker());
            }
            let ready = queue.next_due(Kind::Notice).is_some() || queue.is_closed();
            if order == Order::LooksFirst {
                queue.watch(context.waker());
            }
            if ready { Poll::Ready(()) } else { Poll::Pending }
        }));
    }
}

/// The first step of the taker before it sleeps.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    LooksFirst,
    WatchesFirst,
}

#[test]
fn no_more_room_is_given_than_there_is_and_all_comes_back() {
    let seen = explore(|| {
        let held = Arc::new((queue(1, 2), Unseen::new(Vec::new())));
        let reserve = |name: &'static str| {
            with(&held, move |(queue, held)| {
                let slot = queue.reserve(Kind::Notice, tenant(name).tag());
                let is_some = slot.is_some();
                held.lock().unwrap().push(slot);
                is_some
            })
        };
        Model {
            threads: vec![reserve("contoso"), reserve("contoso"), reserve("fabrikam")],
            end: with(&held, |(queue, held)| {
                let depth = queue.depth();
                let slots = std::mem::take(&mut *held.lock().unwrap());
                drop(slots);
                (depth, queue.depth(), queue.lock().notices.held.len())
            }),
        }
    });

    let expected = [(vec![false, true, true], (2, 0, 0)), (vec![true, false, true], (2, 0, 0))];
    assert_eq!(seen, expected.into());
}

#[test]
fn room_comes_back_whole_however_it_is_given_back() {
    let seen = explore(|| {
        let queue = queue(1, 2);
        let handle = Arc::new(Handle(queue.clone()));
        let take = |name: &'static str| {
            with(&handle, move |handle| {
                handle.0.reserve(Kind::Notice, tenant(name).tag()).is_some()
            })
        };
        let threads = vec![take("contoso"), take("fabrikam"), take("contoso")];
        Model {
            threads,
            end: with(&queue, |queue| (queue.depth(), queue.lock().notices.held.len())),
        }
    });

    let got = [vec![false, true, true], vec![true, true, false], vec![true, true, true]];
    assert_eq!(seen, got.map(|got| (got, (0, 0))).into());
}

/// Returns the mails that the taker got out of two, and how much room was held then.
fn taken(order: Order) -> Vec<(Vec<String>, usize)> {
    let seen = explore_bounded(move || {
        let queue = queue(9, 9);
        let handle = Arc::new(Handle(queue.clone()));
        let push = |name: &'static str| {
            with(&handle, move |handle| {
                assert!(pushes(&handle.0, name));
                Vec::new()
            })
        };
        Model {
            threads: vec![
                with(&queue, move |queue| takes_all(queue, order)),
                push("first"),
                push("second"),
            ],
            end: with(&queue, Queue::depth),
        }
    });
    seen.into_iter().map(|(mut answers, depth)| (answers.swap_remove(0), depth)).collect()
}

#[test]
fn each_mail_is_taken_once_and_no_push_or_close_goes_unnoticed() {
    let taken = taken(Order::WatchesFirst);

    let orders = [["first", "second"], ["second", "first"]];
    assert_eq!(taken, orders.map(|order| (order.map(str::to_owned).to_vec(), 0)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_taker_that_looks_before_it_watches_is_found_out() {
    taken(Order::LooksFirst);
}
