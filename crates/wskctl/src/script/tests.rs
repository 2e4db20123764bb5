//! What scripts say, and what is said of those that say nothing sensible.

use super::*;
use crate::rows::Value;
use crate::step::{Changing, Sending, Target};

fn only(text: &str) -> Step {
    let mut lines = parse(text).unwrap();
    assert_eq!(lines.len(), 1, "{text}");
    lines.remove(0).step
}

fn error(text: &str) -> String {
    let error = parse(text).unwrap_err();
    format!("{error}; {:?}; {:?}", error.what.usage, error.what.advice)
}

#[test]
fn each_step_is_read() {
    assert!(matches!(only("create v6"), Step::Create(Family::V6)));
    assert!(matches!(only("send - a b --together"), Step::SendMany(Target::Fixed, with, all)
        if with == Sending::default() && all.len() == 2));
    assert!(matches!(only("send self ttl=4 --with ttl=3"), Step::SendMany(Target::Itself, with, all)
        if with != Sending::default() && all == [b"ttl=4"]));
    assert!(matches!(only("recv --many x y"), Step::ReceiveMany(all) if all.len() == 2));
    assert!(matches!(only("bind [::1]:0"), Step::Bind(address) if address.is_ipv6()));
    assert!(matches!(only("local"), Step::Local));
    assert!(matches!(only("get so_broadcast"), Step::Get(row) if row.name == "SO_BROADCAST"));
    assert!(matches!(only("set SO_RCVBUF 0x100"), Step::Set(_, Value::U32(256))));
    assert!(matches!(only("ioctl SIO_WSK_SET_REMOTE_ADDRESS clear"), Step::Ioctl(_, None)));
    let fixed = only("ioctl SIO_WSK_SET_SENDTO_ADDRESS self");
    assert!(matches!(fixed, Step::Ioctl(_, Some(Target::Itself))));
    assert!(matches!(only("recv"), Step::Receive(None)));
    assert!(matches!(only("recv -5"), Step::Receive(Some(data)) if data == b"-5"));
    assert!(matches!(only("send - -- -x"), Step::Send(Target::Fixed, data) if data == b"-x"));
    assert!(matches!(only("within 1s recv --many -- --x"), Step::Within(_, step)
        if matches!(&*step, Step::ReceiveMany(all) if *all == [b"--x"])));
    assert!(matches!(only("enable"), Step::Enable(65536)));
    assert!(matches!(only("enable 1024"), Step::Enable(1024)));
    assert!(matches!(only("disable"), Step::Disable { wait: true }));
    assert!(matches!(only("disable soon"), Step::Disable { wait: false }));
    assert!(matches!(only("drain"), Step::Drain(data) if data.is_empty()));
    assert!(matches!(only("drain a 'b c'"), Step::Drain(data) if data == [&b"a"[..], b"b c"]));
    assert!(matches!(only("enable 0x401"), Step::Enable(1025)));
    assert!(matches!(only("within 20ms recv"), Step::Within(Some(time), step)
        if time.as_millis() == 20 && matches!(*step, Step::Receive(None))));
    assert!(matches!(only("within none drain"), Step::Within(None, _)));
    assert!(matches!(only("cancel 1s wait transports"), Step::Cancel(time, step)
        if time.as_secs() == 1 && matches!(*step, Step::Wait(Changing::Transports))));
    assert!(matches!(only("expect STATUS_CANCELLED cancel 1s recv"), Step::Expect(_, step)
        if matches!(*step, Step::Cancel(..))));
    assert!(matches!(only("on a_1 send self:b_2 x"), Step::On(name, step)
        if name == "a_1" && matches!(&*step, Step::Send(Target::Of(to), _) if to == "b_2")));
    assert!(matches!(only("send self hex:00ff"), Step::Send(Target::Itself, data) if data == [0, 255]));
    assert!(matches!(only("drain hex:00 text:-"), Step::Drain(data) if data == [&[0][..], b"-"]));
    assert!(matches!(only("transports"), Step::Transports));
    assert!(matches!(only("wait addresses"), Step::Wait(Changing::Addresses)));
    assert!(matches!(only("sort [::1]:0 [::2]:0"), Step::Sort(all) if all.len() == 2));
    assert!(matches!(only("security"), Step::Security(None)));
    assert!(matches!(only("security 'D:P(A;;GA;;;BA)'"), Step::Security(Some(_))));
    assert!(matches!(only("sleep 20ms"), Step::Sleep(time) if time.as_millis() == 20));
    let refused = only("expect access_denied bind 127.0.0.1:1");
    assert!(
        matches!(refused, Step::Expect(NamedStatus(wsk_sys::STATUS_ACCESS_DENIED), step) if matches!(*step, Step::Bind(_)))
    );
}

#[test]
fn words_are_split_as_in_a_shell() {
    let Step::Send(Target::Fixed, data) = only("send - 'two words' # and a comment") else {
        panic!("not a send");
    };
    assert_eq!(data, b"two words");
    let lines = parse("\n# nothing\nsend self one two\n").unwrap();
    assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 3]);
}

#[test]
fn variables_stand_in_the_words_that_follow() {
    let lines = parse("let A SO_RCVBUF\nlet B 4$$\nlet A $A\nset $A 5\nsend self '$B ${A}'").unwrap();
    assert!(matches!(&lines[0].step, Step::Set(row, Value::U32(5)) if row.name == "SO_RCVBUF"));
    assert!(matches!(&lines[1].step, Step::Send(_, data) if data == b"4$ SO_RCVBUF"));
    assert_eq!((lines.len(), lines[0].number), (2, 4));
    let mut defined = Variables::default();
    defined.define("PORT=7").unwrap();
    let lines = parse_with("bind 127.0.0.1:$PORT", defined).unwrap();
    assert!(matches!(lines[0].step, Step::Bind(address) if address.port() == 7));
}

#[test]
fn expect_is_about_the_last_datagram_of_a_send() {
    let lines = parse("expect 0xC000000D send - a b").unwrap();
    assert!(matches!(lines[0].step, Step::Send(..)));
    assert!(matches!(lines[1].step, Step::Expect(NamedStatus(wsk_sys::STATUS_INVALID_PARAMETER), _)));
}

#[test]
fn a_line_may_come_to_several_steps() {
    let shape = |text: &str| {
        let lines = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        lines.iter().map(|line| line.step.doing()).collect::<Vec<_>>()
    };
    assert_eq!(shape("recv one two").len(), 2);
    assert_eq!(shape("recv --count 3 --many").len(), 3);
    let queue = shape("recv --queue --gather 2s --disable soon");
    assert_eq!(
        queue,
        ["enabling the queue", "waiting for 2s", "waiting for datagrams", "disabling the queue"]
    );
    for text in ["recv --follow", "recv --count 10001", "recv --count 18446744073709551615"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn errors_are_those_of_the_command_line_and_say_where_and_what_would_be_right() {
    for (text, words) in [
        ("create v4\nbind", "line 2: the following required arguments were not provided: <ADDRESS>"),
        ("create v4\nbind", "bind <ADDRESS>"),
        ("wait friends", "of the addresses or of the transports"),
        ("security open", "write it as D:P"),
        ("enable much", "a multiple of 8 from 1024 to 1048576"),
        ("disable later", "wait, soon"),
        ("within soon recv", "500ms, 5s or none"),
        ("cancel none recv", "such as 200ms"),
        ("cancel 20ms", "cancel <TIME> <STEP>..."),
        ("create v5", "line 1: invalid value 'v5' for '<FAMILY>': a family is v4 or v6, not v5"),
        ("recv 'open", "line 1: a quotation mark is not closed"),
        ("on 1 local", "1 is no name"),
        ("send self: x", " is no name"),
        ("on other let A b", "`let` is a line of its own"),
        ("let A", "let <NAME> <VALUE>"),
        ("let A b\nset SO_RCVBUF $B", "line 2: there is no variable B"),
        ("send self -- -", "write @FILE"),
        ("drain -", "write @FILE"),
        ("shout", "line 1: unrecognized subcommand 'shout'"),
        ("xyzzy", "`wskctl script --help` lists the steps"),
        ("recieve", "a similar subcommand exists: 'recv'"),
        ("get SO_REUSEADDRESS", "no socket option is called SO_REUSEADDRESS; did you mean SO_REUSEADDR?"),
        (
            "expect STATUS_ACCESS_DENYED local",
            "STATUS_ACCESS_DENYED is no known status; did you mean STATUS_ACCESS_DENIED?",
        ),
        ("expect SUCCESS", "expect <STATUS> <STEP>..."),
        ("set SO_BROADCAST maybe", "on or off (1 or 0), not maybe; Some(\"set <NAME> <VALUE>\")"),
        ("ioctl SIO_WSK_SET_REMOTE_ADDRESS -", "self or clear"),
        ("ioctl SIO_WSK_SET_REMOTE_ADDRESS", "takes an address, self or clear"),
        ("ioctl SIO_ADDRESS_LIST_QUERY self", "takes no address"),
        // The socket is there already, and help is for the command line.
        ("get SO_RCVBUF --family v6", "unexpected argument '--family'"),
        ("get SO_RCVBUF --family v6", "a step of its own, before this one: `create FAMILY`"),
        ("send self x --bind 127.0.0.1:0", "a step of its own, before this one: `bind ADDRESS`"),
        ("recv --set SO_RCVBUF=1", "a step of its own, before this one: `set NAME VALUE`"),
        ("send self x --other", "a similar argument exists: '--together'"),
        ("get --help", "unexpected argument '--help'"),
        ("recv --queue --many", "cannot be used with"),
    ] {
        assert!(error(text).contains(words), "{text}: {}", error(text));
    }
    assert!(matches!(only("ioctl SIO_ADDRESS_LIST_QUERY"), Step::Ioctl(_, None)));
}

#[test]
fn steps_within_steps_have_a_bound() {
    for prefix in ["expect 0 ", "within 1s ", "cancel 1s ", "on a "] {
        assert!(parse(&format!("{}local", prefix.repeat(DEEPEST))).is_ok(), "{prefix}");
        let deep = format!("create v4\n{}local", prefix.repeat(20_000));
        assert!(error(&deep).starts_with("line 2: before a step stand at most 8"), "{prefix}");
    }
}

#[test]
fn the_grammar_is_well_formed_and_its_list_fits_a_terminal() {
    Words::command().debug_assert();
    let usage = usage();
    assert_eq!(usage.lines().count(), Words::command().get_subcommands().count());
    for line in usage.lines() {
        assert!(line.len() <= 100, "{line}");
    }
    for verb in ["create <FAMILY>", "recv [OPTIONS] [DATA]...", "within <LIMIT> <STEP>..."] {
        assert!(usage.contains(verb), "{usage}");
    }
}
