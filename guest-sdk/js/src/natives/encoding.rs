//! Bytes to text by the Encoding standard, for `TextDecoder`, and text to UTF-8 for `TextEncoder`.

use std::cell::RefCell;

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding, UTF_8};
use rquickjs::{ArrayBuffer, Ctx, Function, IntoJs, Object, Result, Value};

use super::bytes::Bytes;
use crate::text::Text;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    // The encoding's name in lower case, or undefined for a label that no decoder has.
    let encoding_name = |label: Text| -> Option<String> {
        let found = Encoding::for_label_no_replacement(label.as_bytes());
        found.map(|encoding| encoding.name().to_ascii_lowercase())
    };
    natives.set("encodingName", Function::new(ctx.clone(), encoding_name)?)?;
    // Decodes a whole text; undefined if it is malformed and `fatal` is set.
    let decode_whole = |label: Text, keep_bom: bool, fatal: bool, bytes: Bytes| -> Option<String> {
        let mut decoder = decoder(&label, keep_bom);
        decode(&mut decoder, fatal, &bytes.0, true)
    };
    natives.set("decodeWhole", Function::new(ctx.clone(), decode_whole)?)?;
    // A function that decodes one part after the other.
    let new_decoder = |ctx: Ctx<'js>, label: Text, keep_bom: bool, fatal: bool| {
        let decoder = RefCell::new(decoder(&label, keep_bom));
        let decode_part = move |bytes: Bytes, last: bool| -> Option<String> {
            decode(&mut decoder.borrow_mut(), fatal, &bytes.0, last)
        };
        Function::new(ctx, decode_part)
    };
    natives.set("decoder", Function::new(ctx.clone(), new_decoder)?)?;
    // Encodes as much of a text as fits into `most` bytes: the number of code units, and the bytes.
    let encode_into = |ctx: Ctx<'js>, text: Text, most: usize| -> Result<Vec<Value<'js>>> {
        let mut end = 0;
        let mut read = 0;
        for c in text.chars() {
            if end + c.len_utf8() > most {
                break;
            }
            end += c.len_utf8();
            read += c.len_utf16();
        }
        let bytes = text.get(..end).unwrap_or_default().as_bytes();
        let bytes = ArrayBuffer::new_copy(ctx.clone(), bytes)?;
        Ok(vec![read.into_js(&ctx)?, bytes.into_value()])
    };
    natives.set("encodeInto", Function::new(ctx.clone(), encode_into)?)
}

fn decoder(label: &str, keep_bom: bool) -> Decoder {
    let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(UTF_8);
    if keep_bom {
        encoding.new_decoder_without_bom_handling()
    } else {
        encoding.new_decoder_with_bom_removal()
    }
}

fn decode(decoder: &mut Decoder, fatal: bool, bytes: &[u8], last: bool) -> Option<String> {
    let most = decoder.max_utf8_buffer_length(bytes.len())?;
    let mut text = String::with_capacity(most.min(bytes.len() + 16));
    let mut rest = bytes;
    loop {
        let (read, full) = if fatal {
            let (result, read) =
                decoder.decode_to_string_without_replacement(rest, &mut text, last);
            match result {
                DecoderResult::Malformed(..) => return None,
                DecoderResult::InputEmpty => (read, false),
                DecoderResult::OutputFull => (read, true),
            }
        } else {
            let (result, read, _) = decoder.decode_to_string(rest, &mut text, last);
            (read, result == CoderResult::OutputFull)
        };
        rest = rest.get(read..).unwrap_or_default();
        if !full {
            return Some(text);
        }
        text.reserve((rest.len() * 3).max(64));
    }
}
