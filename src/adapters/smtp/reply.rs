//! The replies of a server, with their code and a bounded part of their text.

use std::io::{self, Read};

/// The number of bytes that are kept of one line (RFC 5321 section 4.5.3.1.5 allows 512).
const LINE: usize = 512;
/// The number of bytes that are read at once.
const READ: usize = 1024;
/// The number of bytes that are kept of one reply.
const KEPT: usize = 4 * 1024;
/// The number of bytes that are read of one reply.
const MOST: usize = 64 * 1024;

/// One reply. Only its code decides, because the text may be any bytes.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The lines without their codes, each followed by `\n`.
    pub(super) text: Vec<u8>,
}

/// The reason why there is no reply.
#[derive(Debug)]
pub(super) enum Broken {
    /// The server does not speak SMTP.
    Garbled,
    /// The time for this step is over.
    Late,
    /// The connection has ended.
    Lost(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Late,
            _ => Self::Lost(error),
        }
    }
}

impl Reply {
    /// Returns true if the code begins with this digit (RFC 5321 section 4.2.1).
    pub(super) const fn is(&self, first: u16) -> bool {
        self.code / 100 == first
    }

    /// Returns true if the server says goodbye, which it may do at any time (RFC 5321 section 3.8).
    pub(super) const fn is_farewell(&self) -> bool {
        self.code == 421
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|byte| *byte == b'\n')
    }
}

/// The bytes that were read but not used yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Incoming(Vec<u8>);

impl Incoming {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what has arrived, as far as `read` returns it without waiting.
    pub(super) fn take_in(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) {
        let mut buffer = [0; READ];
        // The next command reports any fault of the connection.
        let read = read(&mut buffer).unwrap_or_default();
        self.0.extend(buffer.iter().take(read));
    }

    /// Returns the unread replies, or `None` if there is anything else.
    pub(super) fn rest(&self) -> Option<Vec<Reply>> {
        let (mut rest, mut replies) = (self.clone(), Vec::new());
        while !rest.is_empty() {
            replies.push(rest.reply(&mut io::empty()).ok()?);
        }
        Some(replies)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads one reply with all its lines. The code of the last line counts.
    pub(super) fn reply(&mut self, from: &mut impl Read) -> Result<Reply, Broken> {
        let (mut text, mut total) = (Vec::new(), 0);
        loop {
            let line = self.line(from, &mut total)?;
            let (code, is_last, words) = parse(&line).ok_or(Broken::Garbled)?;
            if text.len() + words.len() < KEPT {
                text.extend_from_slice(words);
                text.push(b'\n');
            }
            if is_last {
                return Ok(Reply { code, text });
            }
        }
    }

    /// Reads up to a line feed, and keeps the beginning of the line.
    fn line(&mut self, from: &mut impl Read, total: &mut usize) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        loop {
            let end = self.0.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(self.0.len(), |end| end + 1);
            *total += taken;
            let room = LINE.saturating_sub(line.len());
            line.extend(self.0.drain(..taken).take(room));
            if end.is_some() {
                while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
                    line.pop();
                }
                return Ok(line);
            }
            if *total > MOST {
                return Err(Broken::Garbled);
            }
            let mut buffer = [0; READ];
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return Err(Broken::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            self.0.extend(buffer.iter().take(read));
        }
    }
}

/// Returns the code of a line, whether it is the last line of the reply, and its text.
fn parse(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !matches!(digits.first(), Some(b'2'..=b'5')) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b'-', words)) => Some((code, false, words)),
        Some((b' ' | b'\t', words)) => Some((code, true, words)),
        Some((b'0'..=b'9', _)) => None,
        Some(_) => Some((code, true, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Reply, Broken> {
        Incoming::default().reply(&mut &*bytes)
    }

    #[test]
    fn the_code_counts_whatever_bytes_the_text_has() {
        for text in
            [&b"450 4.2.1 \xfcbergehend\r\n"[..], b"450\r\n", b"450\n", b"450 \0\xff\xfe\r\n"]
        {
            assert_eq!(read(text).unwrap().code, 450);
        }
        let reply = read(b"250-f\xfcr\r\n250-\r\n250 end\r\n").unwrap();
        assert_eq!((reply.code, reply.text.as_slice()), (250, &b"f\xfcr\n\nend\n"[..]));
        assert_eq!(read(b"250OK\r\n").unwrap().text, b"OK\n");
    }

    #[test]
    fn the_code_of_the_last_line_counts() {
        assert_eq!(read(b"250-one\r\n450 two\r\n").unwrap().code, 450);
    }

    #[test]
    fn a_line_that_has_no_code_is_no_reply() {
        for text in
            ["hello\r\n", "\r\n", "25\r\n", "2500 x\r\n", "150 x\r\n", "650 x\r\n", "+50 x\r\n"]
        {
            assert!(matches!(read(text.as_bytes()), Err(Broken::Garbled)), "{text:?}");
        }
        assert!(matches!(read(b"250-more to come\r\n"), Err(Broken::Lost(_))));
        assert!(matches!(read(b"25"), Err(Broken::Lost(_))));
    }

    #[test]
    fn a_long_line_is_cut_and_a_reply_without_end_is_refused() {
        let long = [b"550 ".to_vec(), vec![b'x'; 50_000], b"\r\n250 next\r\n".to_vec()].concat();
        let (mut from, mut incoming) = (long.as_slice(), Incoming::default());
        let reply = incoming.reply(&mut from).unwrap();
        assert_eq!((reply.code, reply.text.len()), (550, LINE - 4 + 1));
        assert_eq!(incoming.reply(&mut from).unwrap().code, 250);

        assert!(matches!(read(&vec![b'x'; 200_000]), Err(Broken::Garbled)));
        // The same where no read ends at the bound.
        let mut uneven = (&b"550 x"[..]).chain(io::repeat(b'x').take(200_000));
        assert!(matches!(Incoming::default().reply(&mut uneven), Err(Broken::Garbled)));
        // What has as many bytes as may be read goes on.
        let whole = [b"550 ".to_vec(), vec![b'x'; MOST - 4], b"\r\n".to_vec()].concat();
        assert_eq!(read(&whole).unwrap().code, 550);
        let endless = "250-x\r\n".repeat(20_000);
        assert!(matches!(read(endless.as_bytes()), Err(Broken::Garbled | Broken::Lost(_))));
    }

    #[test]
    fn lines_are_kept_as_long_as_they_fit() {
        let kept = |lengths: &[usize]| {
            let lines = lengths.iter().map(|length| format!("250-{}\r\n", "x".repeat(*length)));
            let text = format!("{}250 .\r\n", lines.collect::<String>());
            read(text.as_bytes()).unwrap().lines().filter(|line| line.len() > 1).count()
        };
        assert_eq!(kept(&[100, 100, 100]), 3);
        // Each of the forty takes a line feed as well.
        let rest = 4_096 - 40 * 100;
        assert_eq!(kept(&[&[99; 40][..], &[rest - 1]].concat()), 41);
        assert_eq!(kept(&[&[99; 40][..], &[rest]].concat()), 40);
    }
}
