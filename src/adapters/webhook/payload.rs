//! The body of a request, in the form of Entra's *OnOtpSend* event.

use hmac::{Hmac, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    domain::{ApplicationId, Code, CorrelationId, Method, TenantId, guid},
    mail::{EmailMessage, TextMessage},
};

/// A code for the handler, whatever message it stands in.
#[derive(Clone, Copy)]
pub(super) struct Otp<'a> {
    pub(super) method: Method,
    /// An address, or a number in E.164.
    pub(super) to: &'a str,
    pub(super) from_name: &'a str,
    pub(super) language: &'a str,
    pub(super) tenant: &'a TenantId,
    pub(super) application: Option<&'a ApplicationId>,
    pub(super) correlation: Option<&'a CorrelationId>,
}

impl<'a> From<&'a EmailMessage> for Otp<'a> {
    fn from(message: &'a EmailMessage) -> Self {
        Self {
            application: message.application.as_ref(),
            correlation: message.correlation.as_ref(),
            from_name: &message.from_name,
            language: message.language.as_str(),
            method: Method::Email,
            tenant: &message.tenant,
            to: message.to.as_str(),
        }
    }
}

impl<'a> From<&'a TextMessage> for Otp<'a> {
    fn from(message: &'a TextMessage) -> Self {
        Self {
            application: message.application.as_ref(),
            correlation: message.correlation.as_ref(),
            from_name: &message.from_name,
            language: message.language.as_str(),
            method: Method::Sms,
            tenant: &message.tenant,
            to: message.to.as_str(),
        }
    }
}

/// The ids and words that are the same in each request of a webhook.
#[derive(Clone)]
pub(super) struct Fixed {
    pub(super) extension: String,
    pub(super) listener: String,
    pub(super) request_type: String,
}

#[derive(Serialize)]
pub(super) struct Payload<'a> {
    r#type: &'static str,
    source: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    otp_context: OtpContext<'a>,
    tenant_id: &'a str,
    authentication_event_listener_id: &'a str,
    custom_authentication_extension_id: &'a str,
    authentication_context: AuthenticationContext<'a>,
}

/// Microsoft's reference spells the code's name `oneTimeCode`, and its sample handler reads
/// `onetimecode`.
#[derive(Serialize)]
struct OtpContext<'a> {
    identifier: &'a str,
    /// Entra's event knows mails only, so that it has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    #[serde(rename = "oneTimeCode")]
    code: &'a str,
    #[serde(rename = "onetimecode")]
    same_code: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationContext<'a> {
    correlation_id: &'a str,
    client: Client<'a>,
    protocol: &'static str,
    request_type: &'a str,
    client_service_principal: Principal<'a>,
    resource_service_principal: Principal<'a>,
}

#[derive(Serialize)]
struct Client<'a> {
    ip: &'static str,
    locale: &'a str,
    market: &'static str,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Principal<'a> {
    id: &'a str,
    app_id: &'a str,
    app_display_name: &'a str,
    display_name: &'a str,
}

impl<'a> Payload<'a> {
    pub(super) fn new(otp: Otp<'a>, code: &'a str, id: &'a str, fixed: &'a Fixed) -> Self {
        let tenant = otp.tenant.as_str();
        let application = otp.application.map_or("", |application| application.as_str());
        let (r#type, channel) = match otp.method {
            Method::Email => ("microsoft.graph.authenticationEvent.emailOtpSend", None),
            Method::Sms => ("sspr.authenticationEvent.smsOtpSend", Some("sms")),
        };
        let principal = Principal {
            app_display_name: otp.from_name,
            app_id: application,
            display_name: otp.from_name,
            id: application,
        };
        Self {
            data: Data {
                authentication_context: AuthenticationContext {
                    client: Client { ip: "", locale: otp.language, market: "" },
                    client_service_principal: principal,
                    correlation_id: id,
                    protocol: "OAUTH2.0",
                    request_type: &fixed.request_type,
                    resource_service_principal: principal,
                },
                authentication_event_listener_id: &fixed.listener,
                custom_authentication_extension_id: &fixed.extension,
                odata_type: "microsoft.graph.onOtpSendCalloutData",
                otp_context: OtpContext { channel, code, identifier: otp.to, same_code: code },
                tenant_id: tenant,
            },
            source: format!("/tenants/{tenant}/applications/{application}"),
            r#type,
        }
    }
}

/// Returns the id for one code. The id is the same each time the courier sends this code, so that a
/// handler can drop repeats. Without the key, the id reveals neither the code nor the address.
pub(super) fn send_id(key: &Hmac<Sha256>, otp: Otp<'_>, code: &Code) -> String {
    let mut mac = key.clone();
    mac.update(otp.tenant.as_str().as_bytes());
    mac.update(&[0]);
    mac.update(otp.to.as_bytes());
    mac.update(&[0]);
    mac.update(Zeroizing::new(code.expose()).as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let head = digest.first_chunk::<16>().copied().unwrap_or_default();
    // Version and variant of a UUID of one's own making (RFC 9562 section 5.8).
    let bits = u128::from_be_bytes(head) & !(0xf << 76) & !(3 << 62) | 8 << 76 | 2 << 62;
    guid(bits)
}
