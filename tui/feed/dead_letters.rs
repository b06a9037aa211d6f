//! Which groups have dead letters.

use admin::{
    Admin,
    snapshot::{Known, Unknown},
};
use serde::{Deserialize, Serialize};

/// Groups with dead letters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterGroups {}

pub(super) async fn ask(_admin: &Admin) -> Known<DeadLetterGroups> {
    Err(Unknown::because("it is not asked yet"))
}
