//! Compiles guest-sdk/js for wasm32-wasip2, always in the same way: the same sources must give the
//! same bytes wherever they lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Wasm stack of the component. The engine lets JavaScript have half of it.
const STACK: u32 = 2 * 1024 * 1024;
const TARGET: &str = "wasm32-wasip2";

/// The component's bytes.
pub fn component(root: &Path) -> Result<Vec<u8>> {
    let package = root.join("guest-sdk/js");
    let clang = tool(&["clang-19", "clang"])?;
    let archiver = tool(&["llvm-ar-19", "llvm-ar"])?;
    let quickjs = quickjs(&package)?;
    let crates = quickjs.parent().context("a crate without a folder")?;
    let home = cargo_home()?;
    let c_flags = [
        "-nostdlibinc".to_owned(),
        format!("-isystem{}", package.join("sysroot").display()),
        format!(
            "-isystem{}",
            quickjs.join("vendor/wasi-libc/include").display()
        ),
        // QuickJS leaves out its stack check on WASI; here the stack is as good as any.
        "-U__wasi__".to_owned(),
        "-O2".to_owned(),
        // What scans text looks at sixteen bytes at once.
        "-msimd128".to_owned(),
        "-mbulk-memory".to_owned(),
        format!("-ffile-prefix-map={}=/engine", package.display()),
        format!("-ffile-prefix-map={}=/cargo", home.display()),
    ];
    let rust_flags = [
        format!("-Clink-arg=-zstack-size={STACK}"),
        "-Ctarget-feature=+simd128,+bulk-memory".to_owned(),
        format!("--remap-path-prefix={}=/engine", package.display()),
        format!("--remap-path-prefix={}=/cargo", home.display()),
        // The last one that fits counts: this folder's name depends on the registry's address.
        format!("--remap-path-prefix={}=/crates", crates.display()),
    ];
    let target = package.join("target/engine");
    let status = Command::new(env!("CARGO"))
        .current_dir(&package)
        .args([
            "build",
            "--release",
            "--locked",
            "--lib",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(&target)
        .env("RQUICKJS_SYS_NO_WASI_SDK", "1")
        .env("CC_wasm32_wasip2", clang)
        .env("AR_wasm32_wasip2", archiver)
        .env("CFLAGS_wasm32_wasip2", c_flags.join(" "))
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags.join("\x1f"))
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS")
        .env_remove("CFLAGS")
        .status()
        .context("cargo")?;
    if !status.success() {
        bail!("guest-sdk/js does not compile");
    }
    let file = target.join(TARGET).join("release/stepwell_js.wasm");
    fs::read(&file).with_context(|| file.display().to_string())
}

/// The first of these programs that is there.
fn tool(names: &[&'static str]) -> Result<&'static str> {
    let there = |name: &&&str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    match names.iter().find(there) {
        Some(name) => Ok(name),
        None => bail!(
            "QuickJS needs `{}` to compile for WebAssembly: install clang and llvm (Debian: apt install clang-19 llvm-19)",
            names[0]
        ),
    }
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = std::env::home_dir().context("no home directory")?;
    Ok(home.join(".cargo"))
}

/// Where the sources of QuickJS are: with the crate that cargo fetched.
fn quickjs(package: &Path) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(package)
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8(output.stdout).context("cargo metadata")?;
    // The manifest's path is the one string in the metadata that ends like this.
    let (before, _) = text
        .split_once("/Cargo.toml\"")
        .and_then(|_| text.split_once("/rquickjs-sys-0.14.0/Cargo.toml\""))
        .context("guest-sdk/js does not use rquickjs-sys 0.14.0 any more")?;
    let (_, folder) = before.rsplit_once('"').context("cargo metadata")?;
    Ok(Path::new(folder).join("rquickjs-sys-0.14.0"))
}
