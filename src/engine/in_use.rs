//! The choice between several accounts with one address.

use crate::domain::Account;

/// Removes frozen accounts if several accounts are found by one address.
///
/// A frozen account may be found by a former address, which may be the address of another account by
/// now. It gives way to an account that is in use.
pub(super) fn keep_those_in_use(found: &mut Vec<Account>) {
    if found.len() > 1 {
        found.retain(|account| account.frozen.is_none());
    }
}
