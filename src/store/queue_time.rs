//! Finding a queue's offset for a time, by the store times of its records.

use crate::consume_queue::ConsumeQueue;

impl ConsumeQueue {
    /// When the message at `offset` was stored, ms; `None` if it is not stored any more.
    pub fn store_ms(&self, offset: i64) -> Option<i64> {
        let entry = self.get(offset)?;
        self.log().with_record(entry.physical_offset, entry.size, |record| record.store_ms())
    }

    /// The offset of the message stored at `ms`: the first such; else the one stored nearest to it, the earlier of two
    /// equally near; 0 in an empty queue. As `ConsumeQueue.getOffsetInQueueByTime`, but over the whole queue instead
    /// of the one file that the files' times point to.
    pub fn offset_at_time(&self, ms: i64) -> i64 {
        let (min, end) = (self.min_offset(), self.max_offset());
        let (mut low, mut high) = (min, end);
        while low < high {
            let middle = low + (high - low) / 2;
            // A record that is gone was older than all that are there.
            if self.store_ms(middle).is_some_and(|stored| stored >= ms) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let time_of = |offset: i64| (min..end).contains(&offset).then(|| self.store_ms(offset)).flatten();
        match (time_of(low - 1), time_of(low)) {
            (_, Some(after)) if after == ms => low,
            (Some(before), Some(after)) if ms.abs_diff(before) > ms.abs_diff(after) => low,
            (Some(_), _) => low - 1,
            (None, Some(_)) => low,
            (None, None) => 0,
        }
    }
}
