//! Whether all items of an array differ: by their digests first, so that many items take no more than time in proportion to
//! their size.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use serde_json::Value;
use stepwell_condition::shared::{canonical, equal};
use stepwell_condition::{Budget, Spent};

use crate::check::pay;

/// Two items that are the same, by their numbers; none if all differ.
pub(crate) fn repeated(
    items: &[Value],
    budget: &mut Budget,
) -> Result<Option<(usize, usize)>, Spent> {
    // Its keys are random: a sender cannot choose items with equal hashes.
    let state = RandomState::new();
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (number, item) in items.iter().enumerate() {
        let mut hasher = state.build_hasher();
        digest(item, &state, &mut hasher, budget)?;
        let same = places.entry(hasher.finish()).or_default();
        for before in &*same {
            if equal(&items[*before], item, budget)? {
                return Ok(Some((*before, number)));
            }
        }
        same.push(number);
    }
    Ok(None)
}

fn digest(
    value: &Value,
    state: &RandomState,
    hasher: &mut impl Hasher,
    budget: &mut Budget,
) -> Result<(), Spent> {
    pay(budget, 8)?;
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(is_true) => hasher.write_u8(1 + u8::from(*is_true)),
        Value::Number(number) => {
            hasher.write_u8(3);
            pay(budget, number.as_str().len() as u64 / 16)?;
            canonical(number.as_str(), &mut |part| hasher.write(part));
        }
        Value::String(text) => {
            hasher.write_u8(4);
            pay(budget, text.len() as u64 / 16)?;
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        Value::Array(items) => {
            hasher.write_u8(5);
            hasher.write_usize(items.len());
            for item in items {
                digest(item, state, hasher, budget)?;
            }
        }
        Value::Object(members) => {
            hasher.write_u8(6);
            hasher.write_usize(members.len());
            // Members have no order.
            let mut sum = 0_u64;
            for (name, value) in members {
                let mut own = state.build_hasher();
                pay(budget, 4 + name.len() as u64 / 16)?;
                own.write(name.as_bytes());
                own.write_u8(0xff);
                digest(value, state, &mut own, budget)?;
                sum = sum.wrapping_add(own.finish());
            }
            hasher.write_u64(sum);
        }
    }
    Ok(())
}
