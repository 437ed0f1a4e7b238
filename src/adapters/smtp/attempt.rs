//! One attempt to send a message, which its caller and its thread share.

use std::{
    net::{Shutdown, TcpStream},
    sync::PoisonError,
};

use super::failure::Failure;
use crate::{
    ports::SendErrorKind,
    sync::{Mutex, MutexGuard},
};

/// One attempt. Its caller may leave at any time.
pub(super) struct Attempt {
    state: Mutex<State>,
    /// Called once, if the connection waits for a long time.
    on_lag: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// Another handle of the connection, so that it can be ended from outside.
    socket: Option<TcpStream>,
    lags: bool,
    is_over: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing has been handed over.
    #[default]
    Open,
    /// The final dot is on its way, so the message may have been handed over.
    Committed,
    /// The caller has left before anything was handed over.
    Left,
}

impl Attempt {
    pub(super) fn new(on_lag: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_lag: Box::new(on_lag), state: Mutex::default() }
    }

    /// Fails if the caller has left.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.lock().check()
    }

    /// Remembers the connection that serves this attempt.
    pub(super) fn attach(&self, stream: &TcpStream) -> Result<(), Failure> {
        let mut state = self.lock();
        state.check()?;
        // Without a second handle, the connection ends only by its own time limits.
        state.socket = stream.try_clone().ok();
        Ok(())
    }

    /// Forgets the connection, which may serve others now. Returns whether it lagged.
    pub(super) fn detach(&self) -> bool {
        let mut state = self.lock();
        (state.socket, state.is_over) = (None, true);
        std::mem::take(&mut state.lags)
    }

    /// Marks that the final dot is about to be sent. Returns `false` if the caller has left.
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

    /// Reports that the connection waits for a long time, so that another one may be opened beside
    /// it.
    pub(super) fn lags(&self) {
        let mut state = self.lock();
        if !state.lags && !state.is_over {
            state.lags = true;
            drop(state);
            (self.on_lag)();
        }
    }

    /// Records that the caller leaves. Before the final dot the connection is ended. After it the
    /// connection may stay open to hear the answer. Returns whether it stays.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.lock();
        if state.stage == Stage::Committed {
            return state.socket.is_some();
        }
        state.stage = Stage::Left;
        state.end();
        false
    }

    /// Ends the connection, unless it already serves another attempt.
    pub(super) fn end(&self) {
        self.lock().end();
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

    fn end(&mut self) {
        if let Some(socket) = self.socket.take() {
            // A connection that has ended on its own cannot be shut down, and need not be.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, net::TcpListener, time::Duration};

    use super::*;

    /// Returns an attempt, its connection, and the server's end of that connection.
    fn attached() -> (Attempt, TcpStream, TcpStream) {
        let attempt = Attempt::new(|| ());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        attempt.attach(&stream).unwrap();
        (attempt, stream, peer)
    }

    fn has_ended(mut peer: TcpStream) -> bool {
        peer.read(&mut [0]).is_ok_and(|read| read == 0)
    }

    #[test]
    fn a_caller_that_leaves_before_the_final_dot_ends_the_connection() {
        let (attempt, stream, peer) = attached();
        assert!(!attempt.leave());

        assert!(has_ended(peer) && !attempt.commit() && !attempt.is_committed());
        assert!(attempt.check().is_err() && attempt.attach(&stream).is_err());
    }

    #[test]
    fn a_caller_that_leaves_after_the_final_dot_ends_nothing() {
        let (attempt, _stream, peer) = attached();
        assert!(attempt.commit() && attempt.leave());

        assert!(!has_ended(peer.try_clone().unwrap()));
        attempt.end();
        assert!(has_ended(peer));
    }

    #[test]
    fn a_connection_that_serves_others_is_not_ended() {
        let (attempt, _stream, peer) = attached();
        attempt.commit();
        attempt.detach();

        assert!(!attempt.leave());
        attempt.end();
        assert!(!has_ended(peer));
    }

    #[test]
    fn a_connection_that_lags_is_told_of_once_and_not_after_it_serves_others() {
        use std::sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        };
        let told = Arc::new(AtomicU32::new(0));
        let counted = told.clone();
        let attempt = Attempt::new(move || _ = counted.fetch_add(1, Ordering::SeqCst));
        attempt.lags();
        attempt.lags();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert!(attempt.detach());
        attempt.lags();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert!(!attempt.detach());
    }
}
