//! Any `Serialize` value → a tree of bounded size, in one pass.
//!
//! Whatever the value's size, no more is kept than the budget, plus one string: strings are cut as they come, and
//! a list that outgrows the budget gives up its oldest elements but the first. In a conversation these are the
//! system's words and what was said last, which is what people look for.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::Display;

use serde::ser::{self, Serialize};

use super::key::KeyText;
use super::{ARBITRARY_PRECISION, ContentValue, Elements, Key, List, Text, parse};
use crate::value::is_tag;
use crate::value::json::{Json, RAW_VALUE};
use crate::value::media::Media;

/// Deeper values are cut off: what follows walks the tree by recursion.
const MAX_DEPTH: usize = 48;
/// The same for what makes no tree deeper and is a recursion all the same: options, newtypes.
const MAX_WRAPPERS: usize = 96;

/// What one node costs besides its text, roughly.
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
    crate::value::panic::catch_user_panic(|| {
        value.serialize(Capture { budget: &mut budget, depth: 0, wrappers: 0, is_raw: false }).ok()
    })
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

struct Capture<'b, 'k> {
    budget: &'b mut Budget<'k>,
    depth: usize,
    wrappers: usize,
    /// A text is JSON.
    is_raw: bool,
}

/// The value could not be serialized. It carries nothing: a message could hold content.
#[derive(Debug)]
pub(super) struct Ended;

impl Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the value could not be serialized")
    }
}

impl std::error::Error for Ended {}

impl ser::Error for Ended {
    fn custom<T: Display>(_message: T) -> Self {
        Ended
    }
}

type Captured = Result<ContentValue, Ended>;

impl<'k> Capture<'_, 'k> {
    #[expect(clippy::unnecessary_wraps, reason = "every caller returns it as its own result")]
    fn leaf(self, tree: ContentValue) -> Captured {
        self.budget.used += NODE;
        Ok(tree)
    }

    fn inner(&mut self) -> Capture<'_, 'k> {
        Capture { budget: self.budget, depth: self.depth + 1, wrappers: self.wrappers, is_raw: false }
    }

    fn wrapped(mut self) -> Result<Self, Ended> {
        self.wrappers += 1;
        if self.wrappers < MAX_WRAPPERS { Ok(self) } else { Err(Ended) }
    }

    /// Whether this is a body, of which some keys are looked at and nothing else.
    fn is_body(&self) -> bool {
        self.depth == 0 && self.budget.limits.keys.is_some()
    }
}

impl<'b, 'k> ser::Serializer for Capture<'b, 'k> {
    type Ok = ContentValue;
    type Error = Ended;
    type SerializeSeq = Items<'b, 'k>;
    type SerializeTuple = Items<'b, 'k>;
    type SerializeTupleStruct = Items<'b, 'k>;
    type SerializeTupleVariant = Items<'b, 'k>;
    type SerializeMap = Entries<'b, 'k>;
    type SerializeStruct = Entries<'b, 'k>;
    type SerializeStructVariant = Entries<'b, 'k>;

    fn serialize_bool(self, v: bool) -> Captured {
        self.leaf(ContentValue::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_i16(self, v: i16) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_i32(self, v: i32) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_i64(self, v: i64) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_i128(self, v: i128) -> Captured {
        self.leaf(ContentValue::Int(v))
    }
    fn serialize_u8(self, v: u8) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_u16(self, v: u16) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_u32(self, v: u32) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_u64(self, v: u64) -> Captured {
        self.leaf(ContentValue::Int(v.into()))
    }
    fn serialize_u128(self, v: u128) -> Captured {
        self.leaf(i128::try_from(v).map_or_else(|_| ContentValue::text(v.to_string()), ContentValue::Int))
    }
    fn serialize_f32(self, v: f32) -> Captured {
        self.leaf(ContentValue::Double(crate::value::widen(v)))
    }
    fn serialize_f64(self, v: f64) -> Captured {
        self.leaf(ContentValue::Double(v))
    }
    fn serialize_char(self, v: char) -> Captured {
        self.leaf(ContentValue::text(v))
    }
    fn serialize_str(mut self, v: &str) -> Captured {
        if std::mem::take(&mut self.is_raw) {
            return Json(v).serialize(self);
        }
        if let Some(media) = Media::of_text(v) {
            return self.leaf(ContentValue::Media(media));
        }
        // Nothing is copied once the budget is gone; that there was something is still told.
        let limit = if self.budget.full() { 0 } else { self.budget.limits.text };
        let kept = crate::value::prefix(v, limit).to_owned();
        self.budget.used += kept.len();
        self.leaf(ContentValue::Text(Text { kept, bytes: v.len() }))
    }
    fn serialize_bytes(self, v: &[u8]) -> Captured {
        self.leaf(ContentValue::Media(Media::of_bytes(v)))
    }
    fn serialize_none(self) -> Captured {
        Ok(ContentValue::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Captured {
        value.serialize(self.wrapped()?)
    }
    fn serialize_unit(self) -> Captured {
        Ok(ContentValue::Null)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Captured {
        Ok(ContentValue::Null)
    }
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Captured {
        self.leaf(ContentValue::text(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Captured {
        value.serialize(self.wrapped()?)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Captured {
        if self.is_body() {
            return value.serialize(self.wrapped()?);
        }
        if self.depth >= MAX_DEPTH {
            return Err(Ended);
        }
        let value = value.serialize(self.inner())?;
        Ok(ContentValue::Object(vec![(Cow::Borrowed(variant), value)]))
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Items<'b, 'k>, Ended> {
        Items::begin(self, None)
    }
    fn serialize_tuple(self, _len: usize) -> Result<Items<'b, 'k>, Ended> {
        Items::begin(self, None)
    }
    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Items<'b, 'k>, Ended> {
        Items::begin(self, None)
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'b, 'k>, Ended> {
        Items::begin(self, Some(variant))
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Entries<'b, 'k>, Ended> {
        Entries::begin(self, None)
    }
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Entries<'b, 'k>, Ended> {
        let mut entries = Entries::begin(self, None)?;
        if name == RAW_VALUE {
            entries.form = Form::Raw;
        }
        Ok(entries)
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Entries<'b, 'k>, Ended> {
        let variant = (!self.is_body()).then_some(variant);
        Entries::begin(self, variant)
    }
}

/// The elements of a list, with what each costs.
struct Items<'b, 'k> {
    capture: Capture<'b, 'k>,
    variant: Option<&'static str>,
    kept: VecDeque<(ContentValue, usize)>,
    omitted: usize,
}

impl<'b, 'k> Items<'b, 'k> {
    fn begin(capture: Capture<'b, 'k>, variant: Option<&'static str>) -> Result<Self, Ended> {
        if capture.depth >= MAX_DEPTH {
            return Err(Ended);
        }
        Ok(Items { capture, variant, kept: VecDeque::new(), omitted: 0 })
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Before and not after, so that the newest element, which may be the last, finds room.
        while self.capture.budget.cramped() && self.kept.len() > 1 {
            if let Some((_, cost)) = self.kept.remove(1) {
                self.capture.budget.used = self.capture.budget.used.saturating_sub(cost);
                self.omitted += 1;
            }
        }
        let before = self.capture.budget.used;
        if let Ok(item) = value.serialize(self.capture.inner()) {
            let cost = NODE + self.capture.budget.used.saturating_sub(before);
            self.capture.budget.used = before + cost;
            self.kept.push_back((item, cost));
        } else {
            self.capture.budget.used = before;
            self.omitted += 1;
        }
    }

    fn finish(self) -> ContentValue {
        let items = self.kept.into_iter().map(|(item, _)| item).collect();
        let list = ContentValue::List(List { items, omitted: self.omitted, of: Elements::Values });
        named(self.variant, list)
    }
}

/// The fields of a struct or the entries of a map.
struct Entries<'b, 'k> {
    capture: Capture<'b, 'k>,
    variant: Option<&'static str>,
    kept: Vec<(Key, ContentValue)>,
    next: Option<Key>,
    form: Form,
}

/// What kind of struct is being captured.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    /// The content of an adjacently tagged enum of bodies comes next.
    Tagged,
    /// JSON text.
    Raw,
    /// What the text said, as the only entry.
    Parsed,
}

impl<'b, 'k> Entries<'b, 'k> {
    fn begin(capture: Capture<'b, 'k>, variant: Option<&'static str>) -> Result<Self, Ended> {
        if capture.depth >= MAX_DEPTH {
            return Err(Ended);
        }
        Ok(Entries { capture, variant, kept: Vec::new(), next: None, form: Form::Plain })
    }

    fn push<T: Serialize + ?Sized>(&mut self, key: Key, value: &T) {
        match self.form {
            Form::Raw if key == RAW_VALUE => {
                let Capture { depth, wrappers, ref mut budget, .. } = self.capture;
                if let Ok(value) = value.serialize(Capture { budget, depth, wrappers, is_raw: true }) {
                    self.form = Form::Parsed;
                    self.kept.push((key, value));
                }
                return;
            }
            _ if self.capture.is_body() && is_tag::<T>() => self.form = Form::Tagged,
            _ => {}
        }
        if let (0, Some(keys)) = (self.capture.depth, self.capture.budget.limits.keys) {
            if !keys.contains(&key.as_ref()) {
                if matches!(self.form, Form::Tagged) {
                    self.push_content(value);
                }
                return;
            }
            self.capture.budget.used = 0;
        }
        // Without budget short facts (a role, a type) still pass, but not without end.
        if self.capture.budget.used > self.capture.budget.limits.total.saturating_mul(2) {
            return;
        }
        let before = self.capture.budget.used;
        match value.serialize(self.capture.inner()) {
            Ok(value) => {
                self.capture.budget.used += NODE + key.len();
                self.kept.push((key, value));
            }
            // One field that cannot be serialized does not take the others with it.
            Err(Ended) => self.capture.budget.used = before,
        }
    }

    /// The entries of an enum's content stand where the enum stands.
    fn push_content<T: Serialize + ?Sized>(&mut self, value: &T) {
        let Capture { depth, wrappers, ref mut budget, .. } = self.capture;
        let content = Capture { budget, depth, wrappers, is_raw: false };
        if let Ok(ContentValue::Object(entries)) =
            content.wrapped().and_then(|content| value.serialize(content))
        {
            self.kept.extend(entries);
        }
    }

    fn finish(mut self) -> ContentValue {
        if matches!(self.form, Form::Parsed) {
            return self.kept.remove(0).1;
        }
        if self.kept.len() == 1 && self.kept[0].0 == ARBITRARY_PRECISION {
            let digits = self.kept.remove(0).1;
            return parse::number(digits.as_str().unwrap_or_default());
        }
        named(self.variant, ContentValue::Object(self.kept))
    }
}

fn named(variant: Option<&'static str>, tree: ContentValue) -> ContentValue {
    match variant {
        Some(variant) => ContentValue::Object(vec![(Cow::Borrowed(variant), tree)]),
        None => tree,
    }
}

macro_rules! pushes {
    ($($trait:ident::$method:ident for $type:ident),*) => {$(
        impl ser::$trait for $type<'_, '_> {
            type Ok = ContentValue;
            type Error = Ended;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Ended> {
                self.push(value);
                Ok(())
            }
            fn end(self) -> Captured {
                Ok(self.finish())
            }
        }
    )*};
    ($($trait:ident for $type:ident),*) => {$(
        impl ser::$trait for $type<'_, '_> {
            type Ok = ContentValue;
            type Error = Ended;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Ended> {
                self.push(Cow::Borrowed(key), value);
                Ok(())
            }
            fn end(self) -> Captured {
                Ok(self.finish())
            }
        }
    )*};
}

pushes! {
    SerializeSeq::serialize_element for Items,
    SerializeTuple::serialize_element for Items,
    SerializeTupleStruct::serialize_field for Items,
    SerializeTupleVariant::serialize_field for Items
}
pushes!(SerializeStruct for Entries, SerializeStructVariant for Entries);

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = ContentValue;
    type Error = Ended;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Ended> {
        self.next = key.serialize(KeyText).ok();
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Ended> {
        if let Some(key) = self.next.take() {
            self.push(key, value);
        }
        Ok(())
    }
    fn end(self) -> Captured {
        Ok(self.finish())
    }
}
