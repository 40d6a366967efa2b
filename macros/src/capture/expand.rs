//! [`Type`] → its `impl Capture`, which serializes the recorded fields in the form of a derived `Serialize`.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::spanned::Spanned as _;

use super::bounds::bounds;
use super::parse::{Body, Field, FieldMode, Shape, Type, Variant};

// Input:  struct Ticket { question: String, #[capture(skip)] session: SecretString }
// Output: impl ::llm_trace::Capture for Ticket {
//             fn capture<S: …Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
//                 let Self { question, .. } = self; WRITE
//             }
//         }
pub(super) fn expand(ty: &Type) -> TokenStream {
    let root =
        ty.root.as_ref().map_or_else(|| quote_spanned!(here()=> ::llm_trace), ToTokens::to_token_stream);
    let private = quote_spanned!(here()=> #root::__private);
    let writer = Writer { private: &private, name: ty.name.to_string() };
    let arms = match &ty.shape {
        Shape::Struct(body) => vec![writer.of_struct(body)],
        Shape::Enum(variants) => {
            (0..).zip(variants).map(|(index, variant)| writer.of_variant(index, variant)).collect()
        }
    };
    let write = if arms.is_empty() {
        quote_spanned!(here()=> match *self {})
    } else {
        quote_spanned!(here()=> match self { #(#arms)* })
    };
    let name = &ty.name;
    let (impl_generics, type_generics, where_clause) = ty.generics.split_for_impl();
    let bounded = fields(&ty.shape).filter(|field| matches!(field.mode, FieldMode::Plain | FieldMode::Hash));
    let own = bounds(&ty.generics, bounded.map(|field| &field.ty), &quote_spanned!(here()=> #root::Capture));
    let predicates = where_clause.map(|clause| &clause.predicates).into_iter().flatten();
    let predicates = predicates.map(ToTokens::to_token_stream).chain(own);
    quote_spanned! {here()=>
        #[automatically_derived]
        impl #impl_generics #root::Capture for #name #type_generics where #(#predicates,)* {
            fn capture<__S: #private::Serializer>(
                &self,
                serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                #[allow(unused_imports)]
                use #private::{ViaCaptureField as _, ViaNoField as _, ViaSerializeField as _};
                #write
            }
        }
    }
}

fn fields(shape: &Shape) -> Box<dyn Iterator<Item = &Field> + '_> {
    match shape {
        Shape::Struct(body) => Box::new(body.fields().iter()),
        Shape::Enum(variants) => Box::new(variants.iter().flat_map(|variant| variant.body.fields())),
    }
}

struct Writer<'a> {
    private: &'a TokenStream,
    /// The name of the type.
    name: String,
}

/// The serializer calls that begin, continue and end a list of fields.
struct Compound<'a> {
    /// The trait, its first method, the arguments of that method, and whether each field is passed with its name.
    of: &'a str,
    begin: &'a str,
    arguments: TokenStream,
    named: bool,
}

impl Writer<'_> {
    fn of_struct(&self, body: &Body) -> TokenStream {
        let name = &self.name;
        let write = match (body, &recorded(body)[..]) {
            (Body::Tuple(all), [(index, field)]) if all.len() == 1 => {
                let value = self.value(*index, field);
                let private = self.private;
                quote_spanned!(here()=> #private::Serializer::serialize_newtype_struct(serializer, #name, #value))
            }
            (Body::Named(_), fields) => self.compound(
                &Compound {
                    of: "SerializeStruct",
                    begin: "serialize_struct",
                    arguments: quote_spanned!(here()=> #name),
                    named: true,
                },
                fields,
            ),
            (Body::Tuple(all), fields) if all.len() > 1 => self.compound(
                &Compound {
                    of: "SerializeTupleStruct",
                    begin: "serialize_tuple_struct",
                    arguments: quote_spanned!(here()=> #name),
                    named: false,
                },
                fields,
            ),
            _ => {
                let private = self.private;
                quote_spanned!(here()=> #private::Serializer::serialize_unit_struct(serializer, #name))
            }
        };
        let pattern = pattern(body);
        quote_spanned!(here()=> Self #pattern => #write)
    }

    fn of_variant(&self, index: u32, variant: &Variant) -> TokenStream {
        let (private, ty) = (self.private, &self.name);
        let Variant { ident, name, body } = variant;
        let index = Literal::u32_suffixed(index);
        let arguments = quote_spanned!(here()=> #ty, #index, #name);
        let write = match (body, &recorded(body)[..]) {
            (Body::Tuple(all), [(position, field)]) if all.len() == 1 => {
                let value = self.value(*position, field);
                quote_spanned!(here()=> #private::Serializer::serialize_newtype_variant(serializer, #arguments, #value))
            }
            (Body::Named(_), fields) => self.compound(
                &Compound {
                    of: "SerializeStructVariant",
                    begin: "serialize_struct_variant",
                    arguments,
                    named: true,
                },
                fields,
            ),
            (Body::Tuple(all), fields) if all.len() > 1 => self.compound(
                &Compound {
                    of: "SerializeTupleVariant",
                    begin: "serialize_tuple_variant",
                    arguments,
                    named: false,
                },
                fields,
            ),
            _ => {
                quote_spanned!(here()=> #private::Serializer::serialize_unit_variant(serializer, #arguments))
            }
        };
        let pattern = pattern(body);
        quote_spanned!(here()=> Self::#ident #pattern => #write,)
    }

    // Output: { let mut fields = Serializer::serialize_struct(serializer, "Ticket", 1)?;
    //           SerializeStruct::serialize_field(&mut fields, "question", VALUE)?;
    //           SerializeStruct::end(fields) }
    fn compound(&self, compound: &Compound<'_>, fields: &[(usize, &Field)]) -> TokenStream {
        let private = self.private;
        let Compound { of, begin, arguments, named } = compound;
        let (of, begin) = (Ident::new(of, here()), Ident::new(begin, here()));
        let len = Literal::usize_suffixed(fields.len());
        let writes = fields.iter().map(|(index, field)| {
            let name = named.then(|| field.name.as_str()).map(|name| quote_spanned!(here()=> #name,));
            let value = self.value(*index, field);
            quote_spanned!(here()=> #private::#of::serialize_field(&mut fields, #name #value)?;)
        });
        // Only a written field needs the binding to be mutable.
        let binding = if fields.is_empty() {
            quote_spanned!(here()=> fields)
        } else {
            quote_spanned!(here()=> mut fields)
        };
        quote_spanned! {here()=> {
            let #binding = #private::Serializer::#begin(serializer, #arguments, #len)?;
            #(#writes)*
            #private::#of::end(fields)
        }}
    }

    // Output: &(&&&Probe(question)).field()
    fn value(&self, index: usize, field: &Field) -> TokenStream {
        let private = self.private;
        if field.mode == FieldMode::Redact {
            return quote_spanned!(here()=> &#private::Redacted);
        }
        let local = local(index);
        // Type errors point at the type as the user wrote it.
        let place = here().located_at(field.ty.span());
        let value = quote_spanned!(place=> (&&&#private::Probe(#local)).field());
        if field.mode == FieldMode::Hash {
            return quote_spanned!(here()=> &#private::Hashed(#value));
        }
        quote_spanned!(here()=> &#value)
    }
}

fn recorded(body: &Body) -> Vec<(usize, &Field)> {
    body.fields().iter().enumerate().filter(|(_, field)| field.mode != FieldMode::Skip).collect()
}

// Binds only the recorded fields, by names that differ from those of the fields.
//
// Input:  { question: String, #[capture(skip)] session: … }
// Output: { question: field0, .. }
fn pattern(body: &Body) -> TokenStream {
    let bounded: Vec<_> =
        recorded(body).into_iter().filter(|(_, field)| field.mode != FieldMode::Redact).collect();
    match body {
        Body::Unit => TokenStream::new(),
        Body::Named(_) => {
            let bindings = bounded.iter().map(|(index, field)| {
                let (ident, local) = (&field.ident, local(*index));
                quote_spanned!(here()=> #ident: #local,)
            });
            quote_spanned!(here()=> { #(#bindings)* .. })
        }
        Body::Tuple(_) => {
            let bindings = bounded.iter().map(|(index, _)| {
                let (position, local) = (Literal::usize_unsuffixed(*index), local(*index));
                quote_spanned!(here()=> #position: #local,)
            });
            quote_spanned!(here()=> { #(#bindings)* .. })
        }
    }
}

fn local(index: usize) -> Ident {
    format_ident!("field{index}", span = here())
}

pub(super) fn here() -> Span {
    Span::mixed_site()
}
