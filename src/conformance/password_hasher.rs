//! The suite for password hashers. They tell right passwords from wrong ones, and a tampered row
//! costs no work.

use std::sync::Arc;

use super::{
    case_result::{CaseResult, Violation, hold, same},
    clauses,
};
use crate::{
    domain::{Digest, Password, PasswordHash},
    ports::{HashError, HashQueue, PasswordHasher, PasswordMatch as Answer},
};

clauses! {
    /// One clause of the password hasher's contract.
    PasswordHasherCase over PasswordHasherBench;
    /// Makes one test for each clause of the password hasher's contract. The argument is a function
    /// from [`PasswordHasherCase`](crate::conformance::PasswordHasherCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    password_hasher_conformance;
    in self:
        the_right_password_matches_and_a_wrong_one_does_not
        every_character_counts
        each_hash_has_a_salt_of_its_own
        both_queues_serve
        a_hash_that_asks_for_gigabytes_is_refused_unworked
        a_hash_of_another_kind_is_refused
        a_dummy_does_its_work_and_answers_nothing;
}

/// A hasher under test.
#[derive(Clone)]
pub struct PasswordHasherBench(Arc<dyn PasswordHasher>);

impl core::fmt::Debug for PasswordHasherBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PasswordHasherBench")
    }
}

impl PasswordHasherBench {
    /// Creates a bench for a hasher.
    #[must_use]
    pub fn new(hasher: impl PasswordHasher + 'static) -> Self {
        Self(Arc::new(hasher))
    }

    async fn hash(&self, text: &str) -> Result<PasswordHash, Violation> {
        self.0.hash(password(text)?, HashQueue::Submit).await.map_err(Violation::of)
    }

    async fn verify(&self, text: &str, hash: &PasswordHash) -> Result<Answer, Violation> {
        let verified = self.0.verify(password(text)?, hash.clone(), HashQueue::SignIn).await;
        verified.map_err(Violation::of)
    }
}

fn password(text: &str) -> Result<Password, Violation> {
    Password::parse(text).map_err(Violation::of)
}

async fn the_right_password_matches_and_a_wrong_one_does_not(
    bench: &PasswordHasherBench,
) -> CaseResult {
    let hash = bench.hash("four unrelated words").await?;
    same("the right one", bench.verify("four unrelated words", &hash).await?, Answer::Match)?;
    for wrong in ["four unrelated word", "four unrelated words ", "Four unrelated words", "x"] {
        same("a wrong one", bench.verify(wrong, &hash).await?, Answer::Mismatch)?;
    }
    Ok(())
}

async fn every_character_counts(bench: &PasswordHasherBench) -> CaseResult {
    // bcrypt ignores everything after 72 bytes, and a hasher must not do so.
    let long = "a".repeat(255);
    let (right, wrong) = (format!("{long}b"), format!("{long}c"));
    let hash = bench.hash(&right).await?;
    same("256 characters", bench.verify(&right, &hash).await?, Answer::Match)?;
    same("another last character", bench.verify(&wrong, &hash).await?, Answer::Mismatch)
}

async fn each_hash_has_a_salt_of_its_own(bench: &PasswordHasherBench) -> CaseResult {
    let (one, two) = (bench.hash("the same").await?, bench.hash("the same").await?);
    hold(one != two, || "two hashes of one password are equal".to_owned())
}

async fn both_queues_serve(bench: &PasswordHasherBench) -> CaseResult {
    for queue in [HashQueue::SignIn, HashQueue::Submit] {
        let hash = bench.0.hash(password("shared")?, queue).await.map_err(Violation::of)?;
        let verified = bench.0.verify(password("shared")?, hash, queue).await;
        same("verified", verified.map_err(Violation::of)?, Answer::Match)?;
    }
    Ok(())
}

async fn a_hash_that_asks_for_gigabytes_is_refused_unworked(
    bench: &PasswordHasherBench,
) -> CaseResult {
    let tail = "c29tZXNhbHRzb21lc2FsdA$MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA";
    for work in ["m=4194304,t=1,p=1", "m=65536,t=100000,p=1", "m=1048576,t=3,p=255"] {
        let hash = PasswordHash::parse(&format!("$argon2id$v=19${work}${tail}"));
        let hash = hash.map_err(Violation::of)?;
        let answer = bench.0.verify(password("any")?, hash, HashQueue::SignIn).await;
        same(work, answer, Err(HashError::Unsupported))?;
    }
    Ok(())
}

async fn a_hash_of_another_kind_is_refused(bench: &PasswordHasherBench) -> CaseResult {
    for foreign in ["$unknown$x", "$", "$argon2id$", "$5$salt$hash"] {
        let hash = PasswordHash::parse(foreign).map_err(Violation::of)?;
        let answer = bench.0.verify(password("any")?, hash, HashQueue::SignIn).await;
        same(foreign, answer, Err(HashError::Unsupported))?;
    }
    Ok(())
}

async fn a_dummy_does_its_work_and_answers_nothing(bench: &PasswordHasherBench) -> CaseResult {
    let seed = Digest::from_bytes([7; 32]);
    let dummy = bench.0.verify_dummy(password("any")?, seed, HashQueue::SignIn).await;
    same("a dummy", dummy, Ok(()))
}
