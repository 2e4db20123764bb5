//! Where the tests of a crate are one program, `tests/main.rs`, cargo does not look for others: a file beside it that
//! nobody names would never run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// The files beside a `tests/main.rs` that are neither its modules nor programs of the manifest.
pub(super) fn faults(root: &Path, paths: &[String]) -> Result<Vec<String>> {
    let listed: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    let mut faults = Vec::new();
    for path in paths {
        let Some((folder, krate, name)) = test_file(path) else { continue };
        let main = format!("{folder}main.rs");
        if name == "main" || !listed.contains(main.as_str()) || !root.join(path).exists() {
            continue;
        }
        let main = fs::read_to_string(root.join(main))?;
        let manifest = fs::read_to_string(root.join(format!("{krate}Cargo.toml")))?;
        if !is_built(name, &main, &manifest) {
            faults.push(format!("{path}: never run: {folder}main.rs has no `mod {name};`"));
        }
    }
    Ok(faults)
}

/// The folder of a test's file, its crate's, and its name.
fn test_file(path: &str) -> Option<(&str, &str, &str)> {
    let (folder, file) = path.split_at(path.rfind('/')? + 1);
    let krate = folder.strip_suffix("tests/")?;
    Some((folder, krate, file.strip_suffix(".rs")?))
}

fn is_built(name: &str, main: &str, manifest: &str) -> bool {
    let (module, path) = (format!("mod {name};"), format!("path = \"tests/{name}.rs\""));
    main.lines().any(|line| line == module) || manifest.lines().any(|line| line == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_folder_of_tests() {
        assert_eq!(test_file("crates/wsk/tests/data.rs"), Some(("crates/wsk/tests/", "crates/wsk/", "data")));
        assert_eq!(test_file("tests/many.rs"), Some(("tests/", "", "many")));
        assert_eq!(test_file("crates/wsk/tests/ui/many.rs"), None);
        assert_eq!(test_file("crates/wsk/src/lib.rs"), None);
    }

    #[test]
    fn a_module_or_a_program_is_built() {
        let (main, manifest) =
            ("mod common;\nmod data;\n", "[[test]]\nname = \"ui\"\npath = \"tests/ui.rs\"\n");
        assert!(is_built("data", main, manifest));
        assert!(is_built("ui", main, manifest));
        assert!(!is_built("dat", main, manifest));
        assert!(!is_built("events", main, manifest));
    }

    /// The tree's own, with one module taken out of what was read.
    #[test]
    fn a_file_that_nobody_names_is_found() {
        let root = crate::root().unwrap();
        let file = "crates/wsk/tests/main.rs".to_owned();
        assert_eq!(faults(&root, &[file.clone(), "crates/wsk/tests/data.rs".to_owned()]).unwrap(), [""; 0]);
        let main = fs::read_to_string(root.join(file)).unwrap().replace("mod data;\n", "");
        assert!(!is_built("data", &main, ""));
    }
}
