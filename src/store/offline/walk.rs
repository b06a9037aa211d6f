//! Reading the log from front to back, over damaged places: whole records, and what lies between them.
//!
//! Behind a damaged place it goes on at the next position where a whole record with a good body says that it belongs
//! exactly there. Unlike the scan of a start (`scan.rs`), which ends at the first byte that is no record.

use super::{
    disk,
    log::{Log, LogPart},
};
use crate::{
    StoreError,
    view::{Found, RecordView, look},
};
use base::disk::DiskFile;
use memchr::memmem::Finder;
use protocol::record::{BLANK_MAGIC, BLANK_MIN_LEN, MESSAGE_MAGIC, MIN_LEN};
use std::{borrow::Cow, ops::ControlFlow};

const CHUNK: usize = 1 << 20;
/// A record that says it is larger is measured before memory is taken for it.
const LARGE: usize = 8 << 20;

/// Bytes of the log that hold no good record, all in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they start.
    pub from: u64,
    /// Where they end: the next good record, or the end of the file.
    pub to: u64,
    /// What is wrong at the start.
    pub what: Cow<'static, str>,
    /// Of a whole record that contradicts others: a CRC of all its bytes, by which it is known again.
    pub record_crc: Option<u32>,
}

impl Damage {
    pub(super) fn new(from: u64, to: u64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { from, to, what: what.into(), record_crc: None }
    }
}

/// What a walk comes by.
pub(super) enum Seen<'a> {
    /// A whole record in its place, with a good body.
    Record(RecordView<'a>),
    /// A whole record in its place whose body is not what its CRC says. The place comes as damage too, later.
    Bad(RecordView<'a>),
    /// A damaged place that a whole record follows somewhere.
    Damage(&'a Damage),
}

/// How a walk ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// Behind the last whole record, or behind a filler that another file follows: where the log is to go on.
    pub offset: u64,
    /// The first and the byte behind the last that are not zero, from `offset` on; a filler counts as zeros.
    pub garbage: Option<(u64, u64)>,
    /// What is wrong there.
    pub what: Cow<'static, str>,
    /// The last record ends with the last file, or its filler does.
    pub stopped: bool,
}

/// Passes everything from `from`, the start of a file, on to `visit`, until that breaks or a record starts at or behind
/// `until`.
pub(super) fn walk(
    log: &Log,
    from: u64,
    until: u64,
    mut visit: impl FnMut(Seen<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<End, StoreError> {
    let mut pending: Vec<Damage> = Vec::new();
    let mut end = End { offset: from, ..End::default() };
    let mut expected = from;
    for part in log.parts.iter().filter(|part| part.start >= from) {
        let Some(mut window) = Window::open(part)? else {
            // Deleted meanwhile by the broker that uses the store.
            continue;
        };
        if part.start > expected && expected > from {
            for from in (expected..part.start).step_by(log.file_size as usize) {
                pending.push(Damage::new(from, from + log.file_size, "the file is missing"));
            }
        }
        expected = part.start + log.file_size;
        let mut at = part.start;
        while at < expected {
            if at >= until {
                end.stopped = true;
                return Ok(end);
            }
            match examine(&mut window, at, expected)? {
                Place::Record(record) => {
                    for damage in pending.drain(..) {
                        if visit(Seen::Damage(&damage))?.is_break() {
                            end.stopped = true;
                            return Ok(end);
                        }
                    }
                    let size = record.size();
                    let flow = visit(Seen::Record(record))?;
                    at += size;
                    end = End { offset: at, ..End::default() };
                    if flow.is_break() {
                        end.stopped = true;
                        return Ok(end);
                    }
                }
                Place::Filler { .. } | Place::TooShort => {
                    if pending.is_empty() && log.part_at(expected).is_some() {
                        end.offset = expected;
                    }
                    at = expected;
                }
                other => {
                    let (what, size): (Cow<'static, str>, u64) = match other {
                        Place::Bad(record) => {
                            let (topic, id, offset) = (record.topic(), record.queue_id(), record.queue_offset());
                            let what = format!("the body of message {offset} of {topic}/{id} is not what its CRC says");
                            let size = record.size();
                            if visit(Seen::Bad(record))?.is_break() {
                                end.stopped = true;
                                return Ok(end);
                            }
                            (what.into(), size)
                        }
                        Place::Damaged(what) => (what.into(), 0),
                        Place::Record(_) | Place::Filler { .. } | Place::TooShort => continue,
                    };
                    let to = resync(&mut window, at, at + size.max(1), expected)?;
                    let nonzero = window.nonzero(at, to)?;
                    if let Some((first, last)) = nonzero {
                        let (first, _) = end.garbage.unwrap_or((first, last));
                        end.garbage = Some((first, last));
                        if end.what.is_empty() {
                            end.what = what.clone();
                        }
                    }
                    pending.push(Damage::new(at, to, what));
                    at = to;
                }
            }
        }
    }
    Ok(end)
}

/// What stands at a position.
enum Place<'a> {
    Record(RecordView<'a>),
    /// The log goes on in the next file. Not `whole`: a part of its size never came to the disk, which no reader minds: they
    /// go by the magic number.
    Filler {
        whole: bool,
    },
    /// So close to the end of the file that nothing can stand there.
    TooShort,
    /// None of these.
    Damaged(&'static str),
    /// A record with a bad body.
    Bad(RecordView<'a>),
}

fn examine(window: &mut Window, at: u64, file_end: u64) -> Result<Place<'_>, StoreError> {
    if file_end - at < BLANK_MIN_LEN as u64 {
        return Ok(Place::TooShort);
    }
    let head = window.get(at, MIN_LEN)?;
    let stated = head.get(..4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes);
    let need = match look(head) {
        // Looked at again below, so that what is returned does not hold on to `head`.
        Found::Record(_) => 0,
        Found::Blank if u64::from(stated) == file_end - at => return Ok(Place::Filler { whole: true }),
        Found::Blank if may_be_torn(stated, file_end - at) => return Ok(Place::Filler { whole: false }),
        Found::Blank => return Ok(Place::Damaged("the filler does not fill the rest of the file")),
        Found::Nothing(what) => return Ok(Place::Damaged(what)),
        Found::Short { need } => {
            if need >= MIN_LEN && head.len() >= MIN_LEN && head.get(28..36) != Some(&at.to_be_bytes()) {
                return Ok(Place::Damaged("the record was written for another place"));
            }
            need
        }
    };
    if at + need as u64 > file_end {
        return Ok(Place::Damaged("the record would not end in its file"));
    }
    if need > LARGE && !window.lengths_add_up(at, need)? {
        return Ok(Place::Damaged("the lengths inside the record do not add up to its size"));
    }
    let bytes = window.get(at, need.max(MIN_LEN))?;
    match look(bytes) {
        Found::Record(record) if record.physical_offset() as u64 != at => {
            Ok(Place::Damaged("the record was written for another place"))
        }
        Found::Record(record) if !record.crc_holds() => Ok(Place::Bad(record)),
        Found::Record(record) => Ok(Place::Record(record)),
        Found::Short { .. } => Ok(Place::Damaged("the file is shorter than it should be")),
        Found::Nothing(what) => Ok(Place::Damaged(what)),
        Found::Blank => Ok(Place::Damaged("the file changed while it was read")),
    }
}

/// Whether a power cut can leave that of a size: some of its bytes, and zeros for those in a sector that was not written.
fn may_be_torn(stated: u32, size: u64) -> bool {
    let whole = (size as u32).to_be_bytes();
    stated.to_be_bytes().into_iter().zip(whole).all(|(byte, whole)| byte == whole || byte == 0)
}

/// The first position from `at` on where something whole stands; the end of the file if nothing does. `damage_at` is
/// where the damage started.
fn resync(window: &mut Window, damage_at: u64, mut at: u64, file_end: u64) -> Result<u64, StoreError> {
    if at > damage_at + 1
        && at < file_end
        && matches!(examine(window, at, file_end)?, Place::Record(_) | Place::Bad(_) | Place::Filler { whole: true })
    {
        // A record with a bad body tells at least where it ends.
        return Ok(at);
    }
    let magics = [MESSAGE_MAGIC, BLANK_MAGIC].map(|magic| magic.to_be_bytes());
    let finders = magics.each_ref().map(Finder::new);
    while at + BLANK_MIN_LEN as u64 <= file_end {
        let Some(data) = window.file.data_from(at - window.start) else { return Ok(file_end) };
        // A magic number in the first bytes of data may have its size in the hole.
        at = at.max((data + window.start).saturating_sub(4));
        let bytes = window.get(at, CHUNK.min((file_end - at) as usize))?;
        if bytes.len() < BLANK_MIN_LEN {
            return Ok(file_end);
        }
        let bytes = &bytes[..bytes.len().min(CHUNK)];
        let next = finders.iter().filter_map(|finder| finder.find(&bytes[4..])).min();
        match next {
            None => at += bytes.len() as u64 - 7,
            Some(found) => {
                at += found as u64;
                if matches!(examine(window, at, file_end)?, Place::Record(_) | Place::Filler { whole: true }) {
                    return Ok(at);
                }
                at += 1;
            }
        }
    }
    Ok(file_end)
}

/// A log file, and the bytes of it that are in memory.
struct Window {
    file: DiskFile,
    start: u64,
    buffer: Vec<u8>,
    /// Where the buffer's bytes are from, in the log.
    at: u64,
    held: usize,
}

impl Window {
    fn open(part: &LogPart) -> Result<Option<Self>, StoreError> {
        let Some(file) = disk().open_to_read(part.path.clone())? else { return Ok(None) };
        Ok(Some(Self { file, start: part.start, buffer: vec![0; CHUNK], at: part.start, held: 0 }))
    }

    /// The bytes from `at` on: at least `least` of them, or as many as the file has.
    fn get(&mut self, at: u64, least: usize) -> Result<&[u8], StoreError> {
        let inside = at >= self.at && at + least as u64 <= self.at + self.held as u64;
        if !inside {
            let want = least.max(CHUNK);
            if self.buffer.len() > LARGE && want <= LARGE {
                self.buffer = Vec::new();
            }
            if self.buffer.len() < want {
                self.buffer.resize(want, 0);
            }
            self.at = at;
            self.held = self.file.read_at(at - self.start, &mut self.buffer[..want])?;
        }
        Ok(&self.buffer[(at - self.at) as usize..self.held])
    }

    /// Whether body, topic and properties of the record make up its size, found without reading the body.
    fn lengths_add_up(&self, at: u64, size: usize) -> Result<bool, StoreError> {
        use protocol::record::SysFlag;
        let at = at - self.start;
        let mut four = [0; 4];
        let mut number = |position: u64, len: usize| -> Result<u64, StoreError> {
            four = [0; 4];
            self.file.read_at(position, &mut four[4 - len..])?;
            Ok(u64::from(u32::from_be_bytes(four)))
        };
        let flag = SysFlag(number(at + 36, 4)? as i32);
        let wide = |bit| if flag.has(bit) { 12 } else { 0 };
        let body_len_at = at + 84 + wide(SysFlag::BORN_HOST_V6) + wide(SysFlag::STORE_HOST_V6);
        let topic_at = body_len_at + 4 + number(body_len_at, 4)?;
        let properties_at = topic_at + 1 + number(topic_at, 1)?;
        Ok(properties_at + 2 + number(properties_at, 2)? == at + size as u64)
    }

    /// The first byte in `from..to` that is not zero, and the one behind the last.
    fn nonzero(&mut self, from: u64, to: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let (mut first, mut last, mut at) = (None, 0, from);
        while at < to {
            let Some(data) = self.file.data_from(at - self.start) else { break };
            at = at.max(data + self.start);
            if at >= to {
                break;
            }
            let bytes = self.get(at, CHUNK.min((to - at) as usize))?;
            let bytes = &bytes[..bytes.len().min((to - at) as usize)];
            if bytes.is_empty() {
                break;
            }
            // Comparing is much faster than looking at each byte, and most of it is zeros.
            const ZEROS: [u8; 4096] = [0; 4096];
            for (index, block) in bytes.chunks(ZEROS.len()).enumerate() {
                if *block != ZEROS[..block.len()] {
                    let block_at = at + (index * ZEROS.len()) as u64;
                    let position = |found: Option<usize>| found.map_or(0, |found| block_at + found as u64);
                    first.get_or_insert_with(|| position(block.iter().position(|byte| *byte != 0)));
                    last = position(block.iter().rposition(|byte| *byte != 0)) + 1;
                }
            }
            at += bytes.len() as u64;
        }
        Ok(first.map(|first| (first, last)))
    }
}

/// A CRC of all bytes of the record at `at`; `None` if there is no good one.
pub(super) fn crc_of_record(part: &LogPart, file_size: u64, at: u64) -> Result<Option<u32>, StoreError> {
    let Some(mut window) = Window::open(part)? else { return Ok(None) };
    Ok(match examine(&mut window, at, part.start + file_size)? {
        Place::Record(record) => Some(record.crc_of_all()),
        _ => None,
    })
}

/// The first and the last record of a file: where they are, and when they were stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
    /// Behind the last record; the end of the file if a filler follows it.
    pub used_to: u64,
}

/// Finds the ends of a file, without reading all of it.
pub(super) fn ends_of(part: &LogPart, file_size: u64) -> Result<Ends, StoreError> {
    let mut ends = Ends { used_to: part.start, ..Ends::default() };
    let Some(mut window) = Window::open(part)? else { return Ok(ends) };
    let file_end = part.start + file_size;
    let first = match examine(&mut window, part.start, file_end)? {
        Place::Record(record) => Some(record.store_ms()),
        _ => None,
    };
    ends.first_ms = first;
    let mut reach = 64 << 10;
    loop {
        let from = file_end.saturating_sub(reach).max(part.start);
        let data_end = last_data(&mut window, from, file_end)?;
        // Something is written there: a record that ends it begins not far before.
        if let Some(data_end) = data_end {
            let mut back = 64 << 10;
            loop {
                let from = data_end.saturating_sub(back).max(part.start);
                if walk_part(&mut window, from, file_end, &mut ends)? || from == part.start {
                    return Ok(ends);
                }
                back *= 16;
            }
        }
        if from == part.start {
            return Ok(ends);
        }
        reach *= 16;
    }
}

fn last_data(window: &mut Window, from: u64, to: u64) -> Result<Option<u64>, StoreError> {
    Ok(window.nonzero(from, to)?.map(|(_, last)| last))
}

/// Walks from somewhere to the end of the file and notes the last record; returns whether there was one.
fn walk_part(window: &mut Window, from: u64, file_end: u64, ends: &mut Ends) -> Result<bool, StoreError> {
    let mut at = from;
    let mut any = false;
    while at < file_end {
        match examine(window, at, file_end)? {
            Place::Record(record) => {
                any = true;
                ends.last_ms = Some(record.store_ms());
                at += record.size();
                ends.used_to = at;
            }
            Place::Filler { .. } => {
                ends.used_to = file_end;
                break;
            }
            Place::TooShort => break,
            Place::Bad(record) => {
                let size = record.size();
                at = resync(window, at, at + size, file_end)?;
            }
            Place::Damaged(_) => at = resync(window, at, at + 1, file_end)?,
        }
    }
    Ok(any)
}
