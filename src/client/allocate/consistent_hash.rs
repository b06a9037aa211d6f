//! A ring of hashes on which every member has several places: when one comes or goes, few queues change hands.
//!
//! Source: `AllocateMessageQueueConsistentHash`, `ConsistentHashRouter` of Apache RocketMQ: a member's places are the
//! hashes of `CLIENT-ID-0`, `CLIENT-ID-1`, …; a queue is its whose place comes next. A hash is the first four bytes of
//! an MD5, most significant first.

use crate::route::Queue;
use md5::{Digest, Md5};
use std::collections::BTreeMap;

/// The queues of `me`, if every member has `places` places.
pub(super) fn share(queues: &[Queue], members: &[String], me: &str, places: usize) -> Vec<Queue> {
    let of_member = |member| (0..places).map(move |place| (hash(&format!("{member}-{place}")), member));
    let ring: BTreeMap<u32, &String> = members.iter().flat_map(of_member).collect();
    let is_mine = |queue: &&Queue| {
        // As Java's `MessageQueue.toString` writes it.
        let Queue { topic, broker, id } = queue;
        let at = hash(&format!("MessageQueue [topic={topic}, brokerName={broker}, queueId={id}]"));
        ring.range(at..).next().or_else(|| ring.first_key_value()).is_some_and(|(_, owner)| *owner == me)
    };
    queues.iter().filter(is_mine).cloned().collect()
}

fn hash(key: &str) -> u32 {
    let digest = Md5::digest(key.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_apaches() {
        let queues: Vec<Queue> = (0..8).map(|id| Queue::new("TopicTest", "broker-a", id)).collect();
        let members = ["10.0.0.1@1", "10.0.0.2@2", "10.0.0.3@3"].map(str::to_owned);
        let share = |me: &str| share(&queues, &members, me, 10).iter().map(|queue| queue.id).collect::<Vec<_>>();
        let shares = [share(&members[0]), share(&members[1]), share(&members[2])];
        // Computed with another MD5 by the algorithm that the source names.
        assert_eq!(shares, [vec![1, 2, 4, 5, 7], vec![], vec![0, 3, 6]]);
        assert_eq!(hash("10.0.0.1@1-0"), 0xb2b6568d);
    }
}
