//! An ordered list of string fields, as a header carries them.
//!
//! All names and values lie in one string, so a header of any size costs two allocations.

use std::fmt;

/// Ordered string fields: name → value. A name that occurs twice is found by its first value.
#[derive(Clone, Default)]
pub struct Fields {
    text: String,
    /// Where each name ends and each value ends in `text`.
    ends: Vec<(u32, u32)>,
}

impl Fields {
    /// No fields; room for `fields` of them with `bytes` of text.
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(fields) }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: &str, value: &str) {
        self.push_with(|text| {
            text.push_str(name);
            let name_end = text.len();
            text.push_str(value);
            name_end
        });
    }

    /// Adds a field that `append` writes at the end of the text it is given, name then value;
    /// it returns the text's length between the two, and must not shorten the text.
    pub fn push_with(&mut self, append: impl FnOnce(&mut String) -> usize) {
        let name_end = append(&mut self.text);
        self.ends.push((name_end as u32, self.text.len() as u32));
    }

    /// Takes the last field away.
    pub fn pop(&mut self) {
        self.ends.pop();
        self.text.truncate(self.ends.last().map_or(0, |last| last.1 as usize));
    }

    /// Adds or replaces a field.
    pub fn set(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            return self.push(name, value);
        }
        let old = std::mem::take(self);
        for (key, val) in old.iter() {
            self.push(key, if key == name { value } else { val });
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Every field in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, value_end)| {
            let field = (&self.text[start..name_end as usize], &self.text[name_end as usize..value_end as usize]);
            start = value_end as usize;
            field
        })
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Self {
        let mut all = Self::default();
        fields.into_iter().for_each(|(name, value)| all.push(name, value));
        all
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_are_found_by_name() {
        let mut fields: Fields = [("a", "1"), ("b", ""), ("c", "3")].into_iter().collect();
        assert_eq!(fields.get("b"), Some(""));
        fields.set("b", "two");
        fields.set("d", "4");
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "two"), ("c", "3"), ("d", "4")]);
        assert_eq!(fields.get("e"), None);
    }
}
