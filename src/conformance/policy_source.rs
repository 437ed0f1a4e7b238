//! The suite for policy sources. They answer for known and unknown tenants from memory.

use std::sync::Arc;

use super::{
    case_result::{CaseResult, Violation, hold, same},
    clauses,
};
use crate::{domain::TenantId, ports::PolicySource};

clauses! {
    /// One clause of the policy source's contract.
    PolicySourceCase over PolicySourceBench;
    /// Makes one test for each clause of the policy source's contract. The argument is a function
    /// from [`PolicySourceCase`](crate::conformance::PolicySourceCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    policy_source_conformance;
    in self:
        a_known_tenant_has_its_policy
        an_unknown_tenant_has_none
        a_tenants_name_is_compared_exactly
        it_answers_from_memory;
}

/// A policy source under test, which knows one tenant.
#[derive(Clone)]
pub struct PolicySourceBench {
    source: Arc<dyn PolicySource>,
    known: TenantId,
}

impl core::fmt::Debug for PolicySourceBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PolicySourceBench").field("known", &self.known).finish_non_exhaustive()
    }
}

impl PolicySourceBench {
    /// Creates a bench for a source that knows this tenant. The name of the tenant must have
    /// letters.
    #[must_use]
    pub fn new(source: impl PolicySource + 'static, known: TenantId) -> Self {
        Self { known, source: Arc::new(source) }
    }

    fn knows(&self, tenant: &TenantId) -> Result<bool, Violation> {
        let policy = self.source.policy(tenant).map_err(Violation::of)?;
        hold(policy.as_ref().is_none_or(|it| it.tenant() == tenant), || {
            "a tenant is given another one's policy".to_owned()
        })?;
        Ok(policy.is_some())
    }
}

async fn a_known_tenant_has_its_policy(bench: &PolicySourceBench) -> CaseResult {
    same("known", bench.knows(&bench.known)?, true)
}

async fn an_unknown_tenant_has_none(bench: &PolicySourceBench) -> CaseResult {
    let name = format!("not {}", bench.known.as_str());
    let unknown = TenantId::parse(&name).map_err(Violation::of)?;
    same("known", bench.knows(&unknown)?, false)
}

async fn a_tenants_name_is_compared_exactly(bench: &PolicySourceBench) -> CaseResult {
    let known = bench.known.as_str();
    let mut others = vec![known.to_uppercase(), known.to_lowercase(), format!("{known}.json")];
    others.retain(|other| other != known);
    for other in others {
        let other = TenantId::parse(&other).map_err(Violation::of)?;
        same(other.as_str(), bench.knows(&other)?, false)?;
    }
    Ok(())
}

async fn it_answers_from_memory(bench: &PolicySourceBench) -> CaseResult {
    // The engine asks at every step of every reset. A source that does I/O each time would take
    // minutes here.
    for _ in 0..100_000 {
        bench.knows(&bench.known)?;
    }
    Ok(())
}
