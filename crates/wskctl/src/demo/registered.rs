//! The driver answers, speaks our contract, and found a WSK provider.

use wskdrv_abi::{ABI_MAJOR, ABI_MINOR};

use super::{Demo, Failure};
use crate::family::Family;

/// WSK 1.0, which every provider since Windows Vista offers.
const WSK_1_0: u16 = 0x0100;

pub(super) fn show(demo: &mut Demo<'_>) -> Result<(), Failure> {
    let session = demo.session()?;
    let version = session.version()?;
    let [major, minor, patch, build] = version.driver;
    demo.check(
        format!(
            "driver {major}.{minor}.{patch}.{build} answers, with version {}.{} of the contract",
            version.abi_major, version.abi_minor
        ),
        version.serves(ABI_MAJOR, ABI_MINOR),
        || format!("this program needs {ABI_MAJOR}.{ABI_MINOR}"),
    );

    let provider = session.provider()?;
    let (lowest, highest) = (provider.lowest_version, provider.highest_version);
    demo.check(
        format!("the WSK provider offers versions {} to {}", wsk_version(lowest), wsk_version(highest)),
        (lowest..=highest).contains(&WSK_1_0),
        || "1.0 is not among them".to_owned(),
    );

    let before = session.statistics()?;
    demo.began = before;
    session.create(Family::V4)?;
    let after = session.statistics()?;
    demo.check(
        "a handle becomes a socket, and the driver counts it",
        after.sockets_open == before.sockets_open + 1,
        || format!("{} sockets before, {} after", before.sockets_open, after.sockets_open),
    );
    let second = session.create(Family::V4);
    let status = second.as_ref().err().and_then(crate::error::Error::status);
    demo.check(
        "the same handle cannot become a second one: STATUS_INVALID_DEVICE_STATE",
        status == Some(wsk_sys::STATUS_INVALID_DEVICE_STATE),
        || format!("{second:?}"),
    );
    session.close();
    Ok(())
}

/// A WSK version as people write it: the major one is the high byte.
fn wsk_version(version: u16) -> String {
    format!("{}.{}", version >> 8, version & 0xFF)
}
