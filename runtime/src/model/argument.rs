//! Value traits for arguments of the attribute: by reference, optional, owned or borrowed.
//!
//! Every trait returns an `Option`: a `None` is not recorded, so that "not given" and "given" stay apart.

use std::borrow::Cow;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::rc::Rc;
use std::sync::Arc;

use opentelemetry::{Array, StringValue, Value};
use serde::Serialize;

use crate::value::widen;

/// A text argument: `&str`, `String`, `Cow<str>`, or an `Option` or reference of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text",
    label = "expected `&str`, `String` or an `Option` of one",
    note = "for other types pass `value.to_string()` or `value.as_str()`"
)]
pub trait Text {
    /// The text, if there is one.
    fn text(&self) -> Option<Cow<'_, str>>;
}

/// An integer argument: any integer type, or an `Option` or reference of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer",
    label = "expected an integer or an `Option` of one"
)]
pub trait Int {
    /// The integer, if there is one. What does not fit an `i64` (OTLP's only integer) saturates.
    fn int(&self) -> Option<i64>;
}

/// A number argument: `f64`, `f32`, an integer of up to 32 bits, or an `Option` or reference of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    label = "expected `f64`, `f32` or an `Option` of one"
)]
pub trait Double {
    /// The number, if there is one.
    fn double(&self) -> Option<f64>;
}

/// A flag argument: `bool`, or an `Option` or reference of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `bool`",
    label = "expected `bool` or an `Option` of it"
)]
pub trait Flag {
    /// The flag, if there is one.
    fn flag(&self) -> Option<bool>;
}

/// A list of texts: a slice, array or `Vec` of text, or a single text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of text",
    label = "expected text, or a slice, array or `Vec` of text"
)]
pub trait TextList {
    /// The texts, if any.
    fn list(&self) -> Option<Vec<String>>;
}

/// A value of `attributes("key" = value)`: text, integer, float, `bool`, or a list of text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a span attribute",
    label = "expected text, an integer, a float, a `bool` or a list of text",
    note = "for other types pass `value.to_string()`"
)]
pub trait AttributeValue {
    /// The attribute's value, if there is one.
    fn attribute(&self) -> Option<Value>;
}

/// A content argument: anything that is `serde::Serialize`. Text is text, everything else the JSON it serializes to. A type that
/// is [`Capture`](crate::Capture) is given as [`as_content()`](crate::Capture::as_content), which the attribute does by itself.
///
/// A type that must not be recorded is one that implements neither.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded as content",
    label = "neither `llm_trace::Capture` nor `serde::Serialize`",
    note = "derive one of them, or name the parts that may be recorded"
)]
pub trait Content: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Content for T {}

macro_rules! through_wrappers {
    ($($trait:ident . $method:ident -> $out:ty),* $(,)?) => {$(
        impl<T: $trait + ?Sized> $trait for &T {
            fn $method(&self) -> $out { (**self).$method() }
        }
        impl<T: $trait + ?Sized> $trait for &mut T {
            fn $method(&self) -> $out { (**self).$method() }
        }
        impl<T: $trait + ?Sized> $trait for Box<T> {
            fn $method(&self) -> $out { (**self).$method() }
        }
        impl<T: $trait + ?Sized> $trait for Arc<T> {
            fn $method(&self) -> $out { (**self).$method() }
        }
        impl<T: $trait + ?Sized> $trait for Rc<T> {
            fn $method(&self) -> $out { (**self).$method() }
        }
        impl<T: $trait> $trait for Option<T> {
            fn $method(&self) -> $out { self.as_ref().and_then(|value| value.$method()) }
        }
    )*};
}

through_wrappers! {
    Text.text -> Option<Cow<'_, str>>,
    Int.int -> Option<i64>,
    Double.double -> Option<f64>,
    Flag.flag -> Option<bool>,
    TextList.list -> Option<Vec<String>>,
    AttributeValue.attribute -> Option<Value>,
}

macro_rules! text_types {
    ($($type:ty),*) => {$(
        impl Text for $type {
            fn text(&self) -> Option<Cow<'_, str>> { Some(Cow::Borrowed(self)) }
        }
        impl TextList for $type {
            fn list(&self) -> Option<Vec<String>> { Some(vec![self.to_string()]) }
        }
        impl AttributeValue for $type {
            fn attribute(&self) -> Option<Value> { Some(Value::String(StringValue::from(self.to_string()))) }
        }
    )*};
}

text_types!(str, String, Cow<'_, str>);

macro_rules! integer_types {
    ($($type:ty),*) => {$(
        impl Int for $type {
            #[allow(unused_comparisons, reason = "for the unsigned types")]
            fn int(&self) -> Option<i64> {
                Some(i64::try_from(*self).unwrap_or(if *self < 0 { i64::MIN } else { i64::MAX }))
            }
        }
        impl AttributeValue for $type {
            fn attribute(&self) -> Option<Value> { self.int().map(Value::I64) }
        }
    )*};
}

integer_types!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

macro_rules! non_zero_types {
    ($($type:ty),*) => {$(
        impl Int for $type {
            fn int(&self) -> Option<i64> { self.get().int() }
        }
    )*};
}

non_zero_types!(NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize);

impl Double for f64 {
    fn double(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Double for f32 {
    fn double(&self) -> Option<f64> {
        Some(widen(*self))
    }
}

macro_rules! whole_doubles {
    ($($type:ty),*) => {$(
        impl Double for $type {
            fn double(&self) -> Option<f64> { Some(f64::from(*self)) }
        }
    )*};
}

// `temperature = 1` is common in user code.
whole_doubles!(i8, i16, i32, u8, u16, u32);

impl AttributeValue for f64 {
    fn attribute(&self) -> Option<Value> {
        Some(Value::F64(*self))
    }
}

impl AttributeValue for f32 {
    fn attribute(&self) -> Option<Value> {
        Some(Value::F64(widen(*self)))
    }
}

impl Flag for bool {
    fn flag(&self) -> Option<bool> {
        Some(*self)
    }
}

impl AttributeValue for bool {
    fn attribute(&self) -> Option<Value> {
        Some(Value::Bool(*self))
    }
}

macro_rules! list_types {
    ($(impl [$($generics:tt)*] for $type:ty;)*) => {$(
        impl<T: Text, $($generics)*> TextList for $type {
            fn list(&self) -> Option<Vec<String>> {
                Some(self.iter().filter_map(|item| item.text().map(Cow::into_owned)).collect())
            }
        }
        impl<T: Text, $($generics)*> AttributeValue for $type {
            fn attribute(&self) -> Option<Value> {
                self.list().map(string_array)
            }
        }
    )*};
}

list_types! {
    impl [] for [T];
    impl [] for Vec<T>;
    impl [const N: usize] for [T; N];
}

/// A string array, the type OTLP lists keep all the way to the backend.
pub(crate) fn string_array(items: Vec<String>) -> Value {
    Value::Array(Array::String(items.into_iter().map(StringValue::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_none_is_not_recorded_and_a_some_is_its_value() {
        assert_eq!(None::<String>.text(), None);
        assert_eq!(Some("gpt-5").text().as_deref(), Some("gpt-5"));
        assert_eq!(Some(&Arc::<str>::from("x")).text().as_deref(), Some("x"));
        assert_eq!(Some(3_u32).int(), Some(3));
    }

    #[test]
    fn an_f32_keeps_the_digits_it_was_written_with() {
        assert_eq!(0.7_f32.double(), Some(0.7));
        assert_eq!(f32::NAN.double().map(f64::is_nan), Some(true));
    }

    #[test]
    fn an_integer_beyond_i64_saturates() {
        assert_eq!((u64::MAX.int(), i128::MIN.int()), (Some(i64::MAX), Some(i64::MIN)));
    }

    #[test]
    fn lists_become_string_arrays_and_integers_stay_integers() {
        assert_eq!(["a", "b"].attribute(), Some(string_array(vec!["a".into(), "b".into()])));
        assert_eq!(7_usize.attribute(), Some(Value::I64(7)));
    }
}
