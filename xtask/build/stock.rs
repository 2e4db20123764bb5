//! Collects the declarations of a module, and writes the tables.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Fields, ForeignItem, Ident, Item, ReturnType, Type, Visibility};

use crate::TABLE_MACROS;
use crate::c_type::{c_result, c_type};

/// A function's parameter types and result, until every function pointer alias is known.
struct Function {
    module: String,
    name: Ident,
    parameters: Vec<Type>,
    result: ReturnType,
}

/// The declarations met so far.
#[derive(Default)]
pub(crate) struct Stock {
    constants: Vec<TokenStream>,
    statics: Vec<TokenStream>,
    types: Vec<TokenStream>,
    structures: Vec<TokenStream>,
    exports: Vec<Function>,
    pointers: Vec<Function>,
    inlines: Vec<String>,
}

fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

impl Stock {
    /// Adds the declarations of one module, which Rust has in `home`.
    pub(crate) fn take(&mut self, module: &str, home: &syn::Path, file: &syn::File) -> Result<()> {
        for item in &file.items {
            match item {
                Item::Const(item) if public(&item.vis) => {
                    let name = &item.ident;
                    let text = name.to_string();
                    self.constants
                        .push(quote!(Constant { module: #module, name: #text, value: #home::#name as i128 }));
                }
                Item::Static(item) if public(&item.vis) => {
                    let (ty, text) = (&item.ty, item.ident.to_string());
                    self.statics.push(quote!(Alias { module: #module, name: #text, size: size_of::<#ty>() }));
                }
                Item::Type(item) if public(&item.vis) => self.take_alias(module, item),
                Item::Struct(item) if public(&item.vis) => {
                    self.take_fields(module, &item.ident, &item.fields);
                }
                Item::Union(item) if public(&item.vis) => {
                    self.take_fields(module, &item.ident, &Fields::Named(item.fields.clone()));
                }
                Item::ForeignMod(block) => {
                    for item in &block.items {
                        let ForeignItem::Fn(function) = item else {
                            bail!("an extern item that is no function: `{}`", item.to_token_stream());
                        };
                        self.exports.push(Function {
                            module: module.into(),
                            name: function.sig.ident.clone(),
                            parameters: parameters(&function.sig)?,
                            result: function.sig.output.clone(),
                        });
                    }
                }
                Item::Fn(function) if public(&function.vis) => {
                    self.inlines.push(function.sig.ident.to_string());
                }
                Item::Macro(item) if item.ident.is_none() => {
                    let name = item.mac.path.to_token_stream().to_string();
                    if !TABLE_MACROS.contains(&name.as_str()) {
                        bail!("`{name}!` may declare something that the tables would miss");
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_alias(&mut self, module: &str, item: &syn::ItemType) {
        let (name, text) = (&item.ident, item.ident.to_string());
        if let Type::BareFn(pointer) = &*item.ty {
            self.pointers.push(Function {
                module: module.into(),
                name: name.clone(),
                parameters: pointer.inputs.iter().map(|input| input.ty.clone()).collect(),
                result: pointer.output.clone(),
            });
        } else {
            self.types
                .push(quote!(Alias { module: #module, name: #text, size: size_of::<wsk_sys::#name>() }));
        }
    }

    /// A structure without public fields is opaque, and not in the tables.
    fn take_fields(&mut self, module: &str, name: &Ident, fields: &Fields) {
        let rows: Vec<_> = fields
            .iter()
            .filter(|field| public(&field.vis))
            .filter_map(|field| {
                let (ident, ty) = (field.ident.as_ref()?, &field.ty);
                let text = ident.to_string();
                Some(quote!(Field {
                    name: #text, offset: core::mem::offset_of!(wsk_sys::#name, #ident), size: size_of::<#ty>()
                }))
            })
            .collect();
        if !rows.is_empty() {
            let text = name.to_string();
            self.structures.push(quote!(Structure {
                module: #module, name: #text, size: size_of::<wsk_sys::#name>(),
                alignment: align_of::<wsk_sys::#name>(), fields: &[#(#rows),*],
            }));
        }
    }

    /// The tables, as constants over the types of `headers::stock`.
    pub(crate) fn tables(&self) -> Result<TokenStream> {
        let functions: BTreeSet<String> =
            self.pointers.iter().map(|pointer| pointer.name.to_string()).collect();
        let Stock { constants, statics, types, structures, inlines, .. } = self;
        let exports = prototypes(&self.exports, &functions)?;
        let pointers = prototypes(&self.pointers, &functions)?;
        Ok(quote! {
            pub(super) const CONSTANTS: &[Constant] = &[#(#constants),*];
            pub(super) const STATICS: &[Alias] = &[#(#statics),*];
            pub(super) const ALIASES: &[Alias] = &[#(#types),*];
            pub(super) const STRUCTURES: &[Structure] = &[#(#structures),*];
            pub(super) const EXPORTS: &[Prototype] = &[#(#exports),*];
            pub(super) const POINTERS: &[Prototype] = &[#(#pointers),*];
            #[cfg(test)]
            pub(super) const INLINES: &[&str] = &[#(#inlines),*];
        })
    }
}

fn parameters(signature: &syn::Signature) -> Result<Vec<Type>> {
    signature
        .inputs
        .iter()
        .map(|input| match input {
            syn::FnArg::Typed(typed) => Ok((*typed.ty).clone()),
            syn::FnArg::Receiver(_) => bail!("a method"),
        })
        .collect()
}

fn prototypes(functions: &[Function], names: &BTreeSet<String>) -> Result<Vec<TokenStream>> {
    functions
        .iter()
        .map(|function| {
            let (module, name) = (&function.module, function.name.to_string());
            let parameters: Vec<_> = function
                .parameters
                .iter()
                .map(|ty| c_type(ty, names))
                .collect::<Result<_>>()
                .with_context(|| format!("the parameters of {name}"))?;
            let result = c_result(&function.result, names)?;
            Ok(quote!(Prototype { module: #module, name: #name, parameters: &[#(#parameters),*], result: #result }))
        })
        .collect()
}
