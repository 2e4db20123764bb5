//! The flags of Driver Verifier.

/// A check of Driver Verifier: a bit of `/flags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// What `--with` and `--only` call it.
    pub name: &'static str,
    /// The bit.
    pub flag: u32,
    /// Whether `/standard` includes it.
    pub standard: bool,
    /// Bits without which it does nothing.
    pub needs: u32,
    /// Whether it can be asked for by its flag: later versions of Windows know some as rule classes only, and low
    /// resources have an option of their own.
    pub offered: bool,
    /// What it is for.
    pub meaning: &'static str,
}

const IO: u32 = 0x10;

const fn standard(name: &'static str, flag: u32, meaning: &'static str) -> Check {
    Check { name, flag, standard: true, needs: 0, offered: true, meaning }
}

const fn additional(name: &'static str, flag: u32, needs: u32, meaning: &'static str) -> Check {
    Check { name, flag, standard: false, needs, offered: true, meaning }
}

const fn shown(name: &'static str, flag: u32, meaning: &'static str) -> Check {
    Check { name, flag, standard: false, needs: 0, offered: false, meaning }
}

/// Every documented flag.
pub const CHECKS: &[Check] = &[
    standard("special-pool", 0x1, "each allocation beside a page that traps"),
    standard("force-irql", 0x2, "pageable memory is paged out whenever the IRQL is raised"),
    shown("low-resources", 0x4, "allocations fail at random"),
    standard("pool-tracking", 0x8, "memory that is left when the driver is unloaded"),
    standard("io", IO, "IRPs from special pool, and the rules of dispatch and completion"),
    standard("deadlock", 0x20, "the order in which locks are taken"),
    standard("dma", 0x80, "DMA buffers and adapters"),
    standard("security", 0x100, "user addresses where kernel addresses belong"),
    additional("force-pending", 0x200, IO, "IoCallDriver answers STATUS_PENDING at random"),
    additional("irp-log", 0x400, IO, "the last IRPs of each device are kept for the debugger"),
    standard("misc", 0x800, "memory that is freed with a timer, a lock or a work item in it"),
    additional("mdl-stack", 0x2000, IO, "MDLs that change on their way down the stack"),
    additional("mdl-driver", 0x4000, IO, "MDLs that change while one driver has them"),
    shown("power-delay", 0x8000, "power callbacks come late"),
    additional("port", 0x1_0000, 0, "the rules between port and miniport drivers"),
    standard("ddi", 0x2_0000, "the rules of the kernel's functions: IRQL, arguments, order"),
    shown("systematic-low-resources", 0x4_0000, "each allocation fails once"),
    shown("ddi-additional", 0x8_0000, "slower rules of the kernel's functions"),
    additional("ndis", 0x20_0000, 0, "the rules of network miniports"),
    shown("sync-delay", 0x80_0000, "threads are delayed at random"),
    additional("vm-switch", 0x100_0000, 0, "the rules of virtual switch extensions"),
    additional("code-integrity", 0x200_0000, 0, "memory that is both writable and executable"),
];

/// The flags of `/standard`.
pub const STANDARD: u32 = {
    let mut flags = 0;
    let mut index = 0;
    while index < CHECKS.len() {
        if CHECKS[index].standard {
            flags |= CHECKS[index].flag;
        }
        index += 1;
    }
    flags
};

impl Check {
    /// The check of this name, if it can be asked for.
    ///
    /// # Errors
    ///
    /// A sentence that names those that can.
    pub fn named(name: &str) -> Result<&'static Check, String> {
        let offered = || CHECKS.iter().filter(|check| check.offered);
        offered().find(|check| check.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            if name.eq_ignore_ascii_case("low-resources") {
                return "low resources have an option of their own: --low-resources".to_owned();
            }
            let names: Vec<&str> = offered().map(|check| check.name).collect();
            format!("no check is called {name}; there are {}", names.join(", "))
        })
    }

    /// The flags that this check needs in all.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flag | self.needs
    }
}

/// The names of the flags that are set; a bit that is not documented stays a number.
#[must_use]
pub fn names(flags: u32) -> Vec<String> {
    let known = CHECKS.iter().filter(|check| flags & check.flag != 0);
    let mut names: Vec<String> = known.map(|check| check.name.to_owned()).collect();
    let rest = CHECKS.iter().fold(flags, |rest, check| rest & !check.flag);
    names.extend((0..32).map(|bit| 1 << bit).filter(|bit| rest & bit != 0).map(|bit| format!("{bit:#x}")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_flags_are_those_that_verifier_names() {
        // `verifier /?`: "/standard ... is equivalent to '/flags 0x209BB'".
        assert_eq!(STANDARD, 0x2_09BB);
    }

    #[test]
    fn each_check_is_one_bit_of_its_own_and_in_order() {
        for check in CHECKS {
            assert_eq!(check.flag.count_ones(), 1, "{}", check.name);
            assert!(!check.standard || check.offered, "{}", check.name);
        }
        for pair in CHECKS.windows(2) {
            assert!(pair[0].flag < pair[1].flag, "{}", pair[1].name);
        }
    }

    #[test]
    fn a_check_is_found_by_its_name_with_what_it_needs() {
        assert_eq!(Check::named("force-pending").unwrap().flags(), 0x210);
        assert_eq!(Check::named("IRP-LOG").unwrap().flags(), 0x410);
        assert!(Check::named("forcepending").unwrap_err().contains("force-pending"));
        assert!(Check::named("low-resources").unwrap_err().contains("--low-resources"));
        assert!(Check::named("sync-delay").is_err());
    }

    #[test]
    fn flags_are_shown_by_name() {
        assert_eq!(names(0x211), ["special-pool", "io", "force-pending"]);
        assert_eq!(names(0x8010_0000), ["0x100000", "0x80000000"]);
        assert!(names(0).is_empty());
    }
}
