//! Which characters are the same when case is ignored (ECMA-262, `Canonicalize`). Without `u` two
//! are if their upper-case mappings are; with `u` or `v` by Unicode's simple case folding.

use std::sync::LazyLock;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::ranges::Ranges;

/// The set and all characters that are the same as one of its own if case is ignored. With `unicode`, halves of
/// surrogate pairs are left out.
pub(super) fn case_closure(set: &Ranges, unicode: bool) -> Ranges {
    if unicode {
        let mut class = ClassUnicode::new(scalars(set));
        class.case_fold_simple();
        let folded = from_class(&class);
        let mut ranges = folded.as_slice().to_vec();
        for (upper, lower) in NEWER.iter() {
            if folded.contains(*upper) || folded.contains(*lower) {
                ranges.extend([(*upper, *upper), (*lower, *lower)]);
            }
        }
        return Ranges::new(ranges);
    }
    let mut ranges = set.as_slice().to_vec();
    for group in GROUPS.chunk_by(|(a, _), (b, _)| a == b) {
        if group.iter().any(|(_, unit)| set.contains(*unit)) {
            ranges.extend(group.iter().map(|(_, unit)| (*unit, *unit)));
        }
    }
    Ranges::new(ranges)
}

/// The characters of a class.
pub(super) fn from_class(class: &ClassUnicode) -> Ranges {
    let ranges = class.iter();
    Ranges::new(
        ranges
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
    )
}

/// The set without halves of surrogate pairs.
pub(super) fn scalars(set: &Ranges) -> Vec<ClassUnicodeRange> {
    let mut ranges = Vec::with_capacity(set.as_slice().len());
    for (from, to) in set.as_slice() {
        for (least, most) in [(0, 0xD7FF), (0xE000, 0x10_FFFF)] {
            let (from, to) = (*from.max(&least), *to.min(&most));
            if from <= to
                && let (Some(from), Some(to)) = (char::from_u32(from), char::from_u32(to))
            {
                ranges.push(ClassUnicodeRange::new(from, to));
            }
        }
    }
    ranges
}

/// Pairs of a canonical code unit and one that is the same as it, sorted; only of units that have such a one.
static GROUPS: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    let mut groups = Vec::new();
    for unit in 0..=0xFFFF {
        let upper = upper(unit);
        if upper != unit {
            groups.extend([(upper, unit), (upper, upper)]);
        }
    }
    groups.sort_unstable();
    groups.dedup();
    groups
});

/// Letters with their lower case that the standard library, and with it the script engine, has from a
/// newer Unicode than `regex_syntax`.
static NEWER: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    let letters = ('\u{80}'..='\u{1FFFF}').filter_map(|letter| {
        let mut lower = letter.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(lower), None) if lower != letter => Some((letter, lower)),
            _ => None,
        }
    });
    let unknown = letters.filter(|(letter, _)| {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(*letter, *letter)]);
        class.case_fold_simple();
        class.literal().is_some()
    });
    unknown
        .map(|(letter, lower)| (letter.into(), lower.into()))
        .collect()
});

/// ECMA-262's `Canonicalize` without `u`: the upper-case mapping, or the unit itself where that is not one code unit
/// or would make ASCII of what is not ASCII.
fn upper(unit: u32) -> u32 {
    let Some(letter) = char::from_u32(unit) else {
        return unit;
    };
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if one <= '\u{FFFF}' && (one >= '\u{80}' || unit < 0x80) => one.into(),
        _ => unit,
    }
}
