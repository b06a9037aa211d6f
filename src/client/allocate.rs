//! Sharing out a topic's queues among the members of a group. Every member computes the same from the same lists.
//!
//! Source: `AllocateMessageQueueStrategy` of Apache RocketMQ and what implements it there, so that members that run
//! Apache's clients agree with those that run this one. All members of a group must share out alike.

mod consistent_hash;

use crate::{error::Error, route::Queue};
use protocol::topic::RETRY_PREFIX;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// How queues are shared out. Queues and members are taken in their order: queues by topic, broker and number, members by
/// their client ids.
#[derive(Clone, Debug, Default)]
pub enum Allocation {
    /// Neighbouring queues to one member, as many as the others have or one more.
    #[default]
    Averagely,
    /// One queue to each in turn.
    Circle,
    /// By a ring of hashes, so that few queues change hands when a member comes or goes.
    ConsistentHash {
        /// Places of each member on the ring. Apache's clients take 10.
        places: usize,
    },
    /// Only queues of brokers named `ROOM@…` with one of these rooms.
    MachineRoom(BTreeSet<String>),
    /// The queues of a machine room to the members in it; those of rooms without members to all.
    Nearby {
        /// How they are shared out among those.
        within: Box<Allocation>,
        /// Who is where.
        rooms: Rooms,
    },
    /// These queues to this member, whatever others do. A retry topic that is not among them is shared averagely.
    Config(Vec<Queue>),
}

type Where<T> = Arc<dyn Fn(&T) -> Option<String> + Send + Sync>;

/// Which machine room a queue's broker and a member are in.
#[derive(Clone)]
pub struct Rooms {
    of_queue: Where<Queue>,
    of_member: Where<str>,
}

impl Rooms {
    /// By a queue, and by a member's client id; `None` if that is not known, and nothing is shared out anew.
    pub fn new(
        of_queue: impl Fn(&Queue) -> Option<String> + Send + Sync + 'static,
        of_member: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { of_queue: Arc::new(of_queue), of_member: Arc::new(of_member) }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rooms")
    }
}

impl Allocation {
    /// The queues of `me` of a topic. Both lists must be sorted. None if `me` is no member.
    ///
    /// # Errors
    /// [`Error::Allocation`] if the machine room of a queue or a member is not known.
    pub(crate) fn share(
        &self,
        topic: &str,
        queues: &[Queue],
        members: &[String],
        me: &str,
    ) -> Result<Vec<Queue>, Error> {
        let Some(at) = members.iter().position(|member| member == me) else { return Ok(Vec::new()) };
        Ok(match self {
            Self::Averagely => averagely(queues, members.len(), at),
            Self::Circle => queues.iter().skip(at).step_by(members.len()).cloned().collect(),
            Self::ConsistentHash { places } => consistent_hash::share(queues, members, me, *places),
            Self::MachineRoom(rooms) => {
                let is_in = |queue: &&Queue| match queue.broker.split('@').collect::<Vec<_>>()[..] {
                    [room, name] => !name.is_empty() && rooms.contains(room),
                    _ => false,
                };
                let queues: Vec<Queue> = queues.iter().filter(is_in).cloned().collect();
                by_room(&queues, members.len(), at)
            }
            Self::Nearby { within, rooms } => nearby(within, rooms, topic, queues, members, me)?,
            Self::Config(mine) => {
                let listed: Vec<Queue> = queues.iter().filter(|queue| mine.contains(queue)).cloned().collect();
                match topic.starts_with(RETRY_PREFIX) && listed.is_empty() {
                    true => averagely(queues, members.len(), at),
                    false => listed,
                }
            }
        })
    }
}

fn averagely(queues: &[Queue], members: usize, at: usize) -> Vec<Queue> {
    let (each, extra) = (queues.len() / members, queues.len() % members);
    let start = at * each + at.min(extra);
    let count = each + usize::from(at < extra);
    queues[start..start + count].to_vec()
}

/// As many to each, and one of the rest at the end to each of the first.
fn by_room(queues: &[Queue], members: usize, at: usize) -> Vec<Queue> {
    let (each, extra) = (queues.len() / members, queues.len() % members);
    let mut mine = queues[at * each..(at + 1) * each].to_vec();
    if at < extra {
        mine.push(queues[at + each * members].clone());
    }
    mine
}

fn nearby(
    within: &Allocation,
    rooms: &Rooms,
    topic: &str,
    queues: &[Queue],
    members: &[String],
    me: &str,
) -> Result<Vec<Queue>, Error> {
    let known = |room: Option<String>, whose: &dyn fmt::Display| {
        let unknown = || Error::Allocation(format!("the machine room of {whose} is not known"));
        room.filter(|room| !room.is_empty()).ok_or_else(unknown)
    };
    let mut queues_in: BTreeMap<String, Vec<Queue>> = BTreeMap::new();
    for queue in queues {
        queues_in.entry(known((rooms.of_queue)(queue), queue)?).or_default().push(queue.clone());
    }
    let mut members_in: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for member in members {
        members_in.entry(known((rooms.of_member)(member), member)?).or_default().push(member.clone());
    }
    let here = known((rooms.of_member)(me), &me)?;
    let mut mine = Vec::new();
    if let (Some(queues), Some(members)) = (queues_in.remove(&here), members_in.get(&here)) {
        mine.extend(within.share(topic, &queues, members, me)?);
    }
    for (_, queues) in queues_in.iter().filter(|(room, _)| !members_in.contains_key(*room)) {
        mine.extend(within.share(topic, queues, members, me)?);
    }
    Ok(mine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(queues: &[Queue]) -> Vec<String> {
        queues.iter().map(|queue| format!("{}{}", queue.broker, queue.id)).collect()
    }

    fn queues(brokers: &[&str], each: i32) -> Vec<Queue> {
        brokers.iter().flat_map(|broker| (0..each).map(move |id| Queue::new("T", *broker, id))).collect()
    }

    fn shares(allocation: &Allocation, queues: &[Queue], members: &[&str]) -> Vec<String> {
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        let share = |me: &String| ids(&allocation.share("T", queues, &members, me).unwrap()).join(" ");
        members.iter().map(share).collect()
    }

    #[test]
    fn averagely_gives_neighbours() {
        let averagely = |count, members| shares(&Allocation::Averagely, &queues(&["b"], count), members);
        assert_eq!(averagely(8, &["a", "b", "c"]), ["b0 b1 b2", "b3 b4 b5", "b6 b7"]);
        assert_eq!(averagely(4, &["a", "b"]), ["b0 b1", "b2 b3"]);
        assert_eq!(averagely(2, &["a", "b", "c"]), ["b0", "b1", ""]);
        assert_eq!(averagely(0, &["a"]), [""]);
    }

    #[test]
    fn in_a_circle_each_gets_one_in_turn() {
        let circle = |count, members| shares(&Allocation::Circle, &queues(&["b"], count), members);
        assert_eq!(circle(8, &["a", "b", "c"]), ["b0 b3 b6", "b1 b4 b7", "b2 b5"]);
        assert_eq!(circle(1, &["a", "b"]), ["b0", ""]);
    }

    #[test]
    fn a_machine_room_counts_only_its_brokers() {
        let allocation = Allocation::MachineRoom(["r1".to_owned(), "r2".to_owned()].into());
        let queues = queues(&["r1@x", "r2@y", "r3@z", "plain", "r1@x@y", "r1@"], 4);
        let expected = ["r1@x0 r1@x1 r2@y2", "r1@x2 r1@x3 r2@y3", "r2@y0 r2@y1"];
        assert_eq!(shares(&allocation, &queues, &["a", "b", "c"]), expected);
    }

    #[test]
    fn the_queues_of_a_room_go_to_who_is_in_it_and_those_of_an_empty_room_to_all() {
        let room = |name: &str| name.split_once('-').map(|(room, _)| room.to_owned());
        let rooms = Rooms::new(move |queue: &Queue| room(&queue.broker), move |member: &str| room(member));
        let allocation = Allocation::Nearby { within: Box::default(), rooms };
        let queues = queues(&["r1-a", "r2-a", "r3-a"], 3);
        let expected = ["r1-a0 r1-a1 r3-a0", "r1-a2 r3-a1", "r2-a0 r2-a1 r2-a2 r3-a2"];
        assert_eq!(shares(&allocation, &queues, &["r1-x", "r1-y", "r2-x"]), expected);
        let error = allocation.share("T", &queues, &["nowhere".to_owned()], "nowhere").unwrap_err().to_string();
        assert!(error.contains("machine room of nowhere"), "{error}");
    }

    #[test]
    fn what_is_configured_is_read_and_the_retry_topic_is_shared_all_the_same() {
        let allocation = Allocation::Config(vec![Queue::new("T", "b", 2), Queue::new("T", "gone", 0)]);
        assert_eq!(shares(&allocation, &queues(&["b"], 4), &["a"]), ["b2"]);
        let retry = [Queue::new("%RETRY%G", "b", 0)];
        assert_eq!(allocation.share("%RETRY%G", &retry, &["a".to_owned()], "a").unwrap(), retry);
    }

    #[test]
    fn who_is_no_member_gets_nothing() {
        let queues = queues(&["b"], 1);
        for members in [&["a".to_owned()][..], &[]] {
            assert!(Allocation::Circle.share("T", &queues, members, "z").unwrap().is_empty());
        }
    }
}
