//! Commands to and from the byte stream.
//!
//! ```text
//! 4 bytes  length of what follows
//! 1 byte   header encoding: 0 JSON, 1 ROCKETMQ binary
//! 3 bytes  header length
//!          header
//!          body, up to the frame's end
//! ```
//! Source: `RemotingCommand.encode` and `NettyDecoder` of Apache RocketMQ. "Not yet" is a value, not an error.

use crate::{
    binary,
    command::{Command, Encoding},
    json,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Largest frame, its length field included, in bytes.
pub const MAX_FRAME_LEN: usize = 16 * 1024 * 1024;

/// Why a byte stream is not RocketMQ's. The stream cannot be read on after any of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame would be larger than [`MAX_FRAME_LEN`], or negative.
    #[error("a frame of {0} bytes, the most is {MAX_FRAME_LEN}")]
    Length(i64),
    /// The header does not fit in its frame.
    #[error("a header of {header} bytes in a frame of {frame}")]
    HeaderLength {
        /// Length the frame claims for its header.
        header: usize,
        /// Length of the frame.
        frame: usize,
    },
    /// Neither JSON nor binary.
    #[error("header encoding {0} is neither 0 (JSON) nor 1 (binary)")]
    Encoding(u8),
    /// The header cannot be read.
    #[error("unreadable header: {0}")]
    Header(&'static str),
}

/// Takes the first command off `input`; `None` if it is not all there yet.
/// The body is a slice of `input`'s memory, not a copy.
///
/// # Errors
/// See [`FrameError`].
pub fn decode(input: &mut BytesMut) -> Result<Option<Command>, FrameError> {
    let Some(len) = missing_or_len(input)? else { return Ok(None) };
    input.advance(4);
    let mut frame = input.split_to(len).freeze();
    let word = frame.get_u32();
    let header_len = (word & 0x00FF_FFFF) as usize;
    if header_len > frame.len() {
        return Err(FrameError::HeaderLength { header: header_len, frame: len });
    }
    let header = frame.split_to(header_len);
    let mut command = match word >> 24 {
        0 => json::decode(&header)?,
        1 => binary::decode(&header)?,
        other => return Err(FrameError::Encoding(other as u8)),
    };
    command.body = frame.into();
    Ok(Some(command))
}

/// The length of the frame at the start of `input` without its length field, if all of it is there.
fn missing_or_len(input: &BytesMut) -> Result<Option<usize>, FrameError> {
    let Some(word) = input.first_chunk::<4>() else { return Ok(None) };
    let len = i64::from(i32::from_be_bytes(*word));
    if !(4..=(MAX_FRAME_LEN - 4) as i64).contains(&len) {
        return Err(FrameError::Length(len));
    }
    let len = len as usize;
    Ok((input.len() >= len + 4).then_some(len))
}

/// Appends the frame of `command` to `out`, all but its body, whose pieces are to follow.
///
/// # Errors
/// If the frame would be larger than [`MAX_FRAME_LEN`]; `out` is then as before.
pub fn encode_head(command: &Command, out: &mut BytesMut) -> Result<(), FrameError> {
    let start = out.len();
    out.put_u64(0);
    let encoding = match command.encoding {
        Encoding::Json => {
            json::encode(command, out);
            0
        }
        Encoding::Binary => {
            binary::encode(command, out);
            1
        }
    };
    let header_len = out.len() - start - 8;
    let len = 4 + header_len + command.body.len();
    if len + 4 > MAX_FRAME_LEN {
        out.truncate(start);
        return Err(FrameError::Length(len as i64));
    }
    out[start..start + 4].copy_from_slice(&(len as u32).to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&(encoding << 24 | header_len as u32).to_be_bytes());
    Ok(())
}

/// The whole frame of `command`.
///
/// # Errors
/// As [`encode_head`].
pub fn encode(command: &Command) -> Result<Bytes, FrameError> {
    let mut out = BytesMut::with_capacity(512 + command.body.len());
    encode_head(command, &mut out)?;
    command.body.pieces().for_each(|piece| out.put_slice(piece));
    Ok(out.freeze())
}

#[cfg(test)]
mod tests;
