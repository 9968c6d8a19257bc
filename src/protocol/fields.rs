//! Law 3: a record of our own is read whole or not at all. The first thing that is wrong is remembered
//! until the end, so that reading is a list of names and nothing else.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use super::json::{Json, Object};

/// The members of a record, and whether all were what they must be.
pub struct Fields<'a> {
    object: &'a Object,
    wrong: Cell<bool>,
}

impl<'a> Fields<'a> {
    /// Nothing was read yet.
    pub fn of(object: &'a Object) -> Fields<'a> {
        Fields { object, wrong: Cell::new(false) }
    }

    /// What was read from them, if all was in order.
    pub fn whole<T>(&self, read: T) -> Option<T> {
        (!self.wrong.get()).then_some(read)
    }

    fn may<T>(&self, name: &str, how: impl FnOnce(&'a Json) -> Option<T>) -> Option<T> {
        let found = self.object.get(name)?;
        let read = how(found);
        if read.is_none() {
            self.wrong.set(true);
        }
        read
    }

    fn must<T: Default>(&self, read: Option<T>) -> T {
        if read.is_none() {
            self.wrong.set(true);
        }
        read.unwrap_or_default()
    }

    /// A text that may be absent.
    #[inline(never)]
    pub fn maybe_text(&self, name: &str) -> Option<String> {
        self.may(name, Json::as_str).map(ToOwned::to_owned)
    }

    /// A text.
    #[inline(never)]
    pub fn text(&self, name: &str) -> String {
        self.must(self.maybe_text(name))
    }

    /// A whole number that may be absent.
    #[inline(never)]
    pub fn maybe_integer(&self, name: &str) -> Option<i64> {
        self.may(name, Json::as_integer)
    }

    /// A whole number.
    #[inline(never)]
    pub fn integer(&self, name: &str) -> i64 {
        self.must(self.maybe_integer(name))
    }

    /// A count of seconds that may be absent.
    pub fn maybe_seconds(&self, name: &str) -> Option<u32> {
        self.may(name, |value| value.as_integer().and_then(|whole| u32::try_from(whole).ok()))
    }

    /// A boolean that may be absent.
    pub fn maybe_flag(&self, name: &str) -> Option<bool> {
        self.may(name, Json::as_bool)
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> bool {
        self.must(self.maybe_flag(name))
    }

    /// An array of texts.
    #[inline(never)]
    pub fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.must(self.may(name, Json::as_strings));
        texts.into_iter().map(ToOwned::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::read_object;
    use super::*;

    const RECORD: &[u8] = br#"{"text":"a","whole":7,"yes":true,"texts":["b"],"no":null}"#;

    fn read<T>(how: impl FnOnce(&Fields) -> T) -> Option<T> {
        let record = read_object(RECORD).unwrap();
        let fields = Fields::of(&record);
        let read = how(&fields);
        fields.whole(read)
    }

    #[test]
    fn what_is_there_is_read() {
        assert_eq!(read(|f| (f.text("text"), f.integer("whole"))), Some(("a".into(), 7)));
        assert_eq!(read(|f| f.maybe_seconds("whole")), Some(Some(7)));
        assert_eq!(read(|f| (f.flag("yes"), f.texts("texts"))), Some((true, vec!["b".into()])));
    }

    #[test]
    fn what_may_be_absent_spoils_nothing() {
        let absent = read(|f| (f.maybe_text("x"), f.maybe_integer("x"), f.maybe_flag("x")));
        assert_eq!(absent, Some((None, None, None)));
    }

    #[test]
    fn one_member_that_is_wrong_spoils_the_record() {
        assert_eq!(read(|f| f.text("x")), None);
        assert_eq!(read(|f| (f.text("whole"), f.text("text"))), None);
        assert_eq!(read(|f| f.maybe_text("no")), None);
        assert_eq!(read(|f| f.maybe_integer("text")), None);
        assert_eq!(read(|f| f.maybe_flag("text")), None);
        assert_eq!(read(|f| f.flag("x")), None);
        assert_eq!(read(|f| f.texts("text")), None);
    }
}
