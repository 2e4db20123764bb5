//! What this machine must have, and what a user does if it has not.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

/// The emulator.
pub(super) const QEMU: &str = "qemu-system-x86_64";
/// The program that makes overlays and knows image formats.
pub(super) const QEMU_IMG: &str = "qemu-img";
/// Debian's packages of both, and of the UEFI firmware.
const INSTALL: &str = "apt-get install --no-install-recommends qemu-system-x86 qemu-utils ovmf";

/// Who executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Accelerator {
    /// The processor.
    Kvm,
    /// QEMU's translator: it works everywhere, many times slower.
    Tcg,
}

/// What to do about something that is missing.
pub(super) fn advice(missing: &str) -> String {
    format!("{missing}; on Debian:\n\n    {INSTALL}\n")
}

/// Sees to it that the programs are there.
///
/// # Errors
/// One is not: the text has the line that installs it.
pub(super) fn require(programs: &[impl AsRef<OsStr>]) -> Result<()> {
    for program in programs {
        let program = program.as_ref();
        match Command::new(program).arg("--version").output() {
            Ok(output) if output.status.success() => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!(advice(&format!("{} is not installed", program.display())))
            }
            Err(error) => bail!("{} does not start: {error}", program.display()),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                bail!("{} --version failed: {}\n{text}", program.display(), output.status)
            }
        }
    }
    Ok(())
}

/// Takes KVM if this machine has it, and says why if not.
pub(super) fn accelerator(wanted: Option<Accelerator>) -> Accelerator {
    if let Some(wanted) = wanted {
        return wanted;
    }
    let Some(reason) = without_kvm(Path::new("/dev/kvm"), Path::new("/proc/cpuinfo")) else {
        return Accelerator::Kvm;
    };
    println!(
        "{reason}: the guest is emulated, which is slow; Windows may take an hour to boot, so raise the"
    );
    println!("limits (--boot-limit, --step-limit, --limit)");
    Accelerator::Tcg
}

/// Why KVM cannot be used.
fn without_kvm(device: &Path, processor: &Path) -> Option<String> {
    let name = device.display();
    match OpenOptions::new().read(true).write(true).open(device) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(format!("{name} is not there (is virtualisation on in the firmware?)"))
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Some(format!("{name} may not be opened (add yourself to its group, kvm)"))
        }
        Err(error) => Some(format!("{name} cannot be opened: {error}")),
        // A device without the processor's extensions accepts a machine, and never runs it.
        Ok(_) => {
            let flags = fs::read_to_string(processor).unwrap_or_default();
            let has = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
            (!has).then(|| format!("{name} is there, but the processor shows neither vmx nor svm"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_what_installs_it() {
        let error = require(&["no-such-program-of-qemu"]).unwrap_err().to_string();
        assert!(error.contains("no-such-program-of-qemu is not installed"), "{error}");
        assert!(error.contains(INSTALL), "{error}");
    }

    #[test]
    fn kvm_needs_the_device_and_the_processor() {
        let directory = tempfile::tempdir().unwrap();
        let (device, processor) = (directory.path().join("kvm"), directory.path().join("cpuinfo"));
        assert!(without_kvm(&device, &processor).unwrap().contains("is not there"));
        fs::write(&device, "").unwrap();
        fs::write(&processor, "flags : fpu sse2\n").unwrap();
        assert!(without_kvm(&device, &processor).unwrap().contains("neither vmx nor svm"));
        fs::write(&processor, "flags : fpu vmx sse2\n").unwrap();
        assert_eq!(without_kvm(&device, &processor), None);
    }
}
