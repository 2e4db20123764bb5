//! The user's disk image, which is only read: the guest writes into an overlay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::needs::QEMU_IMG;

/// A disk with an installed Windows.
#[derive(Debug)]
pub(super) struct Image {
    path: PathBuf,
    format: String,
}

impl Image {
    /// Looks at the image. `format` is one of QEMU's names; without it QEMU recognises the format.
    ///
    /// # Errors
    /// It is not there, in use, or nothing that QEMU knows.
    pub(super) fn open(path: &Path, format: Option<&str>) -> Result<Image> {
        let path = path.canonicalize().with_context(|| {
            format!(
                "{}: --image wants the disk of an installed Windows (qcow2, raw, VHDX, VMDK, ...)",
                path.display()
            )
        })?;
        let mut command = Command::new(QEMU_IMG);
        command.args(["info", "--output=json"]);
        if let Some(format) = format {
            command.args(["-f", format]);
        }
        let text = output(command.arg(&path), &path)?;
        let info: Value = serde_json::from_slice(&text).context("what qemu-img info says")?;
        let format = info["format"].as_str().context("qemu-img info names no format")?.to_owned();
        Ok(Image { path, format })
    }

    /// Makes an overlay: what the guest writes goes there.
    pub(super) fn overlay(&self, overlay: &Path) -> Result<()> {
        let mut command = Command::new(QEMU_IMG);
        command.args(["create", "-q", "-f", "qcow2", "-F", &self.format, "-b"]).arg(&self.path);
        output(command.arg(overlay), &self.path).map(drop)
    }

    /// Whether it has a GUID partition table, as a Windows has that UEFI boots.
    pub(super) fn is_for_uefi(&self, scratch: &Path) -> Result<bool> {
        let mut command = Command::new(QEMU_IMG);
        command.args(["dd", "-f", &self.format, "-O", "raw", "bs=512", "count=2"]);
        let (from, to) = (format!("if={}", self.path.display()), format!("of={}", scratch.display()));
        output(command.args([from, to]), &self.path)?;
        let sectors = fs::read(scratch).with_context(|| format!("reading {}", scratch.display()))?;
        fs::remove_file(scratch)?;
        Ok(sectors.get(512..520) == Some(b"EFI PART"))
    }
}

/// What qemu-img prints.
fn output(command: &mut Command, image: &Path) -> Result<Vec<u8>> {
    let output = command.output().context("starting qemu-img")?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if is_lock(&text) {
        bail!(
            "{} is in use by another program: shut that virtual machine down first\n{text}",
            image.display()
        );
    }
    bail!("{} cannot be used: {text}", image.display())
}

/// Whether QEMU complains that another has locked the image.
pub(super) fn is_lock(text: &str) -> bool {
    text.contains("lock") && text.contains("another process")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_not_there_is_asked_for() {
        let error = format!("{:#}", Image::open(Path::new("no/such.qcow2"), None).unwrap_err());
        assert!(error.contains("no/such.qcow2: --image wants the disk of an installed Windows"), "{error}");
    }

    #[test]
    fn a_lock_is_recognised() {
        let text = "qemu-img: Could not open 'a.qcow2': Failed to get shared \"write\" lock\n\
                    Is another process using the image [a.qcow2]?";
        assert!(is_lock(text));
        assert!(!is_lock("qemu-img: Could not open 'block.qcow2': No such file or directory"));
    }
}
