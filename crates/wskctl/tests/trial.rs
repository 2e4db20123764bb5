//! `wskctl trial` as a program: what of the list needs no Windows, on the hosted kernel; logs, limits and exit codes.
#![cfg(feature = "hosted")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::program::{exit_code, json, stderr, stdout, wskctl};
use wskctl::trial::{Local, Machine, PHASES};

/// A folder of this test's own, which is empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn phases_that_need_no_windows_are_done_on_the_hosted_kernel() {
    let out = folder("trial-hosted");
    let place = out.to_str().unwrap();
    let run = wskctl(&["--device", "hosted", "trial", "demo", "conformance-refusals", "inf", "--out", place]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let demo = fs::read_to_string(out.join("demo.log")).unwrap();
    assert!(demo.starts_with("demo: ") && demo.ends_with("demo: done\n"), "{demo}");
    assert!(demo.contains("> wskctl --device hosted demo\n"), "{demo}");
    let suite = fs::read_to_string(out.join("conformance-refusals.log")).unwrap();
    let (begins, ends) = (suite.find("\n1 of "), suite.find("passed"));
    assert!(begins.is_some() && begins < ends, "a test is named before it is run: {suite}");
    let inf = fs::read_to_string(out.join("inf.log")).unwrap();
    assert_eq!(inf, "inf: not done: there is no INF with a catalogue\n");
}

#[test]
fn a_phase_that_fails_is_named() {
    let out = folder("trial-fails");
    let place = out.to_str().unwrap();
    let run = wskctl(&["--device", "no-such-device", "trial", "demo", "--out", place]);
    assert_eq!(exit_code(&run), 1, "{}", stderr(&run));
    assert!(
        stderr(&run).contains("demo: FAILED: `wskctl --device no-such-device demo` ended"),
        "{}",
        stderr(&run)
    );
    assert!(stderr(&run).contains("failed: demo"), "{}", stderr(&run));
}

#[test]
fn the_list_names_every_phase() {
    let run = wskctl(&["trial", "--list", "--json"]);
    let rows = json(&run);
    let names: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["phase"].as_str().unwrap()).collect();
    assert_eq!(names, PHASES.iter().map(|phase| phase.name).collect::<Vec<_>>());
    let run = wskctl(&["trial", "--list", "install", "--verifier", "driver"]);
    let text = stdout(&run);
    assert!(
        text.contains("wskctl verifier on --now --no-break") && !text.contains("framework-only"),
        "{text}"
    );
}

#[test]
fn a_program_is_ended_at_its_limit_and_its_output_kept() {
    let out = folder("trial-limit");
    let mut shown = Vec::new();
    let mut machine = Local::new(&out, &mut shown).unwrap();
    machine.begin(&PHASES[0]).unwrap();
    // Nobody sends it anything.
    let words = [env!("CARGO_BIN_EXE_wskctl"), "--device", "hosted", "--timeout", "none", "recv"];
    let words = words.map(str::to_owned);
    let ended = machine.run(&words, Duration::from_secs(2)).unwrap();
    assert_eq!(ended.code, None, "{}", ended.output);
    let ended =
        machine.run(&[words[0].clone(), "no-such-command".to_owned()], Duration::from_mins(1)).unwrap();
    assert_eq!(ended.code, Some(2));
    assert!(ended.output.contains("no-such-command"), "{}", ended.output);
    assert!(machine.run(&["no-such-program".to_owned()], Duration::from_mins(1)).is_err());
    drop(machine);
    let log = fs::read_to_string(out.join(PHASES[0].name).with_extension("log")).unwrap();
    assert!(log.ends_with(&ended.output));
    assert_eq!(String::from_utf8(shown).unwrap(), log);
}

/// With stand-ins for Windows' own programs, which note how they were called.
#[cfg(unix)]
#[test]
fn windows_programs_are_called_as_the_list_says() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder("trial-stand-ins");
    let programs = folder.join("programs");
    fs::create_dir(&programs).unwrap();
    let calls = folder.join("calls");
    for (name, says) in [
        ("bcdedit", "testsigning             Yes"),
        ("powershell", "Status : Valid"),
        ("certutil", ""),
        ("reg", ""),
    ] {
        let program = programs.join(name);
        let place = calls.display();
        fs::write(&program, format!("#!/bin/sh\necho '{says}'\necho {name} \"$@\" >> '{place}'\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(folder.join("wskdrv.cer"), "").unwrap();
    let place = folder.to_str().unwrap();
    let mut command = crate::program::command(&["trial", "look", "trust", "--folder", place]);
    // What else the list calls there is only looked at, and is not here.
    let run = command.env("PATH", &programs).output().unwrap();
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let calls = fs::read_to_string(calls).unwrap();
    let certificate = folder.join("wskdrv.cer");
    for line in [
        "bcdedit /enum {current}".to_owned(),
        format!("certutil -addstore Root {}", certificate.display()),
        format!("certutil -addstore TrustedPublisher {}", certificate.display()),
        format!(
            r"powershell -NoProfile -Command Get-AuthenticodeSignature '{place}\wskdrv.sys' | Format-List Status,StatusMessage,SignerCertificate"
        ),
    ] {
        assert!(calls.lines().any(|call| call == line), "{line}\n{calls}");
    }
    let log = fs::read_to_string(folder.join("out").join("look.log")).unwrap();
    assert!(log.contains("testsigning             Yes") && log.contains("`cmd` cannot be run"), "{log}");
    assert!(log.contains("the list is for Windows"), "{log}");
}
