//! Reads of one row by its id: those that wait together are one query.
//!
//! Whoever comes first brings a read to a connection; whoever comes before that read begins is found by it as well. Nobody lingers for
//! others: alone, it is a read like any other.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use domain::sensitivity::Scope;
use tokio::sync::oneshot::{Receiver, Sender, channel};

use crate::connection::Conn;
use crate::expenditure::CommitmentById;
use crate::fault::Fault;

/// What is read so.
pub trait ById: Sized + 'static {
    type Id: Copy + Eq + Hash + Send + 'static;
    type Row: Clone + Send + 'static;

    /// Those rows that a scope may see.
    fn find(conn: &mut Conn, scope: &Scope, ids: &[Self::Id]) -> Result<HashMap<Self::Id, Self::Row>, Fault>;

    /// Where those who ask wait.
    fn among(gathered: &Gathered) -> &Gather<Self>;
}

/// Everything that is read so.
#[derive(Default)]
pub struct Gathered {
    pub commitments: Gather<CommitmentById>,
}

/// Who waits for rows of a kind, scope by scope.
pub struct Gather<K: ById>(Arc<Mutex<HashMap<Scope, Vec<Asked<K>>>>>);

/// An id, and where its row comes out: nothing where there is none.
type Asked<K> = (<K as ById>::Id, Sender<Option<<K as ById>::Row>>);

impl<K: ById> Default for Gather<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: ById> Gather<K> {
    /// Joins those who wait; says whether this is the first of them, who has to bring them to a connection.
    pub fn join(&self, scope: Scope, id: K::Id) -> (Receiver<Option<K::Row>>, bool) {
        let (sender, receiver) = channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let those = all.entry(scope).or_default();
        those.push((id, sender));
        (receiver, those.len() == 1)
    }

    /// Reads for all who wait when it begins. If it fails they hear nothing any more.
    pub fn read(&self, scope: Scope) -> impl FnOnce(&mut Conn) -> Result<(), Fault> + Send + use<K> {
        let all = Arc::clone(&self.0);
        move |conn| {
            let those = all.lock().unwrap_or_else(PoisonError::into_inner).remove(&scope).unwrap_or_default();
            let ids: Vec<K::Id> = those.iter().map(|(id, _)| *id).collect();
            let found = K::find(conn, &scope, &ids)?;
            for (id, row) in those {
                drop(row.send(found.get(&id).cloned()));
            }
            Ok(())
        }
    }
}
