//! The scripts. They are sent by their digest, and as a whole if a server does not know them yet.

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
    pub(super) load: Script,
    pub(super) swap: Script,
    pub(super) charge: Script,
    /// The script for calls that write nothing. A server without free memory answers it too.
    pub(super) ask: Script,
    pub(super) sweep: Script,
}

/// Returns the file of a script after the part that all scripts share.
///
/// Its first line makes a server refuse keys that the call does not name, and writes that the flags
/// rule out.
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
            load: script!("", "lua/load.lua"),
            swap: script!("", "lua/swap.lua"),
            // The sweep frees memory, so it may run on a server without free memory.
            sweep: script!(" flags=allow-oom", "lua/sweep.lua"),
        }
    }
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { digest: redis::Script::new(text).get_hash().to_owned(), text }
    }

    /// Returns a call of the script by its digest.
    pub(super) fn by_digest(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        call("EVALSHA", &self.digest, keys, arguments)
    }

    /// Returns a call of the script with its text, which the server then keeps.
    pub(super) fn whole(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.text, keys, arguments)
    }
}

fn call(verb: &str, script: &str, keys: &[String], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    command
}
