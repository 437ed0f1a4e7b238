//! One server: how to reach it, and how a message is handed to it.

use zeroize::Zeroizing;

use super::{
    auth::Credentials,
    connection::{self, Connection},
    failure::{Failure, Phase},
    pool::{Job, Mail},
    session::{Envelope, Limits, Session},
    url::Security,
};
use crate::ports::SendError;

/// Where mail goes, and on what terms.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: String,
    pub(super) limits: Limits,
    /// Connections that are busy at once; those that wait for long do not count.
    pub(super) connections: usize,
}

impl Server {
    /// Hands over a message, by the connection that was kept or by a fresh one. Without a message,
    /// opens a fresh one and keeps it.
    pub(super) fn serve(
        &self,
        kept: &mut Option<Session<Connection>>,
        job: &Job,
    ) -> Result<(), SendError> {
        let mut secrets: Vec<Zeroizing<String>> = job.secrets.clone();
        if let Some(credentials) = &self.credentials {
            secrets.extend(credentials.secrets());
        }
        let done = job.attempt.check().and_then(|()| match &job.mail {
            Some(mail) => self.deliver(kept, job, mail, &mut secrets),
            None => self.check(kept, job, &mut secrets),
        });
        done.map_err(|failure| failure.into_error(&secrets))
    }

    fn deliver(
        &self,
        kept: &mut Option<Session<Connection>>,
        job: &Job,
        mail: &Mail,
        secrets: &mut Vec<Zeroizing<String>>,
    ) -> Result<(), Failure> {
        if let Some(mut session) = kept.take()
            && session.serve(&job.attempt)
            && session.probe()
        {
            let done = send(&mut session, job, mail);
            // The server may close a connection whenever it likes: that is no failure.
            let is_stale = done.as_ref().is_err_and(|failure| failure.is_of_connection);
            if !is_stale || job.attempt.is_committed() {
                *kept = Some(session).filter(Session::is_usable);
                return done;
            }
        }
        let mut session = connection::open(self, &job.attempt, secrets)?;
        let done = send(&mut session, job, mail);
        *kept = Some(session).filter(Session::is_usable);
        done
    }

    fn check(
        &self,
        kept: &mut Option<Session<Connection>>,
        job: &Job,
        secrets: &mut Vec<Zeroizing<String>>,
    ) -> Result<(), Failure> {
        // A connection that was kept says nothing about what holds now.
        if let Some(session) = kept.take() {
            session.quit();
        }
        let mut session = connection::open(self, &job.attempt, secrets)?;
        session.check_silence(Phase::Mail)?;
        *kept = Some(session).filter(Session::is_usable);
        Ok(())
    }
}

fn send(session: &mut Session<Connection>, job: &Job, mail: &Mail) -> Result<(), Failure> {
    let envelope = Envelope { from: &mail.from, to: &mail.to };
    session.send(envelope, &mail.message, || job.attempt.commit())
}
