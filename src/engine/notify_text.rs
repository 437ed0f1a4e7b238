//! Notices of changed passwords by text.

use core::time::Duration;

use crate::{
    domain::{Account, Charge, Family, Method, Over, PhoneNumber, Recipient},
    error::Error,
    mail::{MailPurpose, TextContent, TextLetter, TextMessage, look_up},
    policy::TenantPolicy,
    ports::{Limit, Notice, SmsSender},
};

use super::{
    reached_limit::limit_among,
    sspr::Inner,
    throttle::{DAY, Throttle},
};

/// How long a notice that was charged once is not charged again, which is longer than it is tried.
const PAID: Duration = Duration::from_secs(14 * 24 * 3600);

/// The state of a notice by text before it is handed over.
pub(super) enum Texting<'a> {
    /// This process does not know the tenant, or sends no such texts. Another process may.
    Elsewhere,
    /// A limit keeps the notice back for now.
    Limited(Limit),
    /// The tenant does not send texts to the number now.
    NotServed,
    /// The text can be handed over.
    Ready(&'a dyn SmsSender, Box<TextMessage>),
}

/// The charges of one notice by text.
struct NoticeCharges {
    /// They are refused if the notice was charged before.
    once: Vec<Charge>,
    limited: Vec<(Limit, Charge)>,
}

impl Inner {
    /// Returns where the notices of a changed password go: to every destination, and to every phone
    /// that the tenant sends texts to. A frozen account has no such phone, because a thief may have put
    /// it on file.
    pub(super) fn recipients(
        &self,
        policy: &TenantPolicy,
        account: &Account,
    ) -> impl Iterator<Item = Recipient> {
        let sends = self.offers(Method::Sms, policy) && self.notices_by_text().is_some();
        let phones = sends.then(|| policy.phones(account).cloned()).into_iter().flatten();
        account
            .destinations()
            .iter()
            .cloned()
            .map(Recipient::from)
            .chain(phones.map(Recipient::from))
    }

    /// Charges a notice to one phone, and composes its text.
    pub(super) async fn text_notice(
        &self,
        number: &PhoneNumber,
        notice: &Notice,
    ) -> Result<Texting<'_>, Error> {
        let policy = self.policy(&notice.tenant)?;
        let Some((policy, sender)) = policy.zip(self.notices_by_text()) else {
            return Ok(Texting::Elsewhere);
        };
        if !self.offers(Method::Sms, &policy) || !policy.serves(number) {
            return Ok(Texting::NotServed);
        }
        let throttle = self.throttle(notice.tenant.tag(), policy.limits());
        let charges = throttle.notice_text(number, notice);
        let all = charges.once.iter().chain(charges.limited.iter().map(|(_, charge)| charge));
        let all: Vec<Charge> = all.copied().collect();
        let over = self.codes.charge(&all, self.clock.now()).await?;
        if let Some(limit) = charges.refused(&over) {
            return Ok(Texting::Limited(limit));
        }
        let wanted: Vec<_> = notice.language.iter().collect();
        let (brand, language) = (policy.brand(), look_up(&wanted, policy.languages()));
        let content = TextContent::PasswordChanged { at: notice.at };
        let text = self.templates.text(&TextLetter { brand, content, language });
        let message = TextMessage {
            application: None,
            code: None,
            correlation: notice.correlation.clone(),
            from_name: brand.name().to_owned(),
            language: language.into(),
            purpose: MailPurpose::PasswordChanged,
            tenant: notice.tenant.clone(),
            text,
            to: number.clone(),
        };
        Ok(Texting::Ready(sender, Box::new(message)))
    }

    /// Returns the sender of texts, if it sends notices as well.
    fn notices_by_text(&self) -> Option<&dyn SmsSender> {
        self.sms.as_deref().filter(|sender| sender.sends_notices())
    }
}

impl Throttle<'_> {
    /// Returns the charges of a notice by text.
    ///
    /// They have counters of their own. Otherwise a thief could ask for codes until the notice of the
    /// theft is over a limit, and notices could use up the codes of others.
    fn notice_text(&self, number: &PhoneNumber, notice: &Notice) -> NoticeCharges {
        // A store may use an id again, once its notice is done.
        let operation = notice.operation.map(|operation| *operation.as_bytes());
        let at = u64::try_from(notice.at.as_micros()).unwrap_or_default();
        let once = self.names(Family::SilentTexts, |fields| {
            let fields = fields.text("notice").text(number.as_str()).number(at);
            match &operation {
                Some(operation) => fields.bytes(operation),
                None => fields.text(&notice.id.0),
            }
        });
        let of_number = self.names(Family::SilentTexts, |fields| {
            fields.text("notices of a number").text(number.as_str())
        });
        let of_tenant = self.names(Family::SilentTexts, |fields| fields.text("notices"));
        let charge = |limit, window| move |name| Charge { amount: 1, limit, name, tier: 0, window };
        let limits = self.limits;
        let of_number = of_number.map(charge(limits.texts_per_number, DAY));
        let of_number = of_number.map(|charge| (Limit::TextsPerNumber, charge));
        let of_tenant = of_tenant.map(charge(limits.notice_texts_per_tenant, DAY));
        let of_tenant = of_tenant.map(|charge| (Limit::NoticeTextsPerTenant, charge));
        NoticeCharges {
            limited: of_number.chain(of_tenant).collect(),
            once: once.map(charge(1, PAID)).collect(),
        }
    }
}

impl NoticeCharges {
    /// Returns the limit that has refused the notice. A notice that was charged before is not refused.
    fn refused(&self, over: &[Over]) -> Option<Limit> {
        let is_over = |charge: &Charge| over.iter().any(|over| over.name == charge.name);
        if self.once.iter().any(is_over) {
            return None;
        }
        limit_among(&self.limited, over)
    }
}
