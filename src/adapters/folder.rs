//! Mail as files in a folder.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{SystemEntropy, mime};
use crate::{
    domain::{Digest, EmailAddress, Entropy, Timestamp},
    mail::{EmailMessage, TextMessage},
    ports::{Clock, EmailSender, SendError, SendErrorKind, SmsSender},
};

/// Writes each message as one `.eml` file, which any mail program can open. ASCII texts are written
/// unencoded, so that `cat` and `grep` find the code. In other texts, only letters beyond ASCII are
/// encoded.
///
/// A text message becomes a `.txt` file with the number on its first line.
///
/// Use it for demonstrations and tests only, because every reader of the folder can read the codes.
/// Only the owner can read the files. Each file appears completely or not at all, and the names
/// sort by time.
#[derive(Clone, Debug)]
pub struct FolderSender {
    folder: PathBuf,
    from: EmailAddress,
    clock: Arc<dyn Clock>,
}

impl FolderSender {
    /// Uses a folder, and creates the folder if it is missing.
    ///
    /// # Errors
    /// [`SendError`] if the folder cannot be created.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::{FolderSender, SystemClock};
    ///
    /// let folder = std::env::temp_dir().join("sspr-mails");
    /// let from = "no-reply@contoso.example".parse()?;
    /// let sender = FolderSender::open(folder, from, SystemClock::new())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(
        folder: impl AsRef<Path>,
        from: EmailAddress,
        clock: impl Clock + 'static,
    ) -> Result<Self, SendError> {
        let folder = folder.as_ref().to_owned();
        fs::create_dir_all(&folder).map_err(unwritable)?;
        Ok(Self { clock: Arc::new(clock), folder, from })
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of this kind, with the text for its time and id.
    fn write(
        &self,
        kind: &str,
        text: impl FnOnce(Timestamp, &Digest) -> Zeroizing<String>,
    ) -> Result<(), SendError> {
        let mut id = [0; 32];
        SystemEntropy::new().fill(&mut id).map_err(|error| {
            SendError::new(SendErrorKind::Transient, "mail folder: no message id could be drawn")
                .with_source(error)
        })?;
        let (id, now) = (Digest::from_bytes(id), self.clock.now());
        let unique = u32::from_be_bytes(id.head());
        let name = format!("{:020}-{unique:08x}", now.as_micros());
        let (hidden, shown) = (format!(".{name}.part"), format!("{name}.{kind}"));
        let hidden = self.folder.join(hidden);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(&hidden).map_err(unwritable)?;
        file.write_all(text(now, &id).as_bytes()).map_err(unwritable)?;
        fs::rename(&hidden, self.folder.join(shown)).map_err(unwritable)
    }
}

#[async_trait]
impl EmailSender for FolderSender {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        self.write("eml", |now, id| mime::write(message, &self.from, now, id))
    }
}

#[async_trait]
impl SmsSender for FolderSender {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let text = [message.to.as_str(), "\n\n", &message.text, "\n"];
        // One allocation of the right size, so that no copy of the code is left behind.
        self.write("txt", |_, _| Zeroizing::new(text.concat()))
    }
}

fn unwritable(error: io::Error) -> SendError {
    let message = "mail folder: cannot be written; check that it exists and may be written";
    SendError::new(SendErrorKind::Setup, message).with_source(error)
}
