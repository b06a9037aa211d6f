//! Taking records out of a log, wherever they lie between damaged places.

use super::{
    Offline,
    log::Log,
    walk::{Damage, Seen, walk},
};
use crate::{StoreError, view::RecordView};
use protocol::properties;
use std::{net::SocketAddr, ops::ControlFlow};

/// Which records are wanted; everything that is `None` selects all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those at or behind this offset of the log.
    pub from: Option<u64>,
    /// Those before this offset of the log.
    pub to: Option<u64>,
    /// Those stored at or after this time, ms.
    pub from_ms: Option<i64>,
    /// Those stored at or before this time, ms.
    pub to_ms: Option<i64>,
    /// Those of this topic.
    pub topic: Option<String>,
    /// Those of this queue.
    pub queue_id: Option<i32>,
    /// Those with this key, or with this as their unique key.
    pub key: Option<String>,
}

/// A record as a dump shows it. What is no UTF-8 in topic and properties is replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Dumped {
    /// Byte offset in the log.
    pub physical_offset: u64,
    /// Bytes of the record.
    pub size: u64,
    /// Topic.
    pub topic: String,
    /// Queue id.
    pub queue_id: i32,
    /// Offset in its queue; 0 for one that is in none.
    pub queue_offset: i64,
    /// The application's flag.
    pub flag: i32,
    /// System flag.
    pub sys_flag: i32,
    /// When it was made, ms.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When it was stored, ms.
    pub store_ms: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// Times redelivered.
    pub reconsume_times: i32,
    /// Names and values, in order.
    pub properties: Vec<(String, String)>,
    /// The body as stored, compressed if the system flag says so.
    pub body: Vec<u8>,
    /// Whether the body is what its CRC says.
    pub crc_ok: bool,
}

impl Selection {
    fn takes(&self, record: &RecordView<'_>) -> bool {
        let at = record.physical_offset() as u64;
        let stored = record.store_ms();
        self.from.is_none_or(|from| at >= from)
            && self.from_ms.is_none_or(|from| stored >= from)
            && self.to_ms.is_none_or(|to| stored <= to)
            && self.queue_id.is_none_or(|id| record.queue_id() == id)
            && self.topic.as_ref().is_none_or(|topic| record.topic() == *topic)
            && self.key.as_ref().is_none_or(|key| {
                let text = record.properties();
                properties::get(&text, properties::UNIQUE_KEY) == Some(key)
                    || properties::keys(&text).any(|one| one == key)
            })
    }
}

impl Offline {
    /// Passes each record that is selected to `take`, in the order of the log, until that breaks; and each damaged place
    /// on the way to `damaged`. A record whose body is not what its CRC says comes as both.
    ///
    /// # Errors
    /// What the system says.
    pub fn dump(
        &self,
        selection: &Selection,
        mut take: impl FnMut(Dumped) -> ControlFlow<()>,
        mut damaged: impl FnMut(&Damage),
        mut progress: impl FnMut(u64),
    ) -> Result<(), StoreError> {
        let log = self.log()?;
        let from = self.first_file(&log, selection)?;
        let until = selection.to.unwrap_or(u64::MAX);
        let mut told = from;
        let end = walk(&log, from, until, |seen| {
            match seen {
                Seen::Damage(damage) if selection.from.is_none_or(|from| damage.to > from) => damaged(damage),
                Seen::Damage(_) => {}
                Seen::Bad(record) | Seen::Record(record) => {
                    let at = record.physical_offset() as u64;
                    if at > told + (4 << 20) {
                        told = at;
                        progress(at);
                    }
                    if selection.takes(&record) {
                        return Ok(take(dumped(&record)));
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some((_, to)) = end.garbage.filter(|_| !end.stopped) {
            damaged(&Damage::new(end.offset, to, end.what));
        }
        progress(log.limit());
        Ok(())
    }

    /// Where to start reading: the start of a file.
    fn first_file(&self, log: &Log, selection: &Selection) -> Result<u64, StoreError> {
        let mut from = log.min();
        for part in &log.parts {
            let by_offset = selection.from.is_none_or(|wanted| part.start <= wanted);
            let by_time = match selection.from_ms {
                // Clocks may have gone back a little, so that records are not quite in the order of time.
                Some(wanted) => log.store_ms_at(part.start)?.is_some_and(|stored| stored < wanted - 60_000),
                None => selection.from.is_some(),
            };
            if by_offset && by_time {
                from = part.start;
            }
        }
        Ok(from)
    }
}

fn dumped(record: &RecordView<'_>) -> Dumped {
    let text = record.properties();
    let properties = properties::pairs(&text).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Dumped {
        physical_offset: record.physical_offset() as u64,
        size: record.size(),
        topic: record.topic().into_owned(),
        queue_id: record.queue_id(),
        queue_offset: record.queue_offset(),
        flag: record.flag(),
        sys_flag: record.sys_flag().0,
        born_ms: record.born_ms(),
        born_host: record.born_host(),
        store_ms: record.store_ms(),
        store_host: record.store_host(),
        reconsume_times: record.reconsume_times(),
        properties: properties.collect(),
        body: record.body().to_vec(),
        crc_ok: record.crc_holds(),
    }
}
