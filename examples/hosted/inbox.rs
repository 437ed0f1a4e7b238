//! The mails and text messages that the demonstration would have sent.
//!
//! `GET /inbox.json?to=ADDRESS` answers `[{"id", "to", "subject", "purpose", "text", "code"}]`, the
//! oldest first; without `to`, all of them. `GET /inbox/code?to=ADDRESS` answers the newest passcode
//! as text, or 404 while there is none. A phone number stands for an address in both.

use axum::{
    Json, Router,
    extract::Query,
    http::{StatusCode, header::CONTENT_SECURITY_POLICY},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use sspr::{
    adapters::{CaptureSender, code_in},
    domain::{EmailAddress, PhoneNumber},
    mail::{EmailMessage, MailPurpose},
};

use crate::shop;

type Asked = Query<Vec<(String, String)>>;

pub fn router(inbox: CaptureSender) -> Router {
    let (shown, html, codes) = (inbox.clone(), inbox.clone(), inbox.clone());
    Router::new()
        .route("/inbox/code", get(move |query: Asked| async move { newest_code(&codes, &query) }))
        .route("/inbox.json", get(move |query: Asked| async move { Json(list(&inbox, &query)) }))
        .route("/inbox", get(move |query: Asked| async move { page(&shown, &query) }))
        .route("/inbox/html", get(move |query: Asked| async move { html_part(&html, &query) }))
}

fn asked<'a>(query: &'a Asked, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn newest_code(inbox: &CaptureSender, query: &Asked) -> Response {
    let Some(to) = asked(query, "to") else {
        return (StatusCode::BAD_REQUEST, "to: give an address or a number\n").into_response();
    };
    if let Ok(number) = PhoneNumber::parse(to) {
        return match inbox.last_code_to(&number) {
            Some(code) => code.expose().into_response(),
            None => (StatusCode::NOT_FOUND, "no passcode for this number yet\n").into_response(),
        };
    }
    // As a mail server reads it: however the domain is written.
    let wanted = EmailAddress::parse(to).ok();
    let messages = inbox.messages();
    let mut newest = messages.iter().rev();
    let newest = newest
        .find(|mail| wanted.as_ref() == Some(&mail.to) && mail.purpose == MailPurpose::Passcode);
    match newest.and_then(code_in) {
        Some(code) => code.expose().into_response(),
        None => (StatusCode::NOT_FOUND, "no passcode for this address yet\n").into_response(),
    }
}

fn list(inbox: &CaptureSender, query: &Asked) -> Value {
    let to = asked(query, "to");
    let messages = inbox.messages();
    let messages = messages.iter().enumerate();
    let wanted = messages.filter(|(_, message)| to.is_none_or(|to| message.to.as_str() == to));
    let texts = inbox.texts();
    let texts = texts.iter().filter(|text| to.is_none_or(|to| text.to.as_str() == to));
    let texts = texts.map(|message| {
        json!({
            "to": message.to.as_str(),
            "purpose": if message.code.is_some() { "TextMessage" } else { "TextNotice" },
            "text": &*message.text,
            "code": message.code.as_ref().map(|code| code.as_str()),
        })
    });
    wanted
        .map(|(id, message)| {
            json!({
                "id": id,
                "to": message.to.as_str(),
                "subject": &*message.subject,
                "purpose": format!("{:?}", message.purpose),
                "text": &*message.text,
                "code": code_in(message).map(|code| code.expose()),
            })
        })
        .chain(texts)
        .collect()
}

fn page(inbox: &CaptureSender, query: &Asked) -> Html<String> {
    let messages = inbox.messages();
    let chosen = asked(query, "id").and_then(|id| id.parse().ok());
    let chosen: usize = chosen.unwrap_or(messages.len().saturating_sub(1));
    let mut rows = String::new();
    for (id, message) in messages.iter().enumerate().rev() {
        let current = if id == chosen { " aria-current=\"true\"" } else { "" };
        rows.push_str(&format!(
            "<li><a href=\"?id={id}\"{current}><b>{}</b><span class=\"quiet\">{}</span></a></li>",
            escaped(&message.subject),
            escaped(message.to.as_str())
        ));
    }
    let texts: String = inbox
        .texts()
        .iter()
        .rev()
        .map(|text| {
            let (to, said) = (escaped(text.to.as_str()), escaped(&text.text));
            format!("<article><h2 dir=\"ltr\">{to}</h2><p class=\"plain\">{said}</p></article>")
        })
        .collect();
    let article = messages.get(chosen).map_or_else(String::new, |message| shown(chosen, message));
    let body = format!(
        "<h1>Inbox</h1><p class=\"lead\">Mail that the demo would have sent. It is kept in memory \
         and never leaves this machine.</p><section><nav aria-label=\"Messages\"><ul \
         class=\"mails\">{rows}</ul></nav>{article}</section>{texts}"
    );
    Html(shop::page("Inbox", &body).replace("<body>", "<body class=\"wide\">"))
}

fn shown(id: usize, message: &EmailMessage) -> String {
    format!(
        "<article aria-labelledby=\"subject\"><h2 id=\"subject\">{}</h2><p class=\"quiet\">To <bdi \
         dir=\"ltr\">{}</bdi></p><p class=\"plain\">{}</p><p class=\"quiet\"><a class=\"link\" \
         href=\"/inbox/html?id={id}\">Show the HTML part</a></p></article>",
        escaped(&message.subject),
        escaped(message.to.as_str()),
        escaped(&message.text)
    )
}

fn html_part(inbox: &CaptureSender, query: &Asked) -> Response {
    let messages = inbox.messages();
    let chosen = asked(query, "id").and_then(|id| id.parse::<usize>().ok());
    let html = chosen.and_then(|id| messages.get(id)).map_or("", |message| &message.html);
    // Shown as a mail program shows it: no script, nothing loaded.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    ([(CONTENT_SECURITY_POLICY, policy)], Html(html.to_owned())).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
