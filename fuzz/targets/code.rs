//! Codes: what is read is in one of the two formats, and typing habits change nothing.
#![no_main]

use fuzz::fuzz_text;
use sspr::domain::{Code, CodeFormat};

fuzz_text!(|text| {
    let Ok(code) = Code::parse(text) else { return };
    let shown = code.expose();
    let symbols: String = shown.chars().filter(|c| *c != '-').collect();
    assert_eq!(symbols.len(), code.format().length());
    match code.format() {
        CodeFormat::Digits => assert!(symbols.bytes().all(|b| b.is_ascii_digit())),
        CodeFormat::Letters => {
            assert!(symbols.bytes().all(|b| b"BCDFGHJKLMNPQRSTVWXZ".contains(&b)));
        }
    }
    let spaced: String = symbols.chars().flat_map(|c| [' ', c, '-']).collect();
    for spelling in [shown.clone(), symbols.clone(), symbols.to_lowercase(), spaced] {
        assert_eq!(Code::parse(&spelling).unwrap().expose(), shown);
    }
    for longer in [format!("{symbols}0"), format!("{symbols}B")] {
        assert!(Code::parse(&longer).is_err());
    }
    assert_eq!(format!("{code:?}"), "Code(…)");
});
