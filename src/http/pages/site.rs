//! The state of the pages of one application.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};

use super::{
    texts::PageWords,
    view::{Frame, Message, render},
};
use crate::{
    domain::{Application, CorrelationId},
    engine::Sspr,
    http::{
        ReturnTo, Sessions, TrustedProxies, correlation::fresh_correlation, envelope::Envelopes,
        public_path::PublicPath,
    },
    mail::Language,
};

/// The state that all handlers share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) sspr: Sspr,
    pub(super) envelopes: Envelopes,
    pub(super) application: Application,
    pub(super) home: ReturnTo,
    /// True if staff hand codes over.
    pub(super) has_help_desk: bool,
    pub(super) help: Option<ReturnTo>,
    pub(super) privacy: Option<ReturnTo>,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) proxies: TrustedProxies,
    pub(super) public: Option<PublicPath>,
    pub(super) stylesheet: Option<ReturnTo>,
    /// The context under which the journeys' cookie is sealed.
    pub(super) about: String,
    pub(super) cookie: String,
    pub(super) device_cookie: String,
}

impl Site {
    pub(super) fn correlation(&self) -> Option<CorrelationId> {
        fresh_correlation(self.sspr.entropy())
    }

    /// Returns the path to which a user returns, as users see it: the wanted path if it lies below
    /// home, otherwise home.
    pub(super) fn return_to(&self, wanted: Option<&str>, public: &PublicPath) -> ReturnTo {
        public.publish_below(&self.home, wanted)
    }

    /// Returns the page for a missing policy (404) or a policy that cannot be read (503).
    pub(super) fn without_policy(
        &self,
        status: StatusCode,
        language: Language,
        reference: Option<&CorrelationId>,
    ) -> Response {
        let words = PageWords::of(language);
        let frame = Frame {
            brand: self.application.id.to_string(),
            failed: true,
            help: None,
            language,
            others: Vec::new(),
            privacy: None,
            query: String::new(),
            root: String::new(),
            sign_in: "sign-in".to_owned(),
            step: None,
            stylesheet: None,
            title: words.problem_title.to_owned(),
            words,
        };
        let reference = reference.map(|id| words.reference.replace("{id}", id.as_str()));
        let lead = match status {
            StatusCode::NOT_FOUND => words.problem_missing,
            _ => words.problem_down,
        };
        render(status, &Message { frame, lead: lead.to_owned(), onward: None, reference })
    }
}
