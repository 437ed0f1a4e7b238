//! How a world ends: everything calms down, and who has the mailbox finishes (I12), and who has a phone
//! that is served.

use sspr::{
    domain::{AccountId, FlowToken, Method},
    engine::Client,
};

use super::{
    actors::request,
    facts::*,
    founding::{address, tenant},
    hub::Weather,
    methods::texted,
    oracle::Violation,
    verdicts::Answer,
    world::{PROCESSES, World},
};

const CALM: usize = PROCESSES - 1;

impl World {
    /// The last act: each owner resets a password, whatever happened before; every notice goes out.
    pub fn end(&mut self) -> Result<(), Violation> {
        self.lull();
        self.set_weather(Weather::Calm);
        // Longer than any pause of a notice.
        self.rest(1_200_000_000, 5);
        self.hub.lock().oracle.all_told(true);
        for index in 0..PROCESSES {
            self.crash(index);
        }
        self.pass(27 * 3_600_000_000 + 20 * 3_600_000_000);
        for index in 0..2 {
            self.set_mode(index, Mode::On);
            for id in ["ada", "eve"] {
                let who = (tenant(index), AccountId::parse(id).unwrap());
                self.change(&who, "is as ever", |account, stamp| {
                    account.disabled = false;
                    account.stamp = stamp;
                });
                self.finish(index, &who, Method::Email);
                // A reset that ends a freeze leaves no phone.
                let shared = self.hub.lock();
                let texts = shared.oracle.tenants[index].texts;
                let account = shared.oracle.accounts[&who].last().clone();
                drop(shared);
                if texts && account.is_some_and(|it| texted(Mode::On, &it).is_some()) {
                    self.finish(index, &who, Method::Sms);
                }
            }
        }
        for _ in 0..3 {
            self.pass(61_000_000);
            self.drain(CALM);
            self.quiet();
        }
        let mut shared = self.hub.lock();
        let texts = &shared.oracle.texts;
        self.reached.texts += texts.handed;
        self.reached.refused_texts += texts.refused;
        self.reached.switches += texts.switched;
        shared.oracle.all_noticed();
        shared.oracle.all_told(true);
        shared.oracle.violation.clone().map_or(Ok(()), Err)
    }

    /// Goes on until nothing more happens by itself.
    pub fn quiet(&mut self) {
        for _ in 0..100_000 {
            self.reached.steps += 1;
            self.hub.lock().oracle.step += 1;
            if !self.go_on() {
                return;
            }
        }
        self.hub.lock().oracle.violated("I12 it comes to rest", String::new);
    }

    /// One whole journey of an owner, alone.
    fn finish(&mut self, index: usize, who: &Who, by: Method) {
        let (grants, changes) = (self.hands.grants.len(), self.hands.tickets.len());
        let (resets, sign_ins) = (self.hands.resets.len(), self.reached.sign_ins);
        // One that has not leaked.
        let password = format!("Four quiet Words, {index} by {}", 9 * resets);
        let shared = self.hub.lock();
        let account = shared.oracle.accounts[who].last().clone().unwrap();
        drop(shared);
        let typed = address(account.destinations()[0].as_str());
        let client = self.known(Client::unknown());
        let request = request(index, typed.clone()).by(by);
        let kind = Kind::Open { by, key: None, send: true, tenant: index, typed };
        let sspr = self.processes[CALM].sspr.clone();
        self.begin(
            CALM,
            kind,
            None,
            async move { Answer::Start(sspr.start(&request, &client).await) },
        );
        self.quiet();
        let Some((record, token)) = self.hands.resets.get(resets).cloned() else {
            return self.kept_out(who, by, "start");
        };
        self.drain(CALM);
        self.quiet();
        let shared = self.hub.lock();
        let code = shared.oracle.mailbox.iter().rev().find(|(other, ..)| *other == record).cloned();
        drop(shared);
        let Some((_, code, _)) = code else { return self.kept_out(who, by, "message") };
        self.verify(CALM, record, FlowToken::parse(&token).unwrap(), &code);
        self.quiet();
        let Some((_, grant, _)) = self.hands.grants.get(grants).cloned() else {
            return self.kept_out(who, by, "verify");
        };
        self.submit_with(CALM, record, grant, password.clone());
        self.quiet();
        let Some((_, ticket)) = self.hands.tickets.get(changes).cloned() else {
            return self.kept_out(who, by, "submit");
        };
        self.redeem_with(CALM, record, &ticket);
        self.quiet();
        if self.reached.sign_ins == sign_ins {
            return self.kept_out(who, by, "redeem");
        }
        self.reached.journeys += 1;
        self.reached.texted_journeys += u64::from(by == Method::Sms);
    }

    fn kept_out(&mut self, who: &Who, by: Method, at: &str) {
        let name = match by {
            Method::Email => "I12 who has the mailbox can finish",
            Method::Sms => "I12 who has the phone can finish",
        };
        self.hub.lock().oracle.violated(name, || format!("{who:?}: {at}"));
    }
}
