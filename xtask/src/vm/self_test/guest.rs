//! The guest that stands for Windows: a Linux of Debian's packages, on a disk that UEFI boots as it would Windows'.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::super::disk::{self, Entry};
use super::cpio;
use crate::cross::run_quietly;

/// The package that depends on the current kernel.
const KERNEL: &str = "linux-image-amd64";
/// Shell and tools, in one program; what UEFI boots, which finds the kernel; an SSH server and the libraries that it uses.
const PACKAGES: [&str; 9] = [
    "busybox-static",
    "systemd-boot-efi",
    "dropbear-bin",
    "libc6",
    "libcrypt1",
    "libgmp10",
    "libtomcrypt1",
    "libtommath1",
    "zlib1g",
];
const BUSYBOX: &str = "bin/busybox";
const LOADER: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";
const SERVER: &str = "usr/sbin/dropbear";
const LIBRARIES: [&str; 6] =
    ["libc.so.6", "libcrypt.so.1", "libgmp.so.10", "libtomcrypt.so.1", "libtommath.so.1", "libz.so.1"];
const LINKER: &str = "lib64/ld-linux-x86-64.so.2";
const INIT: &[u8] = include_bytes!("init.sh");

/// What the kernel needs for the machine's devices, in the order in which one needs the other.
const MODULES: [&str; 27] = [
    "scsi_common",
    "scsi_mod",
    "libata",
    "libahci",
    "ahci",
    "crct10dif_common",
    "crct10dif_generic",
    "crc-t10dif",
    "crc64",
    "crc64_rocksoft_generic",
    "crc64-rocksoft",
    "t10-pi",
    "sd_mod",
    "usb-common",
    "usbcore",
    "xhci-hcd",
    "xhci-pci",
    "usb-storage",
    "fat",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "nls_utf8",
    "nls_iso8859-1",
    "pvpanic",
    "pvpanic-mmio",
    "e1000e",
];

/// The parts of a guest, but for what it plays.
pub(super) struct Guest {
    kernel: Vec<u8>,
    initial: Vec<u8>,
    loader: Vec<u8>,
}

impl Guest {
    /// Takes it from Debian's packages, which are fetched once into `folder`; nothing is installed.
    pub(super) fn make(folder: &Path) -> Result<Guest> {
        let unpacked = unpacked(folder)?;
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let kernel = only(&unpacked.join("boot"), |name| name.starts_with("vmlinuz-"))?;
        let version = only(&unpacked.join("lib/modules"), |_| true)?;
        let mut files = vec![
            ("init".to_owned(), true, INIT.to_vec()),
            (BUSYBOX.to_owned(), true, read(&unpacked.join(BUSYBOX))?),
            ("bin/dropbear".to_owned(), true, read(&unpacked.join(SERVER))?),
            (LINKER.to_owned(), true, read(&unpacked.join(LINKER))?),
        ];
        for name in LIBRARIES {
            let places =
                ["lib", "usr/lib"].map(|place| unpacked.join(place).join("x86_64-linux-gnu").join(name));
            let path = places.iter().find(|path| path.exists());
            let path = path.with_context(|| format!("Debian's packages have no {name}"))?;
            files.push((format!("lib/{name}"), false, read(path)?));
        }
        let found = modules(&version.join("kernel"))?;
        for name in MODULES {
            let file = format!("{name}.ko");
            let path = found.iter().find(|path| path.file_name().is_some_and(|there| *there == *file));
            files.push((
                format!("modules/{file}"),
                false,
                read(path.with_context(|| format!("Debian's kernel has no {file}"))?)?,
            ));
        }
        let order = MODULES.map(|name| format!("{name}.ko\n")).concat();
        files.push(("modules/order".to_owned(), false, order.into_bytes()));
        let files: Vec<_> =
            files.iter().map(|(path, run, bytes)| (path.as_str(), *run, &bytes[..])).collect();
        Ok(Guest {
            kernel: read(&kernel)?,
            initial: cpio::archive(&files),
            loader: read(&unpacked.join(LOADER))?,
        })
    }

    /// Makes a disk that boots it, and plays one of the parts of `init.sh`, with what else it needs for that.
    pub(super) fn disk(&self, disk: &Path, played: &str, more: &[Entry]) -> Result<()> {
        // A failing kernel restarts the machine after a moment, as Windows does.
        let options = format!("console=ttyS0 panic=1 played={played}");
        let entry = format!("title guest\nlinux /vmlinuz\ninitrd /initial\noptions {options}\n");
        let files: [Entry; 5] = [
            ("EFI/BOOT/BOOTX64.EFI".into(), self.loader.clone()),
            ("loader/loader.conf".into(), b"timeout 0\n".to_vec()),
            ("loader/entries/guest.conf".into(), entry.into_bytes()),
            ("vmlinuz".into(), self.kernel.clone()),
            ("initial".into(), self.initial.clone()),
        ];
        disk::make(disk, "GUEST", &[&files, more].concat(), 16 << 20)
    }
}

/// The packages' files, in a folder.
fn unpacked(folder: &Path) -> Result<PathBuf> {
    let unpacked = folder.join("unpacked");
    if unpacked.join(SERVER).exists() {
        return Ok(unpacked);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(folder)?;
    let kernel = kernel_package()?;
    println!("fetching {kernel} and {} (70 MB, once)", PACKAGES.join(", "));
    let mut command = Command::new("apt-get");
    run_quietly(command.current_dir(folder).args(["download", &kernel]).args(PACKAGES))?;
    let part = folder.join("part");
    fs::create_dir_all(&part)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            run_quietly(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(&part))?;
            fs::remove_file(&path)?;
        }
    }
    fs::rename(&part, &unpacked)?;
    Ok(unpacked)
}

/// The name of the current kernel's package.
fn kernel_package() -> Result<String> {
    let output = Command::new("apt-cache")
        .args(["depends", KERNEL])
        .output()
        .context("starting apt-cache: the self test is for Debian")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = text.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    match name {
        Some(name) => Ok(format!("linux-image-{name}")),
        None => bail!("apt-cache knows no {KERNEL}: run apt-get update"),
    }
}

/// The one entry of a folder that suits.
fn only(folder: &Path, suits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut found = entries.flatten().filter(|entry| suits(&entry.file_name().to_string_lossy()));
    Ok(found.next().with_context(|| format!("what was looked for is not in {}", folder.display()))?.path())
}

/// All files below a folder.
fn modules(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(modules(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}
