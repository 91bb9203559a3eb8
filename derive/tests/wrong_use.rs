//! What a wrong use of the derive says, and where: the cases in `ui/`, each beside the words of the compiler.
//!
//! Owns no use that is right: what a derived record means is tested in the facade, `tests/derive.rs`.

#[test]
fn a_wrong_use_is_refused_where_it_stands() {
    // None that passes: then nothing is built, all is checked, and in one go.
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
