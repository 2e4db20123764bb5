//! The program's grammar, for shells and as manual pages.

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;

use crate::args;
use crate::command::Stop;
use crate::print::Printer;

/// For which shell.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Of which command.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManArguments {
    /// The command, such as send or driver install; without it, the page of the program
    command: Vec<String>,
}

/// Prints the completions of a shell.
pub(crate) fn completions(arguments: CompletionsArguments, printer: &mut Printer) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut args::grammar(), "wskctl", &mut script);
    printer.write_all(&script)
}

/// Prints a manual page, in roff.
pub(crate) fn man(arguments: &ManArguments, printer: &mut Printer) -> Result<(), Stop> {
    let mut page = args::grammar();
    page.build();
    let mut title = String::from("wskctl");
    for word in &arguments.command {
        let found = page.find_subcommand(word).filter(|command| !command.is_hide_set());
        page = found.cloned().ok_or(Stop::Usage("there is no such command: `wskctl --help` lists them"))?;
        title = format!("{title}-{word}");
    }
    let mut roff = Vec::new();
    clap_mangen::Man::new(page).title(title).render(&mut roff)?;
    Ok(printer.write_all(&roff)?)
}
