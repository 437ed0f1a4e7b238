//! The links of a page to the same page in another language, and back to the first page.

use axum::http::{Method, request::Parts};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::journey::Journey;
use crate::http::ReturnTo;

/// The longest query that a link to the same page repeats.
const LONGEST_QUERY: usize = 2_048;
/// The characters that are escaped in the query of a link.
const IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'+')
    .add(b'<')
    .add(b'>');

/// The address of a page, relative to itself.
pub(super) struct Link {
    /// The relative root. It has `../` once for each level that the page lies below the others.
    pub(super) root: String,
    /// The query of the page without the language.
    rest: String,
    /// True if a link may lead to the page. The target of a form cannot be linked to.
    shown: bool,
}

impl Link {
    /// Returns the link to the page of a request.
    pub(super) fn of(parts: &Parts) -> Self {
        let below = parts.uri.path().matches('/').count().saturating_sub(1);
        let mut rest = String::new();
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let kept = match name {
                "" | "ui_locales" => false,
                "return_to" => {
                    let decoded = percent_decode_str(value).decode_utf8();
                    decoded.is_ok_and(|path| ReturnTo::parse(&path).is_ok())
                }
                _ => true,
            };
            if kept && rest.len() + pair.len() < LONGEST_QUERY {
                rest.push_str(pair);
                rest.push('&');
            }
        }
        let shown = matches!(parts.method, Method::GET | Method::HEAD);
        Self { rest, root: "../".repeat(below), shown }
    }

    /// Returns the link to the same page, to which a parameter can be appended.
    pub(super) fn here(&self, journey: Option<&Journey>) -> String {
        let page = match journey {
            _ if self.shown => String::new(),
            Some(journey) => format!("{}{}", self.root, journey.page()),
            None => format!("{}sign-in", self.root),
        };
        let named = self.rest.split('&').any(|pair| pair.starts_with("flow="));
        let flow = journey.filter(|_| !named);
        let flow = flow.map_or_else(String::new, |journey| format!("flow={}&", journey.id));
        format!("{page}?{flow}{}", self.rest)
    }

    /// Returns the link to a page, with the path that the user wanted.
    pub(super) fn to(&self, page: &str, return_to: Option<&str>) -> String {
        let query = return_to.map_or_else(String::new, query_of);
        format!("{}{page}{query}", self.root)
    }
}

/// Returns the path of a page with the path that the user wanted, if both fit.
pub(super) fn with_return_to(page: &ReturnTo, wanted: &str) -> Option<ReturnTo> {
    ReturnTo::parse(&format!("{}{}", page.as_str(), query_of(wanted))).ok()
}

fn query_of(return_to: &str) -> String {
    format!("?return_to={}", utf8_percent_encode(return_to, IN_QUERY))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::{adapters::SystemEntropy, http::pages::journey::Stage};

    fn link(method: &str, uri: &str) -> Link {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        Link::of(&request.into_parts().0)
    }

    #[test]
    fn a_link_to_the_same_page_repeats_a_query_up_to_its_bound() {
        let short = "p=1&";
        for (length, kept) in
            [(LONGEST_QUERY - short.len() - 1, true), (LONGEST_QUERY - short.len(), false)]
        {
            let long = format!("q={}", "x".repeat(length - 2));
            let here = link("GET", &format!("/page?{short}{long}")).here(None);
            assert_eq!(
                here,
                format!("?{short}{}", if kept { format!("{long}&") } else { String::new() })
            );
        }
    }

    #[test]
    fn a_page_links_to_itself_and_the_answer_to_a_form_links_to_the_journeys_page() {
        let journey = Journey::begin("ada@example.com", Stage::Password, &SystemEntropy::new());
        let journey = journey.unwrap();
        let id = &journey.id;
        assert_eq!(link("GET", "/code?p=1").here(Some(&journey)), format!("?flow={id}&p=1&"));
        assert_eq!(
            link("POST", "/code?p=1").here(Some(&journey)),
            format!("password?flow={id}&p=1&")
        );
        assert_eq!(link("POST", "/a/code").here(None), "../sign-in?");
        assert_eq!(
            link("GET", &format!("/code?flow={id}")).here(Some(&journey)),
            format!("?flow={id}&")
        );
    }
}
