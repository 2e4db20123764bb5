//! A guest whose script is started by SSH, once; and once more with another host key, which must be refused.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::super::disk::Entry;
use super::super::image::Image;
use super::super::machine::Setup;
use super::super::ssh::{self, LINE, Target};
use super::AMPLE;
use super::guest::Guest;
use crate::cross::run_quietly;

/// The name of this part.
pub(super) const PLAYED: &str = "connects";

pub(super) fn play(guest: &Guest, setup: &Setup, payload: &[Entry], verbose: bool) -> Result<()> {
    let folder = setup.folder.join(PLAYED);
    fs::create_dir(&folder)?;
    let key = folder.join("key");
    let mut command = Command::new("ssh-keygen");
    run_quietly(command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
    let disk = folder.join("guest.img");
    let public = fs::read(key.with_extension("pub"))?;
    guest.disk(&disk, PLAYED, &[("key".into(), public), ("line".into(), LINE.into())])?;
    let image = Image::open(&disk, Some("raw"))?;

    let connect = |name: &str| {
        let folder = folder.join(name);
        fs::create_dir(&folder)?;
        let port = ssh::free_port()?;
        let setup = Setup { system: folder.join("system.qcow2"), folder, ssh: Some(port), ..setup.clone() };
        let target = Target {
            user: "tester".into(),
            key: Some(key.clone()),
            known_hosts: key.with_file_name("known_hosts"),
            alias: ssh::alias(&disk),
            port,
        };
        super::super::guest(&image, &setup, payload, &AMPLE, Some(target), verbose)
    };
    let report = connect("first")?;
    let text = report.text(&folder);
    ensure!(report.passed() && text.contains("evidence.json"), "{text}");
    // This guest makes a new key at each boot.
    let refused = connect("second").err().context("another host key was accepted")?.to_string();
    ensure!(refused.contains("shows another host key"), "of another host key: {refused}");
    Ok(())
}
