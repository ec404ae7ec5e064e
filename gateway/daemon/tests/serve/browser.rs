//! A real browser without a screen, told what to do by its own protocol for developers.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::house::*;

/// For anything that the browser is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// Chromium with one page.
pub(crate) struct Chromium {
    child: Child,
    line: WebSocketStream<TcpStream>,
    page: String,
    asked: u64,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts it in this thread's network, with a profile of its own. It likes `language` best.
    pub(crate) async fn start(language: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromium");
        command
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-background-networking", "--ignore-certificate-errors"])
            .args(["--remote-debugging-port=0", &format!("--accept-lang={language}")])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("Chromium is installed: tests/machine.sh names its package");
        let port = profile.path().join("DevToolsActivePort");
        wait("the browser to start", || fs::read_to_string(&port).is_ok_and(|said| said.lines().count() == 2));
        let said = fs::read_to_string(&port).unwrap();
        let (port, path) = said.split_once('\n').unwrap();
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let url = format!("ws://127.0.0.1:{port}{}", path.trim());
        let (line, _) = client_async_with_config(url, stream, Some(config)).await.unwrap();
        let mut browser = Self { child, line, page: String::new(), asked: 0, _profile: profile };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" })).await;
        let to = json!({ "targetId": target["targetId"], "flatten": true });
        browser.page = browser.ask("Target.attachToTarget", to).await["sessionId"].as_str().unwrap().to_owned();
        browser.ask("Page.enable", json!({})).await;
        browser
    }

    /// One question, and its answer.
    async fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut question = json!({ "id": self.asked, "method": method, "params": parameters });
        if !self.page.is_empty() {
            question["sessionId"] = self.page.clone().into();
        }
        self.line.send(Message::text(question.to_string())).await.unwrap();
        loop {
            let said = self.hear(method).await;
            if said["id"] == self.asked {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    async fn hear(&mut self, what: &str) -> Value {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.line.next()).await;
            let heard = heard.unwrap_or_else(|_| panic!("waited in vain for {what}")).unwrap().unwrap();
            if let Message::Text(said) = heard {
                return serde_json::from_str(&said).unwrap();
            }
        }
    }

    /// Goes to a page, and waits until it is there.
    pub(crate) async fn go(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url })).await;
        self.loaded(url).await;
    }

    /// The next page, which something that was done leads to.
    async fn loaded(&mut self, what: &str) {
        while self.hear(what).await["method"] != "Page.loadEventFired" {}
    }

    /// What an expression comes to, also one that comes later.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let what = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", what).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression:.200}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Fills the fields of a form, as CSS selectors name them, and sends it by its button.
    pub(crate) async fn send(&mut self, form: &str, fields: &[(&str, &str)]) {
        for (field, value) in fields {
            self.evaluate(&format!("document.querySelector({field:?}).value = {value:?}")).await;
        }
        self.evaluate(&format!("document.querySelector({form:?}).requestSubmit()")).await;
        self.loaded(form).await;
    }

    /// A window of that size, in light or dark colours, in which nothing moves.
    pub(crate) async fn look(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size).await;
        let [scheme, still] = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        let features = [scheme, still].map(|(name, value)| json!({ "name": name, "value": value }));
        self.ask("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Draws the window's content into a PNG file.
    pub(crate) async fn draw(&mut self, file: &Path) {
        let drawn = self.ask("Page.captureScreenshot", json!({ "format": "png" })).await;
        fs::write(file, BASE64_STANDARD.decode(drawn["data"].as_str().unwrap()).unwrap()).unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
