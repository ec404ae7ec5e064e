//! Signing in, and reading what the office wants read before there is a session.

use std::{net::IpAddr, time::Duration};

use gateway_api::{
    login,
    notice::{Pending, Read, Version},
};
use tokio::time::timeout;

use super::{Event, Outcome, readable::readable};
use crate::{
    answers::Answers,
    api::{CONSENT_TIME, Client, Opened, credential::Credential},
};

/// Signs in, and has the worker read what the office wants read first, until there is a session.
pub(super) async fn sign_in(
    client: &Client,
    credential: &Credential,
    request: login::Request,
    answers: &mut Answers,
    tell: &mut dyn FnMut(&Event),
) -> Result<(Box<login::Session>, IpAddr), Outcome> {
    let worker = request.assist.as_ref().map(|assist| assist.worker.clone());
    let reached = || {
        tell(&Event::Reached);
        if let Some(worker) = worker {
            tell(&Event::AssistanceWaits { worker, seconds: CONSENT_TIME.as_secs() as u32 });
        }
    };
    let (mut opened, gateway) = client.login(request, reached).await?;
    loop {
        let Pending { token, notices, expires_in_s } = match opened {
            Opened::Session(session) => return Ok((session, gateway)),
            Opened::Pending(pending) => pending,
        };
        credential.take(token);
        for notice in &notices {
            tell(&Event::Notice { name: notice.name.clone(), text: readable(&notice.text) });
        }
        // What nobody marks as read is not marked as read.
        if !answers.listen() {
            return Err(Outcome::NoticeUnread { asked: false });
        }
        tell(&Event::NoticeAsked);
        let is_read = read_within(answers, expires_in_s).await;
        let read = match is_read {
            Some(true) => notices.iter().map(Version::from).collect(),
            Some(false) => return Err(Outcome::NoticeUnread { asked: true }),
            // The login is over, and the password it came with is not kept for another: the gateway says so.
            None => Vec::new(),
        };
        opened = client.mark(credential, &Read { read }).await?;
        // Its clock is behind ours.
        if is_read.is_none() && matches!(opened, Opened::Pending(_)) {
            return Err(Outcome::NoticeUnread { asked: true });
        }
    }
}

/// Whether the worker says that it was read. None after so many seconds without an answer.
async fn read_within(answers: &mut Answers, seconds: u32) -> Option<bool> {
    let is_read = timeout(Duration::from_secs(seconds.into()), answers.is_read()).await;
    answers.stop();
    is_read.ok()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::answers::{Answer, Button, Heard};

    #[tokio::test]
    async fn what_is_not_read_keeps_no_login_and_no_password_for_ever() {
        let (window, heard) = unbounded_channel();
        let mut answers = Answers::Window(heard);
        assert_eq!(read_within(&mut answers, 0).await, None);
        for is_read in [true, false] {
            window.send(Heard::Answer(Answer::Button(Button::Read(is_read)))).unwrap();
            assert_eq!(read_within(&mut answers, 60).await, Some(is_read));
        }
    }
}
