//! Takes comments and indentation out of the prelude: QuickJS keeps the text of every function, and
//! that of the functions in it once more, so each byte is in the snapshot several times.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/prelude");
    let out = env::var("OUT_DIR")?;
    for entry in fs::read_dir("src/prelude")? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().map(str::trim_start);
        let kept: Vec<&str> = lines
            .filter(|line| !line.is_empty() && !line.starts_with("//"))
            .collect();
        let name = path.file_name().ok_or("a file without a name")?;
        fs::write(Path::new(&out).join(name), kept.join("\n"))?;
    }
    Ok(())
}
