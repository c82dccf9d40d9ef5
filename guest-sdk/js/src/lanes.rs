//! Sixteen bytes of a text at once: WebAssembly's 128-bit vectors, and elsewhere the same byte by byte.

/// Bytes that are looked at together.
pub const WIDTH: usize = 16;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod imp {
    use std::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub struct Lanes(v128);

    impl Lanes {
        #[inline(always)]
        #[allow(unsafe_code)]
        pub fn of(bytes: &[u8; super::WIDTH]) -> Self {
            // SAFETY: so many bytes, and a vector is loaded from any address.
            Self(unsafe { v128_load(bytes.as_ptr().cast()) })
        }

        #[inline(always)]
        pub fn is(self, byte: u8) -> Self {
            Self(u8x16_eq(self.0, u8x16_splat(byte)))
        }

        #[inline(always)]
        pub fn is_below(self, byte: u8) -> Self {
            Self(u8x16_lt(self.0, u8x16_splat(byte)))
        }

        #[inline(always)]
        pub fn is_digit(self) -> Self {
            let above = u8x16_sub(self.0, u8x16_splat(b'0'));
            Self(u8x16_lt(above, u8x16_splat(10)))
        }

        #[inline(always)]
        pub fn any(self) -> bool {
            v128_any_true(self.0)
        }

        #[inline(always)]
        pub fn or(self, other: Self) -> Self {
            Self(v128_or(self.0, other.0))
        }

        #[inline(always)]
        pub fn with_bits(self, bits: u8) -> Self {
            Self(v128_or(self.0, u8x16_splat(bits)))
        }

        #[inline(always)]
        pub fn high_bits(self) -> u32 {
            u32::from(u8x16_bitmask(self.0))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod imp {
    #[derive(Clone, Copy)]
    pub struct Lanes([u8; super::WIDTH]);

    impl Lanes {
        pub fn of(bytes: &[u8; super::WIDTH]) -> Self {
            Self(*bytes)
        }

        pub fn is(self, byte: u8) -> Self {
            Self(self.0.map(|lane| if lane == byte { 0xff } else { 0 }))
        }

        pub fn is_below(self, byte: u8) -> Self {
            Self(self.0.map(|lane| if lane < byte { 0xff } else { 0 }))
        }

        pub fn is_digit(self) -> Self {
            Self(self.0.map(|lane| 0xff * u8::from(lane.is_ascii_digit())))
        }

        pub fn any(self) -> bool {
            self.0 != [0; super::WIDTH]
        }

        pub fn or(self, other: Self) -> Self {
            Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
        }

        pub fn with_bits(self, bits: u8) -> Self {
            Self(self.0.map(|lane| lane | bits))
        }

        pub fn high_bits(self) -> u32 {
            let lanes = self.0.iter().enumerate();
            lanes.fold(0, |mask, (at, lane)| mask | u32::from(lane >> 7) << at)
        }
    }
}

/// Sixteen bytes. What compares them gives lanes of which all bits are set or none.
pub use imp::Lanes;

/// The sixteen bytes from here on; None if there are fewer.
#[inline(always)]
pub fn at(text: &[u8], at: usize) -> Option<Lanes> {
    Some(Lanes::of(text.get(at..)?.first_chunk()?))
}

/// Whether all bytes are ASCII.
#[inline]
pub fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (Some(last), false) = (text.last_chunk::<8>(), text.len() > 2 * WIDTH) else {
        return if text.len() < 8 {
            text.iter().fold(0, |all, byte| all | byte) < 0x80
        } else {
            is_long_ascii(text)
        };
    };
    let words = text.as_chunks::<8>().0.iter().chain([last]);
    words.fold(0, |all, word| all | u64::from_le_bytes(*word)) & HIGH == 0
}

fn is_long_ascii(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks::<WIDTH>();
    let (fours, last) = blocks.as_chunks::<4>();
    let none_of = |lanes: Lanes| lanes.high_bits() == 0;
    fours.iter().all(|[a, b, c, d]| {
        let [a, b, c, d] = [a, b, c, d].map(Lanes::of);
        none_of(a.or(b).or(c.or(d)))
    }) && last.iter().all(|block| none_of(Lanes::of(block)))
        && rest.iter().all(u8::is_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_in_the_order_of_the_text() {
        let text: Vec<u8> = (0..WIDTH as u8).map(|byte| byte * 17).collect();
        let lanes = at(&text, 0).unwrap();
        assert_eq!(lanes.is(34).high_bits(), 1 << 2);
        assert_eq!(lanes.is_below(18).high_bits(), 0b11);
        assert_eq!(lanes.is(34).or(lanes.is(0)).high_bits(), 0b101);
        assert_eq!(lanes.high_bits(), 0xff00);
        assert_eq!(lanes.is_digit().high_bits(), 1 << 3);
        assert!(lanes.is(51).any() && !lanes.is(52).any());
        assert_eq!(lanes.with_bits(0x80).high_bits(), 0xffff);
        assert!(at(&text, 1).is_none());
    }

    #[test]
    fn one_byte_that_is_no_ascii_is_found() {
        for length in 0..150 {
            let mut text = vec![0x7f; length];
            assert!(is_ascii(&text));
            for place in 0..length {
                text[place] = 0x80;
                assert!(!is_ascii(&text), "{place} of {length}");
                text[place] = 0;
            }
        }
    }
}
