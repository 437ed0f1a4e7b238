//! The administrator's pages as values.

use askama::Template;
use serde_json::Value;

use super::{
    change::Stored,
    choices::PROVIDERS,
    fields::{RULES, Sheet, typed, version},
    shown_method::{ShownMethod, ShownSms},
    site::Site,
};
use crate::{
    domain::{Method, TenantId, Timestamp},
    http::form::Form,
    policy::{Applications, CheckState, FreezeCodes, Odds, TenantPolicy, UserFlow},
    ports::RecordedChange,
};

/// An entry that can be chosen.
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) note: &'static str,
    pub(super) chosen: bool,
}

pub(super) struct ShownCheck {
    name: &'static str,
    words: String,
    mark: &'static str,
    to_do: bool,
}

pub(super) struct ShownFlow {
    id: String,
    name: String,
    /// The name, or the text that was typed in its place.
    typed: String,
    providers: Vec<Choice>,
    all_applications: bool,
    applications: String,
}

#[derive(Template)]
#[template(path = "admin.html")]
pub(super) struct AdminPage {
    brand: String,
    pub(super) failed: bool,
    pub(super) alert: Option<String>,
    /// True if the administrator may open the customer pages.
    pub(super) customers: bool,
    /// The reason why the stored policy cannot be read.
    warning: Option<String>,
    pub(super) saved: bool,
    pub(super) explained: Vec<String>,
    /// The text that was typed as the address to explain.
    pub(super) asked: String,
    tenants: Vec<Choice>,
    tenant: String,
    version: u64,
    checks: Vec<ShownCheck>,
    ready: usize,
    to_do: usize,
    email: ShownMethod,
    sms: ShownSms,
    /// True if the host counts the accounts that a change affects.
    previews: bool,
    /// The form whose change was counted, and the count in words.
    preview: Option<(Sheet, String)>,
    flows: Vec<Choice>,
    flow: Option<ShownFlow>,
    /// The text that was typed as the name of a new user flow.
    new_flow: String,
    entra: bool,
    min_length: String,
    terms: String,
    refuses_current: bool,
    /// True if notices carry a code that freezes the account.
    freeze_codes: bool,
    /// True if the host has set a breach check.
    looks_up_leaks: bool,
    odds: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "admin-events.html")]
pub(super) struct EventsPage {
    brand: String,
    failed: bool,
    tenant: String,
    /// True if the administrator may open the customer pages.
    pub(super) customers: bool,
    events: Vec<ShownEvent>,
    /// The number of records that cannot be read.
    unreadable: usize,
}

struct ShownEvent {
    at: String,
    who: String,
    what: String,
    lines: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin-message.html")]
pub(super) struct MessagePage {
    pub(super) brand: String,
    pub(super) failed: bool,
    pub(super) heading: &'static str,
    pub(super) lead: String,
}

impl AdminPage {
    pub(super) fn of(
        site: &Site,
        tenants: &[TenantId],
        stored: &Stored,
        flow: Option<&str>,
    ) -> Self {
        let policy = &*stored.policy;
        let checks: Vec<ShownCheck> = policy.readiness().checks().iter().map(shown).collect();
        let to_do = checks.iter().filter(|check| check.to_do).count();
        let flows = policy.user_flows();
        let chosen = flows.iter().find(|it| Some(it.id().as_str()) == flow).or(flows.first());
        let rules = policy.password_rules();
        Self {
            alert: None,
            asked: String::new(),
            brand: policy.brand().name().to_owned(),
            customers: false,
            email: ShownMethod::of(site, policy, Method::Email),
            entra: rules.is_entra(),
            explained: Vec::new(),
            failed: false,
            freeze_codes: policy.freeze_codes() == FreezeCodes::On,
            flow: chosen.map(shown_flow),
            flows: flows
                .iter()
                .map(|flow| Choice {
                    chosen: chosen.is_some_and(|it| it.id() == flow.id()),
                    id: flow.id().to_string(),
                    name: flow.display_name().to_owned(),
                    note: "",
                })
                .collect(),
            min_length: rules.min_length().to_string(),
            new_flow: String::new(),
            looks_up_leaks: site.sspr.checks_breaches(),
            odds: odds(policy),
            preview: None,
            previews: site.preview.is_some(),
            ready: checks.len().saturating_sub(to_do),
            refuses_current: rules.refuses_current(),
            saved: false,
            sms: ShownSms::of(site, policy),
            tenant: policy.tenant().to_string(),
            tenants: tenants
                .iter()
                .map(|tenant| Choice {
                    chosen: tenant == policy.tenant(),
                    id: tenant.to_string(),
                    name: tenant.to_string(),
                    note: "",
                })
                .collect(),
            terms: rules.terms().join("\n"),
            to_do,
            checks,
            version: stored.version,
            warning: stored.warning(),
        }
    }
}

impl AdminPage {
    /// Shows the values that were typed into a form, and how many accounts its change affects.
    pub(super) fn show_preview(&mut self, sheet: Sheet, form: &Form, words: String) {
        self.keep(sheet, form);
        self.preview = Some((sheet, words));
    }

    /// Returns the words about the change of a form, if it was counted.
    fn preview_of(&self, sheet: Sheet) -> Option<&str> {
        let (counted, words) = self.preview.as_ref()?;
        (*counted == sheet).then_some(words.as_str())
    }

    /// Shows the values that were typed into a form instead of the stored ones. The version stays,
    /// so that a concurrent change is still noticed.
    pub(super) fn keep(&mut self, sheet: Sheet, form: &Form) {
        // No stored policy has the version 0.
        self.version = version(form).unwrap_or(0);
        let has = |name: &str| form.all(name).next().is_some();
        match sheet {
            Sheet::Email => self.email.keep(form),
            Sheet::Sms => self.sms.keep(form),
            Sheet::Notices => self.freeze_codes = has("freeze_codes"),
            Sheet::NewFlow => self.new_flow = typed(form, "name", " "),
            Sheet::Flow => {
                let Some(flow) = &mut self.flow else { return };
                flow.typed = typed(form, "name", " ");
                flow.all_applications = has("all_applications");
                flow.applications = typed(form, "applications", "\n");
                for provider in &mut flow.providers {
                    provider.chosen = form.all("idp").any(|id| id == provider.id);
                }
            }
            Sheet::Rules => {
                if let Ok(Some(rules)) = form.word("rules", RULES) {
                    self.entra = rules == "entra";
                }
                self.min_length = typed(form, "min_length", " ");
                self.terms = typed(form, "terms", "\n");
                self.refuses_current = has("current");
            }
        }
    }
}

impl EventsPage {
    pub(super) fn of(policy: &TenantPolicy, changes: &[RecordedChange], unreadable: usize) -> Self {
        let shown = |change: &RecordedChange| ShownEvent {
            at: shown_time(change.at),
            lines: {
                let mut lines = Vec::new();
                differences("$", &change.before, &change.after, &mut lines);
                lines
            },
            what: change.what.clone(),
            who: change.who.clone(),
        };
        Self {
            brand: policy.brand().name().to_owned(),
            customers: false,
            events: changes.iter().map(shown).collect(),
            failed: false,
            tenant: policy.tenant().to_string(),
            unreadable,
        }
    }
}

/// Returns a time as the pages show it.
pub(super) fn shown_time(at: Timestamp) -> String {
    let at = at.to_civil();
    format!("{} {:02}:{:02}:{:02} UTC", at.date(), at.hour(), at.minute(), at.second())
}

/// Lists the differences between two documents as `path: before → after`.
fn differences(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    let parts = |value: &Value| -> Option<Vec<(String, Value)>> {
        match value {
            Value::Object(fields) => {
                Some(fields.iter().map(|(name, it)| (format!(".{name}"), it.clone())).collect())
            }
            Value::Array(items) => {
                let number = |(index, it): (usize, &Value)| (format!("[{index}]"), it.clone());
                Some(items.iter().enumerate().map(number).collect())
            }
            _ => None,
        }
    };
    let (Some(old), Some(new)) = (parts(before), parts(after)) else {
        lines.push(format!("{path}: {before} → {after}"));
        return;
    };
    let find = |all: &[(String, Value)], name: &str| {
        all.iter().find(|(key, _)| key == name).map_or(Value::Null, |(_, value)| value.clone())
    };
    for (name, value) in &old {
        differences(&format!("{path}{name}"), value, &find(&new, name), lines);
    }
    for (name, value) in new.iter().filter(|(name, _)| !old.iter().any(|(key, _)| key == name)) {
        differences(&format!("{path}{name}"), &Value::Null, value, lines);
    }
}

fn shown(check: &crate::policy::Check) -> ShownCheck {
    ShownCheck {
        mark: if check.state == CheckState::Note { "Note" } else { "Ready" },
        name: check.name,
        to_do: check.state == CheckState::ToDo,
        words: check.words.clone(),
    }
}

fn shown_flow(flow: &UserFlow) -> ShownFlow {
    let (all_applications, applications) = match flow.applications() {
        Applications::All => (true, String::new()),
        Applications::Listed(listed) => {
            let names: Vec<&str> = listed.iter().map(|id| id.as_str()).collect();
            (false, names.join("\n"))
        }
    };
    ShownFlow {
        all_applications,
        applications,
        id: flow.id().to_string(),
        name: flow.display_name().to_owned(),
        typed: flow.display_name().to_owned(),
        providers: PROVIDERS
            .iter()
            .map(|(id, provider, name, note)| Choice {
                chosen: flow.identity_providers().contains(provider),
                id: (*id).to_owned(),
                name: (*name).to_owned(),
                note,
            })
            .collect(),
    }
}

/// Returns the odds of guessing in plain words.
fn odds(policy: &TenantPolicy) -> Vec<(String, String)> {
    let (odds, limits) = (policy.limits().odds(), policy.limits());
    let one_in = Odds::one_in;
    vec![
        (
            format!("{} tries for one code", limits.tries_per_challenge),
            format!("right 1 time in {}", one_in(odds.challenge)),
        ),
        (
            format!("{} tries for one account in a day", odds.guesses_per_account_day),
            format!("in 1 time in {}", one_in(odds.account_day)),
        ),
        (
            format!("{} tries for one account in a year", odds.guesses_per_account_year),
            format!("in 1 time in {} without a right code", one_in(odds.account_year)),
        ),
        (
            format!("{} tries in the whole tenant in a year", odds.guesses_per_tenant_year),
            format!("into any one account 1 time in {}", one_in(odds.tenant_year)),
        ),
    ]
}
