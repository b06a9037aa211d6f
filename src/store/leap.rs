//! A record that is not the next one of its queue: the places before it stay empty, or the queue starts anew with it.

use crate::{StoreError, consume_queue::ConsumeQueue, queue_files::QueueEntry, queue_table::QueueTable};
use std::sync::Arc;

/// The longest gap in a queue that is filled; behind a longer one it starts anew.
pub(crate) const MOST_FILLED: i64 = 1_000_000;

/// Makes `offset` the next one of the queue, for a record that starts at `physical_offset`. What is missing before it gets
/// entries that lead to where it was, not visible yet; if that cannot be, the queue starts anew. Returns the queue to go
/// on with. Under the append lock only.
///
/// # Errors
/// Files of the queue that cannot be removed.
pub(crate) fn leap(
    queues: &QueueTable,
    queue: &Arc<ConsumeQueue>,
    offset: i64,
    physical_offset: i64,
) -> Result<Arc<ConsumeQueue>, StoreError> {
    let (next, start) = (queue.next(), queue.physical_end());
    let missing = offset - next;
    // What each missing message may have taken of the log, so that entries stay in its order.
    let each = (physical_offset - start) / missing.max(1);
    if !(1..MOST_FILLED).contains(&missing) || each == 0 {
        return start_anew(queues, queue, offset);
    }
    tracing::warn!(
        topic = queue.topic(),
        queue = queue.id(),
        from = next,
        to = offset,
        "messages are missing in the log: their places in the consume queue stay empty"
    );
    for index in 0..missing {
        let size = each.min(i32::MAX.into()) as u32;
        queue.take_offset();
        queue.push(QueueEntry { physical_offset: start + index * each, size, tag_hash: 0 });
    }
    Ok(queue.clone())
}

/// Puts an empty queue that begins with `offset` in the place of one that is there. Under the append lock only.
///
/// # Errors
/// Files of the queue that cannot be removed.
pub(crate) fn start_anew(
    queues: &QueueTable,
    queue: &Arc<ConsumeQueue>,
    offset: i64,
) -> Result<Arc<ConsumeQueue>, StoreError> {
    let (topic, id, ended) = (queue.topic(), queue.id(), queue.next());
    if ended > 0 {
        tracing::warn!(topic, queue = id, ended, offset, "consume queue starts anew");
    }
    queue.delete()?;
    let anew = queues.put(topic, id, offset, offset, 0);
    // Who waits for the next message of the old one looks at the new one.
    queue.show(ended + 1);
    Ok(anew)
}
