//! Images of memory that is made up.

use super::super::shared::{Pool, digest_of};
use super::*;

/// Memory from address `START` on.
const START: usize = 2 * PAGE + 32;

fn snapshot(bytes: &[u8]) -> Arc<Snapshot> {
    let mut keeping = Keeping::Snapshot(Snapshot::default());
    keep(&mut keeping, bytes);
    match keeping {
        Keeping::Snapshot(snapshot) => Arc::new(snapshot),
        Keeping::Changes(_) => panic!(),
    }
}

fn image(was: &[u8], now: &[u8]) -> Image {
    let mut keeping = Keeping::Changes(Changes::to(snapshot(was), MOST, 0));
    keep(&mut keeping, now);
    match keeping {
        Keeping::Changes(changes) => changes.into_image(share),
        Keeping::Snapshot(_) => panic!(),
    }
}

/// As if no other script had it.
fn share(layer: Layer) -> Arc<Shared<Layer>> {
    Pool::default().share(digest_of(&layer.to_bytes()), layer)
}

/// What the engine does with it; the pages that memory must have.
fn put(image: &Image, memory: &mut Vec<u8>) -> usize {
    let (mut first, mut pages) = (0, 0);
    while let Some(part) = image.part(first) {
        let (of_layer, behind) = put_layer(image, first, memory);
        pages = pages.max(of_layer);
        assert_eq!(word(part, 12) == 1, image.part(behind).is_some());
        first = behind;
    }
    pages
}

fn word(part: &[u8], at: usize) -> usize {
    u32::from_le_bytes(part[at..at + 4].try_into().unwrap()) as usize
}

/// The pages that memory must have, and the part behind the layer's last.
fn put_layer(image: &Image, from: u32, memory: &mut Vec<u8>) -> (usize, u32) {
    let first = image.part(from).unwrap();
    let (pages, small) = (word(first, 4), word(first, 8) as u32);
    memory.resize(memory.len().max((pages * PAGE).saturating_sub(START)), 0);
    let mut large = from + small;
    for index in 0..small {
        let part = image.part(from + index).unwrap();
        assert!(part.len() <= PART);
        let mut at = if index == 0 { HEAD } else { 0 };
        while at < part.len() {
            let (to, length) = (word(part, at), word(part, at + 4));
            assert!(to % BLOCK == 0 && length % BLOCK == 0 && length > 0);
            let is_large = word(part, at + 8) == 1;
            at += HEAD;
            let bytes = match is_large {
                true => {
                    large += 1;
                    &image.part(large - 1).unwrap()[..]
                }
                false => &part[at..at + length],
            };
            assert!(bytes.len() == length && length <= PART);
            memory[to - START..][..length].copy_from_slice(bytes);
            at += if is_large { 0 } else { length };
        }
    }
    (pages, large)
}

/// Gives the memory as the engine does.
fn keep(keeping: &mut Keeping, memory: &[u8]) {
    for (index, part) in memory.chunks(PART).enumerate() {
        keeping.take(START + index * PART, part);
    }
}

#[test]
fn an_image_makes_of_the_snapshot_what_memory_was() {
    let size = 5 * PAGE - 32;
    let was: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
    let mut now = was.clone();
    now.resize(size + 3 * PAGE, 0);
    // The first and the last block, single bytes, a stretch over the end of a part, and one behind the snapshot.
    for at in [0, 100, 150, 4_095, 4_096, 9_000, size - 1, size + 17] {
        now[at] ^= 0x80;
    }
    now[100_000..230_000].fill(7);
    let made = image(&was, &now);
    let mut memory = was.clone();
    assert_eq!(put(&made, &mut memory), 10);
    assert!(memory[..now.len()] == now);
    // The chunk at the snapshot's end is there as a whole.
    let most = 130_000 + CHUNK + 130_000 / 64;
    assert!(made.bytes().1 < most, "{:?}", made.bytes());
    assert_eq!(Image::of_bytes(&made.to_bytes(), |_| None), Some(made));
}

#[test]
fn stretches_of_each_length_come_back() {
    let was = vec![0; 4 * PAGE];
    let around = |length: usize| (length - 200..length + 200).step_by(BLOCK);
    for length in around(LARGE).chain(around(PART)) {
        let mut now = was.clone();
        now[..length].fill(1);
        now[length + GAP + 100..][..40].fill(2);
        let mut memory = was.clone();
        put(&image(&was, &now), &mut memory);
        assert!(memory[..now.len()] == now, "{length}");
    }
    // Many small ones fill parts.
    let mut now = was.clone();
    for at in (0..now.len()).step_by(2 * GAP) {
        now[at] = 9;
    }
    let mut memory = was.clone();
    put(&image(&was, &now), &mut memory);
    assert!(memory[..now.len()] == now);
}

#[test]
fn what_is_equal_costs_nothing_and_what_is_too_large_is_not_kept() {
    let was = vec![3; 2 * PAGE];
    assert_eq!(image(&was, &was).bytes(), (0, HEAD));
    let large = vec![1; MOST + PAGE];
    assert_eq!(image(&was, &large), Image::default());

    let changed = |text: usize| {
        let mut keeping = Keeping::Changes(Changes::to(snapshot(&was), text, 0));
        let now = vec![1; ALWAYS + PAGE];
        keep(&mut keeping, &now);
        match keeping {
            Keeping::Changes(changes) => changes.into_image(share),
            Keeping::Snapshot(_) => panic!(),
        }
    };
    assert_eq!(changed(PAGE / MOST_BY_TEXT / 2), Image::default());
    assert!(changed(2 * PAGE / MOST_BY_TEXT).bytes().1 > ALWAYS + PAGE);
}

/// The engine gives its memory after each module that is compiled first, and at the end.
fn layered(memories: &[&[u8]]) -> Image {
    let layers = memories.len() - 2;
    let mut keeping = Keeping::Changes(Changes::to(snapshot(memories[0]), MOST, layers));
    for memory in &memories[1..=layers] {
        keep(&mut keeping, memory);
        keeping.end_layer();
    }
    keep(&mut keeping, memories[layers + 1]);
    match keeping {
        Keeping::Changes(changes) => changes.into_image(share),
        Keeping::Snapshot(_) => panic!(),
    }
}

#[test]
fn each_layer_is_the_difference_to_the_one_before() {
    let was = vec![0; 3 * PAGE - 32];
    let mut library = was.clone();
    library[1_000..90_000].fill(1);
    library.resize(4 * PAGE - 32, 2);
    let mut other = library.clone();
    other[50_000..50_100].fill(3);
    // What the last layer frees is as it was before the first.
    let mut own = other.clone();
    own[2_000..2_400].fill(0);
    own[50_050..50_060].fill(4);
    let made = layered(&[&was, &library, &other, &own]);
    let mut memory = was.clone();
    assert_eq!(put(&made, &mut memory), 6);
    assert!(memory[..own.len()] == own);
    let (shared, bytes) = made.bytes();
    assert!(shared > 89_000 + PAGE && bytes < 1_000, "{shared} {bytes}");

    // Another script with the same modules differs in its own layer alone.
    let mut another = other.clone();
    another[3 * PAGE..][..64].fill(5);
    let second = layered(&[&was, &library, &other, &another]);
    let digests = |image: &Image| -> Vec<Digest> {
        image.layers().iter().map(|layer| *layer.digest()).collect()
    };
    assert_eq!(digests(&made), digests(&second));
    assert_eq!(digests(&made).len(), 2);
    assert_ne!(made, second);

    let layers = made.layers().to_vec();
    let find = |digest: &Digest| layers.iter().find(|one| one.digest() == digest).cloned();
    assert_eq!(Image::of_bytes(&made.to_bytes(), find), Some(made.clone()));
    assert_eq!(Image::of_bytes(&made.to_bytes(), |_| None), None);
    assert_eq!(Image::of_bytes(&made.to_bytes()[..40], find), None);
    for layer in made.layers() {
        assert_eq!(&Layer::of_bytes(&layer.value().to_bytes()), layer.value());
    }
}
