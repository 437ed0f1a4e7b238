//! The limits that an event names.

/// A limit that a call or a message has reached, named after its setting in
/// [`Limits`](crate::policy::Limits).
///
/// It tells operators which setting to look at. It never tells whose counter it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Actions of staff for one account.
    AssistsPerAccount,
    /// Actions of one member of staff.
    AssistsPerActor,
    /// Actions of all staff of a tenant.
    AssistsPerTenant,
    /// Codes and passwords that one network tries.
    NetworkTries,
    /// Notices of changed passwords by text of a tenant.
    NoticeTextsPerTenant,
    /// Resets that one network opens.
    OpensPerNetwork,
    /// Codes sent to one account in one lane.
    SendsPerAccount,
    /// Codes requested for one address.
    SendsPerAddress,
    /// Codes that one network requests for one address.
    SendsPerAddressAndNetwork,
    /// Codes that one trusted device requests.
    SendsPerDevice,
    /// Codes that one network requests.
    SendsPerNetwork,
    /// Codes that one network requests with a vouch.
    SendsPerVouch,
    /// Wrong codes of a whole tenant.
    TenantTries,
    /// No text is sent to the block of numbers, because too few codes were typed there.
    TextStop,
    /// Text messages to one block of numbers.
    TextsPerBlock,
    /// Text messages that one network requests.
    TextsPerNetwork,
    /// Text messages to one number.
    TextsPerNumber,
    /// Text messages of a tenant.
    TextsPerTenant,
    /// Comparisons of short codes for one account or address between two right ones.
    TriesPerStreak,
    /// Comparisons of short codes for one account or address in a window.
    TriesPerWindow,
    /// Codes that all trusted devices of one account request.
    TrustedSendsPerAccount,
}

impl Limit {
    /// Returns the name of the setting, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssistsPerAccount => "assists_per_account",
            Self::AssistsPerActor => "assists_per_actor",
            Self::AssistsPerTenant => "assists_per_tenant",
            Self::NetworkTries => "network_tries",
            Self::NoticeTextsPerTenant => "notice_texts_per_tenant",
            Self::OpensPerNetwork => "opens_per_network",
            Self::SendsPerAccount => "sends_per_account",
            Self::SendsPerAddress => "sends_per_address",
            Self::SendsPerAddressAndNetwork => "sends_per_address_and_network",
            Self::SendsPerDevice => "sends_per_device",
            Self::SendsPerNetwork => "sends_per_network",
            Self::SendsPerVouch => "sends_per_vouch",
            Self::TenantTries => "tenant_tries",
            Self::TextStop => "text_stop",
            Self::TextsPerBlock => "texts_per_block",
            Self::TextsPerNetwork => "texts_per_network",
            Self::TextsPerNumber => "texts_per_number",
            Self::TextsPerTenant => "texts_per_tenant",
            Self::TriesPerStreak => "tries_per_streak",
            Self::TriesPerWindow => "tries_per_window",
            Self::TrustedSendsPerAccount => "trusted_sends_per_account",
        }
    }
}
