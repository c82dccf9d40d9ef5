use super::*;

fn crate_with(manifest: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("src")).unwrap();
    fs::write(directory.path().join("src/lib.rs"), "").unwrap();
    fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
    directory
}

fn refusal(directory: &Path) -> (BuildError, String) {
    let error = build_component(directory, None, Progress::Hide).unwrap_err();
    let text = error.to_string();
    (error, text)
}

#[test]
fn what_is_no_step_is_refused_before_anything_is_built() {
    let empty = tempfile::tempdir().unwrap();
    let (error, text) = refusal(empty.path());
    assert_eq!(error.code(), "no-crate");
    assert!(text.contains("stepwell step new"), "{text}");

    let lib = crate_with("[package]\nname = \"plain\"\n[workspace]\n");
    let (error, text) = refusal(lib.path());
    assert_eq!(error.code(), "not-cdylib");
    assert!(
        text.contains("crate-type = [\"cdylib\", \"rlib\"]"),
        "{text}"
    );

    let broken = crate_with("[package\n");
    assert_eq!(refusal(broken.path()).0.code(), "bad-manifest");

    let member = crate_with("[package]\nname = \"inner\"\n");
    let root = tempfile::tempdir().unwrap();
    fs::rename(member.path(), root.path().join("inner")).unwrap();
    fs::write(
        root.path().join("Cargo.toml"),
        "[workspace]\nmembers = [\"inner\"]\nresolver = \"3\"\n",
    )
    .unwrap();
    let (error, text) = refusal(root.path());
    assert_eq!(error.code(), "workspace");
    assert!(text.ends_with("name one of its crates: inner"), "{text}");
}

#[test]
fn a_crate_that_does_not_compile_repeats_what_cargo_said() {
    let broken =
        crate_with("[package]\nname = \"broken\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n");
    fs::write(
        broken.path().join("src/lib.rs"),
        "compile_error!(\"on purpose\");",
    )
    .unwrap();
    let (error, text) = refusal(broken.path());
    assert_eq!(error.code(), "build-failed");
    assert!(text.contains("on purpose"), "{text}");
}

#[test]
fn a_core_module_is_no_component() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.wasm");
    for (bytes, component) in [
        (&COMPONENT_MAGIC[..], true),
        (b"\0asm\x01\0\0\0", false),
        (b"\0asm", false),
        (b"", false),
        (b"#!/bin/sh\n", false),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(check_component(&path).is_ok(), component, "{bytes:?}");
    }
}
