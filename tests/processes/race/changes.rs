//! The other entrances, raced: changes of one session, grants of one forced change, entries of one
//! code of staff, and entries of the code of one notice.

use sspr::{
    AccountId, ChangeOutcome, Session, SignInOutcome, Sspr, Stamp,
    adapters::SystemEntropy,
    domain::{ActorId, Code, EmailAddress, Grant, Password},
    engine::{AssistanceOutcome, Client, FreezeOutcome, Request, RequestKey, SubmitOutcome},
};
use std::time::Duration;

use super::{CALLERS, OLD, PROCESSES, Race, client, process::failed, shop, tenant};

/// How often a caller comes again that was told to come later.
const AGAIN: usize = 200;
const NEW: &str = "four unrelated words will do";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

async fn come_again() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

/// One caller's one call: a letter for what became of it, and what the caller was given.
pub(super) async fn call(sspr: &Sspr, trial: usize, caller: usize, words: &[&str]) -> String {
    let client = client(trial);
    for _ in 0..AGAIN {
        let answer = match words[1] {
            "change" => change(sspr, trial, (caller, &client), words).await,
            "force" => force(sspr, (caller, &client), words[3]).await,
            "freeze" => freeze(sspr, trial, &client, words[3]).await,
            _ => enter(sspr, trial, &client, words).await,
        };
        if answer != "L" {
            return answer;
        }
        come_again().await;
    }
    "L".to_owned()
}

async fn change(
    sspr: &Sspr,
    trial: usize,
    (caller, client): (usize, &Client),
    words: &[&str],
) -> String {
    let account = AccountId::parse(words[3]).unwrap();
    let session = Session::new(&shop(trial), account, Stamp::from_bytes(bytes(words[4])));
    let session = match words[5] {
        "each" => session.with_key(RequestKey::generate(&SystemEntropy::new()).unwrap()),
        key => session.with_key(RequestKey::from_bytes(bytes(key))),
    };
    let new = if words[5] == "each" { format!("{NEW} {caller}") } else { NEW.to_owned() };
    let (current, new) = (Password::parse(OLD).unwrap(), Password::parse(&new).unwrap());
    match sspr.change(&session, &current, &new, client).await {
        Ok(ChangeOutcome::Changed(kept)) => format!("C{}", hex(kept.stamp.as_bytes())),
        Ok(ChangeOutcome::SessionEnded) => "S".to_owned(),
        Ok(ChangeOutcome::TryLater { .. }) => "L".to_owned(),
        Ok(other) => format!("X{other:?}").replace(' ', ""),
        Err(error) => failed(&error),
    }
}

async fn force(sspr: &Sspr, (caller, client): (usize, &Client), grants: &str) -> String {
    let grant = Grant::parse(grants.split(',').nth(caller).unwrap()).unwrap();
    let password = Password::parse(&format!("{NEW} {caller}")).unwrap();
    match sspr.submit(&grant, &password, client).await {
        Ok(SubmitOutcome::Changed(changed)) => format!("T{}", changed.ticket.expose()),
        Ok(SubmitOutcome::TryLater { .. }) => "L".to_owned(),
        Ok(_) => "R".to_owned(),
        Err(error) => failed(&error),
    }
}

async fn enter(sspr: &Sspr, trial: usize, client: &Client, words: &[&str]) -> String {
    let request = Request::new(&shop(trial), EmailAddress::parse(words[3]).unwrap());
    let code = Code::parse(words[4]).unwrap();
    match sspr.enter_assistance_code(&request, &code, client).await {
        Ok(AssistanceOutcome::Granted(granted)) => format!("G{}", granted.grant.expose()),
        Ok(AssistanceOutcome::TryLater { .. }) => "L".to_owned(),
        Ok(AssistanceOutcome::Rejected) => "R".to_owned(),
        Err(error) => failed(&error),
    }
}

async fn freeze(sspr: &Sspr, trial: usize, client: &Client, code: &str) -> String {
    match sspr.freeze(&shop(trial), &Code::parse(code).unwrap(), client).await {
        Ok(FreezeOutcome::Frozen) => "F".to_owned(),
        Ok(FreezeOutcome::TryLater { .. }) => "L".to_owned(),
        Ok(FreezeOutcome::Rejected) => "R".to_owned(),
        Err(error) => failed(&error),
    }
}

impl Race {
    /// Changes of one session at once. With one key all are one change, with the same answer. With a
    /// key for each, one of them changes the password, and the session has ended for the others.
    pub(super) async fn changes(&self, trial: usize, one_key: bool) -> (Vec<String>, bool) {
        let (id, _, stamp) = self.account(trial, false).await;
        let key =
            if one_key { hex(&[u8::try_from(trial % 251).unwrap(); 32]) } else { "each".into() };
        let stamp_ = hex(stamp.as_bytes());
        let words = format!("change {CALLERS} {} {stamp_} {key}", id.as_str());
        let answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let stamps = Self::secrets(&answers, 'C');
        let found = self.stores.users.find(&tenant(trial), &id).await.unwrap().unwrap();
        let is_one = stamps.len() == 1 && stamps.contains(hex(found.stamp.as_bytes()).as_str());
        let changed = answers.iter().filter(|it| it.starts_with('C')).count();
        let ended = answers.iter().filter(|it| *it == "S").count();
        let held = match one_key {
            true => changed == answers.len(),
            false => changed == 1 && ended + 1 == answers.len(),
        };
        (answers, is_one && held)
    }

    /// A grant of the same forced change for each caller: one of them changes the password.
    pub(super) async fn forced(&self, trial: usize) -> (Vec<String>, bool) {
        let (id, mail, _) = self.account(trial, true).await;
        let (request, old) = (Request::new(&shop(trial), mail), Password::parse(OLD).unwrap());
        let mut grants = Vec::new();
        for _ in 0..PROCESSES * CALLERS {
            let granted = loop {
                match self.sspr.sign_in(&request, &old, &client(trial)).await.unwrap() {
                    SignInOutcome::MustChange(granted) => break granted,
                    // Trials beside this one have filled the hasher's queue.
                    SignInOutcome::TryLater { .. } => tokio::task::yield_now().await,
                    other => panic!("{other:?}"),
                }
            };
            grants.push(granted.grant.expose());
        }
        let words = |process: usize| {
            let own = &grants[process * CALLERS..(process + 1) * CALLERS];
            format!("force {CALLERS} {}", own.join(","))
        };
        let answers = tokio::task::block_in_place(|| self.each(trial, words));
        let found = self.stores.users.find(&tenant(trial), &id).await.unwrap().unwrap();
        let changed = Self::secrets(&answers, 'T').len();
        let refused = answers.iter().filter(|it| *it == "R").count();
        let held = changed == 1 && refused + 1 == answers.len() && !found.must_change;
        (answers, held)
    }

    /// One code of staff, typed by every caller at once: one grant.
    pub(super) async fn codes_of_staff(&self, trial: usize) -> (Vec<String>, bool) {
        let (id, mail, _) = self.account(trial, false).await;
        let desk = self.sspr.help_desk(ActorId::parse(&format!("staff-{trial}")).unwrap());
        let issued = desk.assistance_code(&shop(trial), &id).await.unwrap().done().unwrap();
        let words = format!("enter {CALLERS} {} {}", mail.as_str(), issued.code.expose());
        let answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let one = Self::secrets(&answers, 'G').len() == 1;
        let held = one && answers.iter().all(|it| it.starts_with('G'));
        (answers, held)
    }
    /// The code of one notice, typed by every caller at once: one freeze, and the same answer for all.
    pub(super) async fn freezes(&self, trial: usize) -> (Vec<String>, bool) {
        let (id, mail, stamp) = self.account(trial, false).await;
        let session = Session::new(&shop(trial), id.clone(), stamp);
        let (old, new) = (Password::parse(OLD).unwrap(), Password::parse(NEW).unwrap());
        let kept = loop {
            match self.sspr.change(&session, &old, &new, &client(trial)).await.unwrap() {
                ChangeOutcome::Changed(kept) => break kept,
                // Trials beside this one have filled the hasher's queue.
                ChangeOutcome::TryLater { .. } => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        };
        let code = self.code_to(mail.as_str()).await;
        let words = format!("freeze {CALLERS} {}", code.expose());
        let answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let found = self.stores.users.find(&tenant(trial), &id).await.unwrap().unwrap();
        let once = found.frozen.is_some_and(|frozen| frozen.recover_to == [mail]);
        let ended = found.stamp != kept.stamp;
        let held = once && ended && answers.iter().all(|it| it == "F");
        (answers, held)
    }
}
