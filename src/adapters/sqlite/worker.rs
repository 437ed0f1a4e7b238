//! A thread that owns a connection, and the queue in front of it.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

use futures_channel::oneshot;
use rusqlite::{Connection, Error};

use super::errors;
use crate::ports::StoreError;

/// The number of jobs that may wait. A further job is answered with an error at once.
///
/// Jobs are small. The number bounds the memory and, at about 10,000 jobs per second, the waiting
/// time.
const QUEUE: usize = 4_096;

/// The sending end of a worker's queue, and the worker's thread.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// The fate of a job's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// The writes are part of the commit.
    Stand,
    /// The writes are undone. The answer is given nevertheless.
    Undone,
}

/// The way in which a worker runs its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Runs each job separately, without a transaction.
    Read,
    /// Runs waiting jobs in one transaction with a savepoint for each and one commit, and then
    /// answers.
    Write,
}

trait Job: Send {
    fn run(&mut self, connection: &Connection, mode: Mode);
    /// Gives the answer, or the failure of the shared commit.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

struct Call<T, F, A> {
    act: Option<F>,
    after: A,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl Worker {
    pub(super) fn spawn(connection: Connection, mode: Mode) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let name = match mode {
            Mode::Read => "sspr-sqlite-read",
            Mode::Write => "sspr-sqlite-write",
        };
        let thread = thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || work(&connection, &queue, mode))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs a job. A queued job runs to its end, even if the caller is gone.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<(T, Writes), Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_then(act, |_| {}).await
    }

    /// Runs a job, and calls `after` with its answer once it is committed. Both happen on the
    /// worker's thread, so that they also happen if the caller is gone.
    pub(super) async fn call_then<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<(T, Writes), Error> + Send + 'static,
        after: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Call { act: Some(act), after, reply, result: None });
        let queued = match &self.jobs {
            Some(jobs) => jobs.try_send(job),
            None => return Err(errors::ended()),
        };
        match queued {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(errors::ended())),
            Err(TrySendError::Full(_)) => Err(errors::busy()),
            Err(TrySendError::Disconnected(_)) => Err(errors::ended()),
        }
    }
}

impl Drop for Worker {
    /// Waits until the queued jobs are done.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<T, F, A> Job for Call<T, F, A>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<(T, Writes), Error> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, connection: &Connection, mode: Mode) {
        let Some(act) = self.act.take() else { return };
        let result = match mode {
            Mode::Read => act(connection).map(|(answer, _)| answer),
            Mode::Write => in_savepoint(connection, act),
        };
        self.result = Some(result.map_err(errors::statement));
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let result = match failure {
            Some(failure) => Err(failure),
            None => self.result.unwrap_or_else(|| Err(errors::ended())),
        };
        if let Ok(answer) = &result {
            (self.after)(answer);
        }
        // The caller may be gone, and then the answer does not matter.
        let _ = self.reply.send(result);
    }
}

/// Runs a job so that its writes can be undone without those of other jobs.
pub(super) fn in_savepoint<T>(
    connection: &Connection,
    act: impl FnOnce(&Connection) -> Result<(T, Writes), Error>,
) -> Result<T, Error> {
    connection.prepare_cached("SAVEPOINT piece")?.execute([])?;
    let result = act(connection);
    if !matches!(result, Ok((_, Writes::Stand))) {
        connection.prepare_cached("ROLLBACK TO piece")?.execute([])?;
    }
    connection.prepare_cached("RELEASE piece")?.execute([])?;
    result.map(|(answer, _)| answer)
}

fn work(connection: &Connection, queue: &Receiver<Box<dyn Job>>, mode: Mode) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        if mode == Mode::Write {
            batch.extend(queue.try_iter().take(QUEUE));
        }
        let failure = match mode {
            Mode::Read => {
                batch.iter_mut().for_each(|job| job.run(connection, mode));
                None
            }
            Mode::Write => write(connection, &mut batch),
        };
        for job in batch {
            job.answer(failure.as_ref().map(again));
        }
    }
}

/// Runs all jobs in one transaction. A fault of the transaction is the fault of each job.
fn write(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Option<StoreError> {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        return Some(errors::statement(error));
    }
    batch.iter_mut().for_each(|job| job.run(connection, Mode::Write));
    // A full disk can end the transaction on its own. Then nothing of it has happened.
    if connection.is_autocommit() {
        return Some(errors::undone());
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => None,
        Err(error) => {
            // If the rollback fails too, the next BEGIN reports it.
            let _ = connection.execute_batch("ROLLBACK");
            Some(errors::commit(&error))
        }
    }
}

fn again(error: &StoreError) -> StoreError {
    StoreError::new(error.kind(), error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_worker_that_is_dropped_first_does_what_is_queued() {
        let worker = Worker::spawn(Connection::open_in_memory().unwrap(), Mode::Read).unwrap();
        let (is_done, (keep, never)) = (Arc::new(AtomicBool::new(false)), mpsc::channel::<()>());
        let done = is_done.clone();
        let queued = worker.call(move |_| {
            let _ = never.recv_timeout(Duration::from_millis(200));
            done.store(true, Ordering::SeqCst);
            Ok(((), Writes::Undone))
        });
        assert!(queued.now_or_never().is_none());

        drop(worker);

        assert!(is_done.load(Ordering::SeqCst));
        drop(keep);
    }
}
