//! What `rmq top --write` can do: orders as they are typed after `:`, what each would change, and what became of it.
//!
//! Nothing is done before its plan was shown and the name of what it concerns was typed. Does not draw.

use crate::{moment, words::Lang};
use admin::{
    Admin, Target, Where,
    snapshot::{Known, Unknown},
};
use serde::{Deserialize, Serialize};

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Order {
    /// A group goes on elsewhere in a topic.
    Reset {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// Where it goes on.
        to: Target,
    },
    /// A broker is taken out of writing.
    Drain(String),
    /// It is put back.
    Undrain(String),
    /// All dead letters of a group are sent again.
    Resend(String),
    /// A group is forgotten.
    DeleteGroup(String),
    /// A topic is deleted with its messages.
    DeleteTopic(String),
}

/// How orders are typed.
pub const USAGE: &str = "reset GROUP TOPIC first|last|OFFSET|+N|-N|-10m, drain BROKER, undrain BROKER, resend GROUP, delete-group GROUP, delete-topic TOPIC";
/// Their first words.
pub const WORDS: [&str; 6] = ["reset", "drain", "undrain", "resend", "delete-group", "delete-topic"];

impl Order {
    /// Reads an order; `None` if it is none, and what it should look like if it is a bad one.
    pub fn parse(text: &str, now_ms: i64) -> Option<Result<Self, String>> {
        let mut words = text.split_whitespace();
        let word = words.next().filter(|word| WORDS.contains(word))?;
        let rest: Vec<&str> = words.collect();
        let name = |of: fn(String) -> Self| match rest[..] {
            [name] => Ok(of(name.to_owned())),
            _ => Err(format!("{word} wants one name: {USAGE}")),
        };
        Some(match word {
            "drain" => name(Self::Drain),
            "undrain" => name(Self::Undrain),
            "resend" => name(Self::Resend),
            "delete-group" => name(Self::DeleteGroup),
            "delete-topic" => name(Self::DeleteTopic),
            _ => match rest[..] {
                [group, topic, to] => match target(to, now_ms) {
                    Some(to) => Ok(Self::Reset { group: group.to_owned(), topic: topic.to_owned(), to }),
                    None => Err(format!("{to:?} is no place: first, last, an OFFSET, +N or -N messages, -10m ago")),
                },
                _ => Err("reset GROUP TOPIC first|last|OFFSET|+N|-N|-10m".to_owned()),
            },
        })
    }

    /// What it concerns: this is typed to confirm it.
    pub fn subject(&self) -> &str {
        match self {
            Self::Reset { group: name, .. }
            | Self::Drain(name)
            | Self::Undrain(name)
            | Self::Resend(name)
            | Self::DeleteGroup(name)
            | Self::DeleteTopic(name) => name,
        }
    }
}

impl Order {
    /// What is to be done, in words.
    pub fn says(&self, lang: Lang) -> String {
        match self {
            Self::Reset { group, topic, .. } => lang.fill("reset group {} in topic {}", &[group, topic]),
            Self::Drain(name) => lang.fill("take broker {} out of writing", &[name]),
            Self::Undrain(name) => lang.fill("put broker {} back into writing", &[name]),
            Self::Resend(name) => lang.fill("send the dead letters of group {} again", &[name]),
            Self::DeleteGroup(name) => lang.fill("delete group {}", &[name]),
            Self::DeleteTopic(name) => lang.fill("delete topic {} with its messages", &[name]),
        }
    }
}

fn target(text: &str, now_ms: i64) -> Option<Target> {
    match text {
        "first" => return Some(Target::First),
        "last" => return Some(Target::Last),
        _ => {}
    }
    match text.parse() {
        Ok(number) if text.starts_with(['+', '-']) => Some(Target::Shift(number)),
        Ok(number) => Some(Target::Offset(number)),
        Err(_) => moment::read(text, now_ms).map(Target::Time),
    }
}

/// What an order would change, in a line. Changes nothing.
///
/// # Errors
/// Why it cannot be told: then the order is not given either.
pub async fn plan(admin: &Admin, order: &Order) -> Known<String> {
    let why = |error: admin::Error| Unknown::from(&error);
    match order {
        Order::Reset { group, topic, to } => {
            let planned = admin.plan_reset(group, topic, *to).await.map_err(why)?;
            let (mut back, mut on, mut unknown) = (0_i64, 0_i64, 0_usize);
            for (queue, plan) in &planned {
                let plan = plan.as_ref().map_err(|error| Unknown::because(format!("{queue}: {error}")))?;
                match plan.before {
                    None => unknown += 1,
                    Some(before) if plan.after < before => back += before - plan.after,
                    Some(before) => on += plan.after - before,
                }
            }
            let mut says = format!("{} queues: {back} messages again, {on} messages left out", planned.len());
            if unknown > 0 {
                says.push_str(&format!("; {unknown} queues have no position yet"));
            }
            Ok(says)
        }
        Order::Drain(name) | Order::Undrain(name) => {
            admin.masters(&Where::Broker(name.clone())).await.map_err(why)?;
            let names = admin.client().name_servers().await.map_err(|error| Unknown::because(error.to_string()))?.len();
            Ok(format!("told to {names} name servers; lasts until undone, or the name servers start anew"))
        }
        Order::Resend(group) => {
            let letters = admin.dead_letters(group).await.map_err(why)?;
            match letters.count() {
                Some(count) => {
                    Ok(format!("{count} messages go to the topics they came from; they stay dead letters, too"))
                }
                None => Err(Unknown::because("not all of its queues can be asked")),
            }
        }
        Order::DeleteGroup(group) => {
            let members = admin.consumers(group, &Where::Everywhere).await.map_err(why)?;
            let connected: usize = members
                .answers()
                .filter_map(|(_, members)| members.as_ref())
                .map(|some| some.connection_set.len())
                .sum();
            match (members.failures().next(), connected) {
                (Some((broker, error)), _) => Err(Unknown::because(format!("{broker}: {error}"))),
                (None, 0) => Ok("nobody is connected; its offsets go, its dead letters stay".to_owned()),
                (None, _) => Err(Unknown::because(format!("{connected} members are connected: stop them first"))),
            }
        }
        Order::DeleteTopic(topic) => {
            let stats = admin.topic_stats(topic, &Where::Everywhere).await.map_err(why)?;
            let queues: Vec<_> = stats.answers().flat_map(|(_, stats)| stats.offset_table.values()).collect();
            if queues.is_empty() {
                return Err(Unknown::because("no broker has such a topic"));
            }
            let messages: i64 = queues.iter().map(|queue| queue.max_offset - queue.min_offset).sum();
            Ok(format!("{messages} messages in {} queues are gone for good", queues.len()))
        }
    }
}

/// Does it, and says what became of it.
///
/// # Errors
/// If it was not done, or not everywhere.
pub async fn carry_out(admin: &Admin, order: &Order) -> Known<String> {
    let why = |error: admin::Error| Unknown::from(&error);
    match order {
        Order::Reset { group, topic, to } => {
            let planned = admin.plan_reset(group, topic, *to).await.map_err(why)?;
            let (mut wanted, mut failed) = (Vec::new(), Vec::new());
            for (queue, plan) in planned {
                match plan {
                    Ok(plan) => wanted.push((queue, plan.after)),
                    Err(error) => failed.push(format!("{queue}: {error}")),
                }
            }
            let done = admin.reset(group, wanted, failed.is_empty().then_some(*to)).await.map_err(why)?;
            let all = done.len() + failed.len();
            failed
                .extend(done.iter().filter_map(|(queue, result)| Some(format!("{queue}: {}", result.as_ref().err()?))));
            outcome(format!("reset {} of {all} queues", all - failed.len()), &failed)
        }
        Order::Drain(name) | Order::Undrain(name) => {
            let writable = matches!(order, Order::Undrain(_));
            let done = admin.set_writable(name, writable).await.map_err(why)?;
            let failed: Vec<_> =
                done.iter().filter_map(|(addr, result)| Some(format!("{addr}: {}", result.as_ref().err()?))).collect();
            let topics = done.iter().filter_map(|(_, result)| result.as_ref().ok()).max().copied().unwrap_or(0);
            outcome(format!("{topics} topics of {name}, at {} name servers", done.len() - failed.len()), &failed)
        }
        Order::Resend(group) => {
            let resent = admin.resend_all(group).await.map_err(why)?;
            let failed: Vec<_> = resent.failed.iter().map(|(queue, at, why)| format!("{queue} {at}: {why}")).collect();
            outcome(format!("{} dead letters of {group} were sent again", resent.sent), &failed)
        }
        Order::DeleteGroup(group) => {
            let done = admin.delete_group(group, true, &Where::Everywhere).await.map_err(why)?;
            let failed: Vec<_> = done.failures().map(|(broker, error)| format!("{broker}: {error}")).collect();
            outcome(format!("group {group} was deleted at {} brokers", done.answers().count()), &failed)
        }
        Order::DeleteTopic(topic) => {
            let done = admin.delete_topic(topic, &Where::Everywhere).await.map_err(why)?;
            let at_brokers = done.brokers.failures().map(|(broker, error)| format!("{broker}: {error}"));
            let at_names = done.name_servers.iter();
            let at_names = at_names.filter_map(|(addr, result)| Some(format!("{addr}: {}", result.as_ref().err()?)));
            let failed: Vec<_> = at_brokers.chain(at_names).collect();
            outcome(format!("topic {topic} was deleted at {} brokers", done.brokers.answers().count()), &failed)
        }
    }
}

fn outcome(done: String, failed: &[String]) -> Known<String> {
    match failed.first() {
        None => Ok(done),
        Some(first) => Err(Unknown::because(format!("{done}; {} failed, first {first}", failed.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_typed() {
        let reset = |to| Order::Reset { group: "g".into(), topic: "t".into(), to };
        for (text, to) in [
            ("first", Target::First),
            ("last", Target::Last),
            ("700", Target::Offset(700)),
            ("-5", Target::Shift(-5)),
            ("+5", Target::Shift(5)),
            ("-10m", Target::Time(400_000)),
        ] {
            assert_eq!(Order::parse(&format!("reset g t {text}"), 1_000_000), Some(Ok(reset(to))), "{text}");
        }
        assert_eq!(Order::parse("drain broker-a", 0), Some(Ok(Order::Drain("broker-a".into()))));
        assert_eq!(Order::parse("topics", 0), None);
        for bad in ["reset g t middle", "reset g t -m", "reset g", "drain", "drain a b", "reset g t -é"] {
            assert!(matches!(Order::parse(bad, 0), Some(Err(_))), "{bad}");
        }
    }
}
