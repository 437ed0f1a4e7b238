//! One message on its way, and the steps that hand it over.

use std::sync::Arc;

use futures_channel::oneshot;
use zeroize::Zeroizing;

use super::{
    attempt::Attempt,
    connection::{self, Connection},
    failure::{Failure, Phase},
    server::Server,
    session::{Envelope, Session},
};
use crate::{domain::EmailAddress, ports::SendError};

/// One message.
pub(super) struct Mail {
    pub(super) from: EmailAddress,
    pub(super) to: EmailAddress,
    pub(super) message: Zeroizing<Vec<u8>>,
}

/// One message on its way, or a check whether one could be sent.
pub(super) struct Job {
    pub(super) attempt: Arc<Attempt>,
    /// The message, or `None` to ask for a connection alone.
    pub(super) mail: Option<Mail>,
    /// The secrets that no error may show.
    pub(super) secrets: Vec<Zeroizing<String>>,
    pub(super) reply: oneshot::Sender<Result<(), SendError>>,
}

impl Job {
    /// Hands the message over, on the kept connection or a new one. Without a message, opens a new
    /// connection and keeps it.
    pub(super) fn serve(
        &self,
        server: &Server,
        kept: &mut Option<Session<Connection>>,
    ) -> Result<(), SendError> {
        let mut secrets: Vec<Zeroizing<String>> = self.secrets.clone();
        if let Some(credentials) = &server.credentials {
            secrets.extend(credentials.secrets());
        }
        let done = self.attempt.check().and_then(|()| match &self.mail {
            Some(mail) => self.deliver(server, kept, mail, &mut secrets),
            None => self.check(server, kept, &mut secrets),
        });
        done.map_err(|failure| failure.into_error(&secrets))
    }

    fn deliver(
        &self,
        server: &Server,
        kept: &mut Option<Session<Connection>>,
        mail: &Mail,
        secrets: &mut Vec<Zeroizing<String>>,
    ) -> Result<(), Failure> {
        if let Some(mut session) = kept.take()
            && session.serve(&self.attempt)
            && session.probe()
        {
            let done = self.send(&mut session, mail);
            // The server may close an idle connection at any time, so that is no failure.
            let is_stale = done.as_ref().is_err_and(|failure| failure.is_of_connection);
            if !is_stale || self.attempt.is_committed() {
                *kept = Some(session).filter(Session::is_usable);
                return done;
            }
        }
        let mut session = connection::open(server, &self.attempt, secrets)?;
        let done = self.send(&mut session, mail);
        *kept = Some(session).filter(Session::is_usable);
        done
    }

    fn check(
        &self,
        server: &Server,
        kept: &mut Option<Session<Connection>>,
        secrets: &mut Vec<Zeroizing<String>>,
    ) -> Result<(), Failure> {
        // A kept connection does not show whether the server works now.
        if let Some(session) = kept.take() {
            session.quit();
        }
        let mut session = connection::open(server, &self.attempt, secrets)?;
        session.check_silence(Phase::Mail)?;
        *kept = Some(session).filter(Session::is_usable);
        Ok(())
    }

    fn send(&self, session: &mut Session<Connection>, mail: &Mail) -> Result<(), Failure> {
        let envelope = Envelope { from: &mail.from, to: &mail.to };
        session.send(envelope, &mail.message, || self.attempt.commit())
    }
}
