//! The handles of a machine, and the objects and contexts behind them.
//!
//! A handle is a number and never followed as a pointer; none is used twice, so that a stale one is always noticed. Its
//! lowest bits tell the kind of the object.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use parking_lot::Mutex;

use crate::object::Object;
use crate::object::client::Client;
use crate::object::kind::Kind;
use crate::platform;

/// The lowest bits of a handle: the kind, above three zero bits.
const KIND_BITS: u32 = 8;

/// What has a handle on one machine.
#[derive(Default)]
pub(crate) struct Handles(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    /// How many handles there have been.
    count: usize,
    /// The kinds that there have been. A handle tells the place of its kind, counted from 1.
    kinds: Vec<&'static Kind>,
    /// Every object that is not destroyed yet, by its handle.
    objects: BTreeMap<usize, Arc<Object>>,
    /// The handle of the object that each context belongs to, by the context's address.
    contexts: BTreeMap<usize, usize>,
}

/// The handles of the calling thread's machine.
pub(crate) fn handles() -> Arc<Handles> {
    platform::state()
}

impl Handles {
    /// A handle that was never given before.
    pub(crate) fn new_handle(&self, kind: &'static Kind) -> usize {
        let mut tables = self.0.lock();
        let known = tables.kinds.iter().position(|other| other.name == kind.name);
        let place = known.unwrap_or_else(|| {
            tables.kinds.push(kind);
            tables.kinds.len() - 1
        });
        tables.count += 1;
        tables.count << KIND_BITS | (place + 1) << 3
    }

    /// The kind of what has or had this handle, if it was ever given.
    pub(crate) fn kind_of(&self, handle: usize) -> Option<&'static Kind> {
        let tables = self.0.lock();
        let given = (1..=tables.count).contains(&(handle >> KIND_BITS));
        let code = handle & ((1 << KIND_BITS) - 1);
        let place = (code >> 3).checked_sub(1).filter(|_| given && code.trailing_zeros() >= 3)?;
        tables.kinds.get(place).copied()
    }

    /// The living object of this handle.
    pub(crate) fn find(&self, handle: usize) -> Option<Arc<Object>> {
        self.0.lock().objects.get(&handle).cloned()
    }

    /// The objects of a client that are not destroyed, oldest first.
    pub(crate) fn of_client(&self, client: &Arc<Client>) -> Vec<Arc<Object>> {
        let tables = self.0.lock();
        tables.objects.values().filter(|object| Arc::ptr_eq(object.client(), client)).cloned().collect()
    }

    /// Makes a new object findable.
    pub(crate) fn insert(&self, object: &Arc<Object>) {
        self.0.lock().objects.insert(object.handle(), Arc::clone(object));
    }

    /// Forgets an object that is destroyed.
    pub(crate) fn remove(&self, object: &Object) {
        let removed = self.0.lock().objects.remove(&object.handle());
        // Not under the lock, although the caller has the object, too.
        drop(removed);
    }

    /// The handle of the object that a context belongs to.
    pub(crate) fn of_context(&self, address: usize) -> Option<usize> {
        self.0.lock().contexts.get(&address).copied()
    }

    /// Makes an object findable by the address of one of its contexts.
    pub(crate) fn insert_context(&self, address: usize, handle: usize) {
        self.0.lock().contexts.insert(address, handle);
    }

    /// Forgets a context.
    pub(crate) fn remove_context(&self, address: usize) {
        self.0.lock().contexts.remove(&address);
    }
}

/// What a report calls the object with this handle.
pub(crate) fn name_of(handle: usize) -> String {
    if handle == 0 {
        return String::from("the driver");
    }
    if let Some(object) = handles().find(handle) {
        return format!("{object}");
    }
    match handles().kind_of(handle) {
        Some(kind) => format!("{} {handle:#x} (gone)", kind.name),
        None => format!("{handle:#x} (no handle)"),
    }
}

#[cfg(all(test, feature = "hosted"))]
mod tests {
    use super::*;

    #[test]
    fn a_handle_tells_its_kind() {
        static KINDS: [Kind; 2] = [Kind::new("WDFQUEUE"), Kind::new("WDFREQUEST")];
        let machine = ntos::Machine::boot(ntos::Config::default());
        let _entered = machine.enter();
        let handles = handles();
        let given: Vec<usize> = (0..4).map(|n| handles.new_handle(&KINDS[n % 2])).collect();
        for (n, handle) in given.iter().enumerate() {
            assert_eq!(handles.kind_of(*handle).map(|kind| kind.name), Some(KINDS[n % 2].name));
            assert!(!given[..n].contains(handle), "no handle is given twice");
            assert!(handles.kind_of(handle + 1).is_none() && handles.kind_of(handle + (5 << 8)).is_none());
        }
        assert!(handles.kind_of(0).is_none());
    }
}
