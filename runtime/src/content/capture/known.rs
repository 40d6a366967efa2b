//! Implementations for foreign types: values are recorded as they serialize, containers as their elements are captured.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeTuple as _, Serializer};

use super::{AsContent, Capture};

macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Capture for $type {
            const IS_PLAIN: bool = true;

            fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    )*};
}

plain! {
    (), bool, char, str, String, f32, f64,
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize,
    std::num::NonZeroU32, std::num::NonZeroU64, std::num::NonZeroUsize,
    std::time::Duration, std::time::SystemTime, std::path::PathBuf,
    serde_json::Value, serde_json::Number, serde_json::Map<String, serde_json::Value>,
}

impl<T: ?Sized> Capture for PhantomData<T> {
    const IS_PLAIN: bool = true;

    fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

macro_rules! pointers {
    ($($type:ty),*) => {$(
        impl<T: Capture + ?Sized> Capture for $type {
            const IS_PLAIN: bool = T::IS_PLAIN;

            fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                (**self).capture(serializer)
            }
        }
    )*};
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: Capture + ToOwned + ?Sized> Capture for Cow<'_, T> {
    const IS_PLAIN: bool = T::IS_PLAIN;

    fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).capture(serializer)
    }
}

impl<T: Capture> Capture for Option<T> {
    const IS_PLAIN: bool = T::IS_PLAIN;

    fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => serializer.serialize_some(&AsContent(value)),
            None => serializer.serialize_none(),
        }
    }
}

macro_rules! lists {
    ($(impl [$($generics:tt)*] for $type:ty;)*) => {$(
        impl<T: Capture, $($generics)*> Capture for $type {
            const IS_PLAIN: bool = T::IS_PLAIN;

            fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter().map(AsContent))
            }
        }
    )*};
}

lists! {
    impl [] for [T];
    impl [] for Vec<T>;
    impl [] for VecDeque<T>;
    impl [] for BTreeSet<T>;
    impl [H: BuildHasher] for HashSet<T, H>;
    impl [const N: usize] for [T; N];
}

macro_rules! maps {
    ($(impl [$($generics:tt)*] for $type:ty;)*) => {$(
        impl<K: Serialize, T: Capture, $($generics)*> Capture for $type {
            const IS_PLAIN: bool = T::IS_PLAIN;

            fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.iter().map(|(key, value)| (key, AsContent(value))))
            }
        }
    )*};
}

maps! {
    impl [] for BTreeMap<K, T>;
    impl [H: BuildHasher] for HashMap<K, T, H>;
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*) $len:literal;)*) => {$(
        impl<$($name: Capture),*> Capture for ($($name,)*) {
            const IS_PLAIN: bool = $($name::IS_PLAIN)&&*;

            fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut tuple = serializer.serialize_tuple($len)?;
                $(tuple.serialize_element(&AsContent(&self.$index))?;)*
                tuple.end()
            }
        }
    )*};
}

tuples! {
    (A 0) 1;
    (A 0, B 1) 2;
    (A 0, B 1, C 2) 3;
    (A 0, B 1, C 2, D 3) 4;
    (A 0, B 1, C 2, D 3, E 4) 5;
    (A 0, B 1, C 2, D 3, E 4, F 5) 6;
}
