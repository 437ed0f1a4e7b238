"""Plants many defects in one build: each stands beside the right code, behind a number.

A function that has defects is written out once for each of them and once as it is:

    fn verify(...) -> Verdict { match crate::planted() { 17 => {...} 23 => {...} _ => {...} } }

`planted` reads the number from SSPR_DEFECT, so that one build can be run with each defect in turn.
What does not change the body of a function (constants, SQL, templates) must be built by itself.
"""

import json

import tree_sitter_rust
from tree_sitter import Language, Parser

PARSER = Parser(Language(tree_sitter_rust.language()))
# At the end of the library's root. Zero stands for no defect.
PLANTED = """
#[doc(hidden)]
#[allow(missing_docs)]
pub fn planted() -> u32 {
    static NUMBER: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *NUMBER.get_or_init(|| {
        std::env::var("SSPR_DEFECT").ok().and_then(|it| it.parse().ok()).unwrap_or(0)
    })
}
"""


def functions(node):
    """Bodies of the outermost functions that can ask for the number; what is `const` cannot."""
    for child in node.children:
        if child.type == "function_item":
            modifiers = [it for it in child.children if it.type == "function_modifiers"]
            if not any(b"const" in it.text for it in modifiers):
                yield child.child_by_field_name("body")
        else:
            yield from functions(child)


def change(old, new):
    """The bytes that differ, as a range of `old`."""
    least = min(len(old), len(new))
    start = next((i for i in range(least) if old[i] != new[i]), least)
    end = next((i for i in range(least - start) if old[-1 - i] != new[-1 - i]), least - start)
    return start, len(old) - end


class Woven:
    """The defects that share a build, by number, and the text of each file that has some."""

    def __init__(self, root, defects):
        self.root, self.numbers, self.alone = root, {}, []
        self.texts, self.bodies = {}, {}
        for number, defect in enumerate(defects, 1):
            arms = self.arms(defect)
            if arms is None:
                self.alone.append(defect)
            else:
                self.numbers[number] = (defect, arms)

    def text(self, name):
        if name not in self.texts:
            self.texts[name] = (self.root / name).read_bytes()
            tree = PARSER.parse(self.texts[name])
            self.bodies[name] = [(it.start_byte, it.end_byte) for it in functions(tree.root_node)]
        return self.texts[name]

    def arms(self, defect):
        """The bodies that the defect changes, whole and by place; None if it changes anything else."""
        found = {}
        for name, old, new in defect.hunks:
            if not (name.startswith("src/") and name.endswith(".rs")):
                return None
            text, old, new = self.text(name), "\n".join(old).encode(), "\n".join(new).encode()
            at = text.find(old)
            start, end = change(old, new)
            body = next((it for it in self.bodies[name]
                         if it[0] < at + start and at + end < it[1]), None)
            if text.count(old) != 1 or body is None:
                return None
            edits = found.setdefault((name, body), [])
            edits.append((at + start, at + end, new[start:len(new) - (len(old) - end)]))
        return {place: self.edited(*place, edits) for place, edits in found.items()}

    def edited(self, name, body, edits):
        text, position = b"", body[0]
        for start, end, new in sorted(edits):
            text += self.texts[name][position:start] + new
            position = end
        return text + self.texts[name][position:body[1]]

    def write(self, tree):
        """Writes the files, and notes which lines of them belong to which defect."""
        self.lines = {}
        by_file = {}
        for number, (_, arms) in self.numbers.items():
            for (name, body), arm in arms.items():
                by_file.setdefault(name, {}).setdefault(body, []).append((number, arm))
        for name, bodies in by_file.items():
            text, position = b"", 0
            for body, arms in sorted(bodies.items()):
                text += self.texts[name][position:body[0]]
                first = text.count(b"\n") + 1
                text += b"{ match crate::planted() {"
                for number, arm in arms:
                    text += b"\n%d => " % number
                    line = text.count(b"\n") + 1
                    text += arm
                    self.lines.setdefault(name, []).append(
                        (line, text.count(b"\n") + 1, {number}))
                text += b"\n_ => " + self.texts[name][body[0]:body[1]] + b"} }"
                # An error that stands in no arm belongs to all of them.
                self.lines[name].append(
                    (first, text.count(b"\n") + 1, {number for number, _ in arms}))
                position = body[1]
            (tree / name).write_bytes(text + self.texts[name][position:])
        for name in self.texts.keys() - by_file.keys():
            (tree / name).write_bytes(self.texts[name])
        root = tree / "src/lib.rs"
        root.write_bytes(b"#![allow(warnings)]" + root.read_bytes() + PLANTED.encode())

    def drop(self, messages):
        """Takes out the defects in which these messages of a compiler stand; how many there were."""
        blamed = set()
        for line in messages.splitlines():
            message = json.loads(line).get("message") if line.startswith("{") else None
            if not message or message.get("level") != "error":
                continue
            for span in message["spans"]:
                arms = [it for it in self.lines.get(span["file_name"], [])
                        if it[0] <= span["line_start"] <= it[1]]
                blamed |= min(arms, key=lambda it: it[1] - it[0], default=(0, 0, set()))[2]
        for number in blamed & self.numbers.keys():
            self.alone.append(self.numbers.pop(number)[0])
        return len(blamed)
