//! Records: what is read is written back to the same length and reads the same again; what is cut
//! or longer is damaged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sspr::flow::{CodecError, decode_lockout, decode_reset, encode_lockout, encode_reset};

fuzz_target!(|bytes: &[u8]| {
    match decode_reset(bytes) {
        Ok(reset) => {
            let written = encode_reset(&reset);
            // Languages are kept in lower case; nothing else has two spellings.
            assert!(written.eq_ignore_ascii_case(bytes));
            let again = decode_reset(&written).expect("reads what it wrote");
            assert_eq!(encode_reset(&again), written);
            assert_eq!(again.expires_at(), reset.expires_at());
            assert!(reset.sends() == reset.sent.map_or(0, |sent| sent.number));
            let longer = [bytes, &[0]].concat();
            assert_eq!(decode_reset(&longer).unwrap_err(), CodecError::Damaged);
            let shorter = bytes.split_last().map_or(&[][..], |(_, rest)| rest);
            assert_eq!(decode_reset(shorter).unwrap_err(), CodecError::Damaged);
            assert!(decode_lockout(bytes).is_err());
        }
        Err(CodecError::Newer(version)) => assert!(bytes.get(1) == Some(&version) && version > 1),
        Err(error) => assert_eq!(error, CodecError::Damaged),
    }
    if let Ok(lockout) = decode_lockout(bytes) {
        assert_eq!(encode_lockout(&lockout), bytes);
        assert!(decode_reset(bytes).is_err());
    }
});
