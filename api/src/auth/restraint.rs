//! What holds back even those who may: a second person, and a quota of what is told.

use domain::identity::Role;

use super::{Call, authorise};
use crate::access::{Access, OPERATIONS, Operation, Recorded};

impl Call {
    /// What takes two persons of which the caller may be one.
    pub fn by_two(&self) -> Vec<&'static str> {
        let mine = OPERATIONS.iter().filter(|operation| operation.two_persons && authorise(self, operation).is_ok());
        mine.map(|operation| operation.id).collect()
    }

    /// The roles whose holders may do what is asked, if it takes two of them.
    pub fn seconds(&self) -> Option<&'static [Role]> {
        self.operation.two_persons.then_some(match self.operation.access {
            Access::Roles(roles) => roles,
            _ => &[Role::Administrator],
        })
    }

    /// How much of what is recorded this caller is told in a day, and by which operations: of what is read for a reason, or else of all.
    pub fn quota(&self) -> Option<(u32, Vec<&'static str>)> {
        let counted = |operation: &&Operation| operation.recorded == Recorded::WithReason;
        let of = |counted: &dyn Fn(&&Operation) -> bool| OPERATIONS.iter().filter(counted).map(|operation| operation.id).collect();
        let (with_reason, recorded) = self.desk.quotas;
        match (with_reason, recorded) {
            (quota, _) if quota > 0 && self.operation.recorded == Recorded::WithReason => Some((quota, of(&counted))),
            (_, quota) if quota > 0 => Some((quota, of(&|operation| operation.recorded != Recorded::Never))),
            _ => None,
        }
    }
}
