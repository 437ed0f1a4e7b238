//! The authentication methods as the page shows them.

use super::{
    choices::{GROUP, USER},
    fields::{INCLUDE, typed},
    site::Site,
    text_limits::TEXT_LIMITS,
};
use crate::{
    domain::{Method, TenantId},
    http::form::Form,
    policy::{MethodState, Target, TenantPolicy, grouped},
};

/// Whether a method is on, and for whom.
pub(super) struct ShownMethod {
    pub(super) enabled: bool,
    pub(super) all_users: bool,
    pub(super) include: Vec<ShownTarget>,
    pub(super) exclude: Vec<ShownTarget>,
}

pub(super) struct ShownTarget {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) chosen: bool,
}

/// The form for SMS.
pub(super) struct ShownSms {
    pub(super) method: ShownMethod,
    /// True if SMS is switched on in the stored policy.
    pub(super) is_on: bool,
    /// True if Email OTP, without which SMS is not offered, is for nobody.
    pub(super) lacks_email: bool,
    /// True if this service has no sender for text messages.
    pub(super) lacks_sender: bool,
    pub(super) countries: String,
    /// The English names of the countries that are stored.
    pub(super) country_names: String,
    pub(super) limits: Vec<ShownLimit>,
    /// The most text messages that 24 hours can cost.
    pub(super) most_per_day: String,
}

pub(super) struct ShownLimit {
    pub(super) field: &'static str,
    pub(super) name: &'static str,
    pub(super) period: String,
    pub(super) value: String,
}

impl ShownMethod {
    pub(super) fn of(site: &Site, policy: &TenantPolicy, method: Method) -> Self {
        let methods = policy.authentication_methods();
        let shown = methods.method(method);
        // In Graph, SMS is for all users until somebody says otherwise, and off.
        let is_default = method == Method::Sms && methods.method_document(method).is_none();
        // The page offers all users as a separate choice.
        let included = shown.include().iter().filter(|target| **target != Target::AllUsers);
        Self {
            all_users: shown.include().contains(&Target::AllUsers) || is_default,
            enabled: shown.state() == MethodState::Enabled,
            exclude: shown_targets(site, policy.tenant(), shown.exclude().iter()),
            include: shown_targets(site, policy.tenant(), included),
        }
    }

    /// Shows what was typed instead of what is stored.
    pub(super) fn keep(&mut self, form: &Form) {
        self.enabled = form.all("state").next().is_some();
        if let Ok(Some(include)) = form.word("include", INCLUDE) {
            self.all_users = include == "all_users";
        }
        choose(&mut self.include, "include", form);
        choose(&mut self.exclude, "exclude", form);
    }
}

impl ShownSms {
    pub(super) fn of(site: &Site, policy: &TenantPolicy) -> Self {
        let limits = policy.limits();
        let method = ShownMethod::of(site, policy, Method::Sms);
        let shown = TEXT_LIMITS.iter().map(|limit| ShownLimit {
            field: limit.field,
            name: limit.name,
            period: limit.period(limits),
            value: (limit.get)(limits).to_string(),
        });
        Self {
            countries: policy.sms_countries().join(" "),
            country_names: policy.sms_country_names().collect::<Vec<_>>().join(", "),
            is_on: method.enabled,
            lacks_email: !policy.authentication_methods().method(Method::Email).is_offered(),
            lacks_sender: !site.sspr.sends_texts(),
            limits: shown.collect(),
            method,
            most_per_day: grouped(&limits.most_texts_per_day().to_string()),
        }
    }

    /// Shows what was typed instead of what is stored.
    pub(super) fn keep(&mut self, form: &Form) {
        self.method.keep(form);
        self.countries = typed(form, "countries", " ");
        for limit in &mut self.limits {
            limit.value = typed(form, limit.field, " ");
        }
    }
}

fn choose(targets: &mut [ShownTarget], list: &str, form: &Form) {
    for target in targets {
        let field = format!("{list}_{}", target.kind);
        target.chosen = form.all(&field).any(|id| id == target.id);
    }
}

/// Returns the groups that the host has named, and the other targets that the policy names.
fn shown_targets<'a>(
    site: &Site,
    tenant: &TenantId,
    targets: impl Iterator<Item = &'a Target> + Clone,
) -> Vec<ShownTarget> {
    let named = || site.groups.iter().filter(|(of, ..)| of == tenant);
    let of_host = named().map(|(_, id, name)| {
        let chosen = targets.clone().find(|target| target.is_group(id));
        // Use the spelling of the policy, so that saving changes nothing.
        let id = if let Some(Target::Group(spelt)) = chosen { spelt } else { id };
        ShownTarget {
            chosen: chosen.is_some(),
            id: id.to_string(),
            kind: GROUP,
            name: name.clone(),
        }
    });
    let others = targets.clone().filter(|it| !named().any(|(_, id, _)| it.is_group(id)));
    let of_policy = others.map(|target| {
        let (kind, id, name) = match target {
            Target::AllUsers => (GROUP, "all_users".to_owned(), "All users".to_owned()),
            Target::Group(id) => (GROUP, id.to_string(), id.to_string()),
            Target::User(id) => (USER, id.clone(), format!("The account {id}")),
        };
        ShownTarget { chosen: true, id, kind, name }
    });
    of_host.chain(of_policy).collect()
}
