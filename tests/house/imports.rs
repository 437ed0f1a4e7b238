//! Which file imports from which: paths are followed through re-exports to the file that defines
//! the name, so that a folder's `mod.rs` counts only where it defines something itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Code without comments and unit tests.
pub fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let body = body.split("#[cfg(test)]\n#[path").next().unwrap();
    let lines = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// A path that some code names: its segments, and the name it is re-exported by, if it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub path: Vec<String>,
    /// `None` for a private import or a path in an expression.
    public_as: Option<String>,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths of one `use` tree, `{…}` lists, `as` and `*` included.
fn spread(tree: &str, before: &[String], public: bool, into: &mut Vec<Named>) {
    let tree = tree.trim();
    if let Some(list) = tree.strip_prefix('{') {
        let list = list.strip_suffix('}').unwrap_or(list);
        let (mut depth, mut from) = (0, 0);
        for (at, c) in list.char_indices().chain([(list.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    spread(&list[from..at], before, public, into);
                    from = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let mut path = before.to_vec();
    if let Some((first, rest)) = tree.split_once("::") {
        path.push(first.trim().to_owned());
        return spread(rest, &path, public, into);
    }
    let (name, shown) = tree.split_once(" as ").unwrap_or((tree, tree));
    let shown = if name == "self" { path.last().cloned() } else { Some(shown.trim().to_owned()) };
    if name != "self" {
        path.push(name.trim().to_owned());
    }
    into.push(Named { path, public_as: shown.filter(|_| public) });
}

/// Every path that a file's code names: those of its `use` declarations, and those in expressions
/// that begin with `crate`, `super`, `self` or one of its own child modules.
pub fn named(text: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let code = code(text);
    let mut rest = String::new();
    let mut lines = code.lines();
    let mut children = vec!["crate".to_owned(), "super".to_owned(), "self".to_owned()];
    while let Some(line) = lines.next() {
        let bare = line.trim_start();
        let inner = bare.strip_prefix("pub").map_or(bare, |after| {
            after.trim_start_matches(|c: char| c == '(' || c == ')' || is_word(c)).trim_start()
        });
        if let Some(child) = inner.strip_prefix("mod ").and_then(|it| it.strip_suffix(';')) {
            children.push(child.to_owned());
        }
        let Some(tree) = inner.strip_prefix("use ") else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().expect("a `use` ends with a semicolon"));
        }
        let tree: Vec<_> = tree.split(';').next().unwrap().split_whitespace().collect();
        spread(
            &tree.join(" ").replace(" }", "}").replace("{ ", "{"),
            &[],
            bare != inner,
            &mut found,
        );
    }
    for child in &children {
        for (at, _) in rest.match_indices(&format!("{child}::")) {
            let before = &rest[..at];
            // A visibility such as `pub(in crate::mail)` imports nothing.
            let is_visibility = before.ends_with("pub(in ");
            if is_visibility || before.ends_with(|c| is_word(c) || c == ':') {
                continue;
            }
            let whole: String =
                rest[at..].chars().take_while(|c| is_word(*c) || *c == ':').collect();
            let path = whole.split("::").filter(|it| !it.is_empty()).map(str::to_owned).collect();
            found.push(Named { path, public_as: None });
        }
    }
    found
}

/// Names that a file defines at its top level.
fn defined(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in code(text).lines().filter(|line| !line.starts_with(' ')) {
        let words: Vec<_> = line.split(|c: char| !is_word(c)).filter(|it| !it.is_empty()).collect();
        let kinds = ["fn", "struct", "enum", "trait", "type", "const", "static", "macro_rules"];
        if let Some(at) = words.iter().position(|word| kinds.contains(word)) {
            // `const fn` and `const NAME`.
            let name = words[at + 1..].iter().find(|word| !kinds.contains(word));
            names.extend(name.map(|it| (*it).to_owned()));
        }
    }
    names
}

struct Module {
    file: String,
    named: Vec<Named>,
    defined: BTreeSet<String>,
}

/// The files of a folder, and what each imports from the others.
pub struct Imports {
    modules: BTreeMap<Vec<String>, Module>,
}

impl Imports {
    /// Of files, each with its path below `src` and its text.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let modules = files.into_iter().map(|(file, text)| {
            let bare = file.trim_end_matches(".rs").trim_end_matches("/mod");
            let path = bare.split('/').filter(|it| *it != "lib").map(str::to_owned).collect();
            (path, Module { named: named(&text), defined: defined(&text), file })
        });
        Self { modules: modules.collect() }
    }

    pub fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        super::layering::walk(root, &mut |path| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            files.push((name, fs::read_to_string(path).unwrap()));
        });
        Self::of(files)
    }

    /// The file that defines what `path` names, seen from the module `at`.
    fn file_of(&self, at: &[String], path: &[String], depth: u8) -> Option<&str> {
        let mut module = at.to_vec();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => {
                    module.pop()?;
                }
                _ => break,
            }
            rest = after;
        }
        while let Some((first, after)) = rest.split_first() {
            let mut deeper = module.clone();
            deeper.push(first.clone());
            if !self.modules.contains_key(&deeper) {
                break;
            }
            (module, rest) = (deeper, after);
        }
        let here = self.modules.get(&module)?;
        let Some((name, _)) = rest.split_first() else { return Some(&here.file) };
        if name == "*" || here.defined.contains(name) {
            return Some(&here.file);
        }
        if depth == 0 {
            return None;
        }
        here.named.iter().find_map(|it| match it.public_as.as_deref() {
            Some("*") => {
                let mut within = it.path.clone();
                within.pop();
                within.push(name.clone());
                self.file_of(&module, &within, depth - 1).filter(|file| *file != here.file)
            }
            Some(shown) if shown == name => self.file_of(&module, &it.path, depth - 1),
            _ => None,
        })
    }

    /// Each file's imports from other files of its own.
    pub fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (at, module) in &self.modules {
            let to = arrows.entry(&module.file).or_default();
            for it in module.named.iter().filter(|it| it.public_as.is_none()) {
                to.extend(self.file_of(at, &it.path, 4).filter(|file| *file != module.file));
            }
        }
        arrows
    }

    /// Groups of files each of which imports, through others, from itself.
    pub fn circles(&self) -> Vec<Vec<&str>> {
        let arrows = self.arrows();
        let reach = |from: &str| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(file) = open.pop() {
                for next in arrows.get(file).into_iter().flatten() {
                    if seen.insert(*next) {
                        open.push(next);
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = arrows.keys().map(|file| (*file, reach(file))).collect();
        let mut circles = BTreeSet::new();
        for (file, seen) in &reached {
            if seen.contains(file) {
                let knot = seen.iter().filter(|it| reached[**it].contains(file));
                circles.insert(knot.copied().collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }
}

#[test]
fn a_circle_is_found_through_a_re_export() {
    let files = |texts: &[(&str, &str)]| {
        Imports::of(texts.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())))
    };
    let tied = files(&[
        ("a/mod.rs", "mod one;\nmod two;\npub use one::One;\npub use two::{Two, three};"),
        ("a/one.rs", "use crate::a::Two;\npub struct One;"),
        ("a/two.rs", "pub struct Two;\npub fn three() -> super::one::One {}"),
    ]);
    assert_eq!(tied.circles(), [["a/one.rs", "a/two.rs"]]);
    let tied = files(&[
        ("a/mod.rs", "mod one;\nuse one::One;\npub(crate) const MOST: u8 = 1;\nfn f(_: One) {}"),
        ("a/one.rs", "use super::MOST;\npub struct One;"),
    ]);
    assert_eq!(tied.circles(), [["a/mod.rs", "a/one.rs"]]);
    let free = files(&[
        ("a/mod.rs", "mod one;\nmod two;\npub use one::One;\npub use two::Two;"),
        ("a/one.rs", "use crate::{a::{Two}, b::Else};\npub struct One;"),
        (
            "a/two.rs",
            "pub struct Two;\npub(in crate::a) fn f() {}\n#[cfg(test)]\nmod tests { use super::one::One; }",
        ),
        ("b.rs", "pub struct Else; // as a::One\n"),
    ]);
    assert!(free.circles().is_empty(), "{:?}", free.circles());
    assert_eq!(free.arrows()["a/one.rs"], BTreeSet::from(["a/two.rs", "b.rs"]));
}
