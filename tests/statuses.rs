//! Every status by which the driver refuses a request is in the contract's table.
//!
//! What the driver's own code and that of the WSK client can end a request with is a constant of `wsk::Error` there, so
//! the source tells. What other statuses there are come from WSK.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use wskdrv_abi::status::REFUSALS;

/// The names `X` of the places `Error::X` of a text, comments and tests left out.
fn errors(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    code.split("Error::").skip(1).map(name).filter(|name| name.len() > 1).collect()
}

/// The errors that the sources of a folder name, each with a file that does.
fn of_folder(folder: &Path, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            of_folder(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).expect("a file of sources");
            all.extend(errors(&text).into_iter().map(|name| (name, path.display().to_string())));
        }
    }
}

#[test]
fn every_refusal_of_the_source_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeMap::new();
    of_folder(&root.join("src"), &mut all);
    for folder in ["crates/nt/src", "crates/wdf/src", "crates/wsk/src"] {
        of_folder(&root.join(folder), &mut all);
    }
    assert!(all.len() >= 15, "the scan finds them: {all:?}");
    let listed = |name: &str| REFUSALS.iter().any(|refusal| refusal.name == format!("STATUS_{name}"));
    let missing: Vec<_> = all.iter().filter(|(name, _)| !listed(name)).collect();
    assert!(missing.is_empty(), "not in wskdrv_abi::status::REFUSALS: {missing:?}");
    // And nothing is listed that nobody gives, but what WskCaptureProviderNPI does.
    let given = |name: &str| name == "DEVICE_NOT_READY" || all.contains_key(name);
    let unused: Vec<_> = REFUSALS.iter().filter(|refusal| !given(&refusal.name["STATUS_".len()..])).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn comments_and_tests_name_nothing() {
    let text = "a(Error::ONE)\n// Error::TWO\nb // Error::TWO\n#[cfg(test)]\nmod tests {\nError::TWO\n";
    assert_eq!(errors(text), ["ONE"]);
    assert_eq!(errors("Error::from_status(1).map_err(Error::BUFFER_OVERFLOW)"), ["BUFFER_OVERFLOW"]);
}
