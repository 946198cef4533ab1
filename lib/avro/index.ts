export { registryAuth, registryState, type EngineState, type RegistryAuth } from './auth.ts';
export { UndecodableError, UnknownSchemaError, schemaIdOf, type Codec } from './codec.ts';
export {
  MissingSchemaError,
  SchemaRefusedError,
  createRegistry,
  type Registry,
  type RegistryOptions,
} from './registry.ts';
