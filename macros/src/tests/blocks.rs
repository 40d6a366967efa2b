//! The attribute on an `impl`.

use super::{assert_has, error, errors, raw};

fn expand(args: &str, item: &str) -> String {
    raw(args, item).to_string()
}

#[test]
fn methods_without_an_attribute_get_that_of_the_impl() {
    let block = "#[async_trait] unsafe impl<T: Tr<{ 1 }>> Ask for Bot<T> where T: Clone {
        type Error = E;
        const N: usize = { 1 };
        some_macro! { fn not_a_method() {} }
        other_macro!();
        #[llm_trace(skip)] #[inline] pub fn skipped(&self) {}
        #[llm_trace::llm_trace(tool, name = \"own\")] fn own(&self) {}
        #[inline] async fn ask(&self, a: [u8; { 2 }]) -> Result<u8, E> { half. typed }
        const fn constant() {}
        unsafe fn unchecked() {}
        extern \"C\" fn foreign() {}
        fn plain() -> impl Future<Output = ()> { async {} }
    }";

    let expansion = expand("chat, provider = self.provider", block);
    let attribute = "#[::llm_trace::llm_trace(chat, provider = self.provider)]";
    let expected = block
        .replace("#[llm_trace(skip)]", "")
        .replace("#[inline] async", &format!("{attribute} #[inline] async"))
        .replace("fn plain", &format!("{attribute} fn plain"));
    assert_eq!(super::tokens(&expansion).to_string(), super::tokens(&expected).to_string());
}

#[test]
fn the_attribute_of_methods_uses_the_path_of_the_runtime() {
    let expansion = expand("task, crate = ::other", "impl X { fn f() {} }");
    assert_has(&expansion, "impl X { #[::other::llm_trace(task, crate = ::other)] fn f() {} }");
}

#[test]
fn mistakes_on_an_impl_are_reported_once() {
    let block = "impl X { fn f() {} fn g() {} }";
    assert_eq!(error("chatt, provider = p", block), "unknown kind `chatt`, did you mean `chat`?");
    assert!(error("chat", block).starts_with("`chat` needs `provider`"));
    let found = errors("tool, name = \"x\", call_id = y", block);
    assert!(found[0].starts_with("`name` on an `impl` would say the same of every method"), "{found:?}");
    assert!(found[1].starts_with("`call_id` on an `impl`"), "{found:?}");
}

#[test]
fn skip_without_parentheses_is_refused_outside_methods() {
    assert!(error("skip", "fn f() {}").starts_with("`skip` leaves a method out of an annotated `impl`"));
    assert!(error("skip", "impl X {}").starts_with("`skip` leaves"));
}
