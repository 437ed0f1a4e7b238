//! The charges of codes: what is charged when one is asked for, and when it is sent.

use core::time::Duration;

use crate::{
    domain::{Charge, Destination, Family, Fields, LimiterForm, Method},
    flow::Reset,
    policy::{RequiredProofs, TenantPolicy},
    ports::Limit,
};

use super::{
    Client,
    throttle::{DAY, Lane, Throttle, Who},
};

/// The window of the limit on text messages to one block of numbers.
const BLOCK_WINDOW: Duration = Duration::from_secs(3600);

/// The proof that the code of a text is.
///
/// Everybody can ask for a first code, but only who has given it gets a second one. Therefore second
/// codes have counters of their own, which strangers cannot use up. Both together stay within each
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextOf {
    Only,
    First,
    Second,
}

impl TextOf {
    /// Returns the proof for which the next code of a reset is sent.
    pub(super) fn next(reset: &Reset, policy: &TenantPolicy) -> Self {
        match (reset.first.is_some(), policy.required_proofs()) {
            (true, _) => Self::Second,
            (false, RequiredProofs::Two) => Self::First,
            (false, RequiredProofs::One) => Self::Only,
        }
    }

    /// Adds what tells the counters of second codes from those of other codes.
    pub(super) fn key(self, fields: Fields) -> Fields {
        match self {
            Self::Only | Self::First => fields,
            Self::Second => fields.text("second proof"),
        }
    }

    /// Returns its share of a limit.
    const fn share(self, limit: u32) -> u32 {
        match self {
            Self::Only => limit,
            Self::First => limit / 2,
            Self::Second => limit.div_ceil(2),
        }
    }
}

impl Throttle<'_> {
    /// Returns the charges of asking for a code.
    pub(super) fn send(
        &self,
        method: Method,
        form: &LimiterForm,
        lane: &Lane,
        client: &Client,
    ) -> Vec<Charge> {
        // With room for what else a send asks.
        let mut charges = Vec::with_capacity(8);
        self.each_send(method, form, lane, client, |_, charge| charges.push(charge));
        charges
    }

    /// Hands out each charge of asking for a code, with the limit that it is for.
    pub(super) fn each_send(
        &self,
        method: Method,
        form: &LimiterForm,
        lane: &Lane,
        client: &Client,
        mut each: impl FnMut(Limit, Charge),
    ) {
        let limits = self.limits;
        if method == Method::Sms {
            let limit = limits.texts_per_network;
            let each = |charge| each(Limit::TextsPerNetwork, charge);
            self.each_network(Family::Texts, limit, lane, client, each);
        }
        let mut add = |of: Limit, kind: &str, limit: u32, from: &[u8]| {
            let names = self.names(Family::Sends, |fields| {
                fields.text(kind).bytes(form.as_bytes()).bytes(from)
            });
            let window = limits.sends_window;
            names.for_each(|name| each(of, Charge { amount: 1, limit, name, tier: 0, window }));
        };
        match lane {
            Lane::Trusted(device) => {
                add(Limit::SendsPerDevice, "device", limits.sends_per_device, &device.id);
                return;
            }
            Lane::Vouched(from) => {
                add(Limit::SendsPerVouch, "vouched", limits.sends_per_vouch, from);
            }
            Lane::Everybody => {
                if let Some(of) = client.network.map(|network| network.of_one_subscriber()) {
                    let limit = limits.sends_per_address_and_network;
                    add(Limit::SendsPerAddressAndNetwork, "pair", limit, &of);
                }
                add(Limit::SendsPerAddress, "address", limits.sends_per_address, &[]);
            }
        }
        let each = |charge| each(Limit::SendsPerNetwork, charge);
        self.each_network(Family::Sends, limits.sends_per_network, lane, client, each);
    }

    /// Returns the charges of sending a mail to an account, whatever address was typed.
    ///
    /// Each lane has its own counter, because otherwise strangers would use up the owner's. All
    /// trusted devices together have one more. It keeps a person who has signed in from many
    /// devices from sending the owner many times as many mails.
    pub(super) fn silent_send(&self, who: Who<'_>, lane: &Lane) -> Vec<Charge> {
        let mut charges = Vec::with_capacity(2);
        self.each_silent_send(who, lane, |_, charge| charges.push(charge));
        charges
    }

    /// Hands out each charge of sending a message, with the limit that it is for.
    pub(super) fn each_silent_send(
        &self,
        who: Who<'_>,
        lane: &Lane,
        mut each: impl FnMut(Limit, Charge),
    ) {
        let mut add = |of: Limit, limit: u32, from: &dyn Fn(Fields) -> Fields| {
            let names = self.names(Family::SilentSends, |fields| from(who.key(fields)));
            let window = self.limits.sends_window;
            names.for_each(|name| each(of, Charge { amount: 1, limit, name, tier: 0, window }));
        };
        let (of, limit) = (Limit::SendsPerAccount, self.limits.sends_per_account);
        match lane {
            Lane::Everybody => add(of, limit, &|fields| fields),
            Lane::Trusted(device) => {
                add(of, limit, &|fields| fields.text("device").bytes(&device.id));
                let all = self.limits.trusted_sends_per_account;
                add(Limit::TrustedSendsPerAccount, all, &|fields| fields.text("devices"));
            }
            Lane::Vouched(from) => add(of, limit, &|fields| fields.text("vouched").bytes(from)),
        }
    }

    /// Returns the charges of a text message, by its number, by the block of its number and by the
    /// tenant, each with its limit. They count for all accounts together, and for a decoy they are
    /// dummies.
    ///
    /// Strangers can use up those of first codes for an owner, because each message costs the tenant
    /// money. The owner still gets a first code by mail.
    pub(super) fn silent_text(
        &self,
        who: Who<'_>,
        to: Option<Destination<'_>>,
        of: TextOf,
    ) -> impl Iterator<Item = (Limit, Charge)> {
        let limits = self.limits;
        let number = to.and_then(Destination::phone);
        let number = number.map(|number| (number.as_str(), number.block()));
        let kinds = [
            (Limit::TextsPerNumber, "number", number.map(|it| it.0), limits.texts_per_number, DAY),
            (
                Limit::TextsPerBlock,
                "block",
                number.map(|it| it.1),
                limits.texts_per_block,
                BLOCK_WINDOW,
            ),
            (Limit::TextsPerTenant, "tenant", number.map(|_| ""), limits.texts_per_tenant, DAY),
        ];
        kinds.into_iter().flat_map(move |(kept, kind, key, limit, window)| {
            let names = self.names(Family::SilentTexts, move |fields| {
                let fields = fields.text(kind);
                of.key(match key {
                    Some(key) => fields.number(1).text(key),
                    None => who.key(fields.number(0)),
                })
            });
            let limit = of.share(limit);
            names.map(move |name| (kept, Charge { amount: 1, limit, name, tier: 0, window }))
        })
    }
}
