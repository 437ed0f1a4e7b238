//! One request to a page (its user, language and journey), and the answers to it.

use core::time::Duration;
use std::sync::Arc;

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_LANGUAGE, CONTENT_TYPE, LOCATION, SET_COOKIE},
        request::Parts,
    },
    response::Response,
};

use super::{
    journey::{Flash, Jar, Journey, Stage},
    link::Link,
    site::Site,
    texts::PageWords,
    view::{Frame, Message, Other, render},
    words::own_name,
};
use crate::{
    domain::{CorrelationId, DeviceProof, LanguageTag, NetworkAddress},
    engine::{Client, Vouch},
    http::{
        ReturnTo, cookie, form::Form, public_path::PublicPath, stop::Stop, user_agent::user_agent,
    },
    mail::{Language, look_up},
    policy::{FreezeCodes, TenantPolicy},
};

/// The time that a device stays remembered after a sign-in: half a year.
const DEVICE_LIFETIME: Duration = Duration::from_secs(180 * 24 * 3600);
/// The most languages of a browser that are considered.
const MOST_LANGUAGES: usize = 16;

pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    pub(super) policy: Arc<TenantPolicy>,
    pub(super) language: Language,
    pub(super) jar: Jar,
    /// The request without its body, for the sessions of the host.
    pub(super) request: Parts,
    /// The prefix before the application's own paths.
    pub(super) public: PublicPath,
    /// The rest of the page's address, for links to the same page in another language.
    pub(super) link: Link,
    return_to: Option<ReturnTo>,
    flow: Option<String>,
    /// True if the browser has sent the journeys' cookie, valid or not.
    keeps_cookies: bool,
    network: Option<NetworkAddress>,
    device: Option<String>,
    vouched: Option<Vouch>,
    correlation: Option<CorrelationId>,
    /// True if the user has chosen a language with this request.
    chosen: bool,
}

/// A finished answer, good or bad. Handlers leave early with `?`.
pub(super) type Answer = Result<Response, Stop>;

impl Visit {
    /// Reads a request. `Err` is the answer if the policy cannot be read.
    pub(super) fn of(site: &Arc<Site>, request: Parts) -> Result<Self, Stop> {
        let query = Form::of_query(request.uri.query().unwrap_or_default());
        let text = |name| query.optional(name).ok().flatten().map(str::to_owned);
        let headers = &request.headers;
        let mut jar = Jar::open(&site.envelopes, &site.about, cookie::read(headers, &site.cookie));
        let correlation = site.correlation();
        let wanted = text("ui_locales").filter(|wanted| wanted.len() <= 256);
        let chosen = wanted.as_deref().and_then(|tags| tags.split(' ').find_map(spoken));
        if let Some(language) = chosen {
            jar.language = Some(language.tag().to_owned());
        }
        let policy = match site.sspr.policy(&site.application.tenant) {
            Ok(Some(policy)) => policy,
            none => {
                let status = match none {
                    Ok(_) => StatusCode::NOT_FOUND,
                    Err(_) => StatusCode::SERVICE_UNAVAILABLE,
                };
                // English comes first, because it is used if no other language matches.
                let mut spoken = Language::ALL;
                spoken.sort_by_key(|language| *language != Language::English);
                let language = chosen_language(&jar, headers, &spoken.map(LanguageTag::from));
                return Err(site.without_policy(status, language, correlation.as_ref()).into());
            }
        };
        Ok(Self {
            chosen: chosen.is_some(),
            correlation,
            device: cookie::read(headers, &site.device_cookie).map(str::to_owned),
            flow: text("flow"),
            keeps_cookies: cookie::is_sent(headers, &site.cookie),
            language: chosen_language(&jar, headers, policy.languages()),
            link: Link::of(&request),
            network: site.proxies.client(&request.extensions, headers),
            policy,
            public: site.proxies.public_path(site.public.as_ref(), &request.extensions, headers),
            return_to: text("return_to").and_then(|path| ReturnTo::parse(&path).ok()),
            vouched: request.extensions.get().cloned(),
            jar,
            request,
            site: site.clone(),
        })
    }

    /// Returns the description of the client for the engine.
    pub(super) fn client(&self) -> Client {
        let mut client = self.network.map_or_else(Client::unknown, Client::at);
        client.device = self.device.as_deref().and_then(|text| DeviceProof::parse(text).ok());
        client.vouched.clone_from(&self.vouched);
        client.correlation.clone_from(&self.correlation);
        client.user_agent = user_agent(&self.request.headers);
        client
    }

    /// Returns the journey that the page's address names, or the newest one.
    pub(super) fn journey(&self) -> Option<&Journey> {
        self.jar.find(self.flow.as_deref())
    }

    /// Returns the journey that the page's address names.
    pub(super) fn named(&self) -> Option<&Journey> {
        self.jar.find(Some(self.flow.as_deref()?))
    }

    /// Returns the path that the user wants, as the page's address says.
    pub(super) fn return_to(&self) -> Option<&str> {
        self.return_to.as_ref().map(ReturnTo::as_str)
    }

    /// Returns whether the browser has sent the journeys' cookie, valid or not.
    pub(super) const fn keeps_cookies(&self) -> bool {
        self.keeps_cookies
    }

    /// Returns whether the browser was sent here with a cookie and comes back without it.
    pub(super) const fn refuses_cookies(&self) -> bool {
        self.flow.is_some() && !self.keeps_cookies
    }

    /// Returns the link to the first page, with the path that the user wanted.
    pub(super) fn sign_in(&self, journey: Option<&Journey>) -> String {
        let wanted = journey.and_then(|journey| journey.return_to.as_deref());
        self.link.to("sign-in", wanted.or(self.return_to()))
    }

    /// Returns the link to the page for a code of staff, if staff hand codes over.
    pub(super) fn support_code(&self) -> Option<String> {
        self.site.has_help_desk.then(|| self.link.to("support-code", self.return_to()))
    }

    /// Returns the link to the page for the code of a notice, if notices carry one.
    pub(super) fn freeze(&self) -> Option<String> {
        self.offers_freeze().then(|| self.link.to("freeze", None))
    }

    /// Returns whether notices of this tenant carry a code that freezes the account.
    pub(super) fn offers_freeze(&self) -> bool {
        self.policy.freeze_codes() == FreezeCodes::On
    }

    pub(super) const fn words(&self) -> &'static PageWords {
        PageWords::of(self.language)
    }

    /// Returns whether this tenant offers a reset in this application at all.
    pub(super) fn offers_reset(&self) -> bool {
        let application = &self.site.application;
        self.policy.offers_reset(&application.user_flow, &application.id)
    }

    /// Returns whether the user can choose how to get the code. It is the same for every address.
    pub(super) fn has_choice(&self) -> bool {
        self.offers_reset() && self.site.sspr.offered_methods(&self.policy).len() > 1
    }

    /// Returns a lifetime or a wait in words, in whole minutes, rounded up.
    pub(super) fn minutes(&self, time: Duration) -> String {
        let minutes = time.as_secs().div_ceil(60).max(1);
        let form = self.language.words().minutes.of(self.language, minutes);
        form.replace("{n}", &minutes.to_string())
    }

    /// Returns how many tries are left, in words.
    pub(super) fn tries_left(&self, tries: u32) -> String {
        let words = self.words();
        match tries {
            1 => words.tries_one.to_owned(),
            2 => words.tries_two.to_owned(),
            more => words.tries_more.replace("{n}", &more.to_string()),
        }
    }

    /// Returns the frame that every page has around its content.
    pub(super) fn frame(&self, title: &str, journey: Option<&Journey>) -> Frame {
        let query = journey.map_or_else(String::new, |journey| format!("?flow={}", journey.id));
        let newest = self.journey();
        let here = self.link.here(journey.or(newest));
        let offered = self.policy.languages().iter().filter_map(Language::of);
        let others = offered.filter(|language| *language != self.language).map(|language| Other {
            href: format!("{here}ui_locales={}", language.tag()),
            name: own_name(language),
            tag: language.tag(),
        });
        let path = |path: &Option<ReturnTo>| {
            path.as_ref().map(|it| self.public.publish(it).as_str().to_owned())
        };
        Frame {
            brand: self.policy.brand().name().to_owned(),
            failed: false,
            help: path(&self.site.help),
            language: self.language,
            others: others.collect(),
            privacy: path(&self.site.privacy),
            query,
            root: self.link.root.clone(),
            sign_in: self.sign_in(journey.or(newest)),
            step: None,
            stylesheet: path(&self.site.stylesheet),
            title: title.to_owned(),
            words: self.words(),
        }
    }

    /// Answers with a page.
    pub(super) fn show(&self, page: &impl askama::Template) -> Answer {
        let mut response = render(StatusCode::OK, page);
        if self.chosen {
            self.keep(&self.jar, &mut response)?;
        }
        Ok(response)
    }

    /// Keeps the journey and redirects to the page of its stage.
    pub(super) fn go(&self, journey: Journey) -> Answer {
        let mut response = redirect(&format!("{}?flow={}", journey.page(), journey.id));
        let mut jar = self.jar.clone();
        jar.put(journey);
        self.keep(&jar, &mut response)?;
        Ok(response)
    }

    /// Moves a journey to its next stage, like [`Visit::go`].
    pub(super) fn go_on(&self, from: &Journey, stage: Stage, flash: Option<Flash>) -> Answer {
        self.go(from.at(stage, flash))
    }

    /// Answers a request if the browser has not sent its journey.
    pub(super) fn lost(&self) -> Answer {
        if self.refuses_cookies() {
            return self.without_cookies();
        }
        Ok(redirect(&self.sign_in(None)))
    }

    /// Answers a browser that refuses cookies.
    pub(super) fn without_cookies(&self) -> Answer {
        let words = self.words();
        let mut frame = self.frame(words.cookies_title, None);
        frame.failed = true;
        self.show(&Message {
            frame,
            lead: words.cookies_text.to_owned(),
            onward: None,
            reference: None,
        })
    }

    /// Redirects to the page of the journey's stage.
    pub(super) fn reached(&self) -> Answer {
        match self.journey() {
            Some(journey) => Ok(redirect(&format!("{}?flow={}", journey.page(), journey.id))),
            None => self.lost(),
        }
    }

    /// Ends a journey that no longer has valid secrets. The browser forgets the secrets.
    pub(super) fn over(&self, journey: &Journey) -> Answer {
        let mut response = redirect(&self.link.to("start-again", journey.return_to.as_deref()));
        let mut jar = self.jar.clone();
        jar.remove(&journey.id);
        self.keep(&jar, &mut response)?;
        Ok(response)
    }

    /// Returns the page for a problem.
    pub(super) fn problem(&self, status: StatusCode) -> Response {
        let reference = self.correlation.as_ref();
        let words = self.words();
        let lead = match status {
            StatusCode::FORBIDDEN => words.problem_cross_site,
            StatusCode::NOT_FOUND => words.problem_missing,
            StatusCode::SERVICE_UNAVAILABLE => words.problem_down,
            _ => words.problem_bad,
        };
        let mut frame = self.frame(words.problem_title, None);
        frame.failed = true;
        let reference = reference.map(|id| words.reference.replace("{id}", id.as_str()));
        render(status, &Message { frame, lead: lead.to_owned(), onward: None, reference })
    }

    /// Returns the page for a port that failed.
    pub(super) fn or_unavailable<T>(&self, result: Result<T, impl Sized>) -> Result<T, Stop> {
        result.map_err(|_| self.problem(StatusCode::SERVICE_UNAVAILABLE).into())
    }

    /// Remembers that this device has signed in.
    pub(super) fn remember(&self, device: &DeviceProof, response: &mut Response) {
        let name = &self.site.device_cookie;
        if let Some(line) = cookie::write(name, &device.expose(), Some(DEVICE_LIFETIME)) {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }

    pub(super) fn keep(&self, jar: &Jar, response: &mut Response) -> Result<(), Stop> {
        let value = self.or_unavailable(jar.seal(&self.site.envelopes, &self.site.about))?;
        if let Some(line) = cookie::write(&self.site.cookie, &value, None) {
            response.headers_mut().append(SET_COOKIE, line);
        }
        Ok(())
    }
}

/// Returns `303 See Other`, so that reload and back repeat the page and never the form.
pub(super) fn redirect(to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    // Paths are checked when they are created, so this never falls back.
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("sign-in"));
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn spoken(tag: &str) -> Option<Language> {
    LanguageTag::parse(tag).ok().and_then(|tag| Language::of(&tag))
}

/// Returns the chosen language, else the browser's (RFC 9110, 12.5.4), else the tenant's first.
fn chosen_language(jar: &Jar, headers: &HeaderMap, offered: &[LanguageTag]) -> Language {
    let chosen = jar.language.as_deref().and_then(|tag| LanguageTag::parse(tag).ok());
    let mut ranges: Vec<(u16, LanguageTag)> = Vec::new();
    let lines = headers.get_all(ACCEPT_LANGUAGE).iter().map(HeaderValue::as_bytes);
    // A range that is malformed or not text is ignored alone.
    let listed = lines.flat_map(|line| line.split(|byte| *byte == b','));
    let listed = listed.filter_map(|range| core::str::from_utf8(range).ok());
    for range in listed {
        let (tag, quality) = range.split_once(';').unwrap_or((range, "q=1"));
        let quality = quality.trim().strip_prefix(['q', 'Q']).unwrap_or_default();
        let quality = quality.trim_start().strip_prefix('=').map_or(0, |it| thousandths(it.trim()));
        if let Ok(tag) = LanguageTag::parse(tag.trim())
            && quality > 0
            && ranges.len() < MOST_LANGUAGES
        {
            ranges.push((quality, tag));
        }
    }
    ranges.sort_by_key(|(quality, _)| core::cmp::Reverse(*quality));
    let wanted = chosen.iter().chain(ranges.iter().map(|(_, tag)| tag));
    look_up(&wanted.collect::<Vec<_>>(), offered)
}

/// Returns a quality value (RFC 9110, 12.4.2) in thousandths, or 0 if it is malformed.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if digits => 1000,
        "0" if digits => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(accept: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        let offered = ["en", "de", "fr", "es", "ar"];
        let offered: Vec<_> = offered.iter().map(|tag| LanguageTag::parse(tag).unwrap()).collect();
        chosen_language(&Jar::default(), &headers, &offered)
    }

    #[test]
    fn a_range_that_is_no_text_spoils_only_itself() {
        for lines in [
            &[&b"\xfc;q=0.9, de"[..]][..],
            &[b"\xff", b"de;Q=0.5"],
            &["größer,,;q=1,de-ä, de ; q=0.3".as_bytes()],
            &[b"x1, 2, \xe4, 3y, ".repeat(30).leak(), b"de"],
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_LANGUAGE, HeaderValue::from_bytes(line).unwrap());
            }
            let offered = ["en", "de"].map(|tag| LanguageTag::parse(tag).unwrap());
            let chosen = chosen_language(&Jar::default(), &headers, &offered);
            assert_eq!(chosen, Language::German, "{lines:?}");
        }
    }

    #[test]
    fn the_best_language_of_the_browser_is_taken() {
        assert_eq!(language("de-AT,de;q=0.9,en;q=0.8"), Language::German);
        assert_eq!(language("en;q=0.2, ar;q=0.9"), Language::Arabic);
        assert_eq!(language("zh, fr;q=0.001"), Language::French);
        assert_eq!(language("*"), Language::English);
        assert_eq!(language("de;q=0, es"), Language::Spanish);
        assert_eq!(language("de;q=2, es;q=0.5"), Language::Spanish);
        assert_eq!(language(""), Language::English);
    }

    #[test]
    fn a_language_of_quality_zero_or_of_a_malformed_one_is_not_wanted() {
        for unwanted in [
            "de;q=0",
            "de;q=0.000",
            "de;q=0.0001",
            "de;q=0.9999",
            "de;q=1.0000",
            "de;q=1.x",
            "de;q=0.5x",
            "de;q=+1",
            "de;q=0.+5",
            "de;q=.5",
        ] {
            assert_eq!(language(unwanted), Language::English, "{unwanted}");
        }
        for wanted in ["de;q=1.000", "de;q=0.001", "de;q=0.5", "de;q=1."] {
            assert_eq!(language(wanted), Language::German, "{wanted}");
        }
    }

    #[test]
    fn only_the_first_languages_of_a_long_list_are_read() {
        let after = |count: usize| language(&format!("{}de", "zh, ".repeat(count)));
        assert_eq!(after(MOST_LANGUAGES - 1), Language::German);
        assert_eq!(after(MOST_LANGUAGES), Language::English);
    }
}
