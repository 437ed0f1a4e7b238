//! The keyring's text: what is read has as many keys as words, blanks make no difference, and no
//! error repeats a key.
#![no_main]

use fuzz::fuzz_text;
use sspr::{Keyring, domain::Purpose};

fuzz_text!(|text| {
    let words = || text.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    match Keyring::parse(text) {
        Ok(keys) => {
            let accepted = words().filter(|word| word.starts_with("accept=")).count();
            let indexes = words().filter(|word| word.contains("index=")).count();
            assert_eq!(keys.each(Purpose::Code).count(), 1 + accepted);
            assert_eq!(keys.indexes(Purpose::Counter).count(), indexes);
            assert!(words().all(|word| word.len() >= "sign=".len() + 43));
            let respelt = words().collect::<Vec<_>>().join("\r\n ,");
            let again = Keyring::parse(&respelt).expect("blanks make no difference");
            assert_eq!(again.signing(), keys.signing());
            assert_eq!(format!("{keys:?}"), "Keyring(…)");
            assert!(Keyring::parse(&format!("{text} sign=x")).is_err());
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            for word in words() {
                let value = word.split_once('=').map_or(word, |(_, value)| value);
                assert!(value.len() < 20 || !shown.contains(value), "an error shows a key");
            }
        }
    }
});
