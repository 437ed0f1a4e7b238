//! What can be asked of the engine, and how far a call has come.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use futures_util::FutureExt;
use sspr::{
    Application, Courier, Error, Sspr,
    domain::{ActorId, Code, FlowToken, Grant, Method, Password, Stamp, Ticket, Timestamp},
    engine::{
        AssistanceCode, AssistanceOutcome, Assisted, ChangeOutcome, Client, Context, Drained,
        FreezeOutcome, OpenOutcome, RedeemOutcome, Request, RequestKey, SendOutcome, Session,
        SignInOutcome, SubmitOutcome, VerifyOutcome,
    },
};

use super::{
    books::{ASSISTED, Books, Noted},
    defects::Defect,
    desk::Desk,
    state::State,
    tape::{Env, Fate, Played, Tape},
    world::{PASSWORDS, World},
};
use crate::simulation::founding::{address, tenant};

const WRONG: &str = "00000000";
/// A code of letters that no notice carries.
const OTHER: &str = "BBBB-BBBB-BBBB-BBBB";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Open {
        reset: u8,
    },
    /// A code is asked for, where there is a choice in one way.
    Send {
        reset: u8,
        by: Option<Method>,
    },
    Verify {
        reset: u8,
        typed: Typed,
    },
    Submit {
        reset: u8,
        number: u32,
        password: u8,
    },
    Redeem {
        reset: u8,
        number: u32,
    },
    SignIn {
        account: u8,
        password: u8,
    },
    /// A session with this stamp changes the password, once for each form if it has a key.
    Change {
        stamp: [u8; 16],
        current: u8,
        new: u8,
        keyed: bool,
    },
    /// Staff make a code for the owner.
    Issue,
    /// The code of staff is typed, with the owner's address or with another one.
    Enter {
        foreign: bool,
    },
    /// The code of the notice is typed, or another one.
    Freeze {
        right: bool,
    },
    /// The courier handles a job; the mail may be lost on its way.
    Deliver {
        reset: u8,
        number: u32,
        tried: u8,
        lost: bool,
    },
    /// The courier looks after the outbox.
    Notices,
    /// The courier handles the notices of a change that no outbox keeps.
    Tell {
        reset: u8,
        tried: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Typed {
    /// What that reset's send of that number brought.
    Mailed {
        reset: u8,
        number: u32,
    },
    Wrong,
}

#[derive(Debug)]
pub enum Answer {
    Open(Result<OpenOutcome, Error>),
    Send(Result<SendOutcome, Error>),
    Verify(Result<VerifyOutcome, Error>),
    Submit(Result<SubmitOutcome, Error>),
    Redeem(Result<RedeemOutcome, Error>),
    SignIn(Result<SignInOutcome, Error>),
    Change(Result<ChangeOutcome, Error>),
    Issue(Result<Assisted<AssistanceCode>, Error>),
    Enter(Result<AssistanceOutcome, Error>),
    Freeze(Result<FreezeOutcome, Error>),
    Courier(Drained),
}

impl Call {
    /// Which waiting job it handles.
    pub fn handles(self) -> Option<Option<u32>> {
        match self {
            Self::Deliver { number, .. } => Some(Some(number)),
            Self::Tell { .. } => Some(None),
            _ => None,
        }
    }

    /// Which reset it is about.
    pub fn reset(self) -> Option<u8> {
        match self {
            Self::Open { reset }
            | Self::Send { reset, .. }
            | Self::Verify { reset, .. }
            | Self::Submit { reset, .. }
            | Self::Redeem { reset, .. }
            | Self::Deliver { reset, .. }
            | Self::Tell { reset, .. } => Some(reset),
            Self::Enter { .. } => Some(ASSISTED),
            Self::Change { .. }
            | Self::Freeze { .. }
            | Self::Issue
            | Self::Notices
            | Self::SignIn { .. } => None,
        }
    }

    /// What the call draws: the same for the same call, so that equal states are equal.
    pub fn seed(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Whether the mail will be lost must not show in the code.
        match self {
            Self::Deliver { reset, number, tried, .. } => {
                Self::Deliver { lost: false, number, reset, tried }.hash(&mut hasher);
            }
            _ => self.hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// A call under way.
#[derive(Clone)]
pub struct Thread {
    pub call: Call,
    /// What its process has in its memory.
    pub history: Vec<Arc<Played>>,
    pub tape: Tape,
    /// The time when it began, and the latest that its reset had seen by then.
    pub began: Timestamp,
    pub touched: Timestamp,
    /// What held at some time since it began, and what held all the time.
    pub ever: u8,
    pub always: u8,
    pub noted: Noted,
    /// From its beginning to its end nothing else happens.
    pub at_once: bool,
    /// When its caller left; its next port call may still happen.
    pub left: Option<Env>,
    /// Whether the clock has gone on since then: the courier waits for a minute.
    pub is_late: bool,
    /// How many mails its process has in its memory.
    pub depth: usize,
}

impl Thread {
    /// Goes on for so many port calls; answers when it has ended.
    pub fn run(
        &mut self,
        world: &World,
        state: &mut State,
        allowed: usize,
        fate: Fate,
        asked: Option<&mut Vec<String>>,
    ) -> Option<Answer> {
        let desk = &world.desk;
        {
            let mut inner = desk.lock();
            inner.env = state.env;
            inner.stores = std::mem::take(&mut state.stores);
            inner.books = std::mem::take(&mut state.books);
        }
        let process = world.process(matches!(self.call, Call::Notices));
        self.history.iter().for_each(|played| replay(&process, played, desk));
        desk.play(self.call, self.tape.clone(), allowed, fate);
        {
            let mut inner = desk.lock();
            (inner.noted, inner.began) = (self.noted, self.began);
            inner.asked = asked.is_some().then(Vec::new);
        }
        let answer = perform(&process, self.call, desk).now_or_never();
        self.depth = process.0.queue_depth();
        drop(process);
        let mut inner = desk.lock();
        inner.told();
        self.noted = inner.noted;
        self.tape = inner.tape.clone();
        state.stores = std::mem::take(&mut inner.stores);
        state.books = std::mem::take(&mut inner.books);
        if let (Some(all), Some(asked)) = (asked, inner.asked.take()) {
            all.extend(asked);
        }
        answer
    }
}

impl Played {
    /// How many mails it leaves in its process's memory.
    pub fn depth(&self, world: &World, state: &mut State) -> usize {
        let desk = &world.desk;
        {
            let mut inner = desk.lock();
            inner.env = state.env;
            inner.books = std::mem::take(&mut state.books);
        }
        let process = world.process(false);
        replay(&process, self, desk);
        let depth = process.0.queue_depth();
        drop(process);
        state.books = std::mem::take(&mut desk.lock().books);
        depth
    }
}

/// Brings a process to where a call left it.
fn replay(process: &(Sspr, Courier), played: &Played, desk: &Desk) {
    desk.play(played.call, played.tape.clone(), 0, Fate::Answered);
    let mut again = Box::pin(perform(process, played.call, desk));
    let has_ended = (&mut again).now_or_never().is_some();
    let call = played.call;
    let is_same = has_ended || played.left.is_some();
    assert!(is_same, "{call:?} is another one when it is played again");
    if let Some(env) = played.left {
        desk.lock().tape.then = env;
    }
}

impl Hash for Thread {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.left, self.is_late, self.history.first().and_then(|played| played.left)).hash(state);
        (self.call, self.tape.digest, self.tape.then, self.began, self.touched).hash(state);
        (self.ever, self.always, self.noted).hash(state);
        self.history.iter().skip(1).for_each(|played| played.tape.digest.hash(state));
    }
}

async fn perform((sspr, courier): &(Sspr, Courier), call: Call, desk: &Desk) -> Answer {
    let (client, world) = (Client::unknown(), desk.lock().world.clone());
    let books = |read: &dyn Fn(&Books) -> Option<Arc<str>>| read(&desk.lock().books).unwrap();
    let token = |reset: u8| {
        let text =
            books(&|books| Some(books.resets[usize::from(reset)].token.as_ref()?.text.clone()));
        FlowToken::parse(&text).unwrap()
    };
    match call {
        Call::Open { reset } => {
            let (_, index, typed) = world.typed(reset);
            let mut request = request(index, typed);
            if world.is(Defect::AddressInContext) {
                request = request.with_context(Context::new(typed.as_bytes()).unwrap());
            }
            Answer::Open(sspr.open(&request, &client).await)
        }
        Call::Send { reset, by } => Answer::Send(match by {
            Some(by) => sspr.send_by(&token(reset), by, &client).await,
            None => sspr.send(&token(reset), &client).await,
        }),
        Call::Verify { reset, typed } => {
            let code = match typed {
                Typed::Mailed { reset, number } => {
                    books(&|books| books.bind(reset, number)?.code.clone())
                }
                Typed::Wrong => Arc::from(WRONG),
            };
            let code = Code::parse(&code).unwrap();
            Answer::Verify(sspr.verify(&token(reset), &code, &client).await)
        }
        Call::Submit { reset, number, password } => {
            let text =
                books(&|books| Some(books.bind(reset, number)?.grant.as_ref()?.text.clone()));
            let password = Password::parse(PASSWORDS[usize::from(password)]).unwrap();
            let grant = Grant::parse(&text).unwrap();
            Answer::Submit(sspr.submit(&grant, &password, &client).await)
        }
        Call::Redeem { reset, number } => {
            let text =
                books(&|books| Some(books.bind(reset, number)?.ticket.as_ref()?.text.clone()));
            Answer::Redeem(sspr.redeem(&Ticket::parse(&text).unwrap()).await)
        }
        Call::SignIn { account, password } => {
            let reset = if account == 0 { 2 } else { 1 };
            let (_, index, typed) = world.typed(reset);
            let password = Password::parse(PASSWORDS[usize::from(password)]).unwrap();
            Answer::SignIn(sspr.sign_in(&request(index, typed), &password, &client).await)
        }
        Call::Change { stamp, current, new, keyed } => {
            let ada = desk.lock().stores.accounts[0].1.id.clone();
            let session = Session::new(&shop(0), ada, Stamp::from_bytes(stamp));
            let key = || RequestKey::from_bytes([7; 32]);
            let session = if keyed { session.with_key(key()) } else { session };
            let [current, new] =
                [current, new].map(|index| Password::parse(PASSWORDS[usize::from(index)]).unwrap());
            Answer::Change(sspr.change(&session, &current, &new, &client).await)
        }
        Call::Issue => {
            let ada = desk.lock().stores.accounts[0].1.id.clone();
            let staff = sspr.help_desk(ActorId::parse("staff-17").unwrap());
            Answer::Issue(staff.assistance_code(&shop(0), &ada).await)
        }
        Call::Enter { foreign } => {
            let code = books(&|books| books.bind(ASSISTED, 0)?.code.clone());
            let code = Code::parse(&code).unwrap();
            let typed = if foreign { "eve@example.com" } else { "ada@example.com" };
            Answer::Enter(sspr.enter_assistance_code(&request(0, typed), &code, &client).await)
        }
        Call::Freeze { right } => {
            let code = books(&|books| books.notice.as_ref()?.code.clone());
            let code = if right { Code::parse(&code) } else { Code::parse(OTHER) };
            Answer::Freeze(sspr.freeze(&shop(0), &code.unwrap(), &client).await)
        }
        Call::Deliver { .. } | Call::Notices | Call::Tell { .. } => {
            Answer::Courier(courier.drain(desk).await)
        }
    }
}

fn request(index: usize, typed: &str) -> Request {
    Request::new(&shop(index), address(typed))
}

fn shop(index: usize) -> Application {
    Application::new(tenant(index).as_str(), "sign-in", "shop").unwrap()
}
