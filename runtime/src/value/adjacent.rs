//! Adjacently tagged enums: `#[serde(tag = "kind", content = "value")]`.
//!
//! `serde` serializes one as a struct whose first field is the tag, in a type of its own that no program can name. So the
//! type tells a tag from a field, which then need not be looked at; and what follows it stands where the enum stands.

/// Whether this is the type that `serde` serializes the tag as.
pub(crate) fn is_tag<T: ?Sized>() -> bool {
    std::any::type_name::<T>().ends_with("::AdjacentlyTaggedEnumVariant")
}
