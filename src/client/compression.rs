//! Bodies squeezed by zlib on their way to the broker, and unfolded when read: by zlib, or as clients of 5.x have them
//! squeezed, by LZ4 (its frame format) or Zstandard.
//!
//! Source: `DefaultMQProducer.compressMsgBodyOverHowmuch`, `UtilAll.compress`, `MessageSysFlag` of Apache RocketMQ;
//! `CompressionType`, `Lz4Compressor`, `ZstdCompressor` of 5.x.

use bytes::Bytes;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use lz4_flex::frame::FrameDecoder;
use protocol::record::SysFlag;
use ruzstd::decoding::StreamingDecoder;
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
        // 0: of clients before there were types.
        0 | 3 => read_within(ZlibDecoder::new(&body[..]), body, limit),
        // At the end of a body that is cut off, the decoder would take what it has for all. No block begins with these
        // bytes, and nothing reads on after a frame's end.
        1 => read_within(FrameDecoder::new((&body[..]).chain(io::repeat(0xff))), body, limit),
        2 => {
            let frame = StreamingDecoder::new_with_max_window_size(&body[..], MAX_UNFOLDED);
            read_within(frame.map_err(io::Error::other)?, body, limit)
        }
        other => {
            let why =
                format!("compression type {other} is not known: only zlib (0 and 3), LZ4 (1) and Zstandard (2) are");
            Err(io::Error::other(why))
        }
    }
}

fn read_within(decoder: impl Read, body: &Bytes, limit: u64) -> io::Result<Bytes> {
    let mut unfolded = Vec::with_capacity(body.len() * 3);
    let len = decoder.take(limit + 1).read_to_end(&mut unfolded)?;
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
        for other in 4..=7 {
            let error = unfold(&bomb, typed(other)).unwrap_err().to_string();
            assert!(error.contains(&format!("type {other} is not known")), "{error}");
        }
    }

    fn typed(number: i32) -> SysFlag {
        SysFlag(SysFlag::COMPRESSED | number << 8)
    }

    /// What was squeezed below.
    fn orders() -> Bytes {
        let orders = (0..12).map(|at| {
            let end = ["paid", "late", "lost"][at % 3];
            format!("order {} of customer {} is {end}\n", at * 7919 % 1000, at * 31 % 17)
        });
        orders.collect::<String>().into()
    }

    /// By liblz4, in a frame as `LZ4FrameOutputStream` of lz4-java writes it: blocks on their own, no size.
    const LZ4: &[u8] = b"\
        \x04\"M\x18`@\x82\xb5\x00\x00\x00\xf1\x02order\x200\x20of\x20custom\x0e\x00\x82is\x20paid\n\x1e\x009919\
        \x20\x00\xa314\x20is\x20late!\x00:838!\x00\x111!\x003ost!\x009757!\x00\x108\x20\x00\x07b\x009676\x20\x00\
        \x105\x20\x00\x07a\x009595\x20\x00\x112\x20\x00\x06`\x009514\x20\x00\x2016!\x00\x07a\x00:433!\x00\x103!\
        \x00\x07b\x00:352!\x00\x01\x05\x01\x07c\x009271!\x00\x107A\x00\x07b\x00*19E\x01\x0c$\x01+10E\x01\x90\x20\
        is\x20lost\n\x00\x00\x00\x00";
    /// By libzstd, as a stream at level 5.
    const ZSTD: &[u8] = b"\
        (\xb5/\xfd\x00XE\x04\x00\xa2\x85\x12\x16\x90\xb5m\xc4\x86\xac\x85\x19\xdf\xc7\xffG---mJ\xc1\xf5uP\x02d\
        \xad\x1a^\xe5,/y<\x9a\x9b3\xbb\xd9A??sy\x87\x10%<\\\xabO\x96\x8a%\x18^\xe5\xf3|\x12B\t\x02\xaf\n\xe8\xda\
        \xc1`\x80\xba\xf8(\x88C\x03\x19\x00\x20\xcf\xc9B\x00\x1cS\x86\xee\xc2\x193\x0c\x10\xd6u\xe1\x18e\xe80\
        \x1c\x83\x0c\x1d\x86c\xc6\xd0]8\x86\x0c\xdd\x85c\xca\xd0]p\x06\xc8\x01\xed\x05r\x10\xe5\xa2\xa1\xce\x08j\
        \xf8\xb8\xe6\x12";

    #[test]
    fn bodies_that_other_implementations_squeezed_are_read() {
        for (type_number, squeezed) in [(1, LZ4), (2, ZSTD)] {
            let (squeezed, flag) = (Bytes::from_static(squeezed), typed(type_number));
            assert_eq!(unfold(&squeezed, flag).unwrap(), orders(), "type {type_number}");
            let len = orders().len() as u64;
            assert!(unfold_within(&squeezed, flag, len).is_ok());
            let error = unfold_within(&squeezed, flag, len - 1).unwrap_err().to_string();
            assert!(error.contains(&format!("more than {} bytes", len - 1)), "{error}");
        }
    }

    #[test]
    fn cut_off_is_an_error_wherever_and_damage_is_no_panic() {
        for (type_number, squeezed) in [(1, LZ4), (2, ZSTD)] {
            let flag = typed(type_number);
            for end in 0..squeezed.len() {
                let cut = Bytes::copy_from_slice(&squeezed[..end]);
                assert!(unfold(&cut, flag).is_err(), "type {type_number} cut at {end}");
            }
            for bit in 0..squeezed.len() * 8 {
                let mut damaged = squeezed.to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let _ = unfold_within(&damaged.into(), flag, 10_000);
            }
        }
    }
}
