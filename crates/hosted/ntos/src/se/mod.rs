//! Who may open what.

pub mod security;
