//! What alerts rest on beyond the picture of the cluster.

use admin::{
    Admin,
    snapshot::{Known, Unknown},
};
use serde::{Deserialize, Serialize};

/// What no picture tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthDetail {}

pub(super) async fn ask(_admin: &Admin) -> Known<HealthDetail> {
    Err(Unknown::because("it is not asked yet"))
}
