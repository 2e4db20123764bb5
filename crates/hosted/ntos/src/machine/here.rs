//! The machine that a thread has entered, as the functions of the kernel see it.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use crate::machine::{Machine, access_violation, bugcheck, companion};

thread_local! {
    static CURRENT: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// The calling thread's machine. It stays on the thread, so that nothing which threads share is written to count it.
#[derive(Clone)]
pub(crate) struct Here(Rc<Stay>);

/// What a thread has of a machine that it has entered.
struct Stay {
    machine: Machine,
    /// The extensions that the thread has asked for: each an `Arc` of the type.
    extensions: RefCell<Vec<(TypeId, Box<dyn Any>)>>,
}

impl Deref for Here {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.0.machine
    }
}

impl Here {
    fn new(machine: &Machine) -> Here {
        Here(Rc::new(Stay { machine: machine.clone(), extensions: RefCell::default() }))
    }

    fn is(&self, machine: &Machine) -> bool {
        Arc::ptr_eq(&self.parts, &machine.parts)
    }

    /// An extension that the thread has asked for before.
    pub(super) fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let extensions = self.0.extensions.borrow();
        let (_, found) = extensions.iter().find(|(key, _)| *key == TypeId::of::<T>())?;
        found.downcast_ref().cloned()
    }

    /// Keeps one, for the next time.
    pub(super) fn keep<T: Any + Send + Sync>(&self, extension: &Arc<T>) {
        self.0.extensions.borrow_mut().push((TypeId::of::<T>(), Box::new(Arc::clone(extension))));
    }

    /// Keeps none any more.
    pub(super) fn forget_extensions(&self) {
        drop(self.0.extensions.take());
    }
}

impl Machine {
    /// Makes this machine the calling thread's, until the guard is dropped.
    pub fn enter(&self) -> Entered {
        access_violation::prepare_thread();
        let here = self.as_here().unwrap_or_else(|| Here::new(self));
        Entered { previous: CURRENT.replace(Some(here)), not_send: PhantomData }
    }

    /// The machine that the calling thread has entered.
    ///
    /// # Panics
    /// If it has entered none.
    #[must_use]
    pub fn current() -> Machine {
        Machine::clone(&Machine::here())
    }

    /// The machine that the calling thread has entered, if any.
    #[must_use]
    pub fn try_current() -> Option<Machine> {
        Machine::try_here().as_deref().cloned()
    }

    /// Calls `f` with the machine that the calling thread has entered: as [`Machine::current`], and cheaper.
    ///
    /// # Panics
    /// If it has entered none.
    pub fn with_current<R>(f: impl FnOnce(&Machine) -> R) -> R {
        f(&Machine::here())
    }

    /// As [`Machine::current`], for as long as the thread needs it.
    pub(crate) fn here() -> Here {
        Machine::try_here().expect(
            "the thread has entered no machine: keep the guard that `Machine::enter` returns, or start the thread \
             with `Machine::spawn`",
        )
    }

    /// As [`Machine::try_current`], for as long as the thread needs it.
    pub(crate) fn try_here() -> Option<Here> {
        // A thread that is ending has no machine any more.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// This machine, if the calling thread has entered it.
    pub(super) fn as_here(&self) -> Option<Here> {
        Machine::try_here().filter(|here| here.is(self))
    }

    /// Whether the calling thread is ending, and can be in no machine any more.
    pub(crate) fn is_gone() -> bool {
        CURRENT.try_with(|_| ()).is_err()
    }

    /// The calling thread's machine, at an entry into the kernel: on a dead machine the thread goes no further.
    pub(crate) fn kernel() -> Here {
        let here = Machine::here();
        if here.parts.crash.is_dead() {
            bugcheck::stop_on_dead_machine(&here);
        }
        here
    }
}

/// A thread's stay in a machine; dropping it restores the machine that the thread was in before.
#[must_use = "the machine is left when the guard is dropped"]
pub struct Entered {
    previous: Option<Here>,
    /// The machine is the thread's, so the guard must not leave the thread.
    not_send: PhantomData<*const ()>,
}

impl std::fmt::Debug for Entered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = CURRENT.replace(mem::take(&mut self.previous));
        // A test that ends here must not succeed.
        if let Some(machine) = left
            && machine.parts.crash.is_unheard()
            && !companion::is_expendable()
            && !std::thread::panicking()
        {
            machine.panic_with_report();
        }
    }
}
