//! Everything that happens by chance, from one seed.

use std::sync::{Arc, Mutex};

use sspr::ports::{Entropy, EntropyUnavailable};

use super::hub::Hub;

/// SplitMix64: small, fast, the same everywhere. Nothing here is secret.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x5353_5052_5349_4d31)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound.max(1) as u64) as usize
    }

    /// True `per_mille` times in a thousand.
    pub fn often(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() { None } else { list.get(self.below(list.len())) }
    }

    /// One of the last few: what is new is what is alive.
    pub fn recent<'a, T>(&mut self, list: &'a [T], few: usize) -> Option<&'a T> {
        self.pick(&list[list.len().saturating_sub(few)..])
    }
}

/// The engine's randomness, from the seed: whoever knows the seed knows every secret.
#[derive(Clone, Debug)]
pub struct SeededEntropy(Arc<Mutex<Chance>>);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Chance::new(!seed))))
    }
}

/// The randomness of the processes. In a world of twins couriers have their own: nobody sees how much
/// of it they use.
#[derive(Clone)]
pub struct Randomness {
    pub hub: Hub,
    pub requests: SeededEntropy,
    pub couriers: Option<SeededEntropy>,
}

impl std::fmt::Debug for Randomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Randomness(…)")
    }
}

impl Entropy for Randomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        match &self.couriers {
            Some(couriers) if self.hub.is_courier() => couriers.fill(bytes),
            _ => self.requests.fill(bytes),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let mut chance = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            let word = chance.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}
