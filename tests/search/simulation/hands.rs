//! What people hold in their hands: whatever anybody was given.

use std::collections::HashMap;

use sspr::{
    domain::{FlowToken, Method, RecordId, Stamp, Timestamp},
    engine::{
        AssistanceOutcome, Assisted, ChangeOutcome, FreezeOutcome, Granted, OpenOutcome,
        RedeemOutcome, Rejection, SignInOutcome, StartOutcome, SubmitOutcome, VerifyOutcome,
    },
    policy::Limits,
};

use super::{desk::HeldCode, facts::*, founding::tenant, verdicts::Answer, world::World};

/// Whatever anybody was given.
#[derive(Default)]
pub struct Hands {
    pub resets: Vec<(RecordId, String)>,
    /// Each grant, and the password that was submitted with it last.
    pub grants: Vec<(RecordId, String, String)>,
    pub tickets: Vec<(RecordId, String)>,
    /// Proofs of devices, each from some sign-in of whomever.
    pub devices: Vec<String>,
    keyed: HashMap<String, String>,
    pub passwords: u32,
    /// Sessions that somebody had at some time.
    pub sessions: Vec<(Who, Stamp)>,
    /// Forms with a key that were sent.
    pub forms: Vec<ChangeOf>,
    pub codes: Vec<HeldCode>,
    pub temporaries: Vec<(Who, String)>,
}

impl World {
    /// What an answer puts into somebody's hands.
    pub fn learn(&mut self, call: usize, answer: Answer) {
        let (kind, ring, now, record) = {
            let shared = self.hub.lock();
            let call = &shared.oracle.calls[call];
            (call.kind.clone(), call.ring, call.now, call.record)
        };
        let failed = matches!(
            answer,
            Answer::Open(Err(_))
                | Answer::Start(Err(_))
                | Answer::Send(Err(_))
                | Answer::Verify(Err(_))
                | Answer::Submit(Err(_))
                | Answer::Redeem(Err(_))
                | Answer::SignIn(Err(_))
                | Answer::Change(Err(_))
                | Answer::Enter(Err(_))
                | Answer::Code(Err(_))
                | Answer::Temporary(Err(_))
                | Answer::Deed(Err(_))
                | Answer::Freeze(Err(_))
                | Answer::Sweep(Err(_))
        );
        self.reached.errors += u64::from(failed);
        match answer {
            Answer::Open(Ok(OpenOutcome::Opened(opened))) => {
                self.hold(&kind, ring, now, &opened.token);
            }
            Answer::Start(Ok(StartOutcome::Started(started))) => {
                self.hold(&kind, ring, now, &started.token);
            }
            Answer::Verify(Ok(VerifyOutcome::Granted(granted))) => {
                self.reached.grants += 1;
                let shared = self.hub.lock();
                let facts = shared.oracle.records.get(&granted.grant.record());
                let bind = facts.and_then(|facts| facts.binds.last()?.account.as_ref());
                let by_text = bind.is_some_and(|(.., to)| to.method() == Method::Sms);
                drop(shared);
                self.reached.texted_grants += u64::from(by_text);
                self.hold_grant(&granted);
            }
            Answer::Enter(Ok(AssistanceOutcome::Granted(granted))) => {
                self.reached.assisted += 1;
                self.hold_grant(&granted);
            }
            Answer::Verify(Ok(VerifyOutcome::Rejected(Rejection::LongerCodeSent(_)))) => {
                self.reached.longer += 1;
            }
            Answer::Submit(Ok(SubmitOutcome::Changed(changed))) => {
                self.reached.changes += 1;
                self.hands.tickets.push((changed.ticket.record(), changed.ticket.expose()));
            }
            Answer::Redeem(Ok(RedeemOutcome::SignIn(sign_in))) => {
                self.reached.sign_ins += 1;
                self.hands.devices.push(sign_in.device.expose());
                let facts =
                    record.and_then(|it| Some(self.hub.lock().oracle.records.get(&it)?.tenant));
                if let Some(index) = facts {
                    self.hands.sessions.push(((tenant(index), sign_in.account), sign_in.stamp));
                }
            }
            Answer::SignIn(Ok(SignInOutcome::SignedIn(signed_in))) => {
                self.hands.devices.push(signed_in.device.expose());
                if let Kind::SignIn { tenant: at, .. } = kind {
                    self.hands.sessions.push(((tenant(at), signed_in.account), signed_in.stamp));
                }
            }
            Answer::SignIn(Ok(SignInOutcome::MustChange(granted))) => {
                self.reached.forced += 1;
                self.hold_grant(&granted);
            }
            Answer::Change(Ok(ChangeOutcome::Changed(kept))) => {
                self.reached.own_changes += 1;
                self.hands.devices.push(kept.device.expose());
                if let Kind::Change(form) = kind {
                    self.hands.sessions.push((form.who.clone(), form.stamp));
                    self.hands.sessions.push((form.who, kept.stamp));
                }
            }
            Answer::Code(Ok(Assisted::Done(issued))) => {
                if let Kind::Assist { who, .. } = kind {
                    let text = issued.code.expose();
                    self.hands.codes.push(HeldCode { record, who, text });
                }
            }
            Answer::Temporary(Ok(Assisted::Done(set))) => {
                self.reached.temporaries += 1;
                if let Kind::Assist { who, .. } = kind {
                    self.hands.temporaries.push((who, set.password.expose().to_owned()));
                }
            }
            Answer::Freeze(Ok(FreezeOutcome::Frozen)) => self.reached.frozen += 1,
            Answer::Sweep(Ok(removed)) => self.reached.swept += removed as u64,
            _ => {}
        }
    }

    fn hold_grant(&mut self, granted: &Granted) {
        let (record, text) = (granted.grant.record(), granted.grant.expose());
        if !self.hands.grants.iter().any(|(_, other, _)| *other == text) {
            self.hands.grants.push((record, text, String::new()));
        }
    }

    fn hold(&mut self, kind: &Kind, ring: usize, now: Timestamp, token: &FlowToken) {
        let (record, text) = (token.record(), token.expose());
        if let Kind::Open { key: Some(key), tenant, typed, .. } = kind {
            let signing = self.rings[ring].signing();
            // A repeat is one as long as a reset can live; every tenant here has the usual time.
            let lifetime = Limits::default().reset_lifetime().as_micros();
            let turn = i128::from(now.as_micros()) / i128::try_from(lifetime).unwrap();
            let name = format!("{signing:?} {tenant} {} {key} {turn}", typed.as_str());
            let before = self.hands.keyed.insert(name, text.clone());
            if before.is_some_and(|before| before != text) {
                let mut shared = self.hub.lock();
                shared.oracle.violated("I5 a repeated request opens one reset", String::new);
            }
        }
        if !self.hands.resets.iter().any(|(other, _)| *other == record) {
            self.hands.resets.push((record, text));
        }
    }
}
