//! What is compared: one item for each size, alignment, offset, value and prototype.

use nt_sys::layout::Layout;
use nt_sys::status::STATUSES;

use super::known::{c_field, c_name};
#[cfg(test)]
use super::stock::INLINES;
use super::stock::{ALIASES, CONSTANTS, EXPORTS, POINTERS, Prototype, STATICS, STRUCTURES, Structure};

/// One comparison.
pub(super) struct Item {
    /// `sizeof(IRP)`, `IRP.Flags`, `STATUS_PENDING`, `IoFreeIrp()`...
    pub(super) name: String,
    /// The declaration in `nt-sys` and `wsk-sys` that it is about, and the module of that.
    pub(super) declaration: &'static str,
    pub(super) module: &'static str,
    /// A C expression for the value, or the name of a function or function type.
    pub(super) c: String,
    pub(super) expected: Expected,
}

pub(super) enum Expected {
    /// The value of the C expression.
    Value(i128),
    /// The C name can be assigned to, or from, a function of this prototype.
    Prototype(Function),
}

pub(super) struct Function {
    pub(super) prototype: Prototype,
    /// Whether the C name is a function, or else the type of a pointer to one.
    pub(super) export: bool,
}

fn value(name: String, place: (&'static str, &'static str), c: String, value: i128) -> Item {
    let (module, declaration) = place;
    Item { name, declaration, module, c, expected: Expected::Value(value) }
}

fn prototype(prototype: &Prototype, export: bool) -> Item {
    // A function type's C name means the function; those of WSK, lookaside lists and cancel-safe queues mean a pointer to one.
    let pointers = ["PFN_", "PALLOCATE_FUNCTION", "PFREE_FUNCTION", "PIO_CSQ_"];
    let is_pointer = pointers.iter().any(|start| prototype.name.starts_with(start));
    let pointer = if export || is_pointer { "" } else { " *" };
    Item {
        name: format!("{}()", prototype.name),
        declaration: prototype.name,
        module: prototype.module,
        c: format!("{}{pointer}", prototype.name),
        expected: Expected::Prototype(Function { prototype: *prototype, export }),
    }
}

/// Samples of the macros that are `const fn`s here: each C expression with the value it has here.
const MACROS: &[(&str, &str, i128)] = &[
    ("irp", "CTL_CODE(0x8057, 0x80A, 2, 3)", wsk_sys::CTL_CODE(0x8057, 0x80A, 2, 3) as i128),
    ("irp", "METHOD_FROM_CTL_CODE(0x8057E02A)", wsk_sys::METHOD_FROM_CTL_CODE(0x8057_E02A) as i128),
    ("irp", "IoSizeOfIrp(3)", wsk_sys::IoSizeOfIrp(3) as i128),
    ("base", "NT_SUCCESS(0x40000013)", wsk_sys::NT_SUCCESS(0x4000_0013) as i128),
    ("base", "NT_SUCCESS(-0x7FFFFFFB)", wsk_sys::NT_SUCCESS(-0x7FFF_FFFB) as i128),
    ("wsk", "MAKE_WSK_VERSION(1, 2)", wsk_sys::MAKE_WSK_VERSION(1, 2) as i128),
];

pub(super) fn items() -> Vec<Item> {
    let mut items = Vec::new();
    for row in STRUCTURES {
        structure(row, &mut items);
    }
    for layout in layouts() {
        nested_fields(layout, &mut items);
    }
    for row in ALIASES {
        let c = format!("sizeof({})", c_name(row.name));
        items.push(value(format!("sizeof({})", row.name), (row.module, row.name), c, row.size as i128));
    }
    for row in CONSTANTS {
        items.push(value(row.name.into(), (row.module, row.name), c_name(row.name).into(), row.value));
    }
    for row in STATICS {
        let c = format!("sizeof({})", row.name);
        items.push(value(c.clone(), (row.module, row.name), c, row.size as i128));
    }
    for &(status, name, _) in STATUSES {
        items.push(value(name.into(), ("status", name), name.into(), i128::from(status)));
    }
    for &(module, c, expected) in MACROS {
        items.push(value(c.into(), (module, c), c.into(), expected));
    }
    items.extend(EXPORTS.iter().map(|row| prototype(row, true)));
    items.extend(POINTERS.iter().map(|row| prototype(row, false)));
    items
}

fn structure(row: &Structure, items: &mut Vec<Item>) {
    let (c, place) = (c_name(row.name), (row.module, row.name));
    items.push(value(format!("sizeof({})", row.name), place, format!("sizeof({c})"), row.size as i128));
    let alignment = format!("alignof({})", row.name);
    items.push(value(alignment, place, format!("_Alignof({c})"), row.alignment as i128));
    for field in row.fields {
        let name = format!("{}.{}", row.name, field.name);
        let path = c_field(row.name, field.name);
        let size = format!("sizeof((({c} *)0)->{path})");
        items.push(value(format!("sizeof({name})"), place, size, field.size as i128));
        items.push(value(name, place, format!("__builtin_offsetof({c}, {path})"), field.offset as i128));
    }
}

/// The asserted layouts.
fn layouts() -> impl Iterator<Item = &'static Layout> {
    nt_sys::layout::LAYOUTS.iter().chain(wsk_sys::layout::LAYOUTS)
}

/// The fields inside fields whose offsets `nt-sys` and `wsk-sys` assert; [`structure`] has the others.
fn nested_fields(layout: &Layout, items: &mut Vec<Item>) {
    let module = STRUCTURES.iter().find(|row| row.name == layout.name).map_or("layout", |row| row.module);
    for &(path, offset) in layout.fields {
        let path = path.replace(' ', "");
        if path.contains('.') {
            let c = format!("__builtin_offsetof({}, {path})", c_name(layout.name));
            let name = format!("{}.{path}", layout.name);
            items.push(value(name, (module, layout.name), c, offset as i128));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The structures that are parts of another one, which the assertions reach through it.
    const PARTS: [&str; 9] = [
        "IRP_ASSOCIATED_IRP",
        "IRP_OVERLAY",
        "IRP_TAIL",
        "IRP_TAIL_OVERLAY",
        "IO_STACK_CREATE",
        "IO_STACK_READ_WRITE",
        "IO_STACK_DEVICE_IO_CONTROL",
        "IO_STACK_OTHERS",
        "IO_STACK_PARAMETERS",
    ];

    #[test]
    fn every_structure_and_field_has_an_asserted_layout() {
        for row in STRUCTURES.iter().filter(|row| !PARTS.contains(&row.name)) {
            let layout = layouts().find(|layout| layout.name == row.name);
            let layout = layout.unwrap_or_else(|| panic!("{} has no row in layout.rs", row.name));
            for field in row.fields {
                let path = |path: &str| path == field.name || path.starts_with(&format!("{} .", field.name));
                let found =
                    layout.fields.iter().any(|&(name, _)| path(name) || path(&name.replace('.', " .")));
                assert!(found, "{}.{} has no offset in layout.rs", row.name, field.name);
            }
        }
    }

    #[test]
    fn no_item_is_named_twice_in_a_module() {
        let items = items();
        let names: BTreeSet<_> = items.iter().map(|item| (item.module, &item.name)).collect();
        assert_eq!(names.len(), items.len());
    }

    #[test]
    fn every_public_inline_is_sampled_or_works_on_memory() {
        let works_on_memory = [
            "IoGetCurrentIrpStackLocation",
            "IoGetNextIrpStackLocation",
            "IoSetNextIrpStackLocation",
            "IoSetCompletionRoutine",
            "IoMarkIrpPending",
            "IoSetCancelRoutine",
            "ExInitializeFastMutex",
            "MmGetMdlByteCount",
            "MmGetMdlVirtualAddress",
            "MmGetSystemAddressForMdlSafe",
            "InterlockedPushEntrySList",
            "InterlockedPopEntrySList",
            "InterlockedFlushSList",
            "QueryDepthSList",
        ];
        // Not of C.
        let own = ["status_name", "status_meaning"];
        for name in INLINES {
            let sampled = MACROS.iter().any(|row| row.1.starts_with(&format!("{name}(")));
            assert!(
                sampled || works_on_memory.contains(name) || own.contains(name),
                "{name} has no sample in MACROS"
            );
        }
    }
}
