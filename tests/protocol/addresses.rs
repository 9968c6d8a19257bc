//! Which addresses may be used, and where a person may be sent back to.

use grantkit::protocol::error::Code;
use grantkit::protocol::url::{Endpoint, ParseUrl, Transport, Url, same_origin_path};

use crate::generator::Generator;
use crate::given::{endpoint, refused};
use crate::urls::Urls;

const ORIGIN: &str = "https://app.example";

fn parse(text: &str, transport: Transport) -> Result<Endpoint, grantkit::protocol::error::Error> {
    Endpoint::parse(text, &Urls, transport)
}

#[test]
fn r001_plain_http_is_for_this_machine_alone() {
    for text in [
        "http://localhost/",
        "http://localhost:8080/token",
        "http://LOCALHOST/",
        "http://127.0.0.1:8080",
        "http://127.0.0.1/",
        "http://127.255.255.254/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]:3000/",
    ] {
        assert!(parse(text, Transport::Secure).is_ok(), "{text}");
    }
    for text in [
        "http://as.example/token",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1.nip.io/",
        "http://evil.example/localhost",
        "http://evil.example/?127.0.0.1",
        "http://notlocalhost/",
        "http://localhost.localdomain/",
        "http://128.0.0.1/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://127.evil/",
    ] {
        refused(parse(text, Transport::Secure), Code::UrlInsecure, "", text);
        assert!(parse(text, Transport::InsecureHttp).is_ok(), "{text}");
    }
}

#[test]
fn r002_an_address_with_two_readings_is_refused() {
    for text in [
        "https://as.example@evil.example/",
        "https://user:password@as.example/",
        "https://user@as.example/",
        "https://:password@as.example/",
        "https://as.example\\@evil",
        "https:\\\\as.example/",
        "https://as.example/\\..\\evil",
        "https://as.example:99999/",
        "https://as.example:80a/",
        "https://as.example:-1/",
        "https://as exa.mple/",
        "https://as.example/a b",
        " https://as.example/",
        "https://as.example/ ",
        "https://as.example/\n",
        "https://as\t.example/",
        "ht\ntps://as.example/",
        "https://as.example/\0",
        "https://as.example/\u{7f}",
        "https://",
        "https:///as.example/",
        "https:////as.example/",
        "https:as.example",
        "https:/as.example",
        "https://[::1",
        "https://[as.example]/",
        "https://1.2.3.256/",
        "https://%/",
        "https://a%00b/",
        "https://xn--/",
        "https://<script>/",
        "//as.example/",
        "/token",
        "token",
        "",
        "?x",
    ] {
        let seen = parse(text, Transport::InsecureHttp);
        refused(seen, Code::UrlInvalid, "", &format!("{text:?}"));
    }
}

#[test]
fn r002_an_empty_user_info_is_user_info() {
    for text in ["https://@evil.example/", "https://:@evil.example/"] {
        refused(parse(text, Transport::Secure), Code::UrlInvalid, "", text);
    }
}

#[test]
fn r001_a030_nothing_but_http_is_fetched() {
    for text in [
        "javascript:alert(1)",
        "javascript://as.example/%0aalert(1)",
        "data:text/html,x",
        "data://as.example/x",
        "file:///etc/passwd",
        "file://as.example/x",
        "ftp://as.example/",
        "ws://as.example/",
        "wss://as.example/",
        "blob:https://as.example/1",
        "about:blank",
        "urn:x",
        "httpss://as.example/",
    ] {
        for transport in [Transport::Secure, Transport::InsecureHttp] {
            let error = parse(text, transport).expect_err(text);
            assert_eq!(error.code(), Code::UrlInvalid, "{text}");
        }
    }
}

#[test]
fn r002_what_was_parsed_is_what_is_fetched() {
    for (text, fetched) in [
        ("HTTPS://AS.Example:443/a/../b", "https://as.example/b"),
        ("https://as.example", "https://as.example/"),
        ("https://as.example/%7e", "https://as.example/%7e"),
        ("https://as.example:8443/t", "https://as.example:8443/t"),
        ("https://1.1/", "https://1.0.0.1/"),
    ] {
        assert_eq!(endpoint(text).as_str(), fetched);
    }
}

#[test]
fn r003_an_endpoints_own_query_stays_and_ours_follows() {
    for (text, expected) in [
        ("https://as/a", "https://as/a?x=1"),
        ("https://as/a?", "https://as/a?x=1"),
        ("https://as/a?tenant=x", "https://as/a?tenant=x&x=1"),
        ("https://as/a?tenant=x&", "https://as/a?tenant=x&x=1"),
        ("https://as", "https://as/?x=1"),
        ("https://as/a?q=%3F", "https://as/a?q=%3F&x=1"),
    ] {
        assert_eq!(endpoint(text).with_query("x=1"), expected);
    }
}

#[test]
fn r003_an_endpoint_has_no_fragment() {
    for text in ["https://as/a#f", "https://as/a#", "https://as/?x#y", "https://as#"] {
        let seen = parse(text, Transport::Secure);
        refused(seen, Code::UrlInvalid, "fragment", text);
    }
    assert!(parse("https://as/a%23f", Transport::Secure).is_ok());
}

fn path(text: &str) -> Option<String> {
    same_origin_path(text, ORIGIN, &Urls)
}

#[test]
fn r043_a019_a_person_is_sent_back_to_this_origin_alone() {
    for text in [
        "//evil",
        "///evil",
        "////evil",
        "https://evil",
        "https:evil",
        "http://app.example/",
        "HTTPS://APP.EXAMPLE/",
        "https://app.example/x",
        "https://app@evil",
        "https://app.example@evil",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "blob:https://app.example/1",
        "/\\evil",
        "\\/evil",
        "\\\\evil",
        "/x\\..\\\\evil",
        "\t//evil",
        "/\t/evil",
        "/\n/evil",
        "/\r/evil",
        "\u{0}//evil",
        " //evil",
        "/%0d//evil",
        "/%0a/evil",
        "/%09/evil",
        "/%5cevil",
        "/%5Cevil",
        "/%2fevil",
        "/%2Fevil",
        "/..//evil",
        "/.//evil",
        "/%2e%2e//evil",
        "/%2e//evil",
        "/a/..//evil",
        "/a/../..//evil",
        "",
        "orders",
        "?x",
        "#x",
        "@evil",
        ".evil",
        ":80",
    ] {
        assert_eq!(path(text), None, "{text:?}");
    }
}

#[test]
fn r043_a_path_of_this_origin_comes_back_whole() {
    for text in [
        "/",
        "/orders",
        "/orders/7?x=1&y=%2F%2Fevil#top",
        "/?next=//evil",
        "/#//evil",
        "/a//b",
        "/a@evil",
        "/a:80",
        "/%E2%82%AC",
    ] {
        assert_eq!(path(text).as_deref(), Some(text), "{text:?}");
    }
    assert_eq!(path("/a/../b").as_deref(), Some("/b"));
    let local = |text: &str| same_origin_path(text, "http://127.0.0.1:5173", &Urls);
    assert_eq!(local("/orders").as_deref(), Some("/orders"));
    assert_eq!(same_origin_path("/orders", "null", &Urls), None);
}

/// Whatever comes out leads to this origin, and does so again when it is asked about once more.
#[test]
fn r043_a019_no_text_leads_elsewhere() {
    let mut random = Generator::new(43);
    let pieces = [
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "%0d",
        "%09",
        "\t",
        "\n",
        "\r",
        "\0",
        " ",
        "@",
        ":",
        "?",
        "#",
        "evil",
        "https:",
        "http:",
        "javascript:",
        "app.example",
        "[",
        "]",
        "é",
        "\u{2028}",
        "\u{ff0f}",
        "\u{3002}",
        "\u{7f}",
        "%",
        "x",
    ];
    let mut kept = 0;
    for _ in 0..50_000 {
        let mut text = String::from(random.pick(&["/", "/", ""]));
        for _ in 0..random.below(7) {
            text.push_str(random.pick(&pieces));
        }
        let Some(path) = path(&text) else { continue };
        kept += 1;
        let plain = path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\");
        assert!(plain, "{text:?} made {path:?}");
        let there = url::Url::parse(ORIGIN).unwrap().join(&path).unwrap();
        assert_eq!(there.origin().ascii_serialization(), ORIGIN, "{text:?}");
        let again = same_origin_path(&path, ORIGIN, &Urls);
        assert_eq!(again.as_ref(), Some(&path), "{text:?}");
    }
    assert!(kept > 1000, "{kept}");
}

#[test]
fn what_a_parser_serialised_is_taken_apart_as_it_says() {
    for text in [
        "https://as.example",
        "https://as.example:8443/a/b?x=1&y=//2#z?:@",
        "HTTPS://AS.example:443/a/../b",
        "http://[::1]:3000/",
        "http://[::1]",
        "http://127.1:80/",
        "https://user:password@as.example:1/",
        "https://user@as.example/@:8",
        "https://as.example/?",
        "https://as.example/#",
        "https://as.example/?#",
        "https://as.example?a@b:1/c",
        "https://as.example/a:b@c",
        "https://bücher.example/ä?ö#ü",
        "ftp://as.example:2121/f",
        "data:text/plain,x?y#z",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "mailto:a@b.example",
    ] {
        let parsed = Urls.parse_url(text, None).unwrap();
        assert_eq!(Url::serialized(&parsed.href), Some(parsed), "{text}");
    }
    assert_eq!(Url::serialized("nothing"), None);
}
