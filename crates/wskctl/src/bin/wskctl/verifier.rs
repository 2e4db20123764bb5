//! `wskctl verifier`: Driver Verifier and the framework's verifier, for the driver.

use std::io::{self, Write};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use wskctl::verifier::{
    self, CHECKS, Check, Done, Framework, KMDF_VALUES, LowResources, Options, Overview, Plan, STANDARD,
    Settings, Value, Way, names,
};

use crate::command::Stop;
use crate::print::{ASIDE, Printer, TITLE};

const EXAMPLES: &str = "Driver Verifier stops Windows (bug check) when the driver breaks a rule: use it on a test \
    machine. Its settings take effect when Windows is restarted, the framework's when the driver is.\n\nExamples:\n  \
    wskctl verifier on                               # standard checks, and the framework's verifier\n  \
    wskctl verifier on --with force-pending,irp-log  # and requests that pend at random\n  \
    wskctl verifier on --low-resources               # and allocations that fail at random\n  \
    wskctl verifier on --framework-only              # no restart of Windows\n  \
    wskctl verifier on --now                         # nor here: what can be turned on at once\n  \
    wskctl verifier on --print                       # only shows what would be done\n  \
    wskctl verifier off                              # undoes what `on` did, and nothing else\n\n\
    Exit codes: 0 done; 1 refused by Windows; 2 usage or environment.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifierCommand {
    /// The name of the driver's service
    #[arg(long, global = true, value_name = "NAME", default_value = wskdrv_abi::SERVICE_NAME)]
    service: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Turn the verifiers on for the driver
    #[command(after_help = checks_help())]
    On(On),
    /// Undo what `on` did; settings for other drivers stay
    Off {
        /// Only print the command line and the registry changes
        #[arg(long)]
        print: bool,
    },
    /// Show how the verifiers are set
    Status,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
struct On {
    /// Checks beside the standard ones, by name
    #[arg(long, value_name = "CHECK,..", value_delimiter = ',', value_parser = Check::named)]
    with: Vec<&'static Check>,
    /// These checks instead of the standard ones
    #[arg(long, value_name = "CHECK,..", value_delimiter = ',', value_parser = Check::named, conflicts_with = "with")]
    only: Vec<&'static Check>,
    /// Let so many of 10000 allocations fail at random [600 if no number is given]
    #[arg(
        long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "600",
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    low_resources: Option<u16>,
    /// For so many minutes after the start of Windows none fails
    #[arg(long, value_name = "MINUTES", default_value_t = 1, requires = "low_resources")]
    delay: u32,
    /// At once, without a restart of Windows, until the next one: by `verifier /volatile` (Windows 10, Windows Server
    /// 2022), by `/dif ... /now` (Windows 11, Windows Server 2025), or by the first that works. Some checks cannot be
    /// turned on so, and the driver must not be loaded
    #[arg(long, value_enum, value_name = "WAY", num_args = 0..=1, require_equals = true, default_missing_value = "first")]
    now: Option<Now>,
    /// Driver Verifier watches Wdf01000.sys too: what the framework does for the driver, and for every other one
    #[arg(long)]
    with_framework: bool,
    /// The driver's file, as Driver Verifier knows it [default: the name of the service, with .sys]
    #[arg(long, value_name = "NAME.SYS")]
    image: Option<String>,
    /// A breach that the framework's verifier sees is logged; otherwise it stops Windows, or breaks into the debugger
    #[arg(long)]
    no_break: bool,
    /// Only the framework's verifier; Driver Verifier stays as it is
    #[arg(long, conflicts_with_all = ["with", "only", "low_resources", "with_framework", "image", "no_framework", "now"])]
    framework_only: bool,
    /// Only Driver Verifier
    #[arg(long, conflicts_with = "no_break")]
    no_framework: bool,
    /// Only print the command line and the registry changes
    #[arg(long)]
    print: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Now {
    First,
    Volatile,
    Dif,
}

impl Now {
    const fn ways(self) -> &'static [Way] {
        match self {
            Self::First => &Way::ALL,
            Self::Volatile => &[Way::Volatile],
            Self::Dif => &[Way::Dif],
        }
    }
}

impl On {
    fn options(self, service: &str) -> Options {
        let standard = Options::standard(service);
        let asked = self.with.iter().chain(&self.only).fold(0, |flags, check| flags | check.flags());
        let base = if self.only.is_empty() { STANDARD } else { 0 };
        Options {
            image: self.image.unwrap_or(standard.image),
            flags: (!self.framework_only).then_some(base | asked),
            now: None,
            low_resources: self
                .low_resources
                .map(|per_10000| LowResources { per_10000, delay_minutes: self.delay }),
            framework_image: self.with_framework,
            framework: (!self.no_framework).then_some(Framework { no_break: self.no_break }),
            service: standard.service,
        }
    }
}

/// Carries out the command.
pub(crate) fn run(command: VerifierCommand, printer: &mut Printer) -> Result<(), Stop> {
    let VerifierCommand { service, verb } = command;
    printer.doing(|| "asking Driver Verifier".to_owned());
    match verb {
        Verb::On(on) => {
            let (print, now) = (on.print, on.now);
            let options = on.options(&service);
            if print {
                let one = |now| Options { now, ..options.clone() }.plan();
                let plans = now.map_or_else(
                    || vec![one(None)],
                    |now| now.ways().iter().map(|way| one(Some(*way))).collect(),
                );
                return Ok(plan(printer, &service, &plans)?);
            }
            let system = verifier::system()?;
            let done = match now {
                Some(now) => verifier::on_now(&*system, &options, now.ways())?,
                None => verifier::on(&*system, &options)?,
            };
            Ok(tell(printer, &service, "on", &done)?)
        }
        Verb::Off { print: true } => {
            Ok(plan(printer, &service, &[verifier::undo(&*verifier::system()?, &service)?])?)
        }
        Verb::Off { print: false } => {
            let done = verifier::off(&*verifier::system()?, &service)?;
            Ok(tell(printer, &service, "off", &done)?)
        }
        Verb::Status => {
            let overview = verifier::status(&*verifier::system()?, &service)?;
            Ok(show(printer, &service, &overview)?)
        }
    }
}

/// What would be done; each plan after the first if those before it fail.
fn plan(printer: &mut Printer, service: &str, plans: &[Plan]) -> io::Result<()> {
    let document =
        |plan: &Plan| json!({ "service": service, "done": false, "lines": plan.lines(), "plan": plan });
    if printer.json() {
        return match plans {
            [plan] => printer.document(&document(plan)),
            plans => printer.document(&plans.iter().map(document).collect()),
        };
    }
    for (index, plan) in plans.iter().enumerate() {
        if index > 0 {
            writeln!(printer, "{ASIDE}if that is refused:{ASIDE:#}")?;
        }
        plan.lines().iter().try_for_each(|line| writeln!(printer, "{line}"))?;
    }
    Ok(())
}

/// What was done, and what is left to do.
fn tell(printer: &mut Printer, service: &str, verb: &str, done: &Done) -> io::Result<()> {
    if printer.json() {
        let mut document = serde_json::to_value(done)?;
        document["service"] = json!(service);
        document["done"] = json!(true);
        document["lines"] = json!(done.plan.lines());
        return printer.document(&document);
    }
    done.plan.lines().iter().try_for_each(|line| writeln!(printer, "{ASIDE}{line}{ASIDE:#}"))?;
    if done.left_out != 0 {
        let left_out = names(done.left_out).join(", ");
        writeln!(printer, "Without a restart of Windows these checks are left out: {left_out}.")?;
    }
    write!(printer, "The verifiers are {verb} for {service}")?;
    match (done.restart_windows, done.restart_driver) {
        (true, _) => writeln!(printer, " once Windows is restarted."),
        (false, true) => {
            writeln!(printer, " once the driver is started anew: `wskctl driver stop` and `start`.")
        }
        (false, false) => writeln!(printer, "."),
    }
}

fn show(printer: &mut Printer, service: &str, overview: &Overview) -> io::Result<()> {
    if printer.json() {
        let mut document = serde_json::to_value(overview)?;
        document["service"] = json!(service);
        return printer.document(&document);
    }
    let Overview { driver_verifier: Settings { flags, drivers }, now, framework, recorded } = overview;
    writeln!(printer, "{TITLE}Driver Verifier{TITLE:#}, now (verifier /query)")?;
    for line in now.as_deref().unwrap_or("it cannot be asked").lines().filter(|line| !line.trim().is_empty())
    {
        writeln!(printer, "  {}", line.trim_end())?;
    }
    writeln!(printer)?;
    writeln!(printer, "{TITLE}Driver Verifier{TITLE:#}, from the next start of Windows on")?;
    settings(printer, *flags, drivers)?;
    writeln!(printer, "\n{TITLE}Framework verifier{TITLE:#}, from the next start of {service} on")?;
    if framework.is_empty() {
        writeln!(printer, "  off: none of its values is set")?;
    }
    for (name, value) in framework {
        let meaning = KMDF_VALUES.iter().find(|row| row.0 == name).map_or("", |row| row.1);
        writeln!(printer, "  {name:<26}{:<12}{ASIDE}{meaning}{ASIDE:#}", text(value))?;
    }
    let by = if *recorded { "on" } else { "off" };
    writeln!(printer, "\n{ASIDE}For `wskctl verifier` they are {by}.{ASIDE:#}")
}

fn settings(printer: &mut Printer, flags: Option<u32>, drivers: &[String]) -> io::Result<()> {
    let watched = match drivers {
        [] => "none".to_owned(),
        drivers if drivers.iter().any(|driver| driver == "*") => "all".to_owned(),
        drivers => drivers.join(", "),
    };
    writeln!(printer, "  drivers  {watched}")?;
    match flags {
        None | Some(0) if drivers.is_empty() => Ok(()),
        Some(flags) => {
            writeln!(printer, "  checks   {flags:#x}  {ASIDE}{}{ASIDE:#}", names(flags).join(", "))
        }
        None => writeln!(printer, "  checks   not known"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Dword(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Strings(strings) => strings.join(" "),
    }
}

fn checks_help() -> String {
    let row =
        |check: &Check| format!("  {:<16}{:>9}  {}", check.name, format!("{:#x}", check.flag), check.meaning);
    let rows = |standard| {
        let those = CHECKS.iter().filter(move |check| check.offered && check.standard == standard);
        those.map(row).collect::<Vec<_>>().join("\n")
    };
    format!(
        "Standard checks ({STANDARD:#x}):\n{}\n\nFor --with:\n{}\n\n\
         `on` refuses if Driver Verifier is set for any driver: it has one set of flags for all of them. What was \
         there before is recorded, for `off`.",
        rows(true),
        rows(false)
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        command: VerifierCommand,
    }

    /// What `verifier on` with these words would run.
    fn lines(words: &str) -> Result<Vec<String>, String> {
        let line = Line::try_parse_from(format!("verifier on {words}").split_whitespace())
            .map_err(|error| error.to_string())?;
        match line.command.verb {
            Verb::On(on) => Ok(on.options(&line.command.service).plan().lines()),
            other => panic!("{other:?}"),
        }
    }

    fn first(words: &str) -> String {
        lines(words).unwrap().remove(0)
    }

    #[test]
    fn words_become_a_command_line() {
        assert_eq!(first(""), "verifier /standard /driver wskdrv.sys");
        assert_eq!(first("--with force-pending,irp-log"), "verifier /flags 0x20FBB /driver wskdrv.sys");
        assert_eq!(first("--only deadlock"), "verifier /flags 0x20 /driver wskdrv.sys");
        assert_eq!(first("--only force-pending"), "verifier /flags 0x210 /driver wskdrv.sys");
        assert_eq!(
            first("--low-resources --delay 0 --with-framework"),
            "verifier /flags 0x209BB /faults 600 \"\" \"\" 0 /driver wskdrv.sys Wdf01000.sys"
        );
        assert!(first("--low-resources=50").contains("/faults 50 \"\" \"\" 1"));
        assert_eq!(first("--service other"), "verifier /standard /driver other.sys");
        assert_eq!(first("--image x.sys"), "verifier /standard /driver x.sys");
    }

    #[test]
    fn at_once_has_two_ways() {
        let ways = |words: &str| {
            let line = Line::try_parse_from(format!("verifier on {words}").split_whitespace()).unwrap();
            match line.command.verb {
                Verb::On(on) => on.now.map(Now::ways),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(ways(""), None);
        assert_eq!(ways("--now"), Some(&Way::ALL[..]));
        assert_eq!(ways("--now=dif --no-break"), Some(&[Way::Dif][..]));
        assert!(lines("--now --framework-only").unwrap_err().contains("cannot be used with"));
    }

    #[test]
    fn either_verifier_can_be_left_out() {
        assert_eq!(lines("--no-framework").unwrap().len(), 1);
        let framework = lines("--framework-only --no-break").unwrap();
        assert!(framework.iter().all(|line| line.starts_with("reg add ")), "{framework:?}");
        assert!(framework.iter().any(|line| line.contains("DbgBreakOnError")), "{framework:?}");
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for (words, what) in [
            ("--with forcepending", "force-pending"),
            ("--with low-resources", "--low-resources"),
            ("--low-resources=0", "1..=10000"),
            ("--delay 3", "--low-resources"),
            ("--framework-only --no-framework", "cannot be used with"),
            ("--with dma --only dma", "cannot be used with"),
        ] {
            let error = lines(words).unwrap_err();
            assert!(error.contains(what), "{words}: {error}");
        }
    }
}
