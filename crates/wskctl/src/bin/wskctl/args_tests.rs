//! What the command line makes of words, and that every example of the help is a command.

use wsk_requests::Kind;

use super::*;

fn count(line: &str) -> usize {
    match parsed(line) {
        Ok(Command::Steps(steps)) => steps.iter().count(),
        other => panic!("{line}: {other:?}"),
    }
}

fn parsed(line: &str) -> Result<Command, String> {
    let words = format!("wskctl {line}");
    let CommandLine { verb, .. } =
        CommandLine::try_parse_from(words.split(' ')).map_err(|error| error.to_string())?;
    command(verb)
}

#[test]
fn the_command_line_is_well_formed() {
    CommandLine::command().debug_assert();
}

#[test]
fn a_step_that_is_no_command_is_told_to_belong_to_scripts() {
    let error = |word: &str| parse(&["wskctl".into(), word.into()]).unwrap_err().to_string();
    for word in ["create", "bind", "local", "enable", "drain", "disable", "within", "expect"] {
        assert!(error(word).contains(&format!("`{word}` is a step of a script")), "{}", error(word));
    }
    assert!(error("frobnicate").contains("unrecognized subcommand"), "{}", error("frobnicate"));
}

#[test]
fn each_typed_request_can_be_asked_for_by_name() {
    for row in wsk_requests::ROWS {
        let name = row.name;
        match row.kind {
            Kind::Option { .. } => {
                let get = parsed(&format!("get {name}"));
                assert_eq!(get.is_ok(), row.get, "{name}");
                let values = ["1", "239.1.2.3", "239.1.2.3,from=10.0.0.1", "ff02::7", "clear"];
                let set = values.iter().any(|value| parsed(&format!("set {name} {value}")).is_ok());
                assert_eq!(set, row.set && !row.value.has_pointers(), "{name}");
            }
            Kind::Ioctl { .. } => {
                assert!(count(&format!("ioctl {name} clear")) > 1, "{name}");
            }
            Kind::Client { .. } => {
                parsed(&format!("ioctl {name} clear")).unwrap_err();
            }
        }
    }
}

#[test]
fn the_family_follows_from_the_addresses() {
    let family = |line: &str| match parsed(line) {
        Ok(Command::Steps(steps)) => match steps.iter().next() {
            Some(Step::Create(family)) => *family,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(family("send [::1]:1 x"), Family::V6);
    assert_eq!(family("send 127.0.0.1:1 x"), Family::V4);
    assert_eq!(family("recv --bind [::1]:0"), Family::V6);
    assert_eq!(family("recv --family v6"), Family::V6);
    assert_eq!(family("get IPV6_V6ONLY"), Family::V6);
    assert_eq!(family("get SO_RCVBUF"), Family::V4);
    // An IPv6 socket that serves IPv4 too has the options of IPv4.
    assert_eq!(family("set IP_TTL 5 --family v6 --set IPV6_V6ONLY=off"), Family::V6);
    assert_eq!(family("get IPV6_V6ONLY --bind 127.0.0.1:0"), Family::V4);
    assert_eq!(family("ioctl SIO_WSK_SET_REMOTE_ADDRESS [::1]:9"), Family::V6);
    // Both given and at odds: the driver is asked, and refuses.
    assert_eq!(family("send --family v4 [::1]:1 x"), Family::V4);
}

#[test]
fn counts_are_counts_of_datagrams() {
    assert_eq!(count("recv --count 3"), 2 + 3);
    assert_eq!(count("recv --queue --count 3"), 2 + 1 + 3);
    assert_eq!(count("send 127.0.0.1:1 a b c"), 2 + 3);
}

#[test]
fn a_queue_is_enabled_drained_and_disabled() {
    let shape = |line: &str| match parsed(line) {
        Ok(Command::Steps(steps)) => steps
            .iter()
            .map(|step| match step {
                Step::Create(_) => "create".to_owned(),
                Step::Bind(_) => "bind".to_owned(),
                Step::Enable(bytes) => format!("enable {bytes}"),
                Step::Sleep(time) => format!("sleep {time:?}"),
                Step::Drain(data) if data.is_empty() => "drain".to_owned(),
                Step::Disable { wait } => format!("disable {wait}"),
                other => panic!("{line}: {other:?}"),
            })
            .collect::<Vec<_>>(),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(shape("recv --queue"), ["create", "bind", "enable 65536", "drain"]);
    assert_eq!(
        shape("recv --queue 4096 --gather 2s --count 2 --disable soon"),
        ["create", "bind", "enable 4096", "sleep 2s", "drain", "sleep 2s", "drain", "disable false"]
    );
    assert_eq!(shape("recv --queue=1024 --disable wait").last().unwrap(), "disable true");
    assert_eq!(count("recv --gather 1s --many"), 2 + 2);
}

#[test]
fn every_example_of_the_help_is_a_command() {
    let mut program = CommandLine::command();
    program.build();
    let names = program.get_subcommands().map(|verb| verb.get_name().to_owned());
    let names: Vec<_> = names.filter(|name| name != "help" && name != PEND_COMMAND).collect();
    assert!(names.len() > 10);
    let commands = std::iter::once(&program)
        .chain(names.iter().map(|name| program.find_subcommand(name).expect("a command")));
    for command in commands {
        let name = command.get_name();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = help.lines().filter(|line| line.starts_with("  wskctl ")).collect();
        let shown = examples.iter().any(|example| example.split(' ').any(|word| word == name));
        assert!(shown, "{name} has no example");
        assert!(help.contains("Exit codes: 0 "), "{name}");
        for example in examples {
            let words = shlex::split(&example.replace('\\', "/")).expect("words");
            let line =
                CommandLine::try_parse_from(words).unwrap_or_else(|error| panic!("{example}: {error}"));
            super::command(line.verb).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}

#[test]
fn cargo_demo_needs_no_driver_on_any_system() {
    let config = include_str!("../../../../../.cargo/config.toml");
    let alias =
        config.lines().find_map(|line| line.strip_prefix("demo = ")).expect("an alias").trim_matches('"');
    let (cargo, ours) = alias.split_once(" -- ").expect("arguments of the program");
    assert!(cargo.starts_with("run ") && cargo.ends_with(" --package wskctl"), "{cargo}");
    for (more, device) in [("", "hosted"), (" --json", "hosted"), (r" --device \\.\WskDrv", r"\\.\WskDrv")] {
        let line = format!("wskctl {ours}{more}");
        let CommandLine { global, verb } =
            CommandLine::try_parse_from(line.split(' ')).expect("a command line");
        assert_eq!(global.device, device);
        assert!(matches!(verb, Verb::Demo));
    }
}

#[test]
fn what_makes_no_sense_is_an_error() {
    for (line, what) in [
        ("set SO_BROADCAST maybe", "on or off"),
        ("get SO_BROADCATS", "did you mean SO_BROADCAST?"),
        ("ioctl SO_BROADCAST clear", "not a socket IOCTL"),
        ("send localhost x", "127.0.0.1:7777"),
        ("recv --timeout soon", "500ms, 5s or none"),
        ("demo --completion late", "inline, deferred"),
        ("recv --cancel-after none", "such as 200ms or 5s"),
        ("recv --queue 1000", "a multiple of 8 from 1024 to 1048576; the nearest is 1024"),
        ("recv --queue 1025", "the nearest is 1032"),
        ("recv --queue 2000000", "the nearest is 1048576"),
        ("recv --queue much", "a multiple of 8 from 1024"),
        ("recv --queue --many", "cannot be used with"),
        ("recv --disable wait", "--queue"),
        ("recv --queue --disable later", "wait, soon"),
        ("demo --completion delayed:x", "for example delayed:7"),
        ("demo --completion inline:1", "mixed or mixed:SEED"),
        ("recv --count 0", "a number from 1"),
        ("recv --count -1", "a number from 1"),
        ("recv --timeout -1", "500ms, 5s or none"),
        ("recv --follow --count 2", "cannot be used with"),
        ("send 127.0.0.1:9 x --with ttl=1,ttl=2", "given twice"),
        ("ioctl SIO_WSK_SET_REMOTE_ADDRESS", "self or clear"),
        ("set SO_RCVBUF -1", "a number from 0 to 4294967295"),
        ("send 127.0.0.1:99999 x", "from 0 to 65535"),
    ] {
        let error = parsed(line).unwrap_err();
        assert!(error.contains(what), "{line}: {error}");
    }
}
