export {
  ApiError,
  bodyOf,
  createApiClient,
  createIngestClient,
  ndjson,
  type ApiAnswer,
  type ApiClient,
  type ClientOptions,
  type IngestClient,
  type IngestSchemas,
  type Problem,
  type Schemas,
} from './client.ts';
