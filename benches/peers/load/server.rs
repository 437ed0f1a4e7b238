//! The process of a server: start, CPU time, memory and stop.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{api::Connection, peers::Peer};

/// A running server with an empty database of its own. Dropping it stops the process.
pub struct Server {
    pub at: SocketAddr,
    pub peer: Peer,
    child: Child,
    _database: TempDir,
}

impl Server {
    /// Starts the peer with this many accounts, and waits until it answers.
    pub fn start(peer: Peer, people: usize) -> Self {
        // Below the target folder, because a temporary folder in memory would make commits cheap.
        let database = TempDir::new_in("target").expect("a folder");
        let file = fs::canonicalize(database.path()).expect("a path").join("peer.db");
        let at = free_address();
        let mut command = (peer.command)();
        command.env("DATABASE", file).env("PEOPLE", people.to_string());
        command.env("PORT", at.port().to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", peer.name));
        let mut server = Self { at, peer, child, _database: database };
        server.wait();
        server
    }

    pub fn connect(&self) -> Connection {
        Connection::new(self.at, self.peer.api)
    }

    /// Returns the CPU time of the process and its children so far, which is `utime` plus `stime`
    /// in nanoseconds instead of ticks.
    pub fn cpu(&self) -> Duration {
        let clock = |pid| clock_getcpuclockid(pid).and_then(clock_gettime).expect("a CPU clock");
        self.processes().into_iter().map(|pid| Duration::from(clock(pid))).sum()
    }

    /// Returns the resident memory in bytes. A page that processes share counts once.
    pub fn memory(&self) -> u64 {
        let of = |pid: Pid| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("memory");
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
        };
        self.processes().into_iter().map(of).sum()
    }

    fn processes(&self) -> Vec<Pid> {
        let mut all = vec![self.pid()];
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = fs::read_to_string(children).expect("the children");
        all.extend(children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().expect("pid"))));
        all
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id"))
    }

    /// Waits up to a minute, because a server creates its accounts before it answers.
    fn wait(&mut self) {
        for _ in 0..600 {
            if self.connect().mails().is_ok() {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("{} ended: {status}", self.peer.name);
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{} does not answer", self.peer.name);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A signal that can be handled, so that gunicorn stops its worker.
        let _ = kill(self.pid(), Signal::SIGTERM);
        for _ in 0..50 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
