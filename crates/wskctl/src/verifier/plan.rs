//! What turning the verifiers on comes to: command lines and registry values.

use serde::Serialize;

use super::{STANDARD, Value, Way};

/// The framework's image, whose calls on the driver's behalf Driver Verifier sees only if it watches it too.
pub const FRAMEWORK: &str = "Wdf01000.sys";

/// The values that the framework reads below a driver's service when it is loaded, and what each is for.
pub const KMDF_VALUES: &[(&str, &str)] = &[
    ("VerifierOn", "1: every check of the framework"),
    ("VerifyOn", "1: the driver's WDFVERIFY statements are active"),
    ("VerifyDownLevel", "1: also checks that are newer than the version the driver was built for"),
    ("EnhancedVerifierOptions", "0x1: IRQL and critical regions are checked around each callback"),
    ("TrackHandles", "of which types the framework keeps the history of references; *: all"),
    (
        "DbgBreakOnError",
        "0: a breach is logged; otherwise it breaks into the debugger, or stops Windows without one",
    ),
    ("VerifierAllocateFailCount", "after so many allocations, all that follow fail"),
];

/// What to turn on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The driver's service.
    pub service: String,
    /// The name of its file, without the folder.
    pub image: String,
    /// Driver Verifier's flags; `None` leaves Driver Verifier alone.
    pub flags: Option<u32>,
    /// How Driver Verifier is turned on at once; `None` is with the next start of Windows.
    pub now: Option<Way>,
    /// Allocations that fail at random.
    pub low_resources: Option<LowResources>,
    /// Whether Driver Verifier watches the framework too.
    pub framework_image: bool,
    /// The framework's verifier; `None` leaves it alone.
    pub framework: Option<Framework>,
}

/// Driver Verifier's randomized low resources simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowResources {
    /// How many of 10000 allocations fail; verifier.exe's own default is 600.
    pub per_10000: u16,
    /// For how many minutes after the start of Windows none fails.
    pub delay_minutes: u32,
}

/// What the framework's verifier is told beside that it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framework {
    /// A breach is only logged: without a debugger it otherwise stops Windows.
    pub no_break: bool,
}

/// What is to be run and written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The arguments of each run of verifier.exe.
    pub verifier: Vec<Vec<String>>,
    /// Values below `HKEY_LOCAL_MACHINE`: key, name, and what to write; `None` deletes the value.
    pub registry: Vec<(String, String, Option<Value>)>,
}

impl Options {
    /// The standard checks and the framework's verifier, for a driver whose file is named like its service.
    #[must_use]
    pub fn standard(service: &str) -> Options {
        Options {
            service: service.to_owned(),
            image: format!("{service}.sys"),
            flags: Some(STANDARD),
            now: None,
            low_resources: None,
            framework_image: false,
            framework: Some(Framework::default()),
        }
    }

    /// The files that Driver Verifier is to watch.
    #[must_use]
    pub fn drivers(&self) -> Vec<String> {
        let framework = self.framework_image.then(|| FRAMEWORK.to_owned());
        std::iter::once(self.image.clone()).chain(framework).collect()
    }

    /// What is to be run and written.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let verifier = match (self.flags, self.now) {
            (None, _) => Vec::new(),
            (Some(flags), None) => vec![self.arguments(flags)],
            (Some(flags), Some(way)) => way.on(flags, self.low_resources, &self.drivers()),
        };
        Plan { verifier, registry: self.registry() }
    }

    fn arguments(&self, flags: u32) -> Vec<String> {
        let mut arguments: Vec<String> = match (flags, self.low_resources) {
            // On later versions of Windows this turns on more than the flags can say.
            (STANDARD, None) => vec!["/standard".into()],
            // `/faults` stands for flag 0x4, which must not be given beside its parameters.
            _ => vec!["/flags".into(), format!("0x{flags:X}")],
        };
        if let Some(LowResources { per_10000, delay_minutes }) = self.low_resources {
            // Two empty words: any pool tag, any program.
            let minutes = delay_minutes.to_string();
            arguments.extend([
                "/faults".into(),
                per_10000.to_string(),
                String::new(),
                String::new(),
                minutes,
            ]);
        }
        arguments.push("/driver".into());
        arguments.extend(self.drivers());
        arguments
    }

    fn registry(&self) -> Vec<(String, String, Option<Value>)> {
        let Some(Framework { no_break }) = self.framework else {
            return Vec::new();
        };
        let mut values = vec![
            ("VerifierOn", Value::Dword(1)),
            ("VerifyOn", Value::Dword(1)),
            ("VerifyDownLevel", Value::Dword(1)),
            ("EnhancedVerifierOptions", Value::Dword(1)),
            ("TrackHandles", Value::Strings(vec!["*".to_owned()])),
        ];
        if no_break {
            values.push(("DbgBreakOnError", Value::Dword(0)));
        }
        let key = framework_key(&self.service);
        values.into_iter().map(|(name, value)| (key.clone(), name.to_owned(), Some(value))).collect()
    }
}

/// The service's key.
pub(super) fn service_key(service: &str) -> String {
    format!(r"SYSTEM\CurrentControlSet\Services\{service}")
}

/// The service's parameters' key.
pub(super) fn parameters_key(service: &str) -> String {
    service_key(service) + r"\Parameters"
}

/// Where the framework looks.
pub(super) fn framework_key(service: &str) -> String {
    parameters_key(service) + r"\Wdf"
}

impl Plan {
    /// The plan as command lines that do it: verifier.exe and reg.exe.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let run = self.verifier.iter().map(|arguments| line("verifier", arguments));
        run.chain(self.registry.iter().map(|(key, name, value)| change(key, name, value.as_ref()))).collect()
    }
}

/// A registry change as a command line of reg.exe.
fn change(key: &str, name: &str, value: Option<&Value>) -> String {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let key = format!(r"HKLM\{key}");
    let (kind, data) = match value {
        None => return line("reg", &words(&["delete", &key, "/v", name, "/f"])),
        Some(Value::Dword(number)) => ("REG_DWORD", number.to_string()),
        Some(Value::Text(text)) => ("REG_SZ", text.clone()),
        Some(Value::Strings(strings)) => ("REG_MULTI_SZ", strings.join(r"\0")),
    };
    line("reg", &words(&["add", &key, "/v", name, "/t", kind, "/d", &data, "/f"]))
}

/// A command line for a prompt: words that are empty or have spaces in them are in quotes.
#[must_use]
pub fn line(program: &str, arguments: &[String]) -> String {
    let mut line = program.to_owned();
    for argument in arguments {
        let quote = if argument.is_empty() || argument.contains([' ', '\t', '&', '|', '^', '<', '>']) {
            "\""
        } else {
            ""
        };
        line.extend([" ", quote, argument, quote]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::Check;

    fn run(change: impl FnOnce(&mut Options)) -> String {
        let mut options = Options::standard("wskdrv");
        change(&mut options);
        let plan = options.plan();
        plan.verifier.first().map_or_else(String::new, |arguments| line("verifier", arguments))
    }

    fn with(names: &[&str]) -> u32 {
        names.iter().fold(STANDARD, |flags, name| flags | Check::named(name).unwrap().flags())
    }

    #[test]
    fn the_command_line_follows_the_options() {
        assert_eq!(run(|_| {}), "verifier /standard /driver wskdrv.sys");
        assert_eq!(
            run(|options| options.flags = Some(with(&["force-pending", "irp-log"]))),
            "verifier /flags 0x20FBB /driver wskdrv.sys"
        );
        assert_eq!(
            run(|options| options.flags = Some(with(&["mdl-stack", "mdl-driver"]))),
            "verifier /flags 0x269BB /driver wskdrv.sys"
        );
        assert_eq!(run(|options| options.flags = Some(0x20)), "verifier /flags 0x20 /driver wskdrv.sys");
        assert_eq!(
            run(|options| options.framework_image = true),
            "verifier /standard /driver wskdrv.sys Wdf01000.sys"
        );
        assert_eq!(run(|options| options.image = "a b.sys".into()), "verifier /standard /driver \"a b.sys\"");
        assert_eq!(run(|options| options.flags = None), "");
    }

    #[test]
    fn low_resources_are_faults_and_not_flag_4() {
        let low = LowResources { per_10000: 600, delay_minutes: 1 };
        assert_eq!(
            run(|options| options.low_resources = Some(low)),
            "verifier /flags 0x209BB /faults 600 \"\" \"\" 1 /driver wskdrv.sys"
        );
    }

    #[test]
    fn the_frameworks_values_are_below_the_service() {
        let plan = Options { flags: None, ..Options::standard("wskdrv") }.plan();
        assert_eq!(
            plan.lines(),
            [
                ("VerifierOn", "REG_DWORD", "1"),
                ("VerifyOn", "REG_DWORD", "1"),
                ("VerifyDownLevel", "REG_DWORD", "1"),
                ("EnhancedVerifierOptions", "REG_DWORD", "1"),
                ("TrackHandles", "REG_MULTI_SZ", "*"),
            ]
            .map(|(name, kind, data)| format!(
                r"reg add HKLM\SYSTEM\CurrentControlSet\Services\wskdrv\Parameters\Wdf /v {name} /t {kind} /d {data} /f"
            ))
        );
        let quiet =
            Options { framework: Some(Framework { no_break: true }), ..Options::standard("wskdrv") }.plan();
        assert!(quiet.lines().last().unwrap().contains("/v DbgBreakOnError /t REG_DWORD /d 0"));
        let none = Options { framework: None, ..Options::standard("wskdrv") }.plan();
        assert_eq!(none.lines(), ["verifier /standard /driver wskdrv.sys"]);
    }

    #[test]
    fn every_value_that_is_written_is_described() {
        let options = Options { framework: Some(Framework { no_break: true }), ..Options::standard("x") };
        for (_, name, _) in options.plan().registry {
            assert!(KMDF_VALUES.iter().any(|row| row.0 == name), "{name}");
        }
    }
}
