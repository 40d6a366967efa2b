//! Limits on events.

use opentelemetry::Key;
use opentelemetry::logs::AnyValue;

use crate::value::prefix_of_chars;

/// The limits of log records in the specification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventLimits {
    /// Number of attributes.
    pub(crate) attributes: usize,
    /// Characters of one text, also inside maps and lists.
    pub(crate) text: Option<usize>,
}

impl EventLimits {
    /// For loggers of other providers, which have separate limits.
    pub(super) const NONE: Self = EventLimits { attributes: usize::MAX, text: None };

    /// Leaves out the last attributes, and the ends of texts.
    pub(super) fn apply(self, attributes: &mut Vec<(Key, AnyValue)>) {
        attributes.truncate(self.attributes);
        if let Some(limit) = self.text {
            for (_, value) in attributes {
                cut(value, limit);
            }
        }
    }
}

fn cut(value: &mut AnyValue, limit: usize) {
    match value {
        AnyValue::String(text) => {
            if let Some(prefix) = prefix_of_chars(text.as_str(), limit) {
                *text = prefix.to_owned().into();
            }
        }
        AnyValue::ListAny(items) => items.iter_mut().for_each(|item| cut(item, limit)),
        AnyValue::Map(entries) => entries.values_mut().for_each(|entry| cut(entry, limit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_wherever_they_are_and_the_last_attributes_left_out() {
        let map = AnyValue::Map(Box::new([(Key::new("k"), AnyValue::String("äöüß".into()))].into()));
        let list = AnyValue::ListAny(Box::new(vec![map, AnyValue::Int(12345)]));
        let mut attributes = vec![
            (Key::new("a"), list),
            (Key::new("b"), AnyValue::from("ab")),
            (Key::new("c"), AnyValue::Int(1)),
        ];
        EventLimits { attributes: 2, text: Some(3) }.apply(&mut attributes);

        let map = AnyValue::Map(Box::new([(Key::new("k"), AnyValue::String("äöü".into()))].into()));
        let list = AnyValue::ListAny(Box::new(vec![map, AnyValue::Int(12345)]));
        assert_eq!(attributes, [(Key::new("a"), list), (Key::new("b"), AnyValue::from("ab"))]);
    }
}
