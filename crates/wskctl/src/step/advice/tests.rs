//! The same status, and another thing to do for each request.

use super::*;
use crate::script;

const HOW: How = How {
    limit: Some(Duration::from_millis(1500)),
    limited_by: "--timeout",
    cancel_after: None,
    cancelled_by: "--cancel-after",
};

fn told(line: &str, status: sys::NTSTATUS) -> String {
    let step = script::parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).remove(0).step;
    advice(&step, HOW, Refused::new(status, 0)).unwrap_or_else(|| panic!("{line}: nothing to say"))
}

#[test]
fn advice_goes_by_request_and_status() {
    let long = format!("send 127.0.0.1:9 {}", "a".repeat(70_000));
    let long_v6 = format!("send [::1]:9 --together {}", "a".repeat(65_528));
    let many = format!("send 127.0.0.1:9 --together{}", " a".repeat(65));
    for (line, status, words) in [
        // The same status, and three things to do.
        ("send 255.255.255.255:9 x", sys::STATUS_ACCESS_DENIED, "--set SO_BROADCAST=on"),
        ("bind 127.0.0.1:9", sys::STATUS_ACCESS_DENIED, "take another port"),
        ("get SO_WSK_SECURITY", sys::STATUS_ACCESS_DENIED, "`wskctl security` shows"),
        ("send 192.0.2.1:9 x", sys::STATUS_ACCESS_DENIED, "A firewall blocks it"),
        ("get IP_MTU", sys::STATUS_INVALID_DEVICE_STATE, "`ioctl SIO_WSK_SET_REMOTE_ADDRESS ADDR`"),
        ("get IPV6_MTU", sys::STATUS_INVALID_DEVICE_STATE, "`get IPV6_MTU`"),
        ("get IP_MTU", sys::STATUS_INVALID_CONNECTION, "`get IP_MTU`"),
        ("send 127.0.0.1:0 x", sys::STATUS_INVALID_ADDRESS_COMPONENT, "Port 0 is no port to send to"),
        ("send 127.0.0.1:0 x", sys::STATUS_INVALID_PARAMETER, "Port 0 is no port to send to"),
        ("send 0.0.0.0:9 x", sys::STATUS_INVALID_ADDRESS_COMPONENT, "this machine is 127.0.0.1:9"),
        (
            "set IP_TTL 300",
            sys::STATUS_INVALID_PARAMETER,
            "IP_TTL takes a number from 1 to 255; 300 was given",
        ),
        ("set IPV6_MULTICAST_HOPS 256", sys::STATUS_INVALID_PARAMETER, "a number from 0 to 255"),
        ("set IP_PROTECTION_LEVEL 7", sys::STATUS_INVALID_PARAMETER, "10 (unrestricted)"),
        ("set IP_MTU_DISCOVER 9", sys::STATUS_INVALID_PARAMETER, "3 (probe)"),
        (&long, sys::STATUS_INVALID_BUFFER_SIZE, "65507 bytes at most over IPv4; 70000 were given"),
        (&long_v6, sys::STATUS_INVALID_PARAMETER, "65527 bytes at most over IPv6; 65528 were given"),
        ("send 127.0.0.1:9 x", sys::STATUS_INVALID_BUFFER_SIZE, "IP_DONTFRAGMENT"),
        (&many, sys::STATUS_INVALID_PARAMETER, "64 datagrams at most; 65 were given"),
        (
            "send 127.0.0.1:9 x --with ttl=0",
            sys::STATUS_INVALID_PARAMETER,
            "ttl=0: ttl is a number from 1 to 255",
        ),
        ("send 127.0.0.1:9 x --with ecn=3", sys::STATUS_INVALID_PARAMETER, "ecn=3: ecn is 0, 1 or 2"),
        (
            "send 127.0.0.1:9 x --with tos=0xB9",
            sys::STATUS_INVALID_PARAMETER,
            "tos=0xb9: the two lowest bits",
        ),
        ("send 127.0.0.1:9 x --with from=10.9.9.9", sys::STATUS_INVALID_ADDRESS_COMPONENT, "from=10.9.9.9"),
        (
            "send [::1]:9 x",
            sys::STATUS_INVALID_ADDRESS_COMPONENT,
            "--family v6, with a --bind of that family",
        ),
        ("send [::ffff:1.2.3.4]:9 x", sys::STATUS_NETWORK_UNREACHABLE, "--set IPV6_V6ONLY=off"),
        ("send 127.0.0.1:9 x --with from=127.0.0.1%99", sys::STATUS_NETWORK_UNREACHABLE, "from=127.0.0.1%99"),
        ("set SO_EXCLUSIVEADDRUSE on", sys::STATUS_INVALID_PARAMETER, "exclude each other"),
        ("send - x", sys::STATUS_INVALID_DEVICE_STATE, "SIO_WSK_SET_SENDTO_ADDRESS"),
        ("send self x", sys::STATUS_INVALID_DEVICE_STATE, "from the bind on"),
        ("set SO_REUSEADDR on", sys::STATUS_INVALID_DEVICE_STATE, "before the bind"),
        ("set IP_MULTICAST_IF 99", sys::STATUS_INVALID_ADDRESS_COMPONENT, "index of an interface"),
        ("set IP_ADD_MEMBERSHIP 10.0.0.1", sys::STATUS_INVALID_PARAMETER, "10.0.0.1 is no multicast group"),
        ("set IP_DROP_MEMBERSHIP 239.0.0.1", sys::STATUS_INVALID_ADDRESS_COMPONENT, "only what was joined"),
        ("set IPV6_V6ONLY on", sys::STATUS_INVALID_DEVICE_REQUEST, "--family v6"),
        ("set IPV6_V6ONLY on", sys::STATUS_NOT_SUPPORTED, "--family v6"),
        ("ioctl SIO_WSK_REGISTER_EXTENSION clear", sys::STATUS_ACCESS_DENIED, "only a driver can make it"),
        ("ioctl SIO_WSK_SET_REMOTE_ADDRESS 127.0.0.1:9", sys::STATUS_INVALID_DEVICE_STATE, "after the bind"),
        ("bind 8.8.8.8:1", sys::STATUS_INVALID_ADDRESS_COMPONENT, "8.8.8.8 is no address of this machine"),
        ("enable 1001", sys::STATUS_INVALID_PARAMETER, "a multiple of 8 from 1024"),
        ("drain", sys::STATUS_INVALID_DEVICE_STATE, "`enable` it first"),
        ("sort 192.0.2.1:5", sys::STATUS_INVALID_PARAMETER, "[::ffff:192.0.2.1]:5"),
        ("create v4", sys::STATUS_INVALID_DEVICE_STATE, "once, and first"),
        ("expect 0 send 127.0.0.1:0 x", sys::STATUS_INVALID_PARAMETER, "Port 0"),
    ] {
        let told = told(line, status);
        assert!(told.contains(words), "{}: {told}", &line[..line.len().min(60)]);
    }
}

#[test]
fn who_set_the_limit_and_who_cancelled_is_named() {
    for (line, words) in [
        ("recv", "No datagram came within 1s 500ms, the limit of --timeout"),
        ("within 20ms recv", "No datagram came within 20ms, the limit of `within`"),
        ("wait addresses", "Nothing changed within"),
        ("ioctl SIO_ADDRESS_LIST_CHANGE clear", "No address changed within"),
        ("within 1ms local", "It did not end within 1ms"),
    ] {
        let told = told(line, sys::STATUS_IO_TIMEOUT);
        assert!(told.starts_with(words), "{line}: {told}");
    }
    for (line, words) in [
        ("cancel 20ms recv", "after 20ms, and was cancelled then, as the step `cancel` asks"),
        ("recv", "This program did not cancel it"),
    ] {
        let told = told(line, sys::STATUS_CANCELLED);
        assert!(told.contains(words), "{line}: {told}");
    }
    let step = script::parse("recv").unwrap().remove(0).step;
    let how = How { cancel_after: Some(Duration::from_millis(300)), ..HOW };
    let told = advice(&step, how, Refused::new(sys::STATUS_CANCELLED, 0)).unwrap();
    assert!(told.contains("after 300ms, and was cancelled then, as --cancel-after asks"), "{told}");
}

#[test]
fn what_the_machine_lacks_is_told_of_any_request() {
    for line in ["bind 127.0.0.1:9", "get IP_MTU", "send 127.0.0.1:9 x"] {
        assert!(told(line, sys::STATUS_DEVICE_NOT_READY).contains("try again"), "{line}");
    }
}
