//! The page: a table for each kind of request, and one of what does not apply.

use std::fmt::Write as _;

use wsk_requests::{
    EXCLUDED, Families, Hosted, IrpRule, Kind, MaxIrql, ROWS, Row, Sockets, Source, StateRule, ValueKind,
};

const HEAD: &str = "\
# Control requests

Every control request of Winsock Kernel that a datagram or basic socket, or the client, can be asked: what is documented
of it, what makes it in the crate `wsk`, what the hosted provider does with it, and its test in the conformance suite
(`wskctl conformance NAME`). The page is written by `cargo xtask options` from `crates/requests`, which is also where the
types of `wsk`, the driver's checks, `wskctl options` and the tests come from.

- **IRP**: whether one goes with the request. Requests without one complete in the call.
- **when**: before or after the socket is bound. A get has no such rule.
- **IRQL**: the highest at which the request can be made.
- **source**: *WSK*: the page of the same name; *Winsock*: Winsock's page of the level's options, as WSK's pages leave
  these to the transport; *header*: `ws2ipdef.h` only.
- **hosted**: *honoured*: it has its effect on both networks; *on Linux*: it has on the network in memory, and on the host's
  if that is Linux, elsewhere it is kept and reported; *stored*: it is kept and reported; *refused*: it fails with
  `STATUS_NOT_SUPPORTED`, as an option that a transport does not support may. None of it was compared with Windows;
  `docs/fidelity.md` has the choices.

Errors are those of the request as WSK gives them; WSK's pages name none for options. The driver's own refusals are the
same for every row: `STATUS_INFO_LENGTH_MISMATCH` for a value of the wrong size, `STATUS_INVALID_DEVICE_REQUEST` for the
wrong direction, `STATUS_INVALID_DEVICE_STATE` for the wrong state, `STATUS_ACCESS_DENIED` for a request with pointers.
";

const RAW: &str = "\
The raw code of the driver (`IOCTL_WSKDRV_RAW_CONTROL`) passes a request without a row, these included, if its input and
its output are smaller than a pointer: at most 7 bytes. A transport follows the pointers that a kernel socket's structures
have, and not all structures are known; so a larger value without a row is refused with `STATUS_ACCESS_DENIED`. WSK's own
requests (`SO_WSK_`, `SIO_WSK_`) need a row. A structure that is known to have no pointers gets one.
";

pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for level in ["SOL_SOCKET", "IPPROTO_IP", "IPPROTO_IPV6", "IPPROTO_UDP"] {
        let rows = ROWS.iter().filter(|row| row.level_name() == Some(level));
        table(&mut page, &format!("Options of level `{level}`"), rows);
    }
    table(&mut page, "Socket IOCTLs", ROWS.iter().filter(|row| matches!(row.kind, Kind::Ioctl { .. })));
    table(
        &mut page,
        "Requests of the client",
        ROWS.iter().filter(|row| matches!(row.kind, Kind::Client { .. })),
    );
    page.push_str("\n# What does not apply\n\n");
    page.push_str(RAW);
    page.push_str("\n| request | number | why |\n|---|---|---|\n");
    for excluded in EXCLUDED {
        let number = match excluded.kind {
            Kind::Option { level, name } => format!("{} of level {level:#x}", hexadecimal(name)),
            Kind::Ioctl { code } | Kind::Client { code } => hexadecimal(code),
        };
        line(&mut page, &[&format!("`{}`", excluded.name), &number, excluded.reason]);
    }
    page
}

fn table<'a>(page: &mut String, title: &str, rows: impl Iterator<Item = &'a Row>) {
    let _ = write!(
        page,
        "\n# {title}\n\n\
         | request | number | does | get, set | value | default | IRP | when | IRQL | sockets | source | in `wsk` | hosted | test |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let handled = row.about().handled_by.map_or("-".to_owned(), |handled| format!("`{handled}`"));
        let default = row.default.map_or("-".to_owned(), number);
        line(
            page,
            &[
                &format!("`{}`", row.name),
                &number(row.number()),
                row.about().summary.trim_end_matches('.'),
                verbs(row),
                &value(row),
                &default,
                irp(row),
                when(row),
                irql(row),
                sockets(row),
                source(row),
                &handled,
                hosted(row),
                &format!("`{}`", row.about().test),
            ],
        );
    }
}

fn line(page: &mut String, cells: &[&str]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// A small number in decimal, a large one in hexadecimal.
fn number(number: u32) -> String {
    if number < 0x1000 { number.to_string() } else { hexadecimal(number) }
}

fn hexadecimal(number: u32) -> String {
    format!("0x{number:X}")
}

fn verbs(row: &Row) -> &'static str {
    match (row.kind, row.get, row.set) {
        (Kind::Ioctl { .. } | Kind::Client { .. }, ..) => "-",
        (_, true, true) => "get, set",
        (_, true, false) => "get",
        (_, false, _) => "set",
    }
}

fn value(row: &Row) -> String {
    match (row.value, row.output) {
        (value, ValueKind::Nothing) => kind(value),
        (ValueKind::Nothing, output) => format!("gives {}", kind(output)),
        (value, output) => format!("{}; gives {}", kind(value), kind(output)),
    }
}

fn kind(kind: ValueKind) -> String {
    let name = match kind {
        ValueKind::Nothing => return "-".to_owned(),
        ValueKind::Bool => "0 or 1",
        ValueKind::U32 => "`ULONG`",
        ValueKind::Index => "interface index",
        ValueKind::NetworkIndex => "interface index, network order",
        ValueKind::MulticastInterface => "IPv4 address or index, network order",
        ValueKind::MtuDiscovery => "`PMTUD_STATE`",
        ValueKind::Protection => "`PROTECTION_LEVEL_`",
        ValueKind::Membership => "`IP_MREQ`",
        ValueKind::SourceMembership => "`IP_MREQ_SOURCE`",
        ValueKind::MembershipV6 => "`IPV6_MREQ`",
        ValueKind::Group => "`GROUP_REQ`",
        ValueKind::GroupSource => "`GROUP_SOURCE_REQ`",
        ValueKind::IpOptions => "header options",
        ValueKind::Indexes => "interface indexes",
        ValueKind::Address => "`SOCKADDR`, or nothing",
        ValueKind::AddressList => "`SOCKET_ADDRESS_LIST`",
        ValueKind::SecurityDescriptor => "`PSECURITY_DESCRIPTOR`",
        ValueKind::EventCallback => "`WSK_EVENT_CALLBACK_CONTROL`",
        ValueKind::ExtensionIn => "`WSK_EXTENSION_CONTROL_IN`",
        ValueKind::ExtensionOut => "`WSK_EXTENSION_CONTROL_OUT`",
        ValueKind::Transports => "`WSK_TRANSPORT`s",
        ValueKind::TdiMap => "`WSK_TDI_MAP_INFO`",
    };
    match kind.bounds(28) {
        (least, greatest) if least == greatest => format!("{name}, {least} bytes"),
        (_, usize::MAX) => name.to_owned(),
        (_, greatest) => format!("{name}, at most {greatest} bytes"),
    }
}

fn irp(row: &Row) -> &'static str {
    match row.irp {
        IrpRule::Null => "none",
        IrpRule::Required => "required",
        IrpRule::Either => "either",
    }
}

fn when(row: &Row) -> &'static str {
    match (row.state, row.sockets) {
        (StateRule::BeforeBind, Sockets::None) => "before any socket",
        (StateRule::BeforeBind, _) => "before bind",
        (StateRule::AfterBind, _) => "after bind",
        (StateRule::AnyTime, _) => "any",
    }
}

fn irql(row: &Row) -> &'static str {
    match row.max_irql {
        MaxIrql::Passive => "PASSIVE",
        MaxIrql::Dispatch => "DISPATCH",
    }
}

fn sockets(row: &Row) -> &'static str {
    match (row.sockets, row.families) {
        (Sockets::None, _) => "-",
        (Sockets::All, _) => "all",
        (Sockets::Datagram, Families::V4) => "datagram, IPv4",
        (Sockets::Datagram, Families::V6) => "datagram, IPv6",
        (Sockets::Datagram, Families::Both) => "datagram",
    }
}

fn source(row: &Row) -> &'static str {
    match row.about().source {
        Source::Wsk => "WSK",
        Source::Winsock => "Winsock",
        Source::Header => "header",
    }
}

fn hosted(row: &Row) -> &'static str {
    match row.about().hosted {
        Hosted::Honoured => "honoured",
        Hosted::Linux => "on Linux",
        Hosted::Stored => "stored",
        Hosted::Refused => "refused",
    }
}
