//! Its condition is valid, and of 1 MiB. The macro cannot write it, so it stands on the world itself.

wit_bindgen::generate!({ path: "../../../wit", world: "step", generate_all });

struct Hostile;

impl Guest for Hostile {
    fn condition() -> String {
        format!(r#"{{"name":"{}"}}"#, "x".repeat(1024 * 1024))
    }

    fn run() -> Result<(), Failure> {
        Ok(())
    }
}

export!(Hostile);
