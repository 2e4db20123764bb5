//! Reading and checking `WDF_OBJECT_ATTRIBUTES`.
#![expect(unsafe_code, reason = "attributes come as raw pointers")]

use wsk_sys::{NTSTATUS, STATUS_INFO_LENGTH_MISMATCH};

use crate::kernel::shared::Shared;
use crate::object::args::read_sized;
use crate::status::{
    STATUS_WDF_EXECUTION_LEVEL_INVALID, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID,
    STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED, STATUS_WDF_PARENT_NOT_SPECIFIED,
    STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID,
};
use crate::types::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_SYNCHRONIZATION_SCOPE as Scope, PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    PFN_WDF_OBJECT_CONTEXT_CLEANUP, PFN_WDF_OBJECT_CONTEXT_DESTROY, PWDF_OBJECT_ATTRIBUTES,
    WDF_EXECUTION_LEVEL, WDF_SYNCHRONIZATION_SCOPE,
};

/// Whether the driver chooses an object's parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    Forbidden,
    Optional,
    Required,
}

/// What attributes may say for one type of object.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) parent: Parent,
    pub(crate) level: bool,
    pub(crate) scope: bool,
}

impl Allowed {
    /// An object with a level and a scope, whose parent is given.
    pub(crate) const FRAMEWORK: Allowed = Allowed { parent: Parent::Forbidden, level: true, scope: true };
    /// A queue.
    pub(crate) const QUEUE: Allowed = Allowed { parent: Parent::Optional, level: true, scope: true };
    /// A request.
    pub(crate) const REQUEST: Allowed = Allowed { parent: Parent::Forbidden, level: false, scope: false };
    /// An object with neither level nor scope.
    pub(crate) const PLAIN: Allowed = Allowed { parent: Parent::Optional, level: false, scope: false };
    /// An object with neither level nor scope that needs a parent.
    pub(crate) const CHILD: Allowed = Allowed { parent: Parent::Required, level: false, scope: false };
    /// A timer.
    pub(crate) const TIMER: Allowed = Allowed { parent: Parent::Required, level: true, scope: false };
}

/// The type of a context, and the size to allocate for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextType {
    pub(crate) info: Shared<PCWDF_OBJECT_CONTEXT_TYPE_INFO>,
    pub(crate) size: usize,
}

/// Checked attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    pub(crate) cleanup: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    pub(crate) destroy: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    pub(crate) level: Level::Type,
    pub(crate) scope: Scope::Type,
    /// The parent's handle, or 0.
    pub(crate) parent: usize,
    pub(crate) context: Option<ContextType>,
}

impl Attributes {
    /// What a null pointer means.
    pub(crate) const NONE: Attributes = Attributes {
        cleanup: None,
        destroy: None,
        level: Level::WdfExecutionLevelInheritFromParent,
        scope: Scope::WdfSynchronizationScopeInheritFromParent,
        parent: 0,
        context: None,
    };

    /// The execution level and synchronisation scope, each the inherited one unless the driver chose it.
    pub(crate) fn resolve(
        &self,
        inherited: (WDF_EXECUTION_LEVEL, WDF_SYNCHRONIZATION_SCOPE),
    ) -> (WDF_EXECUTION_LEVEL, WDF_SYNCHRONIZATION_SCOPE) {
        let inherits_level = self.level == Level::WdfExecutionLevelInheritFromParent;
        let inherits_scope = self.scope == Scope::WdfSynchronizationScopeInheritFromParent;
        (
            if inherits_level { inherited.0 } else { self.level },
            if inherits_scope { inherited.1 } else { self.scope },
        )
    }
}

/// The size of the context type information before `EvtDriverGetUniqueContextType` was added.
const OLD_TYPE_INFO: usize = 0x20;

/// Reads attributes and checks them against what is allowed.
///
/// # Errors
/// As the table of `WDF_OBJECT_ATTRIBUTES` says: a size, a value or a combination that is not allowed.
///
/// # Safety
/// `pointer` is null or points to attributes as large as they say, with a context type that lives.
pub(crate) unsafe fn read(pointer: PWDF_OBJECT_ATTRIBUTES, allowed: Allowed) -> Result<Attributes, NTSTATUS> {
    if pointer.is_null() {
        return match allowed.parent {
            Parent::Required => Err(STATUS_WDF_PARENT_NOT_SPECIFIED),
            Parent::Forbidden | Parent::Optional => Ok(Attributes::NONE),
        };
    }
    // SAFETY: the caller's attributes; zero bytes are valid ones.
    let raw = unsafe { read_sized(pointer, &[0x38]) }?;
    let context = if raw.ContextTypeInfo.is_null() {
        if raw.ContextSizeOverride != 0 {
            return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
        }
        None
    } else {
        // SAFETY: the caller says that the type information lives.
        let info = unsafe { read_sized(raw.ContextTypeInfo, &[OLD_TYPE_INFO, 0x28]) };
        let info = info.map_err(|_| STATUS_INFO_LENGTH_MISMATCH)?;
        let named = !info.ContextName.is_null();
        let large_enough = raw.ContextSizeOverride == 0 || raw.ContextSizeOverride >= info.ContextSize;
        if info.ContextSize > 0 && !named || !large_enough {
            return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
        }
        Some(ContextType {
            info: Shared(raw.ContextTypeInfo),
            size: info.ContextSize.max(raw.ContextSizeOverride),
        })
    };
    let levels = Level::WdfExecutionLevelInheritFromParent..=Level::WdfExecutionLevelDispatch;
    let scopes = Scope::WdfSynchronizationScopeInheritFromParent..=Scope::WdfSynchronizationScopeNone;
    if !levels.contains(&raw.ExecutionLevel) || !scopes.contains(&raw.SynchronizationScope) {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    match (allowed.parent, raw.ParentObject.is_null()) {
        (Parent::Forbidden, false) => return Err(STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED),
        (Parent::Required, true) => return Err(STATUS_WDF_PARENT_NOT_SPECIFIED),
        _ => {}
    }
    if !allowed.level && raw.ExecutionLevel != Level::WdfExecutionLevelInheritFromParent {
        return Err(STATUS_WDF_EXECUTION_LEVEL_INVALID);
    }
    if !allowed.scope && raw.SynchronizationScope != Scope::WdfSynchronizationScopeInheritFromParent {
        return Err(STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
    }
    Ok(Attributes {
        cleanup: raw.EvtCleanupCallback,
        destroy: raw.EvtDestroyCallback,
        level: raw.ExecutionLevel,
        scope: raw.SynchronizationScope,
        parent: raw.ParentObject.addr(),
        context,
    })
}
