//! The reasons why a policy file could not be used.

use std::io;

use thiserror::Error;

use crate::policy::DocumentError;

/// The error for a policy file, or the folder of policy files, that could not be used.
#[derive(Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// The content of the file is not a policy.
    #[error("policy file {file}: {error}")]
    Document {
        /// The name of the file.
        file: String,
        /// The JSON path and the rule.
        error: DocumentError,
    },
    /// The name belongs to something else than a file.
    #[error("policy file {file}: not a file; move it away")]
    NotAFile {
        /// The name.
        file: String,
    },
    /// The file or the folder could not be read.
    #[error("policy file {file}: cannot be read; check that it exists and may be read")]
    Read {
        /// The name of the file or the folder.
        file: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is larger than 1 MiB.
    #[error("policy file {file}: larger than 1 MiB")]
    TooLarge {
        /// The name of the file.
        file: String,
    },
    /// Another file is about the same tenant.
    #[error("policy file {file}: another file is about this tenant; keep one")]
    Twice {
        /// The name of the file.
        file: String,
    },
}

debug_is_text!(PolicyFileError);
