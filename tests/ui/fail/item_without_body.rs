use llm_trace::llm_trace;

trait Answer {
    #[llm_trace]
    fn answer(&self) -> String;
}

fn main() {}
