//! The peers: how each is started, and which API it has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::api::Api;

/// A server to compare.
#[derive(Clone, Copy)]
pub struct Peer {
    pub name: &'static str,
    pub api: Api,
    pub command: fn() -> Command,
}

/// All peers. Ratios are of the first two.
pub const PEERS: [Peer; 5] = [
    Peer { name: "sspr", api: Api::Sspr, command: sspr },
    Peer { name: "sspr-fast", api: Api::Sspr, command: sspr_fast },
    Peer { name: "better-auth", api: Api::BetterAuth, command: better_auth },
    Peer { name: "django", api: Api::Django, command: django },
    Peer { name: "rustauth", api: Api::BetterAuth, command: rustauth },
];

fn sspr() -> Command {
    Command::new(target("release/sspr-server"))
}

fn sspr_fast() -> Command {
    let mut command = sspr();
    command.env("KERNEL", "fast");
    command
}

fn better_auth() -> Command {
    let mut command = Command::new("node");
    command.arg("server.mjs").current_dir(target("node")).env("NODE_ENV", "production");
    command
}

/// One worker with threads, because gunicorn's plain worker closes every connection.
fn django() -> Command {
    let mut command = Command::new(target("python/bin/gunicorn"));
    let worker = ["--workers=1", "--worker-class=gthread", "--threads=4", "--keep-alive=60"];
    command.args(worker).args(["--no-control-socket", "--log-level=warning", "server:application"]);
    command.current_dir("django").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn rustauth() -> Command {
    Command::new(target("release/rustauth-server"))
}

/// Returns a path below the folder of everything that is installed or built.
fn target(path: &str) -> PathBuf {
    fs::canonicalize(Path::new("target").join(path)).expect("benches/peers/run installs this")
}
