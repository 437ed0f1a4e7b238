//! Every way in which a call can end, on a server with scripted answers. The tests check the
//! caller's result, and whether the connection is used again.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use futures_util::FutureExt as _;

use super::{super::options::PostgresOptions, Connections};
use crate::ports::StoreErrorKind;

/// The server's answer to one statement.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// Success.
    Done,
    /// A refusal with a code, after which the server is ready for the next statement.
    Refused(&'static str),
    /// A refusal that comes a while later.
    RefusedLate(&'static str),
    /// A refusal with a code that ends the session. The socket stays open for a while.
    Fatal(&'static str),
    /// No answer at all.
    Silence,
    /// The end of the connection in the middle of an answer.
    Cut,
}

use Answer::*;

/// A server with a list of answers over all of its connections, one for each statement.
struct Fake {
    port: u16,
    connections: Arc<AtomicUsize>,
    asked: Receiver<()>,
    closed: Receiver<()>,
}

/// The channels through which a thread of the server reports.
#[derive(Clone)]
struct Told {
    asked: Sender<()>,
    closed: Sender<()>,
}

impl Fake {
    fn answering(answers: Vec<Answer>) -> Self {
        let answers = Arc::new(answers);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, next) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let ((tell_asked, asked), (tell_closed, closed)) = (channel(), channel());
        let (counted, told) =
            (connections.clone(), Told { asked: tell_asked, closed: tell_closed });
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let (next, told, answers) = (next.clone(), told.clone(), answers.clone());
                thread::spawn(move || {
                    serve(client, &answers, &next, &told);
                    let _ = told.closed.send(());
                });
            }
        });
        Self { asked, closed, connections, port }
    }

    /// Returns a pool for this server. Only with a silent server does the patience run out.
    fn pool(&self, connections: usize, patience: Duration) -> Connections {
        let url = format!("postgres://app@127.0.0.1:{}/shop?connect_timeout=60", self.port);
        let options = PostgresOptions::from_url(&url).unwrap();
        let options = options.with_connections(connections).with_patience(patience);
        Connections::new(&options).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

const PATIENT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

fn serve(mut client: TcpStream, answers: &[Answer], next: &AtomicUsize, told: &Told) -> Option<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length).ok()?;
    let mut startup = vec![0; size(length)];
    client.read_exact(&mut startup).ok()?;
    client.write_all(&[message(b'R', &[0; 4]), message(b'Z', b"I")].concat()).ok()?;
    loop {
        let mut head = [0; 5];
        client.read_exact(&mut head).ok()?;
        let rest = size([head[1], head[2], head[3], head[4]]);
        client.read_exact(&mut vec![0; rest]).ok()?;
        if head[0] != b'S' {
            continue;
        }
        let answer = answers.get(next.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(Done);
        let begun = [message(b'1', b""), message(b'2', b""), message(b'n', b"")].concat();
        // Report before the answer, because the test counts as soon as it has the answer.
        if !matches!(answer, Cut) {
            let _ = told.asked.send(());
        }
        match answer {
            Done => {
                let done = [begun, message(b'C', b"SELECT 0\0"), message(b'Z', b"I")].concat();
                client.write_all(&done).ok()?;
            }
            Refused(code) | RefusedLate(code) => {
                if let RefusedLate(_) = answer {
                    wait();
                }
                let refused = [error("ERROR", code), message(b'Z', b"I")].concat();
                client.write_all(&refused).ok()?;
            }
            Fatal(code) => client.write_all(&error("FATAL", code)).ok()?,
            Silence => {}
            Cut => {
                client.write_all(&begun).ok()?;
                return None;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow server is slow in real time")]
fn wait() {
    thread::sleep(SHORT / 5 * 2);
}

/// Returns the number of bytes after a length, which counts itself.
fn size(length: [u8; 4]) -> usize {
    usize::try_from(u32::from_be_bytes(length)).unwrap() - length.len()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

fn error(severity: &str, code: &str) -> Vec<u8> {
    let fields = format!("S{severity}\0V{severity}\0C{code}\0Mso it is\0\0");
    message(b'E', fields.as_bytes())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Returns a pool whose one connection exists already, so that later calls do not wait for one.
#[expect(clippy::future_not_send, reason = "it is polled where it was made")]
async fn connected(fake: &Fake) -> Connections {
    let pool = fake.pool(1, PATIENT);
    pool.rows("SELECT", &[]).await.unwrap();
    fake.asked.recv_timeout(PATIENT).unwrap();
    pool
}

/// Asks twice. Returns the first kind of error, and how many connections the calls used.
fn ask_twice(answer: Answer, patience: Duration) -> (Option<StoreErrorKind>, usize) {
    let fake = Fake::answering(vec![Done, answer]);
    let kind = runtime().block_on(async {
        let pool = connected(&fake).await;
        let first = Connections { patience, ..pool.clone() };
        let kind = first.rows("SELECT", &[]).await.err().map(|error| error.kind());
        pool.rows("SELECT", &[]).await.unwrap();
        kind
    });
    (kind, fake.connections())
}

#[test]
fn an_answered_statement_leaves_its_connection_to_the_next_call() {
    assert_eq!(ask_twice(Done, PATIENT), (None, 1));
}

#[test]
fn a_statement_that_the_server_refuses_leaves_its_connection_to_the_next_call() {
    for (code, kind) in [
        ("57014", StoreErrorKind::Busy),
        ("55P03", StoreErrorKind::Busy),
        ("53100", StoreErrorKind::Full),
        ("42501", StoreErrorKind::Setup),
        ("XX000", StoreErrorKind::Unknown),
    ] {
        assert_eq!(ask_twice(Refused(code), PATIENT), (Some(kind), 1), "{code}");
    }
}

#[test]
fn a_server_that_takes_no_connection_says_why() {
    for (code, kind, words) in [
        ("3D000", StoreErrorKind::Setup, "no database of this name"),
        ("28P01", StoreErrorKind::Setup, "refuses this user, password or database"),
        ("28000", StoreErrorKind::Setup, "refuses this user, password or database"),
        ("53300", StoreErrorKind::Busy, "takes no connection"),
        ("57P03", StoreErrorKind::Busy, "takes no connection"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://app@{}/shop", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let mut length = [0; 4];
                let _ = client.read_exact(&mut length);
                let _ = client.read_exact(&mut vec![0; size(length)]);
                let _ = client.write_all(&error("FATAL", code));
            }
        });
        let options = PostgresOptions::from_url(&url).unwrap().with_patience(PATIENT);
        let pool = Connections::new(&options).unwrap();
        let error = runtime().block_on(async { pool.rows("SELECT", &[]).await.err().unwrap() });
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(error.to_string().contains(words), "{code}: {error}");
    }
}

#[test]
fn a_connection_that_takes_too_long_is_told_from_none() {
    use deadpool_postgres::{PoolError, TimeoutType};
    for (error, words) in [
        (PoolError::Timeout(TimeoutType::Create), "cannot be reached in time"),
        (PoolError::Closed, "no connection"),
    ] {
        let error = super::super::errors::connection(error);
        assert_eq!(error.kind(), StoreErrorKind::Busy);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn each_refusal_says_what_to_do_and_names_its_code() {
    use StoreErrorKind::{Corrupt, Full, Setup, Unknown};
    for (code, kind, words) in [
        ("53100", Full, "no room on the server's disk"),
        ("53200", Full, "the server is out of memory"),
        ("25006", Setup, "this server is read-only"),
        ("42501", Setup, "grant the user the role sspr_app"),
        ("3F000", Setup, "run the migrations"),
        ("42P01", Setup, "run the migrations"),
        ("42703", Setup, "run the migrations"),
        ("42883", Setup, "run the migrations"),
        ("57P04", Unknown, "the server ended the connection"),
        ("XX001", Corrupt, "the database is damaged"),
        ("XX002", Corrupt, "the database is damaged"),
        ("22P02", Unknown, "a statement failed"),
    ] {
        let fake = Fake::answering(vec![Refused(code)]);
        let error = runtime()
            .block_on(async { fake.pool(1, PATIENT).rows("SELECT", &[]).await.unwrap_err() });
        assert_eq!(error.kind(), kind, "{code}");
        assert!(error.to_string().contains(words), "{code}: {error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, format!("SQLSTATE {code}"), "the server's own words are left out");
    }
}

#[test]
fn a_connection_whose_statement_ran_out_of_time_never_serves_again() {
    assert_eq!(ask_twice(Silence, SHORT), (Some(StoreErrorKind::Unknown), 2));
}

#[test]
fn a_connection_that_the_server_ends_never_serves_again() {
    for code in ["57P01", "57P02", "08006", "XX000"] {
        assert_eq!(ask_twice(Fatal(code), PATIENT), (Some(StoreErrorKind::Unknown), 2), "{code}");
    }
}

#[test]
fn a_connection_that_is_cut_in_the_middle_of_an_answer_never_serves_again() {
    assert_eq!(ask_twice(Cut, PATIENT), (Some(StoreErrorKind::Unknown), 2));
}

#[test]
fn a_connection_whose_caller_went_away_is_closed_and_never_serves_again() {
    let fake = Fake::answering(vec![Silence]);

    runtime().block_on(async {
        let pool = fake.pool(1, PATIENT);
        let mut call = Box::pin(pool.rows("SELECT", &[]));
        while fake.asked.try_recv().is_err() {
            assert!((&mut call).now_or_never().is_none(), "a silent server answered");
            tokio::task::yield_now().await;
        }
        drop(call);
        tokio::task::block_in_place(|| fake.closed.recv_timeout(PATIENT).unwrap());
        pool.rows("SELECT", &[]).await.unwrap();
    });

    assert_eq!(fake.connections(), 2);
}

#[test]
fn a_pool_that_is_used_up_says_so_and_asks_nothing() {
    let fake = Fake::answering(Vec::new());

    runtime().block_on(async {
        // A slow machine may take long to connect, so only the wait is short.
        let pool = fake.pool(1, PATIENT);
        let held = pool.connection().await.unwrap();
        let impatient = Connections { patience: SHORT, ..pool.clone() };
        let error = impatient.rows("SELECT", &[]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy);
        assert!(error.to_string().contains("every connection is in use"), "{error}");
        assert!(fake.asked.try_recv().is_err(), "something was asked");
        drop(held);
        pool.rows("SELECT", &[]).await.unwrap();
    });

    assert_eq!(fake.connections(), 1, "the one that came back");
}

#[test]
fn what_the_server_undid_is_repeated_at_most_eight_times() {
    for code in ["40001", "40P01"] {
        let fake = Fake::answering(vec![Refused(code); 9]);

        let error = runtime()
            .block_on(async { fake.pool(1, PATIENT).rows("SELECT", &[]).await.unwrap_err() });

        assert_eq!(error.kind(), StoreErrorKind::Busy);
        assert_eq!((fake.asked.try_iter().count(), fake.connections()), (9, 1), "{code}");
    }
}

#[test]
fn nothing_else_is_repeated() {
    for answer in [Refused("57014"), Refused("XX000"), Fatal("57P01"), Cut] {
        let fake = Fake::answering(vec![answer]);

        runtime().block_on(async { fake.pool(1, PATIENT).rows("SELECT", &[]).await.unwrap_err() });

        assert_eq!(fake.connections(), 1, "{answer:?}");
    }
}

#[test]
fn the_patience_of_a_call_holds_for_its_repeats_together() {
    // Each answer comes within the patience of a call, but all of them together do not.
    let fake = Fake::answering([vec![Done], vec![RefusedLate("40001"); 20]].concat());

    let error = runtime().block_on(async {
        let short = Connections { patience: SHORT, ..connected(&fake).await };
        short.rows("SELECT", &[]).await.unwrap_err()
    });

    assert!(error.is_transient(), "{error:?}");
    let asked = fake.asked.try_iter().count();
    assert!(asked < 5, "asked {asked} times in two and a half answers' time");
}
