//! `count(DISTINCT …)`: the values of all groups in one table, each with how often it is there. It gives their number and
//! never looks at them in an order: what needs that is [`ordered`](super::ordered).

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, UInt32Array, new_empty_array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::DataType;

use super::Keys;
use super::numbers::Rows;
use crate::operator::Save;
use crate::rows::saved::{Came, Incoming, Outgoing, Touched};
use crate::rows::{Codec, value};
use crate::{Error, Result};

/// No member, no group.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub struct Distinct {
    codec: Arc<Codec>,
    /// The group's slot and the value; a member is what these give a slot of their own.
    members: Keys,
    /// By member.
    places: Vec<Place>,
    /// By group.
    groups: Vec<Group>,
    /// Members whose number is not in a checkpoint yet. Those that are not there any more stay until then.
    unsaved: Touched<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    copies: i64,
    group: u32,
    /// The members before and behind it in its group.
    before: u32,
    behind: u32,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first: u32,
    /// How many different values there are.
    values: i64,
}

const EMPTY: Group = Group { first: NONE, values: 0 };
const FREE: Place = Place { copies: 0, group: NONE, before: NONE, behind: NONE };

/// What a checkpoint takes of the values.
pub struct Taken {
    which: Save,
    /// Those that changed, in the order of their groups: the group, the value, and how often it is there.
    groups: Vec<u32>,
    values: ArrayRef,
    copies: Vec<[i64; 1]>,
}

impl Distinct {
    pub fn new(data_type: &DataType) -> Result<Distinct> {
        if !value::is_kept(data_type) {
            return Err(Error::not_built(format!("values of type {data_type} can't be kept for an aggregate yet")));
        }
        Distinct::over(Codec::new(vec![data_type.clone()], &[])?)
    }

    fn over(codec: Arc<Codec>) -> Result<Distinct> {
        let members = Keys::new(vec![DataType::UInt32, codec.types()[0].clone()])?;
        Ok(Distinct { codec, members, places: Vec::new(), groups: Vec::new(), unsaved: Touched::default() })
    }

    pub fn like(&self) -> Result<Distinct> {
        Distinct::over(Arc::clone(&self.codec))
    }

    pub fn resize(&mut self, slots: usize) {
        if slots > self.groups.len() {
            self.groups.resize(slots, EMPTY);
        }
    }

    pub fn clear(&mut self, slot: u32) {
        while self.groups[slot as usize].first != NONE {
            self.remove(self.groups[slot as usize].first);
        }
        self.groups[slot as usize] = EMPTY;
    }

    /// See [`super::Accumulator::truncate`]; asked of copies alone, which have no members.
    pub fn truncate(&mut self) {
        self.groups.clear();
    }

    /// See [`super::Accumulator::push_copy`].
    pub fn push_copy(&mut self, other: &Distinct, slot: u32) {
        self.groups.push(Group { first: NONE, values: other.groups[slot as usize].values });
    }

    pub fn update(
        &mut self,
        slots: &[u32],
        argument: &ArrayRef,
        filter: Option<&BooleanArray>,
        weights: Option<&ScalarBuffer<i64>>,
    ) -> Result<()> {
        let (mut rows, mut groups, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        Rows { slots, filter, argument: Some(argument.as_ref()), weights }.for_each(|slot, row, weight| {
            rows.push(row as u32);
            groups.push(slot as u32);
            copies.push(weight);
        });
        if rows.len() == slots.len() {
            return self.add(groups, argument, &copies);
        }
        let values = arrow::compute::take(argument, &UInt32Array::from(rows), None)?;
        self.add(groups, &values, &copies)
    }

    /// Values that come to groups so often.
    fn add(&mut self, groups: Vec<u32>, values: &ArrayRef, copies: &[i64]) -> Result<()> {
        let members = self.members(groups.clone(), values)?;
        for ((member, group), copies) in members.into_iter().zip(groups).zip(copies) {
            self.unsaved.note(group, member);
            self.set(member, self.places[member as usize].copies + copies);
        }
        Ok(())
    }

    /// The members that values of groups are, new ones where there are none.
    fn members(&mut self, groups: Vec<u32>, values: &ArrayRef) -> Result<Vec<u32>> {
        let rows = groups.len();
        let columns: [ArrayRef; 2] = [Arc::new(UInt32Array::from(groups.clone())), Arc::clone(values)];
        let mut members = Vec::new();
        self.members.assign(&columns, rows, &mut members)?;
        self.places.resize(self.members.capacity(), FREE);
        for (member, group) in members.iter().zip(groups) {
            if self.places[*member as usize].group == NONE {
                let behind = std::mem::replace(&mut self.groups[group as usize].first, *member);
                if behind != NONE {
                    self.places[behind as usize].before = *member;
                }
                self.places[*member as usize] = Place { copies: 0, group, before: NONE, behind };
            }
        }
        Ok(members)
    }

    /// A member is there so often. It is counted by whether it is there at all: within a tick it may be so less than
    /// never, since what is taken back can come before it was given.
    fn set(&mut self, member: u32, copies: i64) {
        let place = &mut self.places[member as usize];
        let before = std::mem::replace(&mut place.copies, copies);
        self.groups[place.group as usize].values += i64::from(copies != 0) - i64::from(before != 0);
    }

    /// Forgets a member.
    fn remove(&mut self, member: u32) {
        self.set(member, 0);
        let Place { group, before, behind, .. } = std::mem::replace(&mut self.places[member as usize], FREE);
        match before {
            NONE => self.groups[group as usize].first = behind,
            before => self.places[before as usize].behind = behind,
        }
        if behind != NONE {
            self.places[behind as usize].before = before;
        }
        self.members.remove(member);
    }

    /// The members of a group.
    fn of(&self, slot: u32) -> impl Iterator<Item = u32> {
        let next = |member: u32| Some(member).filter(|member| *member != NONE);
        let first = next(self.groups[slot as usize].first);
        std::iter::successors(first, move |member| next(self.places[*member as usize].behind))
    }

    fn values(&self, members: &[u32]) -> Result<ArrayRef> {
        Ok(self.members.columns(members)?.swap_remove(1))
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) -> Result<()> {
        let members: Vec<u32> = self.of(from).collect();
        let copies: Vec<i64> = members.iter().map(|member| self.places[*member as usize].copies).collect();
        let values = self.values(&members)?;
        self.clear(from);
        self.add(vec![into; members.len()], &values, &copies)
    }

    pub fn results(&self, slots: &[u32]) -> ArrayRef {
        let values = slots.iter().map(|slot| self.groups[*slot as usize].values);
        Arc::new(Int64Array::from_iter_values(values))
    }

    pub fn taken(&mut self, which: Save) -> Result<Taken> {
        let is_there = |(group, member): &(u32, u32)| self.places[*member as usize].group == *group;
        let changed: Vec<(u32, u32)> = self.unsaved.take(Save::Changes).into_iter().filter(is_there).collect();
        let (groups, members): (Vec<u32>, Vec<u32>) = changed.into_iter().unzip();
        let taken = match which {
            Save::All => {
                Taken { which, groups: Vec::new(), values: new_empty_array(&self.codec.types()[0]), copies: Vec::new() }
            }
            _ => Taken { which, groups, values: self.values(&members)?, copies: self.copies(&members).collect() },
        };
        for member in members {
            if self.places[member as usize].copies == 0 {
                self.remove(member);
            }
        }
        Ok(taken)
    }

    fn copies<'a>(&'a self, members: &'a [u32]) -> impl Iterator<Item = [i64; 1]> + 'a {
        members.iter().map(|member| [self.places[*member as usize].copies])
    }

    /// The values of groups with how often each is there.
    pub fn outgoing(&self, taken: &Taken, slots: &[u32]) -> Result<Outgoing<1>> {
        let Taken { which, groups, values, copies } = taken;
        let of_slots = |from: &u32, to: &u32| {
            groups.partition_point(|each| each < from)..groups.partition_point(|each| each <= to)
        };
        let changed = slots.iter().min().zip(slots.iter().max()).map_or(0..0, |(first, last)| of_slots(first, last));
        // Behind the values that changed come all those of slots that are taken whole.
        let (mut members, mut keys) = (Vec::new(), Vec::with_capacity(slots.len()));
        for slot in slots {
            if which.is_whole(*slot) {
                let begin = changed.len() + members.len();
                members.extend(self.of(*slot));
                keys.push((true, begin..changed.len() + members.len()));
            } else {
                let Range { start, end } = of_slots(slot, slot);
                keys.push((false, start - changed.start..end - changed.start));
            }
        }
        let values = values.slice(changed.start, changed.len());
        let values = arrow::compute::concat(&[values.as_ref(), self.values(&members)?.as_ref()])?;
        let copies = copies[changed].iter().copied().chain(self.copies(&members)).collect();
        Ok(Outgoing::new(vec![values], copies, keys))
    }

    pub fn incoming(&self) -> Incoming<1> {
        Incoming::new(&self.codec)
    }

    /// Takes back what a checkpoint has of groups.
    pub fn load(&mut self, slots: &[u32], came: Came<1>) -> Result<()> {
        let (mut groups, mut copies) = (Vec::new(), Vec::new());
        for (slot, of_key) in slots.iter().zip(came.keys) {
            if of_key.is_whole {
                self.clear(*slot);
            }
            groups.extend(of_key.rows.iter().map(|_| *slot));
            copies.extend(of_key.rows.into_iter().map(|(_, [copies])| copies));
        }
        for (member, copies) in self.members(groups, &came.columns[0])?.into_iter().zip(copies) {
            match copies {
                0 => self.remove(member),
                copies => self.set(member, copies),
            }
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        let places = self.places.capacity() * size_of::<Place>();
        self.members.bytes() + places + self.groups.capacity() * size_of::<Group>() + self.unsaved.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[i64]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    /// Writes two groups, and reads them where earlier checkpoints were read.
    fn checkpoint(distinct: &mut Distinct, read: &mut Distinct, which: Save) -> usize {
        let taken = distinct.taken(which).unwrap();
        let mut outgoing = distinct.outgoing(&taken, &[0, 1]).unwrap();
        let mut bytes = Vec::new();
        (0..2).for_each(|_| outgoing.write(&mut bytes));
        let (mut incoming, mut rest) = (read.incoming(), bytes.as_slice());
        assert!(incoming.read(&mut rest) && incoming.read(&mut rest) && rest.is_empty());
        read.load(&[0, 1], incoming.finish().unwrap()).unwrap();
        assert_eq!(&read.results(&[0, 1]), &distinct.results(&[0, 1]));
        bytes.len()
    }

    #[test]
    fn values_come_go_and_move_and_what_changed_is_saved() {
        let mut distinct = Distinct::new(&DataType::Int64).unwrap();
        let mut read = distinct.like().unwrap();
        [&mut distinct, &mut read].into_iter().for_each(|each| each.resize(2));
        let many: Vec<i64> = (0..1000).collect();
        distinct.update(&[0; 1000], &numbers(&many), None, None).unwrap();
        distinct.update(&[0, 0, 1], &numbers(&[5, 5, 5]), None, None).unwrap();
        assert_eq!(&distinct.results(&[0, 1]), &numbers(&[1000, 1]));
        checkpoint(&mut distinct, &mut read, Save::All);

        // Two of three copies of 5 go, and the only one of 7; one is taken back before it comes.
        let weights = [-1, -1, -1, -1, 1].to_vec().into();
        distinct.update(&[0; 5], &numbers(&[5, 5, 7, 2000, 2000]), None, Some(&weights)).unwrap();
        assert_eq!(&distinct.results(&[0, 1]), &numbers(&[999, 1]));
        assert!(checkpoint(&mut distinct, &mut read, Save::Changes) < 100);

        distinct.merge(1, 0).unwrap();
        assert_eq!(&distinct.results(&[0, 1]), &numbers(&[999, 0]));
        distinct.update(&[1], &numbers(&[7]), None, None).unwrap();
        // Of the group that was emptied, a checkpoint says that it is gone; here its key stays, and so it is whole.
        checkpoint(&mut distinct, &mut read, Save::All);

        distinct.clear(0);
        distinct.update(&[0, 0], &numbers(&[1, 2]), None, None).unwrap();
        assert_eq!(&distinct.results(&[0, 1]), &numbers(&[2, 1]));
        checkpoint(&mut distinct, &mut read, Save::All);
        assert_eq!(distinct.members.len(), 3);
    }
}
