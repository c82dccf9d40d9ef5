//! Its condition is no JSON. The macro cannot write it, so it stands on the world itself.

wit_bindgen::generate!({ path: "../../../wit", world: "step", generate_all });

struct Hostile;

impl Guest for Hostile {
    fn condition() -> String {
        String::from("{ email: String")
    }

    fn run() -> Result<(), Failure> {
        Ok(())
    }
}

export!(Hostile);
