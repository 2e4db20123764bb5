//! Writes the C file that asks a set of headers about the items.

use std::fmt::Write as _;

use super::item::{Expected, Item};
use super::view::View;

/// The name that complaints about an item bear; the line number is the index + 1, as lines count from 1.
pub(super) const LABEL: &str = "item";

/// The C file for the items of these indexes.
pub(super) fn source(view: &View, items: &[Item], indexes: &[usize]) -> String {
    // `const` is no part of a calling convention, and headers differ in it.
    let mut text = format!("#define const\n{}", view.prelude);
    for &index in indexes {
        let item = &items[index];
        let line = match &item.expected {
            Expected::Value(_) => format!("long long item_{index} = (long long)({});", item.c),
            Expected::Prototype(function) => {
                let parameters = match function.prototype.parameters {
                    [] => "void".to_owned(),
                    parameters => parameters.join(", "),
                };
                let result = function.prototype.result;
                if function.export {
                    format!("{result} (NTAPI *item_{index})({parameters}) = {};", item.c)
                } else {
                    format!(
                        "{result} NTAPI own_{index}({parameters}); {} item_{index} = own_{index};",
                        item.c
                    )
                }
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "#line {} \"{LABEL}\"\n{line}", index + 1);
    }
    text
}
