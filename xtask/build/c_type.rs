//! Writes a Rust type of `nt-sys` and `wsk-sys` as the C type that it stands for.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, ReturnType, Type};

/// The C spelling of `ty`. `functions` names the aliases of function pointers.
///
/// `const` is left out: it is no part of a calling convention, and the check removes it from the headers too.
pub(crate) fn c_type(ty: &Type, functions: &BTreeSet<String>) -> Result<String> {
    Ok(match ty {
        Type::Never(_) => "void".into(),
        Type::Tuple(tuple) if tuple.elems.is_empty() => "void".into(),
        Type::Ptr(pointer) => format!("{} *", c_type(&pointer.elem, functions)?),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { bail!("an empty path") };
            let name = last.ident.to_string();
            match name.as_str() {
                "Option" => match &last.arguments {
                    PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                        Some(GenericArgument::Type(inner)) => c_type(inner, functions)?,
                        _ => bail!("Option without a type"),
                    },
                    _ => bail!("Option without a type"),
                },
                "i8" => "CHAR".into(),
                "u8" => "UCHAR".into(),
                "i16" => "SHORT".into(),
                "u16" => "USHORT".into(),
                "i32" => "LONG".into(),
                "u32" => "ULONG".into(),
                "i64" => "LONGLONG".into(),
                "u64" => "ULONGLONG".into(),
                "usize" => "ULONG_PTR".into(),
                "c_void" => "void".into(),
                "c_char" => "char".into(),
                // A function type's C name means the function; that of some means a pointer to one.
                _ if functions.contains(&name) && !is_pointer(&name) => format!("{name} *"),
                _ => name,
            }
        }
        other => bail!("no C spelling for the type `{}`", other.to_token_stream()),
    })
}

/// The C spelling of what a function returns.
pub(crate) fn c_result(result: &ReturnType, functions: &BTreeSet<String>) -> Result<String> {
    match result {
        ReturnType::Default => Ok("void".into()),
        ReturnType::Type(_, ty) => c_type(ty, functions),
    }
}

/// Whether the C name of a function type means a pointer to it: WSK's, and those of lookaside lists and cancel-safe queues.
fn is_pointer(name: &str) -> bool {
    ["PFN_", "PALLOCATE_FUNCTION", "PFREE_FUNCTION", "PIO_CSQ_"].iter().any(|start| name.starts_with(start))
}
