//! The message of each mistake in the arguments.

use super::{error, errors};

const ITEM: &str = "fn f(request: Request) -> Reply { body() }";

#[track_caller]
fn assert_error(args: &str, expected: &str) {
    assert_eq!(error(args, ITEM), expected);
}

#[test]
fn unknown_kinds_name_the_closest_or_all() {
    assert_error("caht", "unknown kind `caht`, did you mean `chat`?");
    assert_error("llm, provider = p", "unknown kind `llm`, did you mean `chat`?");
    assert_error("modle", "unknown kind `modle`, did you mean the key `model = expression`?");
    let all = error("whatever", ITEM);
    assert!(all.starts_with("unknown kind `whatever`; the kinds are `chat`, `text_completion`, "), "{all}");
    assert!(all.ends_with(", `guardrail`, `evaluator` and `task`"), "{all}");
}

#[test]
fn kinds_with_forms_name_the_forms() {
    assert_error(
        "memory, store = s",
        "`memory` needs its operation: write one of `memory(search)`, `memory(create)`, `memory(update)`, \
         `memory(upsert)`, `memory(delete)`, `memory(create_store)` and `memory(delete_store)`",
    );
    assert!(
        error("memory(find)", ITEM).starts_with("unknown form of `memory`: write one of `memory(search)`, ")
    );
    assert_error("agent(local)", "unknown form of `agent`: write one of `agent(remote)`");
    assert_error(
        "agent(remote)",
        "`agent(remote)` needs `provider`, which the semantic conventions require: add `provider = \"openai\"`",
    );
}

#[test]
fn keys_of_an_unknown_kind_are_only_checked_for_being_keys() {
    let found = errors("whatever, top_k = k, nonsense = 1", ITEM);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("unknown kind `whatever`"));
    assert_eq!(found[1], "unknown key `nonsense`");
}

#[test]
fn synonyms_of_kinds() {
    for (word, kind) in [
        ("completion", "text_completion"),
        ("embedding", "embeddings"),
        ("retriever", "retrieval"),
        ("chain", "workflow"),
        ("span", "task"),
    ] {
        assert_error(word, &format!("unknown kind `{word}`, did you mean `{kind}`?"));
    }
}

#[test]
fn unknown_keys_name_the_closest_that_the_kind_takes_or_all() {
    for (kind, wrong, right) in [
        ("chat, provider = p", "temprature", "temperature"),
        ("chat, provider = p", "max_completion_tokens", "max_tokens"),
        ("chat, provider = p", "n", "choice_count"),
        ("chat, provider = p", "stop_sequences", "stop"),
        ("chat, provider = p", "mod", "model"),
        ("retrieval", "collection", "data_source"),
        ("retrieval", "index", "data_source"),
        ("retrieval", "k", "top_k"),
        ("retrieval", "q", "query"),
        ("tool", "args", "arguments"),
        ("chat, provider = p", "system_prompt", "system"),
        ("workflow", "messages", "input"),
        ("chat, provider = p", "hide", "skip"),
        ("tool", "tool_name", "name"),
        ("chat, provider = p", "prompt", "input"),
        ("chat, provider = p", "temp", "temperature"),
    ] {
        let expected = format!("unknown key `{wrong}`, did you mean `{right}`?");
        assert_error(&format!("{kind}, {wrong} = 1"), &expected);
        assert_error(&format!("{kind}, {wrong}"), &expected);
    }
    // `call_id` is for tools, and no other key is similar.
    assert!(
        error("task, tool_call_id = 1", ITEM).starts_with("unknown key `tool_call_id`; `task` takes `name`")
    );
    assert_error(
        "tool, whatever = 1",
        "unknown key `whatever`; `tool` takes `name`, `description`, `call_id`, `tool_type`, `skill`, \
         `skill_description`, `skill_source`, `skill_resource`, `executable`, `arguments`, `skip`, \
         `conversation`, `user`, `tags`, `attributes`, `parent`, `links` and `crate`",
    );
}

#[test]
fn keys_of_other_kinds_name_both_sides() {
    assert_error(
        "workflow, temperature = 0.2",
        "`temperature` is for `chat`, `text_completion`, `generate_content`, `agent` and `agent(remote)`; `workflow` \
         takes `name`, `input`, `skip`, `conversation`, `user`, `tags`, `attributes`, `parent`, `links` and `crate`",
    );
    assert_error(
        "call_id = id",
        "`call_id` is for `tool`: write the kind first, as in `#[llm_trace(tool, call_id = expression)]`; \
         without one, this is a `task`, which takes `name`, `conversation`, `user`, `tags`, `attributes`, `parent`, `links` \
         and `crate`",
    );
}

#[test]
fn the_kind_is_one_word_and_comes_first() {
    assert_error(
        "provider = p, chat",
        "the kind comes first: write `#[llm_trace(chat, key = expression, …)]`",
    );
    assert_error(
        "chat, embeddings, provider = p",
        "a function has one kind, and `chat` is given already: remove `embeddings`",
    );
    for args in ["tool = \"x\"", "tool(x)"] {
        assert_error(
            args,
            "`tool` is a kind and takes no value: write `#[llm_trace(tool, key = expression, …)]`",
        );
    }
    assert_error(
        "\"chat\"",
        "expected a kind or `key = expression`; kinds and keys are written without quotes",
    );
}

#[test]
fn the_provider_is_required_where_the_conventions_require_it() {
    for kind in ["chat", "text_completion", "generate_content", "embeddings"] {
        let expected = format!(
            "`{kind}` needs `provider`, which the semantic conventions require: add `provider = \"openai\"`"
        );
        assert_error(kind, &expected);
    }
    // A half-typed `provider` is not reported as missing.
    for args in ["chat, provider", "chat, provider =", "chat, provder = p", "chat, provider = p +"] {
        assert!(!error(args, ITEM).contains("needs `provider`"), "{args}");
    }
}

#[test]
fn half_typed_values() {
    assert_error("task, name", "`name` takes a value after `=`: write `name = expression`");
    assert_error("task, name =", "`name` has nothing after its `=`: write `name = expression`");
    assert_error("task, name = , user = u", "`name` has nothing after its `=`: write `name = expression`");
    assert_error("task, name(n)", "`name` takes a value after `=`: write `name = expression`");
    assert_error("task, name: n", "`name` takes a value after `=`: write `name = expression`");
    for value in ["request.", "f(a b)", "a +", "match x", "[1, 2", "==1"] {
        let value = if value.contains('[') { "[1 2]" } else { value };
        let message = error(&format!("task, name = {value}, user = u"), ITEM);
        assert!(message.starts_with("the value of `name` is not an expression: "), "{value}: {message}");
    }
    assert_error("task, name = a b", "expected `,` before this");
    assert_error("task name = a", "expected `,` before this");
    assert_error("task,, name = a", "expected an argument before this `,`");
    assert_error("task, ..", "expected `key = expression`; kinds and keys are written without quotes");
}

#[test]
fn duplicates() {
    assert_error("task, name = a, name = b", "`name` is given twice: keep one");
    assert_error(
        "task, attributes(\"a\" = 1), attributes(\"b\" = 1)",
        "`attributes` is given twice: keep one",
    );
    assert_error("task, attributes(\"a\" = 1, \"a\" = 2)", "`a` is given twice: keep one");
}

#[test]
fn attributes_are_named_values() {
    for args in ["attributes", "attributes = 1", "attributes[1]"] {
        assert_error(
            args,
            "`attributes` takes names in parentheses: write `attributes(\"app.tier\" = tier)`",
        );
    }
    for pair in ["1 = 1", "= 1"] {
        let args = format!("attributes({pair}, \"b\" = 1)");
        assert_error(&args, "`attributes` takes values with a name: write `attributes(\"app.tier\" = tier)`");
    }
    assert_error("attributes(\"\" = 1)", "a value needs a name: write `attributes(\"app.tier\" = tier)`");
    assert_error("attributes(\"a\")", "`\"a\"` takes a value after `=`: write `\"a\" = expression`");
    assert_error("attributes(\"a\" =)", "`\"a\"` has nothing after its `=`: write `\"a\" = expression`");
    assert!(
        error("attributes(\"a\" = 1 +)", ITEM).starts_with("the value of `\"a\"` is not an expression: ")
    );
}

#[test]
fn skip_takes_names_of_what_the_kind_records() {
    for args in ["tool, skip", "tool, skip = output", "tool, skip[output]"] {
        assert_error(args, "`skip` takes names in parentheses: write `skip(all)`");
    }
    assert_error("tool, skip()", "`skip()` names nothing: write `skip(all)`");
    assert_error("tool, skip(\"output\")", "`skip` takes names without quotes: write `skip(all)`");
    assert_error("tool, skip(output, output)", "`output` is skipped twice: keep one");
    assert_error("tool, skip(all, output)", "`all` already skips the others: keep one");
    for (kind, wrong, right) in
        [("tool", "result", "output"), ("tool", "argumens", "arguments"), ("workflow", "prompt", "input")]
    {
        let message = error(&format!("{kind}, skip({wrong})"), ITEM);
        assert_eq!(message, format!("a `{kind}` has no `{wrong}` to skip, did you mean `{right}`?"));
    }
    assert_error(
        "workflow, skip(query)",
        "a `workflow` has no `query` to skip: it has `input` and `output`, and `all` skips all of it",
    );
    assert!(error("skip(input)", ITEM).starts_with("`skip` is for `chat`, "));
}

#[test]
fn arguments_are_an_expression_or_named_values() {
    assert_error("tool, arguments", "`arguments` takes a value after `=`: write `arguments = expression`");
    assert_error("tool, arguments()", "`arguments()` names nothing: write `arguments(city, days = 3)`");
    assert_error("tool, arguments(city, city = 1)", "`city` is given twice: keep one");
    assert_error("tool, arguments(city =)", "`city` has nothing after its `=`: write `city = expression`");
    assert_error(
        "tool, arguments(call.city)",
        "a value that is no variable needs a name: write `arguments(name = expression)`",
    );
    assert_error(
        "tool, arguments(1)",
        "`arguments` takes values with a name: write `arguments(city, days = 3)`",
    );
    assert!(error("tool, arguments(city = find()?)", ITEM).starts_with("`?` does not work in an argument"));
}

#[test]
fn a_function_cannot_widen_what_is_captured() {
    for args in ["tool, capture(result)", "chat, provider = p, capture = true", "capture(input)"] {
        assert!(error(args, ITEM).contains("can only narrow with `skip(…)`"), "{args}");
    }
}

#[test]
fn the_root_is_absolute() {
    let relative =
        "a relative path means something else in every module: start it with `::` or `crate`, as in ";
    assert_error("crate = a::b", &format!("{relative}`crate = ::a::b`"));
    assert_error("crate = a", &format!("{relative}`crate = ::a`"));
    assert_error("crate = super::a", &format!("{relative}`crate = crate::a`"));
    assert_error("crate = \"::a\"", "write the path without quotes: `crate = ::a`");
    for value in ["1", "::a::<T>", "::a + 1", "::"] {
        let args = format!("crate = {value}, name = n");
        assert_error(&args, "`crate` takes a path: write `crate = ::path::to::llm_trace`");
    }
}

#[test]
fn the_adapter_is_a_path_or_a_closure() {
    for value in ["1", "f()", "a + b"] {
        assert_error(
            &format!("chat, provider = p, response = {value}"),
            "`response` takes the path of a function, or a closure, that reads the result",
        );
    }
}

#[test]
fn control_flow_in_values() {
    for (value, what) in
        [("f().await", "`.await`"), ("f()?.x", "`?`"), ("match x { _ => return }", "`return`")]
    {
        for args in [format!("name = {value}"), format!("attributes(\"a\" = {value})")] {
            let message = error(&args, ITEM);
            assert!(message.starts_with(&format!("{what} does not work in an argument")), "{message}");
        }
    }
    // Behind a closure or an async block they may be correct.
    super::expand("name = xs.iter().map(|x| x?.y).next()", ITEM);
}

#[test]
fn several_mistakes_are_several_errors() {
    let found = errors(
        "chat, modle = m, temperature, top_k = 3 +, data_source = d, top_p = a, top_p = b, seed = s",
        "const fn f() {}",
    );
    let starts = [
        "unknown key `modle`",
        "`temperature` takes a value",
        "the value of `top_k`",
        "`top_p` is given twice",
        "`data_source` is for `retrieval`",
        "`chat` needs `provider`",
        "a `const fn`",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (message, start) in found.iter().zip(starts) {
        assert!(message.starts_with(start), "{message}");
    }
}

#[test]
fn messages_are_lower_case_without_a_full_stop() {
    let args = "\"x\", chat, chat = 1, model, data_source = d, top_p = , attributes(a, \"\" = 1), crate = x, response = 1, \
                name = x?, skip(a, \"b\"), skip";
    for message in errors(args, "const unsafe extern \"C\" fn f() -> impl Future { }") {
        assert!(!message.starts_with(char::is_uppercase) && !message.ends_with('.'), "{message}");
    }
}
