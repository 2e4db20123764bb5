//! `cargo xtask vm --self-test`: all but Windows, with a small Linux in its place.
//!
//! The guest boots from a disk by UEFI, reads the payload, plays the list of steps and leaves evidence; or it fails, hangs,
//! panics, stops, restarts. Each must end as it should, with the image unchanged. One is started by SSH.

mod cpio;
mod guest;
mod ssh;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::disk::{self, Entry};
use super::firmware::{self, Kind};
use super::image::Image;
use super::machine::{Machine, Setup};
use super::needs::{self, Accelerator};
use super::report::Report;
use super::watch::{Ending, Limits};
use guest::Guest;

/// What a guest plays, the limits that differ, and what the run must come to.
struct Part {
    played: &'static str,
    /// In seconds; 0 for one that is not meant to be exceeded.
    boot: u64,
    step: u64,
    ending: Ending,
    /// What the report must say.
    says: &'static [&'static str],
}

const PARTS: [Part; 7] = [
    Part {
        played: "passes",
        boot: 0,
        step: 0,
        ending: Ending::Done(0),
        says: &["write to the system disk: passed", "copy the payload: passed", "evidence.json"],
    },
    Part { played: "fails", boot: 0, step: 0, ending: Ending::Done(1), says: &["fail: FAILED with 7"] },
    Part {
        played: "hangs",
        boot: 0,
        step: 10,
        ending: Ending::Limit("a step"),
        says: &["hang: did not end", "in the step \"hang\"", "| the last words", "limit.png"],
    },
    Part {
        played: "panics",
        boot: 0,
        step: 0,
        ending: Ending::Done(1),
        says: &[
            "failed (panic): the guest's system has failed; the guest found it",
            "panic.png",
            "MEMORY.DMP",
        ],
    },
    Part {
        played: "restarts",
        boot: 0,
        step: 0,
        ending: Ending::Done(1),
        says: &["failed (restart without a word): the guest restarted by itself", "the guest found it"],
    },
    Part {
        played: "stops",
        boot: 0,
        step: 0,
        ending: Ending::Off,
        says: &["was shut down in the step \"stop\""],
    },
    Part {
        played: "idles",
        boot: 10,
        step: 0,
        ending: Ending::Limit("the boot"),
        says: &["at the boot, before the first step", "limit.png"],
    },
];

/// Limits that are not meant to be exceeded, even if the guest is emulated on a busy machine.
const AMPLE: Limits = Limits {
    boot: Duration::from_mins(15),
    step: Duration::from_mins(10),
    dump: Duration::from_mins(10),
    shutdown: Duration::from_mins(10),
    total: Duration::from_hours(1),
};

/// Plays the parts whose names contain `only`.
pub(super) fn run(
    root: &Path,
    out: &Path,
    wanted: Option<Accelerator>,
    only: &str,
    verbose: bool,
) -> Result<()> {
    let accelerator = needs::accelerator(wanted);
    let guest = Guest::make(&out.join("debian"))?;
    let folder = tempfile::Builder::new().prefix("self-test-").tempdir_in(out)?;
    let payload = stand_in(root, &folder.path().join("built"))?;
    let setup = Setup {
        accelerator,
        firmware: firmware::find(Kind::Uefi)?,
        folder: folder.path().to_path_buf(),
        system: folder.path().join("system.qcow2"),
        memory: 512,
        processors: 1,
        virtio: false,
        display: "none".into(),
        ssh: None,
        internet: false,
    };
    images(folder.path(), &setup)?;
    let names = PARTS.iter().map(|part| part.played).chain([ssh::PLAYED]);
    let names: Vec<&str> = names.filter(|name| name.contains(only)).collect();
    let mut failed = Vec::new();
    for name in &names {
        let begin = Instant::now();
        println!("a guest that {name}");
        let came = match PARTS.iter().find(|part| part.played == *name) {
            Some(part) => play(&guest, part, &setup, &payload, verbose),
            None => ssh::play(&guest, &setup, &payload, verbose),
        };
        println!("    {} s", begin.elapsed().as_secs());
        if let Err(error) = came {
            eprintln!("    FAILED: {error:#}");
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        let kept = folder.keep();
        bail!("these guests did not end as they should: {} (see {})", failed.join(", "), kept.display());
    }
    ensure!(!names.is_empty(), "no part is named {only}");
    println!("guests that ended as they should: {}; none of them was Windows", names.len());
    Ok(())
}

/// A payload with other files in the place of what is built, which no guest here could run.
fn stand_in(root: &Path, built: &Path) -> Result<Vec<Entry>> {
    fs::create_dir_all(built)?;
    for (name, length) in [("wskdrv.sys", 100_001), ("wskdrv.cer", 700), ("wskctl.exe", 300_000)] {
        let bytes: Vec<u8> =
            (0..length).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        fs::write(built.join(name), bytes)?;
    }
    super::payload::files(root, built, &[], false)
}

/// What is looked at before a guest runs: an image in use, and what its partition table asks for.
fn images(folder: &Path, setup: &Setup) -> Result<()> {
    let base = folder.join("table.raw");
    let mut sectors = vec![0; 1 << 20];
    fs::write(&base, &sectors)?;
    let scratch = folder.join("sectors");
    ensure!(
        !Image::open(&base, Some("raw"))?.is_for_uefi(&scratch)?,
        "a disk without a table is for the BIOS"
    );
    sectors[512..520].copy_from_slice(b"EFI PART");
    fs::write(&base, &sectors)?;
    let image = Image::open(&base, None)?;
    ensure!(image.is_for_uefi(&scratch)?, "a GUID partition table is for UEFI");

    // A guest of somebody else has it.
    image.overlay(&setup.system)?;
    disk::make(&setup.payload(), "WSKDRV", &[], 0)?;
    disk::make(&setup.evidence(), "WSKDRV_OUT", &[], 0)?;
    let machine = Machine::start(setup)?;
    let refused = Image::open(&setup.system, None).err().context("an image in use was accepted")?.to_string();
    ensure!(refused.contains("is in use by another program"), "of an image in use: {refused}");
    drop(machine);
    Image::open(&setup.system, None).context("after its machine has ended")?;
    println!("images: recognised, and refused while in use");
    Ok(())
}

/// Runs a guest, and checks what came of it.
fn play(guest: &Guest, part: &Part, setup: &Setup, payload: &[Entry], verbose: bool) -> Result<()> {
    let folder = setup.folder.join(part.played);
    fs::create_dir(&folder)?;
    let disk = folder.join("guest, whole.img");
    guest.disk(&disk, part.played, &[])?;
    let before = fs::read(&disk)?;
    let setup = Setup { system: folder.join("system.qcow2"), folder: folder.clone(), ..setup.clone() };
    let limit = |seconds, ample| if seconds == 0 { ample } else { Duration::from_secs(seconds) };
    let limits = Limits { boot: limit(part.boot, AMPLE.boot), step: limit(part.step, AMPLE.step), ..AMPLE };
    let report = super::guest(&Image::open(&disk, Some("raw"))?, &setup, payload, &limits, None, verbose)?;
    let text = report.text(&folder);
    if verbose {
        print!("{text}");
    }
    check(part, &report, &text, payload, &folder).with_context(|| text)?;
    ensure!(fs::read(&disk)? == before, "the image was changed");
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn check(part: &Part, report: &Report, text: &str, payload: &[Entry], folder: &Path) -> Result<()> {
    ensure!(report.watched.ending == part.ending, "it ended with {:?}", report.watched.ending);
    ensure!(report.passed() == (part.ending == Ending::Done(0)), "whether it passed is wrong");
    for said in part.says {
        ensure!(text.contains(said), "the report does not say {said:?}");
    }
    for screenshot in &report.watched.screenshots {
        let bytes = fs::read(screenshot)?;
        ensure!(bytes.starts_with(b"\x89PNG"), "{} is no picture", screenshot.display());
    }
    ensure!(!text.contains("can be written"), "the payload can be written");
    // What a guest has read is what was written. Those that exceed a limit read nothing.
    if !matches!(part.ending, Ending::Limit(_)) {
        for (name, bytes) in payload {
            let copied = fs::read(folder.join("evidence/payload").join(name));
            ensure!(copied.is_ok_and(|copied| copied == *bytes), "the guest read something else of {name}");
        }
    }
    Ok(())
}
