//! Reads the forms of the page, field by field.
//!
//! A field is refused if it is repeated, unknown or has an unknown value. Nothing is stored in the
//! place of such a field.

use super::{
    choices::{PROVIDER_IDS, TARGETS},
    edits::{FlowEdit, MethodEdit, RulesEdit, SmsEdit},
    text_limits::TEXT_LIMITS,
};
use crate::{
    domain::Method,
    http::form::{Form, FormError},
    policy::{CurrentPassword, FreezeCodes, MethodState, PasswordRules},
};

/// A form of the page that saves something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sheet {
    Email,
    NewFlow,
    Flow,
    Notices,
    Rules,
    Sms,
}

pub(super) const INCLUDE: &[&str] = &["all_users", "groups"];
pub(super) const RULES: &[&str] = &["nist", "entra"];

impl Sheet {
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Email => &[
                "version",
                "state",
                "include",
                "include_group",
                "include_user",
                "exclude_group",
                "exclude_user",
                "preview",
            ],
            Self::NewFlow => &["version", "name"],
            Self::Flow => {
                &["version", "name", "idp", "all_applications", "applications", "preview"]
            }
            Self::Notices => &["version", "freeze_codes"],
            Self::Rules => &["version", "rules", "min_length", "terms", "current"],
            Self::Sms => &[
                "version",
                "state",
                "include",
                "include_group",
                "include_user",
                "exclude_group",
                "exclude_user",
                "countries",
                "texts_per_number",
                "texts_per_block",
                "texts_per_network",
                "texts_per_tenant",
                "preview",
            ],
        }
    }

    /// Refuses every field that does not belong to this form.
    pub(super) fn knows_all_of(self, form: &Form) -> Result<(), FormError> {
        form.knows_only(self.fields())
    }
}

/// Returns the version of the policy that the form showed.
pub(super) fn version(form: &Form) -> Result<u64, FormError> {
    let version = form.required("version")?;
    version.parse().map_err(|_| FormError::Missing("version"))
}

/// Returns true if the form asks only what it would change.
pub(super) fn is_preview(form: &Form) -> Result<bool, FormError> {
    Ok(form.word("preview", &["yes"])?.is_some())
}

pub(super) fn method(form: &Form, method: Method) -> Result<MethodEdit, FormError> {
    let chosen = |list: &str| -> Vec<(&'static str, String)> {
        let mut targets = Vec::new();
        for kind in TARGETS {
            let field = format!("{list}_{kind}");
            targets.extend(form.all(&field).map(|id| (kind, id.to_owned())));
        }
        targets
    };
    let include = form.word("include", INCLUDE)?.ok_or(FormError::Word("include", INCLUDE))?;
    let state = match form.word("state", &["enabled"])? {
        Some(_) => MethodState::Enabled,
        None => MethodState::Disabled,
    };
    Ok(MethodEdit {
        exclude: chosen("exclude"),
        for_all: include == "all_users",
        include: chosen("include"),
        method,
        state,
    })
}

pub(super) fn sms(form: &Form) -> Result<SmsEdit<'_>, FormError> {
    let is_between = |c: char| c.is_whitespace() || c == ',';
    let countries = form.optional("countries")?.unwrap_or_default().split(is_between);
    let mut limits = [0; TEXT_LIMITS.len()];
    for (value, limit) in limits.iter_mut().zip(&TEXT_LIMITS) {
        let typed = form.optional(limit.field)?.unwrap_or_default();
        *value = typed.trim().parse().unwrap_or(0);
    }
    Ok(SmsEdit {
        countries: countries.filter(|name| !name.is_empty()).collect(),
        limits,
        method: method(form, Method::Sms)?,
    })
}

pub(super) fn new_flow(form: &Form) -> Result<&str, FormError> {
    Ok(form.optional("name")?.unwrap_or_default().trim())
}

pub(super) fn flow(form: &Form) -> Result<FlowEdit<'_>, FormError> {
    let all = form.word("all_applications", &["yes"])?.is_some();
    let listed = form.optional("applications")?.unwrap_or_default();
    Ok(FlowEdit {
        applications: (!all).then(|| lines(listed).collect()),
        name: form.optional("name")?.unwrap_or_default(),
        providers: form.words("idp", &PROVIDER_IDS)?,
    })
}

pub(super) fn rules(form: &Form) -> Result<RulesEdit<'_>, FormError> {
    let rules = form.word("rules", RULES)?.ok_or(FormError::Word("rules", RULES))?;
    let length = form.optional("min_length")?.unwrap_or_default();
    let current = match form.word("current", &["refused"])? {
        Some(_) => CurrentPassword::Refused,
        None => CurrentPassword::Allowed,
    };
    Ok(RulesEdit {
        current,
        // The text 0 is not a length that can be chosen, so it stands for an unreadable one.
        min_length: length.trim().parse().unwrap_or(0),
        rules: if rules == "entra" { PasswordRules::entra() } else { PasswordRules::nist() },
        terms: lines(form.optional("terms")?.unwrap_or_default()).collect(),
    })
}

pub(super) fn notices(form: &Form) -> Result<FreezeCodes, FormError> {
    Ok(match form.word("freeze_codes", &["on"])? {
        Some(_) => FreezeCodes::On,
        None => FreezeCodes::Off,
    })
}

/// Returns everything that was typed into a field, also if the field is repeated.
pub(super) fn typed(form: &Form, name: &str, between: &str) -> String {
    form.all(name).collect::<Vec<_>>().join(between).replace("\r\n", "\n")
}

/// Returns the lines of a field without the empty ones.
fn lines(field: &str) -> impl Iterator<Item = &str> {
    field.lines().map(str::trim).filter(|line| !line.is_empty())
}
