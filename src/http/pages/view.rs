//! The pages as values. The markup is in `markup/`, the words are in `words/`.

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
};

use super::texts::PageWords;
use crate::mail::Language;

/// The frame that every page has around its content.
pub(super) struct Frame {
    pub(super) language: Language,
    pub(super) words: &'static PageWords,
    pub(super) title: String,
    /// True if the page reports an error. Its title then says so first.
    pub(super) failed: bool,
    pub(super) brand: String,
    pub(super) step: Option<u8>,
    pub(super) others: Vec<Other>,
    pub(super) help: Option<String>,
    pub(super) privacy: Option<String>,
    pub(super) stylesheet: Option<String>,
    /// The query `?flow=…`, or nothing.
    pub(super) query: String,
    /// The relative root. It has `../` once for each level that the page lies below the others.
    pub(super) root: String,
    /// The link back to the first page, with the path that the user wanted.
    pub(super) sign_in: String,
}

/// The page in another language.
pub(super) struct Other {
    pub(super) href: String,
    pub(super) tag: &'static str,
    pub(super) name: &'static str,
}

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Plain(String),
    /// An address, which is written from left to right in every language.
    Address(String),
    Strong(String),
    Link(String),
}

/// An error above the form.
pub(super) struct Alert {
    pub(super) heading: &'static str,
    pub(super) text: Vec<Piece>,
}

/// The reason why a password is refused, and the field that the reason is about.
pub(super) struct Complaint {
    pub(super) field: &'static str,
    pub(super) words: String,
}

/// A requirement of new passwords.
pub(super) struct Rule {
    pub(super) words: String,
    pub(super) length: bool,
    pub(super) broken: bool,
}

#[derive(Template)]
#[template(path = "sign-in.html")]
pub(super) struct SignInPage<'a> {
    /// The page to which the form is sent.
    pub(super) action: &'static str,
    pub(super) button: &'static str,
    pub(super) frame: Frame,
    pub(super) lead: String,
    /// The typed text, if it was not an address.
    pub(super) bad: Option<String>,
    pub(super) return_to: Option<&'a str>,
    /// The link to the page for a code of staff.
    pub(super) support_code: Option<String>,
    /// The link to the page for the code of a notice.
    pub(super) freeze: Option<String>,
}

#[derive(Template)]
#[template(path = "support-code.html")]
pub(super) struct SupportCodePage<'a> {
    pub(super) frame: Frame,
    /// The typed address, if it did not match the code.
    pub(super) failed: Option<String>,
    pub(super) return_to: Option<&'a str>,
}

/// The form for the code of a notice.
#[derive(Template)]
#[template(path = "freeze.html")]
pub(super) struct FreezePage {
    pub(super) frame: Frame,
    /// True if the last code froze nothing.
    pub(super) failed: bool,
}

/// The question whether to freeze the account.
#[derive(Template)]
#[template(path = "freeze-account.html")]
pub(super) struct FreezeConfirmPage {
    pub(super) frame: Frame,
}

#[derive(Template)]
#[template(path = "password.html")]
pub(super) struct PasswordPage<'a> {
    pub(super) frame: Frame,
    pub(super) address: &'a str,
    pub(super) offered: bool,
    pub(super) wrong: bool,
}

#[derive(Template)]
#[template(path = "code.html")]
pub(super) struct CodePage {
    pub(super) frame: Frame,
    pub(super) by_sms: bool,
    /// True if the first of two proofs was given.
    pub(super) is_second: bool,
    /// The page for another way, if there is one.
    pub(super) other_way: Option<&'static str>,
    pub(super) lead: Vec<Piece>,
    pub(super) letters: bool,
    pub(super) resent: bool,
    pub(super) alert: Option<Alert>,
    /// The seconds until a new code can be asked for.
    pub(super) wait: u64,
    pub(super) waiting: String,
    pub(super) tip_address: Vec<Piece>,
    pub(super) tip_other: Option<Vec<Piece>>,
}

/// The choice between the ways in which a code can be sent.
#[derive(Template)]
#[template(path = "send-code.html")]
pub(super) struct SendCodePage {
    pub(super) frame: Frame,
}

/// The choice between the ways to give the second proof.
#[derive(Template)]
#[template(path = "next-proof.html")]
pub(super) struct NextProofPage {
    pub(super) frame: Frame,
    pub(super) alert: Option<Alert>,
    pub(super) lead: String,
    pub(super) by_email: Option<Vec<Piece>>,
    pub(super) by_sms: Option<Vec<Piece>>,
    pub(super) has_host_proof: bool,
}

/// The form for a new password. A signed-in user types the current one as well.
#[derive(Template)]
#[template(path = "new-password.html")]
pub(super) struct NewPasswordPage<'a> {
    /// The page to which the form is sent.
    pub(super) action: &'static str,
    pub(super) button: &'static str,
    pub(super) frame: Frame,
    pub(super) lead: Option<&'static str>,
    pub(super) address: &'a str,
    pub(super) current: Option<CurrentField>,
    pub(super) issues: Vec<Complaint>,
    pub(super) guessable: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) least: usize,
}

/// The field for the current password.
#[derive(Clone, Copy)]
pub(super) struct CurrentField {
    /// True if a reset is offered to a user who forgot it.
    pub(super) offered: bool,
    pub(super) wrong: bool,
}

#[derive(Template)]
#[template(path = "done.html")]
pub(super) struct DonePage {
    pub(super) frame: Frame,
    pub(super) lead: Vec<Piece>,
    pub(super) href: String,
    pub(super) button: String,
}

#[derive(Template)]
#[template(path = "locked.html")]
pub(super) struct LockedPage {
    pub(super) frame: Frame,
    pub(super) lead: Vec<Piece>,
    pub(super) offered: bool,
}

#[derive(Template)]
#[template(path = "try-later.html")]
pub(super) struct TryLaterPage {
    pub(super) frame: Frame,
    pub(super) lead: Vec<Piece>,
    pub(super) onward: Option<(&'static str, &'static str)>,
    pub(super) after: Option<String>,
}

/// A heading, a sentence and the way back.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) lead: String,
    /// The link and the words of the way on, if it does not lead back to the sign-in.
    pub(super) onward: Option<(String, String)>,
    pub(super) reference: Option<String>,
}

impl Frame {
    fn step_words(&self, step: &u8) -> String {
        self.words.step.replace("{n}", &step.to_string())
    }
}

/// Returns the response with one page.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    // Writing into a `String` never fails.
    let mut response = Response::new(Body::from(page.render().unwrap_or_default()));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// Fills the values into a sentence: `{name}` becomes the piece of that name, and `[…]` becomes a
/// link.
pub(super) fn sentence(words: &str, values: &[(&str, &dyn Fn() -> Piece)]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = words;
    while let Some(at) = rest.find(['{', '[']) {
        let (before, opened) = rest.split_at(at);
        let close = if opened.starts_with('{') { '}' } else { ']' };
        let mut inner = opened.chars();
        inner.next();
        let Some((name, after)) = inner.as_str().split_once(close) else { break };
        if !before.is_empty() {
            pieces.push(Piece::Plain(before.to_owned()));
        }
        let value = values.iter().find(|(key, _)| *key == name);
        pieces.push(match value {
            Some((_, piece)) if close == '}' => piece(),
            _ if close == ']' => Piece::Link(name.to_owned()),
            _ => Piece::Plain(String::new()),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest.to_owned()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_filled_in_piece_by_piece() {
        let pieces = sentence(
            "If {masked} has one, [go on] in {time}.",
            &[
                ("masked", &|| Piece::Address("a***@b".to_owned())),
                ("time", &|| Piece::Strong("5 minutes".to_owned())),
            ],
        );
        assert_eq!(
            pieces,
            [
                Piece::Plain("If ".to_owned()),
                Piece::Address("a***@b".to_owned()),
                Piece::Plain(" has one, ".to_owned()),
                Piece::Link("go on".to_owned()),
                Piece::Plain(" in ".to_owned()),
                Piece::Strong("5 minutes".to_owned()),
                Piece::Plain(".".to_owned()),
            ]
        );
        assert_eq!(sentence("plain", &[]), [Piece::Plain("plain".to_owned())]);
    }

    #[test]
    fn a_link_is_no_value_and_a_value_that_there_is_not_is_empty() {
        let pieces = sentence("[time]{other}", &[("time", &|| Piece::Strong("5".to_owned()))]);
        assert_eq!(pieces, [Piece::Link("time".to_owned()), Piece::Plain(String::new())]);
    }
}
