//! How many copies there were, and why there were no more. It goes from table to table.

use model::ReleaseNumber;
use std::cell::Cell;
use std::rc::Rc;

/// What became of copies for one release.
#[derive(Debug)]
pub(crate) struct Tally {
    of: ReleaseNumber,
    to: ReleaseNumber,
    /// Copies under way.
    open: Cell<u32>,
    sent: Cell<u64>,
    answered: Cell<u64>,
    failed: Cell<u64>,
    too_large: Cell<u64>,
    too_many: Cell<u64>,
    unpaired: Cell<u64>,
    uncompared: Cell<u64>,
}

fn one_more(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

impl Tally {
    pub(crate) fn new(of: ReleaseNumber, to: ReleaseNumber) -> Self {
        Self {
            of,
            to,
            open: Cell::default(),
            sent: Cell::default(),
            answered: Cell::default(),
            failed: Cell::default(),
            too_large: Cell::default(),
            too_many: Cell::default(),
            unpaired: Cell::default(),
            uncompared: Cell::default(),
        }
    }

    pub(crate) fn is_between(&self, of: ReleaseNumber, to: ReleaseNumber) -> bool {
        (self.of, self.to) == (of, to)
    }

    pub(super) fn sent(&self) {
        one_more(&self.sent);
    }

    pub(super) fn ended(&self, answered: bool) {
        one_more(if answered { &self.answered } else { &self.failed });
    }

    pub(super) fn too_large(&self) {
        one_more(&self.too_large);
    }

    pub(super) fn too_many(&self) {
        one_more(&self.too_many);
    }

    pub(super) fn unpaired(&self) {
        one_more(&self.unpaired);
    }

    pub(super) fn uncompared(&self) {
        one_more(&self.uncompared);
    }

    pub(crate) fn tell(&self) -> wire::counts::Mirror {
        wire::counts::Mirror {
            of: self.of,
            to: self.to,
            sent: self.sent.get(),
            answered: self.answered.get(),
            failed: self.failed.get(),
            too_large: self.too_large.get(),
            too_many: self.too_many.get(),
            unpaired: self.unpaired.get(),
            uncompared: self.uncompared.get(),
        }
    }
}

/// Room for the copies of one request, until it is dropped.
#[derive(Debug)]
pub(super) struct Places {
    tally: Rc<Tally>,
    copies: u32,
}

impl Places {
    /// Room for so many, if no more than so many are under way then.
    pub(super) fn take(tally: &Rc<Tally>, copies: u32, most: u32) -> Option<Self> {
        let open = tally.open.get() + copies;
        (open <= most).then(|| {
            tally.open.set(open);
            Self { tally: Rc::clone(tally), copies }
        })
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.tally.open.set(self.tally.open.get() - self.copies);
    }
}
