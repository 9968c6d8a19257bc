//! RFC 8259, read strictly: the one way in for bytes of a server or a store (law 10). UTF-8 with at
//! most one leading byte order mark, an object on top, names unique, depth and breadth bounded,
//! nothing after the end; `__proto__` is a name like any other.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::text;

/// How deep arrays and objects may nest.
pub const DEPTH: usize = 32;
/// How many members one object may have: comparing each name with all others must stay cheap.
pub const MEMBERS: usize = 1000;

/// One JSON value.
#[derive(Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(Number),
    /// A string, its escapes resolved.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

/// A number, kept as its text: floating point costs more than every number that a client reads.
#[derive(Clone, PartialEq)]
pub struct Number(String);

/// Members in the order in which they stood; no name twice.
#[derive(Clone, Default, PartialEq)]
pub struct Object(Vec<(String, Json)>);

/// The text was not strict JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Malformed;

/// Reads an object from bytes.
pub fn read_object(bytes: &[u8]) -> Result<Object, Malformed> {
    match read(bytes)? {
        Json::Object(object) => Ok(object),
        _ => Err(Malformed),
    }
}

/// Reads any value from bytes.
pub fn read(bytes: &[u8]) -> Result<Json, Malformed> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = core::str::from_utf8(bytes).map_err(|_| Malformed)?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH)?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { Err(Malformed) }
}

impl Json {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// A boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A number whose value is whole.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            // What every reader of JSON keeps exactly (RFC 8259, section 6); no sum of times overflows.
            Json::Number(number) => number.whole().filter(|value| value.unsigned_abs() <= 1 << 53),
            _ => None,
        }
    }

    /// A number, rounded down: a NumericDate may have a fraction (RFC 7519, section 2).
    pub fn as_floor(&self) -> Option<i64> {
        match self {
            Json::Number(number) => number.floor(),
            _ => None,
        }
    }

    /// Strings only, or nothing.
    pub fn as_strings(&self) -> Option<Vec<&str>> {
        self.as_array()?.iter().map(Json::as_str).collect()
    }

    /// An integer as a value.
    pub fn integer(value: i64) -> Json {
        Json::Number(Number(integer_text(value)))
    }

    /// Writes the value, without white space.
    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => out.push_str(&number.0),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(object) => object.write(out),
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::String(text.into())
    }
}

/// Values may be tokens: only the kind is shown.
impl fmt::Debug for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        })
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Number {
    /// As it was written.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// The value, if it is a whole number that fits.
    pub fn whole(&self) -> Option<i64> {
        let (floor, exact) = self.split()?;
        if exact { Some(floor) } else { None }
    }

    /// The value rounded down, if it fits.
    pub fn floor(&self) -> Option<i64> {
        self.split().map(|(floor, _)| floor)
    }

    /// The largest whole number not above the value, and whether it is the value itself.
    fn split(&self) -> Option<(i64, bool)> {
        let (negative, text) = match self.0.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, self.0.as_str()),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let point = exponent.checked_add(i64::try_from(whole.len()).ok()?)?;
        let (mut value, mut exact) = (0i64, true);
        let digits = whole.bytes().chain(fraction.bytes());
        let mut place = 0i64;
        for digit in digits {
            let digit = i64::from(digit.checked_sub(b'0')?);
            if place < point {
                value = value.checked_mul(10)?.checked_add(digit)?;
            } else if digit != 0 {
                exact = false;
            }
            place += 1;
        }
        while place < point {
            if value == 0 {
                break;
            }
            value = value.checked_mul(10)?;
            place += 1;
        }
        match (negative, exact) {
            (false, _) => Some((value, exact)),
            (true, true) => Some((-value, true)),
            (true, false) => Some((-value - 1, false)),
        }
    }
}

fn exponent_of(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) => text::digits(digits).map(|value| -value),
        None => text::digits(text.strip_prefix('+').unwrap_or(text)),
    }
}

impl Object {
    /// An empty object.
    pub fn new() -> Object {
        Object::default()
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text of a member that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The member of that name, taken out.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Puts a member in, over one of the same name.
    pub fn set(&mut self, name: &str, value: Json) -> &mut Object {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.into(), value)),
        }
        self
    }

    /// Puts a string in, where there is one.
    pub fn set_text(&mut self, name: &str, value: Option<&str>) -> &mut Object {
        if let Some(value) = value {
            self.set(name, value.into());
        }
        self
    }

    /// Puts an integer in, where there is one.
    pub fn set_integer(&mut self, name: &str, value: Option<i64>) -> &mut Object {
        if let Some(value) = value {
            self.set(name, Json::integer(value));
        }
        self
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The text of the object.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (at, (name, value)) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_string(name, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                for nibble in [c as u32 >> 4, c as u32 & 15] {
                    out.push(char::from_digit(nibble, 16).unwrap_or('0'));
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// The decimal text of an integer.
pub fn integer_text(value: i64) -> String {
    let mut digits = Vec::new();
    let mut rest = value.unsigned_abs();
    loop {
        digits.push(char::from_digit((rest % 10) as u32, 10).unwrap_or('0'));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    digits.into_iter().rev().collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Malformed> {
        let byte = self.peek().ok_or(Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, Malformed> {
        self.space();
        match self.peek().ok_or(Malformed)? {
            b'{' => self.object(depth.checked_sub(1).ok_or(Malformed)?).map(Json::Object),
            b'[' => self.array(depth.checked_sub(1).ok_or(Malformed)?),
            b'"' => self.string().map(Json::String),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, Malformed> {
        self.at += 1;
        let mut members = Object::new();
        self.space();
        if self.eat(b'}') {
            return Ok(members);
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(Malformed);
            }
            let name = self.string()?;
            if members.get(&name).is_some() || members.0.len() == MEMBERS {
                return Err(Malformed);
            }
            self.space();
            if !self.eat(b':') {
                return Err(Malformed);
            }
            let value = self.value(depth)?;
            members.0.push((name, value));
            self.space();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(members),
                _ => return Err(Malformed),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Malformed> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.next()? {
                b',' => {}
                b']' => return Ok(Json::Array(items)),
                _ => return Err(Malformed),
            }
        }
    }

    fn string(&mut self) -> Result<String, Malformed> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            // Quotes, backslashes and controls are ASCII, so the run ends on a character boundary.
            let run = self.text.get(start..self.at).ok_or(Malformed)?;
            match self.next()? {
                b'"' => {
                    out.push_str(run);
                    return Ok(out);
                }
                b'\\' => {
                    out.push_str(run);
                    out.push(self.escape()?);
                }
                _ => return Err(Malformed),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex()?;
                let point = if (0xD800..0xDC00).contains(&unit) {
                    if self.next()? != b'\\' || self.next()? != b'u' {
                        return Err(Malformed);
                    }
                    let low = self.hex()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return Err(Malformed);
                    }
                    0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                } else {
                    unit
                };
                char::from_u32(point).ok_or(Malformed)?
            }
            _ => return Err(Malformed),
        })
    }

    fn hex(&mut self) -> Result<u32, Malformed> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16).ok_or(Malformed)?;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Json, Malformed> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).ok_or(Malformed)?;
        Ok(Json::Number(Number(text.into())))
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number(text.into())
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("3600", 3600),
            ("3600.0", 3600),
            ("3.6e3", 3600),
            ("36E+2", 3600),
            ("36000e-1", 3600),
            ("-12", -12),
            ("0e999", 0),
        ] {
            assert_eq!(number(text).whole(), Some(value), "{text}");
        }
        for text in ["1.5", "1e-1", "1e400", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(number(text).whole(), None, "{text}");
        }
    }

    #[test]
    fn a_fraction_is_rounded_down() {
        assert_eq!(number("1700000000.987").floor(), Some(1_700_000_000));
        assert_eq!(number("-0.5").floor(), Some(-1));
        assert_eq!(number("1e-7").floor(), Some(0));
    }

    #[test]
    fn r011_strict_json_only() {
        for refused in [
            "",
            " ",
            "{",
            "}",
            "{}{}",
            "{}x",
            "{'a':1}",
            "{a:1}",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "{\"a\" 1}",
            "{\"a\":}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "0x1",
            "NaN",
            "Infinity",
            "tru",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"a",
            "{\"a\":1,\"a\":2}",
            "{\"\\u0061\":1,\"a\":2}",
            "\u{feff}\u{feff}{}",
            "{}\0",
            "/**/{}",
        ] {
            assert!(read(refused.as_bytes()).is_err(), "{refused:?}");
        }
        for accepted in [
            "{}",
            " [ ] ",
            "\u{feff}{}",
            "{\"a\":[1,2.5e-3,true,null,\"\\u00e9\\ud83e\\udd80\"]}",
            "0",
            "-0.0",
            "\"\"",
        ] {
            assert!(read(accepted.as_bytes()).is_ok(), "{accepted:?}");
        }
        assert!(read(b"\"\xff\"").is_err());
        assert!(read(b"\"\xed\xa0\x80\"").is_err());
    }

    #[test]
    fn r011_depth_and_breadth_are_bounded() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(read(deep(DEPTH).as_bytes()).is_ok());
        assert!(read(deep(DEPTH + 1).as_bytes()).is_err());
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
        let wide = |n: usize| {
            let members: Vec<String> = (0..n).map(|i| format!("\"{i}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(read(wide(MEMBERS).as_bytes()).is_ok());
        assert!(read(wide(MEMBERS + 1).as_bytes()).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "{\"__proto__\":\"\\u0000\\\"\\\\é🦀\",\"n\":-1.5e3,\"a\":[true,false,null,{}]}";
        let value = read(text.as_bytes()).unwrap();
        let mut out = String::new();
        value.write(&mut out);
        assert_eq!(read(out.as_bytes()).unwrap(), value);
        assert_eq!(out, text);
    }

    #[test]
    fn integers_are_written_as_text() {
        for value in [0, 7, -7, 1_795_172_059_000, i64::MAX, i64::MIN] {
            assert_eq!(integer_text(value), value.to_string());
        }
    }
}
