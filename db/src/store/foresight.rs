//! What the writes of a group are known to ask about: read for all in one trip when it begins, and dropped as soon as a write may have
//! made it untrue.

use std::collections::{HashMap, HashSet};

use domain::id::OrganisationId;

use crate::budget::credit::CreditMove;
use crate::connection::Conn;
use crate::expenditure::chargeable::{self, Chargeable, all_chargeables};
use crate::fault::Fault;
use crate::fund::payer::{self, Payers, all_payers};

/// What a write asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// A commitment.
    Chargeable(chargeable::Wanted),
    /// An allocation: it reads and changes rows of its organisation only.
    Payers(payer::Wanted),
}

/// What it is judged by.
#[derive(Clone, Debug)]
pub enum Foreseen {
    Chargeable(Box<Chargeable>),
    Payers(Box<Payers>),
}

#[derive(Default)]
pub struct Foresight {
    chargeables: HashMap<chargeable::Wanted, Chargeable>,
    payers: HashMap<payer::Wanted, Payers>,
}

impl Foresight {
    pub fn read(conn: &mut Conn, wanted: HashSet<Wanted>) -> Result<Self, Fault> {
        let (mut charges, mut purposes) = (Vec::new(), Vec::new());
        for one in wanted {
            match one {
                Wanted::Chargeable(one) => charges.push(one),
                Wanted::Payers(one) => purposes.push(one),
            }
        }
        let mut foresight = Self::default();
        if !charges.is_empty() {
            foresight.chargeables = all_chargeables(conn, &charges)?;
        }
        if !purposes.is_empty() {
            foresight.payers = all_payers(conn, &purposes)?;
        }
        Ok(foresight)
    }

    pub fn knows(&self, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::Chargeable(wanted) => self.chargeables.contains_key(wanted),
            Wanted::Payers(wanted) => self.payers.contains_key(wanted),
        }
    }

    /// What a write is judged by, which is about to be done.
    pub fn take(&mut self, wanted: &Wanted) -> Option<Foreseen> {
        match wanted {
            // It is kept true by what each of them reserves.
            Wanted::Chargeable(wanted) => self.chargeables.get(wanted).cloned().map(|one| Foreseen::Chargeable(Box::new(one))),
            Wanted::Payers(wanted) => {
                let taken = self.payers.remove(wanted);
                self.forget(wanted.organisation);
                taken.map(|one| Foreseen::Payers(Box::new(one)))
            }
        }
    }

    /// A commitment was made.
    pub fn follow(&mut self, moved: &CreditMove) {
        self.chargeables.iter_mut().for_each(|(wanted, seen)| seen.follow(wanted, moved));
    }

    /// Something else was done to rows of an organisation.
    pub fn forget(&mut self, organisation: OrganisationId) {
        self.chargeables.retain(|wanted, _| wanted.organisation != organisation);
        self.payers.retain(|wanted, _| wanted.organisation != organisation);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
