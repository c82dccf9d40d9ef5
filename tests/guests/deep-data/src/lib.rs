//! Nests the task's data `/depth` objects deep, by one pointer (`"how": "pointer"`), by one JSON
//! text (`"json"`), or a level at a time (`"steps"`).

use stepwell_sdk::prelude::*;

#[step(condition = { depth: Number, how: String })]
fn deep_data() -> Result {
    let depth: usize = data::require("/depth")?;
    match data::require::<String>("/how")?.as_str() {
        "pointer" => data::set(&"/d".repeat(depth), true)?,
        "json" => {
            let json = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            data::set_json("/d", &json)?;
        }
        _ => {
            let mut pointer = String::new();
            for _ in 0..depth {
                pointer.push_str("/d");
                data::set(&pointer, json!({}))?;
            }
        }
    }
    Ok(())
}
