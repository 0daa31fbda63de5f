//! The layout of the record before, as a prediction for the next: producers write the same fields in the same order
//! with the same spaces, so the bytes between one value and the next can be compared instead of parsed.
//!
//! A prediction is only ever the exact bytes that were parsed before, in a place where they mean the same.

use super::names::Target;

/// What lies before a value: from the opening brace or the end of the value before it, up to the value.
struct Lead {
    bytes: Vec<u8>,
    target: Target,
}

/// Fields past these numbers are parsed each time.
const FIELDS_MAX: usize = 512;
const LEAD_BYTES_MAX: usize = 256;
/// How many fields a record may skip, each time, and still be predicted.
const SKIP_MAX: usize = 3;

#[derive(Default)]
pub(crate) struct Layout {
    leads: Vec<Lead>,
}

impl Layout {
    /// The lead at the beginning of `rest`, where it is the one expected at `field` or shortly after it: its field,
    /// length and target.
    #[inline]
    pub fn predict(&self, field: usize, rest: &[u8]) -> Option<(usize, usize, Target)> {
        // The first lead opens the object; no other field may begin like it.
        let window = if field == 0 { 0..1 } else { field..field + 1 + SKIP_MAX };
        for field in window {
            let lead = self.leads.get(field)?;
            if starts_with(rest, &lead.bytes) {
                return Some((field, lead.bytes.len(), lead.target));
            }
        }
        None
    }

    /// Notes the lead of a field that was not predicted.
    #[cold]
    pub fn learn(&mut self, field: usize, lead: &[u8], target: Target) {
        if field >= FIELDS_MAX || lead.len() > LEAD_BYTES_MAX {
            return;
        }
        let known_fields = self.leads.len();
        match self.leads.get_mut(field) {
            Some(known) => {
                known.bytes.clear();
                known.bytes.extend_from_slice(lead);
                known.target = target;
            }
            // A gap would be a field that was too long to note: leave what follows unpredicted.
            None if known_fields == field => self.leads.push(Lead { bytes: lead.to_vec(), target }),
            None => {}
        }
    }
}

/// As `slice::starts_with`, without a call for the short leads that are usual.
#[inline]
fn starts_with(bytes: &[u8], lead: &[u8]) -> bool {
    let Some(head) = bytes.get(..lead.len()) else { return false };
    if let (Some(a), Some(b)) = (head.first_chunk::<8>(), lead.first_chunk::<8>())
        && lead.len() <= 16
        && let (Some(c), Some(d)) = (head.last_chunk::<8>(), lead.last_chunk::<8>())
    {
        return u64::from_le_bytes(*a) == u64::from_le_bytes(*b) && u64::from_le_bytes(*c) == u64::from_le_bytes(*d);
    }
    head == lead
}
