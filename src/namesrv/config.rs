//! The name server's settings: every key of `namesrv.conf`, with the defaults of Apache RocketMQ 4.9.8
//! (`NamesrvConfig`, `NettyServerConfig`), and how they are read, shown and changed.

use std::path::{Path, PathBuf};

use base::given::Given;
use base::properties::Properties;
use base::settings::Effect::{self, AtStart, Live};
use base::settings::{Kind, Setting, Settings};

pub use base::given::{Notice, SettingError as ConfigError};

const SOCKET: Effect = AtStart("sockets are opened when the name server starts");
const PATH: Effect = AtStart("paths are only taken from the file");

const INT: Kind = Kind::number("a whole number", i32::MIN as i64, i32::MAX as i64);
const PORT: Kind = Kind::number("a port", 1, 65535);
const SECONDS_OR_NEVER: Kind = Kind::number("seconds, 0 for never", 0, i32::MAX as i64);
const ONE_PATH: Kind = Kind::Form { expected: "a file", fits: |text| !text.is_empty() && !text.contains('\0') };

base::settings! {
    /// What a name server does.
    pub struct NamesrvConfig on home: &Path {
        /// The port it listens on.
        listenPort => listen_port: u16 = 9876, PORT, SOCKET;
        /// After how long without a byte a connection is closed; 0 never.
        serverChannelMaxIdleTimeSeconds => server_channel_max_idle_seconds: u64 = 120, SECONDS_OR_NEVER, SOCKET;
        /// The file that keeps what tools store at the name server under a namespace and a key.
        kvConfigPath => kv_config_path: PathBuf = home.join("namesrv/kvConfig.json"), ONE_PATH, PATH;
        /// Whether routes name the queues of ordered topics, as tools have stored them.
        orderMessageEnable => order_message_enable: bool = false, Kind::Bool, Live;
        /// Keys that may not change while the name server runs, parted by `;`, beyond those that never may.
        configBlackList => config_black_list: String =
            "configBlackList;configStorePath;kvConfigPath".into(), Kind::Text, AtStart("it guards the others");
    }
    accepting KEYS_WITHOUT_EFFECT;
}

/// The keys that only Apache RocketMQ has a use for.
const KEYS_WITHOUT_EFFECT: &[Setting] = base::without_effect! {
    "changes made while it runs last until it stops; the file stays as it was written": {
        configStorePath: Kind::Text, home().join("namesrv/namesrv.properties").display();
    }
    "routes are not looked up in another environment": {
        clusterTest: Kind::Bool, false;
        productEnvName: Kind::Text, "center";
    }
    "there is no installation directory": {
        rocketmqHome: Kind::Text, std::env::var("ROCKETMQ_HOME").unwrap_or_default();
    }
    "requests are answered by one pool of workers, one for each processor": {
        serverWorkerThreads: INT, 8;
        serverCallbackExecutorThreads: INT, 0;
        serverSelectorThreads: INT, 3;
        useEpollNativeSelector: Kind::Bool, false;
    }
    "requests do not queue for threads; what is unanswered is bounded for each connection": {
        serverOnewaySemaphoreValue: INT, 256;
        serverAsyncSemaphoreValue: INT, 64;
    }
    "the buffers of sockets are left to the operating system": {
        serverSocketSndBufSize: INT, 0;
        serverSocketRcvBufSize: INT, 0;
        serverSocketBacklog: INT, 1024;
        writeBufferHighWaterMark: INT, 0;
        writeBufferLowWaterMark: INT, 0;
    }
    "there is no Java heap beside the memory that sockets write from": {
        serverPooledByteBufAllocatorEnable: Kind::Bool, true;
    }
};

impl NamesrvConfig {
    /// Reads a `namesrv.conf`. `file` is its name for messages; `command_line` overrules it, by the same keys.
    /// Without a file both are empty.
    ///
    /// # Errors
    /// The first bad value: file, line, key, and what was expected.
    pub fn load(file: &str, text: &str, command_line: &[(&str, &str)]) -> Result<(Self, Vec<Notice>), ConfigError> {
        let given = Given::at_start(Self::KNOWN, file, text, command_line)?;
        let mut config = Self::with_defaults(&home());
        config.take(&given)?;
        Ok((config, given.into_notices()))
    }

    /// Every key of Apache RocketMQ 4.9.8 with its present value, sorted; those without effect, too.
    pub fn print(&self) -> Vec<(String, String)> {
        self.all_values()
    }

    /// This configuration with changes asked for while the name server runs: all of them, or none and the reason.
    ///
    /// Only keys that are live may change, and none in `configBlackList`: no path ever does (CVE-2023-37582).
    ///
    /// # Errors
    /// Names the key that is unknown, may not change, does nothing here, or has a bad value.
    pub fn update(&self, changes: &Properties) -> Result<Self, ConfigError> {
        let (config, given) = self.changed(changes)?;
        given.refuse_barred(&self.config_black_list, "configBlackList names it")?;
        Ok(config)
    }
}

/// The defaults in the working directory: for tests.
impl Default for NamesrvConfig {
    fn default() -> Self {
        Self::with_defaults(Path::new("."))
    }
}

/// The user's home, in which Apache RocketMQ keeps its files.
fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_else(|| ".".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<(NamesrvConfig, Vec<String>), String> {
        let (config, notices) = NamesrvConfig::load("namesrv.conf", text, &[]).map_err(|error| error.to_string())?;
        Ok((config, notices.iter().map(Notice::to_string).collect()))
    }

    fn change(config: &NamesrvConfig, text: &str) -> Result<NamesrvConfig, String> {
        config.update(&Properties::parse(text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_gives_the_defaults_of_apache() {
        let (config, said) = load("").unwrap();
        assert_eq!((config.listen_port, config.server_channel_max_idle_seconds), (9876, 120));
        assert!(config.kv_config_path.ends_with("namesrv/kvConfig.json"));
        assert!(!config.order_message_enable);
        assert!(said.is_empty());
    }

    #[test]
    fn a_file_is_read_and_explained() {
        let (config, said) =
            load("listenPort = 9877\nserverWorkerThreads=16\nkvConfigPah=/kv\nkvConfigPath=/kv.json").unwrap();
        assert_eq!((config.listen_port, config.kv_config_path.to_str()), (9877, Some("/kv.json")));
        assert_eq!(
            said,
            [
                "namesrv.conf:2: serverWorkerThreads has no effect here: requests are answered by one pool of workers, \
                 one for each processor",
                "namesrv.conf:3: unknown key kvConfigPah, did you mean kvConfigPath?",
            ]
        );
    }

    #[test]
    fn a_bad_value_is_refused_with_its_place() {
        let refused = load("# port\nlistenPort=x").unwrap_err();
        assert_eq!(refused, r#"namesrv.conf:2: listenPort = "x": expected a port, 1 to 65535"#);
        let (config, _) = NamesrvConfig::load("", "listenPort=1", &[("listenPort", "2")]).unwrap();
        assert_eq!(config.listen_port, 2);
    }

    #[test]
    fn no_path_is_ever_taken_from_the_network() {
        let (config, _) = load("").unwrap();
        for key in
            ["kvConfigPath", "configStorePath", "rocketmqHome", "listenPort", "configBlackList", "productEnvName"]
        {
            let refused = change(&config, &format!("orderMessageEnable=true\n{key}=1")).unwrap_err();
            assert!(refused.starts_with(key), "{refused}");
        }
        let live: Vec<_> =
            NamesrvConfig::KNOWN.honoured.iter().filter(|s| matches!(s.effect, Live)).map(|s| s.key).collect();
        assert_eq!(live, ["orderMessageEnable"]);
    }

    #[test]
    fn what_is_live_changes_unless_the_operator_bars_it() {
        let (config, _) = load("").unwrap();
        assert!(change(&config, "orderMessageEnable=true").unwrap().order_message_enable);
        let (config, _) = load("configBlackList=orderMessageEnable").unwrap();
        assert!(change(&config, "orderMessageEnable=true").unwrap_err().ends_with("configBlackList names it"));
    }

    #[test]
    fn every_key_is_shown_and_reads_back() {
        let (config, _) = load("serverWorkerThreads=16").unwrap();
        let text = base::properties::render(config.print());
        assert!(text.contains("serverWorkerThreads=16\n") && text.contains("listenPort=9876\n"));
        assert_eq!(load(&text).unwrap().0.print(), config.print());
    }
}
