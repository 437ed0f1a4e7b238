//! The JSON endpoints of the authentication methods.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use serde_json::Value;

use super::{
    authorize::AccessKind,
    change::Stored,
    documents::{annotated, default_sms, method_document, replace_fields},
    graph::{Allowed, Answer, Named, empty, tagged},
    site::Site,
};
use crate::{domain::Method, policy::DocumentError};

/// The names of the changes in the record, of the pages and of these endpoints.
pub(super) const EMAIL: &str = "Email OTP";
pub(super) const SMS: &str = "SMS";

/// `GET …/authenticationMethodConfigurations/email`
pub(super) async fn get_email(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    let (allowed, _) = Allowed::of(&site, tenant, request, AccessKind::Read).await?;
    let stored = allowed.stored().await?;
    let Some(email) = stored.policy.authentication_methods().method_document(Method::Email) else {
        let message = "The tenant has no configuration of the e-mail method.";
        return Err(allowed.fail(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message));
    };
    Ok(shown(email, &stored))
}

/// `PATCH …/authenticationMethodConfigurations/email`: absent fields keep their value.
pub(super) async fn patch_email(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    patch_method(&site, tenant, request, Method::Email, EMAIL).await
}

/// `GET …/authenticationMethodConfigurations/sms`: a tenant without one has Graph's default.
pub(super) async fn get_sms(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    let (allowed, _) = Allowed::of(&site, tenant, request, AccessKind::Read).await?;
    let stored = allowed.stored().await?;
    let sms = method_document(stored.policy.authentication_methods(), Method::Sms);
    Ok(shown(&sms, &stored))
}

/// `PATCH …/authenticationMethodConfigurations/sms`: absent fields keep their value.
pub(super) async fn patch_sms(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    patch_method(&site, tenant, request, Method::Sms, SMS).await
}

/// `DELETE …/authenticationMethodConfigurations/sms`: goes back to Graph's default, which is off.
pub(super) async fn delete_sms(
    State(site): State<Arc<Site>>,
    tenant: Named<String>,
    request: Request,
) -> Answer {
    let (allowed, _) = Allowed::of(&site, tenant, request, AccessKind::Write).await?;
    let change = |stored: &Stored| {
        let (policy, methods) = (&stored.policy, stored.policy.authentication_methods());
        let methods = methods.with_method(Method::Sms, &default_sms().to_string())?;
        Ok(policy.as_ref().clone().with_authentication_methods(methods))
    };
    allowed.change(SMS, change, |stored| empty(stored.version)).await
}

fn shown(method: &Value, stored: &Stored) -> Response {
    let context = "#authenticationMethodConfigurations/$entity";
    let body = annotated(method, context, stored.warning());
    tagged(StatusCode::OK, &body, stored.version)
}

async fn patch_method(
    site: &Arc<Site>,
    tenant: Named<String>,
    request: Request,
    method: Method,
    what: &str,
) -> Answer {
    let (allowed, body) = Allowed::of(site, tenant, request, AccessKind::Write).await?;
    let fields = allowed.object(body).await?;
    let change = |stored: &Stored| {
        let (policy, methods) = (&stored.policy, stored.policy.authentication_methods());
        let lists = ["state", "includeTargets", "excludeTargets"];
        if stored.has_lost_methods() && !lists.iter().all(|name| fields.contains_key(*name)) {
            let rule = "the stored policy cannot be read: state, includeTargets and \
                        excludeTargets are wanted";
            return Err(DocumentError::new("$", rule));
        }
        let mut document = method_document(methods, method);
        replace_fields(&mut document, &fields);
        let methods = methods.with_method(method, &document.to_string())?;
        Ok(policy.as_ref().clone().with_authentication_methods(methods))
    };
    allowed.change(what, change, |stored| empty(stored.version)).await
}
