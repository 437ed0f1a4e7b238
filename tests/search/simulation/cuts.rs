//! Callers that go away at any wait, and the lulls in which what they left behind must come to its
//! end.

use sspr::domain::FlowToken;

use super::{
    facts::Kind,
    hub::{Landing, Weather},
    world::{PROCESSES, World},
};

const CALM: usize = PROCESSES - 1;
/// Longer than any pause of a code's mail, than a lease, and than the courier waits for a write.
const LULL: i64 = 140;

impl World {
    pub fn some_landing(&mut self) -> Landing {
        let all = [Landing::Never, Landing::Never, Landing::AtOnce, Landing::Later];
        *self.chance.pick(&all).unwrap()
    }

    /// A caller goes away. Perhaps it comes back and asks again.
    pub fn cut(&mut self) {
        let called_now_and_then = |world: &Self, call: usize| {
            let shared = world.hub.lock();
            let about = &shared.oracle.calls[call];
            !matches!(about.kind, Kind::Courier) || about.process == CALM
        };
        let all: Vec<usize> = (0..self.tasks.len())
            .filter(|index| called_now_and_then(self, self.tasks[*index].call))
            .collect();
        // There are few changes of a password, and much follows them.
        let changes = |index: &usize| {
            let call = self.tasks[*index].call;
            let kind = &self.hub.lock().oracle.calls[call].kind;
            matches!(kind, Kind::Submit { .. } | Kind::Change(_) | Kind::Freeze { .. })
        };
        let few: Vec<usize> = all.iter().copied().filter(changes).collect();
        let among = if few.is_empty() { all } else { few };
        let Some(index) = self.chance.pick(&among).copied() else { return };
        let (landing, hub) = (self.some_landing(), self.hub.clone());
        let call = self.tasks[index].call;
        {
            let mut shared = hub.lock();
            shared.oracle.cut(call);
            shared.tell(|| format!("    the caller of call {call} goes away ({landing:?})"));
        }
        hub.dropping(landing, || drop(self.tasks.swap_remove(index)));
        self.reached.cut += 1;
        if self.chance.often(400) {
            self.again(call);
        }
    }

    /// The same is asked again.
    fn again(&mut self, call: usize) {
        let shared = self.hub.lock();
        let about = &shared.oracle.calls[call];
        let (kind, record, process) = (about.kind.clone(), about.record, about.process);
        drop(shared);
        let token = |world: &Self| {
            let mut held = world.hands.resets.iter();
            held.find(|(other, _)| Some(*other) == record).map(|(_, text)| text.clone())
        };
        match (kind, record) {
            (Kind::Verify { code }, Some(record)) => {
                let Some(text) = token(self) else { return };
                self.verify(process, record, FlowToken::parse(&text).unwrap(), &code);
            }
            (Kind::Submit { grant, password }, Some(record)) => {
                self.submit_with(process, record, grant, password);
            }
            (Kind::Redeem { ticket }, Some(record)) => self.redeem_with(process, record, &ticket),
            (Kind::Send { by }, Some(record)) => {
                let Some(text) = token(self) else { return };
                self.send_with(process, record, FlowToken::parse(&text).unwrap(), by);
            }
            (Kind::Open { tenant, typed, send, key: Some(key), by }, _) => {
                self.open_with(process, tenant, typed, (send, by), Some(key));
            }
            (Kind::SignIn { tenant, address, password }, _) => {
                self.sign_in_with(process, tenant, address.as_str(), &password);
            }
            (Kind::Change(form), _) => self.change_with(process, form),
            (Kind::Enter { tenant, typed, code }, record) => {
                self.enter_with(process, record, tenant, typed, &code);
            }
            (Kind::Freeze { tenant, code }, _) => self.freeze_with(process, tenant, code),
            (Kind::Assist { deed, who }, _) => self.staff_with(process, deed, who),
            (Kind::Courier, _) => self.drain(process),
            _ => {}
        }
    }

    /// Nothing new happens for a while, and nothing goes wrong: the couriers bring to its end what
    /// callers have left behind. The clocks may just have stepped back.
    pub fn lull(&mut self) {
        let weather = self.hub.lock().weather;
        self.set_weather(Weather::Calm);
        if self.chance.often(500) {
            let back = self.chance.below(3_600_000_000) as i64;
            self.pass(-back);
        }
        self.rest(2_000_000, LULL / 2);
        let mut shared = self.hub.lock();
        shared.oracle.all_mailed();
        shared.oracle.all_settled();
        shared.oracle.all_told(false);
        drop(shared);
        self.reached.lulls += 1;
        self.set_weather(weather);
    }

    /// Lets so much time go by, so many times, with nothing else.
    pub fn rest(&mut self, micros: i64, times: i64) {
        for _ in 0..times {
            self.quiet();
            self.drain(CALM);
            self.quiet();
            self.pass(micros);
        }
        self.quiet();
    }
}
