//! `wskctl driver` and `wskctl verifier`, as far as they go on any machine.
#![forbid(unsafe_code)]

use crate::program::{exit_code, json, stderr, stdout, wskctl};

#[test]
fn the_commands_are_listed_and_teach() {
    let help = wskctl(&["--help"]);
    for verb in ["driver", "verifier"] {
        assert!(stdout(&help).contains(&format!("  {verb}  ")), "{verb}: {}", stdout(&help));
    }
    let driver = wskctl(&["driver", "--help"]);
    assert_eq!(exit_code(&driver), 0);
    for word in ["install", "start", "stop", "remove", "status", "testsigning", "elevated prompt"] {
        assert!(stdout(&driver).contains(word), "{word}: {}", stdout(&driver));
    }
    let on = wskctl(&["verifier", "on", "--help"]);
    for check in wskctl::verifier::CHECKS.iter().filter(|check| check.offered) {
        let flag = format!("{:#x}", check.flag);
        let row = stdout(&on).lines().find(|line| line.trim_start().starts_with(check.name));
        assert!(row.is_some_and(|row| row.contains(&flag)), "{}: {}", check.name, stdout(&on));
    }
}

#[test]
fn wrong_arguments_are_exit_code_2_and_a_sentence() {
    for (arguments, what) in [
        (&["driver"][..], "install"),
        (&["driver", "restart"], "restart"),
        (&["driver", "start", "wskdrv.sys"], "unexpected"),
        (&["verifier", "on", "--with", "sleep"], "force-pending"),
        (&["verifier", "on", "--low-resources=20000"], "1..=10000"),
        (&["verifier", "off", "--with", "dma"], "unexpected"),
    ] {
        let run = wskctl(arguments);
        assert_eq!(exit_code(&run), 2, "{arguments:?}: {}", stderr(&run));
        assert!(stderr(&run).contains(what), "{arguments:?}: {}", stderr(&run));
        assert_eq!(stdout(&run), "", "{arguments:?}");
    }
}

#[test]
#[cfg(not(windows))]
fn without_a_service_manager_it_says_what_to_use_instead() {
    for verb in ["install", "start", "stop", "remove", "status"] {
        let run = wskctl(&["driver", verb]);
        assert_eq!(exit_code(&run), 2, "{verb}");
        assert!(stderr(&run).contains("no service manager"), "{verb}: {}", stderr(&run));
        assert!(stderr(&run).contains("`cargo demo`"), "{verb}: {}", stderr(&run));
    }
    let run = wskctl(&["driver", "status", "--json"]);
    assert_eq!((exit_code(&run), stderr(&run)), (2, ""));
    assert!(json(&run)["error"]["advice"].as_str().unwrap().contains("Wine"));
    for verb in ["on", "off", "status"] {
        let run = wskctl(&["verifier", verb]);
        assert_eq!(exit_code(&run), 2, "{verb}");
        assert!(stderr(&run).contains("a part of Windows"), "{verb}: {}", stderr(&run));
    }
}

#[test]
fn print_shows_command_line_and_registry_and_does_nothing() {
    let run = wskctl(&["verifier", "on", "--print", "--with", "force-pending", "--service", "other"]);
    assert_eq!((exit_code(&run), stderr(&run)), (0, ""));
    let lines: Vec<&str> = stdout(&run).lines().collect();
    assert_eq!(lines[0], "verifier /flags 0x20BBB /driver other.sys");
    assert_eq!(
        lines[1],
        r"reg add HKLM\SYSTEM\CurrentControlSet\Services\other\Parameters\Wdf /v VerifierOn /t REG_DWORD /d 1 /f"
    );
    assert_eq!(lines.len(), 6);

    let run = wskctl(&["verifier", "on", "--print", "--json", "--no-framework", "--low-resources"]);
    let document = json(&run);
    assert_eq!(document["done"], false);
    let arguments = ["/flags", "0x209BB", "/faults", "600", "", "", "1", "/driver", "wskdrv.sys"];
    assert_eq!(document["plan"]["verifier"], serde_json::json!([arguments]));
    assert_eq!(document["plan"]["registry"], serde_json::json!([]));
}
