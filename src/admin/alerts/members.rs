//! Rules over the members of groups: what they want (H12), who they are (H13), and what each gets (H14).

use super::{About, Alert, Evidence, GroupEvidence, IDLE, MemberEvidence, SAME_ID, SUBSCRIPTIONS, mends};
use crate::health::Level;
use std::collections::{BTreeMap, BTreeSet};

/// What members come to.
pub fn judge(evidence: &Evidence) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (broker, why) in &evidence.missing {
        let says =
            format!("cannot be told which groups have trouble: {broker} does not tell of its groups (317): {why}");
        let command = mends::check_brokers();
        alerts.push(Alert::new(Level::Unknown, SUBSCRIPTIONS, About::Brokers(broker.clone()), says, command));
    }
    for group in &evidence.groups {
        let about = || About::Group(group.group.clone());
        match &group.members {
            Err(why) => {
                let says = format!("cannot be told: who is connected (203): {why}");
                alerts.push(Alert::new(Level::Unknown, SUBSCRIPTIONS, about(), says, mends::clients(&group.group)));
            }
            Ok(members) => {
                alerts.extend(subscriptions(group, members));
                alerts.extend(same_id(group, members));
                alerts.extend(idle(evidence, group, members));
            }
        }
    }
    alerts
}

/// Members that want different things.
fn subscriptions(group: &GroupEvidence, members: &[MemberEvidence]) -> Vec<Alert> {
    let alert = |level, says| {
        Alert::new(level, SUBSCRIPTIONS, About::Group(group.group.clone()), says, mends::clients(&group.group))
    };
    let known: Vec<_> = members.iter().filter_map(|member| Some((&*member.id, member.run.as_ref().ok()?))).collect();
    let topics: BTreeSet<&String> = known.iter().flat_map(|(_, run)| run.wants.keys()).collect();
    let mut differs = Vec::new();
    for topic in topics {
        let mut sides: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, run) in &known {
            sides.entry(run.wants.get(topic).map_or("nothing", String::as_str)).or_default().push(id);
        }
        if sides.len() > 1 {
            // What most want first; the others are the odd ones.
            let mut sides: Vec<_> = sides.into_iter().collect();
            sides.sort_by_key(|(_, who)| std::cmp::Reverse(who.len()));
            let each = sides.iter().map(|(wants, who)| format!("{wants} ({})", some_of(who)));
            differs.push(format!("of {topic}: {}", each.collect::<Vec<_>>().join(", but ")));
        }
    }
    if !differs.is_empty() {
        let says =
            format!("its members want different things, so that messages are lost (307): {}", differs.join("; "));
        return vec![alert(Level::Critical, says)];
    }
    let silent = members.iter().find_map(|member| Some((member, member.run.as_ref().err()?)));
    match silent {
        // One member alone agrees with itself.
        Some((member, why)) if members.len() > 1 => {
            let untold = members.len() - known.len();
            let says = format!(
                "cannot be told: {untold} of {} members do not tell what they want (307): {} ({}): {why}",
                members.len(),
                member.id,
                member.language
            );
            vec![alert(Level::Unknown, says)]
        }
        _ => Vec::new(),
    }
}

fn some_of(ids: &[&str]) -> String {
    match ids {
        [one, two, _, rest @ ..] => format!("{one}, {two} and {} more", rest.len() + 1),
        few => few.join(", "),
    }
}

/// One id for several clients: they are given the same queues.
fn same_id(group: &GroupEvidence, members: &[MemberEvidence]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for member in members {
        let mut at: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (broker, addr) in &member.addrs {
            at.entry(broker).or_default().push(addr);
        }
        if let Some((broker, addrs)) = at.into_iter().find(|(_, addrs)| addrs.len() > 1) {
            let says = format!(
                "the id {} comes from {} places to {broker}: {} (203); members with one id get the same queues, others none: \
                 give each an instance name of its own",
                member.id,
                addrs.len(),
                addrs.join(", ")
            );
            let about = About::Group(group.group.clone());
            alerts.push(Alert::new(Level::Critical, SAME_ID, about, says, mends::clients(&group.group)));
        }
    }
    alerts
}

/// More members than queues: some get none.
fn idle(evidence: &Evidence, group: &GroupEvidence, members: &[MemberEvidence]) -> Vec<Alert> {
    if group.broadcasts == Some(true) || members.len() < 2 {
        return Vec::new();
    }
    let topics: BTreeSet<&String> =
        members.iter().filter_map(|member| member.run.as_ref().ok()).flat_map(|run| run.wants.keys()).collect();
    let mut alerts = Vec::new();
    for topic in topics {
        let want = |member: &&MemberEvidence| member.run.as_ref().is_ok_and(|run| run.wants.contains_key(topic));
        let readers = members.iter().filter(want).count();
        // Not all brokers may have told of the topic; then there may be more queues.
        let Ok(tables) = evidence.topics.iter().map(|(_, table)| table.as_ref()).collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        let queues: i32 = tables.iter().filter_map(|table| table.get(topic)).map(|shape| shape.read.max(0)).sum();
        if let Ok(queues @ 1..) = usize::try_from(queues)
            && readers > queues
        {
            let says = format!(
                "{readers} members (203) and {queues} queues of {topic} (21): {} members get nothing",
                readers - queues
            );
            let about = About::Group(group.group.clone());
            alerts.push(Alert::new(Level::Warning, IDLE, about, says, mends::more_queues(topic, readers)));
        }
    }
    alerts
}
