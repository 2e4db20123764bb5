//! Framework objects: parents and children, references, and the two steps of an object's end.
//!
//! Deleting an object disposes of it: first of its children, in the order of their creation, then of what it runs
//! itself, and then its `EvtCleanupCallback` is called. It is destroyed, with `EvtDestroyCallback`, when its last
//! reference goes; extra references delay only that.
//!
//! Nothing here knows a kind of object: an object has a [`Body`], whose operations are those of its kind.

pub(crate) mod api;
pub(crate) mod args;
pub(crate) mod attributes;
pub(crate) mod callback;
pub(crate) mod callback_lock;
pub(crate) mod client;
pub(crate) mod context;
pub(crate) mod disposer;
pub(crate) mod handles;
pub(crate) mod kernel_dpc;
pub(crate) mod kind;
pub(crate) mod lookup;
pub(crate) mod wait_limit;
pub(crate) mod worker;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use parking_lot::Mutex;
use readings::ChildOrder;
use wsk_sys::{NTSTATUS, PASSIVE_LEVEL, STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES};

use crate::object::args::irql;
use crate::object::attributes::Attributes;
use crate::object::callback_lock::CallbackLock;
use crate::object::client::Client;
use crate::object::context::Context;
use crate::object::disposer::Disposer;
use crate::object::handles::handles;
use crate::object::kind::Kind;
use crate::object::worker::Worker;
use crate::platform;
use crate::rules::{self, Broken};

/// What an object is besides being an object: the operations of its kind.
pub(crate) trait Body: Any + Send + Sync {
    /// Stops what the object runs. Called once, without locks, after its children were disposed of and before its
    /// cleanup callback.
    ///
    /// # Errors
    /// The violation of a driver that does not let that happen.
    fn dispose(&self, _object: &Arc<Object>) -> Result<(), Broken> {
        Ok(())
    }

    /// Gives back what the object holds in the kernel. Called once, after its children were destroyed.
    ///
    /// # Errors
    /// The violation of a driver that does not let that happen.
    fn finish(&self, _object: &Arc<Object>) -> Result<(), Broken> {
        Ok(())
    }

    /// Gives back what a holder of a reference may have used to the last. Called once, after the destroy callbacks.
    fn destroyed(&self) {}

    /// Whether `dispose` must run at `PASSIVE_LEVEL`.
    fn needs_passive(&self) -> bool {
        false
    }

    /// Why the driver may not delete the object, if it may not.
    fn cannot_delete(&self, _object: &Object) -> Option<&'static str> {
        None
    }

    /// The driver deletes the object; whether that may go on now. Otherwise the body deletes it later.
    fn begin_delete(&self) -> bool {
        true
    }

    /// The lock that keeps the callbacks of the object apart.
    fn lock(&self) -> Option<&Arc<CallbackLock>> {
        None
    }

    /// What disposes, at `PASSIVE_LEVEL`, of the object and those under it that are deleted above that.
    fn disposer(&self) -> Option<&Disposer> {
        None
    }

    /// The work item that runs for this object.
    fn worker(&self) -> Option<&Worker> {
        None
    }

    /// One run of the work item, or of the DPC.
    fn work(&self, _object: &Arc<Object>) {}

    /// What else to say of the object in a report.
    fn describe(&self) -> String {
        String::new()
    }
}

/// A body of a known type.
pub(crate) trait Kinded: Body {
    /// What the handles of such objects point to by their C type.
    type Handle;
    /// The kind of the objects with such a body.
    const KIND: &'static Kind;
}

/// A framework object.
pub(crate) struct Object {
    handle: usize,
    kind: &'static Kind,
    client: Arc<Client>,
    body: Box<dyn Body>,
    life: Mutex<Life>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each notes one thing that has happened to the object")]
struct Life {
    /// The framework's own reference until the object is destroyed, and the driver's.
    references: usize,
    deleting: bool,
    /// Whether the driver asked for the deletion.
    delete_called: bool,
    disposed: bool,
    /// Whether neither cleanup nor destroy callbacks are called: the driver never saw the object.
    unseen: bool,
    parent: Weak<Object>,
    children: Vec<Arc<Object>>,
    contexts: Vec<Context>,
}

/// How a new object stands to its parent.
#[derive(Clone, Copy)]
pub(crate) enum Family<'a> {
    /// It has no parent.
    Root,
    /// It is deleted with its parent.
    Child(&'a Arc<Object>),
    /// It finds its parent, but ends on its own.
    Independent(&'a Arc<Object>),
}

impl Object {
    pub(crate) fn handle(&self) -> usize {
        self.handle
    }

    /// The handle as drivers see it.
    pub(crate) fn as_handle<T>(&self) -> *mut T {
        core::ptr::without_provenance_mut(self.handle)
    }

    pub(crate) fn kind(&self) -> &'static Kind {
        self.kind
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The operations of the object's kind.
    pub(crate) fn body(&self) -> &dyn Body {
        &*self.body
    }

    /// Runs the object's work.
    pub(crate) fn work(self: &Arc<Object>) {
        self.body.work(self);
    }

    pub(crate) fn parent(&self) -> Option<Arc<Object>> {
        self.life.lock().parent.upgrade()
    }

    /// The object, its parent, and so on.
    pub(crate) fn lineage(self: &Arc<Object>) -> impl Iterator<Item = Arc<Object>> + use<> {
        core::iter::successors(Some(Arc::clone(self)), |object| object.parent())
    }

    /// The nearest object with a body of a type among this one and those above it.
    pub(crate) fn nearest<T: Kinded>(self: &Arc<Object>) -> Option<Typed<T>> {
        self.lineage().find_map(Typed::of)
    }

    pub(crate) fn is_deleting(&self) -> bool {
        self.life.lock().deleting
    }

    /// Notes that the driver asks for the deletion; whether it does so for the first time.
    pub(crate) fn call_delete(&self) -> bool {
        !core::mem::replace(&mut self.life.lock().delete_called, true)
    }

    /// How many references there are, the framework's own included.
    pub(crate) fn references(&self) -> usize {
        self.life.lock().references
    }

    /// The children, oldest first.
    pub(crate) fn children(&self) -> Vec<Arc<Object>> {
        self.life.lock().children.clone()
    }

    /// Notes whether the driver has seen the object.
    pub(crate) fn set_unseen(&self, unseen: bool) {
        self.life.lock().unseen = unseen;
    }

    /// Calls `f` with the object's contexts.
    pub(crate) fn with_contexts<R>(&self, f: impl FnOnce(&mut Vec<Context>) -> R) -> R {
        f(&mut self.life.lock().contexts)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}", self.kind.name, self.handle)?;
        let more = self.body.describe();
        if more.is_empty() { Ok(()) } else { write!(f, " ({more})") }
    }
}

/// An object whose body is known to be a `T`.
///
/// # Invariants
/// The body is a `T`.
pub(crate) struct Typed<T> {
    object: Arc<Object>,
    body: PhantomData<fn() -> T>,
}

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Typed<T> {
        // INVARIANT: the same object.
        Typed { object: Arc::clone(&self.object), body: PhantomData }
    }
}

impl<T: Kinded> Typed<T> {
    /// The object, if its body is a `T`.
    pub(crate) fn of(object: Arc<Object>) -> Option<Typed<T>> {
        let body: &dyn Any = &*object.body;
        // INVARIANT: checked here.
        body.is::<T>().then(|| Typed { object, body: PhantomData })
    }

    pub(crate) fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// The handle as drivers see it.
    pub(crate) fn as_handle(&self) -> *mut T::Handle {
        self.object.as_handle()
    }
}

impl<T: Kinded> Deref for Typed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let body: &dyn Any = &*self.object.body;
        body.downcast_ref()
            .unwrap_or_else(|| unreachable!("by the type's invariant the body is of this type"))
    }
}

/// Makes an object with its first context.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`, and `STATUS_DELETE_PENDING` if the parent is being deleted.
pub(crate) fn create<T: Kinded>(
    function: &'static str,
    client: &Arc<Client>,
    family: Family<'_>,
    attributes: &Attributes,
    body: T,
) -> Result<Typed<T>, NTSTATUS> {
    if platform::fault(function) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let handle = handles().new_handle(T::KIND);
    let context = Context::new(client, attributes)?;
    let parent = match family {
        Family::Root => Weak::new(),
        Family::Child(parent) | Family::Independent(parent) => Arc::downgrade(parent),
    };
    let life = Life { references: 1, parent, contexts: Vec::from([context]), ..Life::default() };
    let object = Arc::new(Object {
        handle,
        kind: T::KIND,
        client: Arc::clone(client),
        body: Box::new(body),
        life: Mutex::new(life),
    });
    if let Family::Child(parent) = family
        && !adopt(parent, &object)
    {
        let contexts = object.with_contexts(core::mem::take);
        contexts.into_iter().for_each(Context::free);
        return Err(STATUS_DELETE_PENDING);
    }
    context::register(&object);
    handles().insert(&object);
    // INVARIANT: the body was given as a `T`.
    Ok(Typed { object, body: PhantomData })
}

/// Adds a child, unless the parent is being deleted.
fn adopt(parent: &Arc<Object>, child: &Arc<Object>) -> bool {
    let mut life = parent.life.lock();
    if life.deleting {
        return false;
    }
    life.children.push(Arc::clone(child));
    true
}

/// Adds a reference.
///
/// # Errors
/// The violation of more references than can be counted.
pub(crate) fn reference(object: &Arc<Object>) -> Result<(), Broken> {
    let more = {
        let mut life = object.life.lock();
        let more = life.references.checked_add(1);
        life.references = more.unwrap_or(life.references);
        more
    };
    let too_many =
        || Broken::new(&rules::LAST_REFERENCE, format!("more references to {object} than can be counted"));
    more.map(|_| ()).ok_or_else(too_many)
}

/// Drops a reference; the last one destroys the object.
///
/// # Errors
/// The violation of dropping the last reference to an object that was not deleted.
pub(crate) fn release(object: &Arc<Object>) -> Result<(), Broken> {
    let (last, disposed, unseen) = {
        let mut life = object.life.lock();
        life.references = life.references.saturating_sub(1);
        (life.references == 0, life.disposed, life.unseen)
    };
    if !last {
        return Ok(());
    }
    if !disposed {
        let detail = format!("the last reference to {object} was dropped, but it was not deleted");
        return Err(Broken::new(&rules::LAST_REFERENCE, detail));
    }
    if !unseen {
        context::call_back(object, "EvtDestroyCallback", Context::destroy_call);
    }
    // The callbacks were the last to use the contexts.
    let contexts = object.with_contexts(core::mem::take);
    object.body.destroyed();
    context::unregister(&contexts);
    handles().remove(object);
    contexts.into_iter().for_each(Context::free);
    Ok(())
}

/// Marks the object as being deleted, and takes it from its parent; whether it was not marked before.
pub(crate) fn begin_delete(object: &Arc<Object>) -> bool {
    let parent = {
        let mut life = object.life.lock();
        if life.deleting {
            return false;
        }
        life.deleting = true;
        life.parent.upgrade()
    };
    if let Some(parent) = parent {
        let mut life = parent.life.lock();
        let index = life.children.iter().position(|child| Arc::ptr_eq(child, object));
        let child = index.map(|index| life.children.remove(index));
        drop(life);
        drop(child);
    }
    true
}

/// Deletes an object with its children. Above `PASSIVE_LEVEL`, one that may have to wait is left to a worker thread.
///
/// # Errors
/// The violation of a driver that deletes it at too high an IRQL, or does not let it end.
pub(crate) fn delete(object: &Arc<Object>) -> Result<(), Broken> {
    if !begin_delete(object) {
        return Ok(());
    }
    if irql() == PASSIVE_LEVEL || !needs_passive(object) {
        return finish_delete(object);
    }
    if dispose_later(object) {
        return Ok(());
    }
    let detail = format!("{object} was deleted at IRQL {}; it needs PASSIVE_LEVEL", irql());
    Err(Broken::new(&rules::IRQL, detail))
}

/// Leaves an object that is marked as being deleted to a worker thread; whether there is one for it.
pub(crate) fn dispose_later(object: &Arc<Object>) -> bool {
    object.lineage().any(|owner| {
        let disposer = owner.body.disposer();
        disposer.inspect(|disposer| disposer.add(&owner, object)).is_some()
    })
}

/// Disposes of an object that is marked as being deleted, and drops the framework's reference.
///
/// # Errors
/// The violation of a driver that does not let it end.
pub(crate) fn finish_delete(object: &Arc<Object>) -> Result<(), Broken> {
    dispose(object)?;
    destroy(object)
}

/// Whether the object or one of its descendants must be disposed of at `PASSIVE_LEVEL`.
pub(crate) fn needs_passive(object: &Arc<Object>) -> bool {
    object.body.needs_passive() || object.children().iter().any(needs_passive)
}

/// The first step: children, then the object itself, then its cleanup callbacks.
///
/// # Errors
/// The violation of a driver that does not let one of them end.
pub(crate) fn dispose(object: &Arc<Object>) -> Result<(), Broken> {
    for child in in_order(object.children()) {
        let first = !core::mem::replace(&mut child.life.lock().deleting, true);
        if first {
            dispose(&child)?;
        }
    }
    object.body.dispose(object)?;
    let unseen = object.life.lock().unseen;
    if !unseen {
        context::call_back(object, "EvtCleanupCallback", Context::cleanup_call);
    }
    object.life.lock().disposed = true;
    Ok(())
}

/// Children, oldest first, in the order in which they are disposed of and destroyed.
fn in_order(mut children: Vec<Arc<Object>>) -> Vec<Arc<Object>> {
    if platform::reading::<ChildOrder>() == ChildOrder::NewestFirst {
        children.reverse();
    }
    children
}

/// The second step: children are destroyed, and the framework's own reference goes.
///
/// # Errors
/// The violation of a driver that does not let one of them end.
pub(crate) fn destroy(object: &Arc<Object>) -> Result<(), Broken> {
    destroy_children(object)?;
    object.body.finish(object)?;
    release(object)
}

/// Destroys the children of an object that is disposed of.
///
/// # Errors
/// The violation of a driver that does not let one of them end.
pub(crate) fn destroy_children(object: &Arc<Object>) -> Result<(), Broken> {
    let children = core::mem::take(&mut object.life.lock().children);
    in_order(children).iter().try_for_each(destroy)
}

/// Takes an object out of the table that its driver kept a reference to; no callback is called.
pub(crate) fn abandon(object: &Arc<Object>) {
    let contexts = object.with_contexts(core::mem::take);
    context::unregister(&contexts);
    handles().remove(object);
    contexts.into_iter().for_each(Context::free);
    object.body.destroyed();
}
