//! Arabic. Sentences begin with an Arabic word, so that a mail program that guesses the direction
//! from the first letter is right.

use super::texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, Words, say,
};

pub(super) static WORDS: Words = Words {
    changed: NoticeWords {
        heading: say("تم تغيير كلمة المرور"),
        lead: say(
            "تم تغييرها في {date} الساعة {time} بالتوقيت العالمي المنسق، باستخدام رمز أُرسل إلى \
             هذا العنوان. وتم تسجيل الخروج من جميع الأجهزة الأخرى.",
        ),
        lead_text: Some(say(
            "تم تغيير كلمة المرور لحسابك لدى {brand} في {date} الساعة {time} بالتوقيت العالمي \
             المنسق، باستخدام رمز أُرسل إلى هذا العنوان. وتم تسجيل الخروج من جميع الأجهزة \
             الأخرى.",
        )),
        not_you: say("لم تكن أنت؟"),
        not_you_answer: say(
            "ربما يستطيع شخص آخر قراءة بريدك الإلكتروني. غيّر أولًا كلمة المرور لصندوق بريدك. \
             ثم افتح {brand} كعادتك واختر «هل نسيت كلمة المرور؟».",
        ),
        not_you_answer_text: None,
        preheader: say("إذا كنت أنت من غيّرها، فلا يلزمك فعل أي شيء."),
        subject: say("تم تغيير كلمة المرور لحسابك لدى {brand}"),
        was_you: say("هل كنت أنت؟"),
        was_you_answer: say("إذن لا يلزمك فعل أي شيء."),
    },
    changed_elsewhere: CauseWords {
        lead: say(
            "تم تغييرها في {date} الساعة {time} بالتوقيت العالمي المنسق، باستخدام رمز أُرسل إلى \
             عنوان آخر من عناوين حسابك. وتم تسجيل الخروج من جميع الأجهزة الأخرى.",
        ),
        lead_text: Some(say(
            "تم تغيير كلمة المرور لحسابك لدى {brand} في {date} الساعة {time} بالتوقيت العالمي \
             المنسق، باستخدام رمز أُرسل إلى عنوان آخر من عناوين هذا الحساب. وتم تسجيل الخروج من \
             جميع الأجهزة الأخرى.",
        )),
        not_you_answer: Some(say(
            "ربما يستطيع شخص آخر قراءة ما يُرسل إلى ذلك العنوان الآخر. غيّر أولًا كلمة المرور \
             لصندوق ذلك البريد. ثم افتح {brand} كعادتك واختر «هل نسيت كلمة المرور؟».",
        )),
        not_you_answer_text: None,
    },
    changed_unknown: CauseWords {
        lead: say(
            "تم تغييرها في {date} الساعة {time} بالتوقيت العالمي المنسق. وتم تسجيل الخروج من \
             جميع الأجهزة الأخرى.",
        ),
        lead_text: Some(say(
            "تم تغيير كلمة المرور لحسابك لدى {brand} في {date} الساعة {time} بالتوقيت العالمي \
             المنسق. وتم تسجيل الخروج من جميع الأجهزة الأخرى.",
        )),
        not_you_answer: None,
        not_you_answer_text: None,
    },
    dates: DateWords {
        date: say("{day}\u{a0}{month} {year}"),
        first_day: say("1"),
        months: [
            say("يناير"),
            say("فبراير"),
            say("مارس"),
            say("أبريل"),
            say("مايو"),
            say("يونيو"),
            say("يوليو"),
            say("أغسطس"),
            say("سبتمبر"),
            say("أكتوبر"),
            say("نوفمبر"),
            say("ديسمبر"),
        ],
        time: say("{hour}:{minute}"),
    },
    footer: say("أُرسلت هذه الرسالة تلقائيًا، ولا تُقرأ الردود عليها."),
    minutes: MinuteForms {
        few: say("{n}\u{a0}دقائق"),
        many: say("{n}\u{a0}دقيقة"),
        one: say("دقيقة واحدة"),
        other: say("{n}\u{a0}دقيقة"),
        two: say("دقيقتين"),
    },
    no_link: say("تعمّدنا ألا تتضمن هذه الرسالة أي رابط."),
    no_password: NoticeWords {
        heading: say("ليست لك كلمة مرور هنا"),
        lead: say(
            "طلب أحدهم إعادة تعيين كلمة المرور لحسابك لدى {brand}. ليست لهذا الحساب كلمة مرور، \
             فأنت تسجّل الدخول عبر {providers}.",
        ),
        lead_text: None,
        not_you: say("لم تكن أنت؟"),
        not_you_answer: say("تجاهل هذه الرسالة. لم يتغير أي شيء."),
        not_you_answer_text: None,
        preheader: say("أنت تسجّل الدخول بطريقة أخرى، فلا شيء يحتاج إلى إعادة تعيين."),
        subject: say("ليست لحسابك لدى {brand} كلمة مرور"),
        was_you: say("هل كنت أنت؟"),
        was_you_answer: say("إذن افتح {brand} كعادتك وسجّل الدخول بتلك الطريقة."),
    },
    passcode: PasscodeWords {
        heading: say("رمزك"),
        lead: say(
            "طلب أحدهم إعادة تعيين كلمة المرور لحسابك لدى {brand}. أدخل هذا الرمز في الصفحة \
             التي طلبته.",
        ),
        lead_text: Some(say(
            "طلب أحدهم إعادة تعيين كلمة المرور لحسابك لدى {brand}. أدخل هذا الرمز في الصفحة \
             التي طلبته:",
        )),
        not_you: say("لم تطلب ذلك؟"),
        not_you_answer: say(
            "تجاهل هذه الرسالة. تبقى كلمة المرور كما هي، ولا يستطيع أحد الدخول من دون هذا \
             الرمز. لا تعطه لأي شخص.",
        ),
        preheader: say("رمزك: {code}. يظل صالحًا مدة {lifetime}."),
        subject: say("رمزك لدى {brand}"),
        subject_with_code: say("رمزك {code} لدى {brand}"),
        validity: say("يظل الرمز صالحًا مدة {lifetime} ولمرة واحدة فقط."),
    },
    providers: ProviderWords {
        comma: say(" أو "),
        email_code: say("رمز يُرسل بالبريد الإلكتروني"),
        or: say(" أو "),
        other: say("مزوّد آخر"),
    },
};
