//! Sharing out a topic's queues among the members of a group. Every member computes the same from the same lists.
//!
//! Source: `AllocateMessageQueueAveragely` of Apache RocketMQ; all members of a group must use the same.

use crate::route::Queue;

/// The queues of `me`: neighbouring ones, as many as the others have or one more. Both lists must be sorted.
/// None if `me` is no member.
pub(crate) fn averagely(queues: &[Queue], members: &[String], me: &str) -> Vec<Queue> {
    let Some(at) = members.iter().position(|member| member == me) else { return Vec::new() };
    let (each, extra) = (queues.len() / members.len(), queues.len() % members.len());
    let start = at * each + at.min(extra);
    let count = each + usize::from(at < extra);
    queues[start..start + count].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(queues: i32, members: &[&str]) -> Vec<Vec<i32>> {
        let queues: Vec<Queue> = (0..queues).map(|id| Queue::new("T", "b", id)).collect();
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        let share = |me: &String| averagely(&queues, &members, me).iter().map(|queue| queue.id).collect();
        members.iter().map(share).collect()
    }

    #[test]
    fn queues_are_shared_out_as_java_does() {
        assert_eq!(shares(8, &["a", "b", "c"]), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
        assert_eq!(shares(4, &["a", "b"]), [[0, 1], [2, 3]]);
        assert_eq!(shares(2, &["a", "b", "c"]), [vec![0], vec![1], vec![]]);
        assert_eq!(shares(0, &["a"]), [vec![0; 0]]);
    }

    #[test]
    fn who_is_no_member_gets_nothing() {
        let queues = [Queue::new("T", "b", 0)];
        assert!(averagely(&queues, &["a".to_owned()], "z").is_empty());
        assert!(averagely(&queues, &[], "z").is_empty());
    }
}
