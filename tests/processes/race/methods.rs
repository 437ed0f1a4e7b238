//! Codes by mail and by text, raced for one account: right ones, requests for both, and wrong ones.

use std::time::Duration;

use sspr::{
    Sspr,
    domain::{Code, FlowToken, Method},
    engine::{Client, OpenOutcome, Rejection, Request, SendOutcome, StartOutcome, VerifyOutcome},
};

use super::{CALLERS, PROCESSES, Race, client, number_of, other_than, process::failed, shop};

/// How often a process is asked for a code that is on its way.
const AGAIN: usize = 200;
/// Resets of one account in a trial with wrong codes. Together they have more tries than the account.
const RESETS: usize = 4;
/// Tries of a code, and of the short codes of an account in a day.
const TRIES: usize = 5;
const BUDGET: usize = 15;

const fn letter(method: Method) -> char {
    match method {
        Method::Email => 'M',
        Method::Sms => 'P',
    }
}

/// One caller's one call: a letter for what became of it.
pub(super) async fn call(sspr: &Sspr, trial: usize, caller: usize, words: &[&str]) -> String {
    let client = client(trial);
    match words[1] {
        "send" => send(sspr, caller, &client, words[3]).await,
        _ => guess(sspr, caller, &client, (words[3], words[4])).await,
    }
}

/// Every second caller wants a text.
async fn send(sspr: &Sspr, caller: usize, client: &Client, token: &str) -> String {
    let token = FlowToken::parse(token).unwrap();
    let method = if caller.is_multiple_of(2) { Method::Email } else { Method::Sms };
    match sspr.send_by(&token, method, client).await {
        Ok(SendOutcome::Sent(sent)) => letter(sent.method).to_string(),
        Ok(SendOutcome::TooSoon { .. }) => "S".to_owned(),
        Ok(SendOutcome::TryLater { .. }) => "L".to_owned(),
        Ok(SendOutcome::Gone) => "X".to_owned(),
        Err(error) => failed(&error),
    }
}

/// Each caller guesses at one of the resets.
async fn guess(
    sspr: &Sspr,
    caller: usize,
    client: &Client,
    (tokens, codes): (&str, &str),
) -> String {
    let pick = |list: &str| list.split(',').nth(caller % RESETS).unwrap().to_owned();
    let token = FlowToken::parse(&pick(tokens)).unwrap();
    let code = Code::parse(&pick(codes)).unwrap();
    match sspr.verify(&token, &code, client).await {
        Ok(VerifyOutcome::Granted(granted)) => format!("G{}", granted.grant.expose()),
        Ok(VerifyOutcome::NextProof(_)) => panic!("one proof is enough here"),
        Ok(VerifyOutcome::Rejected(Rejection::WrongCode { .. })) => "W".to_owned(),
        Ok(VerifyOutcome::Rejected(_)) => "R".to_owned(),
        Err(error) => failed(&error),
    }
}

impl Race {
    /// A reset of an account, and the code that came by mail or by text.
    async fn started(&self, trial: usize, request: Request, method: Method) -> (FlowToken, Code) {
        let mail = request.address.clone();
        let started = self.sspr.start(&request.by(method), &client(trial)).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        let to = match method {
            Method::Email => mail.as_str().to_owned(),
            Method::Sms => number_of(trial).as_str().to_owned(),
        };
        (started.token, self.code_to(&to).await)
    }

    /// A right code by text, typed by every caller at once: one grant.
    pub(super) async fn right_by_text(&self, trial: usize) -> (Vec<String>, bool) {
        let (_, mail, _) = self.account(trial, false).await;
        let request = Request::new(&shop(trial), mail);
        let (token, code) = self.started(trial, request, Method::Sms).await;
        let words = format!("verify {CALLERS} {} {}", token.expose(), code.expose());
        let answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let held = Self::secrets(&answers, 'G').len() == 1;
        (answers, held)
    }

    /// Half of the callers ask for a mail and half for a text, at once: one of each at most, and the
    /// later one counts.
    pub(super) async fn sends_in_both_ways(&self, trial: usize) -> (Vec<String>, bool) {
        let (_, mail, _) = self.account(trial, false).await;
        let request = Request::new(&shop(trial), mail.clone());
        let opened = self.sspr.open(&request, &client(trial)).await.unwrap();
        let OpenOutcome::Opened(opened) = opened else { panic!("{opened:?}") };
        let token = opened.token;
        let words = format!("send {CALLERS} {}", token.expose());
        let mut answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let count = |letter: &str| answers.iter().filter(|it| *it == letter).count();
        let (mails, texts) = (count("M"), count("P"));
        let few = mails <= 1 && texts <= 1 && mails + texts >= 1;

        let status = self.sspr.status(&token).await.unwrap().status().unwrap();
        let latest = letter(status.sent.unwrap().method);
        let words = format!("codes 1 {} {}", mail.as_str(), number_of(trial).as_str());
        let mut codes = Vec::new();
        for _ in 0..AGAIN {
            let held = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
            codes = held.iter().flat_map(|it| it.split(',').map(str::to_owned)).collect();
            if codes.iter().any(|code| code.starts_with(latest)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let of = |is_it: &dyn Fn(char) -> bool| {
            let found = codes.iter().find(|code| code.chars().next().is_some_and(is_it));
            found.map(|code| code[1..].to_owned())
        };
        let Some(code) = of(&|letter| letter == latest) else { return (answers, false) };
        // The code before it, if it came, is void.
        let mut void = true;
        if let Some(older) = of(&|letter| letter != latest && letter != '-') {
            let words = format!("verify 1 {} {older}", token.expose());
            let answer = tokio::task::block_in_place(|| self.all(0..1, trial, &words));
            void = answer == ["W"];
            answers.extend(answer);
        }
        let words = format!("verify {CALLERS} {} {code}", token.expose());
        let granted = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let one = Self::secrets(&granted, 'G').len() == 1;
        answers.extend(granted);
        (answers, few && void && one)
    }

    /// Wrong codes at resets whose codes went by mail and by text, at once: together they use up the
    /// tries of the account, and then not even a right one gets in. Longer codes that come meanwhile
    /// have tries of their own.
    pub(super) async fn wrong_in_both_ways(&self, trial: usize) -> (Vec<String>, bool) {
        let (_, mail, _) = self.account(trial, false).await;
        let (mut tokens, mut codes, mut right) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..RESETS {
            let method = if number.is_multiple_of(2) { Method::Email } else { Method::Sms };
            let request = Request::new(&shop(trial), mail.clone());
            let (token, code) = self.started(trial, request, method).await;
            tokens.push(token.expose());
            codes.push(other_than(&code));
            right.push(code.expose());
        }
        let words = format!("guess {CALLERS} {} {}", tokens.join(","), codes.join(","));
        let mut answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let compared = answers.iter().filter(|answer| *answer == "W").count();
        let words = format!("guess {RESETS} {} {}", tokens.join(","), right.join(","));
        answers.extend(tokio::task::block_in_place(|| self.all(0..1, trial, &words)));
        let none = Self::secrets(&answers, 'G').is_empty();
        let tried = BUDGET..=BUDGET + RESETS * TRIES;
        (answers, none && tried.contains(&compared))
    }
}
