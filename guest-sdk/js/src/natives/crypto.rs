//! Digests, HMAC and randomness. Randomness is the run's, drawn from the host: nothing of it is in
//! the snapshot.

use std::cell::Cell;
use std::rc::Rc;

use hmac::{KeyInit, Mac, SimpleHmac};
use rquickjs::{ArrayBuffer, Ctx, Exception, Function, Object, Result};
use sha2::Digest;

use super::bytes::Bytes;
use super::sha256;
use crate::host::Host;
use crate::text::Text;

/// As many as `crypto.getRandomValues` gives at once elsewhere.
const RANDOM_BYTES: usize = 65_536;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, host: &Rc<dyn Host>) -> Result<()> {
    let digest = |ctx: Ctx<'js>, algorithm: Text, key: Option<Bytes>, data: Bytes| {
        let key = key.as_ref().map(|key| &*key.0);
        match digest(&algorithm, key, &data.0) {
            Some(bytes) => ArrayBuffer::new(ctx, bytes),
            None => Err(Exception::throw_type(
                &ctx,
                &format!(
                    "`{algorithm}` is no known digest; there are md5, sha1, sha256, sha384, sha512"
                ),
            )),
        }
    };
    natives.set("digest", Function::new(ctx.clone(), digest)?)?;
    let equal = |a: Bytes, b: Bytes| {
        let differing = a.0.iter().zip(&b.0).fold(0, |sum, (x, y)| sum | (x ^ y));
        a.0.len() == b.0.len() && std::hint::black_box(differing) == 0
    };
    natives.set("timingSafeEqual", Function::new(ctx.clone(), equal)?)?;
    let h = Rc::clone(host);
    let random = move |ctx: Ctx<'js>, length: usize| {
        if length > RANDOM_BYTES {
            let text = format!("at most {RANDOM_BYTES} random bytes at once");
            return Err(Exception::throw_range(&ctx, &text));
        }
        let mut bytes = vec![0; length];
        h.random(&mut bytes);
        ArrayBuffer::new(ctx, bytes)
    };
    natives.set("random", Function::new(ctx.clone(), random)?)?;
    let h = Rc::clone(host);
    let state = Cell::new(None);
    let fraction = move || {
        let mut rng = state.get().unwrap_or_else(|| Xoshiro::seeded(&*h));
        let fraction = rng.fraction();
        state.set(Some(rng));
        fraction
    };
    natives.set("fraction", Function::new(ctx.clone(), fraction)?)
}

fn digest(algorithm: &str, key: Option<&[u8]>, data: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        "md5" => Some(of::<md5::Md5>(key, data)),
        "sha1" => Some(of::<sha1::Sha1>(key, data)),
        "sha256" if key.is_none() => Some(sha256::digest(data).to_vec()),
        "sha256" => Some(of::<sha2::Sha256>(key, data)),
        "sha384" => Some(of::<sha2::Sha384>(key, data)),
        "sha512" => Some(of::<sha2::Sha512>(key, data)),
        _ => None,
    }
}

fn of<D: Digest + hmac::digest::block_api::BlockSizeUser>(
    key: Option<&[u8]>,
    data: &[u8],
) -> Vec<u8> {
    // A key of any length is fine, so this cannot fail.
    match key.map(SimpleHmac::<D>::new_from_slice) {
        Some(Ok(mac)) => mac.chain_update(data).finalize().into_bytes().to_vec(),
        _ => D::digest(data).to_vec(),
    }
}

/// xoshiro256++ of Blackman and Vigna, for `Math.random`.
#[derive(Clone, Copy)]
struct Xoshiro([u64; 4]);

impl Xoshiro {
    fn seeded(host: &dyn Host) -> Self {
        let mut seed = [0; 32];
        host.random(&mut seed);
        let mut words = [1; 4];
        for (word, bytes) in words.iter_mut().zip(seed.chunks_exact(8)) {
            *word = bytes
                .iter()
                .fold(*word, |word, &byte| (word << 8) ^ u64::from(byte));
        }
        Self(words)
    }

    /// A number from 0 to below 1, of 53 bits.
    fn fraction(&mut self) -> f64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        (result >> 11) as f64 / (1_u64 << 53) as f64
    }
}
