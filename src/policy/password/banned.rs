//! Entra's banned-password algorithm.
//!
//! Source: Microsoft's "Eliminate bad passwords using Microsoft Entra Password Protection". Where
//! the source leaves room, this module decides as follows:
//!
//! * The cover with the lowest score counts.
//! * An edit distance of 1 is taken between the whole normalised password and a term.
//! * Scoring uses exact terms.

/// The terms that are banned for every tenant. Entra does not publish its own global list.
const GLOBAL: [&str; 16] = [
    "password", "qwerty", "letmein", "welcome", "admin", "abcd", "1234", "iloveyou", "monkey",
    "dragon", "sunshine", "princess", "football", "baseball", "master", "summer",
];
/// The fewest points of an acceptable password.
const ENOUGH: usize = 5;

/// Returns whether a password is banned, and whether it contains a word of its context.
pub(super) fn judge(text: &str, terms: &[String], words: &[String]) -> (bool, bool) {
    let normal = normalised(text);
    let words: Vec<String> = words.iter().map(|word| normalised(word)).collect();
    let personal = words.iter().any(|word| normal.contains(word.as_str()));
    let global = GLOBAL.iter().map(|term| normalised(term));
    let banned: Vec<String> = terms.iter().map(|term| normalised(term)).chain(global).collect();
    let fuzzy = banned.iter().any(|term| is_near(&normal, term));
    (fuzzy || score(&normal, &banned) < ENOUGH, personal)
}

/// Returns the text in lower case, with the substitutions that the documentation names.
fn normalised(text: &str) -> String {
    let substitute = |c| match c {
        '0' => 'o',
        '1' => 'l',
        '$' => 's',
        '@' => 'a',
        other => other,
    };
    text.to_lowercase().chars().map(substitute).collect()
}

/// Returns the lowest possible score: one point for each banned term, and one for each other
/// character.
fn score(text: &str, banned: &[String]) -> usize {
    let symbols: Vec<(usize, char)> = text.char_indices().collect();
    // The lowest score of the text from each character to the end, computed from the end on.
    let mut lowest = vec![0; symbols.len() + 1];
    for (index, (start, _)) in symbols.iter().enumerate().rev() {
        let rest = text.get(*start..).unwrap_or_default();
        let after = |length: usize| lowest.get(index + length).copied().unwrap_or(0) + 1;
        let terms = banned.iter().filter(|term| rest.starts_with(term.as_str()));
        let best = terms.map(|term| after(term.chars().count())).chain([after(1)]).min();
        if let Some(slot) = lowest.get_mut(index) {
            *slot = best.unwrap_or(0);
        }
    }
    lowest.first().copied().unwrap_or(0)
}

/// Returns whether one edit (a changed, added or removed character) turns one text into the other.
fn is_near(text: &str, term: &str) -> bool {
    let (text, term): (Vec<char>, Vec<char>) = (text.chars().collect(), term.chars().collect());
    if text.len().abs_diff(term.len()) > 1 {
        return false;
    }
    let same = text.iter().zip(&term).take_while(|(a, b)| a == b).count();
    let tail = |chars: &[char], skip: usize| chars.get(same + skip..).map(<[char]>::to_vec);
    match text.len().cmp(&term.len()) {
        core::cmp::Ordering::Equal => text == term || tail(&text, 1) == tail(&term, 1),
        core::cmp::Ordering::Less => tail(&text, 0) == tail(&term, 1),
        core::cmp::Ordering::Greater => tail(&text, 1) == tail(&term, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(list: &[&str]) -> Vec<String> {
        list.iter().map(|term| (*term).to_owned()).collect()
    }

    fn is_banned(text: &str, list: &[&str]) -> bool {
        judge(text, &terms(list), &[]).0
    }

    #[test]
    fn the_published_score_vectors() {
        assert!(is_banned("C0ntos0Blank12", &["contoso", "blank"]));
        assert!(!is_banned("ContoS0Bl@nkf9!", &["contoso", "blank"]));
        assert_eq!(score("contosoblankf9!", &terms(&["contoso", "blank"])), 5);
    }

    #[test]
    fn the_published_fuzzy_vectors() {
        for text in ["abcdeg", "abcdefg", "abcde", "abcdef"] {
            assert!(is_near(text, "abcdef"), "{text}");
        }
        assert!(!is_near("abcdegh", "abcdef") && !is_near("abcd", "abcdef"));
    }

    #[test]
    fn the_published_name_vector() {
        assert!(judge("p0LL23fb", &[], &terms(&["poll"])).1);
        assert!(!judge("quokka23fb", &[], &terms(&["poll"])).1);
    }

    #[test]
    fn the_lowest_cover_counts() {
        assert_eq!(score("passwordsx", &terms(&["pass", "words", "password"])), 3);
    }

    #[test]
    fn each_substitution_that_is_documented_is_undone() {
        assert_eq!(normalised("P@$$w0RD1"), "passwordl");
    }

    #[test]
    fn five_points_are_enough() {
        assert_eq!(score("", &[]), 0);
        assert_eq!(score("abc", &[]), 3);
        assert!(!is_banned("blankwxyz", &["blank"]) && is_banned("blankwxy", &["blank"]));
        assert_eq!(
            (score("blankwxyz", &terms(&["blank"])), score("blankwxy", &terms(&["blank"]))),
            (5, 4)
        );
        // A term with more bytes than characters is one point, and its length counts in characters.
        assert_eq!(score("\u{e9}t\u{e9}abc", &terms(&["\u{e9}t\u{e9}"])), 4);
    }

    #[test]
    fn one_edit_anywhere_is_near_and_two_are_not() {
        let near = ["abcdef", "bcdef", "acdef", "abcde", "xabcdef", "abcxdef", "xbcdef", "abxdef"];
        assert!(near.iter().all(|text| is_near(text, "abcdef")));
        let far =
            ["cdef", "abdcef", "xxcdef", "abcdxx", "xacdef", "abcdefgh", "axbcdxf", "bcdefx", ""];
        assert_eq!(far.iter().find(|text| is_near(text, "abcdef")), None);
        assert!(is_near("", "a") && is_near("", "") && is_near("a", ""));
    }
}
