//! Keeps the figures of a run for `scripts/charts`.

use std::{fs, path::PathBuf, thread};

/// Writes rows to `NAME.tsv` in the folder that `SSPR_BENCH_DATA` names, below a line with the date
/// and the command. Without the variable it writes nothing, so that a run does not change committed
/// figures by accident.
#[allow(clippy::disallowed_methods, reason = "a bench says on which day it ran")]
pub fn keep(name: &str, command: &str, columns: &[&str], rows: &[Vec<String>]) {
    let Some(folder) = std::env::var_os("SSPR_BENCH_DATA") else { return };
    let today = time::OffsetDateTime::now_utc().date();
    let cores = thread::available_parallelism().unwrap();
    let mut text = format!("# {today}, {cores} cores, {command}\n{}\n", columns.join("\t"));
    for row in rows {
        assert_eq!(row.len(), columns.len(), "{name}: {row:?}");
        text.push_str(&row.join("\t"));
        text.push('\n');
    }
    // A bench runs in the folder of its package, but commands are typed at the root.
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    fs::write(root.join(folder).join(format!("{name}.tsv")), text).unwrap();
}
