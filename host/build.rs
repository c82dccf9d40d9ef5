//! The binary embeds the SDK's sources. A changed file is noticed without this, a new one is not.

fn main() {
    for path in [
        "../guest-sdk/src",
        "../guest-sdk/macros/src",
        "../wit",
        "condition/src",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
}
