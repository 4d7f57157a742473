//! Account: the bytes that one connection holds for itself, as they are, in a sum over all of its kind.

use prometheus_client::metrics::gauge::Gauge;

/// What one connection holds. Dropping it takes it off the sum.
#[derive(Debug)]
pub(super) struct Account {
    sum: Gauge,
    bytes: i64,
}

impl Account {
    /// Of a connection that holds nothing yet.
    pub(super) fn new(sum: &Gauge) -> Self {
        Self { sum: sum.clone(), bytes: 0 }
    }

    /// It holds so many bytes now.
    pub(super) fn set(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if bytes != self.bytes {
            self.sum.inc_by(bytes.saturating_sub(self.bytes));
            self.bytes = bytes;
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.sum.dec_by(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_what_all_hold_and_nothing_when_they_are_gone() {
        let sum = Gauge::default();
        let (mut a, mut b) = (Account::new(&sum), Account::new(&sum));
        a.set(100);
        b.set(50);
        a.set(20);
        assert_eq!(sum.get(), 70);
        drop(b);
        assert_eq!(sum.get(), 20);
        drop(a);
        assert_eq!(sum.get(), 0);
    }
}
