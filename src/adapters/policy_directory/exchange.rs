//! The exchange of one document for another, with a record of it. Its steps may fail or end at any
//! point.
//!
//! First the new document is finished beside the old one, and its record is written as an
//! intention. Then the document takes its place, and last the record goes into the trail.
//!
//! If the new document still lies beside the old one, the intention was not carried out. If it is
//! gone from there, the intention was carried out, whatever happened to the document since.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    files::{Content, version_of},
    trail::{self, Line},
};
use crate::ports::RecordedChange;

/// The next step of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The new document is finished beside the old one.
    Finish,
    /// The record is written as an intention.
    Intend,
    /// Both are made to outlive a loss of power.
    Keep,
    /// The new document takes the place of the old one.
    Replace,
    /// The replacement is made to outlive a loss of power.
    KeepReplaced,
    /// The record goes into the trail.
    Record,
    /// The intention is forgotten.
    Forget,
}

/// A function that is called before each step.
pub(super) type Watch<'a> = &'a mut dyn FnMut(Step) -> io::Result<()>;

/// The certainty that a finished exchange stays.
pub(super) enum Made {
    /// The exchange outlives a loss of power.
    Durably,
    /// The exchange is in force, but might not outlive a loss of power.
    Perhaps(io::Error),
}

/// The record of an exchange that is planned, or that was made and is not in the trail yet.
pub(super) struct Intention {
    /// The version of the document before, or 0 if there was none.
    from: u64,
    /// The version of the document after.
    to: u64,
    pub(super) line: Line,
}

/// Replaces the document of version `from`, and records the change. After an error nothing has
/// changed, and nothing counts as recorded.
pub(super) fn make(
    path: &Path,
    from: u64,
    bytes: &[u8],
    change: &RecordedChange,
    watch: Watch<'_>,
) -> io::Result<Made> {
    watch(Step::Finish)?;
    written(&beside(path), bytes)?;
    let line = trail::next(&trail_of(path), change)?;
    let intention = Intention { from, line, to: version_of(bytes) };
    if let Err(error) = place(path, &intention, watch) {
        // Remove the intention first, because without a document beside the old one it would count.
        // If it cannot be removed, the document stays too, so that neither counts.
        if forget(path).is_ok() {
            let _ = fs::remove_file(beside(path));
        }
        return Err(error);
    }
    if let Err(error) = watch(Step::KeepReplaced).and_then(|()| keep(path)) {
        return Ok(Made::Perhaps(error));
    }
    // If this fails, the intention serves as the record until the next write.
    let recorded = watch(Step::Record).and_then(|()| intention.line.add(&trail_of(path)));
    let _ = recorded.and_then(|()| watch(Step::Forget)).and_then(|()| forget(path));
    Ok(Made::Durably)
}

/// Records an unfinished write that was carried out, or forgets one that was not.
pub(super) fn settle(path: &Path) -> io::Result<()> {
    if let Some(done) = done(path)? {
        done.line.add(&trail_of(path))?;
    }
    forget(path)
}

/// Returns the intention that was carried out, if it might not be in the trail yet.
pub(super) fn done(path: &Path) -> io::Result<Option<Intention>> {
    let bytes = match fs::read(intended(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    // An intention that was cut short was never carried out.
    Ok(Intention::parsed(&bytes).filter(|intention| intention.is_done(path)))
}

pub(super) fn trail_of(path: &Path) -> PathBuf {
    path.with_extension("changes")
}

fn intended(path: &Path) -> PathBuf {
    path.with_extension("changes-next")
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("fresh")
}

fn place(path: &Path, intention: &Intention, watch: Watch<'_>) -> io::Result<()> {
    watch(Step::Intend)?;
    written(&intended(path), intention.text().as_bytes())?;
    watch(Step::Keep)?;
    keep(path)?;
    watch(Step::Replace)?;
    let aside = path.with_extension("not-a-file");
    // A rename cannot replace a folder by a file.
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if is_folder {
        fs::rename(path, &aside)?;
    }
    fs::rename(beside(path), path).inspect_err(|_| {
        if is_folder {
            let _ = fs::rename(&aside, path);
        }
    })
}

fn written(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes new names outlive a loss of power.
fn keep(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(intended(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Intention {
    fn text(&self) -> String {
        let Line { at, text } = &self.line;
        json!({"from": self.from, "to": self.to, "at": at, "line": text}).to_string()
    }

    fn parsed(bytes: &[u8]) -> Option<Self> {
        let fields: Value = serde_json::from_slice(bytes).ok()?;
        let number = |name| fields.get(name).and_then(Value::as_u64);
        let text = fields.get("line")?.as_str()?.to_owned();
        let line = Line { at: number("at")?, text };
        Some(Self { from: number("from")?, line, to: number("to")? })
    }

    fn is_done(&self, path: &Path) -> bool {
        if version(&beside(path)) == self.to {
            return false;
        }
        let stored = version(path);
        stored == self.to || stored != self.from
    }
}

/// Returns the version of the file, or 0 if there is none.
fn version(path: &Path) -> u64 {
    let content = Content::read(path);
    if content.is_missing() { 0 } else { content.version }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
