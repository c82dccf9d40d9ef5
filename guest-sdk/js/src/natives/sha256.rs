//! SHA-256 (FIPS 180-4, 6.2) in fewer instructions than the `sha2` crate takes in WebAssembly, where each counts: a
//! digest of a mebibyte is most of what a step pays that signs what it forwards.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use std::arch::wasm32::*;

const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
const ROUNDS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// The digest of a text.
pub fn digest(text: &[u8]) -> [u8; 32] {
    let mut state = START;
    let (blocks, rest) = text.as_chunks::<64>();
    blocks.iter().for_each(|block| compress(&mut state, block));
    let mut last = [[0; 64]; 2];
    let end = last.as_flattened_mut();
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    let length = if rest.len() < 56 { 64 } else { 128 };
    end[length - 8..length].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    last[..length / 64]
        .iter()
        .for_each(|block| compress(&mut state, block));
    let mut out = [0; 32];
    for (place, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    out
}

/// Four words of the message schedule.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[derive(Clone, Copy)]
struct Words(v128);

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl Words {
    #[inline(always)]
    fn of(words: [u32; 4]) -> Self {
        let [a, b, c, d] = words;
        Self(u32x4(a, b, c, d))
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn read(block: &[u8; 64], at: usize) -> Self {
        let bytes: &[u8; 16] = &block.as_chunks().0[at];
        // SAFETY: so many bytes, and a vector is loaded from any address.
        let lanes = unsafe { v128_load(bytes.as_ptr().cast()) };
        Self(i8x16_shuffle::<
            3,
            2,
            1,
            0,
            7,
            6,
            5,
            4,
            11,
            10,
            9,
            8,
            15,
            14,
            13,
            12,
        >(lanes, lanes))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(u32x4_add(self.0, other.0))
    }

    /// The words behind the first one, and the first one of others.
    #[inline(always)]
    fn next(self, other: Self) -> Self {
        Self(u32x4_shuffle::<1, 2, 3, 4>(self.0, other.0))
    }

    /// The last two words, and zeros.
    #[inline(always)]
    fn last(self) -> Self {
        Self(u32x4_shuffle::<2, 3, 4, 4>(self.0, u32x4_splat(0)))
    }

    /// Zeros, and the first two words.
    #[inline(always)]
    fn first(self) -> Self {
        Self(u32x4_shuffle::<4, 4, 0, 1>(self.0, u32x4_splat(0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    #[inline(always)]
    fn right(self, bits: u32) -> Self {
        Self(u32x4_shr(self.0, bits))
    }

    #[inline(always)]
    fn left(self, bits: u32) -> Self {
        Self(u32x4_shl(self.0, bits))
    }

    #[inline(always)]
    fn words(self) -> [u32; 4] {
        [
            u32x4_extract_lane::<0>(self.0),
            u32x4_extract_lane::<1>(self.0),
            u32x4_extract_lane::<2>(self.0),
            u32x4_extract_lane::<3>(self.0),
        ]
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[derive(Clone, Copy)]
struct Words([u32; 4]);

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
impl Words {
    fn of(words: [u32; 4]) -> Self {
        Self(words)
    }

    fn read(block: &[u8; 64], at: usize) -> Self {
        let bytes: &[u8; 16] = &block.as_chunks().0[at];
        Self(std::array::from_fn(|word| {
            u32::from_be_bytes(bytes.as_chunks().0[word])
        }))
    }

    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| {
            self.0[at].wrapping_add(other.0[at])
        }))
    }

    fn next(self, other: Self) -> Self {
        Self([self.0[1], self.0[2], self.0[3], other.0[0]])
    }

    fn last(self) -> Self {
        Self([self.0[2], self.0[3], 0, 0])
    }

    fn first(self) -> Self {
        Self([0, 0, self.0[0], self.0[1]])
    }

    fn xor(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] ^ other.0[at]))
    }

    fn right(self, bits: u32) -> Self {
        Self(self.0.map(|word| word >> bits))
    }

    fn left(self, bits: u32) -> Self {
        Self(self.0.map(|word| word << bits))
    }

    fn words(self) -> [u32; 4] {
        self.0
    }
}

/// The lower sigma of the standard, the first one: words turned by 7 and 18 bits, and moved by 3.
#[inline(always)]
fn sigma_0(words: Words) -> Words {
    // A turn is two moves, and what two moves have in common is moved once.
    let right = words.right(11).xor(words).right(4).xor(words).right(3);
    right.xor(words.left(11).xor(words).left(14))
}

/// The second one: turned by 17 and 19 bits, and moved by 10.
#[inline(always)]
fn sigma_1(words: Words) -> Words {
    let right = words.right(2).xor(words).right(7).xor(words).right(10);
    right.xor(words.left(2).xor(words).left(13))
}

/// The four words that come after sixteen.
#[inline(always)]
fn schedule([a, b, c, d]: [Words; 4]) -> Words {
    let known = a.plus(sigma_0(a.next(b))).plus(c.next(d));
    let half = known.plus(sigma_1(d.last()));
    // The other two stand on these; sigma of zero is zero.
    half.plus(sigma_1(half.first()))
}

// The last rounds leave what no round follows.
#[allow(unused_assignments)]
fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let mut words: [Words; 4] = std::array::from_fn(|at| Words::read(block, at));
    // The last round's `a ^ b` is this one's `b ^ c`.
    let mut differ = b ^ c;
    macro_rules! round {
        ($a:ident, $b:ident, $d:ident, $e:ident, $f:ident, $g:ident, $h:ident, $word:expr) => {{
            let turned = (($e.rotate_right(14) ^ $e).rotate_right(5) ^ $e).rotate_right(6);
            let first = $h
                .wrapping_add($word)
                .wrapping_add(turned)
                .wrapping_add($g ^ ($e & ($f ^ $g)));
            $d = $d.wrapping_add(first);
            let turned = (($a.rotate_right(9) ^ $a).rotate_right(11) ^ $a).rotate_right(2);
            let other = $a ^ $b;
            $h = first
                .wrapping_add(turned)
                .wrapping_add((other & differ) ^ $b);
            differ = other;
        }};
    }
    macro_rules! rounds {
        ($at:expr, $constants:expr, $more:expr) => {{
            let [k, l, m, n] = words[$at].plus(Words::of($constants)).words();
            if $more {
                words[$at] = schedule([
                    words[$at],
                    words[($at + 1) % 4],
                    words[($at + 2) % 4],
                    words[($at + 3) % 4],
                ]);
            }
            if $at % 2 == 0 {
                round!(a, b, d, e, f, g, h, k);
                round!(h, a, c, d, e, f, g, l);
                round!(g, h, b, c, d, e, f, m);
                round!(f, g, a, b, c, d, e, n);
            } else {
                round!(e, f, h, a, b, c, d, k);
                round!(d, e, g, h, a, b, c, l);
                round!(c, d, f, g, h, a, b, m);
                round!(b, c, e, f, g, h, a, n);
            }
        }};
    }
    for sixteen in &ROUNDS.as_chunks::<4>().0[..3] {
        rounds!(0, sixteen[0], true);
        rounds!(1, sixteen[1], true);
        rounds!(2, sixteen[2], true);
        rounds!(3, sixteen[3], true);
    }
    rounds!(0, ROUNDS[12], false);
    rounds!(1, ROUNDS[13], false);
    rounds!(2, ROUNDS[14], false);
    rounds!(3, ROUNDS[15], false);
    for (place, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *place = place.wrapping_add(word);
    }
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    #[test]
    fn the_digest_is_that_of_the_crate() {
        let text: Vec<u8> = (0..1000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for length in 0..text.len() {
            let text = &text[..length];
            assert_eq!(
                super::digest(text),
                *sha2::Sha256::digest(text),
                "{length} bytes"
            );
        }
    }
}
