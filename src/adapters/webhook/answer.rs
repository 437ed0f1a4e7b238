//! The meaning of a handler's answer.

use hyper::StatusCode;
use serde::Deserialize;

use crate::ports::{SendError, SendErrorKind};

/// The one action that says that the handler has sent the code.
const SENT: &str = "microsoft.graph.otpsend.continuewithdefaultbehavior";

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(rename = "@odata.type")]
    odata_type: String,
}

/// Judges the status. `Ok` means that the body decides.
pub(super) fn judge_status(status: StatusCode) -> Result<(), SendError> {
    let kind = match status.as_u16() {
        200 => return Ok(()),
        300..=399 | 401 | 403 | 404 | 405 => SendErrorKind::Setup,
        425 | 429 | 503 => SendErrorKind::Transient,
        // A gateway that gave up may have passed the request on, and a handler that broke may have
        // sent the code before.
        408 | 500..=599 => SendErrorKind::Unknown,
        // A handler that answers anything else than 200 has not understood, or has refused.
        _ => SendErrorKind::Permanent,
    };
    let hint = match status.as_u16() {
        300..=399 => "; redirects are not followed, so give the final URL",
        401 | 403 => "; check the key in the URL, or the access token",
        404 | 405 => "; check the path of the URL",
        _ => "",
    };
    Err(SendError::new(kind, format!("webhook: the handler answered {}{hint}", status.as_u16())))
}

/// Judges the body of an answer with status 200. Even if the body is not valid, the handler may
/// have sent the code. Every failure is therefore `Unknown`, and the courier repeats the request at
/// most once.
pub(super) fn judge_body(content_type: Option<&str>, body: &[u8]) -> Result<(), SendError> {
    let unknown = |words: &str| Err(SendError::new(SendErrorKind::Unknown, words));
    let media = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        return unknown("webhook: the handler's answer is not application/json");
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(Answer { data: Data { actions } }) = serde_json::from_slice(body) else {
        return unknown("webhook: the handler's answer has no list `data.actions`");
    };
    match actions.as_slice() {
        [action] if action.odata_type.trim_start_matches('#').eq_ignore_ascii_case(SENT) => Ok(()),
        [_] => unknown("webhook: the handler's action is not OtpSend.continueWithDefaultBehavior"),
        _ => unknown("webhook: the handler's answer must have exactly one action"),
    }
}
