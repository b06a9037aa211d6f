//! Members of a consumer group that want different things: some of them get what others asked for, or nothing.
//!
//! Brokers accept it, as Apache RocketMQ does, and go by who spoke last; here it is noted for tools and for the log.

use protocol::{
    heartbeat::{ConsumerData, Subscription},
    topic::RETRY_PREFIX,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a member last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    model: &'static str,
    /// By topic: the expression with its type.
    wants: BTreeMap<String, String>,
}

/// Something that members of a group disagree about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The topic; `None` if it is whether one member or every one gets a message.
    pub topic: Option<String>,
    /// Client ids, by what they say.
    pub sides: BTreeMap<String, BTreeSet<String>>,
}

impl Said {
    pub fn of(data: &ConsumerData) -> Self {
        let wants = data.subscription_data_set.iter().map(|wanted| (wanted.topic.clone(), expression(wanted)));
        Self { model: data.message_model.name(), wants: wants.collect() }
    }
}

/// An expression in one spelling.
fn expression(wanted: &Subscription) -> String {
    if wanted.is_tag() {
        // Some clients send no tags beside the expression.
        let tags = Subscription::tags(&wanted.topic, &wanted.sub_string, 0);
        return if tags.takes_all() { "all".to_owned() } else { format!("tags {}", tags.tags_set.join(" || ")) };
    }
    format!("{} {}", wanted.expression_type, wanted.sub_string.trim())
}

/// What these members, each with its client id, disagree about.
pub(crate) fn among<'a>(members: impl Iterator<Item = (&'a str, &'a Said)> + Clone) -> Vec<Conflict> {
    let conflict = |topic: Option<&str>, says: &dyn Fn(&Said) -> String| {
        let mut sides = BTreeMap::<String, BTreeSet<String>>::new();
        for (client_id, said) in members.clone() {
            sides.entry(says(said)).or_default().insert(client_id.to_owned());
        }
        (sides.len() > 1).then(|| Conflict { topic: topic.map(str::to_owned), sides })
    };
    // A group's own retry topic is its clients' affair.
    let topics: BTreeSet<&str> = members
        .clone()
        .flat_map(|(_, said)| said.wants.keys().map(String::as_str))
        .filter(|topic| !topic.starts_with(RETRY_PREFIX))
        .collect();
    let about_topics = topics.into_iter().filter_map(|topic| {
        let says = |said: &Said| said.wants.get(topic).map_or_else(|| "nothing".to_owned(), Clone::clone);
        conflict(Some(topic), &says)
    });
    conflict(None, &|said| said.model.to_owned()).into_iter().chain(about_topics).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::heartbeat::{ConsumeFrom, ConsumeType, MessageModel, SQL92};

    fn said(model: MessageModel, wants: Vec<Subscription>) -> Said {
        Said::of(&ConsumerData {
            consume_from_where: ConsumeFrom::FirstOffset,
            consume_type: ConsumeType::Passively,
            group_name: "G".into(),
            message_model: model,
            subscription_data_set: wants,
            unit_mode: false,
        })
    }

    #[test]
    fn the_same_tags_in_another_order_are_no_conflict_and_other_filters_are() {
        let cluster = |wants| said(MessageModel::Clustering, wants);
        let sql = |text| Subscription::of_type("T", text, Some(SQL92), 0);
        let one = cluster(vec![Subscription::tags("T", "a||b", 1), Subscription::tags("%RETRY%G", "*", 1)]);
        let two = cluster(vec![Subscription::tags("T", "b || a", 2)]);
        assert_eq!(among([("one", &one), ("two", &two)].into_iter()), []);
        let three = cluster(vec![sql("a > 1"), Subscription::tags("U", "", 1)]);
        let found = among([("one", &one), ("two", &two), ("three", &three)].into_iter());
        let topics: Vec<_> = found.iter().map(|found| found.topic.as_deref()).collect();
        assert_eq!(topics, [Some("T"), Some("U")]);
        assert_eq!(found[0].sides["tags a || b"], BTreeSet::from(["one".into(), "two".into()]));
        assert_eq!(found[0].sides["SQL92 a > 1"], BTreeSet::from(["three".into()]));
        assert_eq!(found[1].sides["nothing"].len(), 2);
        let every = said(MessageModel::Broadcasting, vec![sql(" a > 1 "), Subscription::tags("U", "*", 1)]);
        let found = among([("three", &three), ("every", &every)].into_iter());
        assert_eq!((found.len(), &found[0].topic), (1, &None));
        assert!(found[0].sides.contains_key("BROADCASTING"));
    }
}
