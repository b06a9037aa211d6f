//! The forms of `rmq message get` and `find`.

use crate::cluster::Cluster;

#[test]
fn messages_are_printed_in_every_form_and_what_is_cut_is_marked() {
    let cluster = Cluster::single();
    let long = format!("first,{}", "x".repeat(100));
    let sent = cluster.rmq(&["produce", "T", "-m", &long, "-k", "k", "-o", "json"]).ok().json_lines();
    let id = sent[0]["id"].as_str().expect("it has an id").to_owned();
    let find = |form: &str| cluster.rmq(&["message", "find", "--topic", "T", "--key", "k", "-o", form]).ok();
    let table = find("table");
    assert!(table.lines()[1].starts_with(&id) && table.lines()[1].ends_with("xxx…"), "{table}");
    assert!(find("wide").lines()[0].contains("MADE BY"));
    assert_eq!(find("name").stdout, format!("{id}\n"));
    assert_eq!(find("raw").stdout, format!("{long}\n"));
    let csv = find("csv");
    assert!(csv.lines()[0].starts_with("id,stored,broker,queue,offset,tag,keys,body,"), "{csv}");
    assert!(csv.lines()[1].contains(&format!(",k,\"{long}\",")), "{csv}");
    assert!(find("yaml").stdout.contains(&format!("body: {long}")));
    let get = |form: &str| cluster.rmq(&["message", "get", "--topic", "T", "--id", &id, "-o", form]).ok();
    assert_eq!(get("name").stdout, format!("{id}\n"));
    assert_eq!(get("json").json()["body"], long.as_str());
    assert!(get("yaml").stdout.starts_with("topic: T\n"));
}
