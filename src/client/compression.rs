//! Bodies squeezed by zlib on their way to the broker and unfolded when read.
//!
//! Source: `DefaultMQProducer.compressMsgBodyOverHowmuch`, `UtilAll.compress`, `MessageSysFlag` of Apache RocketMQ.

use bytes::Bytes;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use protocol::record::SysFlag;
use std::io::{self, Read, Write};

/// zlib's level in Apache's clients (`rocketmq.message.compressLevel`).
const LEVEL: u32 = 5;
/// Most bytes a body may unfold to: a small message must not take all memory.
const MAX_UNFOLDED: u64 = 64 * 1024 * 1024;

/// The compressed body, or `None` if that is no smaller.
pub(crate) fn squeeze(body: &[u8]) -> Option<Bytes> {
    let mut out = ZlibEncoder::new(Vec::with_capacity(body.len() / 2), Compression::new(LEVEL));
    out.write_all(body).ok()?;
    out.finish().ok().filter(|squeezed| squeezed.len() < body.len()).map(Bytes::from)
}

/// The body as the producer gave it.
///
/// # Errors
/// If it is damaged, unfolds to more than 64 MiB, or is compressed in a way this client does not know.
pub(crate) fn unfold(body: &Bytes, flag: SysFlag) -> io::Result<Bytes> {
    unfold_within(body, flag, MAX_UNFOLDED)
}

fn unfold_within(body: &Bytes, flag: SysFlag, limit: u64) -> io::Result<Bytes> {
    if !flag.has(SysFlag::COMPRESSED) {
        return Ok(body.clone());
    }
    match (flag.0 & SysFlag::COMPRESSION_MASK) >> 8 {
        0 | 3 => {}
        other => return Err(io::Error::other(format!("compression type {other} is not zlib"))),
    }
    let mut unfolded = Vec::with_capacity(body.len() * 3);
    let len = ZlibDecoder::new(&body[..]).take(limit + 1).read_to_end(&mut unfolded)?;
    if len as u64 > limit {
        return Err(io::Error::other(format!("it unfolds to more than {limit} bytes")));
    }
    Ok(unfolded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUEEZED: SysFlag = SysFlag(SysFlag::COMPRESSED);

    #[test]
    fn a_body_survives_the_trip_and_noise_stays_as_it_is() {
        let body = Bytes::from("rocket ".repeat(1000));
        let small = squeeze(&body).unwrap();
        assert!(small.len() < 200);
        assert_eq!(unfold(&small, SQUEEZED).unwrap(), body);
        assert_eq!(unfold(&body, SysFlag(0)).unwrap(), body);
        let noise: Vec<u8> = (0..5000).map(|_| rand::random()).collect();
        assert!(squeeze(&noise).is_none());
    }

    #[test]
    fn damage_bombs_and_unknown_types_are_errors() {
        let bomb = squeeze(&[0; 10_001]).unwrap();
        assert!(unfold_within(&bomb, SQUEEZED, 10_001).is_ok());
        assert!(unfold_within(&bomb, SQUEEZED, 10_000).is_err());
        assert!(unfold(&bomb.slice(..bomb.len() / 2), SQUEEZED).is_err());
        assert!(unfold(&Bytes::from_static(b"plain"), SQUEEZED).is_err());
        let lz4 = SysFlag(SysFlag::COMPRESSED | 1 << 8);
        assert!(unfold(&bomb, lz4).unwrap_err().to_string().contains("type 1"));
    }
}
