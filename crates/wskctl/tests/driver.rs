//! The commands with the hosted driver behind them.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::time::Duration;

use crate::program::{command, exit_code, json, script, stderr, stdout, wskctl};

const HOSTED: [&str; 2] = ["--device", "hosted"];

fn hosted(arguments: &[&str]) -> std::process::Output {
    wskctl(&[arguments, &HOSTED].concat())
}

fn outsider() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

#[test]
fn info_tells_versions_and_counts() {
    let run = hosted(&["info"]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let contract = format!("{}.{}", wskdrv_abi::ABI_MAJOR, wskdrv_abi::ABI_MINOR);
    let both = format!("contract {contract} (this program: {contract})");
    assert!(stdout(&run).contains(&both), "{}", stdout(&run));
    let info = json(&hosted(&["info", "--json"]));
    assert_eq!((&info["contract"], &info["serves"]), (&contract.into(), &true.into()));
    assert_eq!(info["wsk"]["lowest"], "1.0");
    assert_eq!(info["statistics"]["handles_open"], 1);
    assert_eq!(info["statistics"]["sockets_open"], 0);
    assert_eq!(info["statistics"].as_object().unwrap().len(), 16);
}

#[test]
fn the_counts_stand_below_each_other() {
    let run = hosted(&["info"]);
    let counts: Vec<&str> = stdout(&run).lines().skip_while(|line| !line.is_empty()).skip(1).collect();
    assert_eq!(counts.len(), 16);
    assert!(counts.iter().all(|line| line.len() == counts[0].len()), "{}", stdout(&run));
}

#[test]
fn options_are_read_and_set_by_name() {
    let get = hosted(&["get", "so_exclusiveaddruse"]);
    assert_eq!((exit_code(&get), stdout(&get)), (0, "SO_EXCLUSIVEADDRUSE is 0\n"), "{}", stderr(&get));
    let set = hosted(&["set", "SO_REUSEADDR", "on"]);
    assert_eq!((exit_code(&set), stdout(&set)), (0, "SO_REUSEADDR set to 1\n"), "{}", stderr(&set));
    let set = json(&hosted(&["set", "SO_BROADCAST", "1", "--bind", "127.0.0.1:0", "--json"]));
    let done: Vec<_> = set["steps"].as_array().unwrap().iter().map(|step| &step["done"]).collect();
    assert_eq!(done, ["create", "bind", "set"]);
    assert_eq!(set["steps"][2]["value"], true);
    assert!(set.get("error").is_none());
}

#[test]
fn a_refusal_is_exit_code_1_with_name_number_meaning_and_advice() {
    let other = outsider();
    let taken = other.local_addr().unwrap().to_string();
    let run = hosted(&["set", "SO_EXCLUSIVEADDRUSE", "on", "--bind", &taken]);
    assert_eq!(exit_code(&run), 1, "{}", stderr(&run));
    let text = stderr(&run);
    assert!(
        text.contains("IOCTL_WSKDRV_BIND was refused with STATUS_ADDRESS_ALREADY_EXISTS (0xC000020A):"),
        "{text}"
    );
    assert!(text.contains("what to do: Another socket is bound"), "{text}");

    let run = hosted(&["--json", "set", "SO_EXCLUSIVEADDRUSE", "on", "--bind", &taken]);
    assert_eq!((exit_code(&run), stderr(&run)), (1, ""));
    let report = json(&run);
    assert_eq!(report["steps"].as_array().unwrap().len(), 2);
    assert_eq!(report["error"]["status"], "STATUS_ADDRESS_ALREADY_EXISTS");
    assert_eq!(report["error"]["number"], "0xC000020A");
    assert!(report["error"]["advice"].is_string() && report["error"]["meaning"].is_string());
}

#[test]
fn send_reaches_a_socket_outside() {
    let peer = outsider();
    let run = hosted(&["send", &peer.local_addr().unwrap().to_string(), "one", "two words"]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let mut buffer = [0; 64];
    for expected in ["one", "two words"] {
        let length = peer.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected.as_bytes());
    }
}

#[test]
fn recv_says_where_it_listens_and_what_came() {
    let mut child = command(&["recv", "--bind", "127.0.0.1:0", "--device", "hosted", "--timeout", "20s"])
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("bound to ").unwrap_or_else(|| panic!("{line}"));
    let sender = outsider();
    sender.send_to(b"hello\n", address).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, format!("received 6 bytes from {}: hello\\n\n", sender.local_addr().unwrap()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn recv_that_hears_nothing_times_out() {
    let run = hosted(&["recv", "--bind", "127.0.0.1:0", "--timeout", "50ms"]);
    assert_eq!(exit_code(&run), 1);
    assert!(stderr(&run).contains("STATUS_IO_TIMEOUT"), "{}", stderr(&run));
}

/// `wskctl recv` with the event callback: the lines that it prints once `send` has sent to where it listens.
fn drained(arguments: &[&str], send: impl Fn(&UdpSocket, &str)) -> String {
    let common = ["recv", "--bind", "127.0.0.1:0", "--device", "hosted", "--timeout", "20s"];
    let mut child = command(&[&common, arguments].concat()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut bound, mut enabled, mut rest) = (String::new(), String::new(), String::new());
    output.read_line(&mut bound).unwrap();
    output.read_line(&mut enabled).unwrap();
    assert!(enabled.starts_with("datagrams go to a queue of "), "{enabled}");
    send(&outsider(), bound.trim().strip_prefix("bound to ").unwrap_or_else(|| panic!("{bound}")));
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    rest
}

#[test]
fn a_queue_gathers_datagrams_counts_those_it_drops_and_is_disabled() {
    for form in ["wait", "soon"] {
        let lines = drained(&["--queue", "1024", "--gather", "2s", "--disable", form], |socket, to| {
            for number in 0..10_u8 {
                socket.send_to(&[b'0' + number; 300], to).unwrap();
            }
        });
        // A datagram takes 352 bytes of the queue.
        assert!(lines.starts_with("drained 2 datagrams: 000"), "{lines}");
        assert!(lines.contains("; 111"), "{lines}");
        assert!(lines.contains(" (8 dropped since the queue was enabled)\n"), "{lines}");
        // Without waiting, a call of the callback may still be running.
        let ends = [
            "no datagrams go to the queue any more\n",
            "no more datagrams go to the queue but those on their way\n",
        ];
        assert!(lines.ends_with(ends[0]) || form == "soon" && lines.ends_with(ends[1]), "{lines}");
    }
    let lines = drained(&["--queue"], |socket, to| {
        socket.send_to(b"one", to).unwrap();
    });
    assert!(lines.starts_with("drained 1 datagrams: one from ") && lines.lines().count() == 1, "{lines}");
}

#[test]
fn every_command_that_waits_can_be_cancelled() {
    for arguments in [
        &["recv"][..],
        &["recv", "--many"],
        &["recv", "--queue"],
        &["wait", "addresses"],
        &["wait", "transports"],
    ] {
        let run = hosted(&[arguments, &["--timeout", "20s", "--cancel-after", "300ms"]].concat());
        assert_eq!(exit_code(&run), 1, "{arguments:?}: {}", stderr(&run));
        assert!(stderr(&run).contains("STATUS_CANCELLED"), "{arguments:?}: {}", stderr(&run));
        assert!(stderr(&run).contains("as --cancel-after asks"), "{arguments:?}: {}", stderr(&run));
    }
    // What is done by then is not cancelled.
    let run = hosted(&["get", "SO_RCVBUF", "--cancel-after", "20s"]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
}

const WAITS: &str = r"
create v4
bind 127.0.0.1:0
expect STATUS_IO_TIMEOUT within 20ms recv
expect STATUS_IO_TIMEOUT within 20ms recv --many
expect STATUS_CANCELLED cancel 20ms recv
expect STATUS_CANCELLED cancel 20ms recv --many
expect STATUS_CANCELLED cancel 20ms within 20s wait addresses
expect STATUS_CANCELLED cancel 20ms wait transports
expect STATUS_IO_TIMEOUT cancel 20s within 20ms wait transports
enable
expect STATUS_IO_TIMEOUT within 20ms drain
expect STATUS_CANCELLED cancel 20ms drain
cancel 20s within 20s send self one two
drain one two
within 20s disable
expect STATUS_INVALID_PARAMETER enable 1001
";

#[test]
fn a_script_limits_and_cancels_each_step_that_waits() {
    for completion in ["inline", "deferred", "delayed:7"] {
        let run = script(&["--device", "hosted", "--completion", completion], WAITS);
        assert_eq!(exit_code(&run), 0, "{completion}: {}{}", stdout(&run), stderr(&run));
        assert_eq!(stdout(&run).lines().count(), 17, "{}", stdout(&run));
    }
    let unmet = "create v4\nexpect STATUS_CANCELLED cancel 20s local\n";
    let run = script(&["--device", "hosted"], unmet);
    assert_eq!(exit_code(&run), 1);
    assert!(
        stderr(&run).contains("line 2: expected STATUS_CANCELLED, but it was refused"),
        "{}",
        stderr(&run)
    );
}

const SCRIPT: &str = r#"
create v4
set SO_EXCLUSIVEADDRUSE on
expect STATUS_INVALID_DEVICE_STATE ioctl SIO_WSK_SET_REMOTE_ADDRESS 127.0.0.1:9
bind 127.0.0.1:0
expect STATUS_INVALID_DEVICE_STATE set SO_REUSEADDR on
get SO_EXCLUSIVEADDRUSE
ioctl SIO_WSK_SET_REMOTE_ADDRESS self
send - "to the fixed address"
recv "to the fixed address"
ioctl SIO_WSK_SET_REMOTE_ADDRESS clear
send self again
recv again
"#;

#[test]
fn a_script_goes_through_on_one_socket_however_wsk_completes() {
    for completion in ["inline", "deferred", "delayed:7"] {
        let run = script(&["--device", "hosted", "--completion", completion], SCRIPT);
        assert_eq!(exit_code(&run), 0, "{completion}: {}{}", stdout(&run), stderr(&run));
        assert_eq!(stdout(&run).lines().count(), 12, "{}", stdout(&run));
        assert!(stdout(&run).contains("   7  SO_EXCLUSIVEADDRUSE is 1\n"), "{}", stdout(&run));
    }
}

#[test]
fn a_script_is_read_as_windows_writes_it() {
    let lines = "create v4\r\nbind 127.0.0.1:0\r\nsend self größe\r\nrecv größe\r\n";
    let utf16: Vec<u8> = lines.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (mark, text) in [(&[0xEF, 0xBB, 0xBF][..], lines.as_bytes()), (&[0xFF, 0xFE], &utf16)] {
        let run = script(&["--device", "hosted"], [mark, text].concat());
        assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
        assert_eq!(stdout(&run).lines().count(), 4, "{}", stdout(&run));
    }
    let run = script(&["--device", "hosted"], b"send self gr\xF6\xDFe");
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("save it as UTF-8"), "{}", stderr(&run));
}

const EVENTS: &str = r#"
create v4
expect STATUS_INVALID_DEVICE_STATE enable
bind 127.0.0.1:0
expect STATUS_INVALID_DEVICE_STATE drain
enable 4096
send self one "and two"
drain one "and two"
disable
expect STATUS_INVALID_DEVICE_STATE drain
disable soon
"#;

#[test]
fn a_script_drains_what_the_event_brings() {
    for completion in ["inline", "deferred", "delayed:7"] {
        let run = script(&["--device", "hosted", "--completion", completion], EVENTS);
        assert_eq!(exit_code(&run), 0, "{completion}: {}{}", stdout(&run), stderr(&run));
        assert!(stdout(&run).contains("drained 2 datagrams: one from 127.0.0.1:"), "{}", stdout(&run));
    }
    let other = EVENTS.replace("drain one", "drain another");
    let run = script(&["--device", "hosted"], &other);
    assert_eq!(exit_code(&run), 1);
    assert!(
        stderr(&run).contains("expected the datagrams another, and two, but one, and two came"),
        "{}",
        stderr(&run)
    );
}

#[test]
fn a_script_goes_through_on_ipv6_where_there_is_any() {
    let lines = SCRIPT.replace("create v4", "create v6").replace("127.0.0.1", "[::1]");
    let run = script(&["--device", "hosted"], &lines);
    if UdpSocket::bind("[::1]:0").is_ok() {
        assert_eq!(exit_code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    } else {
        assert_eq!(exit_code(&run), 1, "{}", stdout(&run));
    }
}

#[test]
fn a_script_stops_where_an_expectation_is_not_met() {
    let met = "create v4\nexpect STATUS_ACCESS_DENIED get SO_RCVBUF\nbind 127.0.0.1:0\n";
    let run = script(&["--device", "hosted"], met);
    assert_eq!(exit_code(&run), 1);
    assert!(
        stderr(&run).starts_with("wskctl: line 2: expected STATUS_ACCESS_DENIED, but it was done:"),
        "{}",
        stderr(&run)
    );
    assert_eq!(stdout(&run).lines().count(), 1, "{}", stdout(&run));

    let other = "create v4\nexpect ACCESS_DENIED send 127.0.0.1:9 x\n";
    let run = script(&["--device", "hosted", "--json"], other);
    assert_eq!(exit_code(&run), 1);
    let report = json(&run);
    assert_eq!(report["steps"][0]["line"], 1);
    assert_eq!(report["error"]["line"], 2);
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("but it was refused with STATUS_INVALID_DEVICE_STATE"), "{message}");

    let run = script(&["--device", "hosted"], "create v4\nbind 127.0.0.1:0\nsend self a\nrecv b\n");
    assert_eq!(exit_code(&run), 1);
    assert!(stderr(&run).contains("line 4: expected the datagram b, but 127.0.0.1:"), "{}", stderr(&run));
}
