//! The limit that a refused charge belongs to, for events.

use crate::{
    domain::{Charge, Destination, Family, LimiterForm, Method, Over},
    ports::Limit,
};

use super::{
    Client,
    sends::TextOf,
    throttle::{Lane, Throttle, Who},
};

impl Throttle<'_> {
    /// Returns the limit that has refused a request for a code.
    pub(super) fn refused_send(
        &self,
        (method, form): (Method, &LimiterForm),
        lane: &Lane,
        client: &Client,
        over: &[Over],
    ) -> Option<Limit> {
        let mut found = by_family(over);
        self.each_send(method, form, lane, client, |limit, charge| {
            found = found.or_else(|| is_over(over, &charge).then_some(limit));
        });
        found
    }

    /// Returns the limit that has refused to send a code.
    pub(super) fn refused_delivery(
        &self,
        who: Who<'_>,
        lane: &Lane,
        (to, of): (Option<Destination<'_>>, TextOf),
        over: &[Over],
    ) -> Option<Limit> {
        let mut found = None;
        self.each_silent_send(who, lane, |limit, charge| {
            found = found.or_else(|| is_over(over, &charge).then_some(limit));
        });
        let mut texts = self.silent_text(who, to, of).filter(|(_, charge)| is_over(over, charge));
        found.or_else(|| texts.next().map(|(limit, _)| limit)).or_else(|| by_family(over))
    }
}

/// Returns the first limit whose charge is over.
pub(super) fn limit_among(charges: &[(Limit, Charge)], over: &[Over]) -> Option<Limit> {
    charges.iter().find(|(_, charge)| is_over(over, charge)).map(|(limit, _)| *limit)
}

/// Returns the limit of the first counter whose family has one limit alone.
pub(super) fn by_family(over: &[Over]) -> Option<Limit> {
    over.iter().find_map(|over| match over.name.family()? {
        Family::NetworkTries => Some(Limit::NetworkTries),
        Family::Opens => Some(Limit::OpensPerNetwork),
        Family::SilentStreak | Family::VisibleStreak => Some(Limit::TriesPerStreak),
        Family::SilentTries | Family::VisibleTries => Some(Limit::TriesPerWindow),
        Family::TenantTries => Some(Limit::TenantTries),
        Family::Stops => Some(Limit::TextStop),
        Family::Texts => Some(Limit::TextsPerNetwork),
        Family::Assists
        | Family::Conversions
        | Family::Grants
        | Family::Sends
        | Family::SilentSends
        | Family::SilentTexts
        | Family::Tickets
        | Family::Turns => None,
    })
}

fn is_over(over: &[Over], charge: &Charge) -> bool {
    over.iter().any(|over| over.name == charge.name)
}
