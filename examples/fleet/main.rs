//! Many processes on one Postgres (or on Postgres and Redis), behind a round-robin proxy.
//!
//! `cargo run --features full --example fleet -- up --store postgres://… [--codes redis://…]`
//! migrates, starts four nodes and the proxy, and prints the mails. Or piece by piece, as a supervisor
//! would: `fleet migrate --store URL`, `fleet node --listen A --store URL --mails FILE`, `fleet proxy
//! --listen A --nodes A,A`. A node reads its keys from `SSPR_KEYS`.
#![allow(
    clippy::print_stdout,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "an example talks, and is no library"
)]

mod clock;
mod issuer;
mod mails;
mod newer_codec;
mod node;
mod older_codec;
mod proxy;
mod up;

use std::error::Error;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Tenant, application and user flow that every node serves.
pub const TENANT: &str = "contoso";
pub const CLIENT: &str = "63856651-0000-4000-8000-000000000000";

#[derive(Default)]
pub struct Options {
    pub listen: String,
    pub store: String,
    /// Redis for the code store; Postgres if there is none.
    pub codes: Option<String>,
    pub mails: String,
    pub nodes: String,
    /// Seconds that this node's clock is off.
    pub clock: i64,
    /// Which records this node writes and reads: those of this release, both and writes these, both
    /// and writes the next release's, or those of a release before codes by SMS.
    pub codec: String,
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self { codec: "this".to_owned(), ..Self::default() };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name}: needs a value"))?;
            match name.as_str() {
                "--listen" => options.listen = value,
                "--store" => options.store = value,
                "--codes" => options.codes = Some(value),
                "--mails" => options.mails = value,
                "--nodes" => options.nodes = value,
                "--clock" => options.clock = value.parse()?,
                "--codec" => options.codec = value,
                _ => return Err(format!("{name}: no such option").into()),
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let job = arguments.next().unwrap_or_default();
    let options = Options::read(arguments)?;
    match job.as_str() {
        "migrate" => node::migrate(&options).await,
        "node" => node::run(&options).await,
        "proxy" => proxy::run(&options).await,
        "up" => up::run(&options).await,
        _ => {
            Err("fleet up | migrate | node | proxy; see the head of examples/fleet/main.rs".into())
        }
    }
}
