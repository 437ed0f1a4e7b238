//! The way to the page "Change your password", from it to the sign-in, and back.

use axum::extract::OriginalUri;

use super::{
    link::with_return_to,
    view::Message,
    visit::{Answer, Visit},
};
use crate::http::ReturnTo;

/// The query that marks the way from the sign-in to the page for a change.
const AFTER_SIGN_IN: &str = "after=sign-in";

impl Visit {
    /// Returns the page for a change of the password, as users see it.
    fn change(&self) -> Option<ReturnTo> {
        let original = self.request.extensions.get::<OriginalUri>();
        let uri = original.map_or(&self.request.uri, |original| &original.0);
        let (folder, _) = uri.path().rsplit_once('/')?;
        ReturnTo::parse(&format!("{folder}/change")).ok().map(|path| self.public.publish(&path))
    }

    /// Returns whether a wanted path leads to the page for a change of the password.
    pub(super) fn is_change(&self, wanted: &str) -> bool {
        let wanted = ReturnTo::parse(wanted).map(|wanted| self.public.publish(&wanted));
        let path = wanted.as_ref().ok().and_then(|wanted| wanted.as_str().split('?').next());
        self.change().is_some_and(|change| path == Some(change.as_str()))
    }

    /// Returns the link to the sign-in for a user who wants to change the password, and go to a
    /// path after that.
    pub(super) fn sign_in_to_change(&self, wanted: Option<&str>) -> String {
        let change = self.change();
        let both = change.as_ref().zip(wanted).and_then(|(page, path)| with_return_to(page, path));
        self.link.to("sign-in", both.or(change).as_ref().map(ReturnTo::as_str))
    }

    /// Returns the path to which a user goes after a sign-in: the page for a change of the password
    /// if the user came from it. Otherwise the path lies below home.
    pub(super) fn landing(&self, wanted: Option<&str>) -> ReturnTo {
        let change = wanted.filter(|wanted| self.is_change(wanted));
        match change.and_then(|path| ReturnTo::parse(path).ok()) {
            Some(path) => self.public.publish(&path),
            None => self.site.return_to(wanted, &self.public),
        }
    }

    /// Returns the path after a sign-in. The page for a change learns that the user comes from it.
    pub(super) fn after_sign_in(&self, to: &ReturnTo) -> String {
        let to = to.as_str();
        if !self.is_change(to) {
            return to.to_owned();
        }
        let joint = if to.contains('?') { '&' } else { '?' };
        format!("{to}{joint}{AFTER_SIGN_IN}")
    }

    /// Returns whether the user was led here by the sign-in.
    pub(super) fn comes_from_sign_in(&self) -> bool {
        let query = self.request.uri.query().unwrap_or_default();
        query.split('&').any(|pair| pair == AFTER_SIGN_IN)
    }

    /// Says that the password of a signed-in user cannot be changed here.
    pub(super) fn no_change(&self) -> Answer {
        let (words, brand) = (self.words(), self.policy.brand().name());
        let wanted = self.named().and_then(|journey| journey.return_to.as_deref());
        let home = self.site.return_to(wanted.or(self.return_to()), &self.public);
        self.show(&Message {
            frame: self.frame(words.no_change_title, None),
            lead: words.off_text.replace("{brand}", brand),
            onward: Some((home.as_str().to_owned(), words.done_go.replace("{brand}", brand))),
            reference: None,
        })
    }
}
