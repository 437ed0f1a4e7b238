//! Signed-in users who change their passwords, thieves with a session of theirs, staff, and people
//! who type what staff have given them.

use sspr::{
    domain::{AccountId, ActorId, Code, Password, Stamp},
    engine::{RequestKey, Session},
};

use super::{
    actors::request,
    facts::*,
    founding::{address, tenant},
    verdicts::Answer,
    world::World,
};

/// A code that staff have handed over.
#[derive(Clone)]
pub struct HeldCode {
    pub record: Option<sspr::domain::RecordId>,
    pub who: Who,
    pub text: String,
}

impl World {
    fn somebody(&mut self) -> Who {
        let id = *self.chance.pick(&["ada", "ada", "eve", "left"]).unwrap();
        (tenant(self.chance.below(2)), AccountId::parse(id).unwrap())
    }

    /// What stands on file for somebody now: the stamp, and the password in plain words.
    fn on_file(&self, who: &Who) -> Option<(Stamp, String)> {
        let shared = self.hub.lock();
        let account = shared.oracle.accounts.get(who)?.last().clone()?;
        let words = account.password.as_ref()?.expose()[5..].replace('_', " ");
        Some((account.stamp, words))
    }

    /// Somebody with a session types the current password, a wrong one, or repeats a form.
    pub fn change_password(&mut self, process: usize) {
        if self.chance.often(250)
            && let Some(form) = self.chance.recent(&self.hands.forms, 4).cloned()
        {
            return self.change_with(process, form);
        }
        let who = self.somebody();
        let Some((stamp, words)) = self.on_file(&who) else { return };
        let old = self.chance.recent(&self.hands.sessions, 6).cloned();
        let (who, stamp) = match old.filter(|_| self.chance.often(300)) {
            // A session of an earlier time, with the password of now if it can be known.
            Some(old) => old,
            None => (who, stamp),
        };
        let known = self.on_file(&who).map_or(words, |(_, words)| words);
        let current = if self.chance.often(700) { known } else { self.wrong_password() };
        self.hands.passwords += 1;
        let number = self.hands.passwords;
        let new = format!("Four unrelated Words, {number} by {number}");
        let key = self.chance.often(600).then_some(number);
        let form = ChangeOf { who, stamp, key, current, new };
        self.change_with(process, form.clone());
        // Twice at the same time: the same form, or another one.
        if self.chance.often(400) {
            let other = self.chance.below(self.processes.len());
            let mut again = form;
            if self.chance.often(500) {
                self.hands.passwords += 1;
                let number = self.hands.passwords;
                again.new = format!("Four unrelated Words, {number} by {number}");
                again.key = again.key.filter(|_| self.chance.often(500));
            }
            self.change_with(other, again);
        }
    }

    /// A thief has a session, and types many passwords, here and at the sign-in.
    pub fn guess_password(&mut self, process: usize) {
        let who = self.somebody();
        let Some((stamp, words)) = self.on_file(&who) else { return };
        let typed = format!("{}@example.com", who.1.as_str());
        let index = usize::from(who.0 == tenant(1));
        for _ in 0..6 {
            self.hands.passwords += 1;
            let number = self.hands.passwords;
            let new = format!("Four quiet Words, {number} by {number}");
            let wrong = if self.chance.often(950) { self.wrong_password() } else { words.clone() };
            if who.1.as_str() == "left" || self.chance.often(500) {
                let form = ChangeOf { who: who.clone(), stamp, key: None, current: wrong, new };
                self.change_with(process, form);
            } else {
                self.sign_in_with(process, index, &typed, &wrong);
            }
        }
    }

    pub fn change_with(&mut self, process: usize, form: ChangeOf) {
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let shop = request(usize::from(form.who.0 == tenant(1)), address("a@example.com"));
        let mut session = Session::new(&shop.application, form.who.1.clone(), form.stamp);
        if let Some(key) = form.key {
            let mut bytes = [7; 32];
            bytes[..4].copy_from_slice(&key.to_le_bytes());
            session = session.with_key(RequestKey::from_bytes(bytes));
            self.hands.forms.push(form.clone());
        }
        let current = Password::parse(&form.current).unwrap();
        let new = Password::parse(&form.new).unwrap();
        self.begin(process, Kind::Change(form), None, async move {
            Answer::Change(sspr.change(&session, &current, &new, &client).await)
        });
    }

    /// Staff do something for somebody.
    pub fn staff(&mut self, process: usize) {
        let deeds = [
            Deed::HandOverCode,
            Deed::HandOverCode,
            Deed::RequireChange,
            Deed::SetTemporaryPassword,
            Deed::Unfreeze,
            Deed::Unlock,
        ];
        let deed = *self.chance.pick(&deeds).unwrap();
        let who = self.somebody();
        self.staff_with(process, deed, who);
    }

    pub fn staff_with(&mut self, process: usize, deed: Deed, who: Who) {
        let actor = ActorId::parse(&format!("staff-{}", self.chance.below(3))).unwrap();
        let desk = self.processes[process].sspr.help_desk(actor);
        let index = usize::from(who.0 == tenant(1));
        let shop = request(index, address("a@example.com")).application;
        let (at, id) = who.clone();
        self.begin(process, Kind::Assist { deed, who }, None, async move {
            match deed {
                Deed::HandOverCode => Answer::Code(desk.assistance_code(&shop, &id).await),
                Deed::RequireChange => Answer::Deed(desk.require_change(&at, &id).await),
                Deed::SetTemporaryPassword => {
                    Answer::Temporary(desk.set_temporary_password(&at, &id).await)
                }
                Deed::Unfreeze => Answer::Deed(desk.unfreeze(&at, &id).await),
                Deed::Unlock => Answer::Deed(desk.unlock(&at, &id).await),
            }
        });
    }

    /// Somebody types a code of staff: right, late, twice, for another address or tenant, or one that
    /// nobody gave.
    pub fn enter_code(&mut self, process: usize) {
        let held = self.chance.recent(&self.hands.codes, 4).cloned();
        let held = held.filter(|_| self.plan.stranger.is_none() && self.chance.often(900));
        let Some(HeldCode { record, who, text }) = held else {
            let typed = address(self.plan.stranger.unwrap_or("ada@example.com"));
            let symbols = b"BCDFGHJKLMNPQRST";
            let mut guess = String::new();
            (0..16).for_each(|_| guess.push(char::from(symbols[self.chance.below(16)])));
            let index = self.chance.below(2);
            return self.enter_with(process, None, index, typed, &guess);
        };
        let mut index = usize::from(who.0 == tenant(1));
        let mut typed = address(match who.1.as_str() {
            "ada" if self.chance.often(300) => "ada@home.example",
            "ada" => "ada@example.com",
            "eve" => "eve@example.com",
            _ => "shared@example.com",
        });
        match self.chance.below(8) {
            0 => index = 1 - index,
            1 => typed = address("solo@example.com"),
            2 => typed = address("nobody@example.com"),
            _ => {}
        }
        self.enter_with(process, record, index, typed.clone(), &text);
        if self.chance.often(250) {
            let other = self.chance.below(self.processes.len());
            self.enter_with(other, record, index, typed, &text);
        }
    }

    pub fn enter_with(
        &mut self,
        process: usize,
        record: Option<sspr::domain::RecordId>,
        index: usize,
        typed: sspr::domain::EmailAddress,
        text: &str,
    ) {
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let kind = Kind::Enter { tenant: index, typed: typed.clone(), code: text.to_owned() };
        let (asked, code) = (request(index, typed), Code::parse(text).unwrap());
        self.begin(process, kind, record, async move {
            Answer::Enter(sspr.enter_assistance_code(&asked, &code, &client).await)
        });
    }

    /// Somebody types the code of a notice: fresh, late, twice, in another tenant, or one that nobody
    /// was sent.
    pub fn freeze(&mut self, process: usize) {
        let held = self.hub.lock().oracle.freezes.clone();
        let held = self.chance.recent(&held, 6).cloned();
        let (mut index, code) = match held.filter(|_| self.chance.often(950)) {
            Some(held) => (usize::from(held.tenant == tenant(1)), held.text),
            None => (0, "BCDF-GHJK-LMNP-QRST".to_owned()),
        };
        if self.chance.often(60) {
            index = 1 - index;
        }
        self.freeze_with(process, index, code.clone());
        if self.chance.often(250) {
            let other = self.chance.below(self.processes.len());
            self.freeze_with(other, index, code);
        }
    }

    pub fn freeze_with(&mut self, process: usize, index: usize, code: String) {
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let shop = request(index, address("a@example.com")).application;
        let typed = Code::parse(&code).unwrap();
        self.begin(process, Kind::Freeze { code, tenant: index }, None, async move {
            Answer::Freeze(sspr.freeze(&shop, &typed, &client).await)
        });
    }

    /// Somebody types a temporary password, perhaps one of yesterday.
    pub fn type_temporary(&mut self, process: usize) {
        let Some((who, text)) = self.chance.recent(&self.hands.temporaries, 3).cloned() else {
            return;
        };
        let typed = format!("{}@example.com", who.1.as_str());
        self.sign_in_with(process, usize::from(who.0 == tenant(1)), &typed, &text);
    }
}
