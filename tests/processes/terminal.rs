//! The main job, as a person at a terminal does it: the example `reset`, driven through a pipe.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Session {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(example("reset"))
            .arg("--db")
            .arg(folder.join("demo.db"))
            .arg("--mails")
            .arg(folder.join("mails"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, folder: folder.to_owned(), input, output: BufReader::new(output) }
    }

    /// Types lines, and reads until a line that holds the expected words.
    fn say(&mut self, lines: &[&str], expected: &str) -> String {
        for line in lines {
            writeln!(self.input, "{line}").unwrap();
        }
        let mut seen = String::new();
        loop {
            let start = seen.len();
            assert!(self.output.read_line(&mut seen).unwrap() > 0, "no `{expected}` in:\n{seen}");
            if seen[start..].contains(expected) {
                return seen;
            }
        }
    }

    fn sign_in(&mut self, password: &str, expected: &str) {
        self.say(&["contoso", "ada@example.com", password], expected);
    }

    /// The code of the newest mail with one; waits for the courier by looking again.
    fn mailed_code(&self, mails_before: usize) -> String {
        loop {
            let mails = mails(&self.folder.join("mails"));
            if mails.len() > mails_before {
                return code_in(mails.last().unwrap());
            }
            std::thread::yield_now();
        }
    }

    fn quit(mut self) {
        writeln!(self.input, "quit").unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join(name)
}

fn mails(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    files
}

fn code_in(mail: &Path) -> String {
    let mail = fs::read_to_string(mail).unwrap();
    let is_code = |line: &&str| line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit());
    mail.lines().find(is_code).expect("a code").to_owned()
}

#[test]
fn a_customer_resets_a_forgotten_password_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::start(folder.path());
    session.sign_in("the old password 1", "Signed in as ada");
    let old_session = fs::read_to_string(folder.path().join("demo.session")).unwrap();

    for _ in 0..9 {
        session.sign_in("not my password", "do not match");
    }
    session.sign_in("not my password", "do not match");
    session.sign_in("the old password 1", "Sign-in is paused");
    session.sign_in("forgot", "If a**");
    let code = session.mailed_code(0);
    let wrong = if code.starts_with('1') { "22222222" } else { "11111111" };
    session.say(&[wrong], "You have 4 tries left");
    session.say(&["resend"], "is available in");
    session.say(&[&code], "New password?");
    session.say(&["password1"], "too short");
    session.say(&["passwordpassword"], "common");
    let said = session.say(&["four unrelated words will do"], "Signed in as ada");
    assert!(said.contains("Your password is changed."));
    assert!(said.contains("The earlier session has ended."));
    session.sign_in("the old password 1", "do not match");
    session.sign_in("four unrelated words will do", "Signed in as ada");
    session.quit();

    let mut again = Session::start(folder.path());
    again.sign_in("the old password 1", "do not match");
    again.sign_in("four unrelated words will do", "Signed in as ada");
    again.quit();

    fs::write(folder.path().join("demo.session"), old_session).unwrap();
    let mut with_old_session = Session::start(folder.path());
    with_old_session.say(&[], "The earlier session has ended");
    with_old_session.quit();
}

#[test]
fn an_unknown_address_is_told_the_same_and_gets_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::start(folder.path());
    session.say(&["contoso", "amy@example.com", "forgot"], "If a**");
    session.say(&["11111111"], "You have 4 tries left");
    session.say(&["not a code"], "Enter the 8 digits");
    session.say(&["back"], "Tenant?");
    assert!(mails(&folder.path().join("mails")).is_empty());
    session.quit();
}

/// The exit code, what was printed, and what was said of errors.
fn told(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(example("reset"));
    let output = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_is_printed_and_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    for help in [&["--help"][..], &["-h"], &["--db", "x.db", "--help"]] {
        let (code, printed, errors) = told(folder.path(), help);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{help:?}");
        for option in ["--db FILE", "--mails FOLDER", "--smtp URL", "--help"] {
            assert!(printed.contains(option), "{option}: {printed}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_bad_option_is_named_and_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, named) in [
        (&["--mail", "x"][..], "--mail: there is no such option"),
        (&["demo.db"], "demo.db: there is no such option"),
        (&["--db"], "--db: a value is missing"),
        (&["--db", "--mails"], "--db: a value is missing"),
        (&["--db", "a.db", "--db", "b.db"], "--db: give it once"),
        (&["--mails", "m", "--smtp", "smtp://h"], "--mails: leave it out, or --smtp"),
    ] {
        let (code, printed, errors) = told(folder.path(), arguments);
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.starts_with(&format!("reset: {named}")), "{arguments:?}: {errors}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    // The URL is read before anything is made.
    let (code, printed, errors) = told(folder.path(), &["--smtp", "smtp://me:hunter2@"]);
    assert_eq!((code, printed.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.starts_with("reset: --smtp: ") && !errors.contains("hunter2"), "{errors}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
