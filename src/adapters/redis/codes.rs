//! The code store in Redis. Each verb is one script.

use core::time::Duration;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use redis::Value;

use super::{
    connection::Connection,
    errors,
    options::RedisOptions,
    pack::{self, Parts},
    script::{Script, Scripts},
};
use crate::{
    domain::{Charge, CounterName, Over, RecordId, TenantTag, Timestamp},
    ports::{
        Attempted, CodeStore, Inserted, Loaded, Record, SWEEP_MARGIN, StoreError, StoredRecord,
        Swapped,
    },
};

/// The number of entries that one run of the sweep script looks at.
const SWEPT_AT_ONCE: usize = 200;

/// Keeps records and counters in Redis 7.0 or Valkey 7.2 and newer.
///
/// Each verb is one script: one round trip, atomic. All keys of a tenant are in one hash slot, so
/// Redis Cluster works. The callers' timestamps decide expiry. The server's own expiry only removes
/// entries that have been dead for a day.
///
/// **Limits.** Redis answers before its replicas have written, and by default before its disk has.
/// A failover or a crash may therefore lose the last writes. Each lost write may allow one extra
/// try of a code, or one extra comparison beyond a cap (I1, I2). A password still changes at most
/// once per reset (I5), because the user store decides that. To lose no writes, use Postgres or
/// `appendfsync always`.
///
/// The store needs the tokio runtime. Clones share one connection, which reconnects by itself.
#[derive(Clone, Debug)]
pub struct RedisCodes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    scripts: Scripts,
    prefix: String,
    drift: i64,
    /// The tenants that this process has added to the list of tenants to sweep.
    listed: Mutex<HashSet<TenantTag>>,
}

impl RedisCodes {
    /// Connects, and checks that the server evicts nothing (`maxmemory-policy noeviction`).
    ///
    /// # Errors
    /// [`StoreError`] says what to do if the server is not reachable, refuses, or evicts entries.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::{RedisCodes, RedisOptions};
    ///
    /// async fn open() -> Result<RedisCodes, Box<dyn std::error::Error>> {
    ///     let options = RedisOptions::from_url("rediss://cache.example")?;
    ///     Ok(RedisCodes::open(&options).await?)
    /// }
    /// ```
    pub async fn open(options: &RedisOptions) -> Result<Self, StoreError> {
        let connection = Connection::open(options).await?;
        connection.check_policy().await?;
        let drift = options.drift.map(|drift| i64::try_from(drift.as_micros()).unwrap_or(i64::MAX));
        Ok(Self(Arc::new(Inner {
            connection,
            drift: drift.unwrap_or(-1),
            listed: Mutex::default(),
            prefix: options.prefix.clone(),
            scripts: Scripts::new(),
        })))
    }
}

impl Inner {
    async fn run(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let answer = match self.connection.send(&script.by_digest(keys, arguments)).await {
            // The server was restarted or replaced, and has done nothing.
            Err(error) if errors::is_no_script(&error) => {
                self.connection.send(&script.whole(keys, arguments)).await
            }
            answer => answer,
        };
        answer.map_err(errors::command)
    }

    /// Runs a script that takes a record and the charges of the call.
    async fn run_on(
        &self,
        script: &Script,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Parts, StoreError> {
        one_tenant(id.tenant_tag(), charges)?;
        let (now, drift) = (pack::micros(now).to_string(), self.drift.to_string());
        let packed = pack::charges(charges);
        let arguments = [now.as_bytes(), drift.as_bytes(), &packed];
        Parts::of(self.run(script, &self.keys(id), &arguments).await?)
    }

    /// Reads a record. Makes no charges, and so needs no script.
    async fn read(&self, id: &RecordId) -> Result<Loaded, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.record_key(id)).arg(&["v", "e", "t", "n", "b"]);
        let answer = self.connection.send(&command).await;
        let answer = answer.map_err(|error| errors::command(error).of_a_read())?;
        if matches!(&answer, Value::Array(parts) if matches!(parts.first(), Some(Value::Nil))) {
            return Ok(Loaded::Missing);
        }
        Ok(Loaded::Found(stored(&mut Parts::of(answer)?)?))
    }

    fn counters(&self, tenant: TenantTag) -> [String; 2] {
        let prefix = pack::tenant_prefix(&self.prefix, tenant);
        [format!("{prefix}:c"), format!("{prefix}:z")]
    }

    fn keys(&self, id: &RecordId) -> [String; 3] {
        let [counters, ends] = self.counters(id.tenant_tag());
        [self.record_key(id), counters, ends]
    }

    fn record_key(&self, id: &RecordId) -> String {
        let prefix = pack::tenant_prefix(&self.prefix, id.tenant_tag());
        format!("{prefix}:r:{}", pack::hex(id.as_bytes()))
    }

    fn tenants_key(&self) -> String {
        format!("{}:tenants", self.prefix)
    }

    /// Adds a tenant to the list that sweeps go through. Each process does it once for each tenant.
    async fn list(&self, tenant: TenantTag) -> Result<(), StoreError> {
        if self.listed.lock().unwrap_or_else(PoisonError::into_inner).contains(&tenant) {
            return Ok(());
        }
        let mut command = redis::cmd("SADD");
        command.arg(self.tenants_key()).arg(tenant.as_bytes());
        self.connection.send(&command).await.map_err(errors::command)?;
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant);
        Ok(())
    }

    /// Returns the tenants that this process has written for.
    fn listed(&self) -> HashSet<TenantTag> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes at most `limit` dead entries of a tenant.
    async fn sweep(
        &self,
        tenant: TenantTag,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let [counters, ends] = self.counters(tenant);
        let before = pack::micros(now.before(SWEEP_MARGIN)).to_string();
        let (now, drift) = (pack::micros(now).to_string(), self.drift.to_string());
        let mut removed = 0;
        while removed < limit {
            let most = SWEPT_AT_ONCE.min(limit - removed);
            let mut command = redis::cmd("ZRANGEBYSCORE");
            command.arg(&ends).arg("-inf").arg(&before).arg("LIMIT").arg(0).arg(most);
            let listed = self.connection.send(&command).await.map_err(errors::command)?;
            let Value::Array(listed) = listed else { return Err(errors::damaged("list")) };
            let mut keys = vec![counters.clone(), ends.clone()];
            let mut names = Vec::new();
            for name in listed {
                let Value::BulkString(name) = name else { return Err(errors::damaged("name")) };
                if let Some(id) = name.strip_prefix(b"r") {
                    let id = id.try_into().map_err(|_| errors::damaged("id"))?;
                    keys.push(self.record_key(&RecordId::from_bytes(id)));
                }
                names.push(name);
            }
            if names.is_empty() {
                break;
            }
            let mut arguments = vec![now.as_bytes(), drift.as_bytes(), before.as_bytes()];
            arguments.extend(names.iter().map(Vec::as_slice));
            match self.run(&self.scripts.sweep, &keys, &arguments).await? {
                Value::Int(swept) => removed += usize::try_from(swept).unwrap_or(0),
                _ => return Err(errors::damaged("count")),
            }
        }
        Ok(removed)
    }
}

/// The values that the scripts of insert and swap share.
struct Written {
    texts: [String; 5],
    id: [u8; RecordId::BYTES],
    own: Vec<u8>,
    charges: Vec<u8>,
}

impl Written {
    fn new(inner: &Inner, record: &Record, charges: &[Charge], now: Timestamp) -> Self {
        // The server counts by its own clock, which may be ahead of the caller's clock.
        let keep = record.expires_at.since(now) + SWEEP_MARGIN + Duration::from_secs(60);
        Self {
            charges: pack::charges(charges),
            id: *record.id.as_bytes(),
            own: pack::charges(&record.charges),
            texts: [
                pack::micros(now).to_string(),
                inner.drift.to_string(),
                pack::micros(record.expires_at).to_string(),
                record.tries_limit.to_string(),
                keep.as_millis().to_string(),
            ],
        }
    }

    fn arguments<'w>(&'w self, body: &'w [u8]) -> [&'w [u8]; 9] {
        let [now, drift, expires, tries, keep] = self.texts.each_ref().map(String::as_bytes);
        [now, drift, &self.id, expires, tries, &self.own, body, &self.charges, keep]
    }
}

/// Checks that all counters of a call belong to one tenant, because a script reaches one hash slot.
fn one_tenant(tenant: TenantTag, charges: &[Charge]) -> Result<(), StoreError> {
    let foreign = charges.iter().any(|charge| charge.name.tenant_tag() != tenant);
    if foreign { Err(errors::mixed_tenants()) } else { Ok(()) }
}

#[async_trait]
impl CodeStore for RedisCodes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let inner = &*self.0;
        let tenant = record.id.tenant_tag();
        one_tenant(tenant, charges)?;
        one_tenant(tenant, &record.charges)?;
        inner.list(tenant).await?;
        let written = Written::new(inner, record, charges, now);
        let (keys, arguments) = (inner.keys(&record.id), written.arguments(&record.body));
        let mut parts = Parts::of(inner.run(&inner.scripts.insert, &keys, &arguments).await?)?;
        match parts.number()? {
            0 => Ok(Inserted::Exists),
            1 => Ok(Inserted::Refused(parts.over()?)),
            2 => Ok(Inserted::Inserted),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let mut parts = self.0.run_on(&self.0.scripts.attempt, id, charges, now).await?;
        match parts.number()? {
            0 => Ok(Attempted::Missing),
            1 => Ok(Attempted::Dead),
            2 => Ok(Attempted::Exhausted),
            3 => {
                let record = StoredRecord {
                    version: parts.version()?,
                    expires_at: Timestamp::from_micros(parts.number()?),
                    touched_at: Timestamp::from_micros(parts.number()?),
                    tries: u32::try_from(parts.number()?).unwrap_or(u32::MAX),
                    body: parts.bytes()?,
                };
                Ok(Attempted::Charged { over: parts.over()?, record })
            }
            4 => Ok(Attempted::Refused(parts.over()?)),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        if charges.is_empty() {
            return self.0.read(id).await;
        }
        let mut parts = self.0.run_on(&self.0.scripts.load, id, charges, now).await?;
        match parts.number()? {
            0 => Ok(Loaded::Missing),
            1 => Ok(Loaded::Refused(parts.over()?)),
            2 => Ok(Loaded::Found(stored(&mut parts)?)),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let inner = &*self.0;
        let tenant = next.id.tenant_tag();
        one_tenant(tenant, charges)?;
        one_tenant(tenant, &next.charges)?;
        let written = Written::new(inner, next, charges, now);
        let (expected, cleared) =
            (expected.to_string(), clear.iter().flat_map(|it| *it.as_bytes()));
        let (begins, cleared) = (u8::from(next.begins_challenge), cleared.collect::<Vec<u8>>());
        let begins = begins.to_string();
        let mut arguments = written.arguments(&next.body).to_vec();
        arguments.extend([expected.as_bytes(), begins.as_bytes(), &cleared]);
        let answer = inner.run(&inner.scripts.swap, &inner.keys(&next.id), &arguments).await?;
        let mut parts = Parts::of(answer)?;
        match parts.number()? {
            0 => Ok(Swapped::Missing),
            1 => Ok(Swapped::Conflict { version: parts.version()? }),
            2 => Ok(Swapped::Refused(parts.over()?)),
            3 => Ok(Swapped::Swapped { version: parts.version()? }),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        let inner = &*self.0;
        // Without charges, the call only asks whether the server answers and the clocks agree.
        let nobody = TenantTag::from_bytes([0; 8]);
        let tenant = charges.first().map_or(nobody, |charge| charge.name.tenant_tag());
        one_tenant(tenant, charges)?;
        let writes = charges.iter().any(|charge| charge.amount > 0);
        let script = if writes { &inner.scripts.charge } else { &inner.scripts.ask };
        if writes {
            inner.list(tenant).await?;
        }
        let (now, drift) = (pack::micros(now).to_string(), inner.drift.to_string());
        let packed = pack::charges(charges);
        let arguments = [now.as_bytes(), drift.as_bytes(), &packed];
        let keys = inner.counters(tenant);
        Parts::of(inner.run(script, &keys, &arguments).await?)?.over()
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let inner = &*self.0;
        inner.connection.check_policy().await?;
        let mut command = redis::cmd("SMEMBERS");
        command.arg(inner.tenants_key());
        let tenants = inner.connection.send(&command).await.map_err(errors::command)?;
        let (Value::Array(tenants) | Value::Set(tenants)) = tenants else {
            return Err(errors::damaged("list"));
        };
        let mut known = HashSet::new();
        for tenant in tenants {
            let Value::BulkString(tag) = tenant else { return Err(errors::damaged("tenant")) };
            let tag = tag.try_into().map_err(|_| errors::damaged("tenant"))?;
            known.insert(TenantTag::from_bytes(tag));
        }
        // A server that was restarted or has taken over may have lost the list.
        let own = inner.listed();
        let lost: Vec<TenantTag> = own.difference(&known).copied().collect();
        let mut removed = 0;
        for tenant in known.into_iter().chain(lost.iter().copied()) {
            removed += inner.sweep(tenant, now, limit - removed).await?;
        }
        if !lost.is_empty() {
            let mut command = redis::cmd("SADD");
            command.arg(inner.tenants_key());
            lost.iter().for_each(|tenant| _ = command.arg(tenant.as_bytes()));
            inner.connection.send(&command).await.map_err(errors::command)?;
        }
        Ok(removed)
    }
}

/// Returns a record from its fields, which Redis keeps as text.
fn stored(parts: &mut Parts) -> Result<StoredRecord, StoreError> {
    Ok(StoredRecord {
        version: number(&parts.bytes()?)?,
        expires_at: Timestamp::from_micros(number(&parts.bytes()?)?),
        touched_at: Timestamp::from_micros(number(&parts.bytes()?)?),
        tries: number(&parts.bytes()?)?,
        body: parts.bytes()?,
    })
}

fn number<T: core::str::FromStr>(digits: &[u8]) -> Result<T, StoreError> {
    let text = core::str::from_utf8(digits).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| errors::damaged("number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TenantId;

    #[test]
    fn the_counters_of_one_call_are_of_one_tenant() {
        let tag = |text: &str| TenantId::parse(text).unwrap().tag();
        let charge = |tenant: TenantTag| {
            let mut bytes = [7; CounterName::BYTES];
            bytes[1..][..tenant.as_bytes().len()].copy_from_slice(tenant.as_bytes());
            let name = CounterName::from_bytes(bytes);
            assert!(name.tenant_tag() == tenant);
            Charge { amount: 1, limit: 1, name, tier: 0, window: Duration::from_secs(1) }
        };
        let (ours, others) = (tag("contoso"), tag("fabrikam"));
        assert!(one_tenant(ours, &[charge(ours), charge(ours)]).is_ok());
        let error = one_tenant(ours, &[charge(ours), charge(others)]).unwrap_err();
        assert_eq!(error.kind(), crate::ports::StoreErrorKind::Setup);
    }
}
