//! Attribute keys, on spans unless a metric lists them too.

/// The kind of operation: `chat`, `embeddings`, `retrieval`, … Also a metric label.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// The provider as configured in the client: `openai`, `anthropic`, `aws.bedrock`, … Also a metric label.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The conversation (session, thread) the call belongs to.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// `true` if the context of the call is a compacted view of the conversation; absent otherwise (boolean).
pub const CONVERSATION_COMPACTED: &str = "gen_ai.conversation.compacted";
/// The user on whose behalf the call is made.
pub const USER_ID: &str = "user.id";
/// The requested modality: `text`, `json`, `image`, `speech`.
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";

/// The requested model. Also a metric label.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Sampling temperature (double).
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// Nucleus sampling (double).
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// Top-k sampling (int).
pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
/// Upper bound on generated tokens (int).
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// Strings that end the generation (string array).
pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
/// Frequency penalty (double).
pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
/// Presence penalty (double).
pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// Seed for reproducible sampling (int).
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// Requested number of choices, when it is not 1 (int).
pub const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
/// Whether the response is streamed; present only if it is (boolean).
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// Reasoning effort, the exact string sent.
pub const REQUEST_REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
/// The earlier response this request continues.
pub const REQUEST_PREVIOUS_RESPONSE_ID: &str = "gen_ai.request.previous_response.id";
/// Requested encodings of an embedding (string array).
pub const REQUEST_ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
/// Length of the embedding vectors (int).
pub const EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";
/// Requested service tier, when it is not `auto`.
pub const OPENAI_REQUEST_SERVICE_TIER: &str = "openai.request.service_tier";

/// The model that answered, with its version. Also a metric label.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of the response.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// Why generation stopped, one per choice (string array).
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Time to the first text, reasoning or tool call of a streamed response (double, seconds).
pub const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// Time to the first text of a streamed response that a user can see (double, seconds). Ours.
pub const RESPONSE_TIME_TO_FIRST_TEXT: &str = "llm_trace.response.time_to_first_text";
/// Service tier that served the request.
pub const OPENAI_RESPONSE_SERVICE_TIER: &str = "openai.response.service_tier";
/// Fingerprint of the backend configuration that answered.
pub const OPENAI_RESPONSE_SYSTEM_FINGERPRINT: &str = "openai.response.system_fingerprint";

/// Tokens in the prompt, cached ones included (int).
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens generated, reasoning included (int).
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The part of the input read from the provider's cache (int).
pub const USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// The part of the input written to the provider's cache (int).
pub const USAGE_CACHE_CREATION_INPUT_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// The same, as it is called since October 2026 (int).
pub const USAGE_CACHE_WRITE_INPUT_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
/// The part of the output spent on reasoning (int).
pub const USAGE_REASONING_OUTPUT_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";

/// The part of the input that is text (int). This and the like since October 2026.
pub const USAGE_TEXT_INPUT_TOKENS: &str = "gen_ai.usage.text.input_tokens";
/// The part of the input that is images (int).
pub const USAGE_IMAGE_INPUT_TOKENS: &str = "gen_ai.usage.image.input_tokens";
/// The part of the input that is audio (int).
pub const USAGE_AUDIO_INPUT_TOKENS: &str = "gen_ai.usage.audio.input_tokens";
/// The part of what was read from the provider's cache that is text (int).
pub const USAGE_TEXT_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.text.cache_read.input_tokens";
/// The part of what was read from the provider's cache that is images (int).
pub const USAGE_IMAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.image.cache_read.input_tokens";
/// The part of what was read from the provider's cache that is audio (int).
pub const USAGE_AUDIO_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.audio.cache_read.input_tokens";
/// The part of the output that is text (int).
pub const USAGE_TEXT_OUTPUT_TOKENS: &str = "gen_ai.usage.text.output_tokens";
/// The part of the output that is images (int).
pub const USAGE_IMAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.image.output_tokens";
/// The part of the output that is audio (int).
pub const USAGE_AUDIO_OUTPUT_TOKENS: &str = "gen_ai.usage.audio.output_tokens";

/// Cost of the call in US dollars (double). Ours; the name `OpenLIT`, Langfuse and Grafana boards read.
pub const USAGE_COST: &str = "gen_ai.usage.cost";
/// Source of the price, name and version: `genai-prices 0.2.1`. Ours.
pub const PRICE_SOURCE: &str = "llm_trace.price.source";
/// The provider and model whose price was used: `openai/gpt-4o-mini`. Ours.
pub const PRICE_MODEL: &str = "llm_trace.price.model";

/// Content: instructions that the API takes apart from the messages (JSON). Only if content is captured.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// Content: the messages sent to the model (JSON). Only if content is captured.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// Reference to the messages sent, if they are stored outside of telemetry. Ours.
pub const INPUT_MESSAGES_REF: &str = "llm_trace.input.messages_ref";
/// Reference to the messages returned. Ours.
pub const OUTPUT_MESSAGES_REF: &str = "llm_trace.output.messages_ref";
/// Reference to the instructions. Ours.
pub const SYSTEM_INSTRUCTIONS_REF: &str = "llm_trace.system_instructions_ref";
/// Reference to the definitions of tools. Ours.
pub const TOOL_DEFINITIONS_REF: &str = "llm_trace.tool.definitions_ref";
/// Content: the messages returned, one per choice (JSON). Only if content is captured.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Content: the tools the model may call (JSON). Only if content is captured.
pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
/// Content: the arguments of a tool call (JSON). Only if content is captured.
pub const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// Content: the result of a tool call (JSON). Only if content is captured.
pub const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// Content: what was searched for. Only if content is captured.
pub const RETRIEVAL_QUERY_TEXT: &str = "gen_ai.retrieval.query.text";
/// Content: the documents that a retrieval found (JSON). Only if content is captured.
pub const RETRIEVED_DOCUMENTS: &str = "gen_ai.retrieval.documents";
/// Content: the records that a memory search found, or that are stored (JSON). Only if content is captured.
pub const MEMORY_RECORDS: &str = "gen_ai.memory.records";
/// Content: what a prompt template was filled in with; the name of the variable follows behind a dot. Only if content is captured.
pub const PROMPT_VARIABLE: &str = "gen_ai.prompt.variable";
/// Query of a search in a memory.
pub const MEMORY_QUERY_TEXT: &str = "gen_ai.memory.query.text";

/// The data source searched by a retrieval. Also a metric label.
pub const DATA_SOURCE_ID: &str = "gen_ai.data_source.id";
/// Requested number of documents (int).
pub const RETRIEVAL_TOP_K: &str = "gen_ai.retrieval.top_k";

/// Number of documents that a retrieval or a reranking returned (int). Ours.
pub const RETRIEVAL_DOCUMENTS: &str = "llm_trace.retrieval.documents";
/// The highest score among the documents returned (double). Ours.
pub const RETRIEVAL_TOP_SCORE: &str = "llm_trace.retrieval.top_score";
/// Difference between the highest and the second highest score (double). Ours.
pub const RETRIEVAL_SCORE_GAP: &str = "llm_trace.retrieval.score_gap";
/// Number of returned documents that repeat an earlier one (int). Ours.
pub const RETRIEVAL_DUPLICATES: &str = "llm_trace.retrieval.duplicates";

/// `true` if an answer ended because it may not be longer; absent otherwise. Ours.
pub const ANSWER_TRUNCATED: &str = "llm_trace.answer.truncated";
/// `true` if the model or the provider's filter refused to answer; absent otherwise. Ours.
pub const ANSWER_REFUSED: &str = "llm_trace.answer.refused";
/// The share of the model's context window that the input took (double). Ours.
pub const ANSWER_CONTEXT_UTILIZATION: &str = "llm_trace.answer.context_utilization";

/// The topic: the prompt template's name, or a keyed hash of the question. Only if topics are on; then also a metric label of the durations
/// of workflows and inferences. Ours.
pub const TOPIC: &str = "llm_trace.topic";

/// The tool's name.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// The tool's type: `function`, `extension`, `datastore`.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The tool's description.
pub const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
/// The id the model gave the tool call.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// The skill that a tool loads, or that a command belongs to. This and the like since October 2026.
pub const SKILL_NAME: &str = "gen_ai.skill.name";
/// The skill's description.
pub const SKILL_DESCRIPTION: &str = "gen_ai.skill.description";
/// Source of the skill.
pub const SKILL_SOURCE_URI: &str = "gen_ai.skill.source.uri";
/// The script, reference or asset of the skill that a tool reads or runs, as a path inside of it.
pub const SKILL_RESOURCE_NAME: &str = "gen_ai.skill.resource.name";
/// The program that a tool runs.
pub const PROCESS_EXECUTABLE_NAME: &str = "process.executable.name";
/// The same with its path.
pub const PROCESS_EXECUTABLE_PATH: &str = "process.executable.path";
/// Exit code of the program (int).
pub const PROCESS_EXIT_CODE: &str = "process.exit.code";
/// The agent's name; on a tool's span the agent that called it.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// The provider's id of the agent.
pub const AGENT_ID: &str = "gen_ai.agent.id";
/// Purpose of the agent.
pub const AGENT_DESCRIPTION: &str = "gen_ai.agent.description";
/// The agent's version.
pub const AGENT_VERSION: &str = "gen_ai.agent.version";
/// The memory.
pub const MEMORY_STORE_ID: &str = "gen_ai.memory.store.id";
/// The record of the memory.
pub const MEMORY_RECORD_ID: &str = "gen_ai.memory.record.id";
/// Number of records found or changed (int).
pub const MEMORY_RECORD_COUNT: &str = "gen_ai.memory.record.count";
/// The position from which a streamed response is fetched.
pub const REQUEST_STREAM_CURSOR: &str = "gen_ai.request.stream_cursor";
/// Status of a fetched response: `queued`, `in_progress`, `completed`, …
pub const RESPONSE_STATUS: &str = "gen_ai.response.status";
/// The guardrail's name. Ours.
pub const GUARDRAIL_NAME: &str = "llm_trace.guardrail.name";
/// The evaluator's name. Ours.
pub const EVALUATOR_NAME: &str = "llm_trace.evaluator.name";
/// The API that answered: `chat_completions` or `responses`.
pub const OPENAI_API_TYPE: &str = "openai.api.type";
/// `Microsoft.CognitiveServices` on calls to Azure.
pub const AZURE_RESOURCE_PROVIDER_NAMESPACE: &str = "azure.resource_provider.namespace";
/// The guardrail that Bedrock applies to the call.
pub const AWS_BEDROCK_GUARDRAIL_ID: &str = "aws.bedrock.guardrail.id";
/// The knowledge base that Bedrock answers from.
pub const AWS_BEDROCK_KNOWLEDGE_BASE_ID: &str = "aws.bedrock.knowledge_base.id";
/// The method of an MCP message: `tools/call`, `resources/read`, … Also a metric label.
pub const MCP_METHOD_NAME: &str = "mcp.method.name";
/// The MCP session that a message belongs to.
pub const MCP_SESSION_ID: &str = "mcp.session.id";
/// The resource that an MCP message is about.
pub const MCP_RESOURCE_URI: &str = "mcp.resource.uri";
/// The MCP version of the connection, a date. Also a metric label.
pub const MCP_PROTOCOL_VERSION: &str = "mcp.protocol.version";
/// The id of a JSON-RPC request.
pub const JSONRPC_REQUEST_ID: &str = "jsonrpc.request.id";
/// The error code of a JSON-RPC response. Also a metric label.
pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
/// `pipe` for a process on its standard input and output; `tcp` or `quic`. Also a metric label.
pub const NETWORK_TRANSPORT: &str = "network.transport";
/// `http` or `websocket`. Also a metric label.
pub const NETWORK_PROTOCOL_NAME: &str = "network.protocol.name";
/// Host of the client that a message comes from.
pub const CLIENT_ADDRESS: &str = "client.address";
/// Port of the client that a message comes from (int).
pub const CLIENT_PORT: &str = "client.port";
/// The workflow's name.
pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// The prompt template's name.
pub const PROMPT_NAME: &str = "gen_ai.prompt.name";
/// The prompt template's version.
pub const PROMPT_VERSION: &str = "gen_ai.prompt.version";

/// Host of the provider's API. Also a metric label.
pub const SERVER_ADDRESS: &str = "server.address";
/// Port of the provider's API (int). Also a metric label.
pub const SERVER_PORT: &str = "server.port";

/// Class of the error that ended the operation; absent on success. Also a metric label.
pub const ERROR_TYPE: &str = "error.type";
/// `cancelled` when the caller dropped the call before it ended, `shutdown` when telemetry was shut down before; absent
/// otherwise. Also a metric label. Ours.
pub const OUTCOME: &str = "llm_trace.outcome";

/// The provider's id of the request, for its support. Ours, where the conventions have no name.
pub const REQUEST_ID: &str = "llm_trace.request.id";
/// The same on AWS.
pub const AWS_REQUEST_ID: &str = "aws.request_id";
/// The same on Azure.
pub const AZURE_SERVICE_REQUEST_ID: &str = "azure.service.request.id";

/// Number of attempts, if more than one (int). Ours.
pub const ATTEMPT_COUNT: &str = "llm_trace.attempt.count";
/// Tokens used by attempts whose answers were thrown away (int); not part of the call's usage. Ours.
pub const ATTEMPT_WASTED_TOKENS: &str = "llm_trace.attempt.wasted_tokens";

/// `input` or `output`; metric label of the token histogram. And `cache_read`, `cache_creation` or `reasoning`; of the
/// counter of details.
pub const TOKEN_TYPE: &str = "gen_ai.token.type";

/// The modality of counted tokens: `text`, `image`, `audio`, or `unknown` without a breakdown; metric label of the
/// token counters since October 2026.
pub const TOKEN_MODALITY: &str = "gen_ai.token.modality";

/// The name of a metric; metric label of what is measured about metrics. Ours.
pub const METRIC_NAME: &str = "llm_trace.metric.name";
/// On metrics: what kind of value was left out, `tokens`, `score`, `name` and the like. Ours.
pub const VALUE_KIND: &str = "llm_trace.value.kind";

/// Name of the evaluation: `relevance`, `toxicity`, `user_feedback`, …
pub const EVALUATION_NAME: &str = "gen_ai.evaluation.name";
/// The score (double).
pub const EVALUATION_SCORE_VALUE: &str = "gen_ai.evaluation.score.value";
/// Meaning of the score: `relevant`, `pass`, `thumbs_up`, …
pub const EVALUATION_SCORE_LABEL: &str = "gen_ai.evaluation.score.label";
/// Content: the reason for the score. Only if content is captured on events.
pub const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";

/// On events: the class of the error, the same as `error.type`.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// On events: the message of the error. Only if error messages are recorded.
pub const EXCEPTION_MESSAGE: &str = "exception.message";

/// Signal that was counted: `traces`, `metrics` or `logs`; metric label of delivery. Ours.
pub const SIGNAL: &str = "llm_trace.signal";
/// On spans and events that were too large for the receiver: the bytes they had before their content was cut (int). Ours.
pub const OVERSIZE_BYTES: &str = "llm_trace.oversize.bytes";

/// The annotated function, with its module path.
pub const CODE_FUNCTION_NAME: &str = "code.function.name";
/// Source file of the annotated function.
pub const CODE_FILE_PATH: &str = "code.file.path";
/// Source line of the annotated function (int).
pub const CODE_LINE_NUMBER: &str = "code.line.number";
