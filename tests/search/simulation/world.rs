//! The world: processes over one pair of stores, calls under way, and what happens around them.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{CaptureSender, ManualClock, MemoryPolicies, MemoryUsers},
    domain::{Account, RecordId, Stamp, Timestamp},
    policy::Disclosure,
};

use super::{
    chance::{Chance, Randomness, SeededEntropy},
    codes::Codes,
    defects::Defect,
    facts::*,
    founding::{TENANTS, limits, policy, rings, tenant},
    hands::Hands,
    hub::{Hub, Late, Weather},
    oracle::{Oracle, Violation},
    ports::{Dated, Leaks, Mail, Plain, Seen, Users},
    texts::Texts,
    verdicts::Answer,
};

pub const PROCESSES: usize = 3;
const BEGIN: i64 = 1_800_000_000_000_000;
/// The clock never steps back further than this behind the latest time: within the margin of sweeps.
const FURTHEST_BACK: i64 = 20 * 3_600_000_000;

/// How long a port call may still take once its caller has gone, by any process's clock.
const PATIENCE: i64 = 30_000_000;

/// What a world is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    pub seed: u64,
    pub defect: Option<Defect>,
    /// Whether the tenants tell who has an account.
    pub disclosure: Disclosure,
    /// A stranger alone, who types this address.
    pub stranger: Option<&'static str>,
    pub told: bool,
}

impl Plan {
    /// Of which tenants the users table queues notices: of all, of none, of one of the two.
    pub fn queues(&self) -> [bool; 2] {
        match self.seed % 4 {
            0 | 1 => [true, true],
            2 => [false, false],
            _ => [true, false],
        }
    }

    fn policy(&self, index: usize, mode: Mode) -> TenantPolicy {
        policy(index, mode, self.texts()[index]).with_disclosure(self.disclosure)
    }

    /// Which tenants offer codes by text: mostly both.
    pub fn texts(&self) -> [bool; 2] {
        match self.seed % 5 {
            0 => [false, false],
            1 => [true, false],
            _ => [true, true],
        }
    }
}

pub struct World {
    pub plan: Plan,
    pub hub: Hub,
    pub chance: Chance,
    pub entropy: SeededEntropy,
    for_couriers: SeededEntropy,
    pub users: MemoryUsers,
    pub codes: Codes,
    pub policies: MemoryPolicies,
    pub processes: Vec<Process>,
    pub hands: Hands,
    pub tasks: Vec<Task>,
    /// The network of the next call.
    pub network: Option<usize>,
    pub rings: Vec<Keyring>,
    /// Which ring the next deployment carries.
    pub deployed: usize,
    pub base: i64,
    latest: i64,
    pub reached: Reached,
}

/// How often the world came to what matters: one that never gets there proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    pub steps: u64,
    pub calls: u64,
    pub grants: u64,
    pub changes: u64,
    pub sign_ins: u64,
    pub longer: u64,
    pub errors: u64,
    pub crashes: u64,
    pub journeys: u64,
    pub swept: u64,
    /// Callers that were dropped, and what happened after they had gone.
    pub cut: u64,
    pub landed: u64,
    pub lulls: u64,
    /// Changes that sessions asked for, grants of forced changes and of codes from staff, temporary
    /// passwords.
    pub own_changes: u64,
    pub forced: u64,
    pub assisted: u64,
    pub temporaries: u64,
    pub frozen: u64,
    /// Texts that were handed over, or refused for what they cost, codes that were asked for in
    /// another way than the last one, and grants and journeys by text.
    pub texts: u64,
    pub refused_texts: u64,
    pub switches: u64,
    pub texted_grants: u64,
    pub texted_journeys: u64,
}

pub struct Process {
    pub sspr: Sspr,
    pub courier: Option<Arc<Courier>>,
    pub clock: ManualClock,
    pub skew: i64,
    pub ring: usize,
}

pub struct Task {
    pub call: usize,
    future: Pin<Box<dyn Future<Output = Answer>>>,
    woken: Arc<Flag>,
}

#[derive(Debug)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let entropy = SeededEntropy::new(plan.seed);
        let rings = rings(&entropy);
        let tenants = (0..2).map(|index| TenantFacts {
            id: tenant(index),
            modes: History::new(Mode::On),
            limits: limits(index),
            texts: plan.texts()[index],
        });
        let mut oracle = Oracle::default();
        (oracle.rings, oracle.tenants) = (rings.clone(), tenants.collect());
        oracle.outbox = plan.queues().contains(&true);
        oracle.started = vec![0; PROCESSES];
        oracle.clocks = vec![Timestamp::from_micros(BEGIN); PROCESSES];
        let hub = Hub::new(plan.seed, oracle, plan.told);
        if plan.stranger.is_some() {
            hub.lock().asked = Some(Vec::new());
        }
        let policies = MemoryPolicies::from_iter((0..2).map(|index| plan.policy(index, Mode::On)));
        let mut world = Self {
            base: BEGIN,
            chance: Chance::new(plan.seed),
            codes: Codes::new(hub.clone(), plan.defect),
            deployed: 0,
            entropy,
            for_couriers: SeededEntropy::new(!plan.seed),
            hands: Hands::default(),
            hub,
            latest: BEGIN,
            network: None,
            plan,
            policies,
            processes: Vec::new(),
            reached: Reached::default(),
            rings,
            tasks: Vec::new(),
            users: MemoryUsers::new(),
        };
        world.settle();
        for index in 0..PROCESSES {
            let process = world.process(index, 0);
            world.processes.push(process);
            world.employ(index);
        }
        world
    }

    fn process(&mut self, index: usize, ring: usize) -> Process {
        let skew = self.chance.below(20_000_000) as i64 - 10_000_000;
        let clock = ManualClock::new(Timestamp::from_micros(self.base + skew));
        self.hub.lock().oracle.clocks[index] = Timestamp::from_micros(self.base + skew);
        let users = Users {
            defect: self.plan.defect,
            hub: self.hub.clone(),
            inner: self.users.clone(),
            queues: self.plan.queues(),
            tenants: vec![tenant(0), tenant(1)],
        };
        let stuck = self.plan.defect == Some(Defect::PolicyCached) && index == 1;
        let seen = Seen {
            cached: stuck.then(MemoryPolicies::default),
            first: Arc::new(Mutex::default()),
            inner: self.policies.clone(),
            widens: self.plan.defect == Some(Defect::CountriesAdded) && index == 1,
        };
        let builder =
            Sspr::builder(users.clone(), self.codes.clone(), seen, self.rings[ring].clone())
                .with_entropy(self.randomness())
                .with_hasher(Plain { defect: self.plan.defect, hub: self.hub.clone() })
                .with_templates(Dated::default())
                .with_breach_check(Leaks { defect: self.plan.defect, hub: self.hub.clone() })
                .with_queue(8, 12);
        let outbox = self.plan.queues().contains(&true);
        let builder = if outbox { builder.with_outbox(users) } else { builder };
        let texts = self.plan.texts().contains(&true);
        let builder = if texts { builder.with_sms(self.texts()) } else { builder };
        let builder = if self.plan.defect == Some(Defect::ClockStandsStill) && index == 1 {
            builder.with_clock(ManualClock::new(Timestamp::from_micros(self.base + skew)))
        } else {
            builder.with_clock(clock.clone())
        };
        let (sspr, courier) = builder.build();
        Process { clock, courier: Some(Arc::new(courier)), ring, skew, sspr }
    }

    /// Sets a courier to work, except in the last process: there it is called now and then.
    fn employ(&mut self, index: usize) {
        if index == PROCESSES - 1 || self.plan.stranger.is_some() {
            return;
        }
        let courier = self.processes[index].courier.take().unwrap();
        let courier = Arc::into_inner(courier).unwrap();
        let mail = self.mail();
        self.begin(index, Kind::Courier, None, async move {
            courier.run(mail).await;
            Answer::Courier
        });
    }

    pub fn mail(&self) -> Mail {
        Mail {
            at_once: self.plan.stranger.is_some(),
            defect: self.plan.defect,
            hub: self.hub.clone(),
            inbox: CaptureSender::new(),
        }
    }

    fn randomness(&self) -> Randomness {
        let twins = self.plan.stranger.is_some();
        Randomness {
            couriers: twins.then(|| self.for_couriers.clone()),
            hub: self.hub.clone(),
            requests: self.entropy.clone(),
        }
    }

    fn texts(&self) -> Texts {
        Texts {
            at_once: self.plan.stranger.is_some(),
            defect: self.plan.defect,
            hub: self.hub.clone(),
        }
    }

    /// The number that the next call will have.
    pub fn next_call(&self) -> usize {
        self.hub.lock().oracle.calls.len()
    }

    /// Begins a call: it runs at once to its first wait.
    pub fn begin(
        &mut self,
        process: usize,
        kind: Kind,
        record: Option<RecordId>,
        future: impl Future<Output = Answer> + 'static,
    ) {
        let now = Timestamp::from_micros(self.base + self.processes[process].skew);
        let mut shared = self.hub.lock();
        let oracle = &mut shared.oracle;
        let call = oracle.calls.len();
        let touched = record.and_then(|record| Some(oracle.records.get(&record)?.touched));
        oracle.latest = oracle.latest.latest(now);
        oracle.calls.push(Call {
            attempt: None,
            compared: None,
            compares: false,
            cut: false,
            entered: 0,
            faulted: false,
            hash_refused: false,
            leaked: false,
            kind: kind.clone(),
            lockout: None,
            network: self.network.take(),
            now,
            process,
            record,
            ring: self.processes[process].ring,
            settled: false,
            start: oracle.step,
            touched: touched.unwrap_or_default(),
        });
        shared.tell(|| {
            let of = record.map(|record| record.to_string());
            let of = of.map(|id| format!(" (reset …{})", &id[id.len() - 6..])).unwrap_or_default();
            format!("call {call} in process {process} {}{of}", kind.words())
        });
        drop(shared);
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.push(Task { call, future: Box::pin(future), woken });
        self.reached.calls += 1;
        self.poll(self.tasks.len() - 1);
    }

    /// Lets one call go on to its end, with nothing else meanwhile.
    pub fn hurry(&mut self, call: usize) {
        while let Some(index) = self.tasks.iter().position(|task| task.call == call) {
            self.poll(index);
        }
    }

    /// Lets one call go on to its next wait.
    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let call = task.call;
        self.hub.lock().current = call;
        task.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(task.woken.clone());
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(answer) = polled {
            self.tasks.swap_remove(index);
            let mut shared = self.hub.lock();
            shared.tell(|| format!("    call {call} is answered {answer:?}"));
            shared.oracle.answered(call, &answer);
            drop(shared);
            self.learn(call, answer);
        }
    }

    /// Goes on with one of the calls that can; answers whether there was one.
    pub fn go_on(&mut self) -> bool {
        let ready: Vec<usize> = (0..self.tasks.len())
            .filter(|index| self.tasks[*index].woken.0.load(Ordering::Relaxed))
            .collect();
        let Some(index) = self.chance.pick(&ready).copied() else { return false };
        self.poll(index);
        true
    }

    /// One step: a call goes on, or something new happens.
    pub fn step(&mut self) -> Result<(), Violation> {
        self.reached.steps += 1;
        let late = {
            let mut shared = self.hub.lock();
            shared.oracle.step += 1;
            let step = shared.oracle.step;
            let (due, rest) = std::mem::take(&mut shared.late)
                .into_iter()
                .partition::<Vec<_>, _>(|(until, _)| *until <= step);
            shared.late = rest;
            due
        };
        for (_, message) in late {
            let oracle = &mut self.hub.lock().oracle;
            match message {
                Late::Mail(message) => oracle.arrived(&message),
                Late::Text(message) => oracle.text_arrived(&message),
            }
        }
        let step = self.hub.lock().oracle.step;
        self.reached.landed += self.hub.land(|adrift| adrift.due <= step);
        if self.plan.stranger.is_none() {
            if self.chance.often(15) {
                self.cut();
            }
            // More often where something goes wrong.
            let storm = self.hub.lock().weather == Weather::Storm;
            if self.chance.often(if storm { 3 } else { 1 }) {
                self.lull();
            }
        }
        let crowded = self.tasks.len() >= 12;
        if !((crowded || self.chance.often(800)) && self.go_on()) {
            self.something_new();
        }
        match self.hub.lock().oracle.violation.clone() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    /// Kills a process and starts it again: its calls and waiting mails are gone.
    pub fn crash(&mut self, index: usize) {
        let mine: Vec<usize> = {
            let shared = self.hub.lock();
            let calls = shared.oracle.calls.iter().enumerate();
            calls.filter(|(_, call)| call.process == index).map(|(call, _)| call).collect()
        };
        let landing = self.some_landing();
        let hub = self.hub.clone();
        hub.dropping(landing, || {
            self.tasks.retain(|task| mine.binary_search(&task.call).is_err());
            self.processes[index] = self.process(index, self.deployed);
        });
        {
            let mut shared = self.hub.lock();
            shared.oracle.started[index] = shared.oracle.step + 1;
        }
        self.hub.lock().tell(|| format!("process {index} is killed and starts again"));
        self.employ(index);
        self.reached.crashes += 1;
    }

    /// Moves every clock, forwards or back.
    pub fn pass(&mut self, micros: i64) {
        // What a caller left behind happens within a minute, or not at all.
        let late = self.base + micros - PATIENCE;
        let due = |left: Timestamp| micros < 0 || left < Timestamp::from_micros(late);
        self.reached.landed += self.hub.land(|adrift| due(adrift.left));
        self.base = (self.base + micros).max(self.latest - FURTHEST_BACK);
        self.latest = self.latest.max(self.base);
        for (index, process) in self.processes.iter().enumerate() {
            process.clock.set(Timestamp::from_micros(self.base + process.skew));
            let mut shared = self.hub.lock();
            let now = Timestamp::from_micros(self.base + process.skew);
            shared.oracle.latest = shared.oracle.latest.latest(now);
            shared.oracle.clocks[index] = now;
        }
        let lasted = Duration::from_micros(micros.unsigned_abs());
        let back = if micros < 0 { "back" } else { "on" };
        self.hub.lock().tell(|| format!("clocks go {back} by {lasted:?}"));
    }

    pub fn set_mode(&mut self, index: usize, mode: Mode) {
        self.policies.replace(self.plan.policy(index, mode));
        let mut shared = self.hub.lock();
        let step = shared.oracle.step;
        shared.oracle.tenants[index].modes.push(step, mode);
        shared.tell(|| format!("the administrator of {}: {mode:?}", TENANTS[index]));
    }

    pub fn set_weather(&mut self, weather: Weather) {
        let mut shared = self.hub.lock();
        shared.weather = weather;
        shared.tell(|| format!("the weather: {weather:?}"));
    }

    /// Changes an account as the host's own code would, with a new stamp if that is asked for.
    pub fn change(&mut self, who: &Who, what: &str, act: impl FnOnce(&mut Account, Stamp)) {
        let stamp = Stamp::generate(&self.entropy).unwrap();
        let mut after = None;
        self.users.update(&who.0, &who.1, |account| {
            act(account, stamp);
            after = Some(account.clone());
        });
        let mut shared = self.hub.lock();
        let step = shared.oracle.step;
        shared.tell(|| format!("{} of {}: {what}", who.1.as_str(), who.0));
        if let (Some(after), Some(history)) = (after, shared.oracle.accounts.get_mut(who)) {
            history.push(step, Some(after));
        }
    }
}

impl Reached {
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.calls += other.calls;
        self.grants += other.grants;
        self.changes += other.changes;
        self.sign_ins += other.sign_ins;
        self.longer += other.longer;
        self.errors += other.errors;
        self.crashes += other.crashes;
        self.journeys += other.journeys;
        self.swept += other.swept;
        self.cut += other.cut;
        self.landed += other.landed;
        self.lulls += other.lulls;
        self.own_changes += other.own_changes;
        self.forced += other.forced;
        self.assisted += other.assisted;
        self.temporaries += other.temporaries;
        self.frozen += other.frozen;
        self.texts += other.texts;
        self.refused_texts += other.refused_texts;
        self.switches += other.switches;
        self.texted_grants += other.texted_grants;
        self.texted_journeys += other.texted_journeys;
    }
}
