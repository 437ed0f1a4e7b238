//! What a mail says: content, language and brand become subject, text part and HTML part.
//!
//! Pure: nothing here is sent, read or timed. A [`Letter`] says what is to be said, [`Templates`]
//! say it; [`StandardTemplates`] do so in five languages. A host that only dislikes a word replaces
//! that word ([`StandardTemplates::with_words`]); one that wants another look implements
//! [`Templates`].
//!
//! No mail holds a link or an image: nothing to click, nothing to load, nothing to imitate.

mod fill;
mod html;
mod language;
mod letter;
mod message;
mod standard;
mod text;
mod values;
mod words;

pub use language::{Language, look_up};
pub use letter::{Content, Letter, Templates};
pub use message::{EmailMessage, MailPurpose};
pub use standard::StandardTemplates;
pub use words::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, Words,
};
