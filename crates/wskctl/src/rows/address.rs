//! Socket addresses, as people write them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What is right.
const SUCH_AS: &str = "such as 127.0.0.1:7777 or [::1]:7777";

/// A socket address: an IP address and a port. Names are not resolved: the driver takes addresses, and has no request
/// that looks a name up.
///
/// # Errors
///
/// A sentence that says which part is wrong, with an example of each family.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_syntax| wrong(text))
}

fn wrong(text: &str) -> String {
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return format!("{text} has no port: write {}", SocketAddr::new(ip, 7777));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return format!("{text} is no address with a port, {SUCH_AS}");
    };
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match inside.and_then(v6) {
        Some(interface) if interface.parse::<u32>().is_err() => {
            return format!(
                "{interface} is no index of an interface: write [fe80::1%2]:7777, with its number after %"
            );
        }
        Some(_) => return no_port(port),
        None => {}
    }
    if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) {
        return no_port(port);
    }
    let is_name = host.chars().any(|letter| letter.is_ascii_alphabetic())
        && host.chars().all(|letter| letter.is_alphanumeric() || "-._".contains(letter));
    match host {
        "localhost" => {
            format!(
                "localhost is a name, and the driver takes addresses only: write 127.0.0.1:{port} or [::1]:{port}"
            )
        }
        _ if is_name => {
            format!(
                "{host} is a name, and the driver takes addresses only: look it up, and write it {SUCH_AS}"
            )
        }
        _ => format!("{text} is no address with a port, {SUCH_AS}"),
    }
}

/// The interface of an IPv6 address, if it is one.
fn v6(text: &str) -> Option<&str> {
    let (ip, interface) = text.split_once('%').unwrap_or((text, "0"));
    ip.parse::<Ipv6Addr>().is_ok().then_some(interface)
}

fn no_port(port: &str) -> String {
    format!("a port is a number from 0 to 65535, not {port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_wrong_is_named() {
        for (text, words) in [
            ("127.0.0.1:99999", "a port is a number from 0 to 65535, not 99999"),
            ("[::1]:http", "a port is a number from 0 to 65535, not http"),
            ("127.0.0.1:-1", "not -1"),
            ("127.0.0.1", "127.0.0.1 has no port: write 127.0.0.1:7777"),
            ("::1", "::1 has no port: write [::1]:7777"),
            ("[::1]", "write [::1]:7777"),
            ("localhost:7777", "write 127.0.0.1:7777 or [::1]:7777"),
            ("example.org:53", "example.org is a name, and the driver takes addresses only"),
            ("[fe80::1%eth0]:53", "eth0 is no index of an interface"),
            ("nowhere", "such as 127.0.0.1:7777 or [::1]:7777"),
            ("1.2.3:53", "such as 127.0.0.1:7777 or [::1]:7777"),
            ("", "such as 127.0.0.1:7777"),
            (":", "such as 127.0.0.1:7777"),
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(address("[fe80::1%2]:53").is_ok());
    }
}
