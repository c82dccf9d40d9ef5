//! Which pages of the engine's memory the process has written to, as the kernel tells it (proc_pid_pagemap(5)).

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;

const PAGE: usize = 4096;
/// Bytes of a page's entry.
const ENTRY: usize = 8;
const PRESENT: u64 = 1 << 63;
/// Still the page of the snapshot's file, that is: never written to.
const OF_FILE: u64 = 1 << 61;

/// The stretches of neighbouring written pages in the one memory that is made of a snapshot: the first and the
/// last page of each.
pub fn stretches() -> Vec<(usize, usize)> {
    let maps = read_to_string("/proc/self/maps").unwrap();
    let images = maps
        .lines()
        .filter(|line| line.contains("wasm-memory-image"));
    let ranges: Vec<(usize, usize)> = images
        .map(|line| {
            let (start, rest) = line.split_once('-').unwrap();
            let end = rest.split_once(' ').unwrap().0;
            let address = |text| usize::from_str_radix(text, 16).unwrap();
            (address(start), address(end))
        })
        .collect();
    let [(start, end)] = ranges[..] else {
        panic!("{ranges:?}");
    };
    let mut entries = vec![0; (end - start) / PAGE * ENTRY];
    let pagemap = File::open("/proc/self/pagemap").unwrap();
    let offset = (start / PAGE * ENTRY) as u64;
    pagemap.read_exact_at(&mut entries, offset).unwrap();
    let written: Vec<bool> = entries
        .chunks_exact(ENTRY)
        .map(|entry| u64::from_le_bytes(entry.try_into().unwrap()))
        .map(|entry| entry & (PRESENT | OF_FILE) == PRESENT)
        .collect();
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for page in (0..written.len()).filter(|page| written[*page]) {
        match stretches.last_mut() {
            Some((_, end)) if *end + 1 == page => *end = page,
            _ => stretches.push((page, page)),
        }
    }
    stretches
}
