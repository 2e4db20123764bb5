//! The configuration manager: the registry.

mod api;
mod attributes;
pub mod registry;
