//! The search: breadth first, each state once for each budget that nothing reached it with more of.

use std::collections::{HashMap, HashSet, VecDeque};

use sspr::{
    domain::Method,
    engine::{
        AssistanceOutcome, ChangeOutcome, FreezeOutcome, RedeemOutcome, Rejection, SendOutcome,
        SignInOutcome, SubmitOutcome, VerifyOutcome,
    },
};

use super::{
    books::Broken,
    calls::{Answer, Call, Typed},
    deeds::{Budget, Deed},
    state::State,
    world::{Setting, World},
};

/// A state, and the stops and faults that are left.
type Key = (u128, u8, u8);

/// Where a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// Nothing has happened.
    Nothing,
    /// A code for each reset is in its mailbox.
    Codes,
    /// The same, after as many wrong tries as an account has in a day, and a second code for the
    /// first reset: one more brings a longer one.
    Tried,
    /// Who can has a grant for each.
    Grants,
    /// Who can has a ticket for the first reset.
    Tickets,
    /// The owner has typed a password that must be changed, and holds a grant.
    Marked,
    /// Staff have handed a code over.
    Assisted,
    /// A thief has changed the password, and the notice is in the owner's mailbox.
    Notified,
    /// The same, and the owner holds a grant too.
    NotifiedAndGranted,
    /// The owner has typed the code of the notice, and holds a grant of a reset that began after that.
    Frozen,
    /// A code by mail is in the mailbox, and a later one on the phone.
    Texted,
    /// As many wrong tries as an account has in a day, of a code by text and of one by mail.
    TriedByText,
    /// The owner holds a grant, by a code on the phone.
    GrantedByText,
}

impl Root {
    /// Where the searches of a setting begin.
    pub fn of(setting: Setting) -> Vec<Self> {
        match setting {
            Setting::Entrances => vec![Self::Nothing, Self::Marked, Self::Assisted],
            Setting::Notified => vec![Self::Notified, Self::NotifiedAndGranted, Self::Frozen],
            Setting::Texted => vec![
                Self::Nothing,
                Self::Codes,
                Self::Texted,
                Self::TriedByText,
                Self::GrantedByText,
            ],
            // Without an outbox nothing is different but the notices.
            Setting::Unqueued => vec![Self::Grants],
            Setting::Alone | Setting::Twice => {
                vec![Self::Nothing, Self::Codes, Self::Tried, Self::Grants, Self::Tickets]
            }
            Setting::Neighbour | Setting::Stranger | Setting::Tenants => {
                vec![Self::Nothing, Self::Codes, Self::Grants, Self::Tickets]
            }
        }
    }

    /// Little can happen at first: from there it goes further.
    pub fn deeds(self, setting: Setting, depth: u8) -> u8 {
        match self {
            // There everything can happen at once.
            Self::Nothing if setting == Setting::Entrances => depth + 1,
            Self::Notified => depth + 1,
            Self::Marked | Self::Assisted | Self::NotifiedAndGranted | Self::Frozen => depth.max(2),
            Self::Nothing if setting == Setting::Texted => depth + 3,
            // Further than this no memory is enough.
            Self::Texted => (depth + 2).min(4),
            Self::TriedByText => depth + 1,
            Self::GrantedByText => depth,
            Self::Nothing => depth + 2,
            Self::Codes | Self::Tried => depth + 1,
            Self::Grants | Self::Tickets => depth,
        }
    }
}

/// Whether from each state the owner must get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Steps,
    LastActToo,
}

pub struct Found {
    pub reached: Reached,
    pub states: HashSet<u128>,
    pub transitions: usize,
    pub broken: Option<(Broken, Vec<Deed>)>,
}

impl State {
    pub fn at(world: &World, root: Root) -> Self {
        let mut state = Self::new(world);
        let session = state.books.session;
        let mut happens = |deed| drop(state.act(world, deed, None).expect("it holds"));
        let whole = |call| Deed::Whole { call, lost: false };
        let (wrong, number, tried) = (Typed::Wrong, 1, 1);
        if matches!(root, Root::Notified | Root::NotifiedAndGranted | Root::Frozen) {
            happens(whole(Call::Change { current: 0, keyed: false, new: 1, stamp: session }));
            happens(whole(Call::Notices));
        }
        if root == Root::Frozen {
            happens(whole(Call::Freeze { right: true }));
        }
        if matches!(root, Root::TriedByText | Root::GrantedByText) {
            let reset = 0;
            happens(whole(Call::Open { reset }));
            happens(whole(Call::Send { by: Some(Method::Sms), reset }));
            happens(whole(Call::Deliver { lost: false, number, reset, tried }));
        }
        if root == Root::GrantedByText {
            let typed = Typed::Mailed { number, reset: 0 };
            happens(whole(Call::Verify { reset: 0, typed }));
        }
        if root == Root::TriedByText {
            let reset = 0;
            (0..2).for_each(|_| happens(whole(Call::Verify { reset, typed: wrong })));
            happens(whole(Call::Send { by: Some(Method::Email), reset }));
            happens(whole(Call::Deliver { lost: false, number: 2, reset, tried }));
            happens(whole(Call::Verify { reset, typed: wrong }));
        }
        let is_bare = matches!(
            root,
            Root::Nothing | Root::Notified | Root::TriedByText | Root::GrantedByText
        );
        for reset in (0..world.resets()).filter(|_| !is_bare) {
            happens(whole(Call::Open { reset }));
            happens(whole(Call::Send { by: None, reset }));
            happens(whole(Call::Deliver { lost: false, number, reset, tried }));
            if root == Root::Texted {
                happens(whole(Call::Send { by: Some(Method::Sms), reset }));
                happens(whole(Call::Deliver { lost: false, number: 2, reset, tried }));
            }
            let grants = matches!(
                root,
                Root::Grants | Root::Tickets | Root::NotifiedAndGranted | Root::Frozen
            );
            if grants && world.reads(reset, reset) {
                happens(whole(Call::Verify { reset, typed: Typed::Mailed { number, reset } }));
                if root == Root::Tickets {
                    happens(whole(Call::Submit { number, password: 1, reset }));
                }
            }
        }
        if root == Root::Marked {
            happens(Deed::Mark { account: 0 });
            happens(whole(Call::SignIn { account: 0, password: 0 }));
        }
        if root == Root::Assisted {
            happens(whole(Call::Issue));
        }
        if root == Root::Tried {
            let reset = 0;
            (0..2).for_each(|_| happens(whole(Call::Verify { reset, typed: wrong })));
            happens(Deed::Clock { minutes: 2 });
            happens(whole(Call::Send { by: None, reset }));
            happens(whole(Call::Deliver { lost: false, number: 2, reset, tried }));
            happens(whole(Call::Verify { reset, typed: wrong }));
        }
        state
    }
}

/// How often a search came to what matters: one that never gets there proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    pub grants: usize,
    pub changes: usize,
    pub sign_ins: usize,
    pub longer: usize,
    pub errors: usize,
    pub kept: usize,
    pub forced: usize,
    pub assisted: usize,
    pub frozen: usize,
    /// Codes that were asked for by text.
    pub texted: usize,
}

impl Reached {
    fn count(&mut self, answer: &Answer) {
        match answer {
            Answer::Change(Ok(ChangeOutcome::Changed(_))) => self.kept += 1,
            Answer::SignIn(Ok(SignInOutcome::MustChange(_))) => self.forced += 1,
            Answer::Enter(Ok(AssistanceOutcome::Granted(_))) => self.assisted += 1,
            Answer::Freeze(Ok(FreezeOutcome::Frozen)) => self.frozen += 1,
            Answer::Send(Ok(SendOutcome::Sent(sent))) if sent.method == Method::Sms => {
                self.texted += 1;
            }
            Answer::Verify(Ok(VerifyOutcome::Granted(_))) => self.grants += 1,
            Answer::Verify(Ok(VerifyOutcome::Rejected(Rejection::LongerCodeSent(_)))) => {
                self.longer += 1;
            }
            Answer::Submit(Ok(SubmitOutcome::Changed(_))) => self.changes += 1,
            Answer::Redeem(Ok(RedeemOutcome::SignIn(_))) => self.sign_ins += 1,
            Answer::Verify(Err(_)) | Answer::Submit(Err(_)) | Answer::Redeem(Err(_)) => {
                self.errors += 1;
            }
            _ => {}
        }
    }

    pub fn add(&mut self, other: Self) {
        self.grants += other.grants;
        self.changes += other.changes;
        self.sign_ins += other.sign_ins;
        self.longer += other.longer;
        self.errors += other.errors;
        self.kept += other.kept;
        self.forced += other.forced;
        self.assisted += other.assisted;
        self.frozen += other.frozen;
        self.texted += other.texted;
    }
}

/// The shortest way to what is broken is found first.
pub fn explore(world: &World, first: State, left: Budget, of: Asked) -> Found {
    let mut seen: HashMap<u128, u16> = HashMap::from([(first.digest(), mask(left))]);
    let mut ways: HashMap<Key, (Key, Deed)> = HashMap::new();
    let (mut edges, mut transitions) = (VecDeque::from([(first, left)]), 0);
    let mut reached = Reached::default();
    while let Some((state, left)) = edges.pop_front() {
        let from = (state.digest(), left.stops, left.faults);
        if of == Asked::LastActToo
            && state.threads.iter().all(|thread| thread.left.is_some())
            && let Err(broken) = state.owner_gets_in(world)
        {
            return Found {
                broken: Some((broken, told(&ways, from))),
                reached,
                states: seen.into_keys().collect(),
                transitions,
            };
        }
        for deed in state.deeds(world, left) {
            let Some(rest) = left.after(deed) else { continue };
            let mut after = state.clone();
            let done = after.act(world, deed, None);
            transitions += 1;
            if let Ok(Some(answer)) = &done {
                reached.count(answer);
            }
            if let Err(broken) = done {
                let mut way = told(&ways, from);
                way.push(deed);
                return Found {
                    broken: Some((broken, way)),
                    reached,
                    states: seen.into_keys().collect(),
                    transitions,
                };
            }
            let to = after.digest();
            let been = seen.entry(to).or_default();
            let (fresh, mine) = (*been & bit(rest) == 0, mask(rest));
            *been |= mine;
            if fresh {
                ways.insert((to, rest.stops, rest.faults), (from, deed));
                let free = rest.deeds > 0 || !after.threads.is_empty();
                if free && rest.deeds == left.deeds {
                    edges.push_front((after, rest));
                } else if free {
                    edges.push_back((after, rest));
                }
            }
        }
    }
    Found { broken: None, reached, states: seen.into_keys().collect(), transitions }
}

/// How a state was reached.
fn told(ways: &HashMap<Key, (Key, Deed)>, mut at: Key) -> Vec<Deed> {
    let mut way = Vec::new();
    while let Some((before, deed)) = ways.get(&at) {
        way.push(*deed);
        at = *before;
    }
    way.reverse();
    way
}

fn bit(left: Budget) -> u16 {
    1 << (left.stops * 4 + left.faults)
}

/// Everything that can be done with this budget, or with less.
fn mask(left: Budget) -> u16 {
    let less =
        (0..=left.stops).flat_map(|stops| (0..=left.faults).map(move |faults| (stops, faults)));
    less.map(|(stops, faults)| bit(Budget { faults, stops, ..left })).fold(0, |all, bit| all | bit)
}
