//! German, formal.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, TextWords,
    Words, say,
};

pub(super) static WORDS: Words = Words {
    account: NoticeWords {
        heading: say("Neues zu Ihrem Konto"),
        lead: say(""),
        lead_text: None,
        not_you: say("Waren Sie das nicht?"),
        not_you_answer: say(
            "Dann hat vielleicht jemand in Ihrem Namen mit dem Support gesprochen. Melden Sie sich \
             beim Support und setzen Sie ein neues Passwort: Öffnen Sie {brand} wie gewohnt und \
             wählen Sie „Passwort vergessen?“.",
        ),
        not_you_answer_text: None,
        preheader: say("Wenn Sie davon wissen, ist nichts weiter zu tun."),
        subject: say("Neues zu Ihrem Konto bei {brand}"),
        was_you: say("Wissen Sie davon?"),
        was_you_answer: say("Dann ist nichts weiter zu tun."),
    },
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
    changed_by_text: CauseWords {
        lead: say(
            "Es wurde am {date} um {time} Uhr (UTC) mit einem Code geändert, der an Ihr Telefon gesendet wurde. Alle anderen Geräte wurden abgemeldet.",
        ),
        lead_text: Some(say(
            "Das Passwort Ihres Kontos bei {brand} wurde am {date} um {time} Uhr (UTC) mit einem Code geändert, der an Ihr Telefon gesendet wurde. Alle anderen Geräte wurden abgemeldet.",
        )),
        not_you_answer: Some(say(
            "Dann kann vielleicht jemand lesen, was an Ihr Telefon gesendet wird. Sprechen Sie zuerst mit Ihrem Telefonanbieter. Öffnen Sie danach {brand} wie gewohnt und wählen Sie „Passwort vergessen?“.",
        )),
        not_you_answer_text: None,
    },
    changed_by_user: CauseWords {
        lead: say(
            "Es wurde am {date} um {time} Uhr (UTC) von jemandem geändert, der das bisherige \
             Passwort kannte. Alle anderen Geräte wurden abgemeldet.",
        ),
        lead_text: Some(say(
            "Das Passwort Ihres Kontos bei {brand} wurde am {date} um {time} Uhr (UTC) von \
             jemandem geändert, der das bisherige Passwort kannte. Alle anderen Geräte wurden \
             abgemeldet.",
        )),
        not_you_answer: Some(say(
            "Dann kennt jemand Ihr Passwort. Öffnen Sie {brand} wie gewohnt und wählen Sie \
             „Passwort vergessen?“.",
        )),
        not_you_answer_text: None,
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
    changed_to_temporary: CauseWords {
        lead: say(
            "Der Support hat am {date} um {time} Uhr (UTC) ein vorläufiges Passwort für Ihr Konto \
             festgelegt. Alle Geräte wurden abgemeldet. Bei der nächsten Anmeldung wählen Sie ein \
             neues Passwort.",
        ),
        lead_text: Some(say(
            "Der Support hat am {date} um {time} Uhr (UTC) ein vorläufiges Passwort für Ihr Konto \
             bei {brand} festgelegt. Alle Geräte wurden abgemeldet. Bei der nächsten Anmeldung \
             wählen Sie ein neues Passwort.",
        )),
        not_you_answer: Some(say(
            "Dann hat vielleicht jemand in Ihrem Namen mit dem Support gesprochen. Öffnen Sie \
             {brand} wie gewohnt und wählen Sie „Passwort vergessen?“. Melden Sie sich danach \
             beim Support.",
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
    changed_with_help: CauseWords {
        lead: say(
            "Es wurde am {date} um {time} Uhr (UTC) mit einem Code geändert, den der Support auf \
             Anfrage herausgegeben hat. Alle anderen Geräte wurden abgemeldet.",
        ),
        lead_text: Some(say(
            "Das Passwort Ihres Kontos bei {brand} wurde am {date} um {time} Uhr (UTC) mit einem \
             Code geändert, den der Support auf Anfrage herausgegeben hat. Alle anderen Geräte \
             wurden abgemeldet.",
        )),
        not_you_answer: Some(say(
            "Dann hat vielleicht jemand in Ihrem Namen mit dem Support gesprochen. Öffnen Sie \
             {brand} wie gewohnt und wählen Sie „Passwort vergessen?“. Melden Sie sich danach \
             beim Support.",
        )),
        not_you_answer_text: None,
    },
    change_required: say(
        "Der Support hat am {date} um {time} Uhr (UTC) festgelegt, dass Sie für Ihr Konto bei \
             {brand} bei der nächsten Anmeldung ein neues Passwort wählen.",
    ),
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
    freeze: say(
        "Sie können das Konto auch sofort einfrieren, sodass sich niemand mehr anmelden kann. \
         Öffnen Sie {brand} wie gewohnt, wählen Sie „Mein Konto einfrieren“ und geben Sie diesen \
         Code ein. Er gilt drei Tage.",
    ),
    frozen: CauseWords {
        lead: say(
            "Ihr Konto bei {brand} wurde am {date} um {time} Uhr (UTC) mit dem Code aus einer \
                 früheren Nachricht eingefroren. Niemand kann sich anmelden. So erhalten Sie es zurück: \
                 Öffnen Sie {brand} wie gewohnt, wählen Sie „Passwort vergessen?“ und geben Sie diese \
                 Adresse ein.",
        ),
        lead_text: None,
        not_you_answer: Some(say(
            "Dann hat jemand eine frühere Nachricht an Sie gelesen. Ändern Sie zuerst das \
             Passwort Ihres Postfachs. Holen Sie sich danach das Konto zurück.",
        )),
        not_you_answer_text: None,
    },
    help_offered: say(
        "Der Support hat am {date} um {time} Uhr (UTC) einen Code für Ihr Konto bei {brand} \
             erstellt. Wer den Code hat, kann ein neues Passwort wählen.",
    ),
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
    pause_ended: say(
        "Der Support hat am {date} um {time} Uhr (UTC) eine Pause der Anmeldung für Ihr Konto \
             bei {brand} beendet. Die Pause kam von zu vielen falschen Passwörtern.",
    ),
    providers: ProviderWords {
        comma: say(", "),
        email_code: say("einem Code per E-Mail"),
        or: say(" oder "),
        other: say("einem anderen Anbieter"),
    },
    text: TextWords {
        changed: say(
            "Ihr Passwort für {brand} wurde am {date} um {time} UTC geändert. Waren Sie das nicht? Dann wählen Sie bei {brand} \"Passwort vergessen?\".",
        ),
        code: say("{code} ist Ihr Code für {brand}. Er ist {lifetime} gültig."),
        warning: say("Geben Sie ihn an niemanden weiter."),
    },
    unfrozen: say("Der Support hat Ihr Konto bei {brand} am {date} um {time} Uhr (UTC) wieder \
             freigegeben. Das Passwort ist dasselbe wie vorher."),
};
