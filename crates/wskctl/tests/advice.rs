//! What the program says to do when the driver refuses: by request and status, with the option and its range.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use crate::program::{exit_code, json, stderr, wskctl};

#[test]
fn a_refusal_names_what_was_wrong_and_what_would_be_right() {
    let long = "a".repeat(70_000);
    for (arguments, words) in [
        (&["send", "255.255.255.255:9", "x"][..], "--set SO_BROADCAST=on"),
        (&["get", "IP_MTU"], "`ioctl SIO_WSK_SET_REMOTE_ADDRESS ADDR`"),
        (&["get", "SO_WSK_SECURITY"], "`wskctl security` shows the descriptor"),
        (&["send", "127.0.0.1:0", "x"], "Port 0 is no port to send to"),
        (&["set", "IP_TTL", "300"], "IP_TTL takes a number from 1 to 255; 300 was given"),
        (&["send", "127.0.0.1:9", &long], "65507 bytes at most over IPv4; 70000 were given"),
        (&["send", "127.0.0.1:9", "x", "--with", "ttl=0"], "ttl is a number from 1 to 255"),
        (&["recv", "--cancel-after", "1ms", "--timeout", "20s"], "as --cancel-after asks"),
        (&["recv", "--timeout", "1ms"], "within 1ms, the limit of --timeout"),
    ] {
        let run = wskctl(&[&["--device", "hosted"], arguments].concat());
        let text = stderr(&run);
        if text.contains("STATUS_NETWORK_UNREACHABLE") {
            // A machine without a network has no broadcast address either.
            continue;
        }
        assert_eq!(exit_code(&run), 1, "{text}");
        assert!(text.contains("what to do: ") && text.contains(words), "{words}: {text}");
        assert!(!text.to_lowercase().contains("somebody"), "{text}");
    }
    let run = wskctl(&["--device", "hosted", "--json", "set", "IP_TTL", "300"]);
    assert!(json(&run)["error"]["advice"].as_str().unwrap().contains("1 to 255"));
}

#[test]
fn options_are_set_on_the_socket_of_any_command() {
    let run = wskctl(&[
        "--device",
        "hosted",
        "get",
        "IP_TTL",
        "--set",
        "IP_TTL=9",
        "--set",
        "SO_REUSEADDR=on",
        "--json",
    ]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let done: Vec<_> =
        json(&run)["steps"].as_array().unwrap().iter().map(|step| step["done"].clone()).collect();
    assert_eq!(done, ["create", "set", "set", "get"]);
    assert_eq!(json(&run)["steps"][3]["value"], 9);
    let run = wskctl(&["get", "IP_TTL", "--set", "IP_TTL"]);
    assert!(stderr(&run).contains("such as SO_BROADCAST=on"), "{}", stderr(&run));
}
