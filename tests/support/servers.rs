//! Real servers, private to a test: started from the installed programs on free loopback ports, and
//! gone with it. A program that is missing is a failure that says how to install it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Finds a program, or fails with the command that installs it.
fn program(name: &str, folders: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    places.extend(std::env::split_paths(&path));
    places.push(PathBuf::from("/usr/sbin"));
    let found = places.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: apt-get install {package}"))
}

fn postgres_folder() -> String {
    let Ok(versions) = fs::read_dir("/usr/lib/postgresql") else { return "/usr/bin".to_owned() };
    let mut versions: Vec<u32> =
        versions.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    format!("/usr/lib/postgresql/{}/bin", versions.last().copied().unwrap_or(0))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0")
}

/// The program as a user that is not root, ended when this process ends.
fn leashed(program: &Path, user: &str) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}")[..], "--init-groups"]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Spawns from a thread that never ends: the leash hangs on the thread.
fn spawn(command: Command) -> Child {
    type Order = (Command, mpsc::Sender<Child>);
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (send, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                reply.send(command.spawn().unwrap()).unwrap();
            }
        });
        Mutex::new(send)
    });
    let (reply, child) = mpsc::channel();
    spawner.lock().unwrap().send((command, reply)).unwrap();
    child.recv().unwrap()
}

/// Waits until a condition holds; a server that is not there after a minute is not coming.
#[expect(clippy::disallowed_methods, reason = "a server starts in real time")]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{what}: not within a minute");
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A folder that a server's own user can reach. What an earlier run left behind is removed.
pub fn folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let base = std::env::temp_dir();
    for entry in fs::read_dir(&base).unwrap().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let process = file.strip_prefix("sspr-test-").and_then(|rest| rest.split('-').next());
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = base.join(format!("sspr-test-{}-{name}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn give_to(user: &str, folder: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("-R").arg(user).arg(folder).status().unwrap();
        assert!(given.success());
    }
}

/// A Postgres cluster.
pub struct Postgres {
    pub port: u16,
    pub data: PathBuf,
    settings: Vec<String>,
    child: Mutex<Child>,
}

impl Postgres {
    /// A cluster that forgets with the machine's power: fast.
    pub fn start() -> Self {
        Self::with(&["fsync=off", "synchronous_commit=off", "full_page_writes=off"])
    }

    pub fn with(settings: &[&str]) -> Self {
        let data = folder("postgres");
        give_to("postgres", &data);
        let initdb = program("initdb", &[&postgres_folder()], "postgresql");
        let mut command = leashed(&initdb, "postgres");
        command.arg("-D").arg(&data).args(["-A", "trust", "-U", "postgres", "--no-sync"]);
        command.args(["-E", "UTF8", "--locale=C.UTF-8"]);
        assert!(spawn(command).wait().unwrap().success(), "initdb");
        let port = free_port();
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let child = Mutex::new(Self::run(&data, port, &settings));
        let cluster = Self { child, data, port, settings };
        cluster.wait();
        cluster
    }

    fn run(data: &Path, port: u16, settings: &[String]) -> Child {
        let postgres = program("postgres", &[&postgres_folder()], "postgresql");
        let mut command = leashed(&postgres, "postgres");
        command.arg("-D").arg(data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        command.args(["-c", "max_connections=300"]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let log = fs::File::create(data.with_extension("log")).unwrap();
        command.stderr(log);
        spawn(command)
    }

    fn wait(&self) {
        until("postgres", || {
            let mut command = Command::new(program("psql", &[], "postgresql-client"));
            command.args(["-X", "-q", "-c", "SELECT 1", &self.url("postgres")]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
        });
    }

    /// A URL that gives a slow machine the time it needs to connect.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?connect_timeout=60", self.port)
    }

    /// Runs SQL, one statement at a time; answers what it prints.
    pub fn sql(&self, database: &str, statements: &[&str]) -> String {
        let mut command = Command::new(program("psql", &[], "postgresql-client"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        command.args(statements.iter().flat_map(|statement| ["-c", statement]));
        let done = command.arg(self.url(database)).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// A database of its own, empty or a copy of `template`.
    pub fn database(&self, template: &str) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Copies of one template are made one after the other.
        static ONE: Mutex<()> = Mutex::new(());
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let _one = ONE.lock();
        self.sql("postgres", &[&format!("CREATE DATABASE {name} TEMPLATE {template}")]);
        name
    }

    /// Ends it as a loss of power would, as far as this machine can tell.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        // The server's children notice by themselves that their parent is gone.
        child.kill().unwrap();
        child.wait().unwrap();
        until("postgres to end", || !listens(self.port));
    }

    pub fn restart(&self) {
        let lock = self.data.join("postmaster.pid");
        until("shared memory to be free", || {
            let _ = fs::remove_file(&lock);
            let mut child = Self::run(&self.data, self.port, &self.settings);
            until("postgres to listen or end", || {
                listens(self.port) || child.try_wait().unwrap().is_some()
            });
            let runs = child.try_wait().unwrap().is_none();
            *self.child.lock().unwrap() = child;
            runs
        });
        self.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// PgBouncer in transaction mode before a cluster.
pub struct PgBouncer {
    pub port: u16,
    child: Child,
}

impl PgBouncer {
    pub fn before(cluster: &Postgres) -> Self {
        let (folder, port) = (folder("pgbouncer"), free_port());
        let settings = folder.join("pgbouncer.ini");
        let users = folder.join("users.txt");
        fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\n\
             listen_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\nauth_file={}\n\
             pool_mode=transaction\ndefault_pool_size=4\nmax_client_conn=200\nunix_socket_dir=\n\
             logfile={}\n",
            cluster.port,
            users.display(),
            folder.join("log").display(),
        );
        fs::write(&settings, text).unwrap();
        give_to("postgres", &folder);
        let mut command = leashed(&program("pgbouncer", &[], "pgbouncer"), "postgres");
        command.arg("-q").arg(&settings).stderr(Stdio::null());
        let child = spawn(command);
        until("pgbouncer", || listens(port));
        Self { child, port }
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?connect_timeout=60", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Redis or Valkey.
pub struct Redis {
    pub port: u16,
    pub folder: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
    child: Mutex<Child>,
}

impl Redis {
    /// Redis with what a code store needs.
    pub fn start() -> Self {
        Self::with("redis-server", &[])
    }

    pub fn valkey() -> Self {
        Self::with("valkey-server", &[])
    }

    pub fn with(name: &str, more: &[&str]) -> Self {
        let (folder, port) = (folder(name), free_port());
        let program = program(name, &[], name);
        let mut arguments: Vec<String> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"].map(String::from).into();
        arguments.extend(["--maxmemory-policy", "noeviction"].map(String::from));
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        if !more.contains(&"--port") {
            arguments.extend(["--port".to_owned(), port.to_string()]);
        }
        let child = Mutex::new(Self::run(&program, &folder, &arguments));
        let server = Self { arguments, child, folder, port, program };
        let listening = more.iter().position(|argument| *argument == "--tls-port");
        let listening = listening.map_or(port, |at| more[at + 1].parse().unwrap());
        until(name, || listens(listening));
        server
    }

    fn run(program: &Path, folder: &Path, arguments: &[String]) -> Child {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments);
        command.arg("--dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        spawn(command)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Runs one command; answers what it prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let name = self.program.file_name().unwrap().to_str().unwrap().replace("-server", "-cli");
        let folder = self.program.parent().unwrap().to_str().unwrap();
        let cli = program(&name, &[folder], "redis-tools");
        let mut command = Command::new(cli);
        let done = command.args(["-p", &self.port.to_string()]).args(arguments).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    }

    /// Stops the process: it keeps its connections and answers nobody until it goes on.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn restart(&self) {
        *self.child.lock().unwrap() = Self::run(&self.program, &self.folder, &self.arguments);
        until("redis", || listens(self.port));
        until("redis to have loaded", || self.cli(&["PING"]).contains("PONG"));
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
