//! Who made an object that may be left behind: whose it is, and where it came from.

use std::backtrace::Backtrace;
use std::sync::Arc;

use crate::machine::frames;
use crate::machine::owner::Owner;

/// Who made an object.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) owner: Owner,
    /// The exported function that the driver called.
    export: &'static str,
    /// Where it did, if that is asked for.
    frames: Option<Arc<Backtrace>>,
}

impl Maker {
    /// The calling thread, which has called `export`.
    pub(crate) fn current(export: &'static str) -> Maker {
        Maker { owner: Owner::current(), export, frames: frames::capture().map(Arc::new) }
    }

    /// The place, for a report; `verb` says what was done there.
    pub(crate) fn place(&self, verb: &str) -> String {
        frames::caller(self.frames.as_deref(), verb, &[self.export])
    }
}
