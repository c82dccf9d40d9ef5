//! Its condition is JSON, but has an operator that does not exist. The macro cannot write it, so it stands on the world itself.

wit_bindgen::generate!({ path: "../../../wit", world: "step", generate_all });

struct Hostile;

impl Guest for Hostile {
    fn condition() -> String {
        String::from(r#"{"retryAttempt":{"$below":3}}"#)
    }

    fn run() -> Result<(), Failure> {
        Ok(())
    }
}

export!(Hostile);
