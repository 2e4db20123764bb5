//! Words that say nothing sensible, as clap has it.

use std::fmt;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

/// What is wrong with the words of a command or a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// A sentence.
    pub message: String,
    /// How it is written.
    pub usage: Option<String>,
    /// What would be right.
    pub advice: Option<String>,
}

/// The error of a verb whose words are right, each for itself: with the usage of the verb.
pub fn misuse(grammar: &mut Command, matches: &ArgMatches, what: String) -> clap::Error {
    match matches.subcommand_name().and_then(|name| grammar.find_subcommand_mut(name)) {
        Some(verb) => verb.error(ErrorKind::ValueValidation, what),
        None => grammar.error(ErrorKind::ValueValidation, what),
    }
}

impl From<clap::Error> for Misuse {
    fn from(error: clap::Error) -> Misuse {
        let text = error.render().to_string();
        let part = |name: &str| {
            let part = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
            part.map(|part| part.trim().to_owned())
        };
        let message = text.strip_prefix("error: ").unwrap_or(&text);
        let message = message.split("\n\n").next().unwrap_or(message);
        let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Misuse { message, usage: part("Usage:"), advice: part("tip:") }
    }
}

impl From<String> for Misuse {
    fn from(message: String) -> Misuse {
        Misuse { message, usage: None, advice: None }
    }
}

impl From<&str> for Misuse {
    fn from(message: &str) -> Misuse {
        message.to_owned().into()
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
