//! Interleavings of the courier with a person who asks for a code, over the stores in memory.

use std::sync::{
    Mutex,
    atomic::{AtomicU8, Ordering},
};

use futures_channel::oneshot;

use crate::{
    Keyring, Sspr, TenantPolicy,
    adapters::{CaptureSender, MemoryCodes, MemoryPolicies, MemoryUsers},
    domain::{
        Account, AccountId, Application, EmailAddress, Entropy, EntropyUnavailable, PasswordHash,
        Stamp, TenantId, Timestamp,
    },
    engine::{Client, Request, StartOutcome},
    mail::EmailMessage,
    ports::{Clock, EmailSender, SendError, Sleep},
    sync::{Model, block_on, explore_bounded},
};

/// A clock that stands still, so that it wakes nobody.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep {
        if instant <= self.now() {
            Box::pin(std::future::ready(()))
        } else {
            Box::pin(std::future::pending())
        }
    }
}

/// A sender that tells the user about each mail. It has one channel for each mail.
struct Telling(CaptureSender, Mutex<Vec<oneshot::Sender<()>>>);

#[async_trait::async_trait]
impl EmailSender for Telling {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        self.0.send(message).await?;
        let told = self.1.lock().unwrap().pop();
        told.map_or(Ok(()), |told| Ok(told.send(()).unwrap_or_default()))
    }
}

/// Numbers that are the same in every interleaving. They turn the random pause before a mail into
/// no pause.
#[derive(Debug, Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }

    /// Returns a whole number of hours in microseconds.
    fn word(&self) -> Result<u64, EntropyUnavailable> {
        let hours = u64::from(self.0.fetch_add(1, Ordering::Relaxed)) * 15_485_863;
        Ok(hours * 3_600_000_000)
    }
}

#[test]
fn what_is_asked_for_while_the_courier_goes_to_sleep_is_mailed_and_the_courier_ends() {
    let address = || EmailAddress::parse("ada@x.example").unwrap();
    let tenant = || TenantId::parse("contoso").unwrap();
    let seen = explore_bounded(move || {
        let (users, inbox) = (MemoryUsers::new(), CaptureSender::new());
        let id = AccountId::parse("ada").unwrap();
        let mut account = Account::new(id, address(), Stamp::from_bytes([0; 16]));
        account.password =
            Some(PasswordHash::parse("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA").unwrap());
        users.insert(&tenant(), account);
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&Counting::default()).unwrap();
        let builder = Sspr::builder(users, MemoryCodes::with_capacity(64, 64), policies, keys);
        let builder = builder.with_clock(Still).with_entropy(Counting::default());
        let (sspr, courier) = builder.build();
        let (told, mailed): (Vec<_>, Vec<_>) = (0..2).map(|_| oneshot::channel()).unzip();
        let sender = Telling(inbox.clone(), Mutex::new(told));
        Model {
            threads: vec![
                Box::new(move || {
                    block_on(courier.run(sender));
                    "all mailed"
                }),
                Box::new(move || {
                    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
                    let request = Request::new(&shop, address());
                    for mailed in mailed.into_iter().rev() {
                        match block_on(sspr.start(&request, &Client::unknown())).unwrap() {
                            StartOutcome::Started(_) => {}
                            other => panic!("{other:?}"),
                        }
                        // The handle stays alive, so that only the push can wake the courier.
                        block_on(mailed).unwrap();
                    }
                    drop(sspr);
                    "started"
                }),
            ],
            end: Box::new(move || inbox.messages().len()),
        }
    });

    assert_eq!(seen, [(vec!["all mailed", "started"], 2)].into());
}
