//! Who is connected, and how a member of a group runs.

use admin::{
    Admin,
    snapshot::{Known, Unknown},
};
use serde::{Deserialize, Serialize};

/// Everybody who is connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clients {}

/// How a member of a group runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientDetail {}

pub(super) async fn ask_all(_admin: &Admin) -> Known<Clients> {
    Err(Unknown::because("it is not asked yet"))
}

pub(super) async fn ask_one(_admin: &Admin, _group: &str, _id: &str) -> Known<ClientDetail> {
    Err(Unknown::because("it is not asked yet"))
}
