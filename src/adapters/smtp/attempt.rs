//! One attempt at a message, as its caller and its thread both see it.

use std::{
    net::{Shutdown, TcpStream},
    sync::{Arc, PoisonError},
};

use super::{failure::Failure, pool::Shared};
use crate::{
    ports::SendErrorKind,
    sync::{Mutex, MutexGuard},
};

/// One attempt. Its caller may leave at any time.
pub(super) struct Attempt {
    state: Mutex<State>,
    pool: Arc<Shared>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// Another handle of the connection, to end it from outside.
    socket: Option<TcpStream>,
    lags: bool,
    is_over: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing has been handed over.
    #[default]
    Open,
    /// The final dot is on its way: the message may have been handed over.
    Committed,
    /// Its caller has left before anything was handed over.
    Left,
}

impl Attempt {
    pub(super) fn new(pool: Arc<Shared>) -> Self {
        Self { pool, state: Mutex::default() }
    }

    /// Fails if nobody waits any more.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.lock().check()
    }

    /// Remembers which connection serves it.
    pub(super) fn attach(&self, stream: &TcpStream) -> Result<(), Failure> {
        let mut state = self.lock();
        state.check()?;
        // Without a second handle the connection ends by its own limits only.
        state.socket = stream.try_clone().ok();
        Ok(())
    }

    /// Forgets the connection, which may serve others now. Returns whether it lagged.
    pub(super) fn detach(&self) -> bool {
        let mut state = self.lock();
        (state.socket, state.is_over) = (None, true);
        std::mem::take(&mut state.lags)
    }

    /// Marks that the final dot is about to be sent. `false` if the caller has left.
    pub(super) fn commit(&self) -> bool {
        let mut state = self.lock();
        if state.stage == Stage::Open {
            state.stage = Stage::Committed;
        }
        state.stage == Stage::Committed
    }

    pub(super) fn is_committed(&self) -> bool {
        self.lock().stage == Stage::Committed
    }

    /// Its connection has been waiting for long: another one may be opened beside it.
    pub(super) fn lags(&self) {
        let mut state = self.lock();
        if !state.lags && !state.is_over {
            state.lags = true;
            drop(state);
            self.pool.lags();
        }
    }

    /// Its caller leaves. Before the final dot nothing more is sent; after it the connection is
    /// left to hear the answer, as long as there is room. Returns whether it was left so.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.lock();
        if state.stage == Stage::Committed {
            return state.socket.is_some();
        }
        state.stage = Stage::Left;
        state.end();
        false
    }

    /// Ends the connection. `false` if it serves others already.
    pub(super) fn end(&self) -> bool {
        self.lock().end()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<(), Failure> {
        if self.stage == Stage::Left {
            return Err(Failure::new(SendErrorKind::Transient, "nobody waits for the message"));
        }
        Ok(())
    }

    fn end(&mut self) -> bool {
        // A connection that has ended by itself cannot be shut down, and need not be.
        self.socket.take().is_some_and(|socket| socket.shutdown(Shutdown::Both).is_ok())
    }
}
