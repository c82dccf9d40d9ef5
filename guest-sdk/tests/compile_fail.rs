//! What does not compile, and what the compiler says and where it points. After a change of a
//! message: `TRYBUILD=overwrite cargo test -p stepwell-sdk --test compile_fail`.

#[test]
fn what_is_no_step_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile-fail/*.rs");
}
