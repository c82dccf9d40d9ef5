//! A condition as a step author writes it: JSON with bare keys and type names. It becomes a JSON
//! value, and every key and element is remembered by its pointer, so that a fault found in the
//! value can be shown where it was written.

use std::collections::HashMap;

use proc_macro2::Span;
use serde_json::{Map, Number, Value};
use stepwell_condition::Pattern;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Lit, LitStr, Token, braced, bracketed, token};

/// A condition that was parsed and found right.
#[derive(Debug)]
pub struct Condition {
    /// The condition as JSON text.
    pub json: String,
}

/// The type names and the `$type` each stands for.
const TYPES: [(&str, &str); 5] = [
    ("String", "string"),
    ("Number", "number"),
    ("Boolean", "boolean"),
    ("Object", "object"),
    ("Array", "array"),
];

impl Parse for Condition {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(token::Brace) {
            return Err(input.error(
                "a condition is an object, e.g. `{ \"$via\": { \"name\": \"Contact Form\" } }`; `{}` matches every task",
            ));
        }
        let mut reader = Reader::default();
        let whole = input.span();
        let value = reader.value(input)?;
        match Pattern::parse(&value) {
            Ok(_) => Ok(Self {
                json: value.to_string(),
            }),
            Err(error) => Err(Error::new(
                reader.span_of(&error.pointer).unwrap_or(whole),
                format!("this condition cannot be used: {}", error.message),
            )),
        }
    }
}

/// Reads a value and remembers where its parts are.
#[derive(Default)]
struct Reader {
    /// The RFC 6901 pointer of what is being read.
    path: String,
    /// The pointer of each key and element, and where it stands.
    spans: HashMap<String, Span>,
}

impl Reader {
    /// The place of the key or element that the pointer leads to, or of the nearest one above it.
    fn span_of(&self, pointer: &str) -> Option<Span> {
        let mut pointer = pointer;
        loop {
            if let Some(span) = self.spans.get(pointer) {
                return Some(*span);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    fn value(&mut self, input: ParseStream<'_>) -> syn::Result<Value> {
        if input.peek(token::Brace) {
            self.object(input)
        } else if input.peek(token::Bracket) {
            self.array(input)
        } else if input.peek(Lit) {
            literal(&input.parse()?, false)
        } else if input.peek(Token![-]) {
            input.parse::<Token![-]>()?;
            literal(&input.parse()?, true)
        } else if input.peek(Ident::peek_any) {
            name(&input.call(Ident::parse_any)?)
        } else {
            Err(input.error(format!("expected a value: {VALUES}")))
        }
    }

    fn object(&mut self, input: ParseStream<'_>) -> syn::Result<Value> {
        let content;
        braced!(content in input);
        let mut map = Map::new();
        while !content.is_empty() {
            let (key, span) = key(&content)?;
            if map.contains_key(&key) {
                return Err(Error::new(
                    span,
                    format!("the key `{key}` is there twice in this object"),
                ));
            }
            content.parse::<Token![:]>()?;
            let value = self.member(&key, span, &content)?;
            map.insert(key, value);
            comma(&content)?;
        }
        Ok(Value::Object(map))
    }

    fn array(&mut self, input: ParseStream<'_>) -> syn::Result<Value> {
        let content;
        bracketed!(content in input);
        let mut items = Vec::new();
        while !content.is_empty() {
            let value = self.member(&items.len().to_string(), content.span(), &content)?;
            items.push(value);
            comma(&content)?;
        }
        Ok(Value::Array(items))
    }

    fn member(&mut self, token: &str, span: Span, input: ParseStream<'_>) -> syn::Result<Value> {
        let length = self.path.len();
        self.path.push('/');
        self.path
            .push_str(&token.replace('~', "~0").replace('/', "~1"));
        self.spans.insert(self.path.clone(), span);
        let value = self.value(input);
        self.path.truncate(length);
        value
    }
}

const VALUES: &str = "a literal, `null`, an object, an array or one of `String`, `Number`, `Boolean`, `Object`, `Array`";

fn key(input: ParseStream<'_>) -> syn::Result<(String, Span)> {
    if input.peek(LitStr) {
        let key: LitStr = input.parse()?;
        Ok((key.value(), key.span()))
    } else if input.peek(Ident::peek_any) {
        let key = input.call(Ident::parse_any)?;
        Ok((key.unraw().to_string(), key.span()))
    } else if input.peek(Token![$]) {
        Err(input.error("a key with `$` must be a string literal, e.g. `\"$lt\"`"))
    } else {
        Err(input.error("expected a key: a string literal or an identifier"))
    }
}

fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

fn literal(literal: &Lit, negative: bool) -> syn::Result<Value> {
    let (digits, suffix) = match literal {
        Lit::Int(int) => (int.base10_digits(), int.suffix()),
        Lit::Float(float) => (float.base10_digits(), float.suffix()),
        _ if negative => return Err(Error::new_spanned(literal, "only a number can be negative")),
        Lit::Str(text) => return Ok(Value::String(text.value())),
        Lit::Bool(bool) => return Ok(Value::Bool(bool.value)),
        _ => {
            return Err(Error::new_spanned(
                literal,
                format!("this literal has no counterpart in JSON; a value is {VALUES}"),
            ));
        }
    };
    if !suffix.is_empty() {
        return Err(Error::new_spanned(
            literal,
            format!("a number in a condition has no suffix: write `{digits}`"),
        ));
    }
    let text = format!("{}{digits}", if negative { "-" } else { "" });
    serde_json::from_str::<Number>(&text)
        .map(Value::Number)
        .map_err(|_| {
            Error::new_spanned(
                literal,
                format!("`{text}` is not a number in JSON; write it like `1`, `1.5` or `1e3`"),
            )
        })
}

fn name(name: &Ident) -> syn::Result<Value> {
    let text = name.to_string();
    match text.as_str() {
        "null" => Ok(Value::Null),
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => match TYPES.iter().find(|(rust, _)| *rust == text) {
            Some((_, json)) => Ok(serde_json::json!({ "$type": json })),
            None => Err(Error::new_spanned(
                name,
                format!("`{text}` is not a value here; use {VALUES}"),
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(source: &str) -> String {
        match syn::parse_str::<Condition>(source) {
            Ok(condition) => condition.json,
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_condition_becomes_the_json_it_reads_as() {
        for (source, expected) in [
            ("{}", "{}"),
            (
                r#"{ "$via": { "name": "Contact Form" }, email: String }"#,
                r#"{"$via":{"name":"Contact Form"},"email":{"$type":"string"}}"#,
            ),
            (
                r#"{ retryAttempt: { "$lt": 3 }, tags: ["a", "b"], x: null, ok: true, amount: -1.5, }"#,
                r#"{"retryAttempt":{"$lt":3},"tags":["a","b"],"x":null,"ok":true,"amount":-1.5}"#,
            ),
            (
                r#"{ type: Object, r#match: Array, n: Number, b: Boolean, no: false }"#,
                r#"{"type":{"$type":"object"},"match":{"$type":"array"},"n":{"$type":"number"},"b":{"$type":"boolean"},"no":false}"#,
            ),
            (
                r#"{ "$or": [{ a: null }, { a: { "$lt": 1_000 } }] }"#,
                r#"{"$or":[{"a":null},{"a":{"$lt":1000}}]}"#,
            ),
            (
                r#"{ big: 12345678901234567890123 }"#,
                r#"{"big":12345678901234567890123}"#,
            ),
        ] {
            assert_eq!(json(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_would_be_right() {
        for (source, expected) in [
            ("[]", "a condition is an object"),
            ("{ a: Text }", "`Text` is not a value here; use a literal"),
            ("{ a: 1u8 }", "no suffix: write `1`"),
            ("{ a: -true }", "only a number can be negative"),
            ("{ a: -\"x\" }", "only a number can be negative"),
            ("{ a: 'x' }", "no counterpart in JSON"),
            ("{ a: 1. }", "is not a number in JSON"),
            ("{ a: 1, a: 2 }", "the key `a` is there twice"),
            ("{ a }", "expected `:`"),
            ("{ a: }", "expected a value"),
            ("{ $lt: 3 }", "must be a string literal"),
            ("{ 1: 3 }", "expected a key"),
            ("{ a: 1 b: 2 }", "expected `,`"),
        ] {
            let error = json(source);
            assert!(error.contains(expected), "{source}: {error}");
        }
    }
}
