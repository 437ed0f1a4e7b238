//! The counters of the guess budget: their names, and the charges of each call.

use core::time::Duration;

use crate::{
    domain::{
        AccountId, ActorId, Charge, CodeFormat, CounterName, Device, Digest, Family, Fields,
        Keyring, LimiterForm, Over, RecordId, TenantId, TenantTag, Ticket, Timestamp,
    },
    flow::{Bound, Sent},
    policy::Limits,
    ports::Limit,
};

use super::Client;

/// The window of the limit on one member of staff.
const ACTOR_WINDOW: Duration = Duration::from_secs(3600);
/// The window of the limits on text messages, and of those of the help desk on an account and on a
/// tenant.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
/// The tier of the counters that decide what an outsider sees.
const VISIBLE: u8 = 1;
/// The tier of the counters that decide only whether a code is compared.
const SILENT: u8 = 2;

/// The set of counters that a call draws on.
///
/// Lanes share no counters, so that strangers and neighbours on the same network cannot use up the
/// owner's.
#[derive(Clone, Debug)]
pub(super) enum Lane {
    Everybody,
    /// A device that has signed in with this address before.
    Trusted(Device),
    /// A client that the host vouches for. The lane is its network or, without one, the vouch
    /// itself.
    Vouched(Vec<u8>),
}

impl Lane {
    pub(super) fn of(device: Option<Device>, client: &Client) -> Self {
        if let Some(device) = device {
            return Self::Trusted(device);
        }
        let Some(vouch) = &client.vouched else { return Self::Everybody };
        let of = client.network.map(|network| network.of_one_subscriber());
        Self::Vouched(of.map_or_else(|| vouch.as_bytes().to_vec(), |of| of.to_vec()))
    }
}

/// The names and charges of one tenant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throttle<'a> {
    tenant: TenantTag,
    keys: &'a Keyring,
    pub(super) limits: &'a Limits,
}

impl<'a> Throttle<'a> {
    pub(super) const fn new(tenant: TenantTag, keys: &'a Keyring, limits: &'a Limits) -> Self {
        Self { keys, limits, tenant }
    }

    /// Returns the charges of opening a reset.
    pub(super) fn open(&self, lane: &Lane, client: &Client) -> Vec<Charge> {
        self.network(Family::Opens, self.limits.opens_per_network, lane, client)
    }

    /// Returns the charges of trying a code or a password.
    pub(super) fn network_try(&self, lane: &Lane, client: &Client) -> Vec<Charge> {
        self.network(Family::NetworkTries, self.limits.network_tries, lane, client)
    }

    /// Returns the names of the counters that are keyed on the typed address.
    pub(super) fn visible(&self, form: &LimiterForm) -> Vec<CounterName> {
        let names = |family| self.names(family, |fields| fields.bytes(form.as_bytes()));
        names(Family::VisibleTries).chain(names(Family::VisibleStreak)).collect()
    }

    /// Returns the names of the counters that are keyed on an account. Those that count since the last
    /// right code come last. For a decoy the key is a dummy that belongs to the typed address.
    pub(super) fn silent(&self, who: Who<'_>) -> Vec<CounterName> {
        let names = |family| self.names(family, move |fields| who.key(fields));
        names(Family::SilentTries).chain(names(Family::SilentStreak)).collect()
    }

    /// Returns the charges of one try of a proof that the host checks.
    ///
    /// They have the limits of the tries of codes and counters of their own. Only who has given a right
    /// code reaches them, so that strangers cannot use them up for an owner. Unlike the tries of codes
    /// they count whatever the format of the code, because no longer proof takes the place of a short
    /// one.
    pub(super) fn host_proof(&self, account: &AccountId) -> Vec<Charge> {
        let who = Who::Account(account);
        let names = |family| self.names(family, move |fields| who.key(fields).text("host proof"));
        let names: Vec<_> = names(Family::SilentTries).chain(names(Family::SilentStreak)).collect();
        self.tries(&names, 0).collect()
    }

    /// Asks whether one more comparison of a short code is within budget.
    pub(super) fn questions(&self, names: &[CounterName]) -> impl Iterator<Item = Charge> {
        self.tries(names, 0).map(question)
    }

    /// Returns the charges of each try of a record, besides the record's own tries.
    ///
    /// Visible counters depend on the announced format, never on the format that was sent. A longer
    /// code because of a silent counter must not show.
    pub(super) fn attempt(
        &self,
        visible: &[CounterName],
        sent: Option<&Sent>,
        bound: Option<&Bound>,
    ) -> Vec<Charge> {
        let announced = bound.map(|bound| bound.announced).or(sent.map(|sent| sent.format));
        let visible = if announced == Some(CodeFormat::Letters) { &[] } else { visible };
        let short = bound.filter(|bound| bound.format == CodeFormat::Digits);
        let silent = short.map_or(&[][..], |bound| &bound.silent);
        self.tries(visible, VISIBLE).chain(self.tries(silent, SILENT)).collect()
    }

    /// Returns the charges of a submit that reaches the account. They end the grant of somebody who
    /// goes on with passwords that a rule refuses, and bound what a breach check is asked.
    pub(super) fn submit(&self, grant: &Digest) -> Vec<Charge> {
        let limit = self.limits.submits_per_grant.saturating_mul(10);
        let names = self.names(Family::Grants, |fields| fields.bytes(grant.as_bytes()));
        names.map(|name| Charge { limit, ..self.once(name) }).collect()
    }

    /// Returns the charges of each turn of a grant. Only one submit can hold a turn.
    pub(super) fn turns(&self, grant: &Digest) -> impl Iterator<Item = Vec<Charge>> {
        (0..self.limits.submits_per_grant).map(move |turn| {
            let fill = |fields: Fields| fields.bytes(grant.as_bytes()).number(u64::from(turn));
            self.names(Family::Turns, fill).map(|name| self.once(name)).collect()
        })
    }

    /// Returns the charges of redeeming a ticket, which are admitted once.
    pub(super) fn redeem(&self, ticket: &Ticket) -> Vec<Charge> {
        let hash = ticket.hash();
        let names = self.names(Family::Tickets, |fields| fields.bytes(hash.as_bytes()));
        names.map(|name| self.once(name)).collect()
    }

    /// Returns the charges of one action of staff, each with its limit.
    ///
    /// One member of staff can use up all actions of an account but one, so that a colleague can
    /// still help.
    pub(super) fn assist(&self, actor: &ActorId, account: &AccountId) -> Vec<(Limit, Charge)> {
        let limits = self.limits;
        let but_one = limits.assists_per_account.saturating_sub(1).max(1);
        let own = [account.as_str(), actor.as_str()];
        let (of_account, _) = self.assists_for(account);
        let of_both = self.assists(but_one, DAY, "account and actor", own);
        let of_account = of_account.into_iter().chain(of_both);
        let of_account = of_account.map(|charge| (Limit::AssistsPerAccount, charge));
        of_account.chain(self.assist_tenant(actor)).collect()
    }

    /// Returns the charges of one action of staff for a whole tenant, each with its limit.
    pub(super) fn assist_tenant(&self, actor: &ActorId) -> Vec<(Limit, Charge)> {
        let Limits { assists_per_actor, assists_per_tenant, .. } = *self.limits;
        let actor = [actor.as_str(), ""];
        let of_actor = self.assists(assists_per_actor, ACTOR_WINDOW, "actor", actor);
        let of_tenant = self.assists(assists_per_tenant, DAY, "tenant", [""; 2]);
        let of_actor = of_actor.map(|charge| (Limit::AssistsPerActor, charge));
        of_actor.chain(of_tenant.map(|charge| (Limit::AssistsPerTenant, charge))).collect()
    }

    /// Returns the charges of one action of whatever staff: those of the account and of the tenant.
    pub(super) fn assists_for(&self, account: &AccountId) -> (Vec<Charge>, Vec<Charge>) {
        let Limits { assists_per_account, assists_per_tenant, .. } = *self.limits;
        let account = [account.as_str(), ""];
        let of_account = self.assists(assists_per_account, DAY, "account", account);
        let of_tenant = self.assists(assists_per_tenant, DAY, "tenant", [""; 2]);
        (of_account.collect(), of_tenant.collect())
    }

    fn assists(
        &self,
        limit: u32,
        window: Duration,
        kind: &str,
        [first, second]: [&str; 2],
    ) -> impl Iterator<Item = Charge> {
        let names = self.names(Family::Assists, |fields| {
            let fields = fields.text(kind).text(first);
            if second.is_empty() { fields } else { fields.text(second) }
        });
        names.map(move |name| Charge { amount: 1, limit, name, tier: 0, window })
    }

    /// Returns a charge that one call is granted. The thing that it guards ends long before its
    /// window does.
    fn once(&self, name: CounterName) -> Charge {
        Charge { amount: 1, limit: 1, name, tier: 0, window: self.limits.tries_window }
    }

    /// Returns the charges that add wrong tries of this process to the tenant's counter.
    pub(super) fn tenant_tries(&self, amount: u32) -> Vec<Charge> {
        let names = self.names(Family::TenantTries, |fields| fields);
        names
            .map(|name| Charge {
                amount,
                limit: u32::MAX,
                name,
                tier: 0,
                window: self.limits.tries_window,
            })
            .collect()
    }

    /// Asks whether the tenant's wrong tries are below the threshold.
    pub(super) fn tenant_question(&self) -> Vec<Charge> {
        let below = self.limits.tenant_tries.saturating_sub(1);
        let charges = self.tenant_tries(0).into_iter();
        charges.map(|charge| Charge { limit: below, ..charge }).collect()
    }

    fn tries(&self, names: &[CounterName], tier: u8) -> impl Iterator<Item = Charge> {
        let limits = self.limits;
        names.iter().map(move |name| {
            let streak =
                matches!(name.family(), Some(Family::VisibleStreak | Family::SilentStreak));
            let (limit, window) = if streak {
                (limits.tries_per_streak, limits.streak_window)
            } else {
                (limits.tries_per_window, limits.tries_window)
            };
            Charge { amount: 1, limit, name: *name, tier, window }
        })
    }

    /// Returns the charges of a call to its origin. That is its network or, depending on the lane,
    /// its device or its vouch.
    fn network(&self, family: Family, limit: u32, lane: &Lane, client: &Client) -> Vec<Charge> {
        let mut charges = Vec::with_capacity(3);
        self.each_network(family, limit, lane, client, |charge| charges.push(charge));
        charges
    }

    /// Hands out each charge of a call to its origin.
    pub(super) fn each_network(
        &self,
        family: Family,
        limit: u32,
        lane: &Lane,
        client: &Client,
        mut each: impl FnMut(Charge),
    ) {
        let mut add = |limit: u32, kind: &str, from: &[u8]| {
            let names = self.names(family, |fields| fields.text(kind).bytes(from));
            let window = self.limits.network_window;
            names.for_each(|name| each(Charge { amount: 1, limit, name, tier: 0, window }));
        };
        match lane {
            Lane::Trusted(device) => add(limit, "trusted", &device.id),
            Lane::Vouched(from) => add(limit, "vouched network", from),
            Lane::Everybody => {
                let Some(network) = client.network else { return };
                add(limit, "network", &network.near());
                let limits = self.limits;
                let factor = limits.subscriber_network_factor;
                if let Some(subscriber) = network.subscriber() {
                    add(limit.saturating_mul(factor), "network", &subscriber);
                }
                if let Some(wide) = network.wide() {
                    let factor = limits.wide_network_factor.max(factor.saturating_mul(4));
                    add(limit.saturating_mul(factor), "network", &wide);
                }
            }
        }
    }

    pub(super) fn names(
        &self,
        family: Family,
        fields: impl Fn(Fields) -> Fields,
    ) -> impl Iterator<Item = CounterName> {
        CounterName::of(family, self.tenant, self.keys, fields)
    }
}

/// Asks whether a charge would be within its limit, without making it.
pub(super) fn question(charge: Charge) -> Charge {
    Charge { amount: 0, limit: charge.limit.saturating_sub(1), tier: 0, ..charge }
}

/// The key of a silent counter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who<'a> {
    /// An account.
    Account(&'a AccountId),
    /// No account, but a dummy that belongs to the typed address.
    Dummy(&'a LimiterForm),
}

impl Who<'_> {
    pub(super) fn key(self, fields: Fields) -> Fields {
        match self {
            Self::Account(account) => fields.number(1).text(account.as_str()),
            Self::Dummy(form) => fields.number(0).bytes(form.as_bytes()),
        }
    }
}

/// Returns the time at which the last of these counters begins again.
pub(super) fn retry_at(over: &[Over], now: Timestamp) -> Timestamp {
    over.iter().map(|over| over.ends_at).fold(now, Timestamp::latest)
}

/// Returns true if the guesses at a typed address are used up, so that only a longer code helps.
pub(super) fn is_past_visible_cap(over: &[Over]) -> bool {
    names_any(over, &[Family::VisibleTries, Family::VisibleStreak])
}

/// Returns true if any of these counters belongs to one of the families.
pub(super) fn names_any(over: &[Over], families: &[Family]) -> bool {
    over.iter().any(|over| over.name.family().is_some_and(|family| families.contains(&family)))
}

/// Returns true if the id belongs to this tenant.
pub(super) fn belongs(record: &RecordId, tenant: &TenantId) -> bool {
    record.tenant_tag() == tenant.tag()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Vouch;

    #[test]
    fn a_vouch_is_the_lane_of_its_network_and_without_one_a_lane_of_its_own() {
        let lane = |vouch: &str, network: Option<u8>| {
            let client = network.map_or_else(Client::unknown, |last| {
                Client::at(std::net::IpAddr::from([192, 0, 2, last]))
            });
            match Lane::of(None, &client.with_vouch(Vouch::new(vouch).unwrap())) {
                Lane::Vouched(from) => from,
                other => panic!("{other:?}"),
            }
        };

        assert_ne!(lane("one", None), lane("other", None));
        assert_eq!(lane("one", Some(1)), lane("other", Some(1)));
        assert_ne!(lane("one", Some(1)), lane("one", None));
    }

    #[test]
    fn an_id_belongs_to_the_tenant_whose_tag_it_carries() {
        let tenants = ["contoso", "fabrikam"].map(|name| TenantId::parse(name).unwrap());
        let id = RecordId::from_parts(tenants[0].tag(), [7; 16]);

        assert_eq!(tenants.map(|tenant| belongs(&id, &tenant)), [true, false]);
    }
}
