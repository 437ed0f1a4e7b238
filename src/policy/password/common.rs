//! The blocklist of common passwords and of patterns made from them.
//!
//! The list has the most common passwords of the zxcvbn project's frequency list (MIT licence, see
//! `common.LICENSE`), in lower case. Almost no entry has 15 characters. A long password therefore
//! also counts as common, apart from decoration, in these cases:
//!
//! * It repeats one piece.
//! * It walks along the keyboard or the alphabet.
//! * It consists only of listed passwords set end to end.

const LIST: &str = include_str!("common.txt");
/// The longest piece that is recognised as repeated.
const PIECE: usize = 10;
/// The rows of keys or letters along which people walk.
const WALKS: [&str; 8] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujmikolp",
];

/// The fewest and the most bytes of a piece of a password.
const SHORTEST: usize = 4;
const LONGEST: usize = 64;

/// Returns whether a password is common, and whether it is made of words of its context.
pub(super) fn judge(text: &str, terms: &[String], words: &[String]) -> (bool, bool) {
    let lower = text.to_lowercase();
    let plain = undecorated(&lower);
    let is_common = |piece: &str| is_listed(piece) || terms.iter().any(|term| term == piece);
    let begins_common =
        |head: &str| begins_listed(head) || terms.iter().any(|term| term.starts_with(head));
    let common = [lower.as_str(), plain.as_str()].into_iter().any(|text| {
        is_common(text)
            || repeats(text)
            || walks(text)
            || is_made_of(text, &begins_common, &is_common)
    });
    let bare: Vec<String> = words.iter().map(|word| undecorated(word)).collect();
    let words = || words.iter().chain(&bare);
    let personal = !plain.is_empty()
        && is_made_of(&plain, &|head| words().any(|word| word.starts_with(head)), &|piece| {
            words().any(|word| word == piece)
        });
    (common, personal)
}

/// Returns whether the text is a listed password.
fn is_listed(text: &str) -> bool {
    first_from(text).is_some_and(|entry| entry == text)
}

/// Returns whether a listed password begins with this text.
fn begins_listed(head: &str) -> bool {
    first_from(head).is_some_and(|entry| entry.starts_with(head))
}

/// Returns the first listed password that does not sort before this text.
fn first_from(text: &str) -> Option<&'static str> {
    // The list is sorted by byte, with one entry in each line.
    let entry_at = |start: usize| LIST.get(start..)?.split('\n').next();
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = LIST.get(..middle).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
        let entry = entry_at(start)?;
        if entry < text {
            low = start + entry.len() + 1;
        } else {
            high = start;
        }
    }
    entry_at(low).filter(|entry| !entry.is_empty())
}

/// Returns the letters and digits, without the decoration that people put at the end.
fn undecorated(text: &str) -> String {
    let bare: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    bare.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
}

/// Returns whether the text is one short piece, repeated.
fn repeats(text: &str) -> bool {
    let symbols: Vec<char> = text.chars().collect();
    (1..=PIECE.min(symbols.len() / 2))
        .any(|length| symbols.iter().zip(symbols.iter().skip(length)).all(|(a, b)| a == b))
}

/// Returns whether the text is one walk along a row, forwards or backwards.
fn walks(text: &str) -> bool {
    let back: String = text.chars().rev().collect();
    text.chars().count() >= 6
        && WALKS.iter().any(|row| row.contains(text) || row.contains(back.as_str()))
}

/// Returns whether the text consists of at most four pieces of four or more characters. `begins`
/// says whether any piece begins with these bytes. If none does, longer pieces are not tried.
fn is_made_of(text: &str, begins: &dyn Fn(&str) -> bool, is_piece: &dyn Fn(&str) -> bool) -> bool {
    // The fewest pieces that end at each byte. The input has at most 1,024 bytes.
    let mut pieces: Vec<Option<u8>> = vec![None; text.len() + 1];
    if let Some(first) = pieces.first_mut() {
        *first = Some(0);
    }
    for start in 0..text.len() {
        let Some(before) = pieces.get(start).copied().flatten().filter(|it| *it < 4) else {
            continue;
        };
        for (end, slot) in
            pieces.iter_mut().enumerate().take(start + LONGEST + 1).skip(start + SHORTEST)
        {
            let Some(piece) = text.get(start..end) else { continue };
            if !begins(piece) {
                break;
            }
            if is_piece(piece) {
                *slot = Some(slot.map_or(before + 1, |other| other.min(before + 1)));
            }
        }
    }
    pieces.last().copied().flatten().is_some_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_large() {
        let entries: Vec<&str> = LIST.lines().collect();
        assert!(entries.len() >= 3000);
        assert!(entries.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(entries.iter().all(|entry| is_listed(entry)));
        assert!(!is_listed("") && !is_listed("zzzzzzzzzzzzzzz") && !is_listed("0"));
    }

    #[test]
    fn what_listed_ones_begin_with_is_found_and_nothing_else() {
        let all: Vec<&str> = LIST.lines().collect();
        for (entry, length) in
            all.iter().flat_map(|entry| (1..=entry.len()).map(move |n| (entry, n)))
        {
            assert!(begins_listed(&entry[..length]), "{entry}");
            let other = format!("{}\u{1}", &entry[..length]);
            assert!(!begins_listed(&other) && !is_listed(&other), "{entry}");
        }
        assert!(!begins_listed("zzzzzzzzzzzzzzz") && begins_listed(all[0]));
    }

    #[test]
    fn a_place_where_no_piece_begins_is_not_looked_at_further() {
        let asked = core::cell::RefCell::new(Vec::new());
        let begins = |head: &str| {
            asked.borrow_mut().push(head.to_owned());
            head == "four"
        };
        let is_piece = |piece: &str| piece == "four" || piece == "words";

        assert!(!is_made_of("fourwords", &begins, &is_piece));
        assert_eq!(asked.take(), ["four", "fourw", "word"]);
        assert!(is_made_of("fourfour", &begins, &is_piece));
        // A head can only end at the end of a character.
        asked.take();
        assert!(!is_made_of("gr\u{fc}\u{df}e", &begins, &is_piece));
        assert!(!is_made_of("gru\u{df}e", &begins, &is_piece));
        assert_eq!(asked.take(), ["gr\u{fc}", "gru\u{df}"]);
    }

    #[test]
    fn three_thousand_entries_of_fifteen_characters_are_effective() {
        // The top 3,000 passwords that fit the policy must be refused (OWASP ASVS 5.0, 6.2.4).
        let long = LIST.lines().filter(|entry| entry.len() >= 8).take(3000);
        let refused = long.map(|entry| format!("{entry}{entry}"));
        let refused = refused.filter(|text| text.len() >= 15 && judge(text, &[], &[]).0).count();
        assert!(refused >= 3000, "{refused}");
    }

    #[test]
    fn a_piece_over_and_over_has_at_most_ten_characters() {
        assert!(repeats("aa") && repeats("abab") && repeats("ababa"));
        assert!(repeats("0123456789012345678901") && repeats("abcdefghijabcdefghij"));
        assert!(!repeats("") && !repeats("a") && !repeats("ab") && !repeats("aab"));
        assert!(!repeats("abcdefghijkabcdefghijk"), "eleven");
        assert!(!repeats("abcabd") && !repeats("abcab"), "less than twice");
    }

    #[test]
    fn a_walk_has_six_characters_forwards_or_back() {
        assert!(walks("qwerty") && walks("ytrewq") && walks("345678"));
        assert!(!walks("qwert") && !walks("qwertz1") && !walks("qwetry"));
    }

    #[test]
    fn what_is_made_of_pieces_has_at_most_four_of_four_characters() {
        let made =
            |text: &str| is_made_of(text, &|_| true, &|piece| piece.chars().all(|c| c == 'x'));
        assert!(made("xxxx") && made("xxxxx") && !made("xxx") && !made(""));
        assert!(!made("xxxxa") && !made("axxxx"));
        let words =
            |text: &str| is_made_of(text, &|_| true, &|piece| ["four", "words"].contains(&piece));
        assert!(words("fourwordsfourfour") && words("fourwords"));
        assert!(!words("fourfourfourfourfour"), "five");
        let short =
            |text: &str| is_made_of(text, &|_| true, &|piece| ["four", "abc"].contains(&piece));
        assert!(!short("fourabc") && !short("abcfour"), "three characters are no piece");
        // No combination has five pieces.
        let near = |length: usize| {
            is_made_of(&"z".repeat(length), &|_| true, &|piece| [4, 5].contains(&piece.len()))
        };
        assert!(near(20) && !near(21));
        // The longest piece has 64 bytes.
        let long =
            |length: usize| is_made_of(&"y".repeat(length), &|_| true, &|piece| piece.len() == 64);
        assert!(long(64) && long(256) && !long(65) && !long(320));
        let longer =
            |length: usize| is_made_of(&"y".repeat(length), &|_| true, &|piece| piece.len() > 64);
        assert!(!longer(65));
    }

    #[test]
    fn decoration_is_what_is_no_letter_and_digits_at_the_end() {
        assert_eq!(undecorated("pass-word 12!"), "password");
        assert_eq!(undecorated("4pass2word"), "4pass2word");
        assert_eq!(undecorated("123"), "");
    }

    #[test]
    fn terms_and_words_of_the_context_count_by_themselves() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(judge("larkfield", &list(&["larkfield"]), &[]).0);
        assert!(!judge("larkfield", &list(&["lark"]), &[]).0);
        let long: String = ('\u{3b1}'..='\u{3c9}').chain('\u{430}'..='\u{44f}').collect();
        assert!(judge(&long, &list(&[&long]), &[]).0, "longer than any piece, in bytes");
        assert!(!judge(&long, &[], &[]).0);
        assert!(judge("Larkfield larkfield 7", &list(&["larkfield"]), &[]).0);
        let words = list(&["hamilton", "margaret.h"]);
        assert_eq!(judge("hamilton", &[], &words), (false, true));
        assert_eq!(judge("margaret.h", &[], &words), (false, true));
        assert_eq!(judge("unrelated words", &[], &words), (false, false));
        assert_eq!(judge("hamilt", &[], &words), (false, false), "only begins like one");
        assert_eq!(judge("!!!", &[], &words), (true, false), "one sign over and over");
        assert!(!judge("!?", &[], &words).1);
    }
}
