//! Damaged places of a log: those a walk has found, and those that a repair found before and could not bring back.
//!
//! A repair leaves damaged bytes where they are and notes their places in `config/knownDamage.json`, so that a later
//! verification can tell old damage, which nothing can be done about, from new:
//! `{"damaged":[{"from":4096,"to":4396,"what":"…"}]}`.

use super::walk::Damage;
use crate::{StoreError, disk};
use protocol::loose_json;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Damaged places in the order of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Damages(Vec<Damage>);

impl Damages {
    pub fn add(&mut self, damage: Damage) {
        self.0.push(damage);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Damage> {
        self.0.iter()
    }

    #[allow(dead_code, reason = "for the repair")]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a byte of `from..to` is damaged.
    pub fn touch(&self, from: u64, to: u64) -> bool {
        let index = self.0.partition_point(|damage| damage.to <= from);
        self.0.get(index).is_some_and(|damage| damage.from < to)
    }

    /// Whether all of `from..to` is in one of the places.
    pub fn cover(&self, from: u64, to: u64) -> bool {
        let index = self.0.partition_point(|damage| damage.to <= from);
        self.0.get(index).is_some_and(|damage| damage.from <= from && to <= damage.to)
    }
}

pub(super) fn known_path(root_dir: &Path) -> PathBuf {
    root_dir.join("config/knownDamage.json")
}

/// The places that an earlier repair has noted; none if the file says nothing that makes sense.
pub(super) fn known(root_dir: &Path) -> Result<Damages, StoreError> {
    let Some(text) = disk::read_small(&known_path(root_dir))? else { return Ok(Damages::default()) };
    let value: Value = loose_json::from_slice(&text).unwrap_or_default();
    let place = |value: &Value| {
        let (from, to) = (value["from"].as_u64()?, value["to"].as_u64()?);
        let what = value["what"].as_str().unwrap_or_default().to_owned().into();
        (from < to).then_some(Damage { from, to, what })
    };
    let mut places: Vec<Damage> = value["damaged"].as_array().into_iter().flatten().filter_map(place).collect();
    places.sort_by_key(|damage| damage.from);
    Ok(Damages(places))
}

/// The content of the file that notes `damages`.
#[allow(dead_code, reason = "for the repair")]
pub(super) fn noted(damages: &Damages) -> Vec<u8> {
    let place = |damage: &Damage| json!({ "from": damage.from, "to": damage.to, "what": damage.what });
    let value = json!({ "damaged": damages.iter().map(place).collect::<Vec<_>>() });
    format!("{value:#}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_any_of_their_bytes_and_read_back_as_noted() {
        let dir = tempfile::tempdir().unwrap();
        let mut damages = Damages::default();
        for from in [100, 300] {
            damages.add(Damage { from, to: from + 50, what: "torn".into() });
        }
        assert!(damages.touch(149, 150) && damages.touch(0, 101) && damages.touch(0, 1000));
        assert!(!damages.touch(0, 100) && !damages.touch(150, 300) && !damages.touch(350, 900));
        assert!(damages.cover(300, 350) && damages.cover(310, 320));
        assert!(!damages.cover(299, 310) && !damages.cover(340, 351));
        std::fs::create_dir(dir.path().join("config")).unwrap();
        assert!(known(dir.path()).unwrap().is_empty());
        std::fs::write(known_path(dir.path()), noted(&damages)).unwrap();
        assert_eq!(known(dir.path()).unwrap().0, damages.0);
        std::fs::write(known_path(dir.path()), b"{\"damaged\":[{\"from\":5,\"to\":5}, 7").unwrap();
        assert!(known(dir.path()).unwrap().is_empty());
    }
}
