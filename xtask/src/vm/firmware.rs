//! What boots the guest: UEFI from the files that QEMU's packages describe, or QEMU's own BIOS.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::Value;

use super::needs::advice;

/// Where packages describe their firmware, in QEMU's format `docs/interop/firmware.json`.
const DESCRIPTIONS: [&str; 2] = ["/etc/qemu/firmware", "/usr/share/qemu/firmware"];

/// Which firmware is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    Uefi,
    Bios,
}

/// The firmware of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Firmware {
    Bios,
    /// The code, and the variables to begin with.
    Uefi {
        code: PathBuf,
        variables: PathBuf,
    },
}

/// Finds it on this machine.
pub(super) fn find(kind: Kind) -> Result<Firmware> {
    match kind {
        Kind::Bios => Ok(Firmware::Bios),
        Kind::Uefi => find_in(&DESCRIPTIONS.map(Path::new)),
    }
}

/// The first UEFI in the descriptions without Secure Boot, with which no driver signed for test would load.
fn find_in(folders: &[&Path]) -> Result<Firmware> {
    for folder in folders {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
        if let Some(found) = texts.filter_map(|text| described(&text)).find(there) {
            return Ok(found);
        }
    }
    bail!(advice("no UEFI firmware (OVMF) is installed; or the image boots by --firmware bios"))
}

/// The firmware of a description, if it suits.
fn described(text: &str) -> Option<Firmware> {
    let value: Value = serde_json::from_str(text).ok()?;
    let has = |list: &Value, word: &str| list.as_array().is_some_and(|all| all.iter().any(|one| one == word));
    let target = value["targets"].as_array()?.iter().any(|target| {
        target["architecture"] == "x86_64"
            && target["machines"].as_array().is_some_and(|machines| {
                machines.iter().filter_map(Value::as_str).any(|name| name.starts_with("pc-q35"))
            })
    });
    let features = &value["features"];
    let refused = ["secure-boot", "requires-smm", "enrolled-keys"];
    // Firmware for encrypted guests alone has no variables.
    let mapping = &value["mapping"];
    let suits = target
        && has(&value["interface-types"], "uefi")
        && mapping["device"] == "flash"
        && mapping["executable"]["format"] == "raw"
        && mapping["nvram-template"]["format"] == "raw"
        && !refused.iter().any(|word| has(features, word));
    let file = |name: &str| mapping[name]["filename"].as_str().map(PathBuf::from);
    suits.then_some(())?;
    Some(Firmware::Uefi { code: file("executable")?, variables: file("nvram-template")? })
}

fn there(firmware: &Firmware) -> bool {
    match firmware {
        Firmware::Bios => true,
        Firmware::Uefi { code, variables } => code.exists() && variables.exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn description(folder: &Path, features: &[&str]) -> String {
        json!({
            "interface-types": ["uefi"],
            "mapping": {
                "device": "flash",
                "executable": { "filename": folder.join("code.fd"), "format": "raw" },
                "nvram-template": { "filename": folder.join("vars.fd"), "format": "raw" },
            },
            "targets": [{ "architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"] }],
            "features": features,
        })
        .to_string()
    }

    #[test]
    fn the_first_without_secure_boot_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        fs::write(folder.join("40.json"), description(folder, &["secure-boot", "requires-smm"])).unwrap();
        fs::write(folder.join("50.json"), "no JSON").unwrap();
        fs::write(folder.join("60.json"), description(folder, &["acpi-s3"])).unwrap();
        // Described, and not there.
        let error = find_in(&[folder]).unwrap_err().to_string();
        assert!(error.contains("ovmf") && error.contains("--firmware bios"), "{error}");
        let (code, variables) = (folder.join("code.fd"), folder.join("vars.fd"));
        fs::write(&code, "").unwrap();
        fs::write(&variables, "").unwrap();
        assert_eq!(find_in(&[folder]).unwrap(), Firmware::Uefi { code, variables });
        fs::remove_file(folder.join("60.json")).unwrap();
        assert!(find_in(&[folder]).is_err());
    }
}
