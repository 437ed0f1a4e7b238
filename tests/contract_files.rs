//! The suite over the code store of `examples/custom_store`, which was written from the contract's
//! documentation: a store on a plain file.
#![cfg(feature = "conformance")]
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

#[path = "../examples/custom_store/files.rs"]
mod files;

use files::Files;
use sspr::conformance::*;

fn code_store(case: CodeStoreCase) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let store = Files::open(folder.path()).unwrap();
    block_on(case.check(&CodeStoreBench::new(store).with_rounds(12)))
}

sspr::code_store_conformance!(code_store);

#[test]
fn a_full_file_refuses_and_evicts_nothing() {
    code_store(CodeStoreCase::when_full()).unwrap();
}
