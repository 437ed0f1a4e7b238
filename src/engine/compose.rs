//! The message with a code, by mail or by SMS.

use zeroize::Zeroizing;

use crate::{
    domain::{Code, CorrelationId, Destination, Method},
    mail::{Content, Letter, MailPurpose, TextContent, TextLetter, TextMessage, look_up},
    policy::{NoPasswordNotice, TenantPolicy},
    ports::Outcome,
};

use super::{
    deliver::Behind,
    queue::{Passcode, Ready},
    sspr::Inner,
    stored::Stored,
};

impl Inner {
    /// Composes a message in every case. The message of a decoy is thrown away.
    pub(super) fn compose(
        &self,
        policy: &TenantPolicy,
        stored: &Stored,
        passcode: &Passcode,
        behind: &Behind,
        to: Option<Destination<'_>>,
        (code, correlation): (&Code, Option<CorrelationId>),
    ) -> (Ready, Outcome) {
        let lifetime = policy.limits().code_lifetime;
        let mut content = Content::Passcode { code, lifetime };
        let (account, outcome) = match behind {
            Behind::One(account, _) => (Some(&**account), Outcome::Ok),
            Behind::Nobody(Some(other))
                if policy.no_password_notice() == NoPasswordNotice::On
                    && passcode.sent.method == Method::Email
                    && !other.disabled
                    && other.password.is_none() =>
            {
                content = Content::NoPasswordHere { providers: &other.identity_providers };
                (Some(&**other), Outcome::Ok)
            }
            Behind::Nobody(_) => (None, Outcome::Decoy),
            Behind::Several => (None, Outcome::Ambiguous),
        };
        let origin = &stored.reset.origin;
        let own = account.and_then(|account| account.language.as_ref());
        let wanted: Vec<_> = own.into_iter().chain(origin.locale.as_ref()).collect();
        let language = look_up(&wanted, policy.languages());
        let brand = policy.brand();
        if passcode.sent.method == Method::Sms {
            let content = TextContent::Passcode { code, lifetime };
            let text = self.templates.text(&TextLetter { brand, content, language });
            let Some(Destination::Phone(to)) = to else {
                return (Ready::Discard, outcome);
            };
            let message = TextMessage {
                application: Some(origin.application.clone()),
                code: Some(Zeroizing::new(code.expose())),
                correlation,
                from_name: brand.name().to_owned(),
                language: language.into(),
                purpose: MailPurpose::Passcode,
                tenant: origin.tenant.clone(),
                text,
                to: to.clone(),
            };
            return (Ready::Text(Box::new(message)), outcome);
        }
        // Whoever has no password here is told so, although no code goes there.
        let to = account.and_then(|account| account.destination(&passcode.address));
        let message = self.templates.render(&Letter {
            application: Some(&origin.application),
            brand,
            content,
            correlation,
            language,
            tenant: &origin.tenant,
            to: to.unwrap_or(&passcode.address),
        });
        match to {
            Some(_) => (Ready::Mail(Box::new(message)), outcome),
            None => (Ready::Discard, outcome),
        }
    }
}
