//! A component that exports something else than a step.

wit_bindgen::generate!({
    inline: "package other:greeter; world w { export greet: func() -> string; }",
});

struct Greeter;

impl Guest for Greeter {
    fn greet() -> String {
        "hello".to_owned()
    }
}

export!(Greeter);
