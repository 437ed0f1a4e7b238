//! What must be possible from every state: the owner, who reads the mailbox, gets in.

use sspr::engine::{RedeemOutcome, SendOutcome, SignInOutcome};

use super::{
    books::Broken,
    calls::{Answer, Call, Typed},
    deeds::Deed,
    state::State,
    world::{PASSWORDS, World},
};
use crate::simulation::founding::plain;

const RESET: u8 = 2;

impl State {
    /// The administrator lets the owner reset; nothing else happens any more, and no clock moves.
    pub fn owner_gets_in(&self, world: &World) -> Result<(), Broken> {
        let mut state = Self { jobs: Vec::new(), threads: Vec::new(), ..self.clone() };
        state.books.untold = 0;
        let (account, tenant, _) = world.typed(RESET);
        state.act(world, Deed::Policy { tenant, to: 0 }, None)?;
        if state.stores.accounts[account].1.disabled {
            state.act(world, Deed::Disable { account }, None)?;
        }
        state.whole(world, Call::Open { reset: RESET })?;
        let sent = state.whole(world, Call::Send { by: None, reset: RESET })?;
        if !matches!(sent, Some(Answer::Send(Ok(SendOutcome::Sent(_))))) {
            return Err(Broken::I12DoorClosed);
        }
        // A short code past its cap is answered with a longer one.
        for number in 1..=2 {
            let tried = 1;
            state.whole(world, Call::Deliver { lost: false, number, reset: RESET, tried })?;
            if state.books.bind(RESET, number).is_none_or(|bind| bind.code.is_none()) {
                return Err(Broken::I12DoorClosed);
            }
            let typed = Typed::Mailed { number, reset: RESET };
            state.whole(world, Call::Verify { reset: RESET, typed })?;
            if state.books.bind(RESET, number).is_some_and(|bind| bind.grant_held) {
                return state.changes_and_signs_in(world, number);
            }
            if state.jobs.is_empty() {
                break;
            }
        }
        Err(Broken::I12DoorClosed)
    }

    fn changes_and_signs_in(&mut self, world: &World, number: u32) -> Result<(), Broken> {
        // Whoever must change the password cannot keep it.
        let on_file = &self.stores.accounts[0].1.password;
        let password = if *on_file == Some(plain(PASSWORDS[2])) { 1 } else { 2 };
        self.whole(world, Call::Submit { number, password, reset: RESET })?;
        if self.books.bind(RESET, number).is_none_or(|bind| !bind.ticket_held) {
            return Err(Broken::I12DoorClosed);
        }
        let redeemed = self.whole(world, Call::Redeem { number, reset: RESET })?;
        let signed_in = self.whole(world, Call::SignIn { account: 0, password })?;
        match (redeemed, signed_in) {
            (
                Some(Answer::Redeem(Ok(RedeemOutcome::SignIn(_)))),
                Some(Answer::SignIn(Ok(SignInOutcome::SignedIn(_)))),
            ) => Ok(()),
            _ => Err(Broken::I12DoorClosed),
        }
    }

    fn whole(&mut self, world: &World, call: Call) -> Result<Option<Answer>, Broken> {
        self.act(world, Deed::Whole { call, lost: false }, None)
    }
}
