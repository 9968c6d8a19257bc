//! The one reader of bytes that come from a server or a store.

use grantkit::protocol::json::{DEPTH, Json, MEMBERS, read, read_object};
use serde_json::{Value, json};

use crate::generator::Generator;

fn text(value: &Json) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// The decisive cases of the public JSON parsing test suites: all must be refused.
#[test]
fn r011_what_is_not_json_is_refused() {
    for refused in [
        // structures
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[[]",
        "[]]",
        "{}}",
        "{}{}",
        "[1]x",
        "{}#",
        "{}/**/",
        "/**/{}",
        "{/*x*/}",
        "{}//",
        "[1 2]",
        "[1,,2]",
        "[,1]",
        "[1,]",
        "[,]",
        "[1:2]",
        "[1;2]",
        "{1:2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\"::1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "[1}",
        "{null:1}",
        "{[]:1}",
        "{\"a\":1,\"b\"",
        "{\"a\":1,\"b\":",
        "<html>",
        "\u{feff}",
        "\u{feff}\u{feff}{}",
        "{}\u{feff}",
        "{\u{feff}}",
        // white space that JSON does not have
        "\u{c}{}",
        "\u{b}{}",
        "{}\u{a0}",
        "[\u{2060}]",
        "[\u{85}1]",
        "{}\0",
        "\0{}",
        // words
        "nul",
        "nulll",
        "True",
        "TRUE",
        "tru",
        "truth",
        "falsee",
        "undefined",
        "NaN",
        "[nan]",
        "Infinity",
        "-Infinity",
        "[+Inf]",
        // numbers
        "01",
        "-01",
        "00",
        "-",
        "--1",
        "+1",
        "1+2",
        "1.",
        ".5",
        "-.5",
        "1.e1",
        "1e",
        "1E+",
        "1e-",
        "1e1.0",
        "1eE2",
        "0e",
        "0x1",
        "0b1",
        "1_000",
        "1,000",
        "1 000",
        "1a",
        "\u{ff11}",
        "[1.2.3]",
        "[-1x]",
        // strings
        "\"",
        "\"a",
        "'a'",
        "\"\\\"",
        "\"\\",
        "\"\\a\"",
        "\"\\x00\"",
        "\"\\0\"",
        "\"\\'\"",
        "\"\\U0041\"",
        "\"\\u\"",
        "\"\\u00\"",
        "\"\\u00g0\"",
        "\"\\u+123\"",
        "\"\\u 123\"",
        "\"\\u\u{ff10}\u{ff10}\u{ff10}\u{ff10}\"",
        "\"\t\"",
        "\"\n\"",
        "\"\r\"",
        "\"\0\"",
        "\"\u{1f}\"",
        "\"\\\n\"",
        "\u{201c}a\u{201d}",
        // surrogates
        "\"\\ud800\"",
        "\"\\udfff\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\u\"",
        "\"\\ud83e\\ue000\"",
        "\"\\ud83e\\udbff\"",
        "{\"\\ud800\":1}",
    ] {
        assert!(read(refused.as_bytes()).is_err(), "{refused:?}");
    }
}

#[test]
fn r011_what_is_json_is_read() {
    for (accepted, same) in [
        ("{}", json!({})),
        ("\u{feff}{}", json!({})),
        (" \t\r\n[ ]\n", json!([])),
        ("[[]]", json!([[]])),
        ("[null,true,false]", json!([null, true, false])),
        ("\"\"", json!("")),
        ("0", json!(0)),
        ("-0", json!(-0.0)),
        ("-1", json!(-1)),
        ("1E22", json!(1e22)),
        ("1e+2", json!(100.0)),
        ("123.456e-7", json!(123.456e-7)),
        ("0.0", json!(0.0)),
        ("0e1", json!(0.0)),
        ("{\"\":0}", json!({"": 0})),
        ("{\"a\\u0000b\":1}", json!({"a\u{0}b": 1})),
        (
            "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}",
            json!({"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]}),
        ),
        ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", json!("\"\\/\u{8}\u{c}\n\r\t")),
        ("\"\\u0041\\u00e9\\u20AC\"", json!("Aé€")),
        ("\"\\ud83e\\udd80\\uDBFF\\uDFFF\"", json!("🦀\u{10ffff}")),
        ("\"\\uFFFF\\ufdd0\u{fffe}\"", json!("\u{ffff}\u{fdd0}\u{fffe}")),
        ("\"\u{2028}\u{2029}\u{7f}\u{80}\"", json!("\u{2028}\u{2029}\u{7f}\u{80}")),
        ("\"\u{feff}\"", json!("\u{feff}")),
        ("\"\\u0000\"", json!("\u{0}")),
    ] {
        let value = read(accepted.as_bytes());
        let value = value.unwrap_or_else(|_| panic!("{accepted:?}"));
        let seen: Value = serde_json::from_str(&text(&value)).unwrap();
        assert_eq!(seen, same, "{accepted:?}");
    }
}

#[test]
fn r011_a043_only_utf_8_is_read() {
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\x80\"",
        b"\"\xc3\"",
        b"\"\xc0\x80\"",
        b"\"\xc1\xbf\"",
        b"\"\xe0\x80\x80\"",
        b"\"\xe2\x82\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xed\xbf\xbf\"",
        b"\"\xf0\x80\x80\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xf5\x80\x80\x80\"",
        b"\"\xf8\x88\x80\x80\x80\"",
        b"{\"\xe9\":1}",
        b"{}\xff",
        b"\xef\xbb{}",
        b"\xfe\xff\0{\0}",
        b"\xff\xfe{\0}\0",
        b"{\0}\0",
    ] {
        assert!(read(bytes).is_err(), "{bytes:?}");
    }
    assert!(read(b"\"\xf4\x8f\xbf\xbf\"").is_ok());
}

#[test]
fn r011_a041_no_name_stands_twice_at_any_depth() {
    for refused in [
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\":1,\"\":2}",
        "{\"x\":{\"a\":1,\"a\":2}}",
        "[{\"a\":1,\"a\":2}]",
        "{\"x\":[{\"y\":{\"a\":null,\"a\":null}}]}",
        "{\"__proto__\":1,\"__proto__\":2}",
        "{\"\\ud83e\\udd80\":1,\"🦀\":2}",
    ] {
        assert!(read(refused.as_bytes()).is_err(), "{refused}");
    }
    // Names are compared as they are: neither case nor composition makes them equal.
    for accepted in ["{\"a\":1,\"A\":2}", "{\"\u{e9}\":1,\"e\u{301}\":2}", "{\"a\":1,\"a \":2}"] {
        assert!(read(accepted.as_bytes()).is_ok(), "{accepted}");
    }
}

#[test]
fn r011_a043_depth_and_breadth_have_an_end() {
    let arrays = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let objects = |n: usize| "{\"a\":".repeat(n - 1) + "{}" + &"}".repeat(n - 1);
    let mixed = |n: usize| "[{\"a\":".repeat(n / 2) + "0" + &"}]".repeat(n / 2);
    for deep in [arrays, objects, mixed] {
        assert!(read(deep(DEPTH).as_bytes()).is_ok());
        assert!(read(deep(DEPTH + 2).as_bytes()).is_err());
    }
    assert!(read(arrays(DEPTH + 1).as_bytes()).is_err());
    assert!(read(objects(DEPTH + 1).as_bytes()).is_err());
    for open in ["[", "{\"a\":", "[{\"a\":", "[[],"] {
        assert!(read(open.repeat(100_000).as_bytes()).is_err(), "{open}");
    }
    assert!(read(arrays(100_000).as_bytes()).is_err());

    let wide = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"{i}\":0")).collect();
        format!("{{\"a\":{{{}}}}}", members.join(","))
    };
    assert!(read(wide(MEMBERS).as_bytes()).is_ok());
    assert!(read(wide(MEMBERS + 1).as_bytes()).is_err());
}

#[test]
fn r011_an_object_must_be_on_top() {
    for other in ["[]", "null", "\"x\"", "1", "true", "[{}]"] {
        assert!(read(other.as_bytes()).is_ok(), "{other}");
        assert!(read_object(other.as_bytes()).is_err(), "{other}");
    }
    assert!(read_object(b"\xef\xbb\xbf {} ").is_ok());
}

#[test]
fn r074_a043_numbers_without_bound_are_read_and_do_not_fit() {
    for (number, whole, floor) in [
        ("0", Some(0), Some(0)),
        ("-0", Some(0), Some(0)),
        ("-0.0e5", Some(0), Some(0)),
        ("1e400", None, None),
        ("-1e400", None, None),
        ("1e99999999999999999999", None, None),
        ("1e-99999999999999999999", None, None),
        ("0e9223372036854775806", Some(0), Some(0)),
        ("1e9223372036854775807", None, None),
        ("1e-9223372036854775807", None, Some(0)),
        ("-1e-9223372036854775807", None, Some(-1)),
        ("9223372036854775807", None, Some(i64::MAX)),
        ("9223372036854775808", None, None),
        ("9007199254740992", Some(1 << 53), Some(1 << 53)),
        ("9007199254740993", None, Some((1 << 53) + 1)),
        ("-9223372036854775807", None, Some(-i64::MAX)),
        ("-9223372036854775807.5", None, Some(i64::MIN)),
        ("9223372036854775807.9", None, Some(i64::MAX)),
        ("10000000000000000000000e-12", Some(10_000_000_000), Some(10_000_000_000)),
        ("0.0000001e7", Some(1), Some(1)),
        ("1.5", None, Some(1)),
        ("-1.5", None, Some(-2)),
        ("-1.0", Some(-1), Some(-1)),
        ("15e-1", None, Some(1)),
        ("1.50e1", Some(15), Some(15)),
    ] {
        let value = read(number.as_bytes()).unwrap();
        assert_eq!(value.as_integer(), whole, "{number}");
        assert_eq!(value.as_floor(), floor, "{number}");
    }
    let long = format!("1{}e-{}", "0".repeat(50_000), 50_000);
    assert_eq!(read(long.as_bytes()).unwrap().as_integer(), Some(1));
}

/// Rounding agrees with floating point where that is exact.
#[test]
fn r094_numeric_dates_with_fractions_are_rounded_down() {
    let mut random = Generator::new(94);
    for _ in 0..20_000 {
        let negative = if random.below(2) == 0 { "-" } else { "" };
        let whole = random.below(1_000_000_000);
        let fraction = random.below(1000);
        let exponent = random.below(7) as i64 - 3;
        let text = format!("{negative}{whole}.{fraction:03}e{exponent}");
        let thousandth: i128 = format!("{negative}{whole}{fraction:03}").parse().unwrap();
        let (scale, divisor) = match exponent {
            0.. => (10i128.pow(exponent as u32), 1000),
            _ => (1, 1000 * 10i128.pow(-exponent as u32)),
        };
        let floor = (thousandth * scale).div_euclid(divisor) as i64;
        let exact = (thousandth * scale).rem_euclid(divisor) == 0;
        let value = read(text.as_bytes()).unwrap();
        assert_eq!(value.as_floor(), Some(floor), "{text}");
        assert_eq!(value.as_integer(), exact.then_some(floor), "{text}");
    }
}

#[test]
fn r013_a042_names_of_javascript_are_names() {
    let text =
        "{\"__proto__\":{\"polluted\":1},\"constructor\":2,\"toString\":3,\"hasOwnProperty\":4}";
    let object = read_object(text.as_bytes()).unwrap();
    assert_eq!(object.get("__proto__").unwrap().as_object().unwrap().to_text(), "{\"polluted\":1}");
    assert_eq!(object.get("constructor").unwrap().as_integer(), Some(2));
    assert!(object.get("polluted").is_none() && object.get("valueOf").is_none());
    assert_eq!(object.to_text(), text);
    let names: Vec<&str> = object.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["__proto__", "constructor", "toString", "hasOwnProperty"]);
}

/// A value, its text written in some of the many ways that JSON allows.
fn any(random: &mut Generator, depth: usize, out: &mut String) -> Value {
    let space = |random: &mut Generator, out: &mut String| {
        for _ in 0..random.below(3) {
            out.push([' ', '\t', '\n', '\r'][random.below(4)]);
        }
    };
    let string = |random: &mut Generator, out: &mut String| -> String {
        let mut text = String::new();
        out.push('"');
        for _ in 0..random.below(6) {
            let c = match random.below(4) {
                0 => char::from(random.below(128) as u8),
                1 => char::from_u32(random.below(0x11_0000) as u32).unwrap_or('\u{fffd}'),
                2 => ['"', '\\', '/', '\u{8}', '\u{c}', '\n', '\r', '\t'][random.below(8)],
                _ => char::from(b'a' + random.below(26) as u8),
            };
            text.push(c);
            if c < ' ' || c == '"' || c == '\\' || random.below(3) == 0 {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&match random.below(2) {
                        0 => format!("\\u{unit:04x}"),
                        _ => format!("\\u{unit:04X}"),
                    });
                }
            } else {
                out.push(c);
            }
        }
        out.push('"');
        text
    };
    space(random, out);
    let value = match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => {
            let word = random.pick(&["null", "true", "false"]);
            out.push_str(word);
            serde_json::from_str(word).unwrap()
        }
        1 | 2 => {
            let number = match random.below(3) {
                0 => format!("{}", random.next() as i32),
                1 => format!("-{}.{}", random.below(1000), random.below(1000)),
                _ => format!("{}e{}", random.below(1000), random.below(20) as i64 - 10),
            };
            out.push_str(&number);
            serde_json::from_str(&number).unwrap()
        }
        3 => Value::String(string(random, out)),
        4 => {
            out.push('[');
            let mut items = Vec::new();
            for at in 0..random.below(4) {
                if at > 0 {
                    out.push(',');
                }
                items.push(any(random, depth - 1, out));
            }
            space(random, out);
            out.push(']');
            Value::Array(items)
        }
        _ => {
            out.push('{');
            let mut members = serde_json::Map::new();
            for _ in 0..random.below(4) {
                let mut written = String::new();
                let name = string(random, &mut written);
                if members.contains_key(&name) {
                    continue;
                }
                if !members.is_empty() {
                    out.push(',');
                }
                space(random, out);
                out.push_str(&written);
                space(random, out);
                out.push(':');
                let value = any(random, depth - 1, out);
                members.insert(name, value);
            }
            space(random, out);
            out.push('}');
            Value::Object(members)
        }
    };
    space(random, out);
    value
}

#[test]
fn r011_every_way_to_write_a_value_is_read_as_that_value() {
    let mut random = Generator::new(11);
    for _ in 0..20_000 {
        let mut written = String::new();
        let value = any(&mut random, 5, &mut written);
        let ours = read(written.as_bytes());
        let ours = ours.unwrap_or_else(|_| panic!("{written:?}"));
        let seen: Value = serde_json::from_str(&text(&ours)).unwrap();
        assert_eq!(seen, value, "{written:?}");
        assert_eq!(read(text(&ours).as_bytes()).unwrap(), ours);
    }
}
