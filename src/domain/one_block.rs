//! HMAC-SHA256 of a message that fits one block, with two compressions and nothing else.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

pub(crate) type Block = [u8; 64];
type State = [u32; 8];

/// The initial hash value of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key with both of its pads absorbed (RFC 2104, section 4).
///
/// Only digests of codes use it, because the general `hmac` takes twice as long for the same
/// hashing. Tests compare both for each length, and check the vectors of RFC 4231.
#[derive(Clone)]
pub(crate) struct OneBlockMac {
    inner: Zeroizing<State>,
    outer: Zeroizing<State>,
}

impl OneBlockMac {
    /// Creates a key from a secret of 32 bytes.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let absorbed = |pad: u8| {
            let mut block = Zeroizing::new([pad; 64]);
            block.iter_mut().zip(secret).for_each(|(to, from)| *to ^= *from);
            let mut state = Zeroizing::new(INITIAL);
            compress256(&mut state, &[*block]);
            state
        };
        Self { inner: absorbed(0x36), outer: absorbed(0x5c) }
    }

    /// Returns the MAC of a message of `N` bytes at the head of a block of zeros. More than 55
    /// bytes do not compile. If the block holds a secret, the caller must wipe it.
    pub(crate) fn of<const N: usize>(&self, block: &mut Block) -> [u8; 32] {
        const { assert!(N <= 55, "the mark and the length must fit as well") };
        let mut state = *self.inner;
        finish::<N>(&mut state, block);
        let mut block = [0; 64];
        spell(&state, &mut block);
        state = *self.outer;
        finish::<32>(&mut state, &mut block);
        let mut mac = [0; 32];
        spell(&state, &mut mac);
        mac
    }
}

/// Absorbs the last block into `state`, which has absorbed one block before.
fn finish<const N: usize>(state: &mut State, block: &mut Block) {
    let bits = u64::try_from((64 + N) * 8).unwrap_or(u64::MAX);
    let (_, padding) = block.split_at_mut(N);
    if let Some(mark) = padding.first_mut() {
        *mark = 0x80;
    }
    if let Some(length) = padding.last_chunk_mut() {
        *length = bits.to_be_bytes();
    }
    compress256(state, core::slice::from_ref(block));
}

/// Writes the words of a state at the head of `bytes`.
fn spell(state: &State, bytes: &mut [u8]) {
    let (places, _) = bytes.as_chunks_mut();
    places.iter_mut().zip(state).for_each(|(place, word)| *place = word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    use crate::domain::keyring::keyed;

    fn general(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
        let mut mac: Hmac<Sha256> = keyed(key);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    fn block(message: &[u8]) -> Block {
        let mut block = [0; 64];
        block[..message.len()].copy_from_slice(message);
        block
    }

    fn padded(key: &[u8]) -> [u8; 32] {
        let mut padded = [0; 32];
        padded[..key.len()].copy_from_slice(key);
        padded
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn rfc_4231_test_cases_1_to_4() {
        let key_4: Vec<u8> = (1..=25).collect();
        let first = OneBlockMac::new(&padded(&[0x0b; 20])).of::<8>(&mut block(b"Hi There"));
        let second = OneBlockMac::new(&padded(b"Jefe"))
            .of::<28>(&mut block(b"what do ya want for nothing?"));
        let third = OneBlockMac::new(&padded(&[0xaa; 20])).of::<50>(&mut block(&[0xdd; 50]));
        let fourth = OneBlockMac::new(&padded(&key_4)).of::<50>(&mut block(&[0xcd; 50]));

        let known = [
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ];
        for (ours, known) in [first, second, third, fourth].iter().zip(known) {
            assert_eq!(ours.as_slice(), hex(known));
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_general_one(key: [u8; 32], a: [u8; 1], b: [u8; 31], c: [u8; 50], d: [u8; 55]) {
            let mac = OneBlockMac::new(&key);
            prop_assert_eq!(mac.of::<0>(&mut block(&[])), general(&key, &[]));
            prop_assert_eq!(mac.of::<1>(&mut block(&a)), general(&key, &a));
            prop_assert_eq!(mac.of::<31>(&mut block(&b)), general(&key, &b));
            prop_assert_eq!(mac.of::<50>(&mut block(&c)), general(&key, &c));
            prop_assert_eq!(mac.of::<55>(&mut block(&d)), general(&key, &d));
        }
    }
}
