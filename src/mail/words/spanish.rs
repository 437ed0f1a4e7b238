//! Spanish, formal. It avoids words that differ between Spain and America if possible.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, Words, say,
};

pub(super) static WORDS: Words = Words {
    changed: NoticeWords {
        heading: say("Se ha cambiado su contraseña"),
        lead: say(
            "Se cambió el {date} a las {time} (UTC) con un código enviado a esta dirección. Se \
             ha cerrado la sesión en todos los demás dispositivos.",
        ),
        lead_text: Some(say(
            "La contraseña de su cuenta de {brand} se cambió el {date} a las {time} (UTC) con \
             un código enviado a esta dirección. Se ha cerrado la sesión en todos los demás \
             dispositivos.",
        )),
        not_you: say("¿No reconoce este cambio?"),
        not_you_answer: say(
            "Es posible que alguien pueda leer su correo. Cambie primero la contraseña del \
             buzón. Después abra {brand} como siempre y elija «¿Ha olvidado la contraseña?».",
        ),
        not_you_answer_text: None,
        preheader: say("Si reconoce el cambio, no tiene que hacer nada."),
        subject: say("Se ha cambiado su contraseña de {brand}"),
        was_you: say("¿Reconoce este cambio?"),
        was_you_answer: say("Entonces no tiene que hacer nada."),
    },
    changed_elsewhere: CauseWords {
        lead: say(
            "Se cambió el {date} a las {time} (UTC) con un código enviado a otra dirección de su \
             cuenta. Se ha cerrado la sesión en todos los demás dispositivos.",
        ),
        lead_text: Some(say(
            "La contraseña de su cuenta de {brand} se cambió el {date} a las {time} (UTC) con \
             un código enviado a otra dirección de la cuenta. Se ha cerrado la sesión en todos \
             los demás dispositivos.",
        )),
        not_you_answer: Some(say(
            "Es posible que alguien pueda leer el correo de esa otra dirección. Cambie primero la \
             contraseña de ese otro buzón. Después abra {brand} como siempre y elija «¿Ha \
             olvidado la contraseña?».",
        )),
        not_you_answer_text: None,
    },
    changed_unknown: CauseWords {
        lead: say(
            "Se cambió el {date} a las {time} (UTC). Se ha cerrado la sesión en todos los demás \
             dispositivos.",
        ),
        lead_text: Some(say(
            "La contraseña de su cuenta de {brand} se cambió el {date} a las {time} (UTC). Se ha \
             cerrado la sesión en todos los demás dispositivos.",
        )),
        not_you_answer: None,
        not_you_answer_text: None,
    },
    dates: DateWords {
        date: say("{day}\u{a0}de {month} de {year}"),
        first_day: say("1"),
        months: [
            say("enero"),
            say("febrero"),
            say("marzo"),
            say("abril"),
            say("mayo"),
            say("junio"),
            say("julio"),
            say("agosto"),
            say("septiembre"),
            say("octubre"),
            say("noviembre"),
            say("diciembre"),
        ],
        time: say("{hour}:{minute}"),
    },
    footer: say("Mensaje automático; las respuestas no se leen."),
    minutes: MinuteForms::two("1\u{a0}minuto", "{n}\u{a0}minutos"),
    no_link: say("Este mensaje no incluye enlaces de forma intencionada."),
    no_password: NoticeWords {
        heading: say("Aquí no tiene contraseña"),
        lead: say(
            "Alguien ha pedido restablecer la contraseña de su cuenta de {brand}. La cuenta no \
             tiene contraseña: el acceso es con {providers}.",
        ),
        lead_text: None,
        not_you: say("¿No reconoce esta solicitud?"),
        not_you_answer: say("Ignore este mensaje. No se ha cambiado nada."),
        not_you_answer_text: None,
        preheader: say("El acceso es de otra forma; no hay nada que restablecer."),
        subject: say("Su cuenta de {brand} no tiene contraseña"),
        was_you: say("¿Reconoce esta solicitud?"),
        was_you_answer: say("Entonces abra {brand} como siempre y acceda de esa forma."),
    },
    passcode: PasscodeWords {
        heading: say("Su código"),
        lead: say(
            "Alguien ha pedido restablecer la contraseña de su cuenta de {brand}. Introduzca \
             este código en la página que lo ha pedido.",
        ),
        lead_text: Some(say(
            "Alguien ha pedido restablecer la contraseña de su cuenta de {brand}. Introduzca \
             este código en la página que lo ha pedido:",
        )),
        not_you: say("¿No reconoce esta solicitud?"),
        not_you_answer: say(
            "Ignore este mensaje. Su contraseña no cambia y nadie puede entrar sin este código. \
             No lo comparta con nadie.",
        ),
        preheader: say("{code} es su código. Es válido durante {lifetime}."),
        subject: say("Su código de {brand}"),
        subject_with_code: say("{code} es su código de {brand}"),
        validity: say("Es válido durante {lifetime} y sirve una sola vez."),
    },
    providers: ProviderWords {
        comma: say(", "),
        email_code: say("un código enviado por correo"),
        or: say(" o "),
        other: say("el proveedor de identidad habitual"),
    },
};
