//! Sharing out a topic's queues for clients that leave that to the broker (400), and whether they are to pop or to
//! pull (401), kept in `config/messageRequestMode.json`.
//!
//! Source: `QueryAssignmentProcessor`, `MessageRequestModeManager` of Apache RocketMQ 5.3.3.

use super::refuse_on_slave;
use crate::{broker::Broker, refusal::Refusal};
use base::durable::DurableFile;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{request, response},
    heartbeat::MessageModel,
    loose_json,
    pop::assignment::{AssignedQueue, Assignment, Assignments, QueryAssignment, RequestMode, SetRequestMode},
    route::TopicRoute,
    topic::{NamedTopic, RETRY_PREFIX, TopicConfig, perm},
};
use remoting::{Answers, Receipt};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io, sync::Arc};

/// Most queues of a broker that are believed.
const MAX_QUEUES: i32 = 65_535;

/// How groups ask for messages.
pub struct Modes {
    table: Mutex<Table>,
    file: DurableFile,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Table {
    /// Topic → group → how.
    message_request_mode_map: BTreeMap<String, BTreeMap<String, SetRequestMode>>,
}

impl Modes {
    /// Reads the table from `file`.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile) -> io::Result<Self> {
        let saved = file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?;
        Ok(Self { table: Mutex::new(saved.unwrap_or_default()), file })
    }

    /// How a group asks for a topic's messages, and with how many others a client shares its queues.
    fn of(&self, topic: &str, group: &str) -> (RequestMode, i32) {
        let table = self.table.lock();
        let set = table.message_request_mode_map.get(topic).and_then(|groups| groups.get(group));
        set.map_or((RequestMode::Pull, -1), |set| (set.mode, set.pop_share_queue_num))
    }

    /// The table as JSON, for slaves.
    pub fn told(&self) -> String {
        serde_json::to_string(&*self.table.lock()).unwrap_or_default()
    }

    /// Takes over the table that this slave's master [told](Self::told).
    ///
    /// # Errors
    /// If it is no such table, or cannot be written.
    pub fn copy(&self, told: &str) -> io::Result<()> {
        let masters: Table = loose_json::from_slice(told.as_bytes())?;
        self.file.write(&serde_json::to_vec_pretty(&masters)?)?;
        *self.table.lock() = masters;
        Ok(())
    }

    fn set(&self, set: SetRequestMode) -> io::Result<()> {
        let mut table = self.table.lock();
        let mut new = table.clone();
        new.message_request_mode_map.entry(set.topic.clone()).or_default().insert(set.consumer_group.clone(), set);
        self.file.write(&serde_json::to_vec_pretty(&new).map_err(io::Error::other)?)?;
        *table = new;
        Ok(())
    }
}

/// Says how a group asks for a topic's messages.
pub fn set_request_mode(broker: &Broker, request: &Command) -> Result<Command, Refusal> {
    refuse_on_slave(broker)?;
    let set: SetRequestMode = request.json()?;
    if set.topic.starts_with(RETRY_PREFIX) {
        return Err(Refusal::forbidden("retry topics are always pulled"));
    }
    broker.topics().require(&set.topic)?;
    if broker.groups().find(&set.consumer_group).is_none() {
        let remark = format!("subscription group [{}] does not exist", set.consumer_group);
        return Err(Refusal::new(response::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    }
    let written = broker.modes().set(set);
    written.map_err(|error| Refusal::new(response::SYSTEM_ERROR, format!("cannot save it: {error}")))?;
    Ok(Command::success())
}

/// Tells a client its queues.
pub fn query_assignment(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let asked: QueryAssignment = match request.json() {
        Ok(asked) => asked,
        Err(error) => return answers.now(receipt, Refusal::from(error).answer()),
    };
    let broker = broker.clone();
    answers.later(receipt, async move {
        let queues = queues(&broker, &asked.topic).await;
        Some(
            Command::success().with_json(&Assignments { message_queue_assignments: assigned(&broker, &asked, queues) }),
        )
    });
}

/// The topic's queues on all brokers, in order; none are known if no name server tells.
async fn queues(broker: &Broker, topic: &str) -> Option<Vec<AssignedQueue>> {
    let queue = |broker_name: &str, queue_id| AssignedQueue {
        topic: topic.to_owned(),
        broker_name: broker_name.to_owned(),
        queue_id,
    };
    let mut all: Vec<AssignedQueue> = if broker.announcer().is_alone() {
        let TopicConfig { read_queue_nums, perm, .. } = *broker.topics().find(topic)?;
        let readable = perm & perm::READ != 0;
        (0..read_queue_nums).filter(|_| readable).map(|id| queue(&broker.config().broker_name, id)).collect()
    } else {
        let named = NamedTopic { topic: topic.to_owned(), cluster_name: None };
        let asked = Command::request(request::GET_ROUTEINFO_BY_TOPIC).with_header(&named);
        let route: TopicRoute = broker.announcer().ask(asked).await?.json().ok()?;
        let readable = route.queue_datas.iter().filter(|data| data.perm & perm::READ != 0);
        let queue = &queue;
        readable
            .flat_map(|data| (0..data.read_queue_nums.min(MAX_QUEUES)).map(move |id| queue(&data.broker_name, id)))
            .collect()
    };
    all.sort_unstable();
    Some(all)
}

fn assigned(broker: &Broker, asked: &QueryAssignment, queues: Option<Vec<AssignedQueue>>) -> Option<Vec<Assignment>> {
    let queues = queues?;
    let (mode, share) = match asked.topic.starts_with(RETRY_PREFIX) {
        true => (RequestMode::Pull, -1),
        false => broker.modes().of(&asked.topic, &asked.consumer_group),
    };
    let mine = match asked.message_model {
        MessageModel::Broadcasting => queues,
        MessageModel::Clustering => {
            let mut clients = broker.clients().ids(&asked.consumer_group)?;
            clients.sort_unstable();
            clients.dedup();
            let circle = match asked.strategy_name.as_deref() {
                None | Some("AVG") => false,
                Some("AVG_BY_CIRCLE") => true,
                Some(_) => return None,
            };
            share_out(&queues, &clients, &asked.client_id, circle, mode, share)
        }
    };
    Some(mine.into_iter().map(|message_queue| Assignment { message_queue, mode }).collect())
}

/// The queues of the client `me`. Whoever pops shares its queues with the `share` clients that follow it, or with all.
fn share_out(
    queues: &[AssignedQueue],
    clients: &[String],
    me: &str,
    circle: bool,
    mode: RequestMode,
    share: i32,
) -> Vec<AssignedQueue> {
    let place = clients.iter().position(|client| client == me);
    if mode == RequestMode::Pull {
        return place.map_or_else(Vec::new, |place| part(queues, clients.len(), place, circle));
    }
    let with_all = usize::try_from(share).ok().filter(|share| *share > 0 && share + 1 < clients.len());
    let Some(share) = with_all else {
        let mut brokers: Vec<AssignedQueue> =
            queues.iter().map(|one| AssignedQueue { queue_id: -1, ..one.clone() }).collect();
        brokers.dedup();
        return brokers;
    };
    let Some(place) = place.filter(|_| !queues.is_empty()) else { return Vec::new() };
    if clients.len() > queues.len() {
        return vec![queues[place % queues.len()].clone()];
    }
    (0..=share).flat_map(|next| part(queues, clients.len(), (place + next) % clients.len(), circle)).collect()
}

/// The part of the client at `place` among `clients`: neighbours, or each so many-th.
fn part(queues: &[AssignedQueue], clients: usize, place: usize, circle: bool) -> Vec<AssignedQueue> {
    if circle {
        return queues.iter().skip(place).step_by(clients.max(1)).cloned().collect();
    }
    let (each, over) = (queues.len() / clients.max(1), queues.len() % clients.max(1));
    let begin = place * each + place.min(over);
    queues.iter().skip(begin).take(each + usize::from(place < over)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(queues: i32, clients: usize, circle: bool, mode: RequestMode, share: i32) -> Vec<Vec<i32>> {
        let queue = |queue_id| AssignedQueue { topic: "T".into(), broker_name: "b".into(), queue_id };
        let queues: Vec<_> = (0..queues).map(queue).collect();
        let clients: Vec<_> = (0..clients).map(|at| format!("c{at}")).collect();
        let ids = |queues: Vec<AssignedQueue>| queues.into_iter().map(|queue| queue.queue_id).collect();
        clients.iter().map(|me| ids(share_out(&queues, &clients, me, circle, mode, share))).collect()
    }

    #[test]
    fn pulled_queues_have_one_reader_each() {
        assert_eq!(shared(5, 2, false, RequestMode::Pull, -1), [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(shared(5, 2, true, RequestMode::Pull, -1), [vec![0, 2, 4], vec![1, 3]]);
        assert_eq!(shared(1, 2, false, RequestMode::Pull, -1), [vec![0], vec![]]);
    }

    #[test]
    fn popped_queues_are_shared_with_all_or_with_those_who_follow() {
        assert_eq!(shared(4, 2, false, RequestMode::Pop, -1), [vec![-1], vec![-1]]);
        assert_eq!(shared(3, 3, false, RequestMode::Pop, 1), [vec![0, 1], vec![1, 2], vec![2, 0]]);
        assert_eq!(shared(2, 4, false, RequestMode::Pop, 1), [vec![0], vec![1], vec![0], vec![1]]);
    }
}
