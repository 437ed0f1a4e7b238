//! Spanish, formal. It avoids words that differ between Spain and America if possible.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, TextWords,
    Words, say,
};

pub(super) static WORDS: Words = Words {
    account: NoticeWords {
        heading: say("Novedades de su cuenta"),
        lead: say(""),
        lead_text: None,
        not_you: say("¿No ha sido usted?"),
        not_you_answer: say(
            "Es posible que alguien haya hablado con el servicio de asistencia en su nombre. Avise \
             al servicio de asistencia y ponga una contraseña nueva: abra {brand} como siempre y \
             elija «¿Ha olvidado la contraseña?».",
        ),
        not_you_answer_text: None,
        preheader: say("Si ya lo sabía, no tiene que hacer nada."),
        subject: say("Novedades de su cuenta de {brand}"),
        was_you: say("¿Ya lo sabía?"),
        was_you_answer: say("Entonces no tiene que hacer nada."),
    },
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
    changed_by_text: CauseWords {
        lead: say(
            "Se cambió el {date} a las {time} (UTC) con un código enviado a su teléfono. Se ha cerrado la sesión en todos los demás dispositivos.",
        ),
        lead_text: Some(say(
            "La contraseña de su cuenta de {brand} se cambió el {date} a las {time} (UTC) con un código enviado a su teléfono. Se ha cerrado la sesión en todos los demás dispositivos.",
        )),
        not_you_answer: Some(say(
            "Es posible que alguien pueda leer los mensajes que llegan a su teléfono. Hable primero con su operador. Después abra {brand} como siempre y elija «¿Ha olvidado la contraseña?».",
        )),
        not_you_answer_text: None,
    },
    changed_by_user: CauseWords {
        lead: say(
            "La cambió el {date} a las {time} (UTC) alguien que conocía la contraseña actual. Se \
             ha cerrado la sesión en todos los demás dispositivos.",
        ),
        lead_text: Some(say(
            "La contraseña de su cuenta de {brand} la cambió el {date} a las {time} (UTC) alguien \
             que conocía la contraseña actual. Se ha cerrado la sesión en todos los demás \
             dispositivos.",
        )),
        not_you_answer: Some(say(
            "Alguien conoce su contraseña. Abra {brand} como siempre y elija «¿Ha olvidado la \
             contraseña?».",
        )),
        not_you_answer_text: None,
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
    changed_to_temporary: CauseWords {
        lead: say(
            "El {date} a las {time} (UTC), el servicio de asistencia estableció una contraseña \
             provisional para su cuenta. Se ha cerrado la sesión en todos los dispositivos. La \
             próxima vez que inicie sesión elegirá una contraseña nueva.",
        ),
        lead_text: Some(say(
            "El {date} a las {time} (UTC), el servicio de asistencia estableció una contraseña \
             provisional para su cuenta de {brand}. Se ha cerrado la sesión en todos los \
             dispositivos. La próxima vez que inicie sesión elegirá una contraseña nueva.",
        )),
        not_you_answer: Some(say(
            "Es posible que alguien haya hablado con el servicio de asistencia en su nombre. Abra \
             {brand} como siempre y elija «¿Ha olvidado la contraseña?». Después avise al \
             servicio de asistencia.",
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
    changed_with_help: CauseWords {
        lead: say(
            "Se cambió el {date} a las {time} (UTC) con un código que el servicio de asistencia \
             entregó a petición. Se ha cerrado la sesión en todos los demás dispositivos.",
        ),
        lead_text: Some(say(
            "La contraseña de su cuenta de {brand} se cambió el {date} a las {time} (UTC) con un \
             código que el servicio de asistencia entregó a petición. Se ha cerrado la sesión en \
             todos los demás dispositivos.",
        )),
        not_you_answer: Some(say(
            "Es posible que alguien haya hablado con el servicio de asistencia en su nombre. Abra \
             {brand} como siempre y elija «¿Ha olvidado la contraseña?». Después avise al \
             servicio de asistencia.",
        )),
        not_you_answer_text: None,
    },
    change_required: say(
        "El {date} a las {time} (UTC), el servicio de asistencia indicó que usted debe elegir \
             una contraseña nueva para su cuenta de {brand} la próxima vez que inicie sesión.",
    ),
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
    freeze: say(
        "También puede bloquear la cuenta ahora mismo, para que nadie pueda iniciar sesión. Abra \
         {brand} como siempre, elija «Bloquear mi cuenta» y escriba este código. Sirve durante \
         tres días.",
    ),
    frozen: CauseWords {
        lead: say(
            "El {date} a las {time} (UTC) se bloqueó su cuenta de {brand} con el código de un \
                 mensaje anterior. Nadie puede iniciar sesión. Para recuperarla, abra {brand} como \
                 siempre, elija «¿Ha olvidado la contraseña?» e indique esta dirección.",
        ),
        lead_text: None,
        not_you_answer: Some(say(
            "Alguien ha leído un mensaje anterior dirigido a usted. Cambie primero la \
             contraseña del buzón. Después recupere la cuenta.",
        )),
        not_you_answer_text: None,
    },
    help_offered: say(
        "El {date} a las {time} (UTC), el servicio de asistencia creó un código para su cuenta \
             de {brand}. Quien tenga el código puede elegir una contraseña nueva.",
    ),
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
    pause_ended: say(
        "El {date} a las {time} (UTC), el servicio de asistencia terminó una pausa del inicio \
             de sesión en su cuenta de {brand}. La pausa se debía a demasiadas contraseñas \
             erróneas.",
    ),
    providers: ProviderWords {
        comma: say(", "),
        email_code: say("un código enviado por correo"),
        or: say(" o "),
        other: say("el proveedor de identidad habitual"),
    },
    text: TextWords {
        changed: say(
            "Su clave de {brand} se ha cambiado el {date} a las {time} UTC. Si no ha sido usted, abra {brand} como siempre y pida una clave nueva.",
        ),
        code: say("{code} es su clave de {brand}. Vale {lifetime}."),
        warning: say("No se la dé a nadie."),
    },
    unfrozen: say(
        "El {date} a las {time} (UTC), el servicio de asistencia desbloqueó su cuenta de \
             {brand}. La contraseña es la misma de antes.",
    ),
};
