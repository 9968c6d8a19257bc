//! Dates of HTTP: what a server's clock is known by.

use grantkit::protocol::time::http_date;

/// Seconds since the epoch, day by day, with the text of the day.
fn days(count: i64) -> impl Iterator<Item = (i64, String)> {
    const NAMES: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (mut year, mut month, mut day) = (1970_i64, 0_usize, 1_i64);
    (0..count).map(move |at| {
        let text = format!("{}, {day:02} {} {year}", NAMES[(at % 7) as usize], MONTHS[month]);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            1 => 28 + i64::from(leap),
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        day += 1;
        if day > length {
            (day, month) = (1, month + 1);
        }
        if month == 12 {
            (year, month) = (year + 1, 0);
        }
        (at * 86_400, text)
    })
}

#[test]
fn r094_every_day_of_two_centuries_is_read() {
    for (seconds, text) in days(73_000) {
        let noon = format!("{text} 12:34:56 GMT");
        assert_eq!(http_date(&noon), Some((seconds + 45_296) * 1000), "{noon}");
    }
    assert_eq!(http_date("Tue, 19 Jan 2038 03:14:08 GMT"), Some(2_147_483_648_000));
    assert_eq!(http_date("Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799_000));
    assert_eq!(http_date("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_799_000));
}

#[test]
fn r094_other_texts_are_no_date() {
    for text in [
        "",
        ",",
        ", ",
        "Sun",
        "0",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 06 Janu 1994 08:49:37 GMT",
        "Sun, 06  1994 08:49:37 GMT",
        "Sun, 06 ",
        "x 1 ",
        "x 1  ",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, -1 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37:00 GMT",
        "Sun, 06 Nov 1994 08:49:+7 GMT",
        "Sun, 06 Nov 1994 08:49:３７ GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(http_date(text), None, "{text:?}");
    }
}

/// No calendar has these, and no clock.
#[test]
fn r094_a_date_that_does_not_exist_is_no_date() {
    for text in [
        "Thu, 30 Feb 2024 12:00:00 GMT",
        "Wed, 29 Feb 2023 12:00:00 GMT",
        "Wed, 31 Apr 2024 12:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:9999 GMT",
        "Sun, 006 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
    ] {
        assert_eq!(http_date(text), None, "{text:?}");
    }
}
