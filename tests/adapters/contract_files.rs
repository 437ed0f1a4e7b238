//! The suite over the code store of `examples/custom_store`, which was written from the contract's
//! documentation: a store on a plain file.

#[path = "../../examples/custom_store/files.rs"]
mod files;

use files::Files;
use sspr::conformance::*;

fn code_store(case: CodeStoreCase) -> CaseResult {
    let folder = tempfile::tempdir().unwrap();
    let store = Files::open(folder.path()).unwrap();
    block_on(case.check(&CodeStoreBench::new(store).with_rounds(12)))
}

sspr::code_store_conformance!(code_store);

#[test]
fn a_full_file_refuses_and_evicts_nothing() {
    code_store(CodeStoreCase::when_full()).unwrap();
}
