//! Finding the next record behind a damaged place in the log: one that stands where it says it does.

use crate::{
    StoreError,
    scan::Scan,
    view::{Found, look},
};
use memchr::memmem::Finder;
use protocol::record::{BLANK_MAGIC, MESSAGE_MAGIC};

const WINDOW: usize = 1 << 20;
/// Bytes of a record before and with its magic number.
const HEAD: u64 = 8;

/// The first offset in `from..to` at which a whole record or a file's filler stands; `None` if there is none.
///
/// # Errors
/// What the system says when reading.
pub(crate) fn next_record(scan: &Scan<'_>, (from, to): (u64, u64)) -> Result<Option<u64>, StoreError> {
    let magics = [MESSAGE_MAGIC, BLANK_MAGIC].map(|magic| Finder::new(&magic.to_be_bytes()).into_owned());
    let mut window = vec![0; WINDOW];
    for found in scan.files.iter().filter(|file| file.start < to && file.start + scan.file_size > from) {
        let file = scan.disk.open(found.path.clone())?;
        let (file_end, mut at) = (found.start + scan.file_size, from.max(found.start));
        // A record may also start the file.
        while at < to.min(file_end) {
            let want = window.len().min((file_end - at) as usize);
            let held = file.read_at(at - found.start, &mut window[..want])?;
            let mut places: Vec<u64> = magics
                .iter()
                .flat_map(|magic| magic.find_iter(&window[..held]))
                .filter_map(|magic_at| (at + magic_at as u64).checked_sub(HEAD / 2))
                .filter(|place| (at.max(from)..to).contains(place))
                .collect();
            places.sort_unstable();
            for place in places {
                if stands_at(scan, &file, (found.start, file_end), place)? {
                    return Ok(Some(place));
                }
            }
            // The next window starts so that no head falls between two.
            at += (want as u64).saturating_sub(HEAD - 1).max(1);
            if held < want || want < WINDOW {
                break;
            }
        }
    }
    Ok(None)
}

fn stands_at(
    scan: &Scan<'_>,
    file: &base::disk::DiskFile,
    (start, end): (u64, u64),
    place: u64,
) -> Result<bool, StoreError> {
    let mut bytes = vec![0; 64];
    loop {
        let want = bytes.len().min((end - place) as usize);
        let held = file.read_at(place - start, &mut bytes[..want])?;
        return Ok(match look(&bytes[..held]) {
            Found::Record(record) => {
                let sound = !scan.check_crc || (record.crc_holds() && record.whole_crc_holds() != Some(false));
                sound && record.physical_offset() as u64 == place
            }
            Found::Blank => u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as u64 == end - place,
            Found::Short { need } if need > bytes.len() && place + need as u64 <= end => {
                bytes.resize(need, 0);
                continue;
            }
            Found::Short { .. } | Found::Nothing(_) => false,
        });
    }
}
