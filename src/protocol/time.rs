//! Time is an argument (law 2). Milliseconds since the epoch, and the date of RFC 9110, section 5.6.7.

use super::text;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type UnixMillis = i64;

/// Milliseconds between two instants.
pub type Millis = i64;

/// The instant of an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers
/// may generate. Anything else is `None`.
pub fn http_date(text: &str) -> Option<UnixMillis> {
    let (_, rest) = text.split_once(' ')?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?, 2)?;
    let month = month(parts.next()?)?;
    let year = number(parts.next()?, 4)?;
    let mut clock = parts.next()?.split(':');
    let hour = number(clock.next()?, 2)?;
    let minute = number(clock.next()?, 2)?;
    let second = number(clock.next()?, 2)?;
    if parts.next() != Some("GMT") || parts.next().is_some() || clock.next().is_some() {
        return None;
    }
    // A leap second is a second 60.
    if year < 1970 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let first = days_before(year, month);
    let next = if month == 11 { days_before(year + 1, 0) } else { days_before(year, month + 1) };
    if !(1..=next - first).contains(&day) {
        return None;
    }
    let days = first + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second.min(59)) * 1000)
}

fn number(text: &str, size: usize) -> Option<i64> {
    if text.len() == size { text::digits(text) } else { None }
}

fn month(name: &str) -> Option<i64> {
    const NAMES: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = text::find(NAMES, name)?;
    if name.len() == 3 && at % 3 == 0 { Some(at as i64 / 3) } else { None }
}

/// Days from the epoch to the first of a month (0 for January) of the Gregorian calendar.
fn days_before(year: i64, month: i64) -> i64 {
    // Years that start in March put the leap day last.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imf_fixdate_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000_000));
        assert_eq!(http_date("Fri, 20 Nov 2026 10:54:19 GMT"), Some(1_795_172_059_000));
    }

    #[test]
    fn other_texts_are_no_date() {
        for text in [
            "",
            "now",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 8:49:37:1 GMT",
            "Sun, -6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }
}
