//! `rmq cluster template`, and where templates come from: those that `rmq` carries, files, and the web.

use crate::{
    failure::{Failure, Kind, say},
    output, table,
};
use ::broker::config::{BrokerConfig, ConfigError};
use ::cluster::{Template, template};
use base::settings::Settings;
use std::time::Duration;

/// The name of the template that is taken without a word.
pub const DEFAULT: &str = "single";

/// What `rmq` carries: name and text.
const CARRIED: &[(&str, &str)] = &[
    (DEFAULT, include_str!("../../templates/single.yaml")),
    ("2m-noslave", include_str!("../../templates/2m-noslave.yaml")),
    ("2m-2s-async", include_str!("../../templates/2m-2s-async.yaml")),
    ("2m-2s-sync", include_str!("../../templates/2m-2s-sync.yaml")),
];
/// How long a template may take to come over the web, and how large it may be.
const WEB_WITHIN: Duration = Duration::from_secs(10);
const WEB_BYTES: usize = 1 << 20;

/// List, show and check templates: what clusters consist of
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List those that rmq carries
    List,
    /// Print one, to begin one of your own with
    Show {
        /// Which
        #[arg(value_name = "NAME|FILE|URL")]
        template: String,
    },
    /// Check one, and say where a mistake is
    Check {
        /// Which
        #[arg(value_name = "NAME|FILE|URL")]
        template: String,
    },
}

/// A template and where it is from.
pub struct Found {
    /// What to call it.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub template: Template,
}

/// Does what is asked.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::List => {
            let rows = CARRIED.iter().map(|(name, text)| {
                let template = Template::parse(name, text).ok();
                [(*name).to_owned(), template.map_or_else(|| "?".to_owned(), |template| template.about)]
            });
            output::print(table::render(&["NAME", "ABOUT"], rows))
        }
        What::Show { template } => output::print(text_of(&template).await?.1.trim_end()),
        What::Check { template } => {
            let found = find(&template).await?;
            let masters = found.template.brokers.len();
            let slaves: usize = found.template.brokers.iter().map(|group| usize::from(group.slaves)).sum();
            let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
            let servers = count(found.template.name_servers.into(), "name server");
            let (masters, slaves) = (count(masters, "master"), count(slaves, "slave"));
            say(&format!("{} is a template: {servers}, {masters}, {slaves}", found.name));
            Ok(())
        }
    }
}

impl Found {
    /// Reads and checks a template; `file` is its name for messages.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(name: String, file: &str, text: String) -> Result<Self, Failure> {
        let template = Template::parse_checked(file, &text, &check_property)
            .map_err(|error| Failure::new(Kind::Usage, error).target(name.as_str()))?;
        Ok(Self { name, text, template })
    }
}

/// A template by its name, file or URL, checked.
///
/// # Errors
/// If there is none, or it cannot be read or is none.
pub async fn find(wanted: &str) -> Result<Found, Failure> {
    let (file, text) = text_of(wanted).await?;
    Found::read(wanted.to_owned(), &file, text)
}

/// Its name for messages, and its text.
async fn text_of(wanted: &str) -> Result<(String, String), Failure> {
    if let Some((name, text)) = CARRIED.iter().find(|(name, _)| *name == wanted) {
        return Ok((format!("{name}.yaml"), (*text).to_owned()));
    }
    if wanted.contains("://") {
        return Ok((wanted.to_owned(), from_the_web(wanted).await?));
    }
    let is_file = wanted.contains('/') || wanted.ends_with(".yaml") || wanted.ends_with(".yml");
    if !is_file {
        let names: Vec<_> = CARRIED.iter().map(|(name, _)| *name).collect();
        let hint = template::nearest(wanted, names.iter().copied());
        let hint = hint.map(|name| format!(", did you mean {name}?")).unwrap_or_default();
        let message =
            format!("no template is named {wanted}{hint} There are: {}; or give a file, my.yaml", names.join(", "));
        let message = if hint.is_empty() { message.replacen(" There", "; there", 1) } else { message };
        return Err(Failure::new(Kind::Usage, message).target(wanted));
    }
    match std::fs::read_to_string(wanted) {
        Ok(text) => Ok((wanted.to_owned(), text)),
        Err(error) => Err(Failure::new(Kind::Usage, format!("cannot read {wanted}: {error}")).target(wanted)),
    }
}

async fn from_the_web(url: &str) -> Result<String, Failure> {
    if !url.starts_with("http://") {
        let message = format!("cannot fetch {url}: only http:// is understood");
        return Err(Failure::new(Kind::Usage, message).target(url).hint("fetch it with curl -O, and give the file"));
    }
    let fetch = async {
        let client = reqwest::Client::builder().timeout(WEB_WITHIN).build()?;
        let mut answer = client.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(more) = answer.chunk().await? {
            bytes.extend_from_slice(&more);
            if bytes.len() > WEB_BYTES {
                break;
            }
        }
        Ok::<_, reqwest::Error>(bytes)
    };
    let failed = |why: String| Failure::new(Kind::Failed, format!("cannot fetch {url}: {why}")).target(url);
    let bytes = fetch.await.map_err(|error| failed(root_cause(&error)).retryable())?;
    if bytes.len() > WEB_BYTES {
        return Err(failed(format!("it is larger than {WEB_BYTES} bytes, so it is no template")));
    }
    String::from_utf8(bytes).map_err(|_| failed("it is no text".to_owned()))
}

/// The library's message repeats the URL; its cause says what happened.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match error.status() {
        Some(status) => format!("the server answers {status}"),
        None => cause.to_string(),
    }
}

/// Whether settings of the command line may be laid over those of a template.
///
/// # Errors
/// The first that may not.
pub fn check_set(set: &[(String, String)]) -> Result<(), Failure> {
    template::check_set(set, &check_property).map_err(|why| Failure::new(Kind::Usage, format!("--set {why}")))
}

/// Whether a broker has such a setting, as what follows its key.
fn check_property(key: &str, value: &str) -> Result<(), String> {
    let known = BrokerConfig::KNOWN;
    let Some(setting) = known.find(key) else {
        let hint = known.nearest(key).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        return Err(format!(" is no setting of a broker{hint}"));
    };
    // What keys demand of each other is seen when the whole file of a node is checked.
    match setting.kind.fits(value.trim()) {
        true => Ok(()),
        false => Err(format!(" = {value:?}: expected {}", setting.kind)),
    }
}

/// Whether a broker would start with this settings file.
///
/// # Errors
/// What it would end with.
pub fn check_file(text: &str) -> Result<(), String> {
    match BrokerConfig::load("", text, &[]) {
        Ok(_) => Ok(()),
        Err(ConfigError::Value { key, value, expected, .. }) => Err(format!("{key} = {value:?}: expected {expected}")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(outcome: Result<(), Failure>) -> String {
        outcome.err().map(|failure| failure.message().to_owned()).unwrap_or_default()
    }

    async fn found(wanted: &str) -> Result<(), Failure> {
        find(wanted).await.map(drop)
    }

    #[tokio::test]
    async fn what_rmq_carries_can_be_read() {
        for (name, _) in CARRIED {
            assert!(
                find(name).await.is_ok_and(|found| found.name == *name && !found.template.about.is_empty()),
                "{name}"
            );
        }
        let sync = find("2m-2s-sync").await.unwrap_or_else(|failure| panic!("{}", failure.message())).template;
        let master = &sync.properties.master.0;
        assert_eq!((&*master["brokerRole"], &*master["flushDiskType"]), ("SYNC_MASTER", "SYNC_FLUSH"));
        assert_eq!((sync.brokers.len(), sync.brokers[0].slaves, sync.brokers[1].slaves), (2, 1, 1));
    }

    #[test]
    fn the_template_in_the_documentation_is_one() {
        let shown =
            include_str!("../../docs/clusters.md").split("```yaml\n").filter_map(|rest| rest.split("```").next());
        let templates: Vec<_> = shown.skip(1).filter(|text| text.contains("\nbrokers:")).collect();
        assert_eq!(templates.len(), 1);
        assert_eq!(refused(Found::read("t".into(), "t.yaml", templates[0].to_owned()).map(drop)), "");
    }

    #[tokio::test]
    async fn an_unknown_template_is_told_which_there_are_and_which_is_near() {
        assert_eq!(
            refused(found("2m-2s-snc").await),
            "no template is named 2m-2s-snc, did you mean 2m-2s-sync? There are: single, 2m-noslave, 2m-2s-async, \
             2m-2s-sync; or give a file, my.yaml"
        );
        assert!(refused(found("xyz").await).starts_with("no template is named xyz; there are: single, "));
        assert!(refused(found("./triple.yaml").await).contains("cannot read ./triple.yaml"));
        assert!(refused(found("https://x/t.yaml").await).contains("only http://"));
    }

    #[test]
    fn a_misspelt_setting_is_told_the_nearest_and_a_bad_value_what_is_expected() {
        let refused = |text: &str| refused(Found::read("t".into(), "t.yaml", text.to_owned()).map(drop));
        assert_eq!(
            refused("properties:\n  master:\n    flushDiskTyp: SYNC_FLUSH\nbrokers: [{name: a}]"),
            "t.yaml:3:5: properties.master: `flushDiskTyp` is no setting of a broker, did you mean `flushDiskType`?"
        );
        assert_eq!(
            refused("brokers:\n  - name: a\n    properties: {flushDiskType: SYNC}"),
            "t.yaml:3:18: brokers[0].properties: `flushDiskType` = \"SYNC\": expected ASYNC_FLUSH or SYNC_FLUSH"
        );
    }

    #[test]
    fn settings_of_the_command_line_are_checked_as_well() {
        let refused = |key: &str, value: &str| refused(check_set(&[(key.to_owned(), value.to_owned())]));
        assert_eq!(refused("fileReservedTime", "24"), "");
        assert_eq!(refused("listenPort", "1"), "--set listenPort tells nodes apart and is filled in; leave it out");
        assert!(refused("fileReservdTime", "24").contains("did you mean `fileReservedTime`?"));
        assert!(refused("brokerRole", "SLAVE").contains("without a master"));
    }
}
