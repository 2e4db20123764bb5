//! A driver of others as a service: loaded, used by a program if one is given, stopped and removed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::batch::{self, Expect, Step};
use super::others::Others;
use super::prefix::Prefix;
use super::{CREATE, carry_out, debug};

/// Where drivers and programs of others are on drive C: no file of Wine's is replaced.
const FOLDER: &str = "others";

/// What the step is called that runs the program.
const PROGRAM: &str = "the program";
/// Wine loads drivers into one process if they are of one group.
const GROUP: &str = "group= wskdrv";

/// Creates the service, starts it, runs the program, stops it and deletes it; prints what came of each, and what the program and the
/// driver printed. Where nothing else would load the stand-ins for what Wine's kernel lacks, this project's driver is started before.
///
/// # Errors
/// The name or the program cannot be used; a step did not come to what it should, or a rule was broken, by what the driver has
/// left too.
pub(crate) fn run(prefix: &Prefix, driver: &Path, others: &Others, limit: Duration) -> Result<()> {
    let service = name(driver, others.service.as_deref())?;
    let image = driver.file_name().context("the driver's path has no file name")?.to_string_lossy();
    prefix.install(driver, &format!("{FOLDER}/{image}"))?;
    let create =
        format!(r"sc create {service} type= kernel start= demand {GROUP} binPath= C:\{FOLDER}\{image}");
    let query = format!("sc query {service}");
    let plain = Others::is_plain(driver)?;
    let mut steps = Vec::new();
    if plain {
        steps.extend([
            Step::new("sc create wskdrv, for the stand-ins", format!("{CREATE} {GROUP}"), Expect::Success),
            Step::new("sc start wskdrv", "sc start wskdrv", Expect::Success),
        ]);
    }
    steps.extend([
        Step::new("sc create", create, Expect::Success),
        Step::new("sc start", format!("sc start {service}"), Expect::Success),
        Step::new("sc query", &query, Expect::State("RUNNING")),
    ]);
    if let Some((program, arguments)) = others.run.split_first() {
        let expect = if others.any_exit { Expect::Anything } else { Expect::Success };
        steps.push(Step::new(PROGRAM, command(prefix, program, arguments)?, expect));
    }
    steps.extend([
        Step::new("sc stop", format!("sc stop {service}"), Expect::Success),
        Step::new("sc query after the stop", &query, Expect::State("STOPPED")),
        Step::new("sc delete", format!("sc delete {service}"), Expect::Success),
        Step::new("sc query after the delete", &query, Expect::Failure),
    ]);
    if plain {
        steps.extend([
            Step::new("sc stop wskdrv", "sc stop wskdrv", Expect::Success),
            Step::new("sc delete wskdrv", "sc delete wskdrv", Expect::Success),
        ]);
    }
    let run = carry_out(prefix, &steps, limit);
    // A run that did not come to its delete leaves the services behind.
    if run.is_err() {
        prefix.run_batch(&format!("sc delete {service}\r\nsc delete wskdrv\r\n"), limit)?;
    }
    let run = run?;
    let ran = batch::parse(&run.output);
    let program = steps.iter().zip(&ran).find(|(step, _)| step.name == PROGRAM);
    for line in program.iter().flat_map(|(_, ran)| ran.output.lines()) {
        println!("    > {line}");
    }
    for line in debug::printed(&run.log) {
        println!("    | {line}");
    }
    Ok(())
}

/// The service's name: the one given, or the file's without its ending.
fn name(driver: &Path, given: Option<&str>) -> Result<String> {
    let stem = driver.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = given.map(str::to_owned).or(stem).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    ensure!(
        !name.is_empty() && name.chars().all(plain),
        "{name:?} is no name for a service here: give one of letters, digits, '_', '-' and '.' by --service"
    );
    Ok(name)
}

/// The command line of the program, which is put on drive C if it is a file here.
fn command(prefix: &Prefix, program: &str, arguments: &[String]) -> Result<String> {
    let file = Path::new(program);
    let place = if file.is_file() {
        let name = file.file_name().context("the program's path has no file name")?.to_string_lossy();
        prefix.install(file, &format!("{FOLDER}/{name}"))?;
        format!(r"C:\{FOLDER}\{name}")
    } else {
        ensure!(
            !program.contains('/'),
            "--run {program}: no such file; a program that is in Wine already is named as there, as in C:\\wskctl.exe"
        );
        program.to_owned()
    };
    let words = [&place].into_iter().chain(arguments).map(|word| quoted(word));
    Ok(words.collect::<Result<Vec<String>>>()?.join(" "))
}

/// A word of a command line, as Wine's `cmd` reads it in a batch file.
fn quoted(word: &str) -> Result<String> {
    ensure!(!word.contains(['"', '\r', '\n']), "--run: {word:?} cannot be passed through a batch file");
    let word = word.replace('%', "%%");
    let plain = |c: char| c.is_alphanumeric() || r"-_./\:=,%+@".contains(c);
    Ok(if !word.is_empty() && word.chars().all(plain) { word } else { format!("\"{word}\"") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_the_files_name_or_the_one_given() {
        let driver = Path::new("drivers/my-client.sys");
        assert_eq!(name(driver, None).unwrap(), "my-client");
        assert_eq!(name(driver, Some("other")).unwrap(), "other");
        for bad in ["", "two words", "a&b", "x\"y"] {
            assert!(name(driver, Some(bad)).unwrap_err().to_string().contains("--service"), "{bad}");
        }
    }

    #[test]
    fn words_reach_the_program_as_they_are() {
        let quoted = |word| quoted(word).unwrap();
        assert_eq!(quoted(r"C:\others\tool.exe"), r"C:\others\tool.exe");
        assert_eq!(quoted("two words"), "\"two words\"");
        assert_eq!(quoted("a&b"), "\"a&b\"");
        assert_eq!(quoted("50%"), "50%%");
        assert_eq!(quoted(""), "\"\"");
        assert!(super::quoted("say \"this\"").is_err());
    }
}
