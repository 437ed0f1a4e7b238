//! The application that a user wants to sign in to.

use super::{ApplicationId, IdError, TenantId, UserFlowId};

/// An application of a tenant, and the user flow by which its users sign in.
///
/// Requests, pages and the native API all take it.
///
/// ```
/// use sspr::Application;
///
/// let shop = Application::new("contoso", "sign-in", "shop")?;
/// assert_eq!(shop.tenant.as_str(), "contoso");
/// # Ok::<(), sspr::domain::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Application {
    /// The tenant that the application belongs to.
    pub tenant: TenantId,
    /// The user flow by which users sign in to the application.
    pub user_flow: UserFlowId,
    /// The id of the application. In the native API it is the `client_id`.
    pub id: ApplicationId,
}

impl Application {
    /// The user flow of [`Application::single`] and of a policy for customers.
    pub(crate) const USUAL_FLOW: &str = "sign-in";

    /// Names an application by the texts of its three ids.
    ///
    /// # Errors
    /// [`IdError`] names the id that is not valid.
    ///
    /// # Examples
    /// ```
    /// use sspr::Application;
    ///
    /// let shop = Application::new("contoso", "sign-in", "shop")?;
    /// let refused = Application::new("contoso", "", "shop").unwrap_err();
    /// assert!(refused.to_string().contains("user flow"));
    /// # Ok::<(), sspr::domain::IdError>(())
    /// ```
    pub fn new(tenant: &str, user_flow: &str, id: &str) -> Result<Self, IdError> {
        Ok(Self {
            tenant: TenantId::parse(tenant)?,
            user_flow: UserFlowId::parse(user_flow)?,
            id: ApplicationId::parse(id)?,
        })
    }

    /// Names the only application of a host that has one tenant. The name becomes the id of the
    /// application and the id of the tenant.
    /// [`TenantPolicy::for_application`](crate::TenantPolicy::for_application) makes its policy.
    ///
    /// # Errors
    /// [`IdError`] if the name is not a valid id.
    ///
    /// # Examples
    /// ```
    /// use sspr::{Application, TenantPolicy};
    ///
    /// let shop = Application::single("shop")?;
    /// let policy = TenantPolicy::for_application(&shop)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn single(name: &str) -> Result<Self, IdError> {
        Self::new(name, Self::USUAL_FLOW, name)
    }
}
