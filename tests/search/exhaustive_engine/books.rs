//! The oracle's own books: what it saw at the ports, and what people hold in their hands.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use sspr::{
    adapters::code_in,
    domain::{Account, CodeFormat, Method, PhoneNumber, Purpose, RecordId, Stamp, Timestamp},
    flow::{Bound, Reset, Stage, decode_lockout, decode_reset},
    mail::{EmailMessage, TextMessage},
    ports::{Applied, PasswordChange},
    store::{Attempted, Charge, CounterName, Family, Over, Record},
};

use super::{
    calls::Call,
    desk::Inner,
    world::{LIMITS, PASSWORDS, STRICT, Setting, TEXTED},
};
use crate::simulation::{
    founding::plain,
    methods::{FIRST, Place, SECOND, is_served, phone},
};

/// A property that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    I1CodeYieldsTwoGrants,
    I1GrantChangesTwice,
    I1TicketSignsInTwice,
    I2ComparedUncharged,
    I2GuessesOfAPassword,
    I2TriesOfAChallenge,
    I2TriesOfAnAccount,
    I3OlderCodeWins,
    I3RightCodeRefused,
    I4AfterExpiry,
    I4AnotherAccount,
    I4MailNotOnFile,
    I4SecretThatNeverCounted,
    I4StampAndAddress,
    I5ChangedAndIsNot,
    I5ChangedWithoutPassword,
    I5HashWithoutStamp,
    I5LiveGrantRefused,
    I5LiveSessionRefused,
    I5LiveTicketRefused,
    I4FreezeUnasked,
    I4VoidCodeFreezes,
    I5FreezeChangesMore,
    I5LiveFreezeRefused,
    I5MarkedSignsIn,
    I6PolicyForbids,
    I7StrangerSees,
    I8TheDeadRevived,
    I9FreezeKeepsSessions,
    I9FrozenSignsIn,
    I9NoNotice,
    I9OldStamp,
    I10SecretAtRest,
    I11HashesOfAGrant,
    I12DoorClosed,
    I13MailLost,
    I14OwnerNotTold,
    I4TextNotOnFile,
    TollCountryNotServed,
    TollTextRefused,
    TollTooManyTexts,
}

/// The books of the two resets that begin without a mail.
pub const FORCED: u8 = 3;
pub const ASSISTED: u8 = 4;

#[derive(Clone, Default, Hash)]
pub struct Books {
    /// The third is the one that the owner opens last of all. The fourth begins with a password that
    /// must be changed, and the fifth with a code of staff.
    pub resets: [ResetBook; 5],
    /// Comparisons of an account, and all tries that were charged around it.
    pub compared: [Budget; 2],
    pub tried: [Budget; 2],
    /// Every stamp that an account had.
    pub stamps: [Vec<[u8; 16]>; 2],
    /// The phones that were on file with a stamp.
    pub phones: Vec<([u8; 16], Vec<PhoneNumber>)>,
    /// Texts to the first and to the second phone.
    pub texts: [Budget; 2],
    /// Notices that are owed, and not yet handed over.
    pub owed: u8,
    /// Addresses that must be told of a change by a courier, because no outbox keeps the notice.
    pub untold: u8,
    /// The stamp of the owner's session. A thief has a copy of the first one.
    pub session: [u8; 16],
    /// The changes that were made by a session.
    pub kept: Vec<KeptBook>,
    /// The form of a change whose answer never came: its stamp, current and new password.
    pub form: Option<([u8; 16], u8, u8)>,
    /// Wrong passwords since the last right one, with one stamp.
    pub guesses: Guesses,
    /// The change that a notice told of.
    pub notice: Option<NoticeBook>,
    pub broken: Option<Broken>,
}

/// A change by a session, whose notice carries a code that freezes the account.
#[derive(Clone, Hash)]
pub struct NoticeBook {
    /// In the mailbox.
    pub code: Option<Arc<str>>,
    pub at: Timestamp,
    /// Whoever reads the mailbox of the notice has chosen a password since.
    pub void: bool,
    /// The same, or that was about to happen.
    pub may_be_void: bool,
    /// The code was refused, because its time was over.
    pub seen_dead: bool,
}

/// A change: the session that made it, the new password and the next stamp.
#[derive(Clone, Hash, PartialEq, Eq)]
pub struct KeptBook {
    pub from: [u8; 16],
    pub new: u8,
    pub next: [u8; 16],
}

/// The passwords that were compared, and the pause that must follow.
#[derive(Clone, Default, Hash)]
pub struct Guesses {
    stamp: [u8; 16],
    /// The version of the lockout that each wrong one was charged with.
    wrong: Vec<u64>,
    /// The version with which the last right one was charged.
    forgiven: u64,
    seen: Timestamp,
    until: Timestamp,
    /// The version with which the pause began.
    paused_by: u64,
}

#[derive(Clone, Default, Hash)]
pub struct ResetBook {
    pub id: Option<RecordId>,
    /// In the hands of whoever opened it.
    pub token: Option<Secret>,
    pub touched: Timestamp,
    pub ends_at: Timestamp,
    pub sends: u32,
    /// The way of each send.
    pub ways: Vec<Method>,
    /// The last send whose text a limit has held back.
    pub withheld: u32,
    pub tries: u32,
    pub binds: Vec<Bind>,
    /// Which code's grant stands.
    pub verified: u32,
    pub grant_until: Timestamp,
    pub ticket_until: Timestamp,
    pub ticket_stamp: Option<[u8; 16]>,
    /// The password that it put in place, and the stamp.
    pub applied: Option<(u8, [u8; 16])>,
}

/// One code that counts, or counted, and what it led to.
#[derive(Clone, Hash)]
pub struct Bind {
    pub number: u32,
    /// Which account, with which stamp and place; none for a decoy.
    pub to: Option<(u8, [u8; 16], Place)>,
    pub expires_at: Timestamp,
    pub short: bool,
    pub tries: u32,
    /// A mail with it was handed over.
    pub mailed: bool,
    /// A code of staff was refused, because its time was over.
    pub seen_dead: bool,
    /// In the mailbox.
    pub code: Option<Arc<str>>,
    /// What it yielded, and whether somebody holds that.
    pub grant: Option<Secret>,
    pub grant_held: bool,
    /// Turns that submits hold or have used up, and hashes that were run.
    pub turns: u32,
    pub hashes: u32,
    pub changes: u8,
    pub ticket: Option<Secret>,
    pub ticket_held: bool,
    /// Its counter has admitted a call.
    pub ticket_used: bool,
    pub sign_ins: u8,
}

/// A token, grant or ticket, and a part of its secret bytes as they must stand nowhere.
#[derive(Clone, Hash, PartialEq, Eq)]
pub struct Secret {
    pub text: Arc<str>,
    part: [u8; 16],
}

/// A window, counted again.
#[derive(Clone, Default, Hash)]
pub struct Budget {
    touched: Timestamp,
    ends_at: Timestamp,
    count: u32,
}

/// What one call did at the ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Noted {
    /// A try was charged, or refused as one too many.
    pub charged: bool,
    /// And by the books it was within budget.
    pub within: bool,
    /// The send that it wrote.
    pub sent: Option<u32>,
    /// How many sends the record had that it read last: a send of its own would be the next one.
    pub seen: Option<u32>,
    /// It put a real code in place, changed a password, was refused a hash.
    pub bound: bool,
    pub applied: bool,
    pub refused: bool,
    /// It was admitted by the counter of its ticket.
    pub redeems: bool,
    /// The stamp that the users table told of the account whose password is compared.
    pub told: Option<[u8; 16]>,
    /// The version of the lockout that it wrote last.
    pub failure: u64,
}

impl Secret {
    pub fn of(text: &str) -> Self {
        let bytes = Base64UrlUnpadded::decode_vec(text).unwrap();
        // In front stand the record and the scope, behind it a check.
        Self { part: bytes[44..60].try_into().unwrap(), text: text.into() }
    }

    /// Whether it belongs to this record.
    pub fn is_of(&self, id: RecordId) -> bool {
        Base64UrlUnpadded::decode_vec(&self.text).unwrap().starts_with(id.as_bytes())
    }
}

impl Guesses {
    /// Takes note of a comparison that began at that time, after a charge with that version. Answers
    /// whether there was a pause.
    fn compared(&mut self, stamp: [u8; 16], charge: u64, began: Timestamp, right: bool) -> bool {
        if self.stamp != stamp {
            *self = Self { stamp, ..Self::default() };
        }
        self.seen = self.seen.latest(began);
        let most = STRICT.lockout_threshold() as usize;
        // What was charged before the pause may still be compared in it.
        let paused = self.wrong.len() >= most && self.seen < self.until && charge > self.paused_by;
        if right {
            // It forgives what was charged before it, also what is still under way.
            self.forgiven = self.forgiven.max(charge);
            self.wrong.retain(|wrong| *wrong > charge);
        } else if charge > self.forgiven {
            self.wrong.push(charge);
        }
        if let Some(more) = self.wrong.len().checked_sub(most) {
            self.until = self.seen.after(STRICT.lockout_first() * (1 << more.min(8)));
            self.paused_by = charge;
        }
        paused
    }
}

impl Budget {
    pub fn is_spent(&self) -> bool {
        self.count >= LIMITS.tries_per_window()
    }

    /// Whether its window is under way, and has this many.
    fn holds(&self, limit: u32, now: Timestamp) -> bool {
        self.touched.latest(now) < self.ends_at && self.count >= limit
    }

    fn spend(&mut self, now: Timestamp) -> u32 {
        self.touched = self.touched.latest(now);
        if self.touched >= self.ends_at {
            (self.ends_at, self.count) = (self.touched.after(LIMITS.tries_window()), 0);
        }
        self.count += 1;
        self.count
    }
}

impl ResetBook {
    /// The way of a send.
    pub fn way_of(&self, number: u32) -> Method {
        let index = (number as usize).checked_sub(1);
        index.and_then(|index| self.ways.get(index)).copied().unwrap_or_default()
    }
}

impl Books {
    pub fn bind(&self, reset: u8, number: u32) -> Option<&Bind> {
        self.resets[usize::from(reset)].binds.iter().find(|bind| bind.number == number)
    }

    pub fn bind_mut(&mut self, reset: u8, number: u32) -> Option<&mut Bind> {
        self.resets[usize::from(reset)].binds.iter_mut().find(|bind| bind.number == number)
    }

    pub fn breaks(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    fn texts_to(&mut self, number: &PhoneNumber) -> &mut Budget {
        &mut self.texts[usize::from(number.as_str() != FIRST)]
    }

    fn of(&self, id: &RecordId) -> Option<usize> {
        self.resets.iter().position(|book| book.id == Some(*id))
    }
}

// What the ports are asked.
impl Inner {
    /// A lockout is written.
    pub fn wrote_lockout(&mut self, record: &Record, version: u64) {
        if decode_lockout(&record.body).is_ok() {
            self.noted.failure = version;
        }
    }

    /// A submit writes that the codes of notices are void before it changes the password.
    fn wrote_void(&mut self, record: &Record) {
        let is_reset = decode_reset(&record.body).is_ok();
        if let (Call::Submit { .. }, false, Some(notice)) =
            (self.call, is_reset, &mut self.books.notice)
        {
            notice.may_be_void = true;
        }
    }

    pub fn inserted(&mut self, record: &Record, now: Timestamp) {
        self.wrote_lockout(record, 1);
        self.wrote_void(record);
        self.secrets_in(&record.body);
        let begun = decode_reset(&record.body).ok();
        let reset = match (self.call, &begun) {
            (Call::Open { reset }, _) => reset,
            (Call::SignIn { .. }, Some(_)) => FORCED,
            (Call::Issue, Some(_)) => ASSISTED,
            _ => return,
        };
        let bind = begun.as_ref().and_then(|begun| self.bound(&record.id, begun));
        let book = &mut self.books.resets[usize::from(reset)];
        // One of each kind is enough: of a second one nobody takes note.
        if book.id.is_some() {
            return;
        }
        (book.id, book.touched, book.ends_at) = (Some(record.id), now, record.expires_at);
        book.binds.extend(bind);
        if let Some(Stage::Verified { expires_at, .. }) = begun.map(|begun| begun.stage) {
            book.grant_until = expires_at;
        }
    }

    pub fn attempted(&mut self, id: &RecordId, answer: &Attempted, now: Timestamp) {
        let Some(reset) = self.books.of(id) else { return };
        let account = self.world.typed(reset as u8).0;
        let book = &mut self.books.resets[reset];
        match answer {
            Attempted::Missing | Attempted::Dead | Attempted::Refused(_) => {}
            Attempted::Exhausted => {
                (self.noted.charged, self.noted.within) =
                    (true, book.tries < LIMITS.tries_per_challenge());
            }
            Attempted::Charged { record, over } => {
                let dead = book.touched.latest(now) >= book.ends_at;
                book.touched = book.touched.latest(now);
                book.tries += 1;
                let tried = self.books.tried[account].spend(now);
                let book = &mut self.books.resets[reset];
                let number = decode_reset(&record.body).ok().and_then(|it| it.bound);
                let number = number.map_or(0, |bound| bound.number);
                let bind = book.binds.iter_mut().find(|bind| bind.number == number);
                let (mut tries, mut compared) = (book.tries, 0);
                if let Some(bind) = bind {
                    bind.tries += 1;
                    tries = bind.tries;
                    if over.is_empty()
                        && bind.short
                        && let Some((account, ..)) = bind.to
                    {
                        compared = self.books.compared[usize::from(account)].spend(now);
                    }
                }
                let few = tries <= LIMITS.tries_per_challenge();
                self.noted.charged = true;
                self.noted.within = few && tried <= LIMITS.tries_per_window();
                match () {
                    () if dead => self.books.breaks(Broken::I8TheDeadRevived),
                    () if !few => self.books.breaks(Broken::I2TriesOfAChallenge),
                    () if compared > LIMITS.tries_per_window() => {
                        self.books.breaks(Broken::I2TriesOfAnAccount);
                    }
                    () => {}
                }
            }
        }
    }

    pub fn swapped(&mut self, next: &Record, now: Timestamp) {
        self.wrote_void(next);
        self.secrets_in(&next.body);
        let (Some(reset), Ok(after)) = (self.books.of(&next.id), decode_reset(&next.body)) else {
            return;
        };
        let bind = next.begins_challenge.then(|| self.bound(&next.id, &after)).flatten();
        let book = &mut self.books.resets[reset];
        book.touched = book.touched.latest(now);
        book.ends_at = next.expires_at;
        if after.sends() > book.sends {
            book.sends = after.sends();
            book.ways.extend(after.sent.map(|sent| sent.method));
            self.noted.sent = Some(book.sends);
        }
        match &after.stage {
            Stage::Verified { expires_at, .. } => {
                book.verified = after.bound.as_ref().map_or(0, |bound| bound.number);
                book.grant_until = *expires_at;
            }
            Stage::Completed { expires_at, stamp, .. } => {
                (book.ticket_until, book.ticket_stamp) = (*expires_at, Some(*stamp.as_bytes()));
            }
            Stage::Opened | Stage::CodeSent | Stage::Proved | Stage::Closed => {}
        }
        let Some(bind) = bind else { return };
        book.tries = 0;
        let last = book.binds.last().map_or(0, |bind| bind.number);
        let (number, to) = (bind.number, bind.to.as_ref().map(|(account, ..)| *account));
        let place = bind.to.clone();
        book.binds.push(bind);
        let typed = self.world.typed(reset as u8).0;
        self.noted.bound = to.is_some();
        if number <= last {
            self.books.breaks(Broken::I3OlderCodeWins);
        }
        if to.is_some_and(|to| usize::from(to) != typed) {
            self.books.breaks(Broken::I4AnotherAccount);
        }
        if let Some((_, stamp, Place::Phone(number))) = place {
            self.texts_to(stamp, &number, now);
        }
    }

    /// A code is bound that goes by text: to a phone that is on file and served, and that has not had
    /// its text of the day.
    fn texts_to(&mut self, stamp: [u8; 16], number: &PhoneNumber, now: Timestamp) {
        let mut phones = self.books.phones.iter();
        let on_file = phones.any(|(of, held)| *of == stamp && held.contains(number));
        let envs = self.tape.heard.iter().map(|heard| heard.env).chain([self.around()]);
        let served = envs.map(|env| env.modes[0]).any(|mode| is_served(mode, number));
        let texts = self.books.texts_to(number).spend(now);
        match () {
            () if !on_file => self.books.breaks(Broken::I4TextNotOnFile),
            () if !served => self.books.breaks(Broken::TollCountryNotServed),
            () if texts > TEXTED.texts_per_number() => {
                self.books.breaks(Broken::TollTooManyTexts);
            }
            () => {}
        }
    }

    /// A limit that nobody sees has held a code back.
    pub fn held_back(&mut self, next: &Record, over: &[Over], now: Timestamp) {
        let is_text = |over: &Over| over.name.family() == Some(Family::SilentTexts);
        let (Call::Deliver { reset, number, .. }, true) = (self.call, over.iter().any(is_text))
        else {
            return;
        };
        self.books.resets[usize::from(reset)].withheld = number;
        let bind = decode_reset(&next.body).ok().and_then(|after| self.bound(&next.id, &after));
        if let Some((.., Place::Phone(number))) = bind.and_then(|bind| bind.to)
            && !self.books.texts_to(&number).holds(TEXTED.texts_per_number(), now)
        {
            self.books.breaks(Broken::TollTextRefused);
        }
    }

    pub fn bound(&self, id: &RecordId, after: &Reset) -> Option<Bind> {
        let bound = after.bound.as_ref()?;
        Some(Bind {
            changes: 0,
            code: None,
            expires_at: bound.expires_at,
            grant: None,
            grant_held: false,
            mailed: false,
            number: bound.number,
            seen_dead: false,
            short: bound.format == CodeFormat::Digits,
            sign_ins: 0,
            ticket: None,
            hashes: 0,
            ticket_held: false,
            ticket_used: false,
            turns: 0,
            to: self.behind(id, after, bound),
            tries: 0,
        })
    }

    /// The account, stamp and place that a code's digest covers; found by trying all.
    fn behind(&self, id: &RecordId, after: &Reset, bound: &Bound) -> BoundTo {
        let origin = &after.origin;
        for (index, (_, account)) in self.stores.accounts.iter().enumerate() {
            for stamp in self.books.stamps[index].iter().rev() {
                let mailboxes = account.addresses.iter().cloned().map(Place::Mailbox);
                let phones = [FIRST, SECOND].map(|text| Place::Phone(phone(text)));
                let by_text = after.sent.is_some_and(|sent| sent.method == Method::Sms);
                let places: Vec<_> = if by_text { phones.into() } else { mailboxes.collect() };
                for place in places {
                    let fields = self.world.keys.under(bound.key, Purpose::Binding)?;
                    let fields = fields.tenant(&origin.tenant).text(account.id.as_str());
                    let fields = fields.bytes(stamp).text(place.as_str()).bytes(id.as_bytes());
                    let fields = fields.number(bound.number.into()).text(origin.user_flow.as_str());
                    let digest = fields.text(origin.application.as_str()).digest();
                    if digest.matches(&bound.binding) {
                        return Some((index as u8, *stamp, place));
                    }
                }
            }
        }
        None
    }

    pub fn applied(&mut self, change: &PasswordChange, applied: &Applied, before: &Account) {
        let Applied::Done { .. } = applied else { return };
        let account = match self.call {
            Call::Submit { reset, .. } => self.world.typed(reset).0,
            Call::Change { .. } => 0,
            _ => return,
        };
        let after = self.stores.find(&change.tenant, &change.account);
        self.noted.applied = true;
        let whole = after.is_some_and(|after| {
            after.password.as_ref() == Some(&change.password)
                && after.stamp == change.next_stamp
                && after.stamp != before.stamp
                && !after.must_change
                && after.frozen.is_none()
        });
        self.books.stamps[account].push(*change.next_stamp.as_bytes());
        let phones = self.stores.accounts[account].1.phones.clone();
        self.books.phones.push((*change.next_stamp.as_bytes(), phones));
        if self.world.queues() {
            self.books.owed += before.addresses.len() as u8;
        } else {
            self.books.untold += before.addresses.len() as u8;
        }
        let next = *change.next_stamp.as_bytes();
        match (self.call, &mut self.books.notice) {
            (Call::Submit { .. }, Some(notice)) => notice.void |= self.began >= notice.at,
            (Call::Change { .. }, notice @ None) => {
                *notice = Some(NoticeBook {
                    at: change.at,
                    code: None,
                    may_be_void: false,
                    seen_dead: false,
                    void: false,
                });
            }
            _ => {}
        }
        let broken = match self.call {
            Call::Change { stamp, current, new, .. } => {
                self.kept(before, stamp, (current, new), next)
            }
            Call::Submit { reset, number, password } => {
                self.books.resets[usize::from(reset)].applied = Some((password, next));
                self.spent(before, reset, number)
            }
            _ => None,
        };
        let due = self.stores.notices.len();
        match broken {
            Some(broken) => self.books.breaks(broken),
            None if !whole => self.books.breaks(Broken::I5HashWithoutStamp),
            None if due < usize::from(self.books.owed) => self.books.breaks(Broken::I9NoNotice),
            None => {}
        }
    }

    /// A grant has changed a password.
    fn spent(&mut self, before: &Account, reset: u8, number: u32) -> Option<Broken> {
        let Some(bind) = self.books.bind_mut(reset, number) else {
            return Some(Broken::I4SecretThatNeverCounted);
        };
        bind.changes += 1;
        let same = bind.to.as_ref().is_some_and(|(_, stamp, to)| {
            before.stamp == Stamp::from_bytes(*stamp) && to.is_of(before)
        });
        match () {
            () if bind.changes > 1 => Some(Broken::I1GrantChangesTwice),
            () if !same => Some(Broken::I4StampAndAddress),
            () => None,
        }
    }

    /// A session has changed a password.
    fn kept(
        &mut self,
        before: &Account,
        stamp: [u8; 16],
        (current, new): (u8, u8),
        next: [u8; 16],
    ) -> Option<Broken> {
        self.books.kept.push(KeptBook { from: stamp, new, next });
        let typed = plain(PASSWORDS[usize::from(current)]);
        match () {
            () if *before.stamp.as_bytes() != stamp => Some(Broken::I9OldStamp),
            () if before.password != Some(typed) => Some(Broken::I5ChangedWithoutPassword),
            () => None,
        }
    }

    /// The users table tells of an account whose password will be compared.
    pub fn told_for_a_password(&mut self, account: &Account) {
        if let Call::Change { .. } | Call::SignIn { .. } = self.call {
            self.noted.told = Some(*account.stamp.as_bytes());
        }
    }

    /// A password was compared with the one on file.
    pub fn compared(&mut self, right: bool) {
        let is_guess = matches!(self.call, Call::Change { .. } | Call::SignIn { .. });
        // A comparison tells nothing whose answer is lost.
        let is_heard = is_guess && !self.is_unheard;
        let Some(stamp) = self.noted.told.filter(|_| is_heard) else { return };
        if self.world.setting == Setting::Entrances
            && self.books.guesses.compared(stamp, self.noted.failure, self.began, right)
        {
            self.books.breaks(Broken::I2GuessesOfAPassword);
        }
    }

    /// These charges of the call were made, or some of them refused.
    pub fn charged(&mut self, charges: &[Charge], over: bool) {
        match self.call {
            Call::Submit { reset, number, .. } => {
                self.noted.refused |= over;
                let turns = charges.iter().filter(|charge| is_turn(&charge.name));
                let turns: u32 = turns.map(|charge| charge.amount).sum();
                let Some(bind) = self.books.bind_mut(reset, number).filter(|_| !over) else {
                    return;
                };
                bind.turns += turns;
            }
            Call::Redeem { reset, number } if !over => {
                self.noted.redeems = true;
                let Some(bind) = self.books.bind_mut(reset, number) else { return };
                bind.ticket_used = true;
            }
            _ => {}
        }
    }

    /// These counters were cleared.
    pub fn gave_back(&mut self, clear: &[CounterName]) {
        let Call::Submit { reset, number, .. } = self.call else { return };
        let Some(bind) = self.books.bind_mut(reset, number) else { return };
        bind.turns -= clear.iter().filter(|name| is_turn(name)).count() as u32;
    }

    pub fn hashed(&mut self) {
        let Call::Submit { reset, number, .. } = self.call else { return };
        let Some(bind) = self.books.bind_mut(reset, number) else { return };
        bind.hashes += 1;
        if bind.hashes > LIMITS.submits_per_grant() {
            self.books.breaks(Broken::I11HashesOfAGrant);
        }
    }

    /// A passcode leaves: to the first address on file of who was found, and to nobody else.
    pub fn mailed(&mut self, message: &EmailMessage, code: Option<Arc<str>>) {
        if let Call::Tell { .. } = self.call {
            self.books.untold = self.books.untold.saturating_sub(1);
        }
        let to = Place::Mailbox(message.to.clone());
        self.handed_over(&to, code, Broken::I4MailNotOnFile);
    }

    /// A code leaves by text: to the phone that it is bound to, and to nobody else.
    pub fn texted(&mut self, message: &TextMessage, code: Option<Arc<str>>) {
        let to = Place::Phone(message.to.clone());
        self.handed_over(&to, code, Broken::I4TextNotOnFile);
    }

    fn handed_over(&mut self, to: &Place, code: Option<Arc<str>>, broken: Broken) {
        let Call::Deliver { reset, number, .. } = self.call else { return };
        let Some(bind) = self.books.bind_mut(reset, number) else {
            return self.books.breaks(Broken::I4SecretThatNeverCounted);
        };
        let on_file = bind.to.as_ref().is_some_and(|(.., place)| place == to);
        bind.code = code.or(bind.code.take());
        bind.mailed = true;
        if !on_file {
            self.books.breaks(broken);
        }
    }

    /// A notice arrives. The first one counts.
    pub fn noticed(&mut self, message: &EmailMessage) {
        if let Some(notice) = &mut self.books.notice
            && let Some(code) = code_in(message)
        {
            notice.code.get_or_insert_with(|| code.expose().into());
        }
    }

    /// An account was to be frozen that was as `before` says.
    pub fn froze(&mut self, before: &Account) {
        let after = &self.stores.accounts[0].1;
        if after.frozen == before.frozen {
            return;
        }
        let same = after.password == before.password
            && after.addresses == before.addresses
            && after.last_change == before.last_change;
        let ended = after.stamp != before.stamp;
        self.books.stamps[0].push(*after.stamp.as_bytes());
        self.noted.applied = true;
        let is_void = self.books.notice.as_ref().is_none_or(|notice| notice.void);
        match () {
            () if self.call != (Call::Freeze { right: true }) => {
                self.books.breaks(Broken::I4FreezeUnasked);
            }
            () if !same => self.books.breaks(Broken::I5FreezeChangesMore),
            () if !ended => self.books.breaks(Broken::I9FreezeKeepsSessions),
            () if is_void => self.books.breaks(Broken::I4VoidCodeFreezes),
            () => {}
        }
    }

    /// Nothing that is secret stands in what is written or told.
    fn secrets_in(&mut self, body: &[u8]) {
        let holds = |part: &[u8]| {
            let mut starts = (0..body.len()).filter(|at| body[*at] == part[0]);
            starts.any(|at| body[at..].starts_with(part))
        };
        let notice = self.books.notice.as_ref().and_then(|notice| notice.code.as_deref());
        let mut found = notice.is_some_and(|code| holds(code.as_bytes()));
        found |= holds(b"@example.com") || holds(b"@home.example") || holds(b"unrelated");
        found |= holds(FIRST.as_bytes()) || holds(SECOND.as_bytes());
        for book in &self.books.resets {
            let codes = book.binds.iter().filter_map(|bind| bind.code.as_deref());
            found |= codes.map(str::as_bytes).any(holds);
            let binds = book.binds.iter().flat_map(|bind| [&bind.grant, &bind.ticket]);
            let secrets = binds.chain([&book.token]).flatten();
            found |= secrets.into_iter().any(|it| holds(it.text.as_bytes()) || holds(&it.part));
        }
        if found {
            self.books.breaks(Broken::I10SecretAtRest);
        }
    }

    /// The same of events.
    pub fn told(&mut self) {
        let events = std::mem::take(&mut self.events);
        self.secrets_in(events.as_bytes());
    }
}

type BoundTo = Option<(u8, [u8; 16], Place)>;

fn is_turn(name: &CounterName) -> bool {
    name.family() == Some(Family::Turns)
}
