use super::*;

/// Scans a value with each of many texts behind it, so that it ends in a block and behind the last one.
fn scan(text: &str) -> Scan {
    let of = |text: &str| match text.as_bytes()[0] {
        b'"' => string(text.as_bytes(), 0),
        _ => nested(text.as_bytes(), 0),
    };
    let alone = of(text);
    for behind in [
        ",",
        "]",
        "}",
        ",\"a\":1}",
        " , 12345678901234567890",
        ":",
        "]]]]]]]]]]]]]]]]]]]]]",
        "\"\\u0020   ",
    ] {
        if text.starts_with('"') && behind == ":" {
            continue;
        }
        assert_eq!(
            of(&format!("{text}{behind}")),
            alone,
            "{text} before {behind}"
        );
    }
    alone
}

#[test]
fn what_json_stringify_writes_is_usual() {
    for text in [
        "{}",
        "[]",
        r#"{"a":[1,"x,y",{"b":1.10}],"c1":null}"#,
        r#"["1","\n\u001f\u0001 é"]"#,
        r#"{"a":"9","b":"{\"1\":2}"}"#,
        r#"["","","","","","","","","",""]"#,
        r#"[{"a":"1"},{"b":"2"},{"c":"3"},{"d":["4","5"]}]"#,
        r#"{"a long name that fills more than a block":"a long value: with colons, and brackets ]}"}"#,
        r#""plain \" \\ \u001e""#,
        r#""\"\n\t\r\b\f\"\n\t\r\b\f\"\n\t\r\b\f\"\n\t\r\b\f and so on \n""#,
        r#""\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\""#,
    ] {
        assert_eq!(
            scan(text),
            Scan {
                end: text.len(),
                is_usual: true
            },
            "{text}"
        );
    }
    for text in [
        "{ }",
        "[1, 2]",
        r#"{"1":2}"#,
        r#"["\/"]"#,
        r#"["\u00e9"]"#,
        r#"["\u001F"]"#,
        r#"["\u000a"]"#,
        r#"{"a":1,"07":2}"#,
        r#"{"x":"aa","1":2}"#,
        r#"{"xxxxxxxxxxx":1,"1":2}"#,
        r#"{"xxxxxxxxx":1,"12":2}"#,
        r#"{"xxxxxxxxxx":1,"2":2}"#,
        r#"{"1 and a name that fills more than a block":0}"#,
        r#""\u0041""#,
        r#""\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\/\n\n\n\n\n\n\n\n\n\n\n\n\n""#,
    ] {
        assert_eq!(
            scan(text),
            Scan {
                end: text.len(),
                is_usual: false
            },
            "{text}"
        );
    }
}

#[test]
fn a_name_that_is_a_number_is_found_wherever_it_stands() {
    for shift in 0..40 {
        for name in ["1", "12", "x1", ""] {
            let text = format!(r#"{{"{}":"9","{name}":["3"]}}"#, "y".repeat(shift));
            let is_usual = !name.starts_with(|c: char| c.is_ascii_digit());
            assert_eq!(
                scan(&text),
                Scan {
                    end: text.len(),
                    is_usual
                },
                "{text}"
            );
        }
    }
}

#[test]
fn white_space_is_found_wherever_it_stands() {
    for shift in 0..40 {
        let text = format!(r#"["{}",[{{}}], 1]"#, "z".repeat(shift));
        assert_eq!(
            scan(&text),
            Scan {
                end: text.len(),
                is_usual: false
            },
            "{text}"
        );
        let text = text.replace(' ', "");
        assert_eq!(
            scan(&text),
            Scan {
                end: text.len(),
                is_usual: true
            },
            "{text}"
        );
    }
}

#[test]
fn brackets_and_quotes_are_told_apart_in_any_place() {
    let mut seed = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::from("[");
        let mut length = 0;
        while length < 12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let parts = [
                r#""""#,
                r#""a]""#,
                r#""\"""#,
                r#""\\""#,
                "[]",
                "{}",
                "1",
                r#"{"a":[]}"#,
                r#""[{""#,
                r#"["x"]"#,
                "true",
                r#""\u0001""#,
            ];
            text.push_str(parts[(seed >> 33) as usize % parts.len()]);
            text.push(',');
            length += 1;
        }
        text.pop();
        text.push(']');
        assert_eq!(
            nested(text.as_bytes(), 0),
            Scan {
                end: text.len(),
                is_usual: true
            },
            "{text}"
        );
        let more = format!("{text},[1]]");
        assert_eq!(nested(more.as_bytes(), 0).end, text.len(), "{more}");
    }
}

#[test]
fn elements_are_counted_and_found() {
    let mut seed = 11_u64;
    for round in 0..600 {
        let mut parts = Vec::new();
        for _ in 0..round * 3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let all = [
                "[]",
                "{}",
                "7",
                "-1.5e3",
                "true",
                r#""""#,
                r#""a,b]""#,
                r#""\",""#,
                "[[1,2],[]]",
                "[1,[2,[3,4],5],6]",
                r#"{"a":1,"b":[1,2]}"#,
                r#"{"a":{"b":{}},"c":"}"}"#,
                "[[[[[[[[[[[[]]]]]]]]]]]]",
                r#"["x","y","z"]"#,
                r#""a text that is longer than a block, with commas""#,
                "null",
            ];
            parts.push(all[(seed >> 33) as usize % all.len()]);
        }
        let between = [",", " , ", ",\n"][round % 3];
        let text = format!("[{}{}]", parts.join(between), [" ", ""][round % 2]);
        for text in [
            format!("{text},[1,2]]"),
            format!("{text}]]]]]]]]]]]]]]]]]"),
            text,
        ] {
            let elements = Elements::of(text.as_bytes(), 0);
            assert_eq!(elements.count as usize, parts.len(), "{text}");
            for index in (0..parts.len())
                .step_by(7)
                .chain(parts.len().checked_sub(1))
            {
                let (from, to) = elements.place(text.as_bytes(), index as u32).unwrap();
                assert_eq!(&text[from..to], parts[index], "{index} of {text}");
            }
            assert_eq!(elements.place(text.as_bytes(), parts.len() as u32), None);
        }
    }
}

#[test]
fn what_is_long_is_passed_over_as_byte_by_byte() {
    let mut seed = 5_u64;
    let mut chance = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % most
    };
    let mut usual = [0; 2];
    for _ in 0..4_000 {
        let odd = chance(4) == 0;
        let strings = [
            r#""""#,
            r#""\\""#,
            r#""\\\"\\\\\"]""#,
            r#""12:30""#,
            r#""x:\n""#,
            r#""7, and a text that is longer than what is looked at together; so it ends in another block""#,
            r#""\u001f\u0000""#,
            if odd { r#""\/""# } else { r#""é""# },
            if odd {
                r#""\u00e9 ""#
            } else {
                "\"\u{1f6a8} \""
            },
        ];
        let names = ["a", "b}", "x1", r"\\", if odd { "1" } else { "c" }];
        let gap = if odd && chance(2) == 0 { " " } else { "" };
        let (mut text, mut open) = (String::from("["), vec![b']']);
        for _ in 0..chance(120) {
            let inner = *open.last().unwrap();
            if inner == b'}' {
                text.push_str(&format!("\"{}\":{gap}", names[chance(names.len())]));
            }
            match chance(8) {
                0 => {
                    text.push('{');
                    open.push(b'}');
                    continue;
                }
                1 => {
                    text.push('[');
                    open.push(b']');
                    continue;
                }
                2 => text.push_str("-12.5"),
                _ => text.push_str(strings[chance(strings.len())]),
            }
            while open.len() > 1 && chance(3) == 0 {
                text.push(char::from(open.pop().unwrap()));
            }
            text.push(',');
        }
        // A last element that is there in any case, so that no comma stands before a bracket.
        while let Some(bracket) = open.pop() {
            if bracket == b'}' {
                text.push_str("\"z\":");
            }
            text.push('0');
            text.push(char::from(bracket));
            if !open.is_empty() {
                text.push(',');
            }
        }
        let scan = rest(text.as_bytes(), 1, 1, true);
        assert_eq!(scan.end, text.len());
        usual[usize::from(scan.is_usual)] += 1;
        for behind in ["", "]", ",\"1\":2 }", " , \"1\" \\ : "] {
            let text = format!("{text}{behind}");
            assert_eq!(nested(text.as_bytes(), 0), scan, "{text}");
            let (passed, elements) = Elements::passed(text.as_bytes(), 0);
            assert_eq!(passed, scan, "{text}");
            let last = elements.count - 1;
            assert!(elements.place(text.as_bytes(), last).is_some(), "{text}");
            assert_eq!(elements.place(text.as_bytes(), last + 1), None);
        }
    }
    assert!(usual.iter().all(|count| *count > 500), "{usual:?}");
}
