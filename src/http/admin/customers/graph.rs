//! The two endpoints of Microsoft Graph that act for a user.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    action::Action,
    applications::offered,
    perform::{Order, Performed, Secret},
};
use crate::{
    domain::{AccountId, ActorId, Application, StaffReason, Timestamp},
    http::{
        admin::{
            graph::{Allowed, Answer, Named, parted},
            site::Site,
        },
        correlation::fresh_id,
        odata::{JSON, Odata},
    },
};

/// The annotation with the reason for an action.
const REASON: &str = "@sspr.reason";
/// The annotation with the id of the application in which a pass works.
const APPLICATION: &str = "@sspr.application";
const PASS_TYPE: &str = "#microsoft.graph.temporaryAccessPassAuthenticationMethod";

/// A request for an action, allowed and with its body.
struct Asked {
    allowed: Allowed,
    actor: ActorId,
    account: AccountId,
    fields: Map<String, Value>,
}

impl Asked {
    async fn of(
        site: &Arc<Site>,
        named: Named<(String, String)>,
        request: Request,
        action: Action,
    ) -> Result<Self, Odata> {
        let (tenant, id) = parted(named);
        let (allowed, body) = Allowed::of(site, tenant, request, action.kind()).await?;
        let actor = ActorId::parse(&allowed.who).map_err(|error| {
            let message = format!("Your name cannot be kept in the audit records ({error}).");
            allowed.fail(StatusCode::FORBIDDEN, "Authorization_RequestDenied", &message)
        })?;
        let account = AccountId::parse(&id).map_err(|_| no_user(&allowed))?;
        let fields = fields(&allowed, body).await?;
        Ok(Self { account, actor, allowed, fields })
    }

    /// Refuses the request, and names the field and its rule.
    fn refuse(&self, field: &str, rule: &str) -> Odata {
        let message = format!("$.{field}: {rule}");
        self.allowed.fail(StatusCode::BAD_REQUEST, "BadRequest", &message)
    }

    /// Refuses every field that has another name.
    fn knows_only(&self, names: &[&str]) -> Result<(), Odata> {
        let unknown = self.fields.keys().find(|name| !names.contains(&name.as_str()));
        match unknown {
            Some(name) => Err(self.refuse(name, "is not known here; leave it out")),
            None => Ok(()),
        }
    }

    /// Returns a text, or `None` if the field is missing or null.
    fn text(&self, name: &str) -> Result<Option<&str>, Odata> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refuse(name, "must be a string")),
        }
    }

    fn reason(&self) -> Result<Option<StaffReason>, Odata> {
        let Some(text) = self.text(REASON)? else { return Ok(None) };
        StaffReason::parse(text).map(Some).map_err(|error| self.refuse(REASON, &error.to_string()))
    }

    /// Does the action, and returns the text that it gave.
    async fn perform(
        &self,
        action: Action,
        application: Option<&Application>,
    ) -> Result<Secret, Odata> {
        let Self { account, actor, allowed, .. } = self;
        let reason = self.reason()?;
        let (reason, tenant) = (reason.as_ref(), &allowed.tenant);
        let order = Order { account, action, actor, application, reason, tenant };
        let performed = order.perform(&allowed.site).await.map_err(|_| self.down())?;
        match performed {
            Performed::Done(Some(secret)) => Ok(secret),
            Performed::TryLater { retry_at } => {
                let message =
                    "Too many actions were done for this user, by you, or in this tenant.";
                let status = StatusCode::TOO_MANY_REQUESTS;
                let error = allowed.fail(status, "TooManyRequests", message);
                let wait = retry_at.since(allowed.site.sspr.now()).as_secs();
                Err(error.retry_after(wait.saturating_add(1)))
            }
            Performed::Done(None) | Performed::Unavailable => Err(no_user(allowed)),
            Performed::Unrecorded => {
                let message = "The action could not be recorded, so nothing was done.";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Err(allowed.fail(status, "ServiceUnavailable", message))
            }
        }
    }

    fn down(&self) -> Odata {
        let message = "A part of the service failed. The action may or may not have been done.";
        self.allowed.fail(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// Returns the application of a pass: the named one, or the only one of the tenant.
    async fn application(&self) -> Result<Application, Odata> {
        let stored = self.allowed.stored().await?;
        let known = offered(&self.allowed.site, &stored.policy);
        let named = self.text(APPLICATION)?;
        let is_meant = |one: &Application| named.is_none_or(|id| id == one.id.as_str());
        let mut meant = known.into_iter().map(|one| one.application).filter(is_meant);
        match (meant.next(), meant.next(), named) {
            (Some(only), None, _) => Ok(only),
            (Some(_), Some(_), None) => {
                Err(self.refuse(APPLICATION, "is wanted, because the tenant has several"))
            }
            (Some(_), Some(_), Some(_)) => {
                Err(self.refuse(APPLICATION, "is in several user flows; use the page instead"))
            }
            (None, _, _) => Err(self.refuse(APPLICATION, "no such application is known here")),
        }
    }

    /// Refuses the fields of a pass that cannot be honoured.
    fn honours(&self, application: &Application) -> Result<(), Odata> {
        match self.fields.get("isUsableOnce") {
            None | Some(Value::Null | Value::Bool(true)) => {}
            Some(_) => return Err(self.refuse("isUsableOnce", "must be true")),
        }
        match self.text("@odata.type")? {
            None | Some(PASS_TYPE) => {}
            Some(_) => return Err(self.refuse("@odata.type", &format!("must be {PASS_TYPE}"))),
        }
        if let Some(text) = self.text("startDateTime")? {
            let starts = OffsetDateTime::parse(text, &Rfc3339);
            let starts = starts.map_err(|_| self.refuse("startDateTime", "must be a date-time"))?;
            if Timestamp::from_civil(starts) > self.allowed.site.sspr.now() {
                return Err(self.refuse("startDateTime", "must not be in the future"));
            }
        }
        let policy = self.allowed.site.sspr.policy(&application.tenant);
        let policy = policy.ok().flatten().ok_or_else(|| self.down())?;
        let minutes = policy.limits().assistance_code_lifetime().as_secs() / 60;
        match self.fields.get("lifetimeInMinutes") {
            None | Some(Value::Null) => Ok(()),
            Some(wanted) if wanted.as_u64() == Some(minutes) => Ok(()),
            Some(_) => {
                let rule = format!("must be {minutes}, the lifetime that the policy sets");
                Err(self.refuse("lifetimeInMinutes", &rule))
            }
        }
    }
}

/// `POST …/resetPassword`: sets a temporary password, and answers with it.
pub(super) async fn reset_password(
    State(site): State<Arc<Site>>,
    named: Named<(String, String)>,
    request: Request,
) -> Answer {
    let asked = Asked::of(&site, named, request, Action::TemporaryPassword).await?;
    if asked.fields.get("newPassword").is_some_and(|given| !given.is_null()) {
        let rule = "staff never choose a password; leave it out, and one is generated";
        return Err(asked.refuse("newPassword", rule));
    }
    asked.knows_only(&["newPassword", REASON])?;
    let secret = asked.perform(Action::TemporaryPassword, None).await?;
    let body = json!({
        "@odata.context": "#microsoft.graph.passwordResetResponse",
        "@sspr.expirationDateTime": civil(secret.expires_at),
        "newPassword": secret.text.as_str(),
    });
    Ok(answer(StatusCode::ACCEPTED, &body))
}

/// `POST …/temporaryAccessPassMethods`: makes an assistance code, and answers with it.
pub(super) async fn create_access_pass(
    State(site): State<Arc<Site>>,
    named: Named<(String, String)>,
    request: Request,
) -> Answer {
    let asked = Asked::of(&site, named, request, Action::AssistanceCode).await?;
    asked.knows_only(&[
        "@odata.type",
        "isUsableOnce",
        "lifetimeInMinutes",
        "startDateTime",
        APPLICATION,
        REASON,
    ])?;
    let application = asked.application().await?;
    asked.honours(&application)?;
    let id = fresh_id(site.sspr.entropy()).ok_or_else(|| asked.allowed.down())?;
    let made_at = site.sspr.now();
    let secret = asked.perform(Action::AssistanceCode, Some(&application)).await?;
    let body = json!({
        "@odata.context": "#users/authentication/temporaryAccessPassMethods/$entity",
        "@sspr.application": application.id.as_str(),
        "createdDateTime": civil(made_at),
        "id": id,
        "isUsable": true,
        "isUsableOnce": true,
        "lifetimeInMinutes": secret.expires_at.since(made_at).as_secs() / 60,
        "methodUsabilityReason": "EnabledByPolicy",
        "startDateTime": civil(made_at),
        "temporaryAccessPass": secret.text.as_str(),
    });
    Ok(answer(StatusCode::CREATED, &body))
}

/// Reads the body. An empty body without a media type is an object without fields.
async fn fields(allowed: &Allowed, body: Body) -> Result<Map<String, Value>, Odata> {
    if allowed.headers.contains_key(CONTENT_TYPE) {
        return allowed.object(body).await;
    }
    match to_bytes(body, 0).await {
        Ok(_) => Ok(Map::new()),
        Err(_) => allowed.object(Body::empty()).await,
    }
}

fn no_user(allowed: &Allowed) -> Odata {
    let message = "The user does not exist, is disabled, or has no password here.";
    allowed.fail(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
}

fn civil(at: Timestamp) -> Value {
    at.to_civil().format(&Rfc3339).map_or(Value::Null, Value::String)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
