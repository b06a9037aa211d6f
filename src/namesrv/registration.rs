//! What a broker says of itself, checked before it reaches the table.

use crate::refused::{Refused, shown};
use protocol::{
    Command,
    registration::{Register, RegisterBody, body_crc},
    topic::{DataVersion, TopicConfig, TopicTable},
};

/// Longest name of a broker, cluster or topic, and longest address, in bytes.
const MAX_NAME_LEN: usize = 512;
/// `MQVersion.V3_0_11`: since then the body of a registration is a [`RegisterBody`], before it was the table alone.
const V3_0_11: i32 = 37;

/// A broker's word about itself.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) id: i64,
    pub(crate) addr: String,
    pub(crate) ha_addr: String,
    pub(crate) version: DataVersion,
    pub(crate) topics: Vec<TopicConfig>,
}

impl Registration {
    /// Reads a registration. Topics without a usable name are left out.
    pub(crate) fn read(request: &Command) -> Result<Self, Refused> {
        let header: Register = request.header().map_err(|why| Refused::Header { request: request.code, why })?;
        check_name("the broker name", &header.broker_name)?;
        check_name("the cluster name", &header.cluster_name)?;
        check_addr(&header.broker_addr)?;
        if header.ha_server_addr.len() > MAX_NAME_LEN {
            let text = shown(&header.ha_server_addr);
            return Err(Refused::Name { what: "the HA address", text, why: "it is too long" });
        }
        let table = read_table(request, &header)?;
        let mut topics: Vec<_> = table.topic_config_table.into_iter().map(named).collect();
        let all = topics.len();
        topics.retain(|topic| check_name("the topic name", &topic.topic_name).is_ok());
        if topics.len() < all {
            let left_out = all - topics.len();
            tracing::warn!(broker = ?header.broker_name, left_out, "left out topics whose names are not usable");
        }
        Ok(Self {
            cluster: header.cluster_name,
            name: header.broker_name,
            id: header.broker_id,
            addr: header.broker_addr,
            ha_addr: header.ha_server_addr,
            version: table.data_version,
            topics,
        })
    }
}

fn read_table(request: &Command, header: &Register) -> Result<TopicTable, Refused> {
    if request.body.is_empty() {
        return Ok(TopicTable::default());
    }
    let body = request.body.to_bytes();
    let found = body_crc(&body);
    if header.body_crc32 != 0 && header.body_crc32 != found {
        return Err(Refused::Crc { announced: header.body_crc32, found });
    }
    let unreadable = |why: String| Refused::Body { request: request.code, why };
    if request.version < V3_0_11 {
        return request.json().map_err(|why| unreadable(why.to_string()));
    }
    let body = if header.compressed {
        RegisterBody::decompress(&body).map_err(|why| unreadable(why.to_string()))?
    } else {
        request.json().map_err(|why| unreadable(why.to_string()))?
    };
    Ok(body.topic_config_serialize_wrapper)
}

/// A topic's own name counts; the one it is listed under only stands in for a missing one.
fn named((listed_as, mut topic): (String, TopicConfig)) -> TopicConfig {
    if topic.topic_name.is_empty() {
        topic.topic_name = listed_as;
    }
    topic
}

fn check_name(what: &'static str, text: &str) -> Result<(), Refused> {
    let why = if text.trim().is_empty() {
        "it is blank"
    } else if text.len() > MAX_NAME_LEN {
        "it is too long"
    } else if text.chars().any(char::is_control) {
        "it holds control characters"
    } else {
        return Ok(());
    };
    Err(Refused::Name { what, text: shown(text), why })
}

/// Clients split addresses at `:` and lists of them at `,`, some without a JSON parser.
fn check_addr(addr: &str) -> Result<(), Refused> {
    check_name("the broker address", addr)?;
    let port = addr.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    let fits = matches!(port, Some(Ok(1..)));
    if fits && !addr.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\\')) {
        return Ok(());
    }
    Err(Refused::Name { what: "the broker address", text: shown(addr), why: "expected host:port" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::code::request;

    fn header() -> Register {
        Register {
            broker_name: "broker-a".into(),
            broker_addr: "10.0.0.1:10911".into(),
            cluster_name: "C".into(),
            ha_server_addr: String::new(),
            broker_id: 0,
            compressed: false,
            body_crc32: 0,
        }
    }

    fn table() -> TopicTable {
        let mut table = TopicTable::default();
        table.data_version.next(9);
        table.topic_config_table.insert("T".into(), TopicConfig::new("T", 4, 6));
        table
    }

    fn body() -> RegisterBody {
        RegisterBody { topic_config_serialize_wrapper: table(), ..RegisterBody::default() }
    }

    fn register(header: &Register) -> Command {
        Command::request(request::REGISTER_BROKER).with_header(header)
    }

    fn refused(request: &Command) -> String {
        Registration::read(request).unwrap_err().to_string()
    }

    #[test]
    fn every_form_of_a_body_is_read() {
        let plain = register(&header()).with_json(&body());
        let compressed = register(&Register { compressed: true, ..header() }).with_body(body().compress());
        let old = Command { version: V3_0_11 - 1, ..register(&header()).with_json(&table()) };
        for request in [plain, compressed, old] {
            let read = Registration::read(&request).unwrap();
            assert_eq!((read.version.timestamp, read.topics), (9, vec![TopicConfig::new("T", 4, 6)]));
        }
        let none = Registration::read(&register(&header())).unwrap();
        assert_eq!((none.version, none.topics), (DataVersion::default(), vec![]));
    }

    #[test]
    fn a_damaged_body_is_refused_if_its_crc_was_given() {
        let bytes = serde_json::to_vec(&body()).unwrap();
        let crc = body_crc(&bytes);
        let with_crc = |body_crc32| register(&Register { body_crc32, ..header() }).with_body(bytes.clone());
        Registration::read(&with_crc(crc)).unwrap();
        assert!(refused(&with_crc(crc ^ 1)).contains("CRC-32"));
    }

    #[test]
    fn unusable_names_and_bodies_are_refused() {
        let long = "x".repeat(MAX_NAME_LEN + 1);
        for name in ["", " ", "a\nb", &long] {
            assert!(refused(&register(&Register { broker_name: name.into(), ..header() })).contains("broker name"));
            assert!(refused(&register(&Register { cluster_name: name.into(), ..header() })).contains("cluster name"));
        }
        for addr in ["", "10911", ":10911", "h:0", "h:65536", "h:1 ", "a,b:1", "a\"b:1", "h:-1", "h:1\n"] {
            assert!(refused(&register(&Register { broker_addr: addr.into(), ..header() })).contains("broker address"));
        }
        for bytes in [&b"null"[..], b"{", b"\xff", b"[[[", br#"{"topicConfigSerializeWrapper":{"topicConfigTable":7}}"#]
        {
            assert!(refused(&register(&header()).with_body(bytes)).contains("unreadable"), "{bytes:?}");
            let compressed = register(&Register { compressed: true, ..header() }).with_body(bytes);
            assert!(refused(&compressed).contains("unreadable"), "{bytes:?}");
        }
        assert!(refused(&Command::request(request::REGISTER_BROKER)).contains("missing field"));
    }

    #[test]
    fn topics_with_unusable_names_are_left_out_and_the_others_taken() {
        let mut body = body();
        let topics = &mut body.topic_config_serialize_wrapper.topic_config_table;
        topics.insert("only-listed".into(), TopicConfig::new("", 1, 6));
        topics.insert("bad".into(), TopicConfig::new("a\u{1}b", 1, 6));
        let read = Registration::read(&register(&header()).with_json(&body)).unwrap();
        let names: Vec<_> = read.topics.iter().map(|topic| &*topic.topic_name).collect();
        assert_eq!(names, ["T", "only-listed"]);
    }
}
