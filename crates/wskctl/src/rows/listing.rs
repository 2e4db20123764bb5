//! The control requests as they are listed.

use serde::Serialize;
use wsk_requests::{Families, Hosted, IrpRule, MaxIrql, Row, Sockets, StateRule, ValueKind};

/// A row as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// The C name.
    pub name: &'static str,
    /// The option's level, by its C name; none for other requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<&'static str>,
    /// The option's number or the IOCTL's code.
    pub code: String,
    /// Whether it can be read.
    pub get: bool,
    /// Whether it can be set, or carried out.
    pub set: bool,
    /// The kind of its value.
    pub value: &'static str,
    /// The size of its value in bytes, at most; none for a list without bound.
    pub size: Option<usize>,
    /// Which numbers it takes, if not every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// Whether WSK wants an IRP for it.
    pub irp: &'static str,
    /// In which state of the socket it can be set, or carried out.
    pub state: &'static str,
    /// For sockets of which family.
    pub families: &'static str,
    /// The highest IRQL at which a driver may ask.
    pub max_irql: &'static str,
    /// What the hosted provider does with it.
    pub hosted: &'static str,
    /// Its test in the conformance suite.
    pub test: &'static str,
    /// What it does.
    pub summary: &'static str,
}

impl From<&Row> for Listing {
    fn from(row: &Row) -> Listing {
        let (_, size) = row.value.bounds(wskdrv_abi::MAX_SOCKADDR_LENGTH);
        Listing {
            name: row.name,
            level: row.level_name(),
            code: format!("{:#X}", row.number()).replace("0X", "0x"),
            get: row.get,
            set: row.set,
            value: value_name(row.value),
            size: (size != usize::MAX).then_some(size),
            range: super::range(row),
            irp: match row.irp {
                IrpRule::Null => "none",
                IrpRule::Required => "required",
                IrpRule::Either => "optional",
            },
            state: match row.state {
                StateRule::BeforeBind => "before bind",
                StateRule::AfterBind => "after bind",
                StateRule::AnyTime => "any",
            },
            families: match (row.sockets, row.families) {
                (Sockets::None, _) => "none",
                (_, Families::V4) => "v4",
                (_, Families::V6) => "v6",
                (_, Families::Both) => "v4 v6",
            },
            max_irql: match row.max_irql {
                MaxIrql::Passive => "PASSIVE",
                MaxIrql::Dispatch => "DISPATCH",
            },
            hosted: match row.about().hosted {
                Hosted::Honoured => "honoured",
                Hosted::Linux => "honoured on Linux and in memory",
                Hosted::Stored => "stored",
                Hosted::Refused => "refused",
            },
            test: row.about().test,
            summary: row.about().summary,
        }
    }
}

const fn value_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Nothing => "none",
        ValueKind::Bool => "bool",
        ValueKind::U32 | ValueKind::MtuDiscovery | ValueKind::Protection => "u32",
        ValueKind::Index | ValueKind::NetworkIndex | ValueKind::MulticastInterface => "interface",
        ValueKind::Membership | ValueKind::MembershipV6 | ValueKind::Group => "group",
        ValueKind::SourceMembership | ValueKind::GroupSource => "group and source",
        ValueKind::IpOptions => "bytes",
        ValueKind::Indexes => "interfaces",
        ValueKind::Address => "address",
        ValueKind::AddressList => "addresses",
        ValueKind::Transports => "transports",
        ValueKind::SecurityDescriptor
        | ValueKind::EventCallback
        | ValueKind::ExtensionIn
        | ValueKind::ExtensionOut
        | ValueKind::TdiMap => "pointer",
    }
}
