//! Generators that are wrong in one way each, and right ones: from a fixed seed, so that what is
//! caught once is caught always.

use std::sync::atomic::{AtomicU64, Ordering};

use sspr::ports::{Entropy, EntropyUnavailable};

pub const DIGITS: &[u8] = b"0123456789";
pub const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODES: u64 = 100_000_000;

/// SplitMix64: good bits, no secret.
#[derive(Debug)]
pub struct Seeded {
    state: AtomicU64,
    /// What a generator with a memory kept.
    kept: u64,
}

impl Seeded {
    pub fn new() -> Self {
        Self { kept: 0, state: AtomicU64::new(20_260_101) }
    }

    fn next(&self) -> u64 {
        let before = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut word = before;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// As good as uniform: the bias of 64 bits is below 1e-11.
    fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// One wrong generator: its fault, the figure that must show it, the draws that takes, and itself.
pub type Planted = (&'static str, &'static str, usize, fn(&mut Seeded, &mut Vec<u8>));

fn spell(number: u64, out: &mut Vec<u8>) {
    out.clear();
    out.extend(format!("{number:08}").bytes());
}

fn each(out: &mut Vec<u8>, length: usize, mut symbol: impl FnMut(usize) -> u8) {
    out.clear();
    out.extend((0..length).map(&mut symbol));
}

pub const WRONG_DIGITS: [Planted; 15] = [
    ("32 bits modulo 10^8", "from 2^32 mod 10^8 on", 3_000_000, |seeded, out| {
        spell((seeded.next() >> 32) % CODES, out);
    }),
    ("a byte modulo 10", "symbols at each place", 200_000, |seeded, out| {
        each(out, 8, |_| DIGITS[usize::from(seeded.next().to_le_bytes()[7] % 10)]);
    }),
    ("zeros lost at the front", "not of the format", 100_000, |seeded, out| {
        out.clear();
        out.extend(seeded.below(CODES).to_string().bytes());
    }),
    ("drawn from 10^7 on", "leading zeros", 100_000, |seeded, out| {
        spell(10_000_000 + seeded.below(CODES - 10_000_000), out);
    }),
    ("a space at the front for a zero", "not of the format", 100_000, |seeded, out| {
        out.clear();
        out.extend(format!("{:8}", seeded.below(CODES)).bytes());
    }),
    ("one place is constant", "symbols at each place", 100_000, |seeded, out| {
        spell(seeded.below(CODES) / 10_000 * 10_000 + 7_000 + seeded.below(1000), out);
    }),
    ("the last place is never 9", "the last symbol", 100_000, |seeded, out| {
        spell(seeded.below(CODES / 10) * 10 + seeded.below(9), out);
    }),
    ("the first place is rarely 0", "the first symbol", 200_000, |seeded, out| {
        let number = seeded.below(CODES);
        spell(if number < 1_000_000 { seeded.below(CODES) } else { number }, out);
    }),
    ("no digit follows itself", "neighbours", 100_000, |seeded, out| {
        let mut before = seeded.below(10);
        each(out, 8, |_| {
            before = (before + 1 + seeded.below(9)) % 10;
            DIGITS[before as usize]
        });
    }),
    ("the second half repeats the first", "opposites", 100_000, |seeded, out| {
        let half = seeded.below(10_000);
        spell(half * 10_000 + half, out);
    }),
    ("a million codes at most", "equal pairs", 100_000, |seeded, out| {
        spell(seeded.below(1_000_000) * 7_654_321 % CODES, out);
    }),
    ("close to the one before", "serial correlation", 100_000, |seeded, out| {
        seeded.kept = (seeded.kept + seeded.below(20_000_000)) % CODES;
        spell(seeded.kept, out);
    }),
    ("half of the range sticks", "runs", 100_000, |seeded, out| {
        if seeded.below(10) < 6 {
            spell(seeded.kept / 50_000_000 * 50_000_000 + seeded.below(CODES / 2), out);
        } else {
            spell(seeded.below(CODES), out);
        }
        seeded.kept = std::str::from_utf8(out).unwrap().parse().unwrap();
    }),
    ("two at a time, the smaller first", "ascents", 100_000, |seeded, out| {
        let mut pair = [seeded.below(CODES), seeded.below(CODES)];
        pair.sort_unstable();
        let waits = seeded.kept > 0;
        spell(if waits { seeded.kept } else { pair[0] }, out);
        seeded.kept = if waits { 0 } else { pair[1] };
    }),
    ("a fixed step from the one before", "steps", 100_000, |seeded, out| {
        seeded.kept = (seeded.kept + 38_196_601) % CODES;
        spell(seeded.kept, out);
    }),
];

pub const WRONG_LETTERS: [Planted; 6] = [
    ("a byte modulo 20", "symbols at each place", 200_000, |seeded, out| {
        each(out, 16, |_| LETTERS[usize::from(seeded.next().to_le_bytes()[7] % 20)]);
    }),
    ("the last letter is never drawn", "symbols at each place", 100_000, |seeded, out| {
        each(out, 16, |_| LETTERS[seeded.below(19) as usize]);
    }),
    ("32 bits for eight letters", "the first symbol", 100_000, |seeded, out| {
        let halves = [seeded.next() >> 32, seeded.next() >> 32];
        each(out, 16, |place| {
            let power = 7 - u32::try_from(place % 8).unwrap();
            LETTERS[(halves[place / 8] / 20_u64.pow(power) % 20) as usize]
        });
    }),
    ("one half drawn, written twice", "opposites", 100_000, |seeded, out| {
        let half: Vec<u8> = (0..8).map(|_| LETTERS[seeded.below(20) as usize]).collect();
        each(out, 16, |place| half[place % 8]);
    }),
    ("no letter follows itself", "neighbours", 100_000, |seeded, out| {
        let mut before = seeded.below(20);
        each(out, 16, |_| {
            before = (before + 1 + seeded.below(19)) % 20;
            LETTERS[before as usize]
        });
    }),
    ("fifteen letters", "not of the format", 100_000, |seeded, out| {
        each(out, 15, |_| LETTERS[seeded.below(20) as usize]);
    }),
];
