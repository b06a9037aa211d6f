//! What a command tells, and every form in which it is printed: a table, a wide one, JSON, YAML, CSV, names.
//!
//! All forms come from the same rows: objects with a value for each name. A value that is `null` is not known: `?` in a
//! table. One that is missing or empty does not apply: `-`.

use crate::{
    failure::{Failure, Kind, say},
    output,
    table::{one_line, render},
};
use serde_json::{Map, Value};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Columns, for people.
    Table,
    /// More columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// CSV; several tables one after the other, each with a heading row and an empty line in between.
    Csv,
    /// Names, one a line.
    Name,
}

/// The option of every command that prints an answer.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Style {
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Form,
}

impl Style {
    /// Whether it was asked to print JSON.
    pub fn is_json(self) -> bool {
        self.output == Form::Json
    }
}

/// A column of a table: the value of that name in each row.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    key: &'static str,
    only_wide: bool,
}

/// A column.
pub const fn column(heading: &'static str, key: &'static str) -> Column {
    Column { heading, key, only_wide: false }
}

/// A column that only wide tables have.
pub const fn wide(heading: &'static str, key: &'static str) -> Column {
    Column { heading, key, only_wide: true }
}

#[derive(Debug)]
struct List {
    key: &'static str,
    columns: &'static [Column],
    rows: Vec<Value>,
}

/// What a command tells.
#[derive(Debug)]
pub struct Answer {
    about: Map<String, Value>,
    /// Whether tables show what stands about it.
    about_shown: bool,
    lists: Vec<List>,
    asked: usize,
    lacks: Vec<(String, Failure)>,
    note: Option<String>,
    /// Which value of each row of the first list is its name, if not that of the first column.
    named_by: Option<&'static str>,
    /// Whether there is something to print even if no place has answered.
    even_so: bool,
}

impl Answer {
    /// A list: JSON prints an array.
    pub fn list(columns: &'static [Column], rows: Vec<Value>) -> Self {
        Self::new(Map::new(), false).with("", columns, rows)
    }

    /// What one thing is like: an object, of which tables show each value on a line, and lists in it ([`Answer::with`]).
    pub fn about(object: Value) -> Self {
        Self::new(fields(object), true)
    }

    /// The same, but tables only show the lists.
    pub fn within(object: Value) -> Self {
        Self::new(fields(object), false)
    }

    fn new(about: Map<String, Value>, about_shown: bool) -> Self {
        Self {
            about,
            about_shown,
            lists: Vec::new(),
            asked: 0,
            lacks: Vec::new(),
            note: None,
            named_by: None,
            even_so: false,
        }
    }

    /// The same with a list in it.
    pub fn with(mut self, key: &'static str, columns: &'static [Column], rows: Vec<Value>) -> Self {
        self.lists.push(List { key, columns, rows });
        self
    }

    /// The same, in which this value of each row of the first list is its name.
    pub fn named_by(mut self, key: &'static str) -> Self {
        self.named_by = Some(key);
        self
    }

    /// The same with a remark for people.
    pub fn note(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// The same, told that `asked` places were asked of which some did not answer.
    pub fn lacking(mut self, asked: usize, lacks: impl IntoIterator<Item = (String, Failure)>) -> Self {
        self.asked += asked;
        self.lacks.extend(lacks);
        self
    }

    /// The same, printed even if no place has answered: it tells of the places themselves.
    pub fn even_so(mut self) -> Self {
        self.even_so = true;
        self
    }

    /// Prints it, unless no place has answered.
    ///
    /// # Errors
    /// If some or all of the places have not answered, and if nothing can be printed.
    pub fn print(self, style: Style) -> Result<(), Failure> {
        if self.even_so || self.lacks.len() < self.asked || self.asked == 0 {
            let text = self.text(style.output)?;
            if !text.is_empty() {
                output::print(text)?;
            }
            if let (Some(note), Form::Table | Form::Wide) = (&self.note, style.output) {
                say(note);
            }
        }
        self.verdict()
    }

    /// Whether all places have answered.
    ///
    /// # Errors
    /// What some of them, or all, said instead.
    pub fn verdict(self) -> Result<(), Failure> {
        let (asked, failed) = (self.asked, self.lacks.len());
        let reasons = |lacks: &[(String, Failure)]| {
            lacks.iter().map(|(who, why)| format!("{who}: {}", why.message())).collect::<Vec<_>>().join("; ")
        };
        match (failed, self.lacks.len() < asked) {
            (0, _) => Ok(()),
            (_, true) => Err(Failure::partly(format!(
                "{} of {asked} did what was asked; {}",
                asked - failed,
                reasons(&self.lacks)
            ))),
            (_, false) => {
                let message = reasons(&self.lacks);
                let first = self.lacks.into_iter().next().map(|(_, why)| why);
                Err(first.unwrap_or_else(|| Failure::new(Kind::Failed, "")).saying(message))
            }
        }
    }

    /// As text, without a line end.
    ///
    /// # Errors
    /// None that is known: YAML says so.
    pub fn text(&self, form: Form) -> Result<String, Failure> {
        Ok(match form {
            Form::Table => self.table(false),
            Form::Wide => self.table(true),
            Form::Json => format!("{:#}", self.document()),
            Form::Yaml => {
                let yaml = serde_yaml::to_string(&self.document());
                yaml.map_err(|error| Failure::new(Kind::Failed, error))?.trim_end().to_owned()
            }
            Form::Csv => self.csv(),
            Form::Name => self.names(),
        })
    }

    /// As text, as it is printed again and again: JSON on one line, YAML as a document of its own.
    ///
    /// # Errors
    /// As [`Answer::text`].
    pub fn watched(&self, form: Form) -> Result<String, Failure> {
        Ok(match form {
            Form::Json => self.document().to_string(),
            Form::Yaml => format!("---\n{}", self.text(form)?),
            form => self.text(form)?,
        })
    }

    /// As JSON.
    pub fn document(&self) -> Value {
        if let ([only], true) = (&self.lists[..], self.about.is_empty()) {
            return Value::Array(only.rows.clone());
        }
        let mut document = self.about.clone();
        document.extend(self.lists.iter().map(|list| (list.key.to_owned(), Value::Array(list.rows.clone()))));
        Value::Object(document)
    }

    fn table(&self, is_wide: bool) -> String {
        let mut tables = Vec::new();
        if self.about_shown {
            let rows = self.about.iter().map(|(name, value)| [name.replace('_', " "), cell(Some(value))]);
            tables.push(render(&["WHAT", "VALUE"], rows));
        }
        for list in &self.lists {
            if list.rows.is_empty() && (self.about_shown || self.lists.len() > 1) {
                continue;
            }
            let columns = || list.columns.iter().filter(|column| is_wide || !column.only_wide);
            if columns().next().is_none() {
                continue;
            }
            let headings: Vec<_> = columns().map(|column| column.heading).collect();
            let rows = list.rows.iter().map(|row| columns().map(|column| cell(row.get(column.key))));
            tables.push(render(&headings, rows));
        }
        tables.join("\n\n")
    }

    /// Each table with a heading row, also one without rows, so that the n-th is always the same one.
    fn csv(&self) -> String {
        let line = |fields: Vec<String>| fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
        let mut tables = Vec::new();
        if self.about_shown || self.lists.is_empty() {
            let rows = self.about.iter().map(|(name, value)| line(vec![name.clone(), plain(Some(value))]));
            tables.push(["what,value".to_owned()].into_iter().chain(rows).collect::<Vec<_>>().join("\n"));
        }
        for list in &self.lists {
            let head = line(list.columns.iter().map(|column| column.key.to_owned()).collect());
            let rows = list.rows.iter().map(|row| line(list.columns.iter().map(|c| plain(row.get(c.key))).collect()));
            tables.push([head].into_iter().chain(rows).collect::<Vec<_>>().join("\n"));
        }
        tables.join("\n\n")
    }

    /// The names in the first list; of an answer about one thing, its name.
    fn names(&self) -> String {
        let names: Vec<String> = match (self.lists.first(), self.about_shown) {
            (Some(List { columns: [first, ..], rows, .. }), false) => {
                let key = self.named_by.unwrap_or(first.key);
                rows.iter().map(|row| plain(row.get(key))).collect()
            }
            _ => self.about.values().take(1).map(|value| plain(Some(value))).collect(),
        };
        let mut told: Vec<String> = Vec::new();
        for name in names {
            let name = one_line(&name);
            if told.last() != Some(&name) {
                told.push(name);
            }
        }
        told.join("\n")
    }
}

fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// For people: what is not known is a question mark.
fn cell(value: Option<&Value>) -> String {
    match value {
        Some(Value::Null) => "?".to_owned(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        other => plain(other),
    }
}

/// For programs: what is not known is empty.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => values.iter().map(|value| plain(Some(value))).collect::<Vec<_>>().join(" "),
        Some(other) => other.to_string(),
    }
}

/// A field of CSV. Source: RFC 4180.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: &[Column] = &[column("NAME", "name"), column("LAG", "lag"), wide("AT", "at")];

    fn list() -> Answer {
        Answer::list(
            COLUMNS,
            vec![json!({ "name": "a,b", "lag": null, "at": ["x", "y"] }), json!({ "name": "c", "lag": 0 })],
        )
    }

    #[test]
    fn every_form_tells_the_same_and_the_unknown_is_never_a_zero() {
        let text = |form| list().text(form).unwrap();
        assert_eq!(text(Form::Table), "NAME  LAG\na,b   ?\nc     0");
        assert_eq!(text(Form::Wide), "NAME  LAG  AT\na,b   ?    x y\nc     0    -");
        assert_eq!(text(Form::Csv), "name,lag,at\n\"a,b\",,x y\nc,0,");
        assert_eq!(text(Form::Name), "a,b\nc");
        assert_eq!(text(Form::Yaml), "- name: a,b\n  lag: null\n  at:\n  - x\n  - y\n- name: c\n  lag: 0");
        assert_eq!(serde_json::from_str::<Value>(&text(Form::Json)).unwrap()[0]["lag"], Value::Null);
    }

    #[test]
    fn what_stands_about_one_thing_comes_before_its_lists() {
        let answer = Answer::about(json!({ "group": "g", "retry_max_times": 16 })).with(
            "queues",
            COLUMNS,
            vec![json!({ "name": "q", "lag": 1 })],
        );
        assert_eq!(
            answer.text(Form::Table).unwrap(),
            "WHAT             VALUE\ngroup            g\nretry max times  16\n\nNAME  LAG\nq     1"
        );
        assert_eq!(answer.document()["queues"][0]["lag"], 1);
        assert_eq!(answer.text(Form::Name).unwrap(), "g");
        let csv = answer.with("members", COLUMNS, Vec::new()).text(Form::Csv).unwrap();
        assert_eq!(csv, "what,value\ngroup,g\nretry_max_times,16\n\nname,lag,at\nq,1,\n\nname,lag,at");
    }

    #[test]
    fn figures_that_only_wide_tables_have_are_no_empty_table_in_others() {
        const FIGURES: &[Column] = &[wide("FIGURE", "figure")];
        let answer = Answer::within(json!({ "check": "broker" }))
            .with("findings", COLUMNS, vec![json!({ "name": "a", "lag": 1, "at": "b" })])
            .with("figures", FIGURES, vec![json!({ "figure": "f" })])
            .named_by("at");
        assert_eq!(answer.text(Form::Table).unwrap(), "NAME  LAG\na     1");
        assert_eq!(answer.text(Form::Wide).unwrap(), "NAME  LAG  AT\na     1    b\n\nFIGURE\nf");
        assert_eq!(answer.text(Form::Csv).unwrap(), "name,lag,at\na,1,b\n\nfigure\nf");
        assert_eq!(answer.text(Form::Name).unwrap(), "b");
    }

    #[test]
    fn what_some_places_did_not_answer_is_done_partly() {
        let failure = || Failure::new(Kind::Unreachable, "refused");
        let partly = list().lacking(2, [("broker-b".to_owned(), failure())]).verdict().unwrap_err();
        assert_eq!(
            (partly.kind(), partly.message()),
            (Some(Kind::Partly), "1 of 2 did what was asked; broker-b: refused")
        );
        let all = list().lacking(1, [("broker-b".to_owned(), failure())]).verdict().unwrap_err();
        assert_eq!((all.kind(), all.message()), (Some(Kind::Unreachable), "broker-b: refused"));
        assert!(list().lacking(2, []).verdict().is_ok());
    }
}
