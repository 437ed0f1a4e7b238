//! German, formal.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, Words, say,
};

pub(super) static WORDS: Words = Words {
    changed: NoticeWords {
        heading: say("Ihr Passwort wurde geändert"),
        lead: say("Es wurde am {date} um {time} Uhr (UTC) mit einem Code geändert, der an diese \
             Adresse gesendet wurde. Alle anderen Geräte wurden abgemeldet."),
        lead_text: Some(say(
            "Das Passwort Ihres Kontos bei {brand} wurde am {date} um {time} Uhr (UTC) mit \
             einem Code geändert, der an diese Adresse gesendet wurde. Alle anderen Geräte \
             wurden abgemeldet.",
        )),
        not_you: say("Waren Sie das nicht?"),
        not_you_answer: say(
            "Dann kann vielleicht jemand Ihre E-Mails lesen. Ändern Sie zuerst das Passwort \
             Ihres Postfachs. Öffnen Sie danach {brand} wie gewohnt und wählen Sie „Passwort \
             vergessen?“.",
        ),
        not_you_answer_text: None,
        preheader: say("Wenn Sie das waren, ist nichts weiter zu tun."),
        subject: say("Ihr Passwort bei {brand} wurde geändert"),
        was_you: say("Waren Sie das?"),
        was_you_answer: say("Dann ist nichts weiter zu tun."),
    },
    changed_elsewhere: CauseWords {
        lead: say("Es wurde am {date} um {time} Uhr (UTC) mit einem Code geändert, der an eine \
             andere Adresse Ihres Kontos gesendet wurde. Alle anderen Geräte wurden abgemeldet."),
        lead_text: Some(say(
            "Das Passwort Ihres Kontos bei {brand} wurde am {date} um {time} Uhr (UTC) mit \
             einem Code geändert, der an eine andere Adresse Ihres Kontos gesendet wurde. Alle \
             anderen Geräte wurden abgemeldet.",
        )),
        not_you_answer: Some(say(
            "Dann kann vielleicht jemand lesen, was an diese andere Adresse gesendet wird. Ändern \
             Sie zuerst das Passwort jenes Postfachs. Öffnen Sie danach {brand} wie gewohnt und \
             wählen Sie „Passwort vergessen?“.",
        )),
        not_you_answer_text: None,
    },
    changed_unknown: CauseWords {
        lead: say("Es wurde am {date} um {time} Uhr (UTC) geändert. Alle anderen Geräte wurden \
             abgemeldet."),
        lead_text: Some(say(
            "Das Passwort Ihres Kontos bei {brand} wurde am {date} um {time} Uhr (UTC) geändert. \
             Alle anderen Geräte wurden abgemeldet.",
        )),
        not_you_answer: None,
        not_you_answer_text: None,
    },
    dates: DateWords {
        date: say("{day}.\u{a0}{month} {year}"),
        first_day: say("1"),
        months: [
            say("Januar"),
            say("Februar"),
            say("März"),
            say("April"),
            say("Mai"),
            say("Juni"),
            say("Juli"),
            say("August"),
            say("September"),
            say("Oktober"),
            say("November"),
            say("Dezember"),
        ],
        time: say("{hour}:{minute}"),
    },
    footer: say("Automatisch versendet; Antworten werden nicht gelesen."),
    minutes: MinuteForms::two("1\u{a0}Minute", "{n}\u{a0}Minuten"),
    no_link: say("Diese Nachricht enthält absichtlich keinen Link."),
    no_password: NoticeWords {
        heading: say("Hier haben Sie kein Passwort"),
        lead: say(
            "Jemand möchte das Passwort Ihres Kontos bei {brand} zurücksetzen. Es hat keines: \
             Sie melden sich mit {providers} an.",
        ),
        lead_text: None,
        not_you: say("Waren Sie das nicht?"),
        not_you_answer: say("Dann ignorieren Sie diese Nachricht. Es wurde nichts geändert."),
        not_you_answer_text: None,
        preheader: say("Sie melden sich anders an; es gibt nichts zurückzusetzen."),
        subject: say("Ihr Konto bei {brand} hat kein Passwort"),
        was_you: say("Waren Sie das?"),
        was_you_answer: say(
            "Dann öffnen Sie {brand} wie gewohnt und melden Sie sich auf diese Weise an.",
        ),
    },
    passcode: PasscodeWords {
        heading: say("Ihr Code"),
        lead: say(
            "Jemand möchte das Passwort Ihres Kontos bei {brand} zurücksetzen. Geben Sie diesen \
             Code auf der Seite ein, die danach gefragt hat.",
        ),
        lead_text: Some(say("Jemand möchte das Passwort Ihres Kontos bei {brand} zurücksetzen.\n\
             Geben Sie diesen Code auf der Seite ein, die danach gefragt hat:")),
        not_you: say("Waren Sie das nicht?"),
        not_you_answer: say(
            "Dann ignorieren Sie diese Nachricht. Ihr Passwort bleibt, wie es ist, und ohne \
             diesen Code kommt niemand in Ihr Konto. Geben Sie ihn an niemanden weiter.",
        ),
        preheader: say("{code} ist Ihr Code. Er ist {lifetime} gültig."),
        subject: say("Ihr Code für {brand}"),
        subject_with_code: say("{code} ist Ihr Code für {brand}"),
        validity: say("Er ist {lifetime} gültig und nur einmal verwendbar."),
    },
    providers: ProviderWords {
        comma: say(", "),
        email_code: say("einem Code per E-Mail"),
        or: say(" oder "),
        other: say("einem anderen Anbieter"),
    },
};
