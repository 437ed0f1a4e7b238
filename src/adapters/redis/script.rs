//! Scripts: sent by their digest, and whole where a server does not know it yet.

use redis::Cmd;

/// The script of a verb.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    digest: String,
}

/// The scripts of all verbs.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) insert: Script,
    pub(super) attempt: Script,
    pub(super) swap: Script,
    pub(super) charge: Script,
    /// The script for calls that write nothing, which a server without memory also answers.
    pub(super) ask: Script,
    pub(super) sweep: Script,
}

/// A script's file behind what all of them share. The first line makes a server refuse keys that the
/// call does not name, and writes that the flags rule out.
macro_rules! script {
    ($flags:literal, $file:literal) => {
        Script::new(concat!(
            "#!lua",
            $flags,
            "\n",
            include_str!("lua/shared.lua"),
            include_str!($file)
        ))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            ask: script!(" flags=no-writes", "lua/charge.lua"),
            attempt: script!("", "lua/attempt.lua"),
            charge: script!("", "lua/charge.lua"),
            insert: script!("", "lua/insert.lua"),
            swap: script!("", "lua/swap.lua"),
            // Makes room, so it may run where there is none.
            sweep: script!(" flags=allow-oom", "lua/sweep.lua"),
        }
    }
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { digest: redis::Script::new(text).get_hash().to_owned(), text }
    }

    /// Calls it by its digest.
    pub(super) fn by_digest(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        call("EVALSHA", &self.digest, keys, arguments)
    }

    /// Calls it with its text, which the server then keeps.
    pub(super) fn whole(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.text, keys, arguments)
    }
}

fn call(verb: &str, script: &str, keys: &[String], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    command
}
