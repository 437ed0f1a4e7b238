//! Hashes on file: what a store holds is verified or refused, and what is made here verifies.
#![no_main]

use std::sync::LazyLock;

use fuzz::fuzz_text;
use sspr::{
    adapters::Argon2Pool,
    domain::{Password, PasswordHash},
    ports::{HashError, PasswordHasher as _, HashQueue, PasswordMatch},
};

static POOL: LazyLock<(tokio::runtime::Runtime, Argon2Pool)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (runtime, Argon2Pool::new().with_threads(1).with_parameters(8, 1, 1).unwrap())
});

/// Whether a hash may ask for more work than one input is worth here. The pool's own cap is what
/// unit tests hold; below it everything is computed.
fn is_dear(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() > 2);
    numbers
        .filter_map(|digits| digits.parse::<u64>().ok())
        .any(|number| (256..200_000).contains(&number))
}

fuzz_text!(|text| {
    let (runtime, pool) = &*POOL;
    let (typed, stored) = text.split_once('\n').unwrap_or(("a password", text));
    let Ok(password) = Password::parse(typed) else { return };
    if let Ok(hash) = PasswordHash::parse(stored) {
        assert_eq!(hash.expose(), stored);
        assert!(stored.len() <= 512 && stored.starts_with('$') && stored.is_ascii());
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
        if !is_dear(stored) {
            let verdict = runtime.block_on(pool.verify(password, hash, HashQueue::SignIn));
            let known = matches!(
                verdict,
                Ok(PasswordMatch::Match | PasswordMatch::MatchOutdated | PasswordMatch::Mismatch)
                    | Err(HashError::Unsupported)
            );
            assert!(known, "{verdict:?}");
        }
        return;
    }
    runtime.block_on(async {
        let hash = pool.hash(password, HashQueue::Submit).await.unwrap();
        assert_eq!(PasswordHash::parse(hash.expose()).as_ref(), Ok(&hash));
        let again = Password::parse(typed).unwrap();
        let right = pool.verify(again, hash.clone(), HashQueue::SignIn).await;
        assert_eq!(right, Ok(PasswordMatch::Match));
        let other = Password::parse(&format!("x{typed}"));
        if let Ok(other) = other {
            let wrong = pool.verify(other, hash, HashQueue::SignIn).await;
            assert_eq!(wrong, Ok(PasswordMatch::Mismatch));
        }
    });
});
