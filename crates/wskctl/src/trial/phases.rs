//! The list.

use std::time::Duration;

use super::{Expect, Phase, Step, Verifier};

const ALL: &[Verifier] = &[Verifier::Framework, Verifier::Driver, Verifier::LowResources];

const fn step(limit: u64, expect: Expect, words: &'static [&'static str]) -> Step {
    Step {
        words,
        limit: Duration::from_secs(limit),
        expect,
        with: ALL,
        otherwise: None,
        check: None,
        absent: None,
        tries: 1,
    }
}

/// A command that must succeed.
const fn must(limit: u64, words: &'static [&'static str]) -> Step {
    step(limit, Expect::Success, words)
}

/// A command that must succeed unless memory is short.
const fn work(limit: u64, words: &'static [&'static str]) -> Step {
    step(limit, Expect::Work, words)
}

/// A command that only shows something.
const fn look(limit: u64, words: &'static [&'static str]) -> Step {
    step(limit, Expect::Anything, words)
}

impl Step {
    const fn with(self, with: &'static [Verifier]) -> Step {
        Step { with, ..self }
    }

    const fn otherwise(self, words: &'static [&'static str]) -> Step {
        Step { otherwise: Some(words), ..self }
    }

    const fn check(self, check: fn(&str) -> Option<&'static str>) -> Step {
        Step { check: Some(check), ..self }
    }

    const fn absent(self, absent: &'static str) -> Step {
        Step { absent: Some(absent), ..self }
    }

    const fn tries(self, tries: u32) -> Step {
        Step { tries, ..self }
    }
}

const fn phase(name: &'static str, about: &'static str, steps: &'static [Step]) -> Phase {
    Phase { name, about, needed: false, clears: None, package: false, steps, after_failure: &[] }
}

const fn needed(phase: Phase) -> Phase {
    Phase { needed: true, ..phase }
}

const fn clears(earlier: &'static str, phase: Phase) -> Phase {
    Phase { clears: Some(earlier), ..phase }
}

/// A part of the conformance suite.
macro_rules! conformance {
    ($name:literal, $about:literal, [$($theme:literal),+]) => {
        phase(
            $name,
            $about,
            &[work(600, &["wskctl", "--device", "<device>", "conformance", "--verbose", $($theme),+])],
        )
    };
}

/// Every phase, in order. What may stop the machine is in a phase of its own.
pub const PHASES: &[Phase] = &[
    needed(phase(
        "look",
        "what machine this is; it must be in test mode",
        &[
            look(60, &["cmd", "/c", "ver"]),
            must(60, &["bcdedit", "/enum", "{current}"]).check(test_mode),
            look(60, &["reg", "query", r"HKLM\SYSTEM\CurrentControlSet\Control", "/v", "SystemStartOptions"]),
            look(120, &["powershell", "-NoProfile", "-Command", SECURE_BOOT]),
            look(120, &["powershell", "-NoProfile", "-Command", DEVICE_GUARD]),
            look(60, &["verifier", "/query"]),
        ],
    )),
    needed(phase(
        "trust",
        "the driver's signature, and its certificate into the machine's stores",
        &[
            look(60, &["certutil", "-dump", "<certificate>"]),
            must(120, &["powershell", "-NoProfile", "-Command", SIGNATURE]).check(signature),
            must(60, &["certutil", "-addstore", "Root", "<certificate>"]),
            must(60, &["certutil", "-addstore", "TrustedPublisher", "<certificate>"]),
        ],
    )),
    needed(phase(
        "install",
        "the driver as a service, and the verifiers that watch it",
        &[
            must(60, &["wskctl", "driver", "install", r"<folder>\wskdrv.sys"]),
            must(60, FRAMEWORK_ONLY).with(&[Verifier::Framework]),
            must(60, &["wskctl", "verifier", "on", "--now", "--no-break"])
                .with(&[Verifier::Driver])
                .otherwise(FRAMEWORK_ONLY),
            must(
                60,
                &["wskctl", "verifier", "on", "--now", "--no-break", "--low-resources=100", "--delay", "0"],
            )
            .with(&[Verifier::LowResources])
            .otherwise(FRAMEWORK_ONLY),
            must(60, &["wskctl", "verifier", "status"]),
        ],
    )),
    Phase {
        after_failure: &[
            look(60, &["sc", "qc", "wskdrv"]),
            look(60, &["wevtutil", "qe", "System", SERVICE_LOG, "/c:20", "/rd:true", "/f:text"]),
            look(
                60,
                &[
                    "wevtutil",
                    "qe",
                    "Microsoft-Windows-CodeIntegrity/Operational",
                    "/c:20",
                    "/rd:true",
                    "/f:text",
                ],
            ),
        ],
        ..needed(phase(
            "start",
            "the driver is loaded",
            &[
                must(60, &["wskctl", "driver", "start"]).tries(50),
                must(60, &["wskctl", "driver", "status"]),
                look(60, &["wskctl", "verifier", "status"]),
            ],
        ))
    },
    phase(
        "ask",
        "its version and counters, and which readings this kernel follows",
        &[
            work(60, &["wskctl", "--device", "<device>", "info"]),
            // The driver may be one that has not the code for it.
            look(300, &["wskctl", "--device", "<device>", "probe", "--json"]),
        ],
    ),
    phase(
        "demo",
        "what it can do, each claim checked from outside",
        &[work(180, &["wskctl", "--device", "<device>", "demo"])],
    ),
    conformance!(
        "conformance-sockets",
        "the suite: sockets, binding, datagrams",
        ["basics::", "binding::", "states::", "datagrams::", "fixed::", "client::", "counters::"]
    ),
    conformance!("conformance-options", "the suite: options and IOCTLs", ["options::", "ioctls::"]),
    conformance!(
        "conformance-network",
        "the suite: control information, coalescing, errors of the network",
        ["control_information::", "coalescing::", "network_errors::"]
    ),
    conformance!("conformance-events", "the suite: events", ["events::", "events_pending::", "changes::"]),
    conformance!(
        "conformance-ending",
        "the suite: cancelling, closing, many at once",
        ["cancelling::", "closing::", "many::", "threads::", "timing::"]
    ),
    conformance!(
        "conformance-refusals",
        "the suite: what is refused, and to whom",
        ["refusals::", "security::", "outputs::"]
    ),
    phase(
        "evidence",
        "all that is known, in one file",
        &[work(900, &["wskctl", "--device", "<device>", "evidence", "--out", r"<out>/evidence.json"])],
    ),
    phase(
        "stress",
        "many things at once for two minutes, and what is left of them",
        &[work(600, &["wskctl", "--device", "<device>", "stress", "--for", "2m", "--seed", "1"])],
    ),
    phase(
        "stop",
        "the driver is unloaded, loaded again and unloaded",
        &[
            must(120, &["wskctl", "driver", "stop"]),
            must(60, &["wskctl", "driver", "start"]).tries(50),
            work(60, &["wskctl", "--device", "<device>", "info"]),
            must(120, &["wskctl", "driver", "stop"]),
        ],
    ),
    clears(
        "install",
        phase(
            "remove",
            "verifiers off, service deleted",
            &[
                // Driver Verifier does not let go of a driver that is loaded.
                must(120, &["wskctl", "driver", "stop"]).absent("is not installed"),
                must(60, &["wskctl", "verifier", "off"]).absent("has not been run"),
                must(180, &["wskctl", "driver", "remove"]),
                must(60, &["wskctl", "driver", "status"]).check(removed),
            ],
        ),
    ),
    Phase {
        package: true,
        after_failure: &[look(60, &["powershell", "-NoProfile", "-Command", SETUP_LOG])],
        ..phase(
            "inf",
            "the driver by its INF: package added, started, stopped, package deleted",
            &[
                must(180, &["pnputil", "/add-driver", r"<folder>\wskdrv.inf", "/install"]),
                must(60, &["wskctl", "driver", "start"]),
                must(60, &["wskctl", "--device", "<device>", "info"]),
                must(120, &["wskctl", "driver", "stop"]),
                must(120, &["pnputil", "/enum-drivers"]),
                must(180, &["pnputil", "/delete-driver", "<published>", "/uninstall"]),
            ],
        )
    },
];

/// The framework's verifier, whose complaints are logged: a breakpoint without a debugger is a bug check.
const FRAMEWORK_ONLY: &[&str] = &["wskctl", "verifier", "on", "--framework-only", "--no-break"];

const SECURE_BOOT: &str = "Confirm-SecureBootUEFI";
const DEVICE_GUARD: &str =
    r"Get-CimInstance -Namespace root\Microsoft\Windows\DeviceGuard Win32_DeviceGuard | Format-List";
const SIGNATURE: &str =
    r"Get-AuthenticodeSignature '<folder>\wskdrv.sys' | Format-List Status,StatusMessage,SignerCertificate";

const SETUP_LOG: &str = r"Get-Content -Tail 80 $env:SystemRoot\INF\setupapi.dev.log";
const SERVICE_LOG: &str = "/q:*[System[Provider[@Name='Service Control Manager']]]";

/// bcdedit leaves the row out if test signing was never set; its words for yes are in the system's language.
fn test_mode(output: &str) -> Option<&'static str> {
    let row = output.lines().find_map(|line| line.trim().strip_prefix("testsigning"));
    match row.map(str::trim) {
        None | Some("No") => {
            Some("this machine is not in test mode: bcdedit /set testsigning on, and restart it")
        }
        Some(_) => None,
    }
}

/// Before the certificate is trusted, an unknown root is what is to be expected.
fn signature(output: &str) -> Option<&'static str> {
    let of = |status| output.split_whitespace().any(|word| word == status);
    (of("HashMismatch") || of("NotSigned")).then_some("the driver is not signed, or was changed after it was")
}

fn removed(output: &str) -> Option<&'static str> {
    (!output.contains("is not installed")).then_some("the service is still there")
}
