//! The commands that alerts name. No other place makes one: whoever adds one here adds it to [`commands`], and a test of
//! the command line reads each of them.

/// Every kind of command that an alert can name, with names filled in.
pub fn commands() -> Vec<String> {
    let (addr, group, topic, broker) = ("127.0.0.1:10911", "G", "T", "broker-a");
    vec![
        check_name_servers(),
        check_name_server("127.0.0.1:9876"),
        check_cluster(),
        check_replication(),
        check_brokers(),
        check_broker(addr),
        list_brokers(),
        describe_broker(addr),
        settings(addr, &[]),
        settings(addr, &["fileReservedTime", "deleteWhen"]),
        settings(addr, &["storePathRootDir"]),
        open_broker(addr),
        list_topics(),
        describe_topic(topic),
        route(topic),
        open_topic(topic, broker),
        read_queues(topic, 4, broker),
        more_queues(topic, 4),
        clients(group),
        describe_group(group),
        lag(group, Some(topic)),
        lag(group, None),
        dead_letters(group),
    ]
}

pub(super) fn check_name_servers() -> String {
    command(&["check", "namesrv"])
}

pub(super) fn check_name_server(addr: &str) -> String {
    command(&["check", "namesrv", "--addr", addr])
}

pub(super) fn check_cluster() -> String {
    command(&["check", "cluster"])
}

pub(super) fn check_replication() -> String {
    command(&["check", "replication"])
}

pub(super) fn check_brokers() -> String {
    command(&["check", "broker"])
}

pub(super) fn check_broker(addr: &str) -> String {
    command(&["check", "broker", "--addr", addr])
}

pub(super) fn list_brokers() -> String {
    command(&["broker", "list"])
}

pub(super) fn describe_broker(addr: &str) -> String {
    command(&["broker", "describe", addr])
}

/// All settings of a broker, or those.
pub(super) fn settings(addr: &str, keys: &[&str]) -> String {
    command(&[&["broker", "config", "get", addr], keys].concat())
}

/// The broker may be read and written again.
pub(super) fn open_broker(addr: &str) -> String {
    command(&["broker", "config", "set", addr, "brokerPermission=6"])
}

pub(super) fn list_topics() -> String {
    command(&["topic", "list"])
}

pub(super) fn describe_topic(topic: &str) -> String {
    command(&["topic", "describe", topic])
}

pub(super) fn route(topic: &str) -> String {
    command(&["topic", "route", topic])
}

/// The topic may be read and written again.
pub(super) fn open_topic(topic: &str, broker: &str) -> String {
    command(&["topic", "update", topic, "--perm", "rw", "--broker", broker])
}

/// So many queues are read.
pub(super) fn read_queues(topic: &str, queues: i32, broker: &str) -> String {
    command(&["topic", "update", topic, "--read-queues", &queues.to_string(), "--broker", broker])
}

/// So many queues are read and written.
pub(super) fn more_queues(topic: &str, queues: usize) -> String {
    command(&["topic", "update", topic, "--queues", &queues.to_string()])
}

pub(super) fn clients(group: &str) -> String {
    command(&["client", "list", "--group", group])
}

pub(super) fn describe_group(group: &str) -> String {
    command(&["group", "describe", group])
}

/// How far a group is behind, in one topic or in all.
pub(super) fn lag(group: &str, topic: Option<&str>) -> String {
    match topic {
        Some(topic) => command(&["group", "lag", group, "--topic", topic]),
        None => command(&["group", "lag", group]),
    }
}

pub(super) fn dead_letters(group: &str) -> String {
    command(&["dlq", "peek", group, "-n", "10"])
}

/// A command line: each word so that a shell takes it as one.
fn command(words: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=@%+,".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            (*word).to_owned()
        } else {
            // Control characters would reach a terminal.
            let word: String = word.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    std::iter::once("rmq".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_the_command() {
        assert_eq!(lag("a b'c\n", None), r"rmq group lag 'a b'\''c?'");
        assert_eq!(describe_topic("%RETRY%g"), "rmq topic describe %RETRY%g");
        assert_eq!(route(""), "rmq topic route ''");
    }
}
