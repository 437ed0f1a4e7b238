//! Lines of a trail that were cut short, files that have grown full, and what cannot be read.

use super::*;

fn change(before: &Value, after: &Value) -> RecordedChange {
    let both = [before.clone(), after.clone()];
    RecordedChange::new(Timestamp::from_micros(1), "root", "Something", both)
}

#[test]
fn what_is_missing_of_a_line_is_all_of_it_or_its_rest_or_nothing() {
    let line = Line { at: 7, text: "a line\n".to_owned() };
    for (written, at, missing) in [
        ("", 7, "a line\n"),
        ("a li", 7, "ne\n"),
        ("a line\n", 7, ""),
        ("a line\nmore", 7, ""),
        ("other", 7, "\na line\n"),
        ("a line\n", 5, "\na line\n"),
        ("a li", 5, "\na line\n"),
    ] {
        assert_eq!(line.missing(written.as_bytes(), at), missing.as_bytes(), "{written} at {at}");
    }
}

#[test]
fn a_file_that_is_full_is_put_aside_before_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.changes");
    for (bytes, is_put_aside) in [(MOST_BYTES, false), (MOST_BYTES + 1, true)] {
        fs::write(&path, "x".repeat(usize::try_from(bytes).unwrap() - 1) + "\n").unwrap();
        let line = next(&path, &change(&json!(1), &json!(2))).unwrap();
        assert_eq!(line.at, if is_put_aside { 0 } else { bytes });
        assert_eq!(folder.path().join("contoso.changes-old").is_file(), is_put_aside);
    }
}

#[test]
fn only_a_change_of_what_the_last_line_ends_with_is_recorded_by_its_difference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.changes");
    next(&path, &change(&json!({}), &json!({"a": 1}))).unwrap().add(&path).unwrap();
    for (before, is_short) in [(json!({"a": 1}), true), (json!({"a": 2}), false)] {
        let line = next(&path, &change(&before, &json!({"a": 3}))).unwrap();
        assert_eq!(line.text.contains("\"edit\""), is_short, "{}", line.text);
    }
}

#[test]
fn a_line_is_read_whole_from_a_file_of_several_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.changes");
    let long = "y".repeat(usize::try_from(PIECE).unwrap() * 2 + 5);
    fs::write(&path, format!("first\n{long}\n")).unwrap();
    let last = last_line(&mut open(&path).unwrap()).unwrap().unwrap();
    assert_eq!(String::from_utf8(last).unwrap().trim_start(), format!("{long}\n"));
}

#[test]
fn a_trail_that_is_missing_is_empty_and_one_that_is_a_folder_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.changes");
    assert_eq!(read(&path, None, 9).unwrap().0.len(), 0);
    fs::create_dir(&path).unwrap();
    assert!(read(&path, None, 9).is_err());
}
