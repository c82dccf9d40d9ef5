//! What is refused, in which words.

use serde_json::json;

use super::parsed;
use crate::Pattern;

#[test]
fn refusals_say_where_and_what_would_be_right() {
    for (tested, expected) in [
        (
            json!("x"),
            r#"at the root: a condition is an object such as {"$via": {"name": "Contact Form"}}, and this is a string"#,
        ),
        (
            json!([]),
            r#"at the root: a condition is an object such as {"$via": {"name": "Contact Form"}}, and this is an array"#,
        ),
        (
            json!({"a": {"$gtt": 1}}),
            "at `/a/$gtt`: `$gtt` is not an operator; did you mean `$gt`?",
        ),
        (
            json!({"a": {"$elemmatch": {}}}),
            "at `/a/$elemmatch`: `$elemmatch` is not an operator; did you mean `$elemMatch`?",
        ),
        (
            json!({"a": {"$where": "1"}}),
            "at `/a/$where`: `$where` is not an operator; the operators are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $type, $regex, $options, $flags, $all, $elemMatch, $size, $mod, $and, $or, $nor, $not",
        ),
        (
            json!({"$vai": {}}),
            "at `/$vai`: `$vai` is not an operator; did you mean `$via`?",
        ),
        (
            json!({"$where": "1"}),
            "at `/$where`: `$where` is not an operator; at the root these are allowed: $via, $and, $or, $nor, $not",
        ),
        (
            json!({"$lt": 1}),
            r#"at `/$lt`: `$lt` looks at one value, and this is the whole data; put it under the key it is about, as in {"total": {"$lt": …}}"#,
        ),
        (
            json!({"$or": [{"$lt": 1}]}),
            r#"at `/$or/0/$lt`: `$lt` looks at one value, and this is the whole data; put it under the key it is about, as in {"total": {"$lt": …}}"#,
        ),
        (
            json!({"a": {"b/c~": {"$gt": null}}}),
            "at `/a/b~1c~0/$gt`: `$gt` takes a number or a string, and this is null",
        ),
        (
            json!({"a": {"$lte": [1]}}),
            "at `/a/$lte`: `$lte` takes a number or a string, and this is an array",
        ),
        (
            json!({"a": {"x": 1, "$gt": 1}}),
            r#"at `/a/$gt`: the operator `$gt` stands beside the plain key `x`; only the root may mix them, here write {"$and": [{"x": …}, {"$gt": …}]}"#,
        ),
        (
            json!({"a": {"$via": {}}}),
            "at `/a/$via`: `$via` is not an operator; the operators are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $type, $regex, $options, $flags, $all, $elemMatch, $size, $mod, $and, $or, $nor, $not",
        ),
        (
            json!({"a": {"$in": "x"}}),
            "at `/a/$in`: `$in` takes an array of values, and this is a string",
        ),
        (
            json!({"a": {"$nin": {}}}),
            "at `/a/$nin`: `$nin` takes an array of values, and this is an object",
        ),
        (
            json!({"a": {"$in": [1, {"$gt": 1}]}}),
            "at `/a/$in/1/$gt`: `$in` takes values and `$regex`, not `$gt`; combine patterns with `$or` or `$and`",
        ),
        (
            json!({"a": {"$in": [{"$regex": "a", "x": 1}]}}),
            "at `/a/$in/0`: `x` cannot stand beside `$regex` in `$in`",
        ),
        (
            json!({"a": {"$all": 1}}),
            "at `/a/$all`: `$all` takes an array of values, and this is a number",
        ),
        (
            json!({"a": {"$exists": 1}}),
            "at `/a/$exists`: `$exists` takes true or false, and this is a number",
        ),
        (
            json!({"a": {"$size": "2"}}),
            "at `/a/$size`: `$size` takes a whole number from 0 up, and this is a string",
        ),
        (
            json!({"a": {"$size": -1}}),
            "at `/a/$size`: `$size` takes a whole number from 0 up",
        ),
        (
            json!({"a": {"$mod": 4}}),
            "at `/a/$mod`: `$mod` takes an array of two whole numbers, [divisor, remainder], and this is a number",
        ),
        (
            json!({"a": {"$mod": [4]}}),
            "at `/a/$mod`: `$mod` takes an array of two whole numbers, [divisor, remainder], and this has 1 elements",
        ),
        (
            json!({"a": {"$mod": [0, 1]}}),
            "at `/a/$mod/0`: the divisor of `$mod` cannot be 0",
        ),
        (
            json!({"a": {"$mod": [2.5, 1]}}),
            "at `/a/$mod/0`: the divisor of `$mod` must be a whole number of 64 bits",
        ),
        (
            json!({"a": {"$mod": [2, "1"]}}),
            "at `/a/$mod/1`: the remainder of `$mod` must be a whole number of 64 bits",
        ),
        (
            json!({"$or": []}),
            "at `/$or`: `$or` takes an array of at least one pattern, and this one is empty",
        ),
        (
            json!({"$and": {"a": 1}}),
            "at `/$and`: `$and` takes an array of patterns, and this is an object",
        ),
        (
            json!({"a": {"$not": 3}}),
            r#"at `/a/$not`: `$not` takes an object, such as {"$lt": 3}, or an array; for a single value use `$ne`, and this is a number"#,
        ),
        (
            json!({"$not": []}),
            "at `/$not`: `$not` takes an object, and this is an array",
        ),
        (
            json!({"a": {"$elemMatch": 3}}),
            "at `/a/$elemMatch`: `$elemMatch` takes an object: a pattern for one element; for a single value use `$in`, and this is a number",
        ),
        (
            json!({"a": {"$type": "String"}}),
            "at `/a/$type`: `String` is not a kind; did you mean `string`? the kinds are string, number, boolean, object, array, null",
        ),
        (
            json!({"a": {"$type": ["string", "int"]}}),
            "at `/a/$type/1`: `int` is not a kind; did you mean `number`? the kinds are string, number, boolean, object, array, null",
        ),
        (
            json!({"a": {"$type": 2}}),
            r#"at `/a/$type`: `$type` takes a kind, such as "string", or a list, and this is a number"#,
        ),
        (
            json!({"a": {"$type": []}}),
            "at `/a/$type`: `$type` takes at least one kind, and this is empty",
        ),
        (
            json!({"a": {"$regex": 1}}),
            "at `/a/$regex`: `$regex` takes a string, and this is a number",
        ),
        (
            json!({"a": {"$regex": "ä(b"}}),
            "at `/a/$regex`: bad regular expression at character 2: unclosed group",
        ),
        (
            json!({"a": {"$regex": "a(?=b)"}}),
            "at `/a/$regex`: bad regular expression at character 2: look-around, including look-ahead and look-behind, is not supported; matching takes linear time, so neither look-around nor backreferences exist",
        ),
        (
            json!({"a": {"$regex": "(a)\\1"}}),
            "at `/a/$regex`: bad regular expression at character 4: backreferences are not supported; matching takes linear time, so neither look-around nor backreferences exist",
        ),
        (
            json!({"a": {"$regex": "(\\p{L}{100}){100}"}}),
            "at `/a/$regex`: the regular expression is too large when compiled; use smaller repeats, or classes such as `[A-Za-z]` for `\\p{…}`, which stands for all of Unicode",
        ),
        (
            json!({"a": {"$regex": "a", "$options": "g"}}),
            "at `/a/$options`: `g` is not an option; the options are `i` (ignore case), `m` (`^` and `$` at each line), `s` (`.` matches a newline) and `x` (ignore white space)",
        ),
        (
            json!({"a": {"$regex": "a", "$options": 1}}),
            "at `/a/$options`: `$options` takes a string of the letters `imsx`, and this is a number",
        ),
        (
            json!({"a": {"$options": "i"}}),
            "at `/a/$options`: `$options` belongs to `$regex`, and there is none beside it",
        ),
        (
            parsed(r#"{"a": 1e99999}"#),
            "at `/a`: the number's exponent is out of bounds; up to 9999 is allowed",
        ),
        (
            parsed(r#"{"a": {"$eq": {"b": [1e-99999999999999999999]}}}"#),
            "at `/a/$eq/b/0`: the number's exponent is out of bounds; up to 9999 is allowed",
        ),
    ] {
        let error = Pattern::parse(&tested).expect_err(&tested.to_string());
        assert_eq!(error.to_string(), expected, "{tested}");
    }
}
