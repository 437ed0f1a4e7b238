//! Language tags, and the choice of a language: always one that is offered, if any is.
#![no_main]

use fuzz::fuzz_text;
use sspr::{
    domain::LanguageTag,
    mail::{Language, look_up},
};

fuzz_text!(|text| {
    let tags: Vec<LanguageTag> =
        text.split([',', ';', ' ']).filter_map(|tag| LanguageTag::parse(tag).ok()).collect();
    for tag in &tags {
        let shown = tag.as_str();
        assert!(shown.len() <= 35 && shown.bytes().all(|b| b.is_ascii_graphic()));
        assert_eq!(shown, shown.to_ascii_lowercase());
        assert_eq!(LanguageTag::parse(shown).as_ref(), Ok(tag));
        assert_eq!(LanguageTag::parse(&shown.to_ascii_uppercase()).as_ref(), Ok(tag));
    }
    let (wanted, offered) = tags.split_at(tags.len() / 2);
    let wanted: Vec<_> = wanted.iter().collect();
    let chosen = look_up(&wanted, offered);
    let spoken: Vec<_> = offered.iter().filter_map(Language::of).collect();
    if spoken.is_empty() {
        assert_eq!(chosen, Language::English);
    } else {
        assert!(spoken.contains(&chosen));
    }
    if let Some(first) = wanted.first().filter(|first| offered.contains(first)) {
        assert!(Language::of(first).is_none_or(|language| language == chosen));
    }
});
