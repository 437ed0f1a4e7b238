//! How many accounts a change would stop from resetting, in words.

use core::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;

use super::site::Site;
use crate::{
    policy::{TenantPolicy, grouped},
    ports::Affected,
};

/// The longest time that an administrator waits for the count.
const PATIENCE: Duration = Duration::from_secs(2);

impl Site {
    /// Counts the accounts that a change would stop from resetting. A count that fails, panics or
    /// takes too long is said to be missing, because it must never stop a change.
    pub(super) async fn preview(&self, before: &TenantPolicy, after: &TenantPolicy) -> String {
        let count = async { self.preview.as_ref()?.affected(before, after).await };
        let count = AssertUnwindSafe(count).catch_unwind();
        let counted = tokio::time::timeout(PATIENCE, count).await;
        words(counted.ok().and_then(Result::ok).flatten())
    }
}

fn words(count: Option<Affected>) -> String {
    match count {
        None => "The accounts could not be counted. You can save this all the same.".to_owned(),
        Some(Affected { accounts: 0, of }) => format!(
            "No account would lose password reset. {} can reset a password now.",
            grouped(&of.to_string())
        ),
        Some(Affected { accounts, of }) => format!(
            "{} of {} accounts could no longer reset a password.",
            grouped(&accounts.to_string()),
            grouped(&of.to_string())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_said_in_words() {
        let said = |accounts, of| words(Some(Affected { accounts, of }));
        assert_eq!(said(1204, 9880), "1,204 of 9,880 accounts could no longer reset a password.");
        assert!(said(0, 1_000_000).ends_with("1,000,000 can reset a password now."));
        assert!(words(None).contains("could not be counted"));
    }
}
