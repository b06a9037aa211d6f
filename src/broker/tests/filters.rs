//! Filters over properties (SQL92), asked for over a real socket: what a reader gets, what it waits for, and what is refused.

mod asked;
mod reader;

use protocol::{
    Command,
    code::{request, response},
    heartbeat::{CheckClient, MessageModel::Clustering, Subscription},
    pull::Pull,
};
use reader::{Reader, bodies, from, heartbeat, next, pull_request, sql, waiting, wanting};

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_with_an_expression_gets_what_it_describes_and_goes_on_behind_the_rest() {
    let reader = Reader::start(|_| {}).await;
    for at in 0..10 {
        reader.send("T", &format!("m{at}"), &format!("a={at} TAGS=Tag{}", at % 2)).await;
    }
    for (expression, wanted) in [
        ("a IS NOT NULL AND a >= 8", ["m8", "m9"]),
        ("a BETWEEN 5 AND 8 AND TAGS = 'Tag1'", ["m5", "m7"]),
        ("a > 8.5 OR TAGS IN ('Tag0') AND a < 1", ["m0", "m9"]),
    ] {
        let answer = reader.pull(&wanting(from("T", 0), "SQL92", expression)).await;
        assert_eq!(
            (answer.code, bodies(&answer)),
            (response::SUCCESS, wanted.map(str::to_owned).to_vec()),
            "{expression}"
        );
        assert_eq!(next(&answer), 10);
    }
    let nothing = reader.pull(&wanting(from("T", 0), "SQL92", "b = 1")).await;
    assert_eq!(
        (nothing.code, nothing.remark.as_deref()),
        (response::PULL_RETRY_IMMEDIATELY, Some("NO_MATCHED_MESSAGE"))
    );
    assert_eq!(next(&nothing), 10);
    let tags = reader.pull(&wanting(from("T", 8), "TAG", "Tag1")).await;
    assert_eq!(bodies(&tags), ["m9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_without_one_goes_by_the_groups_heartbeat_and_retries_are_not_filtered_again() {
    let reader = Reader::start(|_| {}).await;
    reader.send("T", "small", "a=1").await;
    reader.send("T", "large", "a=9").await;
    let wants = |expression, version| vec![sql("T", expression, version), Subscription::tags("%RETRY%G", "*", version)];
    reader.ask(heartbeat("c", Clustering, wants("a > 5", 1))).await;
    assert_eq!(bodies(&reader.pull(&from("T", 0)).await), ["large"]);
    // Sent back before the group wanted something else.
    reader.send("%RETRY%G", "again", "a=1").await;
    assert_eq!(bodies(&reader.pull(&from("%RETRY%G", 0)).await), ["again"]);
    let early = reader.pull(&Pull { sub_version: 2, ..from("T", 0) }).await;
    assert_eq!(early.code, response::SUBSCRIPTION_NOT_LATEST);
    reader.ask(heartbeat("c", Clustering, wants("a < 5", 2))).await;
    assert_eq!(bodies(&reader.pull(&Pull { sub_version: 2, ..from("T", 0) }).await), ["small"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_waits_until_its_expression_is_met() {
    let reader = Reader::start(|_| {}).await;
    reader.send("T", "first", "a=0").await;
    let pull = waiting(wanting(from("T", 1), "SQL92", "a > 5"));
    let waiting = reader.pull(&pull);
    tokio::pin!(waiting);
    for pairs in ["a=1", "", "a=word", "b=9"] {
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("answered without a wanted message"),
            () = reader.send("T", "unwanted", pairs) => {}
        }
    }
    let (answer, ()) = tokio::join!(waiting, reader.send("T", "wanted", "a=6"));
    assert_eq!((bodies(&answer), next(&answer)), (vec!["wanted".to_owned()], 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_expression_is_refused_with_its_place_and_what_is_wrong() {
    let reader = Reader::start(|_| {}).await;
    reader.send("T", "x", "a=1").await;
    let check = |said: Subscription| {
        let body = CheckClient { client_id: "c".into(), group: "G".into(), subscription_data: said };
        Command::request(request::CHECK_CLIENT_CONFIG).with_json(&body)
    };
    assert_eq!(reader.ask(check(sql("T", "a > 1", 1))).await.code, response::SUCCESS);
    assert_eq!(reader.ask(check(Subscription::tags("T", "a > 1", 1))).await.code, response::SUCCESS);
    // Apache RocketMQ accepts the heartbeat, too.
    assert_eq!(reader.ask(heartbeat("c", Clustering, vec![sql("T", "a > ", 1)])).await.code, response::SUCCESS);
    let too_deep = format!("{}a = 1{}", "(".repeat(10_000), ")".repeat(10_000));
    let (parse, filter) = (response::SUBSCRIPTION_PARSE_FAILED, response::FILTER_DATA_NOT_EXIST);
    for (request, code, reason) in [
        (check(sql("T", "a > 'x'", 1)), parse, "column 5: a text is not less or more"),
        (check(sql("T", "", 1)), parse, "column 1: the expression is empty"),
        (check(Subscription::of_type("T", "a > 1", Some("XPATH"), 1)), parse, "XPATH is no type of expression"),
        (pull_request(&from("T", 0)), filter, "column 5: expected a property"),
        (pull_request(&wanting(from("T", 0), "SQL92", "a != 1")), parse, "column 3: != means nothing here"),
        (pull_request(&wanting(from("T", 0), "SQL92", &too_deep)), parse, "nested more than 100 deep"),
        (pull_request(&wanting(from("T", 0), "XPATH", "a")), parse, "XPATH"),
    ] {
        let answer = reader.ask(request).await;
        let remark = answer.remark.unwrap_or_default();
        assert_eq!(answer.code, code, "{remark}");
        assert!(remark.contains(reason), "{remark}");
    }
    reader.ask(heartbeat("c", Clustering, vec![sql("T", "a > 0", 2)])).await;
    assert_eq!(bodies(&reader.pull(&from("T", 0)).await), ["x"], "and is well once it is mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_property_filters_they_are_refused_in_apaches_words() {
    let reader = Reader::start(|config| config.enable_property_filter = false).await;
    reader.send("T", "x", "a=1").await;
    reader.ask(heartbeat("c", Clustering, vec![sql("T", "a = 1", 1)])).await;
    let check = CheckClient { client_id: "c".into(), group: "G".into(), subscription_data: sql("T", "a = 1", 1) };
    let check = Command::request(request::CHECK_CLIENT_CONFIG).with_json(&check);
    let by_request = pull_request(&wanting(from("T", 0), "SQL92", "a = 1"));
    for request in [check, by_request, pull_request(&from("T", 0))] {
        let answer = reader.ask(request).await;
        assert_eq!(answer.code, response::SYSTEM_ERROR);
        let words = "The broker does not support consumer to filter message by SQL92";
        assert!(answer.remark.is_some_and(|remark| remark.starts_with(words)));
    }
    assert_eq!(bodies(&reader.pull(&wanting(from("T", 0), "TAG", "*")).await), ["x"]);
    reader.set("enablePropertyFilter=true").await;
    assert_eq!(bodies(&reader.pull(&from("T", 0)).await), ["x"]);
}
