//! Admission: how many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what is inside. One for each listener, and one for held requests.
#[derive(Debug)]
pub(super) struct Admission {
    total: usize,
    per_address: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// In all.
    Total,
    /// From this address.
    Address,
}

/// The right to be inside; dropping it makes room. It lives in the task it is for.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Room for `total`, of which `per_address` from one address.
    pub(super) fn new(total: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { total, per_address, inside: Mutex::default() })
    }

    /// Lets one more in from `address`.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Full> {
        let address = network(address);
        let mut inside = self.inside();
        if inside.total >= self.total {
            return Err(Full::Total);
        }
        let count = inside.by_address.entry(address).or_default();
        // The machine itself is no stranger: a proxy on it stands for all its viewers.
        if *count >= self.per_address && !address.is_loopback() {
            return Err(Full::Address);
        }
        *count += 1;
        inside.total += 1;
        Ok(Permit { admission: self.clone(), address })
    }

    /// Whether there is no room for anybody.
    pub(super) fn is_full(&self) -> bool {
        self.inside().total >= self.total
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inside = self.admission.inside();
        inside.total = inside.total.saturating_sub(1);
        if let Some(count) = inside.by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                inside.by_address.remove(&self.address);
            }
        }
    }
}

/// An IPv6 host owns its /64, so that counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_makes_room_when_it_is_dropped() {
        let door = Admission::new(3, 2);
        let (a, b): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let first = door.admit(a).unwrap();
        let _second = door.admit(a).unwrap();
        assert_eq!(door.admit(a).unwrap_err(), Full::Address);
        let _third = door.admit(b).unwrap();
        assert_eq!(door.admit(b).unwrap_err(), Full::Total);
        drop(first);
        let _fourth = door.admit(b).unwrap();
        assert_eq!(door.inside().by_address.len(), 2);
    }

    #[test]
    fn the_machine_itself_is_bounded_only_in_total() {
        let door = Admission::new(3, 1);
        let local: IpAddr = [127, 0, 0, 1].into();
        let _inside: Vec<_> = (0..3).map(|_| door.admit(local).unwrap()).collect();
        assert_eq!(door.admit(local).unwrap_err(), Full::Total);
    }

    #[test]
    fn nothing_is_remembered_of_who_left() {
        let door = Admission::new(10, 10);
        (0..=255_u8).for_each(|n| drop(door.admit([192, 0, 2, n].into())));
        let inside = door.inside();
        assert_eq!((inside.total, inside.by_address.len()), (0, 0));
    }
}
