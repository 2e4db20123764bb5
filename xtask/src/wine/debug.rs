//! The debug output of the driver and the modules beside it, among Wine's own lines; and bug checks in it.

/// What Wine puts before a line that was printed with `DbgPrint`.
const PRINTED: &str = ":warn:debugstr:";
/// What begins a bug check's report.
const REPORT: &str = "*** BUG CHECK ";
/// What says that a program, and here the driver's process, did what is not allowed.
const CRASHES: [&str; 3] = ["err:ntoskrnl:KeBugCheckEx", "wine: Unhandled ", "wine: Call from "];

/// The text that was printed with `DbgPrint`, line by line.
pub(crate) fn printed(log: &str) -> Vec<&str> {
    log.lines().filter_map(text_of).collect()
}

/// The printed text of a line of Wine's log: after the channel, a function's name, a component and a level.
fn text_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(PRINTED)?;
    let mut parts = rest.splitn(3, ' ');
    let (_function, level) = (parts.next()?, parts.next()?);
    if level.ends_with(':') { parts.next() } else { None }
}

/// The bug checks and crashes in the log, as they were reported.
pub(crate) fn bug_checks(log: &str) -> Vec<&str> {
    let reports: Vec<&str> = printed(log).into_iter().filter(|text| text.starts_with(REPORT)).collect();
    if !reports.is_empty() {
        return reports;
    }
    log.lines().filter(|line| CRASHES.iter().any(|crash| line.contains(crash))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "0044:err:systray:initialize_systray Could not create tray window\n\
                       00ec:warn:debugstr:vDbgPrintExWithPrefix 00000000:00000001: netio: completion is inline\n\
                       00ec:warn:debugstr:OutputDebugStringA \"a program\"\n";

    #[test]
    fn printed_lines_are_found() {
        assert_eq!(printed(LOG), ["netio: completion is inline"]);
    }

    #[test]
    fn a_quiet_log_has_no_bug_check() {
        assert!(bug_checks(LOG).is_empty());
        assert!(bug_checks("").is_empty());
    }

    #[test]
    fn a_report_is_a_bug_check() {
        let report =
            "*** BUG CHECK 0x10D (0xFFFF0003): DoubleCompletion (DoubleCompletion rule (kmdf)): twice";
        let log = format!(
            "{LOG}00ec:warn:debugstr:vDbgPrintExWithPrefix 00000000:00000001: {report}\n\
             00ec:err:ntoskrnl:KeBugCheckEx 10d ffff0003 0 0 0\n"
        );
        assert_eq!(bug_checks(&log), [report]);
    }

    #[test]
    fn a_bug_check_without_a_report_is_found() {
        let line = "0124:err:ntoskrnl:KeBugCheckEx 52504e43 140010000 2a 20 5";
        assert_eq!(bug_checks(&format!("{LOG}{line}\n")), [line]);
    }

    #[test]
    fn a_crash_is_found() {
        for line in [
            "wine: Unhandled page fault on execute access to 0000000000131ED0 at address 0000000000131ED0 (thread 010c), starting debugger...",
            "wine: Call from 0x7b6 to unimplemented function ntoskrnl.exe.KeFoo, aborting",
        ] {
            assert_eq!(bug_checks(&format!("{LOG}{line}\n")), [line]);
        }
    }
}
