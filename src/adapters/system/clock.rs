//! The clock of the system, and the thread that keeps its alarms.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    domain::Timestamp,
    ports::{Clock, Sleep},
};

/// The longest sleep of the alarm thread. A clock that jumps ahead is noticed within this time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The operating system's wall clock, in microseconds. It needs no runtime: one thread keeps the
/// alarms and starts with the first of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock(());

impl SystemClock {
    /// Creates the system's clock.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep {
        let mut alarm: Option<Alarm> = None;
        Box::pin(poll_fn(move |context| {
            if now() >= instant {
                alarm = None;
                return Poll::Ready(());
            }
            // Set the alarm again if it rang while the clock showed a later time.
            if !alarm.as_ref().is_some_and(|alarm| alarm.rewake(context.waker())) {
                alarm = ALARMS.as_ref().map(|alarms| alarms.set(instant, context.waker()));
            }
            // Without an alarm thread the task polls again, which is slow but never stuck.
            if alarm.is_none() {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        }))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The alarms, ordered by time and then by number.
#[derive(Default)]
struct Alarms {
    waiting: Mutex<BTreeMap<(Timestamp, u64), Waker>>,
    changed: Condvar,
    numbers: AtomicU64,
}

/// One alarm. Dropping it removes it.
struct Alarm(Arc<Alarms>, (Timestamp, u64));

static ALARMS: LazyLock<Option<Arc<Alarms>>> = LazyLock::new(|| {
    let alarms = Arc::new(Alarms::default());
    let kept = alarms.clone();
    let thread = thread::Builder::new().name("sspr-alarms".to_owned());
    thread.spawn(move || kept.keep()).is_ok().then_some(alarms)
});

impl Alarms {
    fn set(self: &Arc<Self>, instant: Timestamp, waker: &Waker) -> Alarm {
        let key = (instant, self.numbers.fetch_add(1, Ordering::Relaxed));
        self.lock().insert(key, waker.clone());
        self.changed.notify_one();
        Alarm(self.clone(), key)
    }

    fn keep(&self) -> ! {
        let mut waiting = self.lock();
        let mut seen = now();
        loop {
            let mut due = Vec::new();
            // The clock has stepped back, and a waiting task may not want to wait that much longer.
            let before = std::mem::replace(&mut seen, now());
            if seen < before {
                due.extend(std::mem::take(&mut *waiting).into_values());
            }
            while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= now()) {
                due.push(first.remove());
            }
            if !due.is_empty() {
                drop(waiting);
                due.into_iter().for_each(Waker::wake);
                waiting = self.lock();
                continue;
            }
            let next = waiting.keys().next().map(|(instant, _)| instant.since(now()));
            waiting = match next {
                Some(pause) => {
                    let pause = pause.min(LOOK_AGAIN);
                    let rested = self.changed.wait_timeout(waiting, pause);
                    rested.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Timestamp, u64), Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alarm {
    /// Makes the alarm wake another task. Returns `false` if the alarm has rung.
    fn rewake(&self, waker: &Waker) -> bool {
        self.0.lock().get_mut(&self.1).map(|kept| kept.clone_from(waker)).is_some()
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_ends_at_its_instant_and_not_before() {
        let until = now().after(Duration::from_millis(20));
        SystemClock::new().sleep_until(until).await;
        assert!(now() >= until);
    }

    #[tokio::test]
    async fn an_instant_that_has_passed_is_no_sleep() {
        SystemClock::new().sleep_until(Timestamp::from_micros(0)).await;
    }

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicU64);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll(sleep: &mut Sleep, task: &Arc<Woken>) -> Poll<()> {
        let waker = Waker::from(task.clone());
        sleep.as_mut().poll(&mut std::task::Context::from_waker(&waker))
    }

    fn waiting(instant: Timestamp) -> usize {
        let alarms = ALARMS.as_ref().unwrap();
        alarms.lock().keys().filter(|(at, _)| *at == instant).count()
    }

    #[tokio::test]
    async fn a_task_that_sleeps_is_woken_by_its_own_alarm_alone() {
        let (task, far) = (Arc::new(Woken::default()), now().after(Duration::from_secs(3_600)));
        let mut sleep = SystemClock::new().sleep_until(far);
        assert!(poll(&mut sleep, &task).is_pending());
        for _ in 0..3 {
            SystemClock::new().sleep_until(now().after(Duration::from_millis(5))).await;
        }
        assert_eq!((task.0.load(Ordering::SeqCst), waiting(far)), (0, 1));

        drop(sleep);
        assert_eq!(waiting(far), 0);
    }

    #[tokio::test]
    async fn the_task_that_polled_last_is_the_one_that_is_woken() {
        let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let soon = now().after(Duration::from_millis(300));
        let mut sleep = SystemClock::new().sleep_until(soon);
        assert!(poll(&mut sleep, &first).is_pending());
        assert!(poll(&mut sleep, &last).is_pending());
        assert_eq!(waiting(soon), 1);

        SystemClock::new().sleep_until(soon.after(Duration::from_millis(300))).await;

        let woken = [&first, &last].map(|task| task.0.load(Ordering::SeqCst));
        assert_eq!(woken, [0, 1]);
        assert!(poll(&mut sleep, &last).is_ready());
    }
}
