//! Every interleaving of wrong tries and of their settlement.

use std::sync::Arc;

use super::*;
use crate::sync::{Model, explore, with};

#[test]
fn no_wrong_try_is_lost_or_settled_twice() {
    let seen = explore(|| {
        let tenant = TenantId::parse("contoso").unwrap();
        let tenants = Arc::new(Tenants::default());
        tenants.meet(&tenant);
        let wrong = |tenants: &Tenants| {
            tenants.wrong_try(TenantId::parse("contoso").unwrap().tag());
            0
        };
        let settle = |tenants: &Tenants| {
            let mut charged = 0;
            for (tenant, tries) in tenants.pending() {
                charged += tries;
                tenants.settled(tenant.tag(), tries);
            }
            charged
        };
        Model {
            threads: vec![
                with(&tenants, wrong),
                with(&tenants, wrong),
                with(&tenants, move |tenants| settle(tenants) + settle(tenants)),
            ],
            end: with(&tenants, |tenants| tenants.pending().iter().map(|(_, tries)| *tries).sum()),
        }
    });

    let kept: Vec<(u32, u32)> = seen.into_iter().map(|(got, rest)| (got[2], rest)).collect();
    assert_eq!(kept, [(0, 2), (1, 1), (2, 0)]);
}
