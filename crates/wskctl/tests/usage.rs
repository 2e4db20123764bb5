//! The command line without a driver: usage, listings, scripts that are wrong; and the exit code of each.
#![forbid(unsafe_code)]

use crate::program::{self, exit_code, json, stderr, stdout, wskctl};

#[test]
fn without_a_command_it_shows_how_it_is_used() {
    let run = wskctl(&[]);
    assert_eq!(exit_code(&run), 2);
    for verb in [
        "demo",
        "conformance",
        "bench",
        "evidence",
        "info",
        "probe",
        "readings",
        "options",
        "get",
        "set",
        "ioctl",
        "send",
        "recv",
        "driver",
        "verifier",
        "trial",
        "script",
    ] {
        assert!(stderr(&run).contains(&format!("  {verb}  ")), "{verb}: {}", stderr(&run));
    }
    let help = wskctl(&["--help"]);
    assert_eq!(exit_code(&help), 0);
    assert!(stdout(&help).contains("Exit codes: 0 done; 1 refused"));
}

#[test]
fn the_readings_of_a_seed_are_listed() {
    let run = wskctl(&["readings", "seed:7"]);
    let text = stdout(&run);
    assert!(text.contains("receive-truncated ") && text.contains("questions under seed:7; "), "{text}");
    assert!(!text.contains("cancel-close"), "it is answered in one way only: {text}");
    assert!(stdout(&wskctl(&["readings", "--all"])).contains("cancel-close"));
    let seed = readings::Readings::seed(7);
    for arguments in [&["readings", "seed:7", "--json"][..], &["--readings", "seed:7", "readings", "--json"]]
    {
        let document = json(&wskctl(arguments));
        assert_eq!(document["readings"], "seed:7");
        for about in readings::all().filter(|about| about.followed.len() > 1) {
            let question = &document["questions"][about.id];
            assert_eq!(question["reading"], about.followed[seed.number(about)].name, "{}", about.id);
            assert_eq!(
                question["followed"].as_object().map(serde_json::Map::len),
                Some(about.followed.len())
            );
        }
    }
    let wrong = wskctl(&["readings", "seed:x"]);
    assert_eq!(exit_code(&wrong), 2);
    assert!(stderr(&wrong).contains("expected strict, windows or seed:N"), "{}", stderr(&wrong));
}

#[test]
fn wrong_arguments_are_exit_code_2_and_a_sentence() {
    for (arguments, what) in [
        (&["get", "SO_REUSEADR"][..], "did you mean SO_REUSEADDR?"),
        (&["set", "SO_RCVBUF", "many"], "65536 or 0x10000"),
        (&["ioctl", "SIO_WSK_SET_REMOTE_ADDRESS", "nowhere"], "127.0.0.1:7777"),
        (&["send", "127.0.0.1:9"], "<DATA>"),
        (&["--timeout", "later", "info"], "500ms, 5s or none"),
        (&["info", "--device", r"\\.\WskDrv", "--completion", "inline"], "--device hosted"),
        (&["script", "/no/such/file"], "cannot read /no/such/file"),
    ] {
        let run = wskctl(arguments);
        assert_eq!(exit_code(&run), 2, "{arguments:?}: {}", stderr(&run));
        assert!(stderr(&run).contains(what), "{arguments:?}: {}", stderr(&run));
        assert_eq!(stdout(&run), "", "{arguments:?}");
    }
}

#[test]
fn a_wrong_value_shows_the_usage_of_its_command() {
    for (arguments, what, usage) in [
        (&["set", "SO_BROADCAST", "maybe"][..], "on or off", "Usage: wskctl set"),
        (&["set", "SO_RCVBUF", "-1"], "a number from 0 to 4294967295", "Usage: wskctl set"),
        (&["get", "IP_ADD_MEMBERSHIP"], "can only be set", "Usage: wskctl get"),
    ] {
        let run = wskctl(arguments);
        assert_eq!(exit_code(&run), 2, "{arguments:?}");
        assert!(
            stderr(&run).contains(what) && stderr(&run).contains(usage),
            "{arguments:?}: {}",
            stderr(&run)
        );
    }
}

#[test]
fn with_json_a_wrong_command_line_is_a_document_too() {
    for (arguments, message, usage) in [
        (&["--json", "get", "SO_RCVBUF", "--nonsense"][..], "unexpected argument '--nonsense'", "wskctl get"),
        (&["--json", "send"], "required arguments were not provided: <ADDRESS> <DATA>", "wskctl send"),
        (&["set", "SO_BROADCAST", "maybe", "--json"], "SO_BROADCAST is on or off", "wskctl set"),
        (&["send", "127.0.0.1:99999", "x", "--json-lines"], "a port is a number from 0 to 65535", ""),
        (&["send", "localhost:7777", "x", "--json"], "write 127.0.0.1:7777 or [::1]:7777", ""),
        (&["ioctl", "SIO_UDP_CONNRESET", "clear", "--json"], "IP_RECVERR", ""),
        (&["--json", "--json-lines", "info"], "cannot be used with", "wskctl"),
        (&["--json"], "there is no command", "wskctl"),
    ] {
        let run = wskctl(arguments);
        assert_eq!((exit_code(&run), stderr(&run)), (2, ""), "{arguments:?}");
        let error = &json(&run)["error"];
        assert!(error["message"].as_str().unwrap().contains(message), "{arguments:?}: {error}");
        assert!(error["usage"].as_str().unwrap_or_default().starts_with(usage), "{arguments:?}: {error}");
    }
    // Behind -- it is a payload.
    let run = wskctl(&["--nonsense", "send", "127.0.0.1:9", "--", "--json"]);
    assert!(stdout(&run).is_empty() && stderr(&run).contains("--nonsense"), "{}", stderr(&run));
    let help = wskctl(&["--json", "--help"]);
    assert_eq!(exit_code(&help), 0);
    assert!(stdout(&help).contains("Usage: wskctl"), "{}", stdout(&help));
}

#[test]
fn the_table_of_the_options_fits_a_terminal() {
    let table = wskctl(&["options"]);
    for line in stdout(&table).lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
#[cfg(not(windows))]
fn a_device_path_is_for_windows() {
    let run = wskctl(&["info", "--device", r"\\.\WskDrv"]);
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("use `--device hosted`"), "{}", stderr(&run));
    let run = wskctl(&["info", "--json", "--device", r"\\.\WskDrv"]);
    assert_eq!(exit_code(&run), 2);
    assert!(json(&run)["error"]["message"].as_str().unwrap().contains("WskDrv"));
    assert_eq!(stderr(&run), "");
}

#[test]
fn options_lists_every_row_of_the_table() {
    let table = wskctl(&["options"]);
    assert_eq!(exit_code(&table), 0);
    let text = stdout(&table);
    let listed = wskctl(&["options", "--json"]);
    let listed = json(&listed);
    let rows = listed.as_array().unwrap();
    assert_eq!(rows.len(), wsk_requests::ROWS.len());
    for (row, listed) in wsk_requests::ROWS.iter().zip(rows) {
        assert_eq!(listed["name"], row.name);
        assert_eq!(listed["summary"], row.about().summary);
        assert!(text.contains(row.name) && text.contains(row.about().summary), "{}", row.name);
    }
    let lines = wskctl(&["options", "--json-lines"]);
    let lines: Vec<serde_json::Value> =
        stdout(&lines).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, rows);
    let exclusive = rows.iter().find(|row| row["name"] == "SO_EXCLUSIVEADDRUSE").unwrap();
    assert_eq!(exclusive["level"], "SOL_SOCKET");
    assert_eq!(exclusive["code"], "0xFFFFFFFB");
    assert_eq!((&exclusive["get"], &exclusive["set"]), (&true.into(), &true.into()));
    assert_eq!((&exclusive["state"], &exclusive["irp"]), (&"before bind".into(), &"required".into()));
    assert_eq!((&exclusive["value"], &exclusive["size"]), (&"bool".into(), &4.into()));
    let remote = rows.iter().find(|row| row["name"] == "SIO_WSK_SET_REMOTE_ADDRESS").unwrap();
    assert_eq!(remote["code"], "0x8F000001");
    assert!(remote.get("level").is_none());
}

#[test]
fn plain_text_has_no_colours() {
    assert!(!stdout(&wskctl(&["options"])).contains('\x1b'));
}

#[test]
fn a_script_with_an_error_does_nothing_and_says_where() {
    let run = program::script(&[], "create v4\n\n# fine so far\nbind here\n");
    assert_eq!(exit_code(&run), 2);
    assert_eq!(stdout(&run), "");
    assert!(stderr(&run).starts_with("wskctl: standard input, line 4: invalid value 'here' for '<ADDRESS>': here is no address with a port"), "{}", stderr(&run));
    let run = program::script(&["--json"], "create");
    assert_eq!(exit_code(&run), 2);
    let error = &json(&run)["error"];
    assert!(error["message"].as_str().unwrap().contains("were not provided: <FAMILY>"), "{error}");
    assert_eq!((&error["line"], &error["advice"]), (&1.into(), &"it is written `create <FAMILY>`".into()));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = program::command(&["options"]).spawn().unwrap();
    drop(child.stdout.take());
    let run = child.wait_with_output().unwrap();
    assert_eq!((exit_code(&run), stderr(&run)), (0, ""));
}

#[test]
fn shells_get_completions_and_people_manual_pages() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = wskctl(&["completions", shell]);
        assert_eq!(exit_code(&run), 0, "{shell}: {}", stderr(&run));
        assert!(stdout(&run).contains("conformance") && stdout(&run).contains("timeout"), "{shell}");
    }
    assert_eq!(exit_code(&wskctl(&["completions", "sh"])), 2);
    for (arguments, parts) in [
        (&["man"][..], &[".TH wskctl 1", "SUBCOMMANDS", "conformance"][..]),
        (&["man", "send"], &[".TH wskctl-send 1", "\\-\\-together"]),
        (&["man", "driver", "install"], &[".TH wskctl-driver-install 1"]),
    ] {
        let run = wskctl(arguments);
        assert_eq!(exit_code(&run), 0, "{arguments:?}: {}", stderr(&run));
        for part in parts {
            assert!(stdout(&run).contains(part), "{arguments:?}, {part}: {}", stdout(&run));
        }
    }
    let run = wskctl(&["man", "mail"]);
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("there is no such command"), "{}", stderr(&run));
}

#[test]
fn colours_are_as_one_wants_them() {
    let escape = |arguments: &[&str]| {
        let run = wskctl(arguments);
        stdout(&run).contains('\x1b') || stderr(&run).contains('\x1b')
    };
    for command in [&["options"][..], &["script", "/no/such/file"], &["get", "SO_NONE"], &["nothing"]] {
        assert!(!escape(command), "{command:?}: this is no terminal");
        assert!(escape(&[&["--color", "always"], command].concat()), "{command:?}");
        assert!(escape(&[&["--color=always"], command].concat()), "{command:?}");
        assert!(!escape(&[&["--color", "always", "--color", "never"], command].concat()), "{command:?}");
    }
    assert_eq!(exit_code(&wskctl(&["--color", "blue", "options"])), 2);
}
