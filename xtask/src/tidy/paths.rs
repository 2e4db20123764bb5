//! The modules of a crate: what each declares and imports, and the paths that stand in it.
//!
//! Read from tokens, so that what stands in macros is seen too. A path is followed through imports and re-exports, globs
//! among them, to where its item is declared. What a macro declares is not known.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The segments of a path. A resolved one begins with the name of a crate.
pub(super) type Path = Vec<String>;

/// The words that an item's name follows.
const ITEMS: [&str; 9] = ["const", "enum", "fn", "mod", "static", "struct", "trait", "type", "union"];
/// What may stand between: `const fn`, `static mut`.
const QUALIFIERS: [&str; 4] = ["async", "extern", "mut", "unsafe"];
/// How many imports a path is followed through, as they may lead in a circle.
const DEPTH: usize = 16;

/// A crate's modules, by their paths.
#[derive(Default)]
pub(super) struct Crate {
    modules: BTreeMap<Path, Module>,
}

#[derive(Default)]
struct Module {
    items: BTreeSet<String>,
    imports: Vec<Import>,
    mentions: Vec<Mention>,
}

/// One name of a `use`, or all of a module's.
struct Import {
    name: Option<String>,
    path: Path,
}

/// A path, where it stands.
pub(super) struct Mention {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) path: Path,
}

impl Crate {
    /// Reads the file of a module.
    pub(super) fn add(&mut self, module: &Path, file: &str, text: &str) -> Result<()> {
        let tokens: TokenStream = text.parse().map_err(|error| anyhow!("{file}: {error}"))?;
        Reader { krate: self, file }.read(tokens, module, true);
        Ok(())
    }

    /// Whether there is such a module, or such an item in one.
    pub(super) fn has(&self, path: &Path) -> bool {
        let declares = |(item, module): (&String, &[String])| {
            self.modules.get(module).is_some_and(|module| module.items.contains(item))
        };
        self.modules.contains_key(path) || path.split_last().is_some_and(declares)
    }

    /// The paths in a module and what lies below it, each with what it means. Tests may know everything.
    pub(super) fn mentions(&self, below: &Path) -> impl Iterator<Item = (&Mention, Path)> {
        let modules = self.modules.iter().filter(move |(module, _)| {
            module.starts_with(below) && !module.iter().any(|name| name == "tests")
        });
        modules.flat_map(move |(module, content)| {
            content.mentions.iter().map(move |mention| (mention, self.resolve(module, &mention.path, DEPTH)))
        })
    }

    /// What a path means that stands in `module`.
    fn resolve(&self, module: &Path, path: &[String], depth: usize) -> Path {
        let (mut from, rest) = start(module, path);
        let Some(first) = rest.first() else { return from };
        // A name that neither stands behind such a word nor is known here is a crate's.
        if rest.len() == path.len() && self.find(&from, first, depth).is_none() {
            return path.to_vec();
        }
        for segment in rest {
            from = self.find(&from, segment, depth).unwrap_or_else(|| child(&from, segment));
        }
        from
    }

    /// Where a name of a module is declared: there, where it is imported from, or in a module of which all is imported.
    fn find(&self, module: &Path, name: &str, depth: usize) -> Option<Path> {
        let depth = depth.checked_sub(1)?;
        let mut searched = vec![module.clone()];
        let mut at = 0;
        while let Some(here) = searched.get(at).cloned() {
            at += 1;
            let Some(content) = self.modules.get(&here) else { continue };
            if content.items.contains(name) {
                return Some(child(&here, name));
            }
            for import in &content.imports {
                match &import.name {
                    // `use nt::x as nt` begins with the crate.
                    Some(named) if named == name && import.path[0] == name => {
                        return Some(import.path.clone());
                    }
                    Some(named) if named == name => return Some(self.resolve(&here, &import.path, depth)),
                    Some(_) => {}
                    None => {
                        let all = content.all_of(&here, &import.path);
                        if !searched.contains(&all) {
                            searched.push(all);
                        }
                    }
                }
            }
        }
        None
    }
}

impl Module {
    /// The module of which all is imported, as far as it is told without other imports.
    fn all_of(&self, own: &Path, path: &[String]) -> Path {
        let (from, rest) = start(own, path);
        let external =
            rest.len() == path.len() && rest.first().is_some_and(|first| !self.items.contains(first));
        if external { path.to_vec() } else { from.iter().chain(rest).cloned().collect() }
    }
}

/// The module from which a path goes on after its first words `crate`, `self` and `super`, and the rest of the path.
fn start<'p>(module: &Path, path: &'p [String]) -> (Path, &'p [String]) {
    let mut from = module.clone();
    let mut rest = path;
    while let Some((first, further)) = rest.split_first() {
        match first.as_str() {
            "crate" => from.truncate(1),
            "self" => {}
            "super" => drop(from.pop()),
            _ => break,
        }
        rest = further;
    }
    (from, rest)
}

fn child(module: &Path, name: &str) -> Path {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

struct Reader<'c> {
    krate: &'c mut Crate,
    file: &'c str,
}

impl Reader<'_> {
    /// Reads a module's tokens, or those of a body in it.
    fn read(&mut self, tokens: TokenStream, module: &Path, top: bool) {
        self.krate.modules.entry(module.clone()).or_default();
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let TokenTree::Ident(ident) = token else {
                if let TokenTree::Group(group) = token {
                    self.read(group.stream(), module, false);
                }
                at += 1;
                continue;
            };
            let word = ident.to_string();
            let external =
                word == "extern" && tokens.get(at + 1).is_some_and(|next| next.to_string() == "crate");
            if word == "use" || external {
                at += 1 + usize::from(external);
                let tree = tokens[at..].split(|token| is(token, ';')).next().unwrap_or_default();
                self.imports(tree, &Path::new(), module);
                at += tree.len();
            } else if top && ITEMS.contains(&word.as_str()) {
                at += 1;
                let Some(name) = name(&tokens[at..]) else { continue };
                if word == "mod"
                    && let Some(TokenTree::Group(body)) = tokens.get(at + 1)
                {
                    let inner = child(module, &name);
                    self.read(body.stream(), &inner, true);
                    at += 2;
                }
                self.module(module).items.insert(name);
            } else {
                let path = path(&tokens[at..]);
                at += 3 * path.len() - 2;
                // A word alone is either bound by an import, which was looked at, or at home here.
                if path.len() > 1 {
                    self.mention(module, ident.span().start().line, path);
                }
            }
        }
    }

    /// Reads the trees of a `use`, which lie below `prefix`.
    fn imports(&mut self, trees: &[TokenTree], prefix: &Path, module: &Path) {
        for tree in trees.split(|token| is(token, ',')) {
            let (mut path, mut renamed, mut glob) = (prefix.clone(), None, false);
            let mut tokens = tree.iter().peekable();
            let Some(line) = tokens.peek().map(|token| token.span().start().line) else { continue };
            let mut grouped = false;
            while let Some(token) = tokens.next() {
                match token {
                    TokenTree::Ident(word) if word == "as" => {
                        renamed = tokens.next().map(ToString::to_string);
                    }
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.imports(&inner, &path, module);
                        grouped = true;
                    }
                    token => glob |= is(token, '*'),
                }
            }
            if grouped {
                continue;
            }
            // `use a::{self}`
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = if glob { None } else { renamed.or_else(|| path.last().cloned()) };
            self.module(module).imports.push(Import { name, path: path.clone() });
            self.mention(module, line, path);
        }
    }

    fn mention(&mut self, module: &Path, line: usize, path: Path) {
        let file = self.file.to_owned();
        self.module(module).mentions.push(Mention { file, line, path });
    }

    fn module(&mut self, module: &Path) -> &mut Module {
        self.krate.modules.entry(module.clone()).or_default()
    }
}

fn is(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// The name that follows an item's word; none after a word that was none, as in `*const T`.
fn name(tokens: &[TokenTree]) -> Option<String> {
    let TokenTree::Ident(ident) = tokens.first()? else { return None };
    let word = ident.to_string();
    (!ITEMS.contains(&word.as_str()) && !QUALIFIERS.contains(&word.as_str())).then_some(word)
}

/// The longest path at the beginning, which is a word.
fn path(tokens: &[TokenTree]) -> Path {
    let segments = tokens.chunks(3).map_while(|chunk| match chunk {
        [TokenTree::Ident(ident), ..] => {
            let further = matches!(chunk, [_, first, second] if is(first, ':') && is(second, ':'));
            Some((ident.to_string(), further))
        }
        _ => None,
    });
    let mut path = Path::new();
    for (segment, further) in segments {
        path.push(segment);
        if !further {
            break;
        }
    }
    path
}
