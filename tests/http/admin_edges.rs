//! The administrator's side at its edges: every route for everybody who may not, every text from
//! outside on every page, and whatever the API takes through the page as well.

mod damaged;
mod fields;
mod form;
mod permissions;
mod preview;
mod refusals;
mod repeats;
mod requests;
mod shown;
mod sms;
mod texts;

use crate::support::{
    World,
    front::{self, JSON, Seen, build, get, post, send},
};
use axum::{Router, http::request::Parts};
use serde_json::Value;
use sspr::{
    TenantPolicy,
    adapters::MemoryPolicies,
    domain::TenantId,
    http::{Access, AccessKind, Admin, Authorize, Authorized, ReturnTo},
    ports::{PolicySource as _, PolicyStore},
};

pub const EMAIL: &str = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                         authenticationMethodConfigurations/email";
pub const SMS: &str = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                       authenticationMethodConfigurations/sms";
pub const FLOWS: &str = "/admin/tenants/contoso/v1.0/identity/authenticationEventsFlows";
pub const ROOT: (&str, &str) = ("authorization", "root");

/// `root` and `second` may all, `reader` may read Contoso, `neighbour` may all in Fabrikam, `lister` may know
/// which tenants there are; somebody without a name must sign in.
pub struct ByHeader;

#[async_trait::async_trait]
impl Authorize for ByHeader {
    async fn authorize(&self, request: &Parts, access: Access<'_>) -> Authorized {
        let named = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let Some(named) = named else {
            return Authorized::SignIn(ReturnTo::parse("/administrator").unwrap());
        };
        let tenant = access.tenant.map(TenantId::as_str);
        let may = match named {
            "root" | "second" => true,
            "reader" => access.kind == AccessKind::Read && tenant.is_none_or(|it| it == "contoso"),
            "neighbour" => tenant.is_none_or(|it| it == "fabrikam"),
            "lister" => tenant.is_none() && access.kind == AccessKind::Read,
            _ => false,
        };
        if may { Authorized::As(named.to_owned()) } else { Authorized::Forbidden }
    }
}

pub struct Desk {
    pub policies: MemoryPolicies,
    pub app: Router,
}

impl Desk {
    pub async fn new() -> Self {
        let world = World::memory().await;
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        let policies = world.policies.clone();
        Self { app: router(&world, policies.clone()), policies }
    }

    pub fn stored(&self, tenant: &str) -> Value {
        self.policy(tenant).to_json()
    }

    pub fn policy(&self, name: &str) -> TenantPolicy {
        (*self.policies.policy(&tenant(name)).unwrap().unwrap()).clone()
    }

    pub async fn json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Seen {
        let headers = [&[ROOT, ("content-type", JSON)], headers].concat();
        send(&self.app, build(method, path, &headers, &body.to_string())).await
    }

    /// The answer to a form of the page, sent with what the page shows and these fields besides.
    pub async fn save(&self, action: &str, query: &str, change: impl Fn(&mut Fields)) -> Seen {
        let page = get(&self.app, &format!("/admin/{query}"), &[ROOT]).await.body;
        let mut fields = untouched(&page, action);
        change(&mut fields);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let path = format!("/admin/{action}{query}");
        post(&self.app, &path, &[ROOT], &front::form(&fields)).await
    }
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub type Fields = Vec<(String, String)>;

pub fn router(world: &World, policies: impl PolicyStore + 'static) -> Router {
    let admin = Admin::new(&world.sspr, policies, ByHeader);
    Router::new().nest("/admin/", admin.router())
}

pub fn message(seen: &Seen) -> String {
    seen.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

/// What a browser shows of an escaped text.
fn plain(text: &str) -> String {
    let entities =
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    entities.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// What a browser sends of a form of the page in which nobody has touched anything.
pub fn untouched(page: &str, action: &str) -> Fields {
    let start = page.find(&format!("action=\"{action}?")).unwrap();
    let form = &page[start..start + page[start..].find("</form>").unwrap()];
    let value = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(plain(rest.split_once('"')?.0))
    };
    let texts = form.split("<textarea").skip(1).map(|area| {
        let (tag, rest) = area.split_once('>').unwrap();
        let text = rest.split_once("</textarea>").unwrap().0;
        (value(tag, "name").unwrap(), plain(text).replace('\n', "\r\n"))
    });
    let inputs = form.split("<input").skip(1).filter_map(|input| {
        let (tag, _) = input.split_once('>').unwrap();
        let kind = value(tag, "type");
        let is_box = matches!(kind.as_deref(), Some("checkbox" | "radio"));
        let is_sent = !is_box || tag.ends_with(" checked");
        is_sent.then(|| (value(tag, "name").unwrap(), value(tag, "value").unwrap_or_default()))
    });
    inputs.chain(texts).collect()
}
