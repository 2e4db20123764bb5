//! The object namespace: names of devices, and symbolic links to them.
//!
//! Names are compared without regard to case, as the I/O manager asks of the object manager.

use std::collections::HashMap;

use wsk_sys::{
    NTSTATUS, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND,
};

use crate::machine::maker::Maker;
use crate::machine::owner::Owner;

/// How many links one lookup follows, so that a circle ends.
const LINKS: usize = 32;

/// What a name stands for.
enum Object {
    /// The device object at this address.
    Device(usize),
    Link {
        /// As it was created, for reports.
        name: String,
        target: String,
        maker: Maker,
    },
}

/// A machine's names.
#[derive(Default)]
pub(crate) struct Namespace {
    objects: HashMap<String, Object>,
}

/// Checks a full name, and writes the directory of user-visible names in one way only.
fn canonical(name: &str) -> Result<String, NTSTATUS> {
    let plain = name.strip_prefix('\\').ok_or(STATUS_OBJECT_NAME_INVALID)?;
    if plain.is_empty() || plain.split('\\').any(str::is_empty) {
        return Err(STATUS_OBJECT_NAME_INVALID);
    }
    let Some((directory, rest)) = plain.split_once('\\') else {
        return Ok(name.to_owned());
    };
    let visible = ["DosDevices", "GLOBAL??", "??"].iter().any(|alias| directory.eq_ignore_ascii_case(alias));
    if !visible {
        return Ok(name.to_owned());
    }
    // `Global` in that directory is a link to the directory of all sessions, of which there is one here.
    let rest = match rest.split_once('\\') {
        Some((global, rest)) if global.eq_ignore_ascii_case("Global") => rest,
        _ => rest,
    };
    Ok(format!("\\??\\{rest}"))
}

fn fold(name: &str) -> String {
    name.to_uppercase()
}

/// The name in the namespace that a path given to `CreateFile` means: `\\.\X` or `\\?\X`.
pub(crate) fn from_user_path(path: &str) -> Result<String, NTSTATUS> {
    let rest = path.strip_prefix(r"\\.\").or_else(|| path.strip_prefix(r"\\?\"));
    // n/d here: a path without that prefix is a file of some file system, of which there is none.
    rest.map(|rest| format!("\\??\\{rest}")).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
}

impl Namespace {
    pub(crate) fn add_device(&mut self, name: &str, device: usize) -> Result<(), NTSTATUS> {
        self.add(name, Object::Device(device))
    }

    pub(crate) fn add_link(&mut self, name: &str, target: &str, maker: Maker) -> Result<(), NTSTATUS> {
        canonical(target)?;
        self.add(name, Object::Link { name: name.to_owned(), target: target.to_owned(), maker })
    }

    fn add(&mut self, name: &str, object: Object) -> Result<(), NTSTATUS> {
        let key = fold(&canonical(name)?);
        if self.objects.contains_key(&key) {
            return Err(STATUS_OBJECT_NAME_COLLISION);
        }
        self.objects.insert(key, object);
        Ok(())
    }

    pub(crate) fn remove_device(&mut self, device: usize) {
        self.objects.retain(|_, object| !matches!(object, Object::Device(address) if *address == device));
    }

    pub(crate) fn remove_link(&mut self, name: &str) -> Result<(), NTSTATUS> {
        let key = fold(&canonical(name)?);
        if !matches!(self.objects.get(&key), Some(Object::Link { .. })) {
            return Err(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        self.objects.remove(&key);
        Ok(())
    }

    /// The device that a name leads to, and what follows the device's own name.
    pub(crate) fn resolve(&self, name: &str) -> Result<(usize, String), NTSTATUS> {
        let mut name = canonical(name)?;
        for _ in 0..LINKS {
            let ends = name.char_indices().skip(1).filter(|(_, letter)| *letter == '\\').map(|(at, _)| at);
            let found = ends
                .chain([name.len()])
                .find_map(|end| self.objects.get(&fold(&name[..end])).map(|object| (object, end)));
            match found {
                None => return Err(STATUS_OBJECT_NAME_NOT_FOUND),
                Some((Object::Device(device), end)) => return Ok((*device, name[end..].to_owned())),
                Some((Object::Link { target, .. }, end)) => {
                    name = canonical(&format!("{target}{}", &name[end..]))?;
                }
            }
        }
        Err(STATUS_OBJECT_NAME_INVALID)
    }

    /// The links of which `of` says that their owner should have deleted them, and where they were made.
    pub(crate) fn links(&self, of: impl Fn(Owner) -> bool) -> Vec<String> {
        let mut names: Vec<String> = self
            .objects
            .values()
            .filter_map(|object| match object {
                Object::Link { name, maker, .. } if of(maker.owner) => {
                    Some(format!("{name}{}", maker.place("made")))
                }
                _ => None,
            })
            .collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Namespace {
        let mut names = Namespace::default();
        names.add_device(r"\Device\One", 1).expect("the name is free");
        names
            .add_link(r"\DosDevices\Link", r"\Device\One", Maker::current("IoCreateSymbolicLink"))
            .expect("the name is free");
        names
    }

    #[test]
    fn a_link_is_found_under_every_alias_and_case() {
        let names = names();
        for name in
            [r"\??\Link", r"\DosDevices\LINK", r"\GLOBAL??\link", r"\dosdevices\Global\Link", r"\device\ONE"]
        {
            assert_eq!(names.resolve(name), Ok((1, String::new())), "{name}");
        }
        assert_eq!(from_user_path(r"\\.\Link").as_deref(), Ok(r"\??\Link"));
    }

    #[test]
    fn what_follows_the_device_is_kept_as_written() {
        assert_eq!(names().resolve(r"\??\link\Sub\File"), Ok((1, r"\Sub\File".to_owned())));
        assert_eq!(names().resolve(r"\Device\Oneself"), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    }

    #[test]
    fn names_collide_and_go() {
        let mut names = names();
        assert_eq!(names.add_device(r"\DEVICE\one", 2), Err(STATUS_OBJECT_NAME_COLLISION));
        assert_eq!(
            names.add_link(r"\??\LINK", r"\Device\One", Maker::current("IoCreateSymbolicLink")),
            Err(STATUS_OBJECT_NAME_COLLISION)
        );
        assert_eq!(names.remove_link(r"\Device\One"), Err(STATUS_OBJECT_NAME_NOT_FOUND));
        let links = names.links(|_| true);
        assert!(links.len() == 1 && links[0].starts_with(r"\DosDevices\Link"), "{links:?}");
        assert_eq!(names.remove_link(r"\GLOBAL??\link"), Ok(()));
        names.remove_device(1);
        assert_eq!(names.resolve(r"\Device\One"), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    }

    #[test]
    fn malformed_names_and_circles_are_refused() {
        let mut names = names();
        for name in ["", "x", r"\", r"\\", r"\a\", r"\a\\b"] {
            assert_eq!(names.add_device(name, 2), Err(STATUS_OBJECT_NAME_INVALID), "{name}");
        }
        names.add_link(r"\??\a", r"\??\b", Maker::current("IoCreateSymbolicLink")).expect("the name is free");
        names.add_link(r"\??\b", r"\??\a", Maker::current("IoCreateSymbolicLink")).expect("the name is free");
        assert_eq!(names.resolve(r"\??\a"), Err(STATUS_OBJECT_NAME_INVALID));
    }
}
