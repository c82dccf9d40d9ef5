use std::io::Write;

use super::*;

/// `hello hello hello`, by Node's zlib.
const BROTLI: &str = "1b1000f88d946ede445586966c206f014f1c601c";
/// 64 MiB of zeros in 107 bytes, by the same.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f0110870500baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe0980382c00d0bdffcbffff3ffc1300715800a07bff07";

fn bytes(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

#[test]
fn brotli_and_zstd_are_undone() {
    let text = b"hello hello hello";
    assert_eq!(unbrotli(&bytes(BROTLI), 17).unwrap(), text);
    assert_eq!(unzstd(&zstd(text), 17).unwrap(), text);
    // A body may be several frames.
    assert_eq!(
        unzstd(&[zstd(text), zstd(b" again")].concat(), 100).unwrap(),
        b"hello hello hello again"
    );
    assert_eq!(unzstd(&zstd(b""), 0).unwrap(), b"");
}

#[test]
fn the_bound_is_exact_and_bombs_go_off_small() {
    let text = vec![b'x'; 1000];
    let zeros = vec![0; 64 * 1024 * 1024];
    let bomb = zstd(&zeros);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    let brotli = bytes(BROTLI_BOMB);
    assert!(bomb.len() < 10_000 && gzip.len() < 100_000 && brotli.len() < 200);
    assert_eq!(unzstd(&zstd(&text), 1000).unwrap(), text);
    assert_eq!(unzstd(&zstd(&text), 999), Err(CodingError::TooLarge));
    assert_eq!(unbrotli(&bytes(BROTLI), 16), Err(CodingError::TooLarge));
    for most in [0, 1, 1000, 1024 * 1024] {
        assert_eq!(unzstd(&bomb, most), Err(CodingError::TooLarge));
        assert_eq!(unbrotli(&brotli, most), Err(CodingError::TooLarge));
        assert_eq!(gunzip(&gzip, most), Err(CodingError::TooLarge));
    }
}

#[test]
fn every_cut_is_an_error_and_no_shorter_body() {
    let whole = zstd(b"hello hello hello");
    for end in 1..whole.len() {
        let cut = unzstd(&whole[..end], 100);
        assert!(matches!(cut, Err(CodingError::Broken(_))), "{end}: {cut:?}");
    }
    let whole = bytes(BROTLI);
    for end in 0..whole.len() {
        let cut = unbrotli(&whole[..end], 100);
        assert!(matches!(cut, Err(CodingError::Broken(_))), "{end}: {cut:?}");
    }
}

#[test]
fn a_window_beyond_the_bound_is_refused() {
    let mut large = zstd::Encoder::new(Vec::new(), 1).unwrap();
    large.window_log(25).unwrap();
    large.write_all(b"x").unwrap();
    // Flushed before the size is known, so the frame names the window that it was made with.
    large.flush().unwrap();
    let frame = large.finish().unwrap();
    let refused = unzstd(&frame, 100);
    assert!(
        matches!(refused, Err(CodingError::Broken(_))),
        "{refused:?}"
    );
}

proptest::proptest! {
    #[test]
    fn bytes_of_any_kind(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        for undo in [gunzip, inflate, unbrotli, unzstd] {
            if let Ok(out) = undo(&body, 1000) {
                proptest::prop_assert!(out.len() <= 1000);
            }
        }
    }
}
