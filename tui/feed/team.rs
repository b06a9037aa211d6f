//! Who holds which queues of a group, and what each member wants: by the word of its members (307), each of whom is asked
//! at most every five seconds. One that does not answer is not waited for: what it said before counts until its
//! question has timed out.

use admin::{
    Admin, Snapshot, Where,
    alerts::{MemberRun, run_of},
    snapshot::{Known, Unknown},
};
use base::Clock;
use protocol::{connections::ConsumerConnections, heartbeat::MessageModel, lock::QueueName};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

/// How long a member is not asked again, ms.
const REST_MS: i64 = 5000;
/// What was said so long ago is forgotten, ms.
const KEPT_MS: i64 = 60_000;
/// How long answers are waited for; they count when they come later.
const PATIENCE: Duration = Duration::from_millis(400);
/// Most members that are asked for one screen.
pub(super) const MOST: usize = 50;

/// The members of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Team {
    /// Whether every member gets every message: then no queue has an owner.
    pub broadcasts: bool,
    /// Who holds which queue: client ids.
    #[serde(with = "crate::pairs")]
    pub owners: BTreeMap<QueueName, String>,
    /// What each member that was asked wants, by topic, or why it did not tell.
    pub wants: BTreeMap<String, Known<BTreeMap<String, String>>>,
    /// Whether a queue that is not among the owners' surely has none, or why that is not known.
    pub others: Known<()>,
    /// How many members were not asked.
    pub not_asked: usize,
}

impl Default for Team {
    /// Nobody.
    fn default() -> Self {
        Self { broadcasts: false, owners: BTreeMap::new(), wants: BTreeMap::new(), others: Ok(()), not_asked: 0 }
    }
}

impl Team {
    /// Who holds a queue; `None` if surely nobody does.
    pub fn owner(&self, queue: &QueueName) -> Known<Option<&str>> {
        if self.broadcasts {
            return Err(Unknown::because("it has no owner: every member of this group reads every queue"));
        }
        match self.owners.get(queue) {
            Some(owner) => Ok(Some(owner)),
            None => self.others.clone().map(|()| None),
        }
    }

    fn of(broadcasts: bool, runs: BTreeMap<String, Known<MemberRun>>, not_asked: usize) -> Self {
        let mut team = Self { broadcasts, not_asked, ..Self::default() };
        if not_asked > 0 {
            team.others = Err(Unknown::because(format!("{not_asked} members were not asked: {MOST} at most are")));
        }
        for (id, run) in runs {
            match run {
                Ok(run) => {
                    team.owners.extend(run.holds.into_iter().map(|queue| (queue, id.clone())));
                    team.wants.insert(id, Ok(run.wants));
                }
                Err(why) => {
                    team.others = Err(Unknown::because(format!("{id} does not tell what it holds (307): {why}")));
                    team.wants.insert(id, Err(why));
                }
            }
        }
        team
    }
}

/// A member: its id, and the address of a broker that it is connected to.
pub(super) type Reached = BTreeMap<String, String>;

struct Said {
    asked_ms: i64,
    run: Known<MemberRun>,
}

#[derive(Default)]
struct Kept {
    /// By group and id.
    runs: BTreeMap<(String, String), Said>,
    /// Who is in a group, when that was asked.
    teams: BTreeMap<String, (i64, bool, Reached)>,
    /// How far groups are behind, by the last picture with groups.
    lags: BTreeMap<String, i64>,
}

/// What members said.
#[derive(Clone, Default)]
pub(super) struct Teams(Arc<Mutex<Kept>>);

impl Teams {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far groups are behind is wanted later.
    pub(super) fn note_lags(&self, snapshot: &Snapshot) {
        let mut lags: BTreeMap<String, i64> = BTreeMap::new();
        for (group, view) in snapshot.masters().filter_map(|view| view.groups.as_ref().ok()).flatten() {
            *lags.entry(group.clone()).or_default() += view.topics.values().map(|topic| topic.lag).sum::<i64>();
        }
        self.kept().lags = lags;
    }

    /// The groups that are most behind first.
    pub(super) fn worst_first(&self, groups: &mut [String]) {
        let kept = self.kept();
        groups.sort_by_key(|group| (std::cmp::Reverse(kept.lags.get(group).copied().unwrap_or(0)), group.clone()));
    }

    /// How the members of a group run; `most` of them are asked, and are taken off it.
    pub(super) async fn team(
        &self,
        admin: &Admin,
        clock: &Clock,
        group: &str,
        broadcasts: bool,
        members: Reached,
        most: &mut usize,
    ) -> Team {
        if broadcasts || members.is_empty() {
            return Team { broadcasts, ..Team::default() };
        }
        let now_ms = clock.now_ms();
        let not_asked = members.len().saturating_sub(*most);
        let asked: Vec<_> = members.into_iter().take(*most).collect();
        *most -= asked.len();
        let mut questions = JoinSet::new();
        {
            let mut kept = self.kept();
            kept.runs.retain(|_, said| (0..KEPT_MS).contains(&(now_ms - said.asked_ms)));
            for (id, addr) in &asked {
                let key = (group.to_owned(), id.clone());
                let none = || Said { asked_ms: i64::MIN, run: Err(Unknown::because("it has not answered yet")) };
                let said = kept.runs.entry(key.clone()).or_insert_with(none);
                if said.asked_ms == i64::MIN || now_ms - said.asked_ms >= REST_MS {
                    said.asked_ms = now_ms;
                    let (admin, addr, teams) = (admin.clone(), addr.clone(), self.clone());
                    questions.spawn(async move {
                        let run = admin.running_info(&addr, &key.0, &key.1).await;
                        let run = run.map(|info| run_of(&info)).map_err(|error| Unknown::from(&error));
                        if let Some(said) = teams.kept().runs.get_mut(&key) {
                            said.run = run;
                        }
                    });
                }
            }
        }
        // What comes later counts the next time.
        if timeout(PATIENCE, async { while questions.join_next().await.is_some() {} }).await.is_err() {
            questions.detach_all();
        }
        let kept = self.kept();
        let run = |id: &String| kept.runs.get(&(group.to_owned(), id.clone())).map(|said| said.run.clone());
        let runs = asked.iter().filter_map(|(id, _)| Some((id.clone(), run(id)?))).collect();
        Team::of(false, runs, not_asked)
    }

    /// As [`Self::team`]; who is in the group is asked at most every five seconds, too.
    pub(super) async fn team_of(&self, admin: &Admin, clock: &Clock, group: &str, most: &mut usize) -> Team {
        let now_ms = clock.now_ms();
        let fresh = |kept: &Kept| {
            let (at_ms, broadcasts, members) = kept.teams.get(group)?;
            (0..REST_MS).contains(&(now_ms - at_ms)).then(|| (*broadcasts, members.clone()))
        };
        let known = fresh(&self.kept());
        let (broadcasts, members) = match known {
            Some(known) => known,
            None => {
                let answers = match admin.consumers(group, &Where::Everywhere).await {
                    Ok(answers) => answers,
                    Err(error) => return Team { others: Err(Unknown::from(&error)), ..Team::default() },
                };
                let (mut broadcasts, mut members) = (false, Reached::new());
                for outcome in answers.0 {
                    match outcome.result {
                        Ok(Some(connected)) => broadcasts |= reach(&connected, &outcome.broker.addr, &mut members),
                        Ok(None) => {}
                        Err(error) => {
                            let why = format!("{}: {error}", outcome.broker.name);
                            return Team { others: Err(Unknown::because(why)), ..Team::default() };
                        }
                    }
                }
                self.kept().teams.insert(group.to_owned(), (now_ms, broadcasts, members.clone()));
                (broadcasts, members)
            }
        };
        self.team(admin, clock, group, broadcasts, members, most).await
    }
}

/// Notes by which broker members can be asked; gives whether the group broadcasts.
pub(super) fn reach(connected: &ConsumerConnections, addr: &str, members: &mut Reached) -> bool {
    for one in &connected.connection_set {
        members.entry(one.client_id.clone()).or_insert_with(|| addr.to_owned());
    }
    connected.message_model == MessageModel::Broadcasting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(queue_id: i32) -> QueueName {
        QueueName { broker_name: "b".into(), queue_id, topic: "T".into() }
    }

    fn run(holds: &[i32]) -> Known<MemberRun> {
        Ok(MemberRun { holds: holds.iter().map(|id| queue(*id)).collect(), ..MemberRun::default() })
    }

    #[test]
    fn a_queue_has_no_owner_only_if_every_member_says_so() {
        let all = Team::of(false, [("x".to_owned(), run(&[0])), ("y".to_owned(), run(&[1]))].into(), 0);
        assert_eq!((all.owner(&queue(1)), all.owner(&queue(2))), (Ok(Some("y")), Ok(None)));
        let silent = Err(Unknown::because("no answer"));
        let some = Team::of(false, [("x".to_owned(), run(&[0])), ("y".to_owned(), silent)].into(), 0);
        assert_eq!(some.owner(&queue(0)), Ok(Some("x")));
        assert!(some.owner(&queue(1)).is_err_and(|why| why.to_string().starts_with("y does not tell")));
        let more = Team::of(false, [("x".to_owned(), run(&[0]))].into(), 3);
        assert!(more.owner(&queue(1)).is_err_and(|why| why.to_string().starts_with("3 members were not asked")));
        let everybody = Team { broadcasts: true, ..Team::default() };
        assert!(everybody.owner(&queue(0)).is_err());
    }
}
