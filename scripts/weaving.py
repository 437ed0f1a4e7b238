"""Weaves mutants into a copy of the crate, for scripts/woven-mutants.

Each mutant is an edit that cargo-mutants lists. Here it becomes one more branch, behind a number:

    a == b && c      (if no_mutant(&[7, 8]) { a == b && c } else if mutant(7) { a != b && c } else { … })
    fn f() -> T {    fn f() -> T { if mutant(9) { return Default::default(); } …
    A => …           A if !mutant(10) => …

Marks in comments surround each edit (`/*<7*/`) and each expression (`/*[7,8*/`), so that an error of
the compiler names its mutants. An error within an edit is the edit's own: it is *unviable*. Any other
is the weaving's fault, and the mutant has to be run *apart*, as everything has that runs only while
the compiler does. A `const fn` loses its `const` where nothing calls it then.
"""

import collections
import json
import re
import subprocess
from pathlib import Path

import tree_sitter
import tree_sitter_rust

ROOT = Path(__file__).resolve().parent.parent
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

# What the woven code asks. Without SSPR_MUTANT and SSPR_MUTANT_LOG it costs two loads.
ASK = """
#[doc(hidden)]
mod woven {
    use std::{io::Write, sync::{OnceLock, atomic::{AtomicBool, Ordering}}};
    static CHOSEN: OnceLock<u32> = OnceLock::new();
    static LOG: OnceLock<Option<std::fs::File>> = OnceLock::new();
    static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
    fn reach(n: u32) {
        let open = || std::env::var_os("SSPR_MUTANT_LOG")
            .map(|path| std::fs::File::options().append(true).create(true).open(path).unwrap());
        let Some(mut log) = LOG.get_or_init(open).as_ref() else { return };
        if !SEEN[n as usize].swap(true, Ordering::Relaxed) {
            log.write_all(format!("{n}\\n").as_bytes()).unwrap();
        }
    }
    fn chosen() -> u32 {
        *CHOSEN.get_or_init(|| std::env::var("SSPR_MUTANT").map_or(0, |n| n.parse().unwrap()))
    }
    /// Whether this mutant runs.
    pub(crate) fn is(n: u32) -> bool {
        reach(n);
        chosen() == n
    }
    /// Whether none of these runs.
    pub(crate) fn plain(all: &[u32]) -> bool {
        for n in all { reach(*n); }
        !all.contains(&chosen())
    }
}
pub(crate) use woven::{is as mutant, plain as no_mutant};
"""


class Mutant:
    def __init__(self, number, told, repeat):
        self.number, self.file, self.genre = number, told["file"], told["genre"]
        self.replacement, self.span = told["replacement"], told["span"]
        self.function = told["function"] or {}
        # Lines move: a mutant is known by its file, what it changes, and which of these it is.
        name = re.sub(r":\d+:\d+: ", ": ", told["name"], count=1)
        self.name, self.key = name, f"{name} #{repeat}" if repeat else name
        self.line = told["span"]["start"]["line"]
        self.fate = None  # `unviable` or `apart` once it is dropped
        self.whole = False  # whether the match is written twice, for want of an arm without a guard


def listed(paths):
    """The mutants of some folders, as cargo-mutants names them."""
    chosen = [word for path in paths for word in ("-f", f"{path}/**" if (ROOT / path).is_dir() else path)]
    told = json.loads(subprocess.run(["cargo", "mutants", "--list", "--json", *chosen],
                                     cwd=ROOT, check=True, capture_output=True).stdout)
    repeats, found = collections.Counter(), []
    for each in told:
        mutant = Mutant(len(found) + 1, each, 0)
        repeats[mutant.name] += 1
        found.append(Mutant(len(found) + 1, each, repeats[mutant.name] - 1))
    return found


def every(root):
    """The nodes of a tree."""
    pending = [root]
    while pending:
        node = pending.pop()
        pending += node.children
        yield node


def within(node, *types):
    """The innermost node of one of these types around a node."""
    while node is not None and node.type not in types:
        node = node.parent
    return node


def is_constant(node, kept):
    """Whether code runs while it compiles, where no number can be asked for."""
    while node is not None:
        if node.type in ("const_item", "static_item", "array_type", "const_block", "const_parameter"):
            return True
        if node.type == "function_item":
            name = node.child_by_field_name("name").text.decode()
            return constness(node) is not None and name in kept
        node = node.parent
    return False


def constness(function):
    """The word `const` before a function, or `None`."""
    words = next((child for child in function.children if child.type == "function_modifiers"), None)
    return next((child for child in words.children if child.type == "const"), None) if words else None


class Source:
    """One file with its mutants woven in."""

    def __init__(self, path, mutants):
        self.path, self.mutants = path, mutants
        self.text = (ROOT / path).read_bytes()
        self.lines = self.text.split(b"\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.root = PARSER.parse(self.text).root_node
        self.consts = set()  # names of functions that must stay `const`

    def at(self, place):
        line = self.lines[place["line"] - 1].decode()
        return self.starts[place["line"] - 1] + len(line[: place["column"] - 1].encode())

    def woven(self):
        self.iterators = set()  # sites that are bodies of functions that return `impl Iterator`
        self.bare = set()  # sites that stand as statements, where parentheses would begin a call
        self.sites = {}  # (start, end) of an expression to its alternatives
        self.inserts = collections.defaultdict(list)  # place to (number, text)
        for mutant in self.mutants:
            if mutant.fate is None:
                self.place(mutant)
        self.cuts = []  # `const`, where a function may do without
        for node in every(self.root):
            word = node.type == "function_item" and constness(node)
            if word and node.child_by_field_name("name").text.decode() not in self.consts:
                self.inserts[word.end_byte].append((0, ""))
                self.cuts.append((word.start_byte, word.end_byte))
        edges = sorted(self.sites, key=lambda site: (site[0], -site[1]))
        return self.render(0, len(self.text), edges).encode()

    def place(self, mutant):
        start, end = self.at(mutant.span["start"]), self.at(mutant.span["end"])
        node = self.root.named_descendant_for_byte_range(start, end)
        number, replaced = mutant.number, mutant.replacement
        if is_constant(node, self.consts):
            if not self.place_constant(within(node, "const_item"), number, start, end, replaced):
                mutant.fate = "apart"
            return
        if mutant.genre == "FnValue":
            node = within(node, "function_item")
            body = node.child_by_field_name("body")
            returned = node.child_by_field_name("return_type")
            if returned and returned.text.startswith(b"impl Iterator"):
                self.iterators.add((body.start_byte, body.end_byte))
                self.sites.setdefault((body.start_byte, body.end_byte), []).append((number, f"Box::new({replaced})"))
                return
            self.inserts[body.start_byte + 1].append(
                (number, f" if crate::mutant({number}) {{ /*<{number}*/ return {replaced}; /*{number}>*/ }} "))
            return
        if mutant.genre == "MatchArm":
            arm = within(node, "match_arm").child_by_field_name("pattern")
            guard = arm.child_by_field_name("condition")
            if mutant.whole:
                site = within(node, "match_expression")
                text = self.text[site.start_byte : start] + self.text[end : site.end_byte]
            elif guard is None:
                self.inserts[arm.end_byte].append(
                    (number, f" if /*<{number}*/ !crate::mutant({number}) /*{number}>*/ "))
                return
            else:
                site, text = guard, b"false"
        elif mutant.genre == "MatchArmGuard":
            site, text = within(node, "match_pattern").child_by_field_name("condition"), replaced.encode()
        else:
            kinds = {"BinaryOperator": ("binary_expression", "compound_assignment_expr", "let_chain"),
                     "UnaryOperator": ("unary_expression",), "StructField": ("struct_expression",)}
            site = within(node, *kinds[mutant.genre])
            # The words are replaced, and so the whole chain may be read otherwise.
            while site.type == "binary_expression" and site.parent.type == "binary_expression":
                site = site.parent
            if mutant.genre == "BinaryOperator" and replaced == "||" and "let_chain" in (site.type, site.parent.type):
                mutant.fate = "unviable"
                return
            if site.type == "let_chain":
                mutant.fate = "apart"
                return
            space = b"" if mutant.genre == "UnaryOperator" else b" "
            text = self.text[site.start_byte : start] + replaced.encode() + space + self.text[end : site.end_byte]
        if site.type == "match_expression" and site.parent.type in ("expression_statement", "block"):
            self.bare.add((site.start_byte, site.end_byte))
        self.sites.setdefault((site.start_byte, site.end_byte), []).append((number, text.decode()))

    def place_constant(self, item, number, start, end, replaced):
        """Gives a private constant a second one, and lets each use choose."""
        if not item or item.children[0].type != "const" or item.parent.type not in ("source_file", "block"):
            return False
        name, own = item.child_by_field_name("name").text, item.child_by_field_name("name")
        uses = [node for node in every(self.root)
                if node.type == "identifier" and node.text == name and node != own]
        if any(is_constant(use, self.consts) or within(use, "token_tree") or within(use, "scoped_identifier")
               for use in uses):
            return False
        name, first = name.decode(), item.child_by_field_name("type").start_byte
        text = (self.text[first:start] + replaced.encode() + b" " + self.text[end : item.end_byte]).decode()
        self.inserts[item.end_byte].append((number, f" /*<{number}*/ const {name}_{number}: {text} /*{number}>*/"))
        for use in uses:
            self.sites.setdefault((use.start_byte, use.end_byte), []).append((number, f"{name}_{number}"))
        return True

    def render(self, start, end, edges):
        """The text from one place to another, with the sites that lie within woven in."""
        parts, at, index = [], start, 0
        while index < len(edges):
            first, last = edges[index]
            inner = [edge for edge in edges[index + 1 :] if edge[0] < last]
            parts.append(self.plain(at, first))
            parts.append(self.site((first, last), self.render(first, last, inner)))
            at, index = last, index + 1 + len(inner)
        parts.append(self.plain(at, end))
        return "".join(parts)

    def plain(self, start, end):
        """The text between two sites, with what is inserted at single places."""
        parts, at = [], start
        for place in sorted(place for place in self.inserts if start < place <= end):
            upto = next((start for start, end in self.cuts if end == place), place)
            parts.append(self.text[at:upto].decode())
            parts.extend(text for _, text in self.inserts[place])
            at = place
        return "".join(parts) + self.text[at:end].decode()

    def site(self, place, inner):
        alternatives = self.sites[place]
        if place in self.iterators:
            inner = f"Box::new({inner})"
            opens, closes = "{ let woven: Box<dyn Iterator<Item = _> + '_> = ", "; woven }"
        else:
            opens, closes = ("", "") if place in self.bare else ("(", ")")
        tried = "".join(f" else if crate::mutant({number}) {{ /*<{number}*/ {text} /*{number}>*/ }}"
                        for number, text in alternatives[:-1])
        numbers = ",".join(str(number) for number, _ in alternatives)
        number, text = alternatives[-1]
        return (f"/*[{numbers}*/{opens}if crate::no_mutant(&[{numbers}]) {{ {inner} }}{tried}"
                f" else {{ /*<{number}*/ {text} /*{number}>*/ }}{closes}/*{numbers}]*/")
