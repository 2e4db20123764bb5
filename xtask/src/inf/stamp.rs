//! What stampinf writes into an INF, for machines that have none.

use anyhow::{Result, ensure};

/// The processor of the package, as INFs call it.
const ARCHITECTURE: &str = "amd64";

/// What the INF says of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Year, month, day.
    date: [u16; 3],
    version: String,
}

impl Stamp {
    /// A stamp of a date as `2026-11-22` and of a package's version as `0.1.0`.
    pub(super) fn new(date: &str, version: &str) -> Result<Stamp> {
        let parts: Vec<u16> = date.split('-').map_while(|part| part.parse().ok()).collect();
        let good = matches!(parts[..], [1980..=9999, 1..=12, 1..=31]) && date.len() == 10;
        ensure!(good, "{date}: not a date; write it as year-month-day, 2026-01-31");
        let numbers: Vec<u16> = version.split('.').map_while(|part| part.parse().ok()).collect();
        let plain = numbers.len() == 3 && version.split('.').count() == 3;
        ensure!(
            plain,
            "{version}: a driver's version has only numbers; give the package one without a suffix"
        );
        Ok(Stamp { date: [parts[0], parts[1], parts[2]], version: format!("{version}.0") })
    }

    /// The value of `DriverVer`.
    pub(super) fn driver_ver(&self) -> String {
        let [year, month, day] = self.date;
        format!("{month:02}/{day:02}/{year},{}", self.version)
    }

    /// The INF of an INX, with the ends of lines that Windows' tools write.
    pub(super) fn apply(&self, inx: &str) -> String {
        let mut inf = String::with_capacity(inx.len() + inx.lines().count());
        for line in inx.lines() {
            match line.split_once('=') {
                Some((key, _)) if key.trim().eq_ignore_ascii_case("DriverVer") => {
                    inf.push_str(key);
                    inf.push_str("= ");
                    inf.push_str(&self.driver_ver());
                }
                _ => inf.push_str(&line.replace("$ARCH$", ARCHITECTURE)),
            }
            inf.push_str("\r\n");
        }
        inf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_architecture_date_and_version() {
        let stamp = Stamp::new("2026-01-09", "1.20.3").unwrap();
        let inf = stamp.apply("[Version]\nDriverVer   = ; stamped\n[DefaultInstall.NT$ARCH$]\nx = $ARCH$\n");
        assert_eq!(
            inf,
            "[Version]\r\nDriverVer   = 01/09/2026,1.20.3.0\r\n[DefaultInstall.NTamd64]\r\nx = amd64\r\n"
        );
    }

    #[test]
    fn refuses_what_is_no_date_or_no_version() {
        for date in ["2026-1-9", "09/01/2026", "2026-13-01", "2026-01-32", "1979-01-01", "2026-01", ""] {
            assert!(Stamp::new(date, "0.1.0").is_err(), "{date}");
        }
        for version in ["0.1", "0.1.0-rc.1", "0.1.0.0", "0.1.70000", "x"] {
            assert!(Stamp::new("2026-01-09", version).is_err(), "{version}");
        }
    }
}
