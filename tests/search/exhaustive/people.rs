//! What people, couriers and stores do with the machines, one event each.

use sspr::{
    domain::{CodeFormat, Method, Stamp, Timestamp},
    flow::{Bound, Event, Lockout, Refusal, Stage, StageName, Step},
};

use super::{
    machine::{LOCKOUT, Machine, Wrong, at, digest, nothing},
    model::{
        Begins, Broken, LIVES, LockOutside, Setting, State, TICKET_LIVES, TRIES, binding, bit, code,
    },
};

impl State {
    pub fn send(
        &mut self,
        machine: &Machine,
        reset: usize,
        longer: bool,
        by: Method,
    ) -> Result<bool, Broken> {
        if self.is_dead(reset) {
            return Ok(false);
        }
        let format = if longer { CodeFormat::Letters } else { CodeFormat::Digits };
        let send = Event::Send { method: by, format };
        let step = machine.step(&self.resets[reset], send, at(self.now));
        let (tick, outside) = (self.tick(reset), self.outside[reset]);
        let way = usize::from(by == Method::Sms);
        let before = outside.sent_by[way];
        let next = match step {
            Step::Next(next) => next,
            // Each way has a cooldown of its own.
            Step::Refused(Refusal::TooSoon { .. }) if before.is_none_or(|at| self.now > at) => {
                return Err(Broken::OtherWayWaits);
            }
            Step::Stay | Step::Refused(_) => return Ok(false),
        };
        let to_longer = longer && !outside.sent_long;
        if outside.ended {
            return Err(Broken::TheEndIsNoEnd);
        }
        if let Some(before) = before.filter(|_| !to_longer) {
            if self.now > before && tick < before + 1 {
                return Err(Broken::I8TimeGoesBack);
            }
            if tick < before + 1 {
                return Err(Broken::SendsTooSoon);
            }
        }
        self.write(reset, next);
        let outside = &mut self.outside[reset];
        outside.sends += 1;
        (outside.sent_at, outside.sent_long) = (tick, longer);
        outside.sent_by[way] = Some(tick);
        outside.void |= outside.grants;
        outside.pending = 0;
        Ok(true)
    }

    pub fn deliver(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        number: u8,
        lost: bool,
    ) -> Result<bool, Broken> {
        if self.is_dead(reset) {
            return Ok(false);
        }
        let account = to.account(reset);
        let (stamp, real) = (self.accounts[account].stamp, self.policy[account]);
        let Some(sent) = self.resets[reset].sent else { return Ok(false) };
        let bound = Bound {
            announced: sent.format,
            binding: if real { binding(account, stamp) } else { nothing() },
            code: if real { code(reset, number, stamp) } else { nothing() },
            expires_at: sent.expires_at,
            format: sent.format,
            number: number.into(),
            ..machine.bound.clone()
        };
        let event = Event::Bind(Box::new(bound));
        let step = machine.step(&self.resets[reset], event, at(self.now));
        let Step::Next(next) = step else { return Ok(false) };
        let outside = self.outside[reset];
        if number != outside.sends || outside.bound > number {
            return Err(Broken::I3OlderCodeWins);
        }
        self.late(reset, outside.sent_at + LIVES, Broken::I4CodeAfterExpiry)?;
        self.write(reset, next);
        let outside = &mut self.outside[reset];
        outside.tries = 0;
        outside.bound = number;
        outside.stamp_of[usize::from(number)] = if real { stamp } else { u8::MAX };
        outside.code_dies[usize::from(number)] = outside.sent_at + LIVES;
        if real && !lost {
            outside.mailed |= bit(number);
        }
        Ok(true)
    }

    /// One try: charged, compared, and, after a match, judged.
    pub fn type_code(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        typed: Option<(usize, u8)>,
        lost: bool,
    ) -> Result<bool, Broken> {
        // A code of staff is so long that nobody counts its tries.
        let is_counted = self.outside[reset].begins == Begins::Opened;
        if self.is_dead(reset) || self.outside[reset].tries >= TRIES {
            return Ok(false);
        }
        self.outside[reset].seen = self.tick(reset);
        self.outside[reset].tries += u8::from(is_counted);
        let now = at(self.now);
        // The store's own touch counts for the machine too.
        let seen = at(self.outside[reset].seen);
        self.resets[reset].touched_at = self.resets[reset].touched_at.latest(seen);
        let step = machine.step(&self.resets[reset], Event::Try, now);
        let stage = self.resets[reset].stage.name();
        let Some(bound) = self.resets[reset].bound.clone() else { return Ok(true) };
        let place = self.outside[reset].bound;
        let dies = self.outside[reset].code_dies[usize::from(place)];
        let alive =
            matches!(stage, StageName::CodeSent | StageName::Verified) && self.tick(reset) < dies;
        let Step::Stay = step else {
            let mine = typed == Some((reset, place));
            return if mine && alive { Err(Broken::I3RightCodeRefused) } else { Ok(true) };
        };
        self.late(reset, dies, Broken::I4CodeAfterExpiry)?;
        let compared = &mut self.outside[reset].compared[usize::from(place)];
        *compared += u8::from(is_counted);
        if *compared > TRIES {
            return Err(Broken::I2TriesOfAChallenge);
        }
        let Some((from, number)) = typed else { return Ok(true) };
        let stamp = self.outside[from].stamp_of[usize::from(number)];
        if !bound.code.matches(&code(from, number, stamp)) {
            return Ok(true);
        }
        if from != reset {
            return Err(Broken::I4ForeignCode);
        }
        let account = to.account(reset);
        let same = bound.binding.matches(&binding(account, self.accounts[account].stamp));
        if !(same && self.policy[account]) {
            return Ok(true);
        }
        let grant = digest([3, reset as u8, number, 0]);
        let tick = self.tick(reset);
        match machine.step(&self.resets[reset], Event::Match { grant }, now) {
            Step::Next(next) => {
                self.write(reset, next);
                let outside = &mut self.outside[reset];
                outside.void &= !bit(number);
                outside.grant_dies[usize::from(number)] = tick + LIVES;
            }
            Step::Stay => {}
            Step::Refused(_) if alive => return Err(Broken::I3RightCodeRefused),
            Step::Refused(_) => return Ok(true),
        }
        if !lost {
            self.outside[reset].grants |= bit(number);
        }
        Ok(true)
    }

    pub fn apply(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        number: u8,
    ) -> Result<bool, Broken> {
        if self.is_dead(reset) {
            return Ok(false);
        }
        let (grant, now) = (digest([3, reset as u8, number, 0]), at(self.now));
        let step = machine.step(&self.resets[reset], Event::Spend { grant }, now);
        let Step::Stay = step else { return Ok(false) };
        let (outside, account) = (self.outside[reset], to.account(reset));
        if outside.void & bit(number) > 0 {
            return Err(Broken::I1VoidGrantSpent);
        }
        let completed = matches!(self.resets[reset].stage, Stage::Completed { .. });
        let dies = outside.grant_dies[usize::from(number)];
        let dies = if completed { outside.ticket_dies } else { dies };
        self.late(reset, dies, Broken::I4GrantAfterExpiry)?;
        let held = &mut self.accounts[account];
        let takes_all = machine.wrong == Some(Wrong::UsersTakeAll);
        if held.last_change == reset as u8 + 1 && !takes_all {
            self.outside[reset].pending = number;
            return Ok(outside.pending != number);
        }
        let bound = self.resets[reset].bound.as_ref();
        let same = bound.is_some_and(|it| it.binding.matches(&binding(account, held.stamp)));
        if !(same && self.policy[account] || takes_all) {
            let step = machine.step(&self.resets[reset], Event::Close, now);
            let Step::Next(next) = step else { return Ok(false) };
            self.write(reset, next);
            return Ok(true);
        }
        held.stamp += 1;
        held.last_change = reset as u8 + 1;
        let outside = &mut self.outside[reset];
        outside.pending = number;
        outside.changes[usize::from(number)] += 1;
        if outside.changes[usize::from(number)] > 1 {
            return Err(Broken::I1GrantTwice);
        }
        Ok(true)
    }

    pub fn complete(
        &mut self,
        machine: &Machine,
        to: Setting,
        reset: usize,
        lost: bool,
    ) -> Result<bool, Broken> {
        let number = std::mem::take(&mut self.outside[reset].pending);
        let stamp = Stamp::from_bytes([self.accounts[to.account(reset)].stamp; 16]);
        let ticket = digest([4, reset as u8, number, 0]);
        let event = Event::Complete { stamp, ticket };
        let tick = self.tick(reset);
        match machine.step(&self.resets[reset], event, at(self.now)) {
            Step::Next(next) => {
                self.write(reset, next);
                let outside = &mut self.outside[reset];
                outside.ended = true;
                (outside.ticket, outside.ticket_dies) = (number, tick + TICKET_LIVES);
            }
            Step::Stay => {}
            Step::Refused(_) => return Ok(true),
        }
        self.outside[reset].ticket_held |= !lost;
        Ok(true)
    }

    pub fn redeem(&mut self, machine: &Machine, to: Setting, reset: usize) -> Result<bool, Broken> {
        // A machine whose tickets never die writes records that do not either.
        let kept = machine.wrong == Some(Wrong::TicketNeverDies);
        if self.is_dead(reset) && !kept {
            return Ok(false);
        }
        // The counter of the ticket admits one call, whatever comes of it.
        let used = std::mem::replace(&mut self.outside[reset].ticket_used, true);
        if used && machine.wrong != Some(Wrong::TicketStays) {
            return Ok(false);
        }
        let ticket = digest([4, reset as u8, self.outside[reset].ticket, 0]);
        let step = machine.step(&self.resets[reset], Event::Redeem { ticket }, at(self.now));
        let (Step::Stay, Stage::Completed { stamp, .. }) = (step, &self.resets[reset].stage) else {
            return Ok(!used);
        };
        let account = to.account(reset);
        let same = *stamp == Stamp::from_bytes([self.accounts[account].stamp; 16]);
        if !(same && self.policy[account]) {
            return Ok(!used);
        }
        self.late(reset, self.outside[reset].ticket_dies, Broken::I4TicketAfterExpiry)?;
        self.outside[reset].sign_ins += 1;
        if self.outside[reset].sign_ins > 1 {
            return Err(Broken::I1TicketTwice);
        }
        Ok(true)
    }

    /// A sign-in to the first account: charged before it is compared.
    pub fn password(&mut self, machine: &Machine, right: bool) -> Result<bool, Broken> {
        let stamp = self.accounts[0].stamp;
        if self.lock.stamp != stamp {
            self.lock = LockOutside { stamp, ..LockOutside::default() };
            self.lockout = Lockout::default();
        }
        let tick = self.now.max(self.lock.seen);
        let Ok(charged) = machine.lock(&self.lockout, at(self.now)) else { return Ok(false) };
        if tick < self.lock.until {
            return Err(Broken::LockEndsEarly);
        }
        self.lock.seen = tick;
        self.lock.failures = (self.lock.failures + 1).min(3);
        self.lockout = charged;
        if u32::from(self.lock.failures) >= LOCKOUT.threshold {
            let until: Option<Timestamp> = charged.locked_until;
            if until.is_none_or(|until| until < at(tick + 1)) {
                return Err(Broken::LockCountsTooFew);
            }
            self.lock.until = tick + 1;
        }
        if right {
            self.lockout = charged.cleared(at(self.now));
            (self.lock.failures, self.lock.until) = (0, 0);
        }
        Ok(true)
    }
}
