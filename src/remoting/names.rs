//! Where the name servers are: a list, or an HTTP address server that gives the list.
//!
//! Source: `NAMESRV_ADDR`, `TopAddressing` and `HttpTinyClient` of Apache RocketMQ.

use parking_lot::RwLock;
use std::time::Duration;

/// How often an address server is worth asking.
pub const REFRESH_PERIOD: Duration = Duration::from_secs(120);
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there are no name servers to ask.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NamesError {
    /// The text names none.
    #[error("{0:?} names no name server: expected host:port;host:port, or the http:// URL of an address server")]
    Empty(String),
    /// An entry of the list is no address.
    #[error("{entry:?} in {text:?} is no name server's address: expected host:port")]
    Entry {
        /// The entry.
        entry: String,
        /// The whole list.
        text: String,
    },
    /// The address server did not give a list.
    #[error("the address server {url} gave no list of name servers: {why}")]
    AddressServer {
        /// Its URL.
        url: String,
        /// What went wrong.
        why: String,
    },
}

/// The known name servers; by default none.
#[derive(Debug, Default)]
pub struct Names {
    url: Option<String>,
    list: RwLock<Vec<String>>,
}

impl Names {
    /// Reads `host:port;host:port` (commas do as well), or takes an `http://` URL as that of an address server,
    /// whose list is empty until [`Names::refresh`].
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, NamesError> {
        let text = text.trim();
        if text.starts_with("http://") {
            return Ok(Self { url: Some(text.to_owned()), list: RwLock::default() });
        }
        Ok(Self { url: None, list: RwLock::new(parse_list(text)?) })
    }

    /// `host:port` of each name server.
    pub fn all(&self) -> Vec<String> {
        self.list.read().clone()
    }

    /// Replaces the list.
    pub fn set(&self, list: Vec<String>) {
        *self.list.write() = list;
    }

    /// Whether the list comes from an address server, and so may change.
    pub fn is_dynamic(&self) -> bool {
        self.url.is_some()
    }

    /// Asks the address server, if the list comes from one. Returns whether the list has changed.
    ///
    /// # Errors
    /// If it gives no list; the known one stays.
    pub async fn refresh(&self) -> Result<bool, NamesError> {
        let Some(url) = &self.url else { return Ok(false) };
        let failed = |why: String| NamesError::AddressServer { url: url.clone(), why };
        let ask = async {
            let client = reqwest::Client::builder().timeout(ASK_TIMEOUT).build()?;
            client.get(url).send().await?.error_for_status()?.text().await
        };
        // The library's message repeats the URL; its cause says what happened.
        let text = ask.await.map_err(|error| failed(root_cause(&error)))?;
        let list = parse_list(text.trim()).map_err(|error| failed(error.to_string()))?;
        let mut known = self.list.write();
        let changed = *known != list;
        *known = list;
        Ok(changed)
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn parse_list(text: &str) -> Result<Vec<String>, NamesError> {
    let mut list: Vec<String> = Vec::new();
    for entry in text.split([';', ',']).map(str::trim).filter(|entry| !entry.is_empty()) {
        let port = entry.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(1..))) {
            return Err(NamesError::Entry { entry: entry.to_owned(), text: text.to_owned() });
        }
        if !list.iter().any(|known| known == entry) {
            list.push(entry.to_owned());
        }
    }
    if list.is_empty() { Err(NamesError::Empty(text.to_owned())) } else { Ok(list) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    #[test]
    fn a_list_is_read_and_what_is_none_is_named() {
        assert_eq!(Names::parse(" a:1; b:2 ,a:1;").unwrap().all(), ["a:1", "b:2"]);
        assert!(matches!(Names::parse(" ; "), Err(NamesError::Empty(_))));
        for wrong in ["a", "a:", ":1", "a:0", "a:1;b:99999", "a:1;b:x"] {
            assert!(matches!(Names::parse(wrong), Err(NamesError::Entry { .. })), "{wrong}");
        }
    }

    #[tokio::test]
    async fn an_address_server_gives_the_list() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rocketmq/nsaddr", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let len = stream.read(&mut asked).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n10.0.0.1:9876;\r\n").await.unwrap();
            String::from_utf8_lossy(&asked[..len]).into_owned()
        });
        let names = Names::parse(&url).unwrap();
        assert!(names.refresh().await.unwrap());
        assert_eq!(names.all(), ["10.0.0.1:9876"]);
        assert!(server.await.unwrap().starts_with("GET /rocketmq/nsaddr "));
        let error = names.refresh().await.unwrap_err().to_string();
        assert!(error.contains(&url), "{error}");
        assert_eq!(names.all(), ["10.0.0.1:9876"]);
    }
}
