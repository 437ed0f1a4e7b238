//! The processes of a race: what a child reads and answers, and who waits for it.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
};

use sspr::{
    Sspr,
    domain::{Code, FlowToken, Grant, Password},
    engine::{Courier, Rejection, SubmitOutcome, VerifyOutcome},
};

use super::{
    changes, client, engine,
    inbox::{Inbox, Mute},
    methods, on_runtime, stores, trials,
};

/// What a process has: its engine, and what its courier has sent.
#[derive(Clone)]
pub(super) struct Here {
    pub(super) sspr: Sspr,
    pub(super) courier: Arc<Courier>,
    pub(super) inbox: Inbox,
}

impl Here {
    /// The codes that have left for an address and for a number, each after its letter.
    async fn codes(&self, mail: &str, number: &str) -> String {
        self.courier.drain(&self.inbox).await;
        let code = |letter: char, to: &str| {
            let code = self.inbox.code_to(to);
            code.map_or_else(|| "-".to_owned(), |code| format!("{letter}{code}"))
        };
        format!("{},{}", code('M', mail), code('P', number))
    }
}

/// One of the processes, and who waits for its answers.
pub(super) struct Process {
    pub(super) child: Child,
    orders: Mutex<ChildStdin>,
    waiting: Arc<Mutex<HashMap<usize, mpsc::Sender<String>>>>,
}

impl Process {
    pub(super) fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["race::process::child_of_a_race", "--exact", "--nocapture", "--test-threads=1"])
            .env("SSPR_RACE_STORE", url)
            .env("SSPR_RACE_TRIALS", trials().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = Mutex::new(child.stdin.take().unwrap());
        let waiting = Arc::new(Mutex::new(HashMap::<usize, mpsc::Sender<String>>::new()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line == "@ready"));
        assert!(ready.is_some(), "a process did not start");
        let answered = waiting.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(answer) = line.strip_prefix('@') else { continue };
                let (trial, answers) = answer.split_once(' ').unwrap();
                let waits = answered.lock().unwrap().remove(&trial.parse().unwrap());
                let _ = waits.unwrap().send(answers.to_owned());
            }
        });
        Self { child, orders, waiting }
    }

    pub(super) fn order(&self, trial: usize, words: &str) -> mpsc::Receiver<String> {
        let (answer, wait) = mpsc::channel();
        self.waiting.lock().unwrap().insert(trial, answer);
        writeln!(self.orders.lock().unwrap(), "{trial} {words}").unwrap();
        wait
    }
}

/// What a child reads and answers: number of the trial, verb, secrets; then what each caller saw.
fn serve(url: &str) {
    on_runtime(async {
        let inbox = Inbox::default();
        // Its courier sends codes only: all notices are counted in one place.
        let (sspr, courier) = engine(&stores(url).await, &inbox, Arc::new(Mute));
        let here = Here { courier: Arc::new(courier), inbox, sspr };
        let (lines, mut orders) = tokio::sync::mpsc::unbounded_channel::<String>();
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                let Ok(line) = line else { break };
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        println!("\n@ready");
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(order) = orders.recv().await {
            let here = here.clone();
            tasks.spawn(async move {
                let words: Vec<&str> = order.split(' ').collect();
                let trial: usize = words[0].parse().unwrap();
                let callers: usize = words[2].parse().unwrap();
                let calls = (0..callers).map(|caller| {
                    let (here, words) = (here.clone(), words.clone());
                    async move { call(&here, trial, caller, &words).await }
                });
                let answers = futures_util::future::join_all(calls).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "\n@{trial} {}", answers.join(" ")).unwrap();
                out.flush().unwrap();
            });
        }
        while tasks.join_next().await.is_some() {}
    });
}

/// One caller's one call: a letter for what became of it, and the secret that it was given.
pub(super) async fn call(here: &Here, trial: usize, caller: usize, words: &[&str]) -> String {
    let sspr = &here.sspr;
    match words[1] {
        "change" | "force" | "freeze" | "enter" => {
            return changes::call(sspr, trial, caller, words).await;
        }
        "send" | "guess" => return methods::call(sspr, trial, caller, words).await,
        "codes" => return here.codes(words[3], words[4]).await,
        _ => {}
    }
    let client = client(trial);
    match words[1] {
        "verify" => {
            let token = FlowToken::parse(words[3]).unwrap();
            let code = Code::parse(words[4]).unwrap();
            match sspr.verify(&token, &code, &client).await {
                Ok(VerifyOutcome::Granted(granted)) => format!("G{}", granted.grant.expose()),
                Ok(VerifyOutcome::NextProof(_)) => "N".to_owned(),
                Ok(VerifyOutcome::Rejected(Rejection::WrongCode { .. })) => "W".to_owned(),
                Ok(VerifyOutcome::Rejected(_)) => "R".to_owned(),
                Err(error) => failed(&error),
            }
        }
        _ => {
            let grant = Grant::parse(words[3]).unwrap();
            let password = Password::parse(&format!("one of many words {}", caller % 2)).unwrap();
            match sspr.submit(&grant, &password, &client).await {
                Ok(SubmitOutcome::Changed(changed)) => format!("T{}", changed.ticket.expose()),
                Ok(_) => "R".to_owned(),
                Err(error) => failed(&error),
            }
        }
    }
}

pub(super) fn failed(error: &sspr::Error) -> String {
    eprintln!("{error}: {:?}", std::error::Error::source(error).map(ToString::to_string));
    "E".to_owned()
}

#[test]
fn child_of_a_race() {
    if let Ok(url) = std::env::var("SSPR_RACE_STORE") {
        serve(&url);
    }
}
