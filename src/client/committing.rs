//! Telling brokers the positions of many queues at once, and yet the first of each topic at each broker alone.
//!
//! A broker of Apache RocketMQ 4.9.8 makes a group's table of a topic when it is told the first position
//! (`ConsumerOffsetManager.commitOffset`); of several that come at the same time only some are in the table that stays.

use crate::{client::Client, error::Error, route::Queue};
use futures_util::future::join_all;
use std::collections::BTreeMap;

impl Client {
    /// Tells each queue's broker the index a group will consume next.
    ///
    /// # Errors
    /// If the master of a queue cannot be asked or refuses; the others are told nevertheless.
    pub async fn commit_all(
        &self,
        group: &str,
        positions: impl IntoIterator<Item = (&Queue, i64)>,
    ) -> Result<(), Error> {
        let told = first_alone(positions, |(queue, _)| queue, |(queue, next)| self.commit(group, queue, next));
        told.await.into_iter().collect()
    }
}

/// Awaits `act` on all items: of those whose queues are of one topic at one broker, on the first alone, then on the others at
/// once.
pub(crate) async fn first_alone<T, F: Future>(
    items: impl IntoIterator<Item = T>,
    queue: impl Fn(&T) -> &Queue,
    act: impl Fn(T) -> F,
) -> Vec<F::Output> {
    let mut places = BTreeMap::<_, Vec<T>>::new();
    for item in items {
        let Queue { topic, broker, .. } = queue(&item).clone();
        places.entry((broker, topic)).or_default().push(item);
    }
    let act = &act;
    let places = places.into_values().map(|items| async move {
        let mut items = items.into_iter();
        let mut outcomes = Vec::new();
        if let Some(first) = items.next() {
            outcomes.push(act(first).await);
        }
        outcomes.extend(join_all(items.map(act)).await);
        outcomes
    });
    join_all(places).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    #[tokio::test]
    async fn the_first_position_of_a_topic_at_a_broker_is_told_alone_and_the_others_at_once() {
        let queues: Vec<Queue> =
            ["a", "b"].iter().flat_map(|broker| (0..4).map(|id| Queue::new("T", *broker, id))).collect();
        // Those that are being told, after each began.
        let (busy, seen) = (Mutex::new(Vec::<Queue>::new()), Mutex::new(Vec::new()));
        let told = first_alone(
            &queues,
            |queue| queue,
            async |queue| {
                busy.lock().push(queue.clone());
                tokio::task::yield_now().await;
                let at_once = busy.lock().iter().filter(|other| other.broker == queue.broker).count();
                seen.lock().push((queue.clone(), at_once));
                tokio::task::yield_now().await;
                busy.lock().retain(|other| other != queue);
                queue.clone()
            },
        );
        let mut told = told.await;
        told.sort();
        assert_eq!(told, queues);
        let mut seen = seen.into_inner();
        seen.sort();
        let at_once: Vec<usize> = seen.into_iter().map(|(_, at_once)| at_once).collect();
        assert_eq!(at_once, [1, 3, 3, 3, 1, 3, 3, 3]);
    }
}
