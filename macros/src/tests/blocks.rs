//! The attribute on an `impl`.

use super::{assert_has, error, errors, raw};

fn expand(args: &str, item: &str) -> String {
    raw(args, item).to_string()
}

#[test]
fn methods_without_an_attribute_of_their_own_get_the_blocks() {
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
fn the_attribute_is_found_where_the_runtime_is() {
    let expansion = expand("task, crate = ::other", "impl X { fn f() {} }");
    assert_has(&expansion, "impl X { #[::other::llm_trace(task, crate = ::other)] fn f() {} }");
}

#[test]
fn mistakes_are_reported_once_however_many_methods_there_are() {
    let block = "impl X { fn f() {} fn g() {} }";
    assert_eq!(error("chatt, provider = p", block), "unknown kind `chatt`, did you mean `chat`?");
    assert!(error("chat", block).starts_with("`chat` needs `provider`"));
    let found = errors("tool, name = \"x\", call_id = y", block);
    assert!(found[0].starts_with("`name` on an `impl` would say the same of every method"), "{found:?}");
    assert!(found[1].starts_with("`call_id` on an `impl`"), "{found:?}");
}

#[test]
fn skip_has_no_meaning_elsewhere() {
    assert!(error("skip", "fn f() {}").starts_with("`skip` leaves a method out of an annotated `impl`"));
    assert!(error("skip", "impl X {}").starts_with("`skip` leaves"));
}
