//! Which pages of the engine's memory the process has written to, as the kernel tells it (proc_pid_pagemap(5)).

use std::fs::{File, read_to_string};
use std::ops::Range;
use std::os::unix::fs::FileExt;

const PAGE: usize = 4096;
/// Bytes of a page's entry.
const ENTRY: usize = 8;
const PRESENT: u64 = 1 << 63;
/// Still the page of the snapshot's file, that is: never written to.
const OF_FILE: u64 = 1 << 61;

/// The addresses of the memories that are made of a snapshot. In front of the snapshot lies the stack, and behind it
/// what is free.
pub fn memories() -> Vec<Range<usize>> {
    let maps = read_to_string("/proc/self/maps").unwrap();
    let mut memories: Vec<Range<usize>> = Vec::new();
    let mut in_front = 0..0;
    for line in maps.lines() {
        let (start, rest) = line.split_once('-').unwrap();
        let (end, rest) = rest.split_once(' ').unwrap();
        let address = |text| usize::from_str_radix(text, 16).unwrap();
        let (start, end) = (address(start), address(end));
        let is_writable = rest.starts_with("rw-p");
        match memories.last_mut() {
            Some(last) if last.end == start && is_writable => last.end = end,
            _ if !line.contains("wasm-memory-image") => {}
            _ if in_front.end == start => memories.push(in_front.start..end),
            _ => memories.push(start..end),
        }
        in_front = if is_writable { start..end } else { 0..0 };
    }
    memories
}

/// The pages of a memory that were written to.
pub fn pages(memory: Range<usize>) -> Vec<usize> {
    let mut entries = vec![0; memory.len() / PAGE * ENTRY];
    let pagemap = File::open("/proc/self/pagemap").unwrap();
    let offset = (memory.start / PAGE * ENTRY) as u64;
    pagemap.read_exact_at(&mut entries, offset).unwrap();
    entries
        .chunks_exact(ENTRY)
        .map(|entry| u64::from_le_bytes(entry.try_into().unwrap()))
        .enumerate()
        .filter(|(_, entry)| entry & (PRESENT | OF_FILE) == PRESENT)
        .map(|(page, _)| page)
        .collect()
}
