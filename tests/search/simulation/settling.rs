//! Who has an account at the beginning.

use sspr::domain::{
    Account, AccountId, GroupId, IdentityProvider, PhoneNumber, SecondFactor, Stamp,
};

use super::{
    facts::*,
    founding::{address, plain, second_factor, tenant},
    methods::{ABROAD, FIRST, NEIGHBOUR, PREMIUM, SECOND, STRANGERS, phone},
    world::World,
};

impl World {
    /// The accounts, the same names in both tenants.
    pub fn settle(&mut self) {
        for index in 0..2 {
            for (id, addresses) in [
                ("ada", &["ada@example.com", "ada@home.example"][..]),
                ("ana", &["ana@example.com"]),
                ("eve", &["eve@example.com"]),
                ("left", &["shared@example.com"]),
                ("right", &["shared@example.com"]),
                ("grace", &["grace@example.com"]),
                ("solo", &["solo@example.com"]),
            ] {
                // One who is a customer of the first tenant only.
                if id == "solo" && index == 1 {
                    continue;
                }
                let stamp = Stamp::generate(&self.entropy).unwrap();
                let id = AccountId::parse(id).unwrap();
                let mut account = Account::new(id, address(addresses[0]), stamp);
                account.addresses = addresses.iter().map(|text| address(text)).collect();
                account.phones = phones(index, account.id.as_str());
                // Each has another one, so that a comparison tells whose it is.
                let words = format!("Four Words of {} {index}, 0 by 0", account.id.as_str());
                account.password = Some(plain(&words));
                match account.id.as_str() {
                    "eve" if second_factor(&(tenant(index), account.id.clone())) => {
                        account.second_factor = SecondFactor::Independent;
                    }
                    "ada" => {
                        account.groups = vec![GroupId::parse("excluded").unwrap()];
                        // A stranger cannot see it.
                        account.must_change =
                            self.plan.stranger.is_some() && self.plan.seed % 2 == 1;
                    }
                    "grace" => {
                        account.identity_providers = vec![IdentityProvider::Google];
                        account.password = None;
                    }
                    _ => {}
                }
                let mut shared = self.hub.lock();
                let who = (tenant(index), account.id.clone());
                shared.oracle.accounts.insert(who, History::new(Some(account.clone())));
                drop(shared);
                self.users.insert(&tenant(index), account);
            }
        }
    }
}

/// The phones at the beginning, of the account of that name.
pub fn phones(index: usize, id: &str) -> Vec<PhoneNumber> {
    let phones = match id {
        "ada" => &[PREMIUM, FIRST, SECOND][..],
        "eve" if index == 0 => &[ABROAD],
        "eve" | "solo" => &[NEIGHBOUR],
        "grace" | "left" | "right" => &[STRANGERS],
        _ => &[],
    };
    phones.iter().map(|text| phone(text)).collect()
}
