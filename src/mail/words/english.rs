//! English.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, TextWords,
    Words, say,
};

pub(super) static WORDS: Words = Words {
    account: NoticeWords {
        heading: say("News about your account"),
        lead: say(""),
        lead_text: None,
        not_you: say("Not you?"),
        not_you_answer: say(
            "Someone may have spoken to support in your name. Tell support, and choose a new \
             password: open {brand} as you always do and choose “Forgot password?”.",
        ),
        not_you_answer_text: None,
        preheader: say("If you know about it, there is nothing to do."),
        subject: say("News about your {brand} account"),
        was_you: say("Do you know about it?"),
        was_you_answer: say("Then there is nothing to do."),
    },
    changed: NoticeWords {
        heading: say("Your password was changed"),
        lead: say(
            "It was changed on {date} at {time} UTC, with a code sent to this address. Every \
             other device has been signed out.",
        ),
        lead_text: Some(say("The password of your {brand} account was changed on\n\
             {date} at {time} UTC, with a code sent to this address.\n\
             Every other device has been signed out.")),
        not_you: say("Not you?"),
        not_you_answer: say(
            "Someone may be able to read your e-mail. Change the password of your mailbox \
             first. Then open {brand} as you always do and choose “Forgot password?”.",
        ),
        not_you_answer_text: Some(say(
            "Someone may be able to read your e-mail. Change the password\n\
             of your mailbox first. Then open {brand} as you always do and choose\n\
             \"Forgot password?\".",
        )),
        preheader: say("If it was you, there is nothing to do."),
        subject: say("Your {brand} password was changed"),
        was_you: say("Was it you?"),
        was_you_answer: say("Then there is nothing to do."),
    },
    changed_by_text: CauseWords {
        lead: say(
            "It was changed on {date} at {time} UTC, with a code sent to your phone. Every other device has been signed out.",
        ),
        lead_text: Some(say(
            "The password of your {brand} account was changed on\n{date} at {time} UTC, with a code sent to your phone.\nEvery other device has been signed out.",
        )),
        not_you_answer: Some(say(
            "Someone may be able to read the texts that are sent to your phone. Speak to your phone company first. Then open {brand} as you always do and choose “Forgot password?”.",
        )),
        not_you_answer_text: Some(say(
            "Someone may be able to read the texts that are sent to your phone.\nSpeak to your phone company first. Then open {brand} as you always do\nand choose \"Forgot password?\".",
        )),
    },
    changed_by_user: CauseWords {
        lead: say(
            "It was changed on {date} at {time} UTC by someone who knew the current password. \
             Every other device has been signed out.",
        ),
        lead_text: Some(say("The password of your {brand} account was changed on\n\
             {date} at {time} UTC by someone who knew the current\n\
             password. Every other device has been signed out.")),
        not_you_answer: Some(say(
            "Someone knows your password. Open {brand} as you always do and choose “Forgot \
             password?”.",
        )),
        not_you_answer_text: Some(say(
            "Someone knows your password. Open {brand} as you always do\n\
             and choose \"Forgot password?\".",
        )),
    },
    changed_elsewhere: CauseWords {
        lead: say(
            "It was changed on {date} at {time} UTC, with a code sent to another address of your \
             account. Every other device has been signed out.",
        ),
        lead_text: Some(say("The password of your {brand} account was changed on\n\
             {date} at {time} UTC, with a code sent to another address\n\
             of the account. Every other device has been signed out.")),
        not_you_answer: Some(say(
            "Someone may be able to read what is sent to that other address. Change the password \
             of that mailbox first. Then open {brand} as you always do and choose “Forgot \
             password?”.",
        )),
        not_you_answer_text: Some(say("Someone may be able to read what is sent to that other\n\
             address. Change the password of that mailbox first. Then open {brand}\n\
             as you always do and choose \"Forgot password?\".")),
    },
    changed_to_temporary: CauseWords {
        lead: say(
            "On {date} at {time} UTC, support set a temporary password for your account. Every \
             device has been signed out. You choose a new password the next time you sign in.",
        ),
        lead_text: Some(say("On {date} at {time} UTC, support set a temporary password for\n\
             your {brand} account. Every device has been signed out.\n\
             You choose a new password the next time you sign in.")),
        not_you_answer: Some(say(
            "Someone may have spoken to support in your name. Open {brand} as you always do and \
             choose “Forgot password?”. Then tell support.",
        )),
        not_you_answer_text: Some(say(
            "Someone may have spoken to support in your name. Open {brand}\n\
             as you always do and choose \"Forgot password?\". Then tell support.",
        )),
    },
    changed_unknown: CauseWords {
        lead: say(
            "It was changed on {date} at {time} UTC. Every other device has been signed out.",
        ),
        lead_text: Some(say("The password of your {brand} account was changed on\n\
             {date} at {time} UTC.\n\
             Every other device has been signed out.")),
        not_you_answer: None,
        not_you_answer_text: None,
    },
    changed_with_help: CauseWords {
        lead: say(
            "It was changed on {date} at {time} UTC with a code that support gave out by request. \
             Every other device has been signed out.",
        ),
        lead_text: Some(say("The password of your {brand} account was changed on\n\
             {date} at {time} UTC with a code that support gave out\n\
             by request. Every other device has been signed out.")),
        not_you_answer: Some(say(
            "Someone may have spoken to support in your name. Open {brand} as you always do and \
             choose “Forgot password?”. Then tell support.",
        )),
        not_you_answer_text: Some(say(
            "Someone may have spoken to support in your name. Open {brand}\n\
             as you always do and choose \"Forgot password?\". Then tell support.",
        )),
    },
    change_required: say(
        "On {date} at {time} UTC, support marked your {brand} account, so that you choose a new \
             password the next time you sign in.",
    ),
    dates: DateWords {
        date: say("{day} {month} {year}"),
        first_day: say("1"),
        months: [
            say("January"),
            say("February"),
            say("March"),
            say("April"),
            say("May"),
            say("June"),
            say("July"),
            say("August"),
            say("September"),
            say("October"),
            say("November"),
            say("December"),
        ],
        time: say("{hour}:{minute}"),
    },
    footer: say("Sent automatically; replies are not read."),
    freeze: say(
        "You can also freeze the account at once, so that nobody can sign in. Open {brand} as you \
         always do, choose “Freeze my account” and enter this code. It works for three days.",
    ),
    frozen: CauseWords {
        lead: say(
            "On {date} at {time} UTC, your {brand} account was frozen with the code of an earlier \
                 message. Nobody can sign in. To get it back, open {brand} as you always do, choose \
                 “Forgot password?” and enter this address.",
        ),
        lead_text: None,
        not_you_answer: Some(say(
            "Someone else has read an earlier message to you. Change the password of your \
             mailbox first. Then get the account back.",
        )),
        not_you_answer_text: None,
    },
    help_offered: say(
        "On {date} at {time} UTC, support made a code for your {brand} account. Whoever has the \
             code can choose a new password.",
    ),
    minutes: MinuteForms::two("1 minute", "{n} minutes"),
    no_link: say("There is no link in this message on purpose."),
    no_password: NoticeWords {
        heading: say("You have no password here"),
        lead: say(
            "Someone asked to reset the password of your {brand} account. It has none: you sign \
             in with {providers}.",
        ),
        lead_text: None,
        not_you: say("Not you?"),
        not_you_answer: say("Ignore this message. Nothing was changed."),
        not_you_answer_text: None,
        preheader: say("You sign in another way, so there is nothing to reset."),
        subject: say("Your {brand} account has no password"),
        was_you: say("Was it you?"),
        was_you_answer: say("Then open {brand} as you always do and sign in that way."),
    },
    passcode: PasscodeWords {
        heading: say("Your code"),
        lead: say(
            "Someone asked to reset the password of your {brand} account. Enter this code on \
             the page that asked for it.",
        ),
        lead_text: Some(say("Someone asked to reset the password of your {brand} account.\n\
             Enter this code on the page that asked for it:")),
        not_you: say("Not you?"),
        not_you_answer: say("Ignore this message. Your password stays as it is, and\n\
             nobody gets in without this code. Never give it to anyone."),
        preheader: say("{code} is your code. It works for {lifetime}."),
        subject: say("Your {brand} code"),
        subject_with_code: say("{code} is your {brand} code"),
        validity: say("It works for {lifetime} and only once."),
    },
    pause_ended: say(
        "On {date} at {time} UTC, support ended a pause of the sign-in to your {brand} account. \
             The pause came from too many wrong passwords.",
    ),
    providers: ProviderWords {
        comma: say(", "),
        email_code: say("a code sent by e-mail"),
        or: say(" or "),
        other: say("another provider"),
    },
    text: TextWords {
        changed: say(
            "Your {brand} password was changed on {date} at {time} UTC. If it was not you, open {brand} as usual and choose \"Forgot password?\".",
        ),
        code: say("{code} is your {brand} code. It works for {lifetime}."),
        warning: say("Never give it to anyone."),
    },
    unfrozen: say(
        "On {date} at {time} UTC, support ended the freeze of your {brand} account. The \
             password is the same as before.",
    ),
};
