//! Driver Verifier without a restart of Windows: what can be turned on at once, and how.
//!
//! Sources: Microsoft's "Driver Verifier Command Syntax" and "Using Volatile Settings".

use serde::{Deserialize, Serialize};

use super::plan::LowResources;

/// A way to turn Driver Verifier on at once. What it turns on is gone with the next start of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `/volatile`: the flags of Windows 10 and Windows Server 2022.
    Volatile,
    /// `/dif ... /now`: the rule classes of Windows 11 and Windows Server 2025, where `/volatile` has few flags left.
    Dif,
}

/// The flags that `/volatile` takes on Windows 10.
const VOLATILE: u32 = 0x6FBF;

/// The rule classes that `/dif` takes with `/now`, each with the flag that means the same.
const CLASSES: &[(u32, u8)] = &[
    (0x1, 1),
    (0x2, 2),
    (0x8, 4),
    (0x10, 5),
    (0x100, 9),
    (0x800, 12),
    (0x2_0000, 18),
    (0x4_0000, 19),
    (0x8_0000, 20),
];
/// The rule class of allocations that fail one after the other; none fails at random at once.
const LOW_RESOURCES: u8 = 19;

impl Way {
    /// Both, in the order in which they are tried.
    pub const ALL: [Way; 2] = [Way::Volatile, Way::Dif];

    /// Those of the flags that can be turned on in this way.
    #[must_use]
    pub fn flags(self, flags: u32) -> u32 {
        match self {
            Self::Volatile => flags & VOLATILE,
            Self::Dif => CLASSES.iter().fold(0, |kept, (flag, _)| kept | (flags & flag)),
        }
    }

    /// The command lines that turn it on. The driver must not be loaded yet.
    pub(super) fn on(self, flags: u32, low: Option<LowResources>, drivers: &[String]) -> Vec<Vec<String>> {
        match self {
            Self::Volatile => {
                let mut lines = vec![words(&["/volatile", "/flags", &format!("0x{:X}", self.flags(flags))])];
                if let Some(LowResources { per_10000, delay_minutes }) = low {
                    let [chance, minutes] = [per_10000.to_string(), delay_minutes.to_string()];
                    lines.push(words(&["/volatile", "/faults", &chance, "", "", &minutes]));
                }
                lines.push([words(&["/volatile", "/adddriver"]), drivers.to_vec()].concat());
                lines
            }
            Self::Dif => {
                let classes = CLASSES.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, class)| *class);
                let mut classes: Vec<u8> = classes.chain(low.map(|_| LOW_RESOURCES)).collect();
                classes.dedup();
                let classes = classes.iter().map(u8::to_string);
                let line = std::iter::once("/dif".to_owned()).chain(classes);
                vec![line.chain(words(&["/now", "/driver"])).chain(drivers.iter().cloned()).collect()]
            }
        }
    }

    /// The command lines that turn it off. The driver must be unloaded.
    pub(super) fn off(self, drivers: &[String]) -> Vec<Vec<String>> {
        match self {
            Self::Volatile => vec![
                [words(&["/volatile", "/removedriver"]), drivers.to_vec()].concat(),
                words(&["/volatile", "/flags", "0"]),
            ],
            Self::Dif => vec![words(&["/stop"])],
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::{CHECKS, STANDARD};

    #[test]
    fn each_way_keeps_what_it_takes() {
        assert_eq!(Way::Volatile.flags(STANDARD), 0x9BB);
        assert_eq!(Way::Dif.flags(STANDARD), STANDARD & !0xA0, "not deadlock, not dma");
        let known = CHECKS.iter().fold(0, |known, check| known | check.flag);
        for way in Way::ALL {
            assert_eq!(way.flags(u32::MAX) & !known, 0, "{way:?}");
        }
    }

    #[test]
    fn the_lines_are_those_of_the_pages() {
        let drivers = ["wskdrv.sys".to_owned()];
        let lines = |way: Way, low| {
            way.on(STANDARD, low, &drivers).iter().map(|line| line.join(" ")).collect::<Vec<_>>()
        };
        let low = Some(LowResources { per_10000: 100, delay_minutes: 0 });
        assert_eq!(lines(Way::Volatile, None), ["/volatile /flags 0x9BB", "/volatile /adddriver wskdrv.sys"]);
        assert_eq!(
            lines(Way::Volatile, low),
            ["/volatile /flags 0x9BB", "/volatile /faults 100   0", "/volatile /adddriver wskdrv.sys"]
        );
        assert_eq!(lines(Way::Dif, None), ["/dif 1 2 4 5 9 12 18 /now /driver wskdrv.sys"]);
        assert_eq!(lines(Way::Dif, low), ["/dif 1 2 4 5 9 12 18 19 /now /driver wskdrv.sys"]);
    }
}
