//! The ROCKETMQ binary header of a command.
//!
//! ```text
//! i16 code   u8 language   i16 version   i32 opaque   i32 flag
//! i32 remark length, remark
//! i32 length of all fields, then each: i16 name length, name, i32 value length, value
//! ```
//! Source: `RocketMQSerializable` of Apache RocketMQ 4.9.8.

use crate::{
    command::{Command, Encoding, Language},
    frame::FrameError,
};
use base::Fields;
use bytes::{Buf, BufMut, BytesMut};

const BAD: fn(&'static str) -> FrameError = FrameError::Header;

/// Reads a binary header.
///
/// # Errors
/// [`FrameError::Header`] saying what is malformed.
pub fn decode(mut header: &[u8]) -> Result<Command, FrameError> {
    let input = &mut header;
    if input.len() < 17 {
        return Err(BAD("shorter than its fixed part"));
    }
    let code = i32::from(input.get_i16());
    let language = Language(input.get_u8());
    let version = i32::from(input.get_i16());
    let opaque = input.get_i32();
    let flag = input.get_i32();
    let remark = match take(input, 4, "remark")? {
        "" => None,
        remark => Some(remark.to_owned()),
    };
    if input.len() < 4 {
        return Err(BAD("no length of fields"));
    }
    let fields_len = input.get_i32();
    let mut list =
        usize::try_from(fields_len).ok().and_then(|len| input.get(..len)).ok_or(BAD("fields beyond its end"))?;
    let mut fields = Fields::with_capacity(18, list.len());
    while !list.is_empty() {
        let name = take(&mut list, 2, "field name")?;
        let value = take(&mut list, 4, "field value")?;
        fields.push(name, value);
    }
    Ok(Command {
        version,
        opaque,
        flag,
        remark,
        fields,
        language,
        encoding: Encoding::Binary,
        ..Command::request(code)
    })
}

/// Takes a text with a length of `width` bytes before it.
fn take<'a>(input: &mut &'a [u8], width: usize, what: &'static str) -> Result<&'a str, FrameError> {
    if input.len() < width {
        return Err(BAD(what));
    }
    let len = input.get_int(width);
    let bytes = usize::try_from(len).ok().and_then(|len| input.get(..len)).ok_or(BAD(what))?;
    input.advance(bytes.len());
    std::str::from_utf8(bytes).map_err(|_| BAD("not UTF-8"))
}

/// Appends the binary header of `command`, without its length. A field name longer than 32,767 bytes is left out.
pub fn encode(command: &Command, out: &mut BytesMut) {
    out.put_i16(command.code as i16);
    out.put_u8(command.language.0);
    out.put_i16(command.version as i16);
    out.put_i32(command.opaque);
    out.put_i32(command.flag);
    let remark = command.remark.as_deref().unwrap_or_default();
    out.put_i32(remark.len() as i32);
    out.put_slice(remark.as_bytes());
    let len_at = out.len();
    out.put_i32(0);
    for (name, value) in command.fields.iter().filter(|(name, _)| name.len() <= i16::MAX as usize) {
        out.put_i16(name.len() as i16);
        out.put_slice(name.as_bytes());
        out.put_i32(value.len() as i32);
        out.put_slice(value.as_bytes());
    }
    let len = (out.len() - len_at - 4) as i32;
    out[len_at..len_at + 4].copy_from_slice(&len.to_be_bytes());
}
