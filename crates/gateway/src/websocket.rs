//! The frames of a WebSocket, followed as they flow by: only where one ends is looked for, in whatever pieces the
//! bytes come.

/// What says that an end is near, in the first byte of a frame.
const CLOSE: u8 = 8;
/// "Going away": whoever hears it comes back, to somebody else.
const GOING_AWAY: u16 = 1001;

/// One direction of a WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    place: Place,
    /// The frame is masked.
    masked: bool,
    /// It says that this is the end.
    closes: bool,
    /// What is still to come of what it carries.
    left: u64,
    /// A whole frame has said that this is the end.
    closed: bool,
    /// Nothing is read beyond the frame.
    ends: bool,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// The first one of a frame.
    #[default]
    Kind,
    /// Whether there is a mask, and how long it is if it is short.
    Short,
    /// One of its length; so many are to come.
    Length(u8),
    /// One of its mask; so many are to come.
    Mask(u8),
    /// One of what it carries.
    Payload,
}

impl Frames {
    /// Follows these bytes: how many of them. All, unless it was told to end.
    pub fn read(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while !self.has_ended()
            && let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty())
        {
            taken += self.step(rest);
        }
        taken
    }

    /// The frame that it is in is the last.
    pub fn end(&mut self) {
        self.ends = true;
    }

    /// It goes on, whatever it was told before.
    pub fn go_on(&mut self) {
        self.ends = false;
    }

    /// Whether the last frame is over.
    pub fn has_ended(&self) -> bool {
        self.ends && self.is_between()
    }

    /// Whether one frame has ended and none has begun.
    pub fn is_between(&self) -> bool {
        self.place == Place::Kind
    }

    /// Whether it was said that this is the end.
    pub fn has_closed(&self) -> bool {
        self.closed
    }

    fn step(&mut self, rest: &[u8]) -> usize {
        let Some(byte) = rest.first().copied() else { return 0 };
        match self.place {
            Place::Kind => {
                self.closes = byte & 0x0f == CLOSE;
                self.place = Place::Short;
            }
            Place::Short => {
                self.masked = byte & 0x80 != 0;
                self.left = 0;
                match byte & 0x7f {
                    126 => self.place = Place::Length(2),
                    127 => self.place = Place::Length(8),
                    short => {
                        self.left = u64::from(short);
                        self.begin_mask();
                    }
                }
            }
            Place::Length(more) => {
                self.left = self.left << 8 | u64::from(byte);
                self.place = Place::Length(more - 1);
                if more == 1 {
                    self.begin_mask();
                }
            }
            Place::Mask(more) => {
                self.place = Place::Mask(more - 1);
                if more == 1 {
                    self.begin_payload();
                }
            }
            Place::Payload => {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                self.left -= here as u64;
                self.begin_payload();
                return here;
            }
        }
        1
    }

    fn begin_mask(&mut self) {
        if self.masked {
            self.place = Place::Mask(4);
        } else {
            self.begin_payload();
        }
    }

    fn begin_payload(&mut self) {
        self.place = Place::Payload;
        if self.left == 0 {
            self.place = Place::Kind;
            self.closed |= self.closes;
        }
    }
}

/// Tells a client that whoever it talks to goes away.
pub fn farewell() -> [u8; 4] {
    let [high, low] = GOING_AWAY.to_be_bytes();
    [0x80 | CLOSE, 2, high, low]
}

/// Tells the same to an instance: what clients send is masked.
pub fn masked_farewell(mask: [u8; 4]) -> [u8; 8] {
    let [high, low] = GOING_AWAY.to_be_bytes();
    let [a, b, c, d] = mask;
    [0x80 | CLOSE, 0x80 | 2, a, b, c, d, high ^ a, low ^ b]
}
