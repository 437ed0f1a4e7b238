//! Random numbers that the operating system seeds.

use std::cell::{Cell, RefCell};

use rand::{Rng, SeedableRng, rngs::StdRng, rngs::SysRng};

use crate::domain::{Entropy, EntropyUnavailable};

/// The number of bytes from one seed, after which a thread asks the system for another seed.
const RESEED_AFTER: usize = 64 * 1024;

/// A ChaCha12 generator in each thread. The operating system seeds it, and seeds it again after
/// every 64 KiB.
///
/// If the system gives no seed, the generator fails instead of continuing with its old state. Do
/// not fork without `exec`, because the child process shares its parent's state.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy(());

struct Seeded {
    generator: StdRng,
    left: usize,
}

/// The number of words that are drawn at once, so that most calls only take a word that is ready.
const READY: usize = 32;

/// Drawn words. Each word is wiped when it is taken.
struct Ready {
    words: [Cell<u64>; READY],
    next: Cell<usize>,
}

thread_local! {
    static SEEDED: RefCell<Option<Seeded>> = const { RefCell::new(None) };
    static WORDS: Ready =
        const { Ready { next: Cell::new(READY), words: [const { Cell::new(0) }; READY] } };
}

impl SystemEntropy {
    /// Creates a source of the system's randomness.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        with(bytes.len(), |generator| generator.fill_bytes(bytes))
    }

    #[inline]
    fn word(&self) -> Result<u64, EntropyUnavailable> {
        WORDS.with(|ready| {
            let next = ready.next.get();
            let Some(word) = ready.words.get(next) else { return ready.refill() };
            ready.next.set(next + 1);
            Ok(word.take())
        })
    }
}

impl Ready {
    /// Draws new words, and returns the first one.
    #[cold]
    fn refill(&self) -> Result<u64, EntropyUnavailable> {
        with(8 * READY, |generator| {
            self.words.iter().for_each(|word| word.set(generator.next_u64()));
            self.next.set(1);
            self.words.first().map_or(0, Cell::take)
        })
    }
}

#[inline]
fn with<T>(length: usize, draw: impl FnOnce(&mut StdRng) -> T) -> Result<T, EntropyUnavailable> {
    let drawn = SEEDED.try_with(|slot| {
        let slot = &mut *slot.borrow_mut();
        if let Some(seeded) = slot
            && seeded.left >= length
        {
            seeded.left -= length;
            return Ok(draw(&mut seeded.generator));
        }
        let seeded = slot.insert(seed(length)?);
        Ok(draw(&mut seeded.generator))
    });
    // A thread that is ending has no generator any more.
    drawn.unwrap_or(Err(EntropyUnavailable::new()))
}

#[cold]
fn seed(length: usize) -> Result<Seeded, EntropyUnavailable> {
    let generator = StdRng::try_from_rng(&mut SysRng).map_err(|_| EntropyUnavailable::new())?;
    Ok(Seeded { generator, left: RESEED_AFTER.saturating_sub(length) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Code, CodeFormat};

    /// Returns the chi-square statistic of one symbol position.
    fn chi_square(counts: &[u32]) -> f64 {
        let total: u32 = counts.iter().sum();
        let expected = f64::from(total) / f64::from(u32::try_from(counts.len()).unwrap());
        counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
    }

    fn draws(format: CodeFormat, symbols: &str) -> Vec<f64> {
        let length = format.length();
        let mut counts = vec![vec![0_u32; symbols.len()]; length];
        for _ in 0..100_000 {
            let text = Code::generate(format, &SystemEntropy::new()).unwrap().expose();
            for (place, symbol) in text.chars().filter(|c| *c != '-').enumerate() {
                counts[place][symbols.find(symbol).unwrap()] += 1;
            }
        }
        counts.iter().map(|counts| chi_square(counts)).collect()
    }

    #[test]
    fn every_symbol_is_equally_likely_at_every_place() {
        // The critical values at p = 1e-6 for 9 and 19 degrees of freedom.
        assert!(draws(CodeFormat::Digits, "0123456789").iter().all(|chi| *chi < 45.97));
        assert!(draws(CodeFormat::Letters, "BCDFGHJKLMNPQRSTVWXZ").iter().all(|chi| *chi < 63.6));
    }

    #[test]
    fn words_never_repeat_and_are_wiped_as_they_are_taken() {
        let mut words: Vec<u64> =
            (0..10 * READY + 1).map(|_| SystemEntropy::new().word().unwrap()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 10 * READY + 1);
        WORDS.with(|ready| {
            let (taken, left) = ready.words.split_at(ready.next.get());
            assert!(taken.iter().all(|word| word.get() == 0));
            assert!(left.iter().all(|word| word.get() != 0));
        });
    }

    #[test]
    fn a_long_draw_and_many_short_ones_never_repeat() {
        let mut long = vec![0; 3 * RESEED_AFTER];
        SystemEntropy::new().fill(&mut long).unwrap();
        let mut words: Vec<&[u8]> = long.chunks(8).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 3 * RESEED_AFTER / 8);
    }

    #[test]
    fn words_that_are_drawn_ahead_count_towards_the_next_seed() {
        let left = || SEEDED.with(|slot| slot.borrow().as_ref().map(|seeded| seeded.left));
        let counted = std::thread::spawn(move || {
            SystemEntropy::new().fill(&mut [0; 8]).unwrap();
            let before = left();
            SystemEntropy::new().word().unwrap();
            (before, left())
        });
        let begun = 65_536 - 8;
        assert_eq!(counted.join().unwrap(), (Some(begun), Some(begun - 8 * READY)));
    }
}
