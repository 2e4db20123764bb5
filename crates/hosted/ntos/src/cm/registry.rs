//! The machine's registry, in memory: keys with values, and the handles to them.
//!
//! A test fills it by [`Machine::registry`]; a driver uses it by the functions that begin with `Zw`, which are here, too. The case
//! of names does not count. `CurrentControlSet` is `ControlSet001`. No key has a security descriptor: the kernel may do all.

pub use super::api::*;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ptr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::{HANDLE, REG_DWORD, REG_SZ};

use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::machine::maker::Maker;
use crate::machine::owner::{LeakScope, leak_report};
use crate::rule;

/// The first handle: those of threads are below.
const FIRST: usize = 0x8000_0000;
/// Handles are multiples of this, as on Windows.
const STEP: usize = 4;

/// A value: its name as it was set, its type, its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
}

/// The values of a key, by their names without their case.
type Key = BTreeMap<String, Value>;

#[derive(Debug)]
struct Open {
    key: String,
    maker: Maker,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    keys: BTreeMap<String, Key>,
    handles: HashMap<usize, Open>,
    last: usize,
}

/// The registry of a machine, as a test sees it.
///
/// ```
/// use ntos::{Config, Machine};
///
/// let machine = Machine::boot(Config::default());
/// let registry = machine.registry();
/// let parameters = r"\Registry\Machine\System\CurrentControlSet\Services\mine\Parameters";
/// registry.set_dword(parameters, "Limit", 7);
/// assert_eq!(registry.get(parameters, "limit"), Some((wsk_sys::REG_DWORD, vec![7, 0, 0, 0])));
/// machine.shutdown();
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Mutex<State>>);

struct Extension(Arc<Mutex<State>>);

impl Machine {
    /// The machine's registry.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let extension = self.extension(|| {
            self.on_leak_check(check_leaks);
            Extension(Arc::default())
        });
        Registry(Arc::clone(&extension.0))
    }
}

fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let registry = machine.registry();
    let state = registry.state();
    let mut left: Vec<_> = state.handles.iter().filter(|(_, open)| scope.covers(open.maker.owner)).collect();
    left.sort_unstable_by_key(|(handle, _)| **handle);
    let name = |(handle, open): &(&usize, &Open)| {
        format!("handle {handle:#x} of the key {}{}", open.key, open.maker.place("opened"))
    };
    let left: Vec<String> = left.iter().map(name).collect();
    drop(state);
    leak_report(&rule::HANDLE_LEAK, "handles", scope, left).into_iter().collect()
}

/// Closes a handle of a key; tells whether it was one.
pub(crate) fn close(machine: &Machine, handle: HANDLE) -> bool {
    machine.registry().state().handles.remove(&handle.addr()).is_some()
}

/// A path without what does not count in it: the case, and which control set is the current one.
fn normal(path: &str) -> String {
    let path = path.trim_end_matches('\\').to_uppercase();
    let current = r"\REGISTRY\MACHINE\SYSTEM\CURRENTCONTROLSET";
    match path.strip_prefix(current) {
        Some(rest) if rest.is_empty() || rest.starts_with('\\') => {
            format!(r"\REGISTRY\MACHINE\SYSTEM\CONTROLSET001{rest}")
        }
        _ => path,
    }
}

impl Registry {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Makes a key, and those that it is in.
    pub fn create_key(&self, path: &str) {
        self.state().create(path);
    }

    /// Removes a key, with its values and the keys in it. Handles to them stay, and are good for nothing.
    pub fn remove_key(&self, path: &str) {
        let path = normal(path);
        let inside = format!(r"{path}\");
        self.state().keys.retain(|key, _| *key != path && !key.starts_with(&inside));
    }

    /// Sets a value, and makes its key if there is none. `kind` is `REG_BINARY`, or another of those types.
    pub fn set(&self, path: &str, name: &str, kind: u32, data: &[u8]) {
        let mut state = self.state();
        let path = state.create(path);
        state.set(&path, Value { name: name.to_owned(), kind, data: data.to_vec() });
    }

    /// Sets a number.
    pub fn set_dword(&self, path: &str, name: &str, number: u32) {
        self.set(path, name, REG_DWORD, &number.to_le_bytes());
    }

    /// Sets a string, which gets a zero at its end.
    pub fn set_string(&self, path: &str, name: &str, text: &str) {
        let units = text.encode_utf16().chain([0]);
        self.set(path, name, REG_SZ, &units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    }

    /// The type and the data of a value.
    #[must_use]
    pub fn get(&self, path: &str, name: &str) -> Option<(u32, Vec<u8>)> {
        self.state().value(&normal(path), name).map(|value| (value.kind, value.data))
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn has_key(&self, path: &str) -> bool {
        self.state().keys.contains_key(&normal(path))
    }
}

impl State {
    /// Makes a key, and those that it is in; returns its path as the table has it.
    pub(crate) fn create(&mut self, path: &str) -> String {
        let path = normal(path);
        for (end, _) in path.match_indices('\\').skip(1) {
            self.keys.entry(path[..end].to_owned()).or_default();
        }
        self.keys.entry(path.clone()).or_default();
        path
    }

    /// The path of a key that there is, as the table has it.
    pub(crate) fn find(&self, path: &str) -> Option<String> {
        let path = normal(path);
        self.keys.contains_key(&path).then_some(path)
    }

    /// Whether there is the key that this one would be in.
    pub(crate) fn has_parent(&self, path: &str) -> bool {
        let path = normal(path);
        path.rsplit_once('\\').is_some_and(|(parent, _)| {
            self.keys.contains_key(parent)
                || matches!(parent, r"\REGISTRY\MACHINE" | r"\REGISTRY\MACHINE\SYSTEM")
        })
    }

    pub(crate) fn set(&mut self, path: &str, value: Value) {
        if let Some(key) = self.keys.get_mut(path) {
            key.insert(value.name.to_uppercase(), value);
        }
    }

    pub(crate) fn value(&self, path: &str, name: &str) -> Option<Value> {
        self.keys.get(path)?.get(&name.to_uppercase()).cloned()
    }

    /// Removes a value; tells whether there was one.
    pub(crate) fn remove(&mut self, path: &str, name: &str) -> bool {
        self.keys.get_mut(path).is_some_and(|key| key.remove(&name.to_uppercase()).is_some())
    }

    /// A new handle to a key, which the driver has asked `export` for.
    pub(crate) fn open(&mut self, key: String, export: &'static str) -> HANDLE {
        let handle = FIRST + self.last * STEP;
        self.last += 1;
        self.handles.insert(handle, Open { key, maker: Maker::current(export) });
        ptr::without_provenance_mut(handle)
    }

    /// The key of a handle.
    pub(crate) fn key_of(&self, handle: HANDLE) -> Option<String> {
        self.handles.get(&handle.addr()).map(|open| open.key.clone())
    }

    /// Whether there is a key at a path that the table has given.
    pub(crate) fn is_there(&self, path: &str) -> bool {
        self.keys.contains_key(path)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("keys", &self.state().keys.len()).finish_non_exhaustive()
    }
}
