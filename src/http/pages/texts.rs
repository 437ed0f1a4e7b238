//! The texts of the pages, which `words/` gives in each language.

/// The words of every page. Values replace `{…}`, and `[…]` becomes a link.
#[derive(Debug)]
pub(super) struct PageWords {
    /// Label.
    pub(super) address: &'static str,
    /// Button.
    pub(super) again: &'static str,
    /// Status.
    pub(super) available: &'static str,
    /// Link.
    pub(super) back: &'static str,
    /// Error.
    pub(super) bad_address: &'static str,
    /// Lead of "please try later" for passwords and tries. `{time}`.
    pub(super) busy_lead: &'static str,
    /// Hint.
    pub(super) caps: &'static str,
    /// Link beside the address.
    pub(super) change: &'static str,
    /// Button.
    pub(super) change_button: &'static str,
    /// Heading.
    pub(super) change_title: &'static str,
    /// Label.
    pub(super) code: &'static str,
    /// Error.
    pub(super) code_exhausted: &'static str,
    /// Next step.
    pub(super) code_exhausted_text: &'static str,
    /// Error.
    pub(super) code_expired: &'static str,
    /// Next step. `{time}`.
    pub(super) code_expired_text: &'static str,
    /// Error at the field.
    pub(super) code_field: &'static str,
    /// Error at the field.
    pub(super) code_field_letters: &'static str,
    /// `{masked}`, `{time}`.
    pub(super) code_lead: &'static str,
    /// `{masked}`, `{time}`.
    pub(super) code_lead_letters: &'static str,
    /// Label.
    pub(super) code_letters: &'static str,
    /// Heading.
    pub(super) code_title: &'static str,
    /// Error.
    pub(super) code_wrong: &'static str,
    /// Next step, with a link.
    pub(super) code_wrong_text: &'static str,
    /// Label.
    pub(super) confirm: &'static str,
    /// Next step.
    pub(super) cookies_text: &'static str,
    /// Heading.
    pub(super) cookies_title: &'static str,
    /// Label.
    pub(super) current_password: &'static str,
    /// Error.
    pub(super) current_wrong: &'static str,
    /// Fact.
    pub(super) done_devices: &'static str,
    /// Button. `{brand}`.
    pub(super) done_go: &'static str,
    /// `{address}`.
    pub(super) done_lead: &'static str,
    /// Hidden word.
    pub(super) done_mark: &'static str,
    /// Fact.
    pub(super) done_note: &'static str,
    /// Next step.
    pub(super) done_sign_in: &'static str,
    /// `{address}` of a user who was signed in before.
    pub(super) done_stay: &'static str,
    /// Heading.
    pub(super) done_title: &'static str,
    /// Before the title of a page that failed.
    pub(super) error_prefix: &'static str,
    /// Button.
    pub(super) forgot: &'static str,
    /// Lead of the entrance for users who forgot the password. `{brand}`.
    pub(super) forgot_lead: &'static str,
    /// Button.
    pub(super) forgot_send: &'static str,
    /// Heading.
    pub(super) forgot_title: &'static str,
    /// Button.
    pub(super) freeze_button: &'static str,
    /// Lead of the question whether to freeze the account.
    pub(super) freeze_confirm_lead: &'static str,
    /// Heading.
    pub(super) freeze_confirm_title: &'static str,
    /// Lead of the page for the code of a notice.
    pub(super) freeze_lead: &'static str,
    /// Link. The mails name it.
    pub(super) freeze_link: &'static str,
    /// Heading.
    pub(super) freeze_title: &'static str,
    /// Error.
    pub(super) freeze_wrong: &'static str,
    /// Next step.
    pub(super) freeze_wrong_text: &'static str,
    /// Button.
    pub(super) frozen_go: &'static str,
    /// The way back.
    pub(super) frozen_lead: &'static str,
    /// Heading.
    pub(super) frozen_title: &'static str,
    /// Button.
    pub(super) go_on: &'static str,
    /// Next step.
    pub(super) gone_text: &'static str,
    /// Heading.
    pub(super) gone_title: &'static str,
    /// Button.
    pub(super) have_code: &'static str,
    /// Link.
    pub(super) help: &'static str,
    /// Reason.
    pub(super) issue_breached: &'static str,
    /// Reason.
    pub(super) issue_characters: &'static str,
    /// Reason.
    pub(super) issue_common: &'static str,
    /// Reason.
    pub(super) issue_kinds: &'static str,
    /// Reason. `{n}`.
    pub(super) issue_long: &'static str,
    /// Reason if a password may contain personal words but must not consist of them.
    pub(super) issue_made_of: &'static str,
    /// Reason.
    pub(super) issue_mismatch: &'static str,
    /// Reason if a password must not contain personal words.
    pub(super) issue_personal: &'static str,
    /// Reason.
    pub(super) issue_same: &'static str,
    /// Reason. `{n}`.
    pub(super) issue_short: &'static str,
    /// Note. `{time}`.
    pub(super) later_after: &'static str,
    /// `{time}`.
    pub(super) later_lead: &'static str,
    /// Heading.
    pub(super) later_title: &'static str,
    /// Note.
    pub(super) locked_after: &'static str,
    /// `{address}`, `{time}`.
    pub(super) locked_lead: &'static str,
    /// Lead of a lockout without an end. `{address}`.
    pub(super) locked_lead_open: &'static str,
    /// Heading.
    pub(super) locked_title: &'static str,
    /// Error.
    pub(super) longer_sent: &'static str,
    /// Lead for a user who must change the password.
    pub(super) must_change_lead: &'static str,
    /// Label.
    pub(super) new_password: &'static str,
    /// Heading.
    pub(super) new_title: &'static str,
    /// Button.
    pub(super) next: &'static str,
    /// Button with the hint of an address.
    pub(super) next_by_email: &'static str,
    /// Button with the hint of a number.
    pub(super) next_by_sms: &'static str,
    /// Next step after too many tries of a proof that the host checks.
    pub(super) next_exhausted_text: &'static str,
    /// Label.
    pub(super) next_host: &'static str,
    /// Next step after such a proof was wrong.
    pub(super) next_host_text: &'static str,
    /// Lead of the choice of the second proof.
    pub(super) next_lead: &'static str,
    /// Lead if the account has no second proof.
    pub(super) next_none: &'static str,
    /// Lead of the page for a second code by mail.
    pub(super) next_sent_email: &'static str,
    /// Lead of the page for a second code by SMS.
    pub(super) next_sent_sms: &'static str,
    /// Heading.
    pub(super) next_title: &'static str,
    /// Heading.
    pub(super) no_change_title: &'static str,
    /// Summary.
    pub(super) nothing: &'static str,
    /// `{brand}`.
    pub(super) off_text: &'static str,
    /// Heading.
    pub(super) off_title: &'static str,
    /// Label.
    pub(super) password: &'static str,
    /// Heading.
    pub(super) password_title: &'static str,
    /// Link.
    pub(super) privacy: &'static str,
    /// 400.
    pub(super) problem_bad: &'static str,
    /// 403.
    pub(super) problem_cross_site: &'static str,
    /// 503.
    pub(super) problem_down: &'static str,
    /// 404.
    pub(super) problem_missing: &'static str,
    /// Heading.
    pub(super) problem_title: &'static str,
    /// `{id}`.
    pub(super) reference: &'static str,
    /// Error.
    pub(super) rejected: &'static str,
    /// Error at the field.
    pub(super) rejected_field: &'static str,
    /// Button.
    pub(super) resend: &'static str,
    /// Status. `{masked}`.
    pub(super) resent: &'static str,
    /// Button.
    pub(super) reset: &'static str,
    /// Requirement.
    pub(super) rule_common: &'static str,
    /// Requirement.
    pub(super) rule_kinds: &'static str,
    /// Requirement that replaces `rule_common` if leaked passwords are looked up.
    pub(super) rule_leaked: &'static str,
    /// `{n}`.
    pub(super) rule_length: &'static str,
    /// Requirement if a password may contain personal words but must not consist of them.
    pub(super) rule_made_of: &'static str,
    /// Requirement.
    pub(super) rule_match: &'static str,
    /// Requirement if a password must not contain personal words.
    pub(super) rule_personal: &'static str,
    /// Name of the eye.
    pub(super) show_password: &'static str,
    /// Button.
    pub(super) sign_in: &'static str,
    /// `{brand}`.
    pub(super) sign_in_lead: &'static str,
    /// Heading.
    pub(super) sign_in_title: &'static str,
    /// Error at the field.
    pub(super) sms_field: &'static str,
    /// Error at the field.
    pub(super) sms_field_letters: &'static str,
    /// `{masked}`, `{time}`.
    pub(super) sms_lead: &'static str,
    /// `{masked}`, `{time}`.
    pub(super) sms_lead_letters: &'static str,
    /// `{masked}`.
    pub(super) sms_resent: &'static str,
    /// Tip.
    pub(super) sms_tip: &'static str,
    /// Next step, with a link.
    pub(super) sms_wrong_text: &'static str,
    /// `{n}`.
    pub(super) step: &'static str,
    /// Lead of the page for a code of staff.
    pub(super) support_lead: &'static str,
    /// Link.
    pub(super) support_link: &'static str,
    /// Heading.
    pub(super) support_title: &'static str,
    /// Error.
    pub(super) support_wrong: &'static str,
    /// Next step.
    pub(super) support_wrong_text: &'static str,
    /// Tip with a link.
    pub(super) tip_address: &'static str,
    /// Tip.
    pub(super) tip_letters: &'static str,
    /// Tip.
    pub(super) tip_longer: &'static str,
    /// Tip.
    pub(super) tip_newest: &'static str,
    /// Tip with a link. `{providers}`.
    pub(super) tip_other: &'static str,
    /// Tip.
    pub(super) tip_time: &'static str,
    /// Hidden word.
    pub(super) todo_mark: &'static str,
    /// After a wrong code. `{n}`.
    pub(super) tries_more: &'static str,
    /// After a wrong code.
    pub(super) tries_one: &'static str,
    /// After a wrong code.
    pub(super) tries_two: &'static str,
    /// `{n}`.
    pub(super) wait: &'static str,
    /// Button.
    pub(super) way_email: &'static str,
    /// Lead of the choice how to get the code.
    pub(super) way_lead: &'static str,
    /// Link.
    pub(super) way_link: &'static str,
    /// Button.
    pub(super) way_sms: &'static str,
    /// Heading.
    pub(super) way_title: &'static str,
    /// Error.
    pub(super) wrong: &'static str,
    /// Next step if no reset is offered.
    pub(super) wrong_only: &'static str,
    /// Next step.
    pub(super) wrong_text: &'static str,
}
