//! Damaged places of a log: those a walk has found, and those that a repair found before and could not bring back.
//!
//! A repair leaves damaged bytes where they are and notes their places in `config/knownDamage.json`, so that a later
//! verification can tell old damage, which nothing can be done about, from new:
//! `{"damaged":[{"from":4096,"to":4396,"what":"…","record_crc":null}]}`.

use super::{disk, walk::Damage};
use crate::{StoreError, view::RecordView};
use protocol::loose_json;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Damaged places in the order of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Damages(Vec<Damage>);

impl Damages {
    /// Adds a place; those that it overlaps become one with it.
    pub fn add(&mut self, mut damage: Damage) {
        let from = self.0.partition_point(|other| other.to <= damage.from);
        let overlapped = self.0[from..].partition_point(|other| other.from < damage.to);
        for other in &self.0[from..from + overlapped] {
            let more = (damage.from.min(other.from), damage.to.max(other.to));
            if more != (damage.from, damage.to) {
                (damage.from, damage.to, damage.record_crc) = (more.0, more.1, None);
            }
        }
        self.0.splice(from..from + overlapped, [damage]);
    }

    /// The parts of the places that lie in `from..to`.
    pub fn between(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
        let first = self.0.partition_point(|damage| damage.to <= from);
        let inside = self.0[first..].iter().take_while(move |damage| damage.from < to);
        inside.map(move |damage| (damage.from.max(from), damage.to.min(to)))
    }

    /// Whether the record was found to contradict others, and has not changed since.
    pub fn condemn(&self, record: &RecordView<'_>) -> bool {
        let index = self.0.partition_point(|damage| damage.from < record.at());
        let place = self.0.get(index).filter(|damage| damage.from == record.at() && damage.record_crc.is_some());
        place.is_some_and(|damage| damage.record_crc == Some(record.crc_of_all()))
    }

    /// A whole record now stands where the place begins, but it is not the one that was written there.
    pub fn mark(&mut self, from: u64, record_crc: u32) {
        if let Some(damage) = self.0.iter_mut().find(|damage| damage.from == from) {
            damage.record_crc = Some(record_crc);
        }
    }

    /// Keeps the places that lie in the log `from..to`.
    pub fn keep(&mut self, from: u64, to: u64) {
        self.0.retain(|damage| damage.to > from && damage.from < to);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Damage> {
        self.0.iter()
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
    let Some(text) = disk().read_small(&known_path(root_dir))? else { return Ok(Damages::default()) };
    let value: Value = loose_json::from_slice(&text).unwrap_or_default();
    let place = |value: &Value| {
        let (from, to) = (value["from"].as_u64()?, value["to"].as_u64()?);
        let what = value["what"].as_str().unwrap_or_default().to_owned().into();
        let record_crc = value["record_crc"].as_u64().and_then(|crc| u32::try_from(crc).ok());
        (from < to).then_some(Damage { from, to, what, record_crc })
    };
    let mut damages = Damages::default();
    value["damaged"].as_array().into_iter().flatten().filter_map(place).for_each(|damage| damages.add(damage));
    Ok(damages)
}

/// The content of the file that notes `damages`.
pub(super) fn noted(damages: &Damages) -> Vec<u8> {
    let place = |damage: &Damage| {
        let Damage { from, to, what, record_crc } = damage;
        json!({ "from": from, "to": to, "what": what, "record_crc": record_crc })
    };
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
            damages.add(Damage::new(from, from + 50, "torn"));
        }
        assert!(damages.touch(149, 150) && damages.touch(0, 101) && damages.touch(0, 1000));
        assert!(!damages.touch(0, 100) && !damages.touch(150, 300) && !damages.touch(350, 900));
        assert!(damages.cover(300, 350) && damages.cover(310, 320));
        assert!(!damages.cover(299, 310) && !damages.cover(340, 351));
        assert_eq!(damages.between(120, 310).collect::<Vec<_>>(), [(120, 150), (300, 310)]);
        let place = |from, to| Damage::new(from, to, "new");
        damages.add(place(200, 210));
        damages.add(place(310, 320));
        let places = |damages: &Damages| damages.iter().map(|it| (it.from, it.to)).collect::<Vec<_>>();
        assert_eq!(places(&damages), [(100, 150), (200, 210), (300, 350)]);
        damages.add(place(205, 360));
        assert_eq!(places(&damages), [(100, 150), (200, 360)]);
        std::fs::create_dir(dir.path().join("config")).unwrap();
        assert!(known(dir.path()).unwrap().0.is_empty());
        std::fs::write(known_path(dir.path()), noted(&damages)).unwrap();
        assert_eq!(known(dir.path()).unwrap().0, damages.0);
        std::fs::write(known_path(dir.path()), b"{\"damaged\":[{\"from\":5,\"to\":5}, 7").unwrap();
        assert!(known(dir.path()).unwrap().0.is_empty());
    }
}
