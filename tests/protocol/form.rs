//! application/x-www-form-urlencoded.

use grantkit::protocol::form::{Form, encode_value, parse};

use crate::generator::Generator;

fn sent(pairs: &[(&str, &str)]) -> String {
    let mut form = Form::new();
    for (name, value) in pairs {
        form.push(name, value);
    }
    form.encode().expose().to_owned()
}

#[test]
fn r005_values_are_encoded_as_browsers_encode_them() {
    for (value, encoded) in [
        (" %&+£€", "+%25%26%2B%C2%A3%E2%82%AC"),
        ("*-._", "*-._"),
        ("~!'()", "%7E%21%27%28%29"),
        ("a=b&c", "a%3Db%26c"),
        ("\r\n\0\t", "%0D%0A%00%09"),
        ("\u{2028}", "%E2%80%A8"),
        ("🦀", "%F0%9F%A6%80"),
        ("/?#[]@:;,$\"\\<>^`{|}", "%2F%3F%23%5B%5D%40%3A%3B%2C%24%22%5C%3C%3E%5E%60%7B%7C%7D"),
    ] {
        assert_eq!(encode_value(value), encoded);
        assert_eq!(sent(&[("v", value)]), format!("v={encoded}"));
    }
    assert_eq!(sent(&[("a b", "c"), ("d", "e")]), "a+b=c&d=e");
}

#[test]
fn r004_a_parameter_without_a_value_is_left_out() {
    assert_eq!(sent(&[("scope", ""), ("a", "b"), ("c", "")]), "a=b");
    assert_eq!(sent(&[]), "");
}

#[test]
fn r005_a026_the_server_reads_what_was_meant() {
    let mut random = Generator::new(5);
    for _ in 0..5000 {
        let mut text = |length: usize| -> String {
            (0..1 + random.below(length))
                .map(|_| match random.below(4) {
                    0 => char::from_u32(random.below(0x11_0000) as u32).unwrap_or('\u{fffd}'),
                    1 => ['&', '=', '+', '%', ';', '\r', '\n', '\0', ' '][random.below(9)],
                    _ => char::from(random.below(128) as u8),
                })
                .collect()
        };
        let pairs = [(text(8), text(20)), (text(8), text(20))];
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let body = sent(&pairs);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"*-._+%&=".contains(&b);
        assert!(body.bytes().all(plain), "{body}");
        let read = url::form_urlencoded::parse(body.as_bytes());
        let read: Vec<(String, String)> = read.into_owned().collect();
        assert_eq!(read, parse(&body));
        let read: Vec<(&str, &str)> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(read, pairs);
    }
}
