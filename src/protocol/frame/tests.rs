//! Frames: golden bytes captured from clients, and what a stream can do to a reader.

use super::*;
use crate::command::Language;

fn read(bytes: &[u8]) -> Result<Option<Command>, FrameError> {
    decode(&mut BytesMut::from(bytes))
}

fn framed(kind: u8, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32((4 + header.len() + body.len()) as u32);
    out.put_u32(u32::from(kind) << 24 | header.len() as u32);
    out.put_slice(header);
    out.put_slice(body);
    out
}

fn answer() -> Command {
    let fields = [("queueId", "0"), ("TRACE_ON", "true"), ("MSG_REGION", "DefaultRegion"), ("queueOffset", "0")];
    Command { opaque: 2, fields: fields.into_iter().collect(), ..Command::success() }
}

#[test]
fn an_answer_is_written_as_apache_writes_it() {
    let header = concat!(
        r#"{"code":0,"extFields":{"queueId":"0","TRACE_ON":"true","MSG_REGION":"DefaultRegion","queueOffset":"0"},"#,
        r#""flag":1,"language":"JAVA","opaque":2,"serializeTypeCurrentRPC":"JSON","version":409}"#,
    );
    assert_eq!(encode(&answer()).unwrap(), framed(0, header.as_bytes(), b""));
}

#[test]
fn a_header_of_the_cpp_client_is_read() {
    let header = concat!(
        r#"{"code":10,"extFields":{"AccessKey":"","batch":"0","defaultTopicQueueNums":4,"bornTimestamp":"1795359330932","#,
        r#""properties":"KEYS\u0001key-m000\u0002WAIT\u0001true\u0002","unitMode":false,"nothing":null},"#,
        r#""flag":0,"language":"CPP","opaque":2,"remark":"","version":63}"#,
        "\n"
    );
    let command = read(&framed(0, header.as_bytes(), b"m000")).unwrap().unwrap();
    assert_eq!((command.code, command.opaque, command.version, command.flag), (10, 2, 63, 0));
    assert_eq!((command.language.name(), command.remark.as_deref()), ("CPP", Some("")));
    assert_eq!(command.fields.get("defaultTopicQueueNums"), Some("4"));
    assert_eq!(command.fields.get("unitMode"), Some("false"));
    assert_eq!(command.fields.get("properties"), Some("KEYS\u{1}key-m000\u{2}WAIT\u{1}true\u{2}"));
    assert_eq!(command.fields.get("nothing"), None);
    assert_eq!(command.fields.len(), 6);
    assert_eq!(&command.body.to_bytes()[..], b"m000");
}

#[test]
fn the_binary_header_has_the_bytes_of_the_public_layout() {
    let command = Command { encoding: Encoding::Binary, ..answer() };
    let mut header = vec![0, 0, 0, 1, 0x99, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0];
    let mut list = Vec::new();
    for (name, value) in answer().fields.iter() {
        list.put_u16(name.len() as u16);
        list.put_slice(name.as_bytes());
        list.put_u32(value.len() as u32);
        list.put_slice(value.as_bytes());
    }
    header.put_u32(list.len() as u32);
    header.extend(list);
    assert_eq!(encode(&command).unwrap(), framed(1, &header, b""));
}

#[test]
fn both_encodings_read_back_what_was_written() {
    for encoding in [Encoding::Json, Encoding::Binary] {
        let command = Command {
            encoding,
            remark: Some("why \"so\"\n\u{1}\u{2} é 漢 😀 \\".into()),
            language: Language::RUST,
            version: -3,
            ..answer()
        }
        .with_body(&b"body"[..]);
        let mut bytes = encode(&command).unwrap().to_vec();
        assert_eq!(read(&bytes).unwrap().unwrap(), command);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Ok(None), "a frame cut at {end} is not there yet");
        }
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = read(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn surrogate_pairs_become_one_character() {
    let header = r#"{"code":1,"remark":"\uD83D\uDE00 \uD83D \u00e9 \/"}"#;
    let command = read(&framed(0, header.as_bytes(), b"")).unwrap().unwrap();
    assert_eq!(command.remark.as_deref(), Some("😀 \u{FFFD} é /"));
}

#[test]
fn unknown_members_are_skipped_however_deep() {
    let deep = format!("{{\"x\":{}1{},\"code\":5,\"extFields\":null}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(read(&framed(0, deep.as_bytes(), b"")).unwrap().unwrap().code, 5);
}

#[test]
fn lying_lengths_and_bad_headers_are_refused() {
    let refused = |bytes: &[u8]| read(bytes).unwrap_err();
    assert_eq!(refused(&[0, 0, 0, 3, 0, 0, 0]), FrameError::Length(3));
    assert_eq!(refused(&[255, 255, 255, 255]), FrameError::Length(-1));
    assert_eq!(refused(&[1, 0, 0, 0]), FrameError::Length(16_777_216));
    assert_eq!(refused(&[0, 0, 0, 4, 0, 0, 0, 1]), FrameError::HeaderLength { header: 1, frame: 4 });
    assert_eq!(refused(&framed(9, b"{}", b"")), FrameError::Encoding(9));
    for header in
        ["", "{}", "[]", "{\"code\":x}", "{\"code\":1", "{\"code\":1}x", "{\"code\":\"", "{\"code\":99999999999}"]
    {
        assert!(matches!(refused(&framed(0, header.as_bytes(), b"")), FrameError::Header(_)), "{header}");
    }
    let mut huge = vec![0; 17];
    huge[13] = 0x7F;
    assert!(matches!(refused(&framed(1, &huge, b"")), FrameError::Header(_)));
}

#[test]
fn two_frames_in_one_read_come_out_one_after_the_other() {
    let mut input = BytesMut::new();
    for opaque in [7, 8] {
        input.put_slice(&encode(&Command { opaque, ..Command::request(34) }).unwrap());
    }
    assert_eq!(decode(&mut input).unwrap().unwrap().opaque, 7);
    assert_eq!(decode(&mut input).unwrap().unwrap().opaque, 8);
    assert!(input.is_empty());
}
