//! The body of a request, in the form of Entra's *OnOtpSend* event.

use hmac::{Hmac, Mac as _};
use serde::Serialize;
use sha2::Sha256;

use crate::{
    domain::{Code, guid},
    mail::EmailMessage,
};

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
    pub(super) fn new(
        message: &'a EmailMessage,
        code: &'a str,
        id: &'a str,
        fixed: &'a Fixed,
    ) -> Self {
        let tenant = message.tenant.as_str();
        let application =
            message.application.as_ref().map_or("", |application| application.as_str());
        let principal = Principal {
            app_display_name: &message.from_name,
            app_id: application,
            display_name: &message.from_name,
            id: application,
        };
        Self {
            data: Data {
                authentication_context: AuthenticationContext {
                    client: Client { ip: "", locale: message.language.as_str(), market: "" },
                    client_service_principal: principal,
                    correlation_id: id,
                    protocol: "OAUTH2.0",
                    request_type: &fixed.request_type,
                    resource_service_principal: principal,
                },
                authentication_event_listener_id: &fixed.listener,
                custom_authentication_extension_id: &fixed.extension,
                odata_type: "microsoft.graph.onOtpSendCalloutData",
                otp_context: OtpContext { code, identifier: message.to.as_str(), same_code: code },
                tenant_id: tenant,
            },
            source: format!("/tenants/{tenant}/applications/{application}"),
            r#type: "microsoft.graph.authenticationEvent.emailOtpSend",
        }
    }
}

/// Returns the id for one code. The id is the same each time the courier sends this code, so that a
/// handler can drop repeats. Without the key, the id reveals neither the code nor the address.
pub(super) fn send_id(key: &Hmac<Sha256>, message: &EmailMessage, code: &Code) -> String {
    let mut mac = key.clone();
    mac.update(message.tenant.as_str().as_bytes());
    mac.update(&[0]);
    mac.update(message.to.as_str().as_bytes());
    mac.update(&[0]);
    mac.update(code.expose().as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let head = digest.first_chunk::<16>().copied().unwrap_or_default();
    // Version and variant of a UUID of one's own making (RFC 9562 section 5.8).
    let bits = u128::from_be_bytes(head) & !(0xf << 76) & !(3 << 62) | 8 << 76 | 2 << 62;
    guid(bits)
}
