//! What alerts rest on beyond the picture of the cluster.

use admin::{
    Admin,
    alerts::Evidence,
    snapshot::{Known, Unknown},
};
use base::Clock;
use serde::{Deserialize, Serialize};

/// What no picture tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthDetail {
    /// What servers and the members of the worst groups say.
    pub evidence: Box<Evidence>,
}

pub(super) async fn ask(admin: &Admin, clock: &Clock) -> Known<HealthDetail> {
    let evidence = admin.evidence(clock).await.map_err(|error| Unknown::from(&error))?;
    Ok(HealthDetail { evidence: Box::new(evidence) })
}
