//! Text to bytes and back, in the encodings that `Buffer` and `TextDecoder` know.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rquickjs::{ArrayBuffer, Ctx, Exception, Function, Object, Result, String as JsString};

use super::bytes::Bytes;
use crate::text::{self, Text};

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let encode =
        |ctx: Ctx<'js>, text: JsString<'js>, encoding: Text| match encode(&text, &encoding)? {
            Some(bytes) => ArrayBuffer::new(ctx, bytes),
            None => Err(unknown(&ctx, &encoding)),
        };
    natives.set("encode", Function::new(ctx.clone(), encode)?)?;
    let decode = |ctx: Ctx<'js>, bytes: Bytes, encoding: Text| {
        decode(&bytes.0, &encoding).ok_or_else(|| unknown(&ctx, &encoding))
    };
    natives.set("decode", Function::new(ctx.clone(), decode)?)?;
    // Text of bytes that must be UTF-8, or undefined.
    let utf8 = |bytes: Bytes| String::from_utf8(bytes.0).ok();
    natives.set("utf8", Function::new(ctx.clone(), utf8)?)
}

fn unknown(ctx: &Ctx<'_>, encoding: &str) -> rquickjs::Error {
    Exception::throw_type(
        ctx,
        &format!(
            "`{encoding}` is no known encoding; there are utf8, hex, base64, base64url, latin1, ascii, utf16le"
        ),
    )
}

fn encode(string: &JsString<'_>, encoding: &str) -> Result<Option<Vec<u8>>> {
    match encoding {
        "latin1" | "binary" | "ascii" => {
            let units = text::units(string)?;
            return Ok(Some(units.into_iter().map(|unit| unit as u8).collect()));
        }
        "utf16le" | "ucs2" | "utf-16le" | "ucs-2" => {
            let units = text::units(string)?;
            return Ok(Some(units.into_iter().flat_map(u16::to_le_bytes).collect()));
        }
        _ => {}
    }
    let text = text::of(string)?;
    Ok(Some(match encoding {
        "utf8" | "utf-8" => text.into_bytes(),
        "hex" => {
            let digits: Vec<u8> = text.bytes().map_while(hex_digit).collect();
            digits
                .chunks_exact(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect()
        }
        "base64" | "base64url" => base64(&text),
        _ => return Ok(None),
    }))
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// As Node reads it: either alphabet, padding or not, and what is neither is passed over.
fn base64(text: &str) -> Vec<u8> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let mut clean: String = text.split('=').next().unwrap_or_default().chars().collect();
    clean.retain(|c| c.is_ascii_alphanumeric() || "+/-_".contains(c));
    if clean.len() % 4 == 1 {
        clean.pop();
    }
    let alphabet = if clean.contains(['-', '_']) {
        clean = clean.replace('+', "-").replace('/', "_");
        &URL_SAFE
    } else {
        &STANDARD
    };
    let engine = GeneralPurpose::new(alphabet, config);
    engine.decode(clean).unwrap_or_default()
}

fn decode(bytes: &[u8], encoding: &str) -> Option<String> {
    Some(match encoding {
        "utf8" | "utf-8" => String::from_utf8_lossy(bytes).into_owned(),
        "latin1" | "binary" => bytes.iter().map(|&byte| byte as char).collect(),
        "ascii" => bytes.iter().map(|&byte| (byte & 0x7f) as char).collect(),
        "utf16le" | "ucs2" | "utf-16le" | "ucs-2" => {
            let units = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or('\u{fffd}'))
                .collect()
        }
        "hex" => {
            let mut text = String::with_capacity(bytes.len() * 2);
            for byte in bytes {
                for digit in [byte >> 4, byte & 15] {
                    text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
                }
            }
            text
        }
        "base64" => BASE64_STANDARD.encode(bytes),
        "base64url" => BASE64_URL_SAFE_NO_PAD.encode(bytes),
        _ => return None,
    })
}
