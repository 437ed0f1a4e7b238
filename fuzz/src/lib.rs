//! What targets share.

/// The text that fuzzed bytes are; targets that read texts have nothing to say about others.
#[macro_export]
macro_rules! fuzz_text {
    (|$text:ident| $body:block) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            let read = |$text: &str| $body;
            if let Ok(text) = core::str::from_utf8(bytes) {
                read(text);
            }
        });
    };
}
