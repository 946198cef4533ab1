export { connectClickHouse, connectKafka, connectRegistry } from './engines.ts';
export { runService, type ServiceOptions } from './run.ts';
export { type Service } from './service.ts';
export { isHealthMessage, type HealthMessage } from './supervisor.ts';
