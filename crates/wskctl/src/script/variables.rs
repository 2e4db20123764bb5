//! Variables of a script: `let PORT 7777`, and then `$PORT` or `${PORT}` in the words that follow.

use std::collections::BTreeMap;

/// The variables, and what they stand for.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

/// Whether this is a name: letters, digits and underscores, and no digit first.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text.chars().all(|character| character == '_' || character.is_ascii_alphanumeric())
}

/// A name.
///
/// # Errors
///
/// A sentence that says what one is.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text} is no name: letters, digits and underscores, with no digit first"))
}

impl Variables {
    /// Gives a variable a value, in the place of the one that it had.
    pub(super) fn set(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }

    /// Gives a variable a value, from NAME=VALUE.
    ///
    /// # Errors
    ///
    /// A sentence with an example.
    pub fn define(&mut self, text: &str) -> Result<(), String> {
        let (left, value) =
            text.split_once('=').ok_or_else(|| format!("{text} is no NAME=VALUE, such as PORT=7777"))?;
        self.set(name(left)?, value.to_owned());
        Ok(())
    }

    /// The word with the values of its variables; `$$` is a dollar sign, and so is one before anything but a name.
    ///
    /// # Errors
    ///
    /// A sentence that names the variable that has no value.
    pub(super) fn expand(&self, word: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(word.len());
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('$') {
            expanded += before;
            if let Some(after) = after.strip_prefix('$') {
                expanded.push('$');
                rest = after;
                continue;
            }
            let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            let (name, after) = braced.unwrap_or_else(|| {
                let end =
                    after.find(|character: char| character != '_' && !character.is_ascii_alphanumeric());
                after.split_at(end.unwrap_or(after.len()))
            });
            if is_name(name) {
                let value = self.0.get(name).ok_or_else(|| {
                    format!("there is no variable {name}: `let {name} VALUE` before, or $$ for a dollar sign")
                })?;
                expanded += value;
                rest = after;
            } else {
                expanded.push('$');
                rest = &rest[before.len() + 1..];
            }
        }
        Ok(expanded + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_expanded() {
        let mut variables = Variables::default();
        variables.set("PORT".to_owned(), "7777".to_owned());
        variables.define("a_1=x=$PORT").unwrap();
        for (word, is) in [
            ("", ""),
            ("plain", "plain"),
            ("127.0.0.1:$PORT", "127.0.0.1:7777"),
            ("${PORT}0$PORT", "777707777"),
            ("$a_1", "x=$PORT"),
            ("$$PORT", "$PORT"),
            ("$5 $", "$5 $"),
            ("${", "${"),
            ("${}", "${}"),
            ("ä$PORT-ä", "ä7777-ä"),
        ] {
            assert_eq!(variables.expand(word).as_deref(), Ok(is), "{word}");
        }
        let error = variables.expand("$PORT1").unwrap_err();
        assert!(error.starts_with("there is no variable PORT1"), "{error}");
        for wrong in ["1=2", "=2", "a b=2", "PORT"] {
            assert!(variables.define(wrong).is_err(), "{wrong}");
        }
    }
}
