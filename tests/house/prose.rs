//! What a machine can see of prose: how a summary begins, and how long a sentence is. It is an aid.
//! The judge is a reader.

use std::{fs, path::Path};

/// A summary that begins so has no verb and no subject.
const OPENINGS: [&str; 7] = ["What ", "Of ", "So many ", "The same ", "None ", "Whose ", "Who "];
const MOST_WORDS: usize = 30;

/// Doc comments, each as its text without code.
fn docs(source: &str) -> Vec<String> {
    let (mut all, mut open, mut in_code) = (Vec::new(), String::new(), false);
    for line in source.lines().chain([""]) {
        let text = line.trim_start();
        let Some(text) = text.strip_prefix("///").or_else(|| text.strip_prefix("//!")) else {
            if !open.is_empty() {
                all.push(std::mem::take(&mut open));
            }
            in_code = false;
            continue;
        };
        if text.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            open.push_str(if text.is_empty() { "\n" } else { text });
        }
    }
    all
}

fn begins_badly(doc: &str) -> bool {
    OPENINGS.iter().any(|opening| doc.trim_start().starts_with(opening))
}

fn long_sentences(doc: &str) -> usize {
    let ends = |part: &&str| part.split_whitespace().count() > MOST_WORDS;
    let parts = doc.split('\n').flat_map(|part| part.split(". "));
    // Tables and lists are no sentences.
    parts.filter(|part| !part.contains('|') && !part.contains(" - ")).filter(ends).count()
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn summaries_begin_with_a_verb_or_a_noun_and_sentences_are_short() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let (mut openings, mut long) = (Vec::new(), Vec::new());
    for (path, text) in &found {
        for doc in docs(text) {
            let told = || format!("{path}: {}", doc.trim().chars().take(60).collect::<String>());
            openings.extend(begins_badly(&doc).then(told));
            long.extend((long_sentences(&doc) > 0).then(told));
        }
    }
    assert!(openings.is_empty(), "{openings:#?}");
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn planted_faults_of_prose_are_found() {
    let long = "word ".repeat(MOST_WORDS + 1);
    let [bad, good] = ["/// What it does.\nfn f() {}", "/// Returns it.\nfn f() {}"].map(docs);
    assert!(begins_badly(&bad[0]) && !begins_badly(&good[0]));
    assert_eq!(long_sentences(&docs(&format!("/// Short. {long}\n"))[0]), 1);
    assert_eq!(docs("/// ```\n/// What\n/// ```\n/// Text.\n"), [" Text."]);
}
