//! After a full run: no secret in anything logged, any error, event, `Debug` or stored byte.

use crate::support::*;
use sspr::{
    domain::{Code, Grant, Ticket},
    engine::{RedeemOutcome, SignInOutcome, VerifyOutcome},
};

#[test]
fn i10_no_secret_is_in_a_stored_byte_an_event_or_a_debug() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sspr.db");
        let store = sspr::adapters::SqliteStore::open(&file).await.unwrap();
        let world = World::assemble(
            Users::Sqlite(store.users()),
            std::sync::Arc::new(store.codes()),
            sspr::adapters::MemoryPolicies::fixed(
                sspr::TenantPolicy::customers("contoso").unwrap(),
            ),
            sspr::Keyring::generate(&sspr::adapters::SystemEntropy::new()).unwrap(),
            sspr::adapters::ManualClock::new(sspr::domain::Timestamp::from_micros(
                1_800_000_000_000_000,
            )),
            None,
        );
        world.add("ada@example.com", "ada").await;
        world.offer_freezes();
        let logged = Logged::default();
        let _guard = tracing::subscriber::set_default(logged.clone());
        let mut debugs = Vec::new();
        let mut secrets = vec![OLD.to_owned(), NEW.to_owned()];

        let typed = "stranger.with.a.name@example.com";
        let foreign = world.started(typed, &client(7)).await;
        let (token, code) = world.started_with_code().await;
        let wrong = world.verify(&token, &other_than(&code)).await;
        let VerifyOutcome::Granted(granted) = world.verify(&token, &code).await else { panic!() };
        debugs.push(format!("{foreign:?} {token:?} {code:?} {wrong:?} {granted:?}"));
        let weak = world.submit(&granted.grant, "passwordpassword").await;
        let ticket: Ticket = world.changed(&granted.grant, NEW).await;
        let redeemed = world.redeem(&ticket).await;
        let RedeemOutcome::SignIn(signed_in) = &redeemed else { panic!() };
        secrets.push(signed_in.device.expose());
        debugs.push(format!("{weak:?} {ticket:?} {redeemed:?}"));
        let signed = world.sign_in("ada@example.com", NEW).await;
        let SignInOutcome::SignedIn(it) = &signed else { panic!() };
        secrets.push(it.device.expose());
        debugs.push(format!("{signed:?} {:?} {:?}", request("ada@example.com"), world.keys));
        world.courier.drain(&world.inbox).await;
        debugs.push(format!("{:?} {:?}", world.inbox.messages(), world.account("ada").await));
        debugs.push(format!("{:?} {:?} {:?}", world.sspr, world.courier, world.events.all()));
        let freezing = world.freeze_code("ada@example.com").await.unwrap();
        let frozen = world.freeze(&freezing).await;
        debugs.push(format!("{freezing:?} {frozen:?} {:?}", world.account("ada").await));
        debugs.push(format!("{:?}", world.events.all()));
        secrets.extend([freezing.expose(), freezing.expose().replace('-', "")]);
        for bad in ["zzz", "secret-that-was-typed"] {
            debugs.push(format!("{:?} {:?}", Code::parse(bad), Grant::parse(bad)));
            debugs.push(format!("{}", Grant::parse(bad).unwrap_err()));
        }
        secrets.extend([code.expose(), token.expose(), granted.grant.expose(), ticket.expose()]);
        secrets.push(foreign.expose());
        drop(world);
        drop(store);

        let lines = logged.0.lock().unwrap().clone();
        assert!(lines.len() > 8, "the run was logged");
        debugs.extend(lines);
        let words = debugs.join("\n");
        for secret in
            secrets.iter().map(String::as_str).chain(["ada@example.com", typed, "secret-that"])
        {
            assert!(!words.contains(secret), "a Debug or event shows {secret:.6}…");
        }
        let mut bytes = std::fs::read(&file).unwrap();
        for more in ["db-wal", "db-shm"] {
            bytes.extend(std::fs::read(file.with_extension(more)).unwrap_or_default());
        }
        for secret in &secrets {
            assert!(!contains(&bytes, secret.as_bytes()), "stored: {secret:.6}…");
            if let Ok(raw) = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(secret)
            {
                // The record's id opens the token and is stored; the secret part is not.
                assert!(
                    raw.len() < 64 || !contains(&bytes, &raw[32..64]),
                    "stored raw: {secret:.6}…"
                );
            }
        }
        assert!(!contains(&bytes, typed.as_bytes()), "a typed address rests only sealed");
        let records = rusqlite::Connection::open(&file).unwrap();
        let mut records = records.prepare("SELECT body FROM sspr_record").unwrap();
        let bodies = records.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let bodies: Vec<Vec<u8>> = bodies.map(Result::unwrap).collect();
        assert!(bodies.len() > 3, "a code of a notice has a record");
        for body in &bodies {
            assert!(!contains(body, b"ada"), "an account or an address rests only sealed");
        }
    });
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Logged(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::field::Visit for Logged {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().push(format!("{field} = {value:?}"));
    }
}

impl tracing::Subscriber for Logged {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
