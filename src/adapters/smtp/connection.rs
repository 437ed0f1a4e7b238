//! Connections to any address of the server, with or without TLS, within time limits.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned};
use zeroize::Zeroizing;

use super::{
    attempt::Attempt,
    failure::{Failure, Phase},
    reply::Broken,
    server::{Security, Server},
    session::{Session, Wire},
    tls::{self, Tls},
};
use crate::{adapters::system::Deadline, ports::SendErrorKind};

/// The time that a step may take before its connection no longer counts as busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time that the step after the final dot may take before its connection no longer counts as
/// busy. A server may take up to ten minutes for this step.
const FINAL_PATIENCE: Duration = Duration::from_secs(1);

/// A TCP connection with a time limit for each step instead of each read.
pub(super) struct Timed {
    stream: TcpStream,
    limit: Deadline,
    /// The attempt that is told once if a step takes long.
    attempt: Arc<Attempt>,
    /// True if a read must only take what has arrived, without waiting.
    glances: bool,
}

/// A connection to a server.
pub(super) enum Connection {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A session that is ready for a message.
pub(super) fn open(
    server: &Server,
    attempt: &Arc<Attempt>,
    secrets: &mut Vec<Zeroizing<String>>,
) -> Result<Session<Connection>, Failure> {
    let stream = connect(server, attempt)?;
    attempt.attach(&stream)?;
    let limit = Deadline::after(server.limits.of(Phase::Greeting));
    let timed = Timed { attempt: attempt.clone(), glances: false, limit, stream };
    let mut session = match &server.security {
        Security::None => greeted(server, Connection::Plain(timed))?,
        Security::StartTls(tls) => {
            let plain = greeted(server, Connection::Plain(timed))?.start_tls()?;
            let protected = Connection::protected(plain.into_timed(), tls, server)?;
            // The offers from before TLS no longer count (RFC 3207 section 4.2).
            let mut session = Session::new(protected, server.limits);
            session.hello(&server.hello)?;
            session
        }
        Security::Tls(tls) => greeted(server, Connection::protected(timed, tls, server)?)?,
    };
    if let Some(credentials) = &server.credentials {
        credentials.present(&mut session, secrets)?;
    }
    Ok(session)
}

fn greeted(server: &Server, connection: Connection) -> Result<Session<Connection>, Failure> {
    let mut session = Session::new(connection, server.limits);
    session.greeting()?;
    session.hello(&server.hello)?;
    Ok(session)
}

/// Tries each address of the host in turn.
fn connect(server: &Server, attempt: &Attempt) -> Result<TcpStream, Failure> {
    let found = (server.host.as_str(), server.port).to_socket_addrs().map_err(unknown_host)?;
    let mut last = None;
    for address in found {
        attempt.check()?;
        if matches!(server.security, Security::None) && !is_here(&address) {
            let words = "the host of a URL with tls=none is not this machine; remove tls=none";
            return Err(Failure::new(SendErrorKind::Setup, words));
        }
        match TcpStream::connect_timeout(&address, server.limits.of(Phase::Connect)) {
            Ok(stream) => {
                // Small commands should not wait for each other. If this fails, they may be slower.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    let words = "the server cannot be reached; check host and port, and that it runs";
    let reason = last.map(|error| error.to_string()).unwrap_or_default();
    Err(Failure::new(SendErrorKind::Transient, words).because(reason))
}

fn is_here(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Returns the failure for a host name that was not found. The name may be misspelt, or its name
/// server may be unavailable.
fn unknown_host(error: io::Error) -> Failure {
    let words = "the server's name is not found; check the host in the URL";
    let reason = error.to_string();
    let kind =
        if reason.contains("emporary") { SendErrorKind::Transient } else { SendErrorKind::Setup };
    Failure::new(kind, words).because(reason)
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let is_final = self.attempt.is_committed();
        let patience = if is_final { FINAL_PATIENCE } else { PATIENCE };
        if self.limit.elapsed() >= patience {
            self.attempt.lags();
        }
        let left = self.limit.left().ok_or(io::ErrorKind::TimedOut)?;
        // A long wait is divided, so that it can be checked in between.
        Ok(left.min(patience).max(Duration::from_millis(1)))
    }

    /// Repeats a step that ended only because a wait was divided.
    fn patiently<T>(
        &mut self,
        mut step: impl FnMut(&mut TcpStream, Duration) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = self.left()?;
            match step(&mut self.stream, left) {
                Err(error) if is_pause(&error) => {}
                done => return done,
            }
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

impl Wire for Timed {
    fn within(&mut self, limit: Duration) {
        self.limit = Deadline::after(limit);
    }

    fn glance(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let read = self.stream.read(buffer);
        self.stream.set_nonblocking(false)?;
        read
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.glances {
            return self.glance(buffer);
        }
        self.patiently(|stream, left| {
            stream.set_read_timeout(Some(left))?;
            stream.read(buffer)
        })
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(|stream, left| {
            stream.set_write_timeout(Some(left))?;
            stream.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Connection {
    fn protected(mut timed: Timed, tls: &Tls, server: &Server) -> Result<Self, Failure> {
        timed.within(server.limits.of(Phase::StartTls));
        let made = ClientConnection::new(tls.config.clone(), tls.name.clone());
        let mut client = made.map_err(|error| tls::failure(io::Error::other(error)))?;
        while client.is_handshaking() {
            let (read, written) = client.complete_io(&mut timed).map_err(tls::failure)?;
            if read == 0 && written == 0 {
                let ended = Broken::Lost(io::ErrorKind::UnexpectedEof.into());
                return Err(Failure::broken(Phase::StartTls, ended));
            }
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(client, timed))))
    }

    /// Returns the TCP connection under this connection.
    fn into_timed(self) -> Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => stream.sock,
        }
    }

    const fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Session<Connection> {
    /// Makes the connection serve another attempt. Returns `false` if the caller of that attempt
    /// has left.
    pub(super) fn serve(&mut self, attempt: &Arc<Attempt>) -> bool {
        let timed = self.wire().timed();
        timed.attempt = attempt.clone();
        attempt.attach(&timed.stream).is_ok()
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        // Other handles of the socket may still exist.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Wire for Connection {
    fn within(&mut self, limit: Duration) {
        self.timed().within(limit);
    }

    fn glance(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // This applies to TLS too, because a record may hold no word of the server.
        self.timed().glances = true;
        let read = self.read(buffer);
        self.timed().glances = false;
        read
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::session::Limits, *};

    /// A connection that serves an attempt, and the server's end of it.
    fn connected() -> (Timed, TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (attempt, limit) = (Arc::new(Attempt::new(|| ())), Deadline::after(Duration::MAX));
        (Timed { attempt, glances: false, limit, stream }, listener.accept().unwrap().0)
    }

    #[test]
    fn a_connection_that_is_dropped_ends_although_another_handle_of_it_exists() {
        let (timed, mut peer) = connected();
        let _other = timed.stream.try_clone().unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        drop(timed);

        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_kept_connection_serves_only_an_attempt_whose_caller_waits() {
        let (timed, _peer) = connected();
        let mut session = Session::new(Connection::Plain(timed), Limits::new());
        let (waits, has_left) = (Arc::new(Attempt::new(|| ())), Arc::new(Attempt::new(|| ())));
        has_left.leave();

        assert!(session.serve(&waits));
        assert!(Arc::ptr_eq(&session.wire().timed().attempt, &waits));
        assert!(!session.serve(&has_left));
    }

    #[test]
    fn a_step_is_repeated_after_a_pause_and_after_nothing_else() {
        use io::ErrorKind::{
            BrokenPipe, ConnectionReset, Interrupted, TimedOut, UnexpectedEof, WouldBlock,
        };
        let (mut timed, _peer) = connected();
        for (kind, steps) in [
            (BrokenPipe, 1),
            (ConnectionReset, 1),
            (UnexpectedEof, 1),
            (Interrupted, 2),
            (TimedOut, 2),
            (WouldBlock, 2),
        ] {
            let mut taken = 0;
            let done = timed.patiently(|_, _| {
                taken += 1;
                if taken == 1 { Err(io::Error::from(kind)) } else { Ok(()) }
            });
            assert_eq!((taken, done.is_ok()), (steps, steps == 2), "{kind:?}");
        }
    }

    #[test]
    fn only_an_address_of_this_machine_is_here() {
        for (address, here) in [
            ("127.0.0.1:25", true),
            ("[::1]:25", true),
            ("[::ffff:127.0.0.1]:25", true),
            ("192.0.2.1:25", false),
            ("[2001:db8::1]:25", false),
        ] {
            assert_eq!(is_here(&address.parse().unwrap()), here, "{address}");
        }
    }
}
