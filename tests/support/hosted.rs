//! The example `hosted`, as a process.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// One of them, on a port of its own; it ends with its test.
pub struct Hosted {
    pub child: Child,
    /// Host and port.
    pub at: String,
    /// The administrator's.
    pub key: String,
    /// Kept open: a program that prints into a closed pipe stops.
    _output: BufReader<std::process::ChildStdout>,
}

impl Hosted {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(example())
            .args(["--listen", "127.0.0.1:0", "--test-controls"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let at = first.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let key = loop {
            if let Some((_, key)) = line().split_once("key=") {
                break key.to_owned();
            }
        };
        Self { _output: output, at, child, key }
    }

    /// Runs a script of the browser tests, and fails with what it printed.
    pub fn walk(&self, script: &str, variables: &[(&str, &str)]) {
        let tools = root().join("target/browser");
        assert!(
            tools.join("node_modules/playwright-core").exists()
                && Path::new("/usr/bin/chromium").exists(),
            "no browser to test with; install it with: scripts/node-env"
        );
        // Node looks for modules beside the script.
        let own = tools.join(format!("run-{}", self.at.replace(':', "-")));
        fs::create_dir_all(&own).unwrap();
        for entry in fs::read_dir(root().join("tests/browser")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "mjs") {
                fs::copy(&path, own.join(path.file_name().unwrap())).unwrap();
            }
        }
        let done = Command::new("node")
            .arg(own.join(script))
            .env("BASE", format!("http://{}", self.at))
            .env("KEY", &self.key)
            .env("MODULES", tools.join("node_modules"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        fs::remove_dir_all(own).unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        println!("{said}");
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    }

    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // A server that has answered may close before it has read all.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Built by `cargo test` beside the tests.
pub fn example() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/hosted")
}
