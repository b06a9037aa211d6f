//! The JSON that fastjson writes and standard parsers refuse: unquoted names (`{0:"a"}`) and objects as names.
//!
//! Such text is made strict, then read by serde. An object that serves as a name becomes its own text.

use serde::de::{DeserializeOwned, Error};

/// Reads JSON, strict or fastjson's.
///
/// # Errors
/// What is wrong with the text once it is made strict.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    match serde_json::from_slice(json) {
        Ok(value) => Ok(value),
        Err(first) => {
            let text = std::str::from_utf8(json).map_err(serde_json::Error::custom)?;
            // If it was strict already, the first error is the one that helps.
            strict(text).filter(|made| made != text).map_or(Err(first), |made| serde_json::from_str(&made))
        }
    }
}

/// The strict form of `text`; `None` if its strings or brackets do not close.
fn strict(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 32);
    // For each open bracket: whether it is an object that stands where a name belongs, and where it starts in `out`.
    let mut open: Vec<(u8, Option<usize>)> = Vec::new();
    let mut name_next = false;
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                let end = string_end(bytes, at)?;
                let inner = &text[at + 1..end];
                out.push('"');
                if bytes[at] == b'\'' {
                    out.push_str(&inner.replace("\\'", "'").replace('"', "\\\""))
                } else {
                    out.push_str(inner)
                }
                out.push('"');
                name_next = false;
                at = end + 1;
            }
            bracket @ (b'{' | b'[') => {
                open.push((bracket, (name_next && bracket == b'{').then_some(out.len())));
                out.push(char::from(bracket));
                name_next = bracket == b'{';
                at += 1;
            }
            bracket @ (b'}' | b']') => {
                let (_, name_from) = open.pop()?;
                out.push(char::from(bracket));
                if let Some(from) = name_from {
                    let name = serde_json::to_string(&out[from..]).ok()?;
                    out.replace_range(from.., &name);
                }
                name_next = false;
                at += 1;
            }
            b',' => {
                out.push(',');
                name_next = matches!(open.last(), Some((b'{', _)));
                at += 1;
            }
            b':' | b' ' | b'\n' | b'\r' | b'\t' => {
                out.push(char::from(bytes[at]));
                at += 1;
            }
            _ => {
                let end = at + text[at..].find([',', ':', '}', ']', '{', '[', '"', ' ', '\n', '\r', '\t'])?;
                if name_next {
                    out.push('"');
                    out.push_str(&text[at..end]);
                    out.push('"');
                } else {
                    out.push_str(&text[at..end]);
                }
                name_next = false;
                at = end;
            }
        }
    }
    open.is_empty().then_some(out)
}

fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while *bytes.get(at)? != bytes[start] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> Value {
        from_slice(text.as_bytes()).unwrap()
    }

    #[test]
    fn unquoted_names_are_quoted() {
        assert_eq!(
            read(r#"{0:"a:1",-1 : {x:[1,{2:3}]},"k":null}"#),
            json!({"0": "a:1", "-1": {"x": [1, {"2": 3}]}, "k": null})
        );
    }

    #[test]
    fn an_object_as_a_name_becomes_its_text() {
        let table = read(r#"{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"maxOffset":5}}}"#);
        assert_eq!(table["offsetTable"][r#"{"brokerName":"b","queueId":0,"topic":"T"}"#]["maxOffset"], 5);
    }

    #[test]
    fn garbage_is_an_error_and_no_panic() {
        for text in ["", "{", "}", "{a", "{\"a", "]", "{{}", "{a:1}}", "'", "{'a\\", "é{0:é}"] {
            let _ = from_slice::<Value>(text.as_bytes());
        }
        assert!(from_slice::<Value>(b"{0:}").is_err());
        assert!(from_slice::<Value>(&[0xFF, 0xFE]).is_err());
    }
}
