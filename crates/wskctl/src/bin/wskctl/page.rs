//! The file that a report is written to as a page of HTML.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::command::Stop;

/// An open file, empty yet.
pub(crate) struct Page {
    file: File,
    path: PathBuf,
}

impl Page {
    /// Makes the file: that it cannot be written is no news for the end of a long run.
    pub(crate) fn create(path: &Path) -> Result<Page, Stop> {
        let file = File::create(path).map_err(|error| unwritten(path, error))?;
        Ok(Page { file, path: path.to_owned() })
    }

    pub(crate) fn write(mut self, page: &str) -> Result<(), Stop> {
        self.file.write_all(page.as_bytes()).map_err(|error| unwritten(&self.path, error))
    }
}

fn unwritten(path: &Path, error: io::Error) -> Stop {
    Stop::Unwritten(path.display().to_string(), error)
}
