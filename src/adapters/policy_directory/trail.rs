//! The record of changes and administrators, as lines of JSON beside a tenant's policy.
//!
//! A line holds the policy before and after the change. If the line before it ends where this one
//! begins, it holds only the differences.
//!
//! A full file becomes the older one of two, so that both together are bounded. Each file begins
//! with a whole policy.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{edit, files::version_of};
use crate::{domain::Timestamp, ports::RecordedChange};

/// The size up to which lines are added to a file.
const MOST_BYTES: u64 = 1024 * 1024;
/// The number of bytes that are read at once from the end of a file.
const PIECE: u64 = 64 * 1024;

/// A line, and its place in a file.
pub(super) struct Line {
    /// The place where the line begins. It was the end of the file when the line was made.
    pub(super) at: u64,
    pub(super) text: String,
}

impl Line {
    /// Adds the missing part of the line, which may be all of it, the rest, or nothing.
    pub(super) fn add(&self, path: &Path) -> io::Result<()> {
        let mut file = open(path)?;
        let mut written = Vec::new();
        let at = self.at.min(file.metadata()?.len());
        file.seek(SeekFrom::Start(at))?;
        file.read_to_end(&mut written)?;
        file.write_all(&self.missing(&written, at))?;
        file.sync_all()
    }

    /// Returns the missing part of the line in a file that continues with `written` at `at`.
    fn missing(&self, written: &[u8], at: u64) -> Vec<u8> {
        let text = self.text.as_bytes();
        if at == self.at && written.starts_with(text) {
            return Vec::new();
        }
        match text.strip_prefix(written).filter(|_| at == self.at) {
            Some(rest) => rest.to_vec(),
            // Other text is there, and it may lack its line feed.
            None => [b"\n", text].concat(),
        }
    }
}

/// Returns the line of a change, to be added at the end of a file. Reads no more than the last
/// line.
pub(super) fn next(path: &Path, change: &RecordedChange) -> io::Result<Line> {
    let mut file = open(path)?;
    if file.metadata()?.len() > MOST_BYTES {
        fs::rename(path, older(path))?;
        file = open(path)?;
    }
    let at = file.metadata()?.len();
    let last = last_line(&mut file)?;
    let mut line = String::new();
    if last.as_deref().is_some_and(|last| !last.ends_with(b"\n")) {
        // A crash has cut the last line short. It ends here, so that it does not spoil the next
        // line.
        line.push('\n');
    }
    let end = last.and_then(|last| end_of(&serde_json::from_slice(&last).ok()?));
    let mut fields = json!({
        "at": change.at.as_micros(),
        "who": change.who,
        "what": change.what,
        "to": mark(&change.after),
    });
    let begins = mark(&change.before);
    let differs = if end == Some(begins) {
        vec![("start", json!(begins)), ("edit", edit::between(&change.before, &change.after))]
    } else {
        vec![("before", change.before.clone()), ("after", change.after.clone())]
    };
    if let Some(fields) = fields.as_object_mut() {
        fields.extend(differs.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    line.push_str(&format!("{fields}\n"));
    Ok(Line { at, text: line })
}

/// Returns the newest changes first, and how many lines could not be read. A line that was not
/// added yet counts like the others.
pub(super) fn read(
    path: &Path,
    added: Option<&Line>,
    limit: usize,
) -> io::Result<(Vec<RecordedChange>, usize)> {
    let mut newest = VecDeque::new();
    let mut unreadable = 0;
    for (file, added) in [(older(path), None), (path.to_owned(), added)] {
        let mut bytes = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        if let Some(line) = added {
            let at = usize::try_from(line.at).unwrap_or(usize::MAX).min(bytes.len());
            let written = bytes.split_at_checked(at).map_or(&[][..], |(_, written)| written);
            let missing = line.missing(written, u64::try_from(at).unwrap_or(u64::MAX));
            bytes.extend(missing);
        }
        let mut reached = None;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for line in lines {
            match recorded(line, reached.take()) {
                Some((change, end)) => {
                    reached = end;
                    newest.push_front(change);
                    newest.truncate(limit);
                }
                None => unreadable += 1,
            }
        }
    }
    Ok((newest.into(), unreadable))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).read(true).open(path)
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("changes-old")
}

/// Returns the last line of a file, with its line feed if it has one.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut start = file.seek(SeekFrom::End(0))?;
    let mut line: Vec<u8> = Vec::new();
    while start > 0 {
        let length = start.min(PIECE);
        start -= length;
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        Read::by_ref(file).take(length).read_to_end(&mut piece)?;
        // The line feed of the last line does not end the line before it.
        let within = piece.len().saturating_sub(usize::from(line.is_empty()));
        let before = piece.iter().take(within).rposition(|byte| *byte == b'\n');
        let tail = piece.split_off(before.map_or(0, |at| at + 1));
        line.splice(..0, tail);
        if before.is_some() {
            break;
        }
    }
    Ok((!line.is_empty()).then_some(line))
}

/// Returns a mark that tells one document from another.
fn mark(document: &Value) -> u64 {
    version_of(document.to_string().as_bytes())
}

/// Returns the mark of the document that a line ends with. The next line begins with that document,
/// unless the policy was changed in another way.
fn end_of(line: &Value) -> Option<u64> {
    line.get("to").map_or_else(|| line.get("after").map(mark), Value::as_u64)
}

/// Reads one line, and returns the document that it ends with. Returns `None` if the line cannot be
/// read.
///
/// If the document before it is not known, the result shows only the changed parts.
fn recorded(line: &[u8], reached: Option<Value>) -> Option<(RecordedChange, Option<Value>)> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let text = |name| line.get(name).and_then(Value::as_str);
    let at = Timestamp::from_micros(line.get("at")?.as_i64()?);
    let (who, what) = (text("who")?, text("what")?);
    let Some(difference) = line.get("edit") else {
        let after = line.get("after")?.clone();
        let before = line.get("before").cloned().unwrap_or_default();
        let change = RecordedChange::new(at, who, what, [before, after.clone()]);
        return Some((change, Some(after)));
    };
    let start = line.get("start")?.as_u64()?;
    let before = reached.filter(|reached| mark(reached) == start);
    let both = before.and_then(|before| {
        let after = edit::applied(&before, difference)?;
        (Some(mark(&after)) == end_of(&line)).then_some([before, after])
    });
    match both {
        Some([before, after]) => {
            let change = RecordedChange::new(at, who, what, [before, after.clone()]);
            Some((change, Some(after)))
        }
        None => Some((RecordedChange::new(at, who, what, edit::parts(difference)?), None)),
    }
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
