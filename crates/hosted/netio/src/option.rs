//! The socket options that the provider has, one row each.
//!
//! A row says for which sockets the option is, in which direction, when it may be set, and how an IRP comes with it.
//! What a change does to a bound socket is in `control.rs`.

use wsk_sys::{
    IPPROTO_IPV6, IPV6_V6ONLY, SO_BROADCAST, SO_EXCLUSIVEADDRUSE, SO_RCVBUF, SO_REUSEADDR,
    SO_WSK_EVENT_CALLBACK, SO_WSK_SECURITY, SOL_SOCKET, ULONG,
};

use crate::address::Family;
use crate::bind_table::Share;

/// Whether an IRP comes with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IrpRule {
    /// There must be one.
    Required,
    /// There must be none.
    Forbidden,
    /// There may be one.
    Either,
}

/// When an option may be set. It may be got at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the socket is bound.
    BeforeBind,
    /// At any time.
    Always,
}

/// Which value an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// `SO_EXCLUSIVEADDRUSE`, 0 or 1.
    Exclusive,
    /// `SO_REUSEADDR`, 0 or 1.
    Reuse,
    /// `SO_BROADCAST`, 0 or 1.
    Broadcast,
    /// `SO_RCVBUF`, in bytes.
    ReceiveBuffer,
    /// `IPV6_V6ONLY`, 0 or 1.
    V6Only,
    /// None: the option is known, for its rules, but not supported.
    Unsupported,
}

/// One option.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) level: ULONG,
    pub(crate) name: ULONG,
    /// The family of the sockets that have the option; `None` for both.
    pub(crate) family: Option<Family>,
    pub(crate) get: bool,
    pub(crate) set: bool,
    /// In bytes.
    pub(crate) size: usize,
    pub(crate) when: When,
    pub(crate) irp: IrpRule,
    pub(crate) field: Field,
}

/// An option with a `ULONG` for a value, got and set, with an IRP.
const fn row(level: ULONG, name: ULONG, family: Option<Family>, when: When, field: Field) -> Row {
    Row { level, name, family, get: true, set: true, size: 4, when, irp: IrpRule::Required, field }
}

/// All options. They are for datagram sockets; a basic socket has none of them.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    row(SOL_SOCKET, SO_REUSEADDR, None, When::BeforeBind, Field::Reuse),
    row(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, None, When::BeforeBind, Field::Exclusive),
    row(SOL_SOCKET, SO_BROADCAST, None, When::Always, Field::Broadcast),
    row(SOL_SOCKET, SO_RCVBUF, None, When::Always, Field::ReceiveBuffer),
    row(IPPROTO_IPV6, IPV6_V6ONLY, Some(Family::V6), When::BeforeBind, Field::V6Only),
    Row { size: 8, ..row(SOL_SOCKET, SO_WSK_SECURITY, None, When::BeforeBind, Field::Unsupported) },
    // No IRP may come with an enabling request, one may with a disabling one. n/d, as neither is supported: both.
    Row { size: 16, get: false, irp: IrpRule::Either,
          ..row(SOL_SOCKET, SO_WSK_EVENT_CALLBACK, None, When::Always, Field::Unsupported) },
];

/// The row of an option, if the provider knows it.
pub(crate) fn find(level: ULONG, name: ULONG) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.level == level && row.name == name)
}

/// The values of a socket's options.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) exclusive: bool,
    pub(crate) reuse: bool,
    pub(crate) broadcast: bool,
    pub(crate) receive_buffer: ULONG,
    pub(crate) v6_only: bool,
}

impl Default for Values {
    /// The documented defaults. That of `SO_RCVBUF` is the transport's. n/d
    fn default() -> Values {
        Values { exclusive: false, reuse: false, broadcast: false, receive_buffer: 0x1_0000, v6_only: true }
    }
}

impl Values {
    /// The value as the client sees it.
    pub(crate) fn get(self, field: Field) -> ULONG {
        match field {
            Field::Exclusive => self.exclusive.into(),
            Field::Reuse => self.reuse.into(),
            Field::Broadcast => self.broadcast.into(),
            Field::ReceiveBuffer => self.receive_buffer,
            Field::V6Only => self.v6_only.into(),
            Field::Unsupported => 0,
        }
    }

    /// Sets a value. Any number but 0 is true. n/d
    pub(crate) fn set(&mut self, field: Field, value: ULONG) {
        match field {
            Field::Exclusive => self.exclusive = value != 0,
            Field::Reuse => self.reuse = value != 0,
            Field::Broadcast => self.broadcast = value != 0,
            Field::ReceiveBuffer => self.receive_buffer = value,
            Field::V6Only => self.v6_only = value != 0,
            Field::Unsupported => {}
        }
    }

    /// How a socket with these options shares its address. If both are set, exclusive use wins. n/d
    pub(crate) fn share(self) -> Share {
        match (self.exclusive, self.reuse) {
            (true, _) => Share::Exclusive,
            (false, true) => Share::Reuse,
            (false, false) => Share::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_and_keeps_its_value() {
        for row in ROWS {
            assert_eq!(find(row.level, row.name).unwrap().field, row.field);
            if row.field == Field::Unsupported {
                continue;
            }
            let default = Values::default();
            let mut values = default;
            let other = u32::from(default.get(row.field) == 0);
            values.set(row.field, other);
            assert_eq!(values.get(row.field), other, "{:?}", row.field);
            assert_ne!(values, default, "{:?}", row.field);
        }
        // Numbers are unique only within a level.
        assert!(find(IPPROTO_IPV6, SO_BROADCAST).is_none());
    }

    #[test]
    fn documented_defaults() {
        let values = Values::default();
        let defaults =
            [Field::Exclusive, Field::Reuse, Field::Broadcast, Field::V6Only].map(|field| values.get(field));
        assert_eq!(defaults, [0, 0, 0, 1]);
    }

    #[test]
    fn sharing_follows_the_options() {
        let mut values = Values::default();
        assert_eq!(values.share(), Share::None);
        values.set(Field::Reuse, 1);
        assert_eq!(values.share(), Share::Reuse);
        values.set(Field::Exclusive, 7);
        assert_eq!(values.share(), Share::Exclusive);
        assert_eq!(values.get(Field::Exclusive), 1);
    }
}
