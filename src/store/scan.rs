//! Reading the log from front to back at a start, to find the end of what is good.
//!
//! By `pread`, not through a mapping: a disk that cannot read is an error here, and the mappings that readers use are made
//! only once it is known how far each file is good.

use crate::{
    StoreError,
    view::{Found, RecordView, look},
};
use base::Disk;
use std::path::PathBuf;

const CHUNK: usize = 1 << 20;

/// A log file as found on disk.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    pub start: u64,
    pub path: PathBuf,
}

/// Where a scan ended, and what is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub offset: u64,
    pub reason: &'static str,
}

/// Passes every record from `from` on to `visit`, up to the first place that holds none, or to `until`.
/// `from` must be where a record starts.
pub(crate) fn scan(
    disk: &Disk,
    files: &[FoundFile],
    file_size: u64,
    (from, until): (u64, u64),
    check_crc: bool,
    mut visit: impl FnMut(&RecordView<'_>) -> Result<(), StoreError>,
) -> Result<End, StoreError> {
    let mut offset = from;
    let mut buffer = vec![0; CHUNK];
    for found in files.iter().filter(|file| file.start + file_size > from) {
        if found.start > offset {
            return Ok(End { offset, reason: "the next file is missing" });
        }
        let file = disk.open(found.path.clone())?;
        let file_end = found.start + file_size;
        // The buffer holds the file's bytes from `buffer_at` on, `held` of them.
        let (mut buffer_at, mut held) = (offset, 0);
        loop {
            if offset >= until {
                return Ok(End { offset, reason: "asked to stop here" });
            }
            let at = (offset - buffer_at) as usize;
            let need = match look(&buffer[at.min(held)..held]) {
                Found::Record(record) => {
                    if record.physical_offset() as u64 != offset {
                        return Ok(End { offset, reason: "the record was written for another place" });
                    }
                    if check_crc && !record.crc_holds() {
                        return Ok(End { offset, reason: "the body is not what its CRC says" });
                    }
                    if check_crc && !record.rest_holds() {
                        return Ok(End { offset, reason: "topic or properties are not all there" });
                    }
                    visit(&record)?;
                    offset += record.size();
                    continue;
                }
                Found::Blank => {
                    if files.iter().any(|next| next.start == file_end) {
                        offset = file_end;
                        break;
                    }
                    return Ok(End { offset, reason: "the last file ends here" });
                }
                Found::Nothing(reason) => return Ok(End { offset, reason }),
                Found::Short { need } => need as u64,
            };
            if offset == file_end {
                break;
            }
            if offset + need > file_end {
                return Ok(End { offset, reason: "the record would not end in its file" });
            }
            if need as usize > buffer.len() {
                buffer.resize(need as usize, 0);
            }
            buffer_at = offset;
            let want = buffer.len().min((file_end - offset) as usize);
            held = file.read_at(offset - found.start, &mut buffer[..want])?;
            if (held as u64) < need {
                return Ok(End { offset, reason: "the file is shorter than it should be" });
            }
        }
    }
    Ok(End { offset, reason: "the last file is full" })
}
