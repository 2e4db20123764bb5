//! `cargo xtask vm`: the steps of docs/windows.md in a virtual machine, with a Windows that the user has.
//!
//! **It has never been run with Windows**; `--self-test` runs it with a small Linux in its place. QEMU boots the user's disk
//! through an overlay, so the disk is not changed. Beside it stand two disks: the payload, which is read only, and one that
//! the guest writes its evidence to. Over a serial port the guest says which step it is at, and each phase has a limit.

mod disk;
mod firmware;
mod image;
mod machine;
mod needs;
mod payload;
mod progress;
mod qmp;
mod report;
mod self_test;
mod ssh;
mod watch;

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{cross, root, target_directory};
use disk::Entry;
use firmware::Kind;
use image::Image;
use machine::{Machine, Setup};
use needs::Accelerator;
use report::Report;
use ssh::{Ssh, Target};
use watch::Limits;

/// Options of `cargo xtask vm`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The disk of an installed Windows. It is only read.
    #[arg(long, value_name = "DISK", required_unless_present = "self_test")]
    image: Option<PathBuf>,
    /// Its format, by QEMU's name (qcow2, raw, vhdx, ...); else QEMU recognises it, which is not for a disk from a stranger.
    #[arg(long)]
    format: Option<String>,
    /// Make this new disk on top of the image, and let Windows prepare itself on it: test mode, and the script at each start.
    /// Later runs, with it as the image, need no hand.
    #[arg(long, value_name = "NEW", conflicts_with = "self_test")]
    prepare: Option<PathBuf>,
    /// Start the script by the guest's SSH server, as this user, an administrator.
    #[arg(long, value_name = "USER")]
    ssh: Option<String>,
    /// With that, the private key.
    #[arg(long, value_name = "FILE", requires = "ssh")]
    ssh_key: Option<PathBuf>,
    /// Show the guest's screen: QEMU's -display (gtk, sdl, vnc=127.0.0.1:0, ...).
    #[arg(long, default_value = "none")]
    display: String,
    /// What boots the guest; else what the disk's partition table asks for.
    #[arg(long)]
    firmware: Option<Kind>,
    /// Who executes the guest's instructions; else KVM where it can be used.
    #[arg(long)]
    accelerator: Option<Accelerator>,
    /// Disk and network are virtio devices: faster, for a Windows with their drivers.
    #[arg(long)]
    virtio: bool,
    /// Let the guest reach other machines.
    #[arg(long)]
    internet: bool,
    /// The guest's memory, in MiB.
    #[arg(long, default_value_t = 4096)]
    memory: u32,
    /// The guest's processors.
    #[arg(long, default_value_t = 2)]
    processors: u32,
    /// The limit of each boot, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    boot_limit: u64,
    /// The limit of each step, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 20)]
    step_limit: u64,
    /// The limit of everything, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 180)]
    limit: u64,
    /// Install the missing packages of the build with apt-get first.
    #[arg(long)]
    install: bool,
    /// Take what was built last.
    #[arg(long)]
    no_build: bool,
    /// Keep the guest's disks.
    #[arg(long)]
    keep: bool,
    /// Show all that the guest's script prints.
    #[arg(long, short)]
    verbose: bool,
    /// Try all this with a small Linux instead, made of Debian's packages: it passes, fails, hangs, panics. With a name, only that
    /// part.
    #[arg(
        long,
        value_name = "PART",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with_all = ["image", "ssh", "virtio"]
    )]
    self_test: Option<String>,
    /// What to ask of `wskctl trial`, which has the list of steps: phases, or `--verifier driver`; else all phases.
    #[arg(last = true, value_name = "TRIAL")]
    trial: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let root = root()?;
    let out = target_directory(&root).join("vm");
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let out = out.canonicalize()?;
    needs::require(&[needs::QEMU, needs::QEMU_IMG])?;
    if let Some(only) = &options.self_test {
        return self_test::run(&root, &out, options.accelerator, only, options.verbose);
    }

    let path = options.image.as_deref().context("--image is missing")?;
    let image = Image::open(path, options.format.as_deref())?;
    let built = if options.no_build {
        cross::output_directory(&root)
    } else {
        cross::build_for_windows(options.install)?
    };
    let payload = payload::files(&root, &built, &options.trial, options.prepare.is_some())?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&out)?.keep();
    let kind = match options.firmware {
        Some(kind) => kind,
        None if image.is_for_uefi(&folder.join("sectors"))? => Kind::Uefi,
        None => Kind::Bios,
    };
    let port = options.ssh.is_some().then(ssh::free_port).transpose()?;
    let setup = Setup {
        accelerator: needs::accelerator(options.accelerator),
        firmware: firmware::find(kind)?,
        system: options.prepare.clone().unwrap_or_else(|| folder.join("system.qcow2")),
        folder: folder.clone(),
        memory: options.memory,
        processors: options.processors,
        virtio: options.virtio,
        display: options.display.clone(),
        ssh: port,
        internet: options.internet,
    };
    if setup.system.exists() {
        bail!("{} is there already: --prepare makes a new disk", setup.system.display());
    }
    let limits = Limits {
        boot: Duration::from_mins(options.boot_limit),
        step: Duration::from_mins(options.step_limit),
        dump: Duration::from_mins(options.step_limit),
        shutdown: Duration::from_mins(10),
        total: Duration::from_mins(options.limit),
    };
    let target = options.ssh.clone().zip(port).map(|(user, port)| Target {
        user,
        key: options.ssh_key.clone(),
        known_hosts: out.join("known_hosts"),
        alias: ssh::alias(path),
        port,
    });
    println!("never run with Windows yet: please report what comes of it");
    println!("everything of this run is in {}", folder.display());
    if target.is_none() {
        println!(
            "a disk that --prepare made starts the script by itself; in any other Windows, type as an administrator:"
        );
        println!("    {}", ssh::LINE);
    }
    let report = guest(&image, &setup, &payload, &limits, target, options.verbose)?;
    print!("{}", report.text(&folder));
    if !options.keep {
        tidy(&setup, report.watched.progress.crash.is_some() || options.prepare.is_some())?;
    }
    if report.passed() { Ok(()) } else { bail!("the run in the virtual machine failed") }
}

/// Boots the image with a payload, follows it to its end, and takes what it left.
fn guest(
    image: &Image,
    setup: &Setup,
    payload: &[Entry],
    limits: &Limits,
    ssh: Option<Target>,
    verbose: bool,
) -> Result<Report> {
    image.overlay(&setup.system)?;
    disk::make(&setup.payload(), payload::LABEL, payload, 0)?;
    disk::make(&setup.evidence(), payload::EVIDENCE_LABEL, &[], payload::EVIDENCE_BYTES)?;
    let ssh = ssh.map(|target| Ssh::new(target, setup.folder.join("ssh.log")));
    let mut machine = Machine::start(setup)?;
    let port = File::open(setup.progress())?;
    let watched = watch::follow(&mut machine, port, limits, ssh, verbose)?;
    drop(machine);
    let files = disk::read(&setup.evidence())?;
    disk::unpack(&files, &setup.folder.join("evidence"))?;
    Ok(Report { watched, evidence: files.into_iter().map(|(name, _)| name).collect() })
}

/// Removes the disks of a run, but not the guest's own if there is something on it.
fn tidy(setup: &Setup, keep_system: bool) -> Result<()> {
    let mut disks = vec![setup.payload(), setup.evidence()];
    if !keep_system {
        disks.push(setup.system.clone());
    }
    for disk in disks {
        fs::remove_file(&disk).with_context(|| format!("removing {}", disk.display()))?;
    }
    Ok(())
}
