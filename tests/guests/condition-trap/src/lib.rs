//! Panics in `condition`. The macro cannot write it, so it stands on the world itself.

wit_bindgen::generate!({ path: "../../../wit", world: "step", generate_all });

struct Hostile;

impl Guest for Hostile {
    fn condition() -> String {
        panic!("no condition today")
    }

    fn run() -> Result<(), Failure> {
        Ok(())
    }
}

export!(Hostile);
