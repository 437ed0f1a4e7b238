//! Text messages: the system that carries them, and what the oracle says of them. Each costs money,
//! so each is counted: by its network, its number, the block of that number, and its tenant.

use std::{collections::BTreeMap, time::Duration};

use sspr::{
    domain::{Account, CorrelationId, Method, RecordId, Timestamp},
    engine::SentCode,
    flow::decode_reset,
    mail::TextMessage,
    ports::{SendError, SendErrorKind, SmsSender},
    store::{Family, Over, Record},
};

use super::{
    changes::Said,
    defects::Defect,
    facts::*,
    hub::{Hub, Late, pause},
    methods::{Place, Proof, THIEFS, is_served, offers_texts, phone},
    oracle::Oracle,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What texts have cost, by the limit that counts them.
#[derive(Debug, Default)]
pub struct TextBooks {
    by: BTreeMap<(&'static str, usize, String), Window>,
    /// How many were asked for in a way that is not the last one, refused for what they cost, and
    /// handed over.
    pub switched: u64,
    pub refused: u64,
    pub handed: u64,
}

/// A window, counted again.
#[derive(Debug, Default)]
struct Window {
    touched: Timestamp,
    ends_at: Timestamp,
    count: u32,
}

impl Window {
    /// Counts one more; answers how many there are.
    fn spend(&mut self, length: Duration, now: Timestamp) -> u32 {
        self.touched = self.touched.latest(now);
        if self.touched >= self.ends_at {
            (self.ends_at, self.count) = (self.touched.after(length), 0);
        }
        self.count += 1;
        self.count
    }

    fn holds(&self, limit: u32, now: Timestamp) -> bool {
        now.latest(self.touched) < self.ends_at && self.count >= limit
    }
}

/// The system that carries texts: loses, refuses for now, refuses for good, delivers twice or late.
#[derive(Clone)]
pub struct Texts {
    pub hub: Hub,
    pub defect: Option<Defect>,
    /// In a world of twins nothing may differ between a text that leaves and one that is discarded.
    pub at_once: bool,
}

#[async_trait::async_trait]
impl SmsSender for Texts {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let mut message = message.clone();
        if self.defect == Some(Defect::TextToAnother) {
            message.to = phone(THIEFS);
        }
        let roll = {
            let mut shared = self.hub.lock();
            shared.oracle.texted(&message);
            if self.at_once {
                return Ok(());
            }
            shared.chance.below(1000)
        };
        let mut handing = Handing { hub: self.hub.clone(), message: Some(message) };
        pause(1 + roll % 3).await;
        let message = handing.message.take().expect("it is handed over once");
        let bad = 3 * self.hub.lock().weather.per_mille();
        let fate = if roll < bad { roll % 8 } else { 8 };
        let said = match fate {
            1 | 3 => Said::ForNow(SendErrorKind::Transient),
            2 => Said::Permanent,
            5 => Said::ForNow(SendErrorKind::Setup),
            6 | 7 => Said::ForNow(SendErrorKind::Unknown),
            _ => Said::Accepted,
        };
        let mut shared = self.hub.lock();
        shared.oracle.text_handed(&message, said);
        match fate {
            // Lost on the way, perhaps where nobody hears of it; refused.
            0..=2 | 5 | 6 => {}
            4 => {
                let until = shared.oracle.step + 60;
                shared.late.push((until, Late::Text(message)));
            }
            _ => shared.oracle.text_arrived(&message),
        }
        let error = |kind| Err(SendError::new(kind, "the provider has a bad day"));
        match said {
            Said::Accepted => Ok(()),
            Said::Permanent => error(SendErrorKind::Permanent),
            Said::ForNow(_) if self.defect == Some(Defect::TextsAreGivenUp) => {
                error(SendErrorKind::Permanent)
            }
            Said::ForNow(kind) => error(kind),
        }
    }

    /// Notices by text are told apart in `tests/engine/text_notices.rs`.
    fn sends_notices(&self) -> bool {
        false
    }
}

/// A text on its way: if its courier is dropped, nobody knows whether it was handed over.
struct Handing {
    hub: Hub,
    message: Option<TextMessage>,
}

impl Drop for Handing {
    fn drop(&mut self) {
        if let Some(message) = &self.message {
            let said = Said::ForNow(SendErrorKind::Unknown);
            self.hub.lock().oracle.text_handed(message, said);
        }
    }
}

impl Oracle {
    /// A request for a code by text was written.
    pub fn asked_for_a_text(&mut self, call: usize, tenant: usize, now: Timestamp) {
        // Who has a vouch or the proof of a device is counted by that.
        let Some(network) = self.calls[call].network else { return };
        let limits = self.tenants[tenant].limits;
        let kind = ("Toll: texts from a network", limits.texts_per_network());
        self.costs(kind, tenant, &network.to_string(), limits.network_window(), now);
    }

    /// A code was bound that will go by text: it must go to a phone that is on file and served, and
    /// costs a count in each limit.
    pub fn texts_to(&mut self, record: &RecordId, bind: &Bind, now: Timestamp) {
        let Some((who, stamp, to @ Place::Phone(number))) = &bind.account else { return };
        let facts = &self.records[record];
        let since = facts.sends.iter().find(|send| send.number == bind.number);
        let (since, tenant) = (since.map_or(bind.step, |send| send.step), facts.tenant);
        let seen = || format!("{who:?} {}", number.as_str());
        let limits = self.tenants[tenant].limits;
        let (modes, account) = (&self.tenants[tenant].modes, &self.accounts[who]);
        let is_on_file = |it: &Account| it.stamp == *stamp && to.is_of(it);
        let fault = if !account.during(since, self.step).flatten().any(is_on_file) {
            Some("I4 a text to a number that is not on file")
        } else if !modes.during(since, self.step).any(|mode| is_served(*mode, number)) {
            Some("Toll: a text to a country that is not served")
        } else if !self.some_time(Proof::code(to), who, since, |it| it.stamp == *stamp) {
            Some("I6 a text for who may not")
        } else {
            None
        };
        if let Some(fault) = fault {
            self.violated(fault, seen);
        }
        for (kind, name, limit, length) in [
            ("Toll: texts to a number", number.as_str(), limits.texts_per_number(), DAY),
            ("Toll: texts to a block", number.block(), limits.texts_per_block(), HOUR),
            ("Toll: texts of a tenant", "", limits.texts_per_tenant(), DAY),
        ] {
            self.costs((kind, limit), tenant, name, length, now);
        }
    }

    fn costs(
        &mut self,
        (kind, limit): (&'static str, u32),
        tenant: usize,
        name: &str,
        length: Duration,
        now: Timestamp,
    ) {
        let window = self.texts.by.entry((kind, tenant, name.to_owned())).or_default();
        let count = window.spend(length, now);
        if count > limit {
            self.violated(kind, || format!("{count} to \"{name}\" of tenant {tenant}"));
        }
    }

    /// A limit that nobody sees has refused a code.
    pub fn refused_to_bind(&mut self, next: &Record, over: &[Over], now: Timestamp) {
        let names = |family| over.iter().any(|over| over.name.family() == Some(family));
        let (sends, texts) = (names(Family::SilentSends), names(Family::SilentTexts));
        let Some(facts) = self.records.get_mut(&next.id).filter(|_| sends || texts) else { return };
        // The account has had its messages of the hour.
        facts.sends.iter_mut().for_each(|send| send.done = true);
        let tenant = facts.tenant;
        let Ok(reset) = decode_reset(&next.body) else { return };
        let bound = reset.bound.as_ref().filter(|_| texts && !sends);
        let account = bound.and_then(|bound| self.identify(&next.id, &reset, bound));
        let Some((who, _, Place::Phone(number))) = account else { return };
        self.texts.refused += 1;
        let limits = self.tenants[tenant].limits;
        let is_spent = |kind: &'static str, name: &str, limit: u32| {
            let window = self.texts.by.get(&(kind, tenant, name.to_owned()));
            window.is_some_and(|window| window.holds(limit, now))
        };
        let spent = is_spent("Toll: texts to a number", number.as_str(), limits.texts_per_number())
            || is_spent("Toll: texts to a block", number.block(), limits.texts_per_block())
            || is_spent("Toll: texts of a tenant", "", limits.texts_per_tenant());
        if !spent {
            self.violated("Toll: a text is refused below its limits", || {
                format!("{who:?} {}", number.as_str())
            });
        }
    }

    /// Which of a reset's codes a text carries.
    fn bind_in(&self, message: &TextMessage) -> Option<(RecordId, usize)> {
        let (record, _) = self.record_of(message.correlation.as_ref())?;
        Some((record, self.bind_of(&record, message.code.as_ref()?)?))
    }

    /// A text is about to leave.
    pub fn texted(&mut self, message: &TextMessage) {
        let to = message.to.as_str().to_owned();
        let Some(code) = &message.code else {
            return self.violated("I4 a notice to a sender that takes none", || to);
        };
        if self.record_of(message.correlation.as_ref()).is_none() {
            return self.violated("I4 a text of no reset", || to);
        }
        let Some((record, bind)) = self.bind_in(message) else {
            return self.violated("I4 a text with a code that never counted", || to);
        };
        let Some((who, _, place)) = &self.records[&record].binds[bind].account else {
            return self.violated("I4 a text for nobody", || to);
        };
        if *place != Place::Phone(message.to.clone()) {
            let seen = format!("{to}: {who:?}");
            return self.violated("I4 a text to where no code is bound", || seen);
        }
        if !message.text.starts_with(code.as_str()) {
            self.violated("I4 a text with another code", || to);
        }
    }

    /// What the provider said of a text.
    pub fn text_handed(&mut self, message: &TextMessage, said: Said) {
        if let Some((record, bind)) = self.bind_in(message) {
            self.texts.handed += u64::from(said == Said::Accepted);
            self.handed_over(&record, bind, said);
        }
    }

    pub fn text_arrived(&mut self, message: &TextMessage) {
        let of = self.record_of(message.correlation.as_ref()).zip(message.code.as_ref());
        if let Some(((record, _), code)) = of {
            let (code, to) = (code.to_string(), message.to.as_str().to_owned());
            self.mailbox.push((record, code, to));
        }
    }

    /// What was answered to who asked for a code in one way.
    pub fn sent(&mut self, call: usize, by: Option<Method>, sent: &SentCode) {
        let about = &self.calls[call];
        let facts = about.record.and_then(|record| self.records.get(&record));
        let Some(facts) = facts else { return };
        let (start, step, tenant) = (about.start, self.step, self.tenant_of(facts));
        let offered = tenant.texts && tenant.modes.during(start, step).any(|it| offers_texts(*it));
        let earlier = facts.sends.iter().rev().find(|send| send.step < start);
        self.texts.switched += u64::from(earlier.is_some_and(|send| send.by != sent.method));
        let fault = if by.is_some_and(|by| by != sent.method) {
            "I4 a code goes another way than was asked"
        } else if sent.method == Method::Sms && !offered {
            "I6 a text where none is offered"
        } else {
            return;
        };
        self.violated(fault, || format!("call {call}: {}", sent.method));
    }

    /// The reset that a message belongs to, and the step in which it was asked for.
    pub fn record_of(&self, of: Option<&CorrelationId>) -> Option<(RecordId, u64)> {
        let call: usize = of?.as_str().parse().ok()?;
        Some((self.calls.get(call)?.record?, self.calls[call].start))
    }
}
