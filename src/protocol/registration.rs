//! A broker tells name servers who it is and which topics it holds.
//!
//! The body is JSON, or its compressed form: one zlib stream of `i32 length, bytes` pieces — the version as JSON,
//! the number of topics, each topic as `name readQueues writeQueues perm filterType`, the filter servers as JSON.
//! Source: `RegisterBrokerRequestHeader`, `RegisterBrokerBody`, `TopicConfig.encode` of Apache RocketMQ 4.9.8.

use crate::topic::{DataVersion, TopicConfig, TopicTable};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read, Write};

/// Most bytes a compressed registration may unpack to: 60,000 topics with the longest names fit.
pub const MAX_UNPACKED_LEN: u64 = 64 * 1024 * 1024;

/// Registers a broker (103).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// Its name.
    pub broker_name: String,
    /// Where clients reach it.
    pub broker_addr: String,
    /// Its cluster.
    pub cluster_name: String,
    /// Where slaves reach it.
    pub ha_server_addr: String,
    /// 0: a master.
    pub broker_id: i64,
    /// Whether the body is compressed.
    #[serde(default)]
    pub compressed: bool,
    /// CRC-32 of the body with the highest bit cleared; 0: not given.
    #[serde(default)]
    pub body_crc32: i32,
}

/// What the name server answers to a registration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterAnswer {
    /// Where the master takes its slaves, for a slave.
    pub ha_server_addr: Option<String>,
    /// The master's address, for a slave.
    pub master_addr: Option<String>,
}

/// Takes a broker away (104).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnregisterBroker {
    /// Its name.
    pub broker_name: String,
    /// Its address.
    pub broker_addr: String,
    /// Its cluster.
    pub cluster_name: String,
    /// Its id.
    pub broker_id: i64,
}

/// Asks whether a broker's table differs from what the name server has (322); the body is its version as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryDataVersion {
    /// Its name.
    pub broker_name: String,
    /// Its address.
    pub broker_addr: String,
    /// Its cluster.
    pub cluster_name: String,
    /// Its id.
    pub broker_id: i64,
}

/// Whether the table differs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueryDataVersionAnswer {
    /// It does.
    pub changed: bool,
}

/// Takes a broker's topics out of writing (205) or puts them back (327).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WritePerm {
    /// The broker's name.
    pub broker_name: String,
}

/// How many topics it concerned.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WipeAnswer {
    /// Topics.
    pub wipe_topic_count: i32,
}

/// How many topics it concerned.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddAnswer {
    /// Topics.
    pub add_topic_count: i32,
}

/// A value of the name server's settings (100, 101, 102, 219).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KvEntry {
    /// Which settings.
    pub namespace: String,
    /// Which of them.
    pub key: String,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The namespace that holds the order of topics.
pub const ORDER_NAMESPACE: &str = "ORDER_TOPIC_CONFIG";

/// The body of a registration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegisterBody {
    /// Always empty since 4.3.
    pub filter_server_list: Vec<String>,
    /// The broker's topics.
    pub topic_config_serialize_wrapper: TopicTable,
}

/// The CRC that goes with a registration's body.
pub fn body_crc(body: &[u8]) -> i32 {
    crate::record::body_crc(body) as i32
}

impl RegisterBody {
    /// The compressed form.
    pub fn compress(&self) -> Vec<u8> {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        let mut plain = Vec::new();
        let put = |plain: &mut Vec<u8>, text: &str| {
            plain.extend_from_slice(&(text.len() as u32).to_be_bytes());
            plain.extend_from_slice(text.as_bytes());
        };
        let table = &self.topic_config_serialize_wrapper;
        put(&mut plain, &serde_json::to_string(&table.data_version).unwrap_or_default());
        plain.extend_from_slice(&(table.topic_config_table.len() as u32).to_be_bytes());
        for topic in table.topic_config_table.values() {
            let TopicConfig { topic_name, read_queue_nums, write_queue_nums, perm, topic_filter_type, .. } = topic;
            put(&mut plain, &format!("{topic_name} {read_queue_nums} {write_queue_nums} {perm} {topic_filter_type}"));
        }
        put(&mut plain, &serde_json::to_string(&self.filter_server_list).unwrap_or_default());
        // Writing into a Vec does not fail.
        let _ = out.write_all(&plain);
        out.finish().unwrap_or_default()
    }

    /// Reads the compressed form; topics that make no sense are left out, as Apache RocketMQ does.
    ///
    /// # Errors
    /// If the stream is damaged, ends early, or unpacks to more than [`MAX_UNPACKED_LEN`].
    pub fn decompress(bytes: &[u8]) -> io::Result<Self> {
        Self::decompress_within(bytes, MAX_UNPACKED_LEN)
    }

    fn decompress_within(bytes: &[u8], limit: u64) -> io::Result<Self> {
        // Buffered: a stream of many tiny pieces must not cost one inflation each.
        let mut input = BufReader::new(ZlibDecoder::new(bytes).take(limit));
        let version = piece(&mut input)?;
        let data_version: DataVersion = crate::loose_json::from_slice(&version)?;
        let mut body = Self::default();
        body.topic_config_serialize_wrapper.data_version = data_version;
        for _ in 0..length(&mut input)? {
            let text = piece(&mut input)?;
            let text = String::from_utf8_lossy(&text);
            if let Some(topic) = topic(&text) {
                body.topic_config_serialize_wrapper.topic_config_table.insert(topic.topic_name.clone(), topic);
            }
        }
        body.filter_server_list = crate::loose_json::from_slice(&piece(&mut input)?).unwrap_or_default();
        Ok(body)
    }
}

fn length(input: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    usize::try_from(i32::from_be_bytes(bytes))
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "negative length"))
}

fn piece(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let len = length(input)?;
    // Grows with what is really there, whatever the length claims.
    let mut bytes = Vec::new();
    if input.take(len as u64).read_to_end(&mut bytes)? < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn topic(text: &str) -> Option<TopicConfig> {
    let parts: Vec<&str> = text.split(' ').collect();
    let [name, read, write, perm, filter] = parts[..] else { return None };
    Some(TopicConfig {
        read_queue_nums: read.parse().ok()?,
        write_queue_nums: write.parse().ok()?,
        topic_filter_type: filter.to_owned(),
        ..TopicConfig::new(name, 0, perm.parse().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> RegisterBody {
        let mut body = RegisterBody::default();
        let table = &mut body.topic_config_serialize_wrapper;
        table.data_version.next(77);
        for name in ["T1", "%RETRY%g"] {
            table.topic_config_table.insert(name.into(), TopicConfig::new(name, 4, 6));
        }
        body
    }

    #[test]
    fn both_forms_of_a_body_read_back() {
        assert_eq!(RegisterBody::decompress(&body().compress()).unwrap(), body());
        let json = serde_json::to_vec(&body()).unwrap();
        assert_eq!(serde_json::from_slice::<RegisterBody>(&json).unwrap(), body());
    }

    #[test]
    fn the_compressed_form_holds_the_pieces_of_the_public_layout() {
        let mut plain = Vec::new();
        ZlibDecoder::new(&body().compress()[..]).read_to_end(&mut plain).unwrap();
        let golden = concat!(
            "\0\0\0\x1c{\"counter\":1,\"timestamp\":77}",
            "\0\0\0\x02",
            "\0\0\0\x19%RETRY%g 4 4 6 SINGLE_TAG",
            "\0\0\0\x13T1 4 4 6 SINGLE_TAG",
            "\0\0\0\x02[]",
        );
        assert_eq!(String::from_utf8(plain).unwrap(), golden);
    }

    #[test]
    fn damage_and_bombs_are_errors() {
        let whole = body().compress();
        for end in 0..whole.len() - 5 {
            assert!(RegisterBody::decompress(&whole[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let _ = RegisterBody::decompress(&damaged);
        }
        let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&0x7FFF_FFFFu32.to_be_bytes()).unwrap();
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
        bomb.write_all(&body().compress()).unwrap();
        let error = RegisterBody::decompress_within(&bomb.finish().unwrap(), 1 << 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
