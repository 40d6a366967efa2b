use llm_trace::llm_trace;

#[llm_trace(retrieval, data_source = rewrite(query).await)]
async fn awaits(query: &str) -> usize {
    query.len()
}

#[llm_trace(retrieval, top_k = limit.parse::<usize>()?)]
fn asks(limit: &str) -> Result<usize, std::num::ParseIntError> {
    limit.parse()
}

#[llm_trace(tool, attributes("app.limit" = match limit { Some(limit) => limit, None => return }))]
fn returns(limit: Option<i64>) {
    drop(limit);
}

async fn rewrite(query: &str) -> &str {
    query
}

fn main() {}
