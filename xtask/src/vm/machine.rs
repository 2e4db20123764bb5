//! The virtual machine: its devices, its start, its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::firmware::Firmware;
use super::image::is_lock;
use super::needs::{Accelerator, QEMU};
use super::qmp::Monitor;

/// How long QEMU may take to end when it is asked.
const END: Duration = Duration::from_secs(10);

/// What the machine is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) accelerator: Accelerator,
    pub(super) firmware: Firmware,
    /// Where everything of this run lies.
    pub(super) folder: PathBuf,
    /// The disk that the guest boots from, a qcow2.
    pub(super) system: PathBuf,
    /// In MiB.
    pub(super) memory: u32,
    pub(super) processors: u32,
    /// The disk and the network are virtio devices, for a Windows with their drivers.
    pub(super) virtio: bool,
    /// QEMU's `-display`.
    pub(super) display: String,
    /// This machine's port that leads to the guest's SSH server.
    pub(super) ssh: Option<u16>,
    /// The guest reaches other machines.
    pub(super) internet: bool,
}

impl Setup {
    /// The disk with what the guest needs.
    pub(super) fn payload(&self) -> PathBuf {
        self.folder.join("payload.img")
    }

    /// The disk for what the guest found.
    pub(super) fn evidence(&self) -> PathBuf {
        self.folder.join("evidence.img")
    }

    /// What the guest says over its second serial port.
    pub(super) fn progress(&self) -> PathBuf {
        self.folder.join("progress.log")
    }

    /// What it says over its first, and what QEMU has to say.
    fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    fn complaints(&self) -> PathBuf {
        self.folder.join("qemu.log")
    }

    fn variables(&self) -> PathBuf {
        self.folder.join("variables.fd")
    }

    /// QEMU's command line.
    fn arguments(&self) -> Vec<String> {
        // The enlightenments make Windows fast, and let it say what a bug check was.
        let (accelerator, processor) = match self.accelerator {
            Accelerator::Kvm => (
                "kvm",
                "host,hv-relaxed,hv-vapic,hv-spinlocks=0x1fff,hv-vpindex,hv-synic,hv-stimer,hv-time,hv-crash",
            ),
            Accelerator::Tcg => ("tcg", "max"),
        };
        let mut all: Vec<String> = Vec::new();
        let mut add = |name: &str, value: String| all.extend([name.to_owned(), value]);
        add("-name", "wskdrv".into());
        add("-machine", format!("q35,accel={accelerator}"));
        add("-cpu", processor.into());
        add("-smp", self.processors.to_string());
        add("-m", self.memory.to_string());
        // Windows takes the clock for local time.
        add("-rtc", "base=localtime".into());
        // A system that fails goes on, to write its dump.
        add("-action", "panic=none".into());
        if let Firmware::Uefi { code, .. } = &self.firmware {
            add("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file={}", escaped(code)));
            add("-drive", format!("if=pflash,unit=1,format=raw,file={}", escaped(&self.variables())));
        }
        add("-drive", format!("if=none,id=system,format=qcow2,discard=unmap,file={}", escaped(&self.system)));
        let disk = if self.virtio { "virtio-blk-pci" } else { "ide-hd,bus=ide.0" };
        add("-device", format!("{disk},drive=system,bootindex=0"));
        add("-device", "qemu-xhci,id=usb".into());
        for (id, disk, mode) in
            [("payload", self.payload(), "readonly=on"), ("evidence", self.evidence(), "readonly=off")]
        {
            add("-drive", format!("if=none,id={id},format=raw,{mode},file={}", escaped(&disk)));
            add("-device", format!("usb-storage,bus=usb.0,drive={id},removable=on"));
        }
        add("-device", "usb-tablet,bus=usb.0".into());
        let restrict = if self.internet { "off" } else { "on" };
        let forward = self.ssh.map(|port| format!(",hostfwd=tcp:127.0.0.1:{port}-:22")).unwrap_or_default();
        add("-netdev", format!("user,id=net,restrict={restrict}{forward}"));
        let network = if self.virtio { "virtio-net-pci" } else { "e1000e" };
        add("-device", format!("{network},netdev=net"));
        add("-device", "pvpanic".into());
        add("-vga", "std".into());
        add("-display", self.display.clone());
        // The first port is the system's own (boot messages, a kernel debugger); the second is for the script.
        add("-serial", format!("file:{}", self.console().display()));
        add("-serial", format!("file:{}", self.progress().display()));
        add("-chardev", "stdio,id=monitor,signal=off".into());
        add("-mon", "chardev=monitor,mode=control".into());
        all.extend(["-no-user-config", "-nodefaults"].map(str::to_owned));
        all
    }
}

/// A comma ends a value unless it is doubled.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// A running machine. It is ended when this is dropped.
pub(super) struct Machine {
    child: Child,
    pub(super) monitor: Monitor,
    folder: PathBuf,
}

impl Machine {
    pub(super) fn start(setup: &Setup) -> Result<Machine> {
        if let Firmware::Uefi { variables, .. } = &setup.firmware {
            fs::copy(variables, setup.variables())
                .with_context(|| format!("copying {}", variables.display()))?;
        }
        // The ports' files are read before QEMU has made them.
        File::create(setup.progress())?;
        let complaints = File::create(setup.complaints())?;
        let mut child = tied(QEMU)
            .args(setup.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .context("starting QEMU")?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let (input, output) = streams.context("QEMU's standard input and output")?;
        match Monitor::open(input, output) {
            Ok(monitor) => Ok(Machine { child, monitor, folder: setup.folder.clone() }),
            Err(error) => {
                end(&mut child);
                let said = fs::read_to_string(setup.complaints()).unwrap_or_default();
                if is_lock(&said) {
                    bail!(
                        "the image is in use by another program: shut that virtual machine down first\n{said}"
                    );
                }
                bail!("QEMU does not start: {error:#}\n{said}")
            }
        }
    }

    /// Takes a picture of the guest's screen, and gives its file.
    pub(super) fn screenshot(&mut self, name: &str) -> Result<PathBuf> {
        let file = self.folder.join(format!("{name}.png"));
        self.monitor.execute("screendump", &json!({ "filename": file, "format": "png" }))?;
        Ok(file)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.monitor.execute("quit", &json!({}));
        let until = Instant::now() + END;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        end(&mut self.child);
    }
}

/// Ends a program, if it runs, and waits for its end.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A command whose program ends with this one, even if this one is killed: on Linux, where `setpriv` is there.
fn tied(program: &str) -> Command {
    let there = |output: io::Result<std::process::Output>| output.is_ok_and(|output| output.status.success());
    if cfg!(target_os = "linux") && there(Command::new("setpriv").arg("--version").output()) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        command
    } else {
        Command::new(program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            accelerator: Accelerator::Tcg,
            firmware: Firmware::Uefi { code: "code.fd".into(), variables: "vars.fd".into() },
            folder: "a,b".into(),
            system: "a,b/system.qcow2".into(),
            memory: 4096,
            processors: 2,
            virtio: false,
            display: "none".into(),
            ssh: None,
            internet: false,
        }
    }

    #[test]
    fn an_unmodified_windows_finds_its_devices() {
        let line = setup().arguments().join(" ");
        for device in
            ["ide-hd,bus=ide.0,drive=system,bootindex=0", "e1000e,netdev=net", "usb-storage", "pvpanic"]
        {
            assert!(line.contains(device), "{device}: {line}");
        }
        assert!(!line.contains("virtio") && !line.contains("hostfwd"), "{line}");
        assert!(line.contains("restrict=on"), "{line}");
        // Neither the firmware's code nor the payload can be changed.
        assert!(line.contains("readonly=on,file=code.fd"), "{line}");
        assert!(line.contains("format=raw,readonly=on,file=a,,b/payload.img"), "{line}");
    }

    #[test]
    fn virtio_kvm_and_ssh_are_on_demand() {
        let setup = Setup {
            accelerator: Accelerator::Kvm,
            firmware: Firmware::Bios,
            virtio: true,
            ssh: Some(2222),
            internet: true,
            ..setup()
        };
        let line = setup.arguments().join(" ");
        for part in ["accel=kvm", "hv-crash", "virtio-blk-pci,drive=system", "virtio-net-pci,netdev=net"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(line.contains("restrict=off,hostfwd=tcp:127.0.0.1:2222-:22"), "{line}");
        assert!(!line.contains("pflash"), "{line}");
    }
}
