//! A wide digest, fast enough for millions of states. Not for anybody who wants it to collide.

use std::hash::Hasher;

/// Two lanes, each folded by a multiplication of its own.
#[derive(Default)]
pub struct Wide {
    one: u64,
    other: u64,
    length: u64,
}

impl Wide {
    pub fn whole(&self) -> u128 {
        let last = |lane: u64, key| fold(fold(lane ^ self.length, key), !key);
        u128::from(last(self.one, ONE)) << 64 | u128::from(last(self.other, OTHER))
    }

    fn word(&mut self, word: u64) {
        self.one = fold(self.one ^ word, ONE);
        self.other = fold(self.other.rotate_left(23) ^ word, OTHER);
    }
}

impl Hasher for Wide {
    fn finish(&self) -> u64 {
        self.whole() as u64
    }

    fn write(&mut self, bytes: &[u8]) {
        self.length = self.length.rotate_left(9) ^ bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }
}

/// Both halves of the product: no bit is lost on the way.
fn fold(word: u64, key: u64) -> u64 {
    let product = u128::from(word ^ key) * u128::from(key);
    (product >> 64) as u64 ^ product as u64 ^ word.rotate_left(32)
}

const ONE: u64 = 0x9e37_79b9_7f4a_7c15;
const OTHER: u64 = 0xd6e8_feb8_6659_fd93;
