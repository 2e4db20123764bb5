//! Pages that are generated, or of which a part is, between two comments.

use std::fs;

use anyhow::{Context, Result, bail};

/// The end of what is generated.
const END: &str = "<!-- end -->";

/// Writes a page, by its path from the workspace's root, as `made` makes it of what it is now. With `check` nothing is changed.
///
/// # Errors
///
/// The page cannot be read, made or written; with `check`, it is not what would be written, which `cargo xtask command` does.
pub(crate) fn write(
    page: &str,
    command: &str,
    check: bool,
    made: impl FnOnce(&str) -> Result<String>,
) -> Result<()> {
    let path = super::root()?.join(page);
    let found = fs::read_to_string(&path).with_context(|| format!("{page} cannot be read"))?;
    let new = made(&found).with_context(|| page.to_owned())?;
    if !check {
        return fs::write(&path, new).with_context(|| format!("{page} cannot be written"));
    }
    if found != new {
        bail!("{page} is not what would be written: run `cargo xtask {command}`");
    }
    Ok(())
}

/// The page with that text between the marker of that name and the next end.
///
/// # Errors
///
/// Which marker is missing.
pub(crate) fn between(page: &str, name: &str, text: &str) -> Result<String> {
    let marker = format!("<!-- generated: {name} -->\n");
    let (before, rest) =
        page.split_once(&marker).with_context(|| format!("there is no `{}`", marker.trim_end()))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("there is no `{END}` after `{}`", marker.trim_end()))?;
    Ok(format!("{before}{marker}\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_markers_is_made_anew() {
        let page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
        let new = between(page, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n");
        assert_eq!(between(&new, "x", "new\n").unwrap(), new);
        assert!(
            between(page, "y", "").unwrap_err().to_string().contains("there is no `<!-- generated: y -->`")
        );
        assert!(between("<!-- generated: x -->\n", "x", "").is_err());
    }
}
