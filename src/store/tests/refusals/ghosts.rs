//! A batch that a failing disk wrote though it refused it, and did not let wipe: none of it comes back between what is
//! stored once the disk works.

use crate::history::History;
use base::Clock;
use std::path::Path;
use store::{MessageStore, StoreConfig};
use witness::{Fault, Faults, Reason, scratch};

#[test]
fn what_was_written_but_refused_never_takes_the_place_of_what_is_stored_later() {
    for percent in [100, 99, 67, 50] {
        let dir = scratch::folder();
        let faults = Faults::none();
        let mut history = History::default();
        let open = |dir: &Path| {
            let config = StoreConfig { disk: faults.disk(), ..StoreConfig::small(dir) };
            MessageStore::open(config, Clock::System).unwrap()
        };
        let store = open(dir.path());
        for _ in 0..3 {
            history.send(&store, &[("A", 0, 50), ("B", 0, 50)]).unwrap();
        }
        let log = dir.path().join("commitlog");
        let to_log = move |call: &base::disk::Call<'_>| call.name() == "write" && call.path().starts_with(&log);
        faults.plant(Fault::at(1, Reason::Broken).sticky(true).having_written(percent).only(to_log));
        // Written as they are, and then not wiped: three records that stand one behind the other.
        assert!(history.send(&store, &[("A", 0, 50), ("B", 0, 50), ("A", 0, 50)]).is_err());
        for _ in 0..3 {
            assert!(history.send(&store, &[("B", 0, 50)]).is_err());
        }
        faults.heal();
        // As long as the first of them, so that the second stands right behind, with the same offset.
        history.send(&store, &[("B", 0, 49)]).unwrap();
        drop(store);
        history.opened_again = true;
        for _ in 0..2 {
            history.check_opened(&open(dir.path()));
        }
    }
}
