//! The format of SQLite's write-ahead log, as far as writing one anew needs it.
//!
//! Owns [`Chain`]: which frames of a log are whole, by the checksums that SQLite itself recovers by.
//! Source: <https://www.sqlite.org/fileformat2.html#walformat>. What is done with them is `log.rs`.

/// Length of the header of the file.
pub(crate) const HEADER: usize = 32;
/// Length of the header of a frame.
const FRAME_HEADER: usize = 24;

/// The largest page SQLite knows.
const MAX_PAGE: u32 = 65_536;

/// Reads a log from its beginning, frame by frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    big_endian: bool,
    page: usize,
    salt: [u8; 8],
    sum: (u32, u32),
    frames: u64,
    committed: u64,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_be_bytes(word.unwrap_or_default())
}

impl Chain {
    /// The beginning of the log with this header; `None` if it is no header of a log.
    pub(crate) fn begin(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header, 0);
        let page = word(header, 8);
        let is_log = magic & !1 == 0x377f_0682
            && word(header, 4) == 3_007_000
            && page.is_power_of_two()
            && (512..=MAX_PAGE).contains(&page);
        if !is_log {
            return None;
        }
        let mut chain = Self {
            big_endian: magic & 1 == 1,
            page: page as usize,
            salt: header.get(16..24)?.try_into().ok()?,
            sum: (0, 0),
            frames: 0,
            committed: 0,
        };
        chain.add(header.get(..24)?);
        (chain.sum == (word(header, 24), word(header, 28))).then_some(chain)
    }

    /// How long a frame is.
    pub(crate) fn frame_len(&self) -> usize {
        FRAME_HEADER + self.page
    }

    /// How many frames there were up to the last that ended a commit.
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }

    /// Whether these bytes are the next frame, whole. Then the one after it may follow.
    pub(crate) fn next(&mut self, frame: &[u8]) -> bool {
        if frame.len() != self.frame_len() || frame.get(8..16) != Some(&self.salt) {
            return false;
        }
        let before = self.sum;
        self.add(frame.get(..8).unwrap_or_default());
        self.add(frame.get(FRAME_HEADER..).unwrap_or_default());
        if self.sum == (word(frame, 16), word(frame, 20)) && word(frame, 0) != 0 {
            self.frames += 1;
            // The second word is the size of the database after a commit, else zero.
            if word(frame, 4) != 0 {
                self.committed = self.frames;
            }
            return true;
        }
        self.sum = before;
        false
    }

    fn add(&mut self, bytes: &[u8]) {
        let read = if self.big_endian {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        let (mut a, mut b) = self.sum;
        let (words, _) = bytes.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        for [first, second] in pairs {
            a = a.wrapping_add(read(*first)).wrapping_add(b);
            b = b.wrapping_add(read(*second)).wrapping_add(a);
        }
        self.sum = (a, b);
    }
}
