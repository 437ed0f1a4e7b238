//! French, formal.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, TextWords,
    Words, say,
};

pub(super) static WORDS: Words = Words {
    account: NoticeWords {
        heading: say("Du nouveau sur votre compte"),
        lead: say(""),
        lead_text: None,
        not_you: say("Ce n’était pas vous\u{a0}?"),
        not_you_answer: say(
            "Il se peut que quelqu’un ait parlé à l’assistance en votre nom. Prévenez l’assistance \
             et choisissez un nouveau mot de passe\u{a0}: ouvrez {brand} comme d’habitude et \
             choisissez «\u{a0}Mot de passe oublié\u{a0}?\u{a0}».",
        ),
        not_you_answer_text: None,
        preheader: say("Si vous êtes au courant, vous n’avez rien à faire."),
        subject: say("Du nouveau sur votre compte {brand}"),
        was_you: say("Vous êtes au courant\u{a0}?"),
        was_you_answer: say("Alors vous n’avez rien à faire."),
    },
    changed: NoticeWords {
        heading: say("Votre mot de passe a été modifié"),
        lead: say("Il a été modifié le {date} à {time} (UTC), à l’aide d’un code envoyé à cette \
             adresse. Tous les autres appareils ont été déconnectés."),
        lead_text: Some(say(
            "Le mot de passe de votre compte {brand} a été modifié le {date} à {time} (UTC), à \
             l’aide d’un code envoyé à cette adresse. Tous les autres appareils ont été \
             déconnectés.",
        )),
        not_you: say("Ce n’était pas vous\u{a0}?"),
        not_you_answer: say(
            "Il se peut que quelqu’un lise vos e-mails. Changez d’abord le mot de passe de \
             votre messagerie. Ouvrez ensuite {brand} comme d’habitude et choisissez «\u{a0}Mot \
             de passe oublié\u{a0}?\u{a0}».",
        ),
        not_you_answer_text: None,
        preheader: say("Si c’était vous, vous n’avez rien à faire."),
        subject: say("Votre mot de passe {brand} a été modifié"),
        was_you: say("C’était vous\u{a0}?"),
        was_you_answer: say("Alors vous n’avez rien à faire."),
    },
    changed_by_text: CauseWords {
        lead: say(
            "Il a été modifié le {date} à {time} (UTC), à l’aide d’un code envoyé à votre téléphone. Tous les autres appareils ont été déconnectés.",
        ),
        lead_text: Some(say(
            "Le mot de passe de votre compte {brand} a été modifié le {date} à {time} (UTC), à l’aide d’un code envoyé à votre téléphone. Tous les autres appareils ont été déconnectés.",
        )),
        not_you_answer: Some(say(
            "Il se peut que quelqu’un lise les messages envoyés à votre téléphone. Parlez d’abord à votre opérateur. Ouvrez ensuite {brand} comme d’habitude et choisissez «\u{a0}Mot de passe oublié\u{a0}?\u{a0}».",
        )),
        not_you_answer_text: None,
    },
    changed_by_user: CauseWords {
        lead: say(
            "Il a été modifié le {date} à {time} (UTC) par une personne qui connaissait le mot de \
             passe actuel. Tous les autres appareils ont été déconnectés.",
        ),
        lead_text: Some(say(
            "Le mot de passe de votre compte {brand} a été modifié le {date} à {time} (UTC) par \
             une personne qui connaissait le mot de passe actuel. Tous les autres appareils ont \
             été déconnectés.",
        )),
        not_you_answer: Some(say(
            "Quelqu’un connaît votre mot de passe. Ouvrez {brand} comme d’habitude et choisissez \
             «\u{a0}Mot de passe oublié\u{a0}?\u{a0}».",
        )),
        not_you_answer_text: None,
    },
    changed_elsewhere: CauseWords {
        lead: say("Il a été modifié le {date} à {time} (UTC), à l’aide d’un code envoyé à une \
             autre adresse de votre compte. Tous les autres appareils ont été déconnectés."),
        lead_text: Some(say(
            "Le mot de passe de votre compte {brand} a été modifié le {date} à {time} (UTC), à \
             l’aide d’un code envoyé à une autre adresse de ce compte. Tous les autres appareils \
             ont été déconnectés.",
        )),
        not_you_answer: Some(say(
            "Il se peut que quelqu’un lise les messages envoyés à cette autre adresse. Changez \
             d’abord le mot de passe de cette autre messagerie. Ouvrez ensuite {brand} comme \
             d’habitude et choisissez «\u{a0}Mot de passe oublié\u{a0}?\u{a0}».",
        )),
        not_you_answer_text: None,
    },
    changed_to_temporary: CauseWords {
        lead: say(
            "Le {date} à {time} (UTC), l’assistance a défini un mot de passe provisoire pour \
             votre compte. Tous les appareils ont été déconnectés. Vous choisirez un nouveau mot \
             de passe à la prochaine connexion.",
        ),
        lead_text: Some(say(
            "Le {date} à {time} (UTC), l’assistance a défini un mot de passe provisoire pour \
             votre compte {brand}. Tous les appareils ont été déconnectés. Vous choisirez un \
             nouveau mot de passe à la prochaine connexion.",
        )),
        not_you_answer: Some(say(
            "Il se peut que quelqu’un ait parlé à l’assistance en votre nom. Ouvrez {brand} comme \
             d’habitude et choisissez «\u{a0}Mot de passe oublié\u{a0}?\u{a0}». Prévenez ensuite \
             l’assistance.",
        )),
        not_you_answer_text: None,
    },
    changed_unknown: CauseWords {
        lead: say("Il a été modifié le {date} à {time} (UTC). Tous les autres appareils ont été \
             déconnectés."),
        lead_text: Some(say(
            "Le mot de passe de votre compte {brand} a été modifié le {date} à {time} (UTC). \
             Tous les autres appareils ont été déconnectés.",
        )),
        not_you_answer: None,
        not_you_answer_text: None,
    },
    changed_with_help: CauseWords {
        lead: say(
            "Il a été modifié le {date} à {time} (UTC), à l’aide d’un code que l’assistance a \
             remis sur demande. Tous les autres appareils ont été déconnectés.",
        ),
        lead_text: Some(say(
            "Le mot de passe de votre compte {brand} a été modifié le {date} à {time} (UTC), à \
             l’aide d’un code que l’assistance a remis sur demande. Tous les autres appareils ont \
             été déconnectés.",
        )),
        not_you_answer: Some(say(
            "Il se peut que quelqu’un ait parlé à l’assistance en votre nom. Ouvrez {brand} comme \
             d’habitude et choisissez «\u{a0}Mot de passe oublié\u{a0}?\u{a0}». Prévenez ensuite \
             l’assistance.",
        )),
        not_you_answer_text: None,
    },
    change_required: say(
        "Le {date} à {time} (UTC), l’assistance a demandé que vous choisissiez un nouveau mot \
             de passe pour votre compte {brand} à la prochaine connexion.",
    ),
    dates: DateWords {
        date: say("{day}\u{a0}{month} {year}"),
        first_day: say("1er"),
        months: [
            say("janvier"),
            say("février"),
            say("mars"),
            say("avril"),
            say("mai"),
            say("juin"),
            say("juillet"),
            say("août"),
            say("septembre"),
            say("octobre"),
            say("novembre"),
            say("décembre"),
        ],
        time: say("{hour}\u{a0}h\u{a0}{minute}"),
    },
    footer: say("Envoi automatique\u{a0}; les réponses ne sont pas lues."),
    freeze: say("Vous pouvez aussi geler le compte tout de suite, pour que personne ne puisse se \
         connecter. Ouvrez {brand} comme d’habitude, choisissez «\u{a0}Geler mon compte\u{a0}» \
         et saisissez ce code. Il est valable trois jours."),
    frozen: CauseWords {
        lead: say(
            "Le {date} à {time} (UTC), votre compte {brand} a été gelé à l’aide du code d’un \
                 message précédent. Personne ne peut se connecter. Pour le récupérer, ouvrez {brand} \
                 comme d’habitude, choisissez «\u{a0}Mot de passe oublié\u{a0}?\u{a0}» et saisissez \
                 cette adresse.",
        ),
        lead_text: None,
        not_you_answer: Some(say(
            "Quelqu’un d’autre a lu un message précédent qui vous était destiné. Changez \
             d’abord le mot de passe de votre messagerie. Récupérez ensuite le compte.",
        )),
        not_you_answer_text: None,
    },
    help_offered: say(
        "Le {date} à {time} (UTC), l’assistance a créé un code pour votre compte {brand}. La \
             personne qui a ce code peut choisir un nouveau mot de passe.",
    ),
    minutes: MinuteForms::two("1\u{a0}minute", "{n}\u{a0}minutes"),
    no_link: say("Ce message ne contient volontairement aucun lien."),
    no_password: NoticeWords {
        heading: say("Vous n’avez pas de mot de passe ici"),
        lead: say(
            "Quelqu’un a demandé à réinitialiser le mot de passe de votre compte {brand}. Il \
             n’en a pas\u{a0}: vous vous connectez avec {providers}.",
        ),
        lead_text: None,
        not_you: say("Ce n’était pas vous\u{a0}?"),
        not_you_answer: say("Ignorez ce message. Rien n’a été modifié."),
        not_you_answer_text: None,
        preheader: say("Vous vous connectez autrement\u{a0}; il n’y a rien à réinitialiser."),
        subject: say("Votre compte {brand} n’a pas de mot de passe"),
        was_you: say("C’était vous\u{a0}?"),
        was_you_answer: say(
            "Alors ouvrez {brand} comme d’habitude et connectez-vous de cette façon.",
        ),
    },
    passcode: PasscodeWords {
        heading: say("Votre code"),
        lead: say("Quelqu’un a demandé à réinitialiser le mot de passe de votre compte {brand}. \
             Saisissez ce code sur la page qui vous l’a demandé."),
        lead_text: Some(say(
            "Quelqu’un a demandé à réinitialiser le mot de passe de votre compte {brand}. \
             Saisissez ce code sur la page qui vous l’a demandé\u{a0}:",
        )),
        not_you: say("Ce n’était pas vous\u{a0}?"),
        not_you_answer: say(
            "Ignorez ce message. Votre mot de passe reste inchangé et personne ne peut entrer \
             sans ce code. Ne le communiquez à personne.",
        ),
        preheader: say("{code} est votre code. Il est valable {lifetime}."),
        subject: say("Votre code {brand}"),
        subject_with_code: say("{code} est votre code {brand}"),
        validity: say("Il est valable {lifetime} et ne sert qu’une seule fois."),
    },
    pause_ended: say(
        "Le {date} à {time} (UTC), l’assistance a mis fin à une suspension de la connexion à \
             votre compte {brand}. Elle venait de trop nombreux mots de passe erronés.",
    ),
    providers: ProviderWords {
        comma: say(", "),
        email_code: say("un code reçu par e-mail"),
        or: say(" ou "),
        other: say("un autre fournisseur"),
    },
    text: TextWords {
        changed: say(
            "Votre mot de passe {brand} a été changé le {date} à {time} UTC. Si ce n'est pas vous, ouvrez {brand} et choisissez \"Mot de passe oublié ?\".",
        ),
        code: say("{code} est votre code {brand}. Il est valable {lifetime}."),
        warning: say("Ne le donnez à personne."),
    },
    unfrozen: say(
        "Le {date} à {time} (UTC), l’assistance a dégelé votre compte {brand}. Le mot de passe \
             est le même qu’avant.",
    ),
};
