//! Info: what the driver and the WSK provider say of themselves. Nothing here waits, or needs a socket.

use wsk::Result;
use wskdrv_abi as abi;
use wskdrv_abi::{ABI_MAJOR, ABI_MINOR};
use zerocopy::IntoBytes;

use super::{Call, Command, Disposition};
use crate::input::ensure_empty;

/// Which driver and contract this is.
#[derive(Debug)]
pub(super) struct Version(());

impl Command<'_> for Version {
    fn decode(input: &[u8], _: usize) -> Result<Version> {
        ensure_empty(input).map(Version)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let part = |text: &str| text.parse().unwrap_or_default();
        let driver = [
            part(env!("CARGO_PKG_VERSION_MAJOR")),
            part(env!("CARGO_PKG_VERSION_MINOR")),
            part(env!("CARGO_PKG_VERSION_PATCH")),
            0,
        ];
        call.reply(&abi::Version { abi_major: ABI_MAJOR, abi_minor: ABI_MINOR, driver, reserved: 0 })
    }
}

/// What the driver has counted.
#[derive(Debug)]
pub(super) struct Statistics(());

impl Command<'_> for Statistics {
    fn decode(input: &[u8], _: usize) -> Result<Statistics> {
        ensure_empty(input).map(Statistics)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let counted = call.driver.counters.read();
        call.reply(&counted)
    }
}

/// Which WSK versions the provider offers.
#[derive(Debug)]
pub(super) struct Provider(());

impl Command<'_> for Provider {
    fn decode(input: &[u8], _: usize) -> Result<Provider> {
        ensure_empty(input).map(Provider)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let offered = call.driver.registration.characteristics()?;
        let (lowest_version, highest_version) = (offered.start().as_raw(), offered.end().as_raw());
        call.reply(&abi::Provider { lowest_version, highest_version, reserved: 0 })
    }
}

/// Which transports there are.
#[derive(Debug)]
pub(super) struct Transports(());

impl Command<'_> for Transports {
    fn decode(input: &[u8], _: usize) -> Result<Transports> {
        ensure_empty(input).map(Transports)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let list = call.driver.registration.try_provider()?.transports()?;
        let (request, mut size) = (call.request()?, 0);
        for transport in list.iter() {
            let id = transport.provider_id;
            let mut provider_id = [0; 16];
            provider_id[..4].copy_from_slice(&id.Data1.to_ne_bytes());
            provider_id[4..6].copy_from_slice(&id.Data2.to_ne_bytes());
            provider_id[6..8].copy_from_slice(&id.Data3.to_ne_bytes());
            provider_id[8..].copy_from_slice(&id.Data4);
            let entry = abi::Transport {
                version: transport.version.as_raw(),
                socket_type: transport.socket_type,
                protocol: transport.protocol,
                family: transport.family,
                reserved: 0,
                provider_id,
            };
            size += request.write_output_at(size, entry.as_bytes())?;
        }
        Ok(Disposition::Done(size))
    }
}
