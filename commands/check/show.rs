//! A verdict on the screen: a table, JSON, or the one line that Nagios reads.
//!
//! Nagios: `LEVEL - text | 'label'=value[unit];[warning];[critical]`, where a value that is not known is `U`.
//! Source: Nagios Plugin Development Guidelines.

use crate::answer::{Answer, Column, column, wide};
use admin::health::{Finding, Health, Level, Measure};
use serde_json::json;

/// Troubles told in one line; the rest are counted.
const TOLD: usize = 3;

const FINDINGS: &[Column] =
    &[column("STATE", "level"), column("CODE", "code"), column("WHAT", "what"), column("FOUND", "found")];

const MEASURES: &[Column] = &[
    wide("FIGURE", "name"),
    wide("VALUE", "value"),
    wide("UNIT", "unit"),
    wide("WARNING AT", "warning"),
    wide("CRITICAL AT", "critical"),
];

/// Findings, one a line, and figures.
pub fn answer(check: &str, health: &Health) -> Answer {
    let findings = health.findings.iter().map(|finding| {
        let Finding { level, code, about, says } = finding;
        let mut row = json!({ "level": level.name(), "what": about, "found": says });
        if let Some(code) = code {
            row["code"] = (*code).into();
        }
        row
    });
    let measures = health.measures.iter().map(|measure| {
        let Measure { name, value, unit, warning, critical } = measure;
        let mut row = json!({ "name": name, "value": value, "unit": unit });
        for (key, limit) in [("warning", warning), ("critical", critical)] {
            if let Some(limit) = limit {
                row[key] = (*limit).into();
            }
        }
        row
    });
    let about = json!({ "check": check, "healthy": health.is_healthy(), "level": health.level().name() });
    Answer::within(about)
        .with("findings", FINDINGS, findings.collect())
        .with("measures", MEASURES, measures.collect())
        .named_by("what")
}

/// The line that Nagios reads.
pub fn nagios(check: &str, health: &Health) -> String {
    let troubles = health.troubles();
    let text = match (&troubles[..], &health.findings[..]) {
        ([], []) => "nothing was looked at".to_owned(),
        ([], [only]) => format!("{} {}", only.about, only.says),
        ([], all) => format!("{check} is healthy, {} looked at", all.len()),
        _ => summary(&troubles),
    };
    let figures: Vec<_> = health.measures.iter().map(figure).collect();
    let line = one_line(health.level().name(), &text);
    if figures.is_empty() { line } else { format!("{line} | {}", figures.join(" ")) }
}

/// A line without figures.
pub fn one_line(level: &str, text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() || c == '|' { ' ' } else { c }).collect();
    format!("{level} - {text}")
}

/// The exit code that Nagios knows a level by.
pub fn nagios_code(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Critical => 2,
        Level::Unknown => 3,
    }
}

/// The gravest of `troubles` in one line.
pub fn summary(troubles: &[&Finding]) -> String {
    let told = troubles.iter().take(TOLD).map(|finding| format!("{} {}", finding.about, finding.says));
    let mut told = told.collect::<Vec<_>>().join("; ");
    if troubles.len() > TOLD {
        told += &format!("; and {} more", troubles.len() - TOLD);
    }
    told
}

fn figure(measure: &Measure) -> String {
    let Measure { name, value, unit, warning, critical } = measure;
    let label: String = name.chars().map(|c| if c.is_control() || "'=|".contains(c) { '_' } else { c }).collect();
    let label = if label.contains(' ') { format!("'{label}'") } else { label };
    let value = value.map_or_else(|| "U".to_owned(), |value| format!("{}{unit}", rounded(value)));
    let limit = |limit: &Option<f64>| limit.map(rounded).unwrap_or_default();
    format!("{label}={value};{};{}", limit(warning), limit(critical)).trim_end_matches(';').to_owned()
}

/// Six digits after the point at most, and none that say nothing.
fn rounded(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn finding(level: Level, says: &str) -> Finding {
        Finding { level, code: (level != Level::Ok).then_some("H10"), about: "a:1".to_owned(), says: says.to_owned() }
    }

    fn measure(name: &str, value: Option<f64>, unit: &'static str) -> Measure {
        Measure { name: name.to_owned(), value, unit, warning: Some(0.2), critical: Some(1_048_576.0) }
    }

    #[test]
    fn nagios_reads_one_line_with_figures() {
        let mut health = Health {
            findings: vec![finding(Level::Ok, "has all")],
            measures: vec![
                measure("lag_a_1", Some(1_000_000.0), "B"),
                measure("my disk", None, "%"),
                Measure { warning: None, critical: None, ..measure("time", Some(0.003_25), "s") },
            ],
        };
        let figures = "lag_a_1=1000000B;0.2;1048576 'my disk'=U;0.2;1048576 time=0.00325s";
        assert_eq!(nagios("replication", &health), format!("OK - a:1 has all | {figures}"));
        health.findings.push(finding(Level::Ok, "too"));
        health.measures.clear();
        assert_eq!(nagios("replication", &health), "OK - replication is healthy, 2 looked at");
        health.findings.push(finding(Level::Critical, "lacks\nmuch | more"));
        assert_eq!(nagios("replication", &health), "CRITICAL - a:1 lacks much   more");
        assert_eq!(nagios("x", &Health::default()), "UNKNOWN - nothing was looked at");
    }

    #[test]
    fn many_troubles_are_counted() {
        let all: Vec<_> = ["1", "2", "3", "4", "5"].map(|says| finding(Level::Warning, says)).into();
        assert_eq!(summary(&all.iter().collect::<Vec<_>>()), "a:1 1; a:1 2; a:1 3; and 2 more");
    }

    #[test]
    fn json_says_null_where_nothing_is_known() {
        let health = Health {
            findings: vec![finding(Level::Unknown, "does not tell")],
            measures: vec![measure("lag", None, "B")],
        };
        let json = answer("replication", &health).document();
        assert_eq!((&json["healthy"], &json["level"]), (&false.into(), &"UNKNOWN".into()));
        assert_eq!((&json["measures"][0]["value"], &json["findings"][0]["code"]), (&Value::Null, &"H10".into()));
    }

    #[test]
    fn exit_codes_are_those_of_nagios_plugins() {
        use Level::{Critical, Ok as Fine, Unknown, Warning};
        assert_eq!([Fine, Warning, Critical, Unknown].map(nagios_code), [0, 1, 2, 3]);
    }
}
