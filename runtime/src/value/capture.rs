//! Any `Serialize` value → a tree of bounded size, in one pass.
//!
//! Whatever the value's size, no more is kept than the budget, plus one string: strings are cut as they come, and
//! a list that outgrows the budget gives up its oldest elements but the first. In a conversation these are the
//! system's words and what was said last, which is what people look for.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::ser::Serialize;

use super::media::Media;
use super::panic::catch_user_panic;
use super::serializer::{Ended, Form, ListSink, ObjectSink, Sink, Step, Walk};
use super::{ContentValue, Elements, Key, List, Text, parse};

/// Deeper values are cut off: what follows walks the tree by recursion.
const MAX_DEPTH: usize = 48;
/// The same for what makes no tree deeper and is a recursion all the same: options, newtypes.
const MAX_WRAPPERS: usize = 96;
/// Bytes of a map's key. Longer ones than any real key are cut.
const MAX_KEY: usize = 256;

/// Approximate bytes of one node besides its text.
pub(super) const NODE: usize = 32;

/// How much of a value is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits<'k> {
    /// Bytes of one string.
    pub(crate) text: usize,
    /// Bytes of the whole tree.
    pub(crate) total: usize,
    /// If given, of an object at the root only these keys are looked at, each with a budget of its own.
    pub(crate) keys: Option<&'k [&'k str]>,
}

/// Captures a value. `None` if it is nothing (`None`, `()`), or if its `Serialize` impl fails or panics.
pub(crate) fn capture<T: Serialize + ?Sized>(value: &T, limits: Limits<'_>) -> Option<ContentValue> {
    let mut budget = Budget { used: 0, limits };
    let root = Capture { budget: &mut budget, depth: 0, wrappers: 0 };
    catch_user_panic(|| value.serialize(Walk::new(root)).ok())
        .flatten()
        .filter(|tree| *tree != ContentValue::Null)
}

struct Budget<'k> {
    used: usize,
    limits: Limits<'k>,
}

impl Budget<'_> {
    fn full(&self) -> bool {
        self.used > self.limits.total
    }

    /// Whether another string might not fit.
    fn cramped(&self) -> bool {
        self.used.saturating_add(self.limits.text) > self.limits.total
    }
}

/// A place in the tree.
struct Capture<'b, 'k> {
    budget: &'b mut Budget<'k>,
    depth: usize,
    wrappers: usize,
}

type Captured = Result<ContentValue, Ended>;

impl Capture<'_, '_> {
    #[expect(clippy::unnecessary_wraps, reason = "every caller returns it as its own result")]
    fn leaf(self, tree: ContentValue) -> Captured {
        self.budget.used += NODE;
        Ok(tree)
    }

    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Captured {
        let Capture { ref mut budget, depth, wrappers } = *self;
        value.serialize(Walk::new(Capture { budget, depth: depth + 1, wrappers }))
    }

    /// Whether this is a body, of which some keys are looked at and nothing else.
    fn is_body(&self) -> bool {
        self.depth == 0 && self.budget.limits.keys.is_some()
    }

    /// The same place, if what is inside of it is not too deep.
    fn opened(self) -> Result<Self, Ended> {
        if self.depth < MAX_DEPTH { Ok(self) } else { Err(Ended) }
    }
}

impl<'b, 'k> Sink for Capture<'b, 'k> {
    type Value = ContentValue;
    type List = Items<'b, 'k>;
    type Object = Entries<'b, 'k>;

    fn wrapped(mut self) -> Result<Self, Ended> {
        self.wrappers += 1;
        if self.wrappers < MAX_WRAPPERS { Ok(self) } else { Err(Ended) }
    }
    fn nothing(self) -> Captured {
        Ok(ContentValue::Null)
    }
    fn bool(self, value: bool) -> Captured {
        self.leaf(ContentValue::Bool(value))
    }
    fn int(self, value: i128) -> Captured {
        self.leaf(ContentValue::Int(value))
    }
    fn double(self, value: f64) -> Captured {
        self.leaf(ContentValue::Double(value))
    }
    fn text(self, value: &str) -> Captured {
        if let Some(media) = Media::of_text(value) {
            return self.leaf(ContentValue::Media(media));
        }
        // Nothing is copied once the budget is gone; the value is recorded as omitted.
        let limit = if self.budget.full() { 0 } else { self.budget.limits.text };
        let text = Text::cut(value, limit);
        self.budget.used += text.kept.len();
        self.leaf(ContentValue::Text(text))
    }
    fn word(self, value: &str) -> Captured {
        self.leaf(ContentValue::text(value))
    }
    fn bytes(self, value: &[u8]) -> Captured {
        self.leaf(ContentValue::Media(Media::of_bytes(value)))
    }
    fn variant<T: Serialize + ?Sized>(self, variant: &'static str, value: &T) -> Captured {
        if self.is_body() {
            return value.serialize(Walk::new(self.wrapped()?));
        }
        Ok(named(Some(variant), self.opened()?.inside(value)?))
    }
    fn list(self, _: Option<usize>) -> Result<Items<'b, 'k>, Ended> {
        self.tuple(None)
    }
    fn tuple(self, variant: Option<&'static str>) -> Result<Items<'b, 'k>, Ended> {
        Ok(Items { capture: self.opened()?, variant, kept: VecDeque::new(), omitted: 0 })
    }
    fn object(self, variant: Option<&'static str>) -> Result<Entries<'b, 'k>, Ended> {
        let variant = variant.filter(|_| !self.is_body());
        Ok(Entries { capture: self.opened()?, variant, kept: Vec::new(), instead: None })
    }
}

/// The elements of a list, with what each costs.
struct Items<'b, 'k> {
    capture: Capture<'b, 'k>,
    variant: Option<&'static str>,
    kept: VecDeque<(ContentValue, usize)>,
    omitted: usize,
}

impl ListSink for Items<'_, '_> {
    type Value = ContentValue;

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        // Before and not after, so that the newest element, which may be the last, finds room.
        while self.capture.budget.cramped() && self.kept.len() > 1 {
            if let Some((_, cost)) = self.kept.remove(1) {
                self.capture.budget.used = self.capture.budget.used.saturating_sub(cost);
                self.omitted += 1;
            }
        }
        let before = self.capture.budget.used;
        if let Ok(item) = self.capture.inside(value) {
            let cost = NODE + self.capture.budget.used.saturating_sub(before);
            self.capture.budget.used = before + cost;
            self.kept.push_back((item, cost));
        } else {
            self.capture.budget.used = before;
            self.omitted += 1;
        }
        Ok(())
    }

    fn end(self) -> Captured {
        let items = self.kept.into_iter().map(|(item, _)| item).collect();
        let list = ContentValue::List(List { items, omitted: self.omitted, of: Elements::Values });
        Ok(named(self.variant, list))
    }
}

/// The fields of a struct or the entries of a map.
struct Entries<'b, 'k> {
    capture: Capture<'b, 'k>,
    variant: Option<&'static str>,
    kept: Vec<(Key, ContentValue)>,
    /// The value in place of the object, if it has no entries.
    instead: Option<ContentValue>,
}

impl Entries<'_, '_> {
    fn is_looked_at(&self, key: &str) -> bool {
        self.capture.depth > 0 || self.capture.budget.limits.keys.is_none_or(|keys| keys.contains(&key))
    }
}

impl ObjectSink for Entries<'_, '_> {
    type Value = ContentValue;
    type Entry = Key;

    fn key(&self, key: &str) -> Option<Key> {
        self.is_looked_at(key).then(|| Cow::Owned(super::prefix(key, MAX_KEY).to_owned()))
    }
    fn field(&mut self, name: &'static str) -> Option<Key> {
        self.is_looked_at(name).then_some(Cow::Borrowed(name))
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: Key, value: &T) -> Step {
        if self.capture.is_body() {
            self.capture.budget.used = 0;
        }
        // Without budget short facts (a role, a type) still pass, but not without end.
        let before = self.capture.budget.used;
        if before > self.capture.budget.limits.total.saturating_mul(2) {
            return Ok(());
        }
        match self.capture.inside(value) {
            Ok(value) => {
                self.capture.budget.used += NODE + key.len();
                self.kept.push((key, value));
            }
            // One field that cannot be serialized does not take the others with it.
            Err(Ended) => self.capture.budget.used = before,
        }
        Ok(())
    }

    fn in_place<T: Serialize + ?Sized>(&mut self, value: &T, form: Form) -> Step {
        let Capture { ref mut budget, depth, wrappers } = self.capture;
        let place = Capture { budget, depth, wrappers }.wrapped();
        match (form, place.and_then(|place| value.serialize(Walk::in_place(place, form)))) {
            // The entries of an enum's content stand where the enum stands.
            (Form::Tagged, Ok(ContentValue::Object(entries))) => self.kept.extend(entries),
            (Form::Raw, Ok(value)) => self.instead = Some(value),
            (Form::Number, Ok(digits)) => {
                self.instead = Some(parse::number(digits.as_str().unwrap_or_default()));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(self) -> Captured {
        Ok(self.instead.unwrap_or_else(|| named(self.variant, ContentValue::Object(self.kept))))
    }
}

fn named(variant: Option<&'static str>, tree: ContentValue) -> ContentValue {
    match variant {
        Some(variant) => ContentValue::Object(vec![(Cow::Borrowed(variant), tree)]),
        None => tree,
    }
}
