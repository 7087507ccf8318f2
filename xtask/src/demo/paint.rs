//! Colours, or none. Nothing is said by colour alone.

/// How text is coloured.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    /// Whether at all.
    pub(super) colours: bool,
}

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(super) fn open(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// What serves.
    pub(super) fn stable(self, text: &str) -> String {
        self.wrap("34", text)
    }

    /// What is being landed.
    pub(super) fn candidate(self, text: &str) -> String {
        self.wrap("36", text)
    }
}
