//! Turns content, language and brand into the subject, the text part and the HTML part of a mail.
//!
//! This module is pure: it sends, reads and times nothing. A [`Letter`] has the content, and
//! [`Templates`] turn it into a message. [`StandardTemplates`] do so in five languages. To replace
//! words, use [`StandardTemplates::with_words`]. To replace the design, implement [`Templates`].
//!
//! No mail contains a link or an image, so there is nothing to click, load or imitate.

mod fill;
mod html;
mod language;
mod letter;
mod message;
mod sms;
mod sms_text;
mod standard;
mod text;
mod values;
mod words;

pub use language::{Language, look_up};
pub use letter::{Content, Letter, Templates};
pub use message::{EmailMessage, MailPurpose};
pub use sms::{TextContent, TextLetter, TextMessage};
pub use standard::StandardTemplates;
pub use words::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, TextWords, Words,
};
